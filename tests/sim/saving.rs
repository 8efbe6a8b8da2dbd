//! A step that must not happen twice, as the script does it: the intent first, Save only once that is acknowledged, and what an
//! earlier attempt has left unknown is looked up in the application before anything else.

use deskfleet::{
    agent::{
        runner::Stop,
        session::{Ended, IntentAnswer},
    },
    wire::{
        agent::{AttemptResult, IntentReport, Offer, OpenIntent, SettledReport},
        job::{Category, StepRef},
    },
};
use serde_json::{Value, json};

use super::{Agent, Desk, Script, Stage, failure};
use crate::books::Books;

/// What is pressed and kept, and what is kept and can be seen right after it, in a thousand.
const KEPT: u64 = 850;
const SEEN: u64 = 900;

/// The step that saves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Save {
    pub(super) step: u64,
    /// It can be seen whether it worked.
    verify: bool,
    /// A later attempt can find out.
    settle: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saving {
    /// An earlier attempt ended in it: to be found out before anything else.
    Unsettled,
    Before,
    /// The intent is on its way.
    Asked,
    /// It is acknowledged, and nothing is touched yet.
    May,
    Pressed {
        seen: bool,
    },
    Over,
}

impl Save {
    pub(super) fn of(offer: &Offer) -> Option<Self> {
        let steps = offer.workflow.content["steps"].as_array()?;
        let step = steps.iter().position(|step| step["commit"] == true)?;
        let has = |name: &str| steps[step].get(name).is_some_and(|value| !value.is_null());
        Some(Self { step: step as u64, verify: has("verify"), settle: has("settle") })
    }

    fn reference(self) -> StepRef {
        StepRef { path: format!("steps/{}", self.step), id: None, action: "key".to_owned() }
    }
}

impl Saving {
    pub(super) fn at_first(offer: &Offer) -> Self {
        match &offer.resume {
            Some(resume) if resume.settle.is_some() => Self::Unsettled,
            Some(resume) if resume.after.is_some() => Self::Over,
            _ => Self::Before,
        }
    }

    /// Short of a lost lease nothing comes between.
    pub(super) fn goes_first(self) -> bool {
        matches!(self, Self::Unsettled | Self::May | Self::Pressed { .. })
    }
}

impl Desk {
    /// Whether the next thing to do has to do with saving.
    pub(super) fn is_saving(&self) -> bool {
        let at_it = self.save.is_some_and(|save| save.step == self.step);
        self.saving.goes_first() || (self.saving == Saving::Before && at_it)
    }
}

impl Agent {
    pub(super) fn save(&mut self, now_ms: u64, books: &mut Books) {
        let (Some(desk), Some(session)) = (&mut self.desk, &mut self.session) else { return };
        let Some(save) = desk.save else { return };
        desk.at_ms = now_ms + self.rng.between(50, 1_500);
        match desk.saving {
            Saving::Unsettled => self.find_out(save, books),
            Saving::Before => {
                desk.saving = Saving::Asked;
                let (step, vars) = (save.reference(), json!({}));
                session.intend(IntentReport { step, key: None, vars, can_settle: save.settle });
            }
            Saving::May => {
                let kept = !save.verify || self.rng.per_mille(KEPT);
                desk.saving = Saving::Pressed { seen: kept && self.rng.per_mille(SEEN) };
                desk.at_ms = now_ms + self.rng.between(50, 6_000);
                books.press(desk.offer.job, desk.offer.attempt, kept);
            }
            Saving::Pressed { seen } if seen || !save.verify => {
                (desk.saving, desk.step) = (Saving::Over, save.step + 1);
                if save.verify {
                    let (step, vars) = (save.reference(), json!({}));
                    session.settled(SettledReport { step, key: None, done: true, vars });
                }
            }
            Saving::Pressed { .. } => {
                let result = failure(Category::Assertion, "it is not seen to be saved", Some(save.step));
                self.end_with(result);
            }
            Saving::Asked | Saving::Over => {}
        }
    }

    fn find_out(&mut self, save: Save, books: &Books) {
        let (Some(desk), Some(session)) = (&mut self.desk, &mut self.session) else { return };
        let Some(resume) = desk.offer.resume.clone() else { return };
        let Some(OpenIntent { step, key, .. }) = resume.settle else { return };
        if desk.script == Script::Fails(Category::TargetNotFound) {
            let result = failure(Category::TargetNotFound, "whether it was saved is not to be seen", None);
            return self.end_with(result);
        }
        let done = books.has(desk.offer.job);
        session.settled(SettledReport { step, key, done, vars: json!({}) });
        if done {
            (desk.saving, desk.step) = (Saving::Over, save.step + 1);
        } else {
            desk.saving = Saving::Before;
        }
        if !done && resume.settle_only {
            self.end_with(failure(Category::Assertion, "it was not saved", None));
        }
    }

    pub(super) fn intent_answered(&mut self, answer: IntentAnswer, now_ms: u64) {
        let waits = |desk: &&mut Desk| {
            (desk.stage, desk.saving) == (Stage::Executing, Saving::Asked) && desk.stop != Some(Stop::LeaseLost)
        };
        let Some(desk) = self.desk.as_mut().filter(waits) else {
            if let (IntentAnswer::Act, Some(session)) = (answer, &mut self.session) {
                session.not_acted();
            }
            return;
        };
        desk.at_ms = now_ms + self.rng.between(1, 100);
        match answer {
            IntentAnswer::Act => desk.saving = Saving::May,
            IntentAnswer::Stopped(stop) => {
                desk.saving = Saving::Before;
                desk.stop = desk.stop.or(Some(stop));
            }
            IntentAnswer::Refused(why) => self.end_with(failure(Category::Agent, &why, None)),
        }
    }

    /// The lease ended while the acknowledgement was on its way: that nothing was done is known.
    pub(super) fn has_not_saved(&mut self) {
        let (Some(desk), Some(session)) = (&self.desk, &mut self.session) else { return };
        if let (Some(save), Saving::May) = (desk.save, desk.saving) {
            let vars = Value::Object(serde_json::Map::new());
            session.settled(SettledReport { step: save.reference(), key: None, done: false, vars });
        }
    }

    /// On its own disk first.
    pub(super) fn end_with(&mut self, result: AttemptResult) {
        let (Some(desk), Some(session)) = (&mut self.desk, &mut self.session) else { return };
        desk.stage = Stage::Over;
        if let Some((_, _, _, spooled)) = &mut self.disk.spooled {
            *spooled = Some(result.clone());
        }
        session.ended(Ended::Result(result), std::collections::BTreeMap::new());
    }
}

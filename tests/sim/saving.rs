//! A step that must not happen twice, as the script does it, alone or in each round of a keyed loop: the intent first, Save only once
//! that is acknowledged, and what an earlier attempt has left unknown is looked up in the application before anything else.

use deskfleet::{
    agent::{
        runner::Stop,
        session::{Ended, IntentAnswer},
    },
    wire::{
        agent::{
            AttemptResult, IntentReport, LoopItem, LoopItemState, LoopKey, LoopReport, Offer, OpenIntent, SettledReport,
        },
        job::{Category, StepRef},
    },
};
use serde_json::{Value, json};

use super::{Agent, Desk, Script, Stage, failure};
use crate::books::{Books, Pressed};

/// What is pressed and kept, and what is kept and can be seen right after it, in a thousand.
const KEPT: u64 = 850;
const SEEN: u64 = 900;
/// What the application keeps only some time later, where the document says that it may.
const LATE: u64 = 400;
/// Rounds of a loop that fail before they save.
const BAD_ROUNDS: u64 = 80;

/// The step that saves.
#[derive(Debug, Clone)]
pub(super) struct Save {
    /// At which step of the script.
    pub(super) step: u64,
    path: String,
    /// It can be seen whether it worked.
    verify: bool,
    /// A later attempt can find out.
    settle: bool,
    /// It may be seen so much later.
    late_ms: u64,
    rounds: Option<Rounds>,
}

/// The keyed loop it is in.
#[derive(Debug, Clone)]
struct Rounds {
    path: String,
    total: u32,
    told: bool,
    /// Keys of those that are not done.
    left: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Saving {
    /// An earlier attempt ended in it: to be found out before anything else.
    Unsettled,
    /// As soon as it would be seen.
    Looking,
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
        let step = steps.iter().position(|step| step["commit"] == true || !step["for_each"].is_null())?;
        let rounds = Rounds::of(offer, step, &steps[step]["for_each"]);
        let (saves, path) = match &rounds {
            Some(rounds) => (&steps[step]["for_each"]["steps"][0], format!("{}/steps/0", rounds.path)),
            None => (&steps[step], format!("steps/{step}")),
        };
        let has = |name: &str| saves.get(name).is_some_and(|value| !value.is_null());
        let late_ms = if saves["settle"]["after"].is_null() { 0 } else { crate::scene::LATE_MS };
        Some(Self { step: step as u64, path, verify: has("verify"), settle: has("settle"), late_ms, rounds })
    }

    fn reference(&self) -> StepRef {
        StepRef { path: self.path.clone(), id: None, action: "key".to_owned() }
    }

    /// The round it is in.
    fn key(&self) -> Option<LoopKey> {
        let rounds = self.rounds.as_ref()?;
        Some(LoopKey { path: rounds.path.clone(), key: rounds.left.first()?.clone() })
    }
}

impl Rounds {
    fn of(offer: &Offer, step: usize, each: &Value) -> Option<Self> {
        let path = format!("steps/{step}");
        let keys = each["in"].as_array()?.iter().filter_map(Value::as_str);
        let loops = offer.resume.iter().flat_map(|resume| &resume.loops);
        let items: Vec<&LoopItem> = loops.filter(|known| known.path == path).flat_map(|known| &known.items).collect();
        let is_done = |key: &str| items.iter().any(|item| item.key == key && item.state == LoopItemState::Done);
        let total = u32::try_from(keys.clone().count()).ok()?;
        Some(Self { path, total, told: false, left: keys.filter(|key| !is_done(key)).map(str::to_owned).collect() })
    }

    /// The round that is due ended so.
    fn ended(&mut self, state: LoopItemState, result: Value) -> LoopReport {
        let key = self.left.remove(0);
        LoopReport { path: self.path.clone(), total: None, items: vec![LoopItem { key, state, result }] }
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
        matches!(self, Self::Unsettled | Self::Looking | Self::May | Self::Pressed { .. })
    }
}

impl Desk {
    /// Whether the next thing to do has to do with saving.
    pub(super) fn is_saving(&self) -> bool {
        let at_it = self.save.as_ref().is_some_and(|save| save.step == self.step);
        self.saving.goes_first() || (self.saving == Saving::Before && at_it)
    }
}

impl Agent {
    pub(super) fn save(&mut self, now_ms: u64, books: &mut Books) {
        let (Some(desk), Some(session)) = (&mut self.desk, &mut self.session) else { return };
        let Some(save) = &mut desk.save else { return };
        desk.at_ms = now_ms + self.rng.between(50, 1_500);
        match desk.saving {
            Saving::Unsettled => {
                let settle = desk.offer.resume.as_ref().and_then(|resume| resume.settle.as_ref());
                let age_ms = settle.map_or(0, |open| open.age_ms);
                desk.saving = Saving::Looking;
                desk.at_ms = now_ms + save.late_ms.saturating_sub(age_ms);
            }
            Saving::Looking => self.find_out(now_ms, books),
            Saving::Before => self.before_saving(),
            Saving::May => {
                let kept = !save.verify || self.rng.per_mille(KEPT);
                let late_ms = if self.rng.per_mille(LATE) { self.rng.below(save.late_ms) } else { 0 };
                desk.saving = Saving::Pressed { seen: kept && late_ms == 0 && self.rng.per_mille(SEEN) };
                desk.at_ms = now_ms + self.rng.between(50, 6_000);
                let (by, key) = (desk.offer.attempt, save.key().map(|round| round.key));
                books.press(desk.offer.job, Pressed { by, key, from_ms: now_ms + late_ms }, kept);
            }
            Saving::Pressed { seen } if seen || !save.verify => {
                if save.verify {
                    let (step, key, vars) = (save.reference(), save.key(), json!({}));
                    session.settled(SettledReport { step, key, done: true, vars });
                }
                if let Some(rounds) = &mut save.rounds {
                    desk.saving = Saving::Before;
                    let result = json!({ "by": desk.offer.attempt });
                    books.result(desk.offer.job, &rounds.left[0], &result);
                    session.looped(rounds.ended(LoopItemState::Done, result));
                } else {
                    (desk.saving, desk.step) = (Saving::Over, save.step + 1);
                }
            }
            Saving::Pressed { .. } => {
                let result = failure(Category::Assertion, "it is not seen to be saved", Some(save.step));
                self.end_with(result);
            }
            Saving::Asked | Saving::Over => {}
        }
    }

    fn before_saving(&mut self) {
        let (Some(desk), Some(session)) = (&mut self.desk, &mut self.session) else { return };
        let Some(save) = &mut desk.save else { return };
        if let Some(rounds) = &mut save.rounds {
            if !std::mem::replace(&mut rounds.told, true) {
                let (path, total) = (rounds.path.clone(), Some(rounds.total));
                return session.looped(LoopReport { path, total, items: Vec::new() });
            }
            if rounds.left.is_empty() {
                (desk.saving, desk.step) = (Saving::Over, save.step + 1);
                return;
            }
            if self.rng.per_mille(BAD_ROUNDS) {
                return session.looped(rounds.ended(LoopItemState::Failed, Value::Null));
            }
        }
        desk.saving = Saving::Asked;
        let (step, key, vars) = (save.reference(), save.key(), json!({}));
        session.intend(IntentReport { step, key, vars, can_settle: save.settle });
    }

    fn find_out(&mut self, now_ms: u64, books: &Books) {
        let (Some(desk), Some(session)) = (&mut self.desk, &mut self.session) else { return };
        let (Some(resume), Some(save)) = (desk.offer.resume.clone(), &mut desk.save) else { return };
        let Some(OpenIntent { step, key, .. }) = resume.settle else { return };
        if desk.script == Script::Fails(Category::TargetNotFound) {
            let result = failure(Category::TargetNotFound, "whether it was saved is not to be seen", None);
            return self.end_with(result);
        }
        let of_key = key.as_ref().map(|round| round.key.clone());
        let done = books.shows(desk.offer.job, of_key.as_deref(), now_ms);
        session.settled(SettledReport { step, key, done, vars: json!({}) });
        desk.saving = Saving::Before;
        match (&mut save.rounds, of_key) {
            (Some(rounds), Some(key)) if done => rounds.left.retain(|left| *left != key),
            (None, None) if done => (desk.saving, desk.step) = (Saving::Over, save.step + 1),
            _ => {}
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
        if let (Some(save), Saving::May) = (&desk.save, desk.saving) {
            session.settled(SettledReport { step: save.reference(), key: save.key(), done: false, vars: json!({}) });
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

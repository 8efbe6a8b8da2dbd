//! One run: its state, the time limit, and the way from the first step to the output.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use serde_json::{Map, Value};

use super::{
    call::Called,
    context::{Pictures, Sights},
    describe,
    effect::{Effects, Finishing},
    evidence::Evidence,
    fault::{Break, Fault, Stop},
    film::Film,
    observer::Observer,
    plan::{Ending, Plan},
    popup::Popups,
    redact::Redactor,
    step::Current,
    world::World,
};
use crate::{
    time::{Mono, format_duration},
    wire::{agent::AttemptFailure, job::Category},
    workflow::{App, Name, Scope, Step, Workflow},
};

/// Between two looks at the screen. One look costs a few milliseconds.
pub(super) const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// The longest sleep between two questions whether to go on.
const SLICE: Duration = Duration::from_millis(100);

/// Drives one plan on one machine: first [`Runner::prepare`], then [`Runner::execute`].
pub struct Runner<'a> {
    pub(super) world: &'a mut dyn World,
    pub(super) observer: &'a mut dyn Observer,
    pub(super) plan: &'a Plan,
    pub(super) scope: Scope,
    pub(super) redactor: Redactor,
    pub(super) evidence: Evidence,
    pub(super) sights: Sights,
    /// The app whose document is being carried out; `None`: the workflow.
    pub(super) owner: Option<Arc<App>>,
    /// The workflows that are called, outermost first.
    pub(super) called: Vec<Called>,
    /// The steps under way, outermost first.
    pub(super) current: Vec<Current>,
    pub(super) steps_begun: u64,
    /// When the attempt's time is over.
    pub(super) ends_at: Option<Mono>,
    /// Apps that were seen running and have not been closed by a step: one that is gone has crashed.
    pub(super) alive: BTreeSet<Name>,
    pub(super) effects: Effects,
    pub(super) popups: Popups,
    pub(super) film: Option<Film>,
}

impl<'a> Runner<'a> {
    pub fn new(world: &'a mut dyn World, observer: &'a mut dyn Observer, plan: &'a Plan) -> Self {
        let parts = plan.scope_parts(world.now());
        let redactor = match &plan.workflow {
            Some(workflow) => Redactor::for_input(&parts.input, &workflow.input.masked(&parts.input)),
            None => Redactor::default(),
        };
        let film = if observer.recorded() { Film::of(plan, world.now().mono) } else { None };
        Self {
            scope: Scope::new(&parts),
            redactor,
            world,
            observer,
            plan,
            evidence: Evidence::default(),
            sights: Sights::default(),
            owner: None,
            called: Vec::new(),
            current: Vec::new(),
            steps_begun: 0,
            ends_at: None,
            alive: BTreeSet::new(),
            effects: Effects::default(),
            popups: Popups::default(),
            film,
        }
    }

    /// Runs the steps and makes the output. Whatever happens, keys and buttons are released and the clipboard is empty afterwards.
    pub fn execute(&mut self) -> Ending {
        self.ends_at = Some(self.world.now().mono.saturating_add(self.plan.timeout));
        let result = self.execute_whole();
        let ending = match result {
            Ok(output) => Ending::Succeeded { output },
            Err(Break::Stop(stop)) => Ending::Stopped(stop),
            Err(Break::Fault(fault) | Break::Limit(fault)) => {
                let mut failure = self.failure(*fault);
                failure.artifacts.extend(self.recording());
                Ending::Failed(failure)
            }
        };
        self.tidy_up(&ending);
        ending
    }

    fn execute_whole(&mut self) -> Result<Value, Break> {
        let Some(workflow) = self.plan.workflow.clone() else { return Ok(Value::Object(Map::new())) };
        self.set_initial_vars(&workflow)?;
        let after = self.take_up(&workflow)?;
        self.steps_after(&workflow.steps, after.as_deref())?;
        match &workflow.output {
            None => Ok(Value::Object(Map::new())),
            Some(output) => {
                self.refresh_time();
                output.evaluate(&self.scope).map_err(|error| explain("output", &error.to_string()))
            }
        }
    }

    pub(super) fn set_initial_vars(&mut self, workflow: &Workflow) -> Result<(), Break> {
        let evaluate = |(name, value): (&String, &crate::workflow::ValueTemplate)| {
            let value = value.evaluate(&self.scope);
            value
                .map(|value| (name.clone(), value))
                .map_err(|error| explain(&format!("vars.{name}"), &error.to_string()))
        };
        let values: Vec<(String, Value)> = workflow.vars.iter().map(evaluate).collect::<Result<_, _>>()?;
        for (name, value) in values {
            self.scope.set_var(&name, value);
        }
        Ok(())
    }

    pub(super) fn steps(&mut self, steps: &[Step]) -> Result<(), Break> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    /// A failure outside any step has its picture taken here.
    fn failure(&mut self, mut fault: Fault) -> AttemptFailure {
        let reported = fault.reported.take();
        let (step, artifacts, mut context) = if let Some(reported) = reported {
            (Some(reported.step), reported.artifacts, reported.context)
        } else {
            let picture = self.failure_picture(&mut fault);
            let context = self.context(&fault, Pictures { before: None, failure: picture.as_ref() });
            (None, picture.into_iter().collect(), Box::new(context))
        };
        self.apps_seen(&mut context);
        AttemptFailure {
            category: fault.category,
            message: describe::bounded(&self.redactor.clean(&format!("{}{}", fault.message, self.effects.told()))),
            step,
            artifacts,
            context: Some(context),
        }
    }

    fn tidy_up(&mut self, ending: &Ending) {
        // After a lost lease the desktop may be another's: letting go is all that is allowed.
        if *ending != Ending::Stopped(Stop::LeaseLost) {
            let _ = self.world.desktop().clear_clipboard();
        }
        let _ = self.world.desktop().release_all();
    }

    /// Between two actions: may it go on, is the time over, does somebody want to see.
    pub(super) fn go_on(&mut self) -> Result<(), Break> {
        match self.observer.go_on() {
            Err(Stop::LeaseLost) => return Err(Break::Stop(Stop::LeaseLost)),
            Err(stop) if self.effects.finishing == Finishing::Nothing => return Err(Break::Stop(stop)),
            // The intent came first: a stop waits until it is known what became of it.
            Err(_) | Ok(()) => {}
        }
        if self.observer.picture_wanted() {
            let picture = self.live_picture();
            self.observer.picture(picture);
        }
        self.film();
        match self.ends_at {
            Some(end) if self.world.now().mono >= end && self.effects.finishing != Finishing::Commit => {
                let limit = format_duration(self.plan.timeout);
                let message = format!("the limit of {limit} for an attempt is over; raise `timeout` in the workflow");
                Err(Break::Limit(Box::new(Fault::new(Category::Timeout, message))))
            }
            _ => Ok(()),
        }
    }

    /// Sleeps, asking in between whether to go on.
    pub(super) fn pause(&mut self, duration: Duration) -> Result<(), Break> {
        let end = self.world.now().mono.saturating_add(duration);
        loop {
            self.go_on()?;
            let left = end.since(self.world.now().mono);
            if left.is_zero() {
                return Ok(());
            }
            self.world.sleep(left.min(SLICE));
        }
    }

    /// Looks again and again until `look` has an answer or the time is over; the first look comes at once.
    pub(super) fn until<T>(
        &mut self,
        timeout: Duration,
        mut look: impl FnMut(&mut Self) -> Result<Option<T>, Break>,
    ) -> Result<Option<T>, Break> {
        let end = self.world.now().mono.saturating_add(timeout);
        loop {
            self.go_on()?;
            if let Some(answer) = look(self)? {
                return Ok(Some(answer));
            }
            let left = end.since(self.world.now().mono);
            if left.is_zero() {
                return Ok(None);
            }
            self.world.sleep(left.min(LOOK_INTERVAL));
        }
    }

    /// What a screen or a program said, to be repeated: secrets are taken out before it is cut, or a part of one would stay.
    pub(super) fn quote(&self, text: &str) -> String {
        describe::cut(&self.redactor.clean(text))
    }

    /// A text about this run without its secrets.
    pub fn cleaned(&self, text: &str) -> String {
        self.redactor.clean(text)
    }

    pub(super) fn refresh_time(&mut self) {
        self.scope.set_now_ms(i64::try_from(self.world.now().wall.as_ms()).unwrap_or(i64::MAX));
    }
}

fn explain(place: &str, reason: &str) -> Break {
    Fault::new(Category::InvalidWorkflow, format!("{place}: {reason}")).into()
}

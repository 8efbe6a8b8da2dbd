//! Where an earlier attempt left off: its variables, what is done, and first of all what became of the commit it was in.

use std::time::Duration;

use serde_json::{Map, Value};

use super::{
    effect::{Finishing, Open, in_words},
    fault::{Break, Fault, fault},
    run::Runner,
    step::Done,
};
use crate::{
    wire::{
        agent::{OpenIntent, Resume},
        job::Category,
        step::StepState,
    },
    workflow::{Action, Settle, Step, Workflow},
};

impl Runner<'_> {
    /// Settles what is open, and says after which step this attempt goes on. `None`: it begins with the first.
    pub(super) fn take_up(&mut self, workflow: &Workflow) -> Result<Option<String>, Break> {
        let Some(resume) = self.plan.resume.clone() else { return Ok(None) };
        self.effects.remember(&resume.loops);
        if let Some(after) = &resume.after {
            let step = find(&workflow.steps, after);
            let id = step.and_then(|step| step.id.as_ref()).map(|id| format!("{id} ({after})"));
            self.effects.remember_done(id.unwrap_or_else(|| after.clone()));
        }
        let fresh = self.scope.journal();
        let journal = self.effects.take_apart(object(&resume.vars), resume.after.is_some());
        self.scope.restore(journal);
        let after = self.settle_earlier(workflow, &resume)?;
        self.scope.set_item(None);
        if after.is_none() {
            self.scope.set_loop(None);
            if !self.effects.has_done_items() {
                // Nothing of it has happened: what counts up would count twice.
                self.scope.restore(fresh);
            }
        }
        Ok(after)
    }

    fn settle_earlier(&mut self, workflow: &Workflow, resume: &Resume) -> Result<Option<String>, Break> {
        let Some(open) = &resume.settle else { return Ok(resume.after.clone()) };
        let done = self.settle(workflow, open)?;
        let what = in_words(&open.step, open.key.as_ref());
        match (done, &open.key) {
            (true, None) => Ok(Some(open.step.path.clone())),
            (false, _) if resume.settle_only => {
                let message = format!(
                    "an earlier attempt ended in {what}; it has not happened, and no further attempt is granted: it is safe \
                     to retry the job"
                );
                fault(Category::Assertion, message)
            }
            _ => Ok(resume.after.clone()),
        }
    }

    /// Whether the step that an earlier attempt was in has happened.
    fn settle(&mut self, workflow: &Workflow, open: &OpenIntent) -> Result<bool, Break> {
        self.effects.opened(Open { step: open.step.clone(), key: open.key.clone(), acted: None });
        let step = find(&workflow.steps, &open.step.path);
        let settle = step.and_then(|step| step.commit.as_ref()?.settle.as_ref());
        let (Some(step), Some(settle)) = (step, settle) else {
            let what = in_words(&open.step, open.key.as_ref());
            return fault(Category::Agent, format!("{what} has no `settle`: a person has to look whether it happened"));
        };
        let before = self.scope.journal();
        self.begin_settle(step);
        self.effects.finishing = Finishing::Settle;
        let result = self.find_out(settle, Duration::from_millis(open.age_ms));
        self.effects.finishing = Finishing::Nothing;
        let done = self.end_settle(result)?;
        if done {
            // What its steps have read stands in for the result that the step itself could not keep.
            self.scope.set_item(before.get("item").cloned());
            self.scope.set_loop(before.get("loop").cloned());
        } else {
            // It goes on from where that was not yet counted in.
            let from = self.effects.base().filter(|_| open.key.is_none()).cloned();
            self.scope.restore(from.unwrap_or(before));
        }
        let vars = Value::Object(self.scope.journal());
        self.settled(done, vars);
        Ok(done)
    }

    fn find_out(&mut self, settle: &Settle, age: Duration) -> Result<bool, Break> {
        self.pause(settle.after.saturating_sub(age))?;
        self.steps(&settle.steps)?;
        self.refresh_time();
        self.condition(&settle.done)
    }

    fn end_settle(&mut self, result: Result<bool, Break>) -> Result<bool, Break> {
        match result {
            Ok(done) => {
                self.end(StepState::Succeeded, None);
                Ok(done)
            }
            Err(Break::Fault(mut fault)) => {
                if fault.reported.is_none() {
                    fault.message = format!("whether the step happened could not be found out: {}", fault.message);
                }
                Err(self.end_badly(Break::Fault(fault)))
            }
            Err(end) => Err(self.end_badly(end)),
        }
    }

    /// The steps that come after the one with this path, which may stand inside one of them.
    pub(super) fn steps_after(&mut self, steps: &[Step], after: Option<&str>) -> Result<(), Break> {
        let Some(after) = after else { return self.steps(steps) };
        let Some(at) = steps.iter().position(|step| leads_to(step, after)) else {
            let message = format!("the workflow has no step {after} to go on after");
            return Err(Fault::new(Category::Agent, message).into());
        };
        let (through, rest) = steps[at..].split_at(1);
        for step in through.iter().filter(|step| step.path != after) {
            self.step_from(step, after)?;
        }
        self.steps(rest)
    }

    /// The way that was taken then is taken again, whatever its condition says now.
    fn step_from(&mut self, step: &Step, after: &str) -> Result<(), Break> {
        let Action::If { then, otherwise, .. } = &step.action else {
            // A loop knows by itself what is done.
            return self.step(step);
        };
        let took_then = then.iter().any(|step| leads_to(step, after));
        let branch = if took_then { then } else { otherwise };
        self.begin(step);
        self.tell(StepState::Started, None);
        let result = self.steps_after(branch, Some(after)).map(|()| Done::Acted(Value::Bool(took_then)));
        self.finish(step, result)
    }
}

fn leads_to(step: &Step, path: &str) -> bool {
    path.strip_prefix(step.path.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

fn find<'steps>(steps: &'steps [Step], path: &str) -> Option<&'steps Step> {
    let step = steps.iter().find(|step| leads_to(step, path))?;
    if step.path == path {
        return Some(step);
    }
    step.inner().find_map(|inner| find(std::slice::from_ref(inner), path))
}

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap_or_default()
}

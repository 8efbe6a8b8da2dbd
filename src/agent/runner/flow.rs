//! Steps around steps: `if`, `repeat`, `try`.

use serde_json::{Value, json};

use super::{
    describe,
    fault::{Break, Fault, fault},
    run::Runner,
};
use crate::{
    wire::job::Category,
    workflow::{Condition, Repeat, Step, Try},
};

/// What a workflow is told of a failure. The step that failed has told the whole.
const MAX_MESSAGE_CHARS: usize = 1_000;

impl Runner<'_> {
    /// Whether the condition held.
    pub(super) fn branch(&mut self, condition: &Condition, then: &[Step], otherwise: &[Step]) -> Result<Value, Break> {
        let holds = self.condition(condition)?;
        self.steps(if holds { then } else { otherwise })?;
        Ok(Value::Bool(holds))
    }

    /// The number of rounds.
    pub(super) fn repeat(&mut self, repeat: &Repeat) -> Result<Value, Break> {
        let outer = self.scope.set_loop(None);
        let result = self.rounds_until(repeat);
        self.scope.set_loop(outer);
        result.map(Value::from)
    }

    fn rounds_until(&mut self, repeat: &Repeat) -> Result<u32, Break> {
        for number in 1..=repeat.max {
            self.go_on()?;
            let during = json!({ "index": number - 1, "number": number, "total": repeat.max, "key": null });
            self.scope.set_loop(Some(during));
            self.steps(&repeat.steps)?;
            self.refresh_time();
            if self.condition(&repeat.until)? {
                return Ok(number);
            }
        }
        let until = match &repeat.until {
            Condition::Probe(watch) => describe::probe(&watch.probe),
            Condition::Expression(expression) => format!("`{}`", describe::cut(expression.source())),
        };
        let rounds = if repeat.max == 1 { "round" } else { "rounds" };
        fault(Category::Timeout, format!("{until} did not come to hold in {} {rounds}", repeat.max))
    }

    /// What was caught; null where nothing failed.
    pub(super) fn try_steps(&mut self, step: &Step, attempt: &Try) -> Result<Value, Break> {
        let result = match self.steps(&attempt.steps) {
            Ok(()) => Ok(Value::Null),
            Err(Break::Fault(fault)) if !attempt.catch.is_empty() => self.caught(step, attempt, &fault),
            Err(end) => Err(end),
        };
        if matches!(result, Err(Break::Stop(_) | Break::Limit(_))) {
            return result;
        }
        match (result, self.steps(&attempt.finally)) {
            (Err(Break::Fault(mut first)), Err(Break::Fault(second))) => {
                first.message = format!("{}; `finally` failed too: {}", first.message, second.message);
                Err(Break::Fault(first))
            }
            (result, Ok(())) => result,
            (_, Err(end)) => Err(end),
        }
    }

    fn caught(&mut self, step: &Step, attempt: &Try, fault: &Fault) -> Result<Value, Break> {
        let mut error = self.error_of(fault);
        error["step"] = fault.reported.as_ref().map(|reported| reported.step.path.clone()).into();
        if let Some(name) = &step.store_as {
            self.scope.set_var(name, error.clone());
        }
        self.steps(&attempt.catch).map(|()| error)
    }

    /// A failure as a workflow sees it.
    pub(super) fn error_of(&self, fault: &Fault) -> Value {
        let message: String = self.redactor.clean(&fault.message).chars().take(MAX_MESSAGE_CHARS).collect();
        json!({ "category": fault.category, "message": message })
    }
}

//! What makes a step one that must not happen twice: its commit, and how it is known whether it happened.

use std::time::Duration;

use super::step::{Action, Condition, Step, Watch};

/// `commit: true`. From the moment the step may act a failure is never replayed blindly.
#[derive(Clone, Debug)]
pub struct Commit {
    /// Here and now, in the same attempt: does not hold before the action, and holds after it once it worked.
    pub verify: Option<Watch>,
    /// For a later attempt, on any machine.
    pub settle: Option<Settle>,
}

/// How a later attempt finds out whether the step happened.
#[derive(Clone, Debug)]
pub struct Settle {
    /// What the application gets, from the moment the step was allowed to act.
    pub after: Duration,
    /// Carried out from `ready`. They look and go where there is something to see; no commit is among them.
    pub steps: Vec<Step>,
    /// Holds if the step happened.
    pub done: Condition,
}

impl Settle {
    /// Whether its steps give this variable a value, on some way through them.
    pub fn sets(&self, name: &str) -> bool {
        self.steps.iter().any(|step| gives(step, name))
    }
}

fn gives(step: &Step, name: &str) -> bool {
    let by_itself = match &step.action {
        Action::Set(values) => values.contains_key(name),
        _ => step.store_as.as_deref() == Some(name),
    };
    by_itself || step.inner().any(|inner| gives(inner, name))
}

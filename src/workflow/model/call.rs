//! `call`: another workflow's steps, on the same desktop and in the same attempt.

use super::scalar::Name;
use super::step::{Action, Step};
use super::target::Place;
use super::workflow::Workflow;
use crate::workflow::value::ValueTemplate;

#[derive(Clone, Debug)]
pub struct Call {
    pub workflow: Name,
    /// `None`: an empty object. Held against the called workflow's schema when the step is carried out.
    pub input: Option<ValueTemplate>,
    /// Of the workflow's name.
    pub place: Place,
}

impl Workflow {
    /// Every call in it with the step it stands in, those of `settle` too.
    pub fn calls(&self) -> Vec<(&Step, &Call)> {
        let mut calls = Vec::new();
        self.every_step(&mut |step| {
            if let Action::Call(call) = &step.action {
                calls.push((step, &**call));
            }
        });
        calls
    }

    /// Whether one of its own steps is a commit.
    pub fn commits(&self) -> bool {
        let mut commits = false;
        self.every_step(&mut |step| commits |= step.commit.is_some());
        commits
    }

    fn every_step<'doc>(&'doc self, see: &mut dyn FnMut(&'doc Step)) {
        self.steps.iter().for_each(|step| step.every_step(see));
    }
}

impl Step {
    /// This one, those inside it, and those of its `settle`.
    pub(crate) fn every_step<'doc>(&'doc self, see: &mut dyn FnMut(&'doc Step)) {
        see(self);
        self.inner().for_each(|inner| inner.every_step(see));
        if let Some(settle) = self.commit.as_ref().and_then(|commit| commit.settle.as_ref()) {
            settle.steps.iter().for_each(|step| step.every_step(see));
        }
    }
}

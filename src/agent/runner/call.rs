//! `call`: another workflow's steps, with an input, variables and images of their own.

use std::{mem, sync::Arc};

use serde_json::{Map, Value};

use super::{
    fault::{Break, Fault, fault},
    redact::Redactor,
    run::Runner,
};
use crate::{
    wire::job::Category,
    workflow::{self, App, Scope, Workflow, limits},
};

/// What is wrong with an input is told up to here.
const MAX_FAULTS: usize = 5;

/// A workflow that is called, while its steps are carried out.
#[derive(Debug)]
pub(super) struct Called {
    workflow: Arc<Workflow>,
    /// Before the paths of its steps: `steps/3/call/`.
    path: String,
    /// What the workflow sees that has called it.
    outer: Scope,
}

/// Whose names and images a step means: outermost by default, those of the workflow.
#[derive(Clone, Debug, Default)]
pub(super) struct Standing {
    /// How many calls deep.
    level: usize,
    /// The app whose step it is.
    owner: Option<Arc<App>>,
}

impl Runner<'_> {
    /// The output of the called workflow; null where it has none.
    pub(super) fn call(&mut self, call: &workflow::Call) -> Result<Value, Break> {
        let name = &call.workflow;
        let Some(workflow) = self.plan.called.iter().find(|one| one.name == *name).cloned() else {
            let message = format!("the workflow {name} did not come with the job: submit the job anew");
            return fault(Category::InvalidWorkflow, message);
        };
        // Whoever submits or lints has refused it; the stack is not to find out.
        if self.called.len() >= limits::CALL_DEPTH {
            let message = format!("workflows call one another more than {} deep", limits::CALL_DEPTH);
            return fault(Category::InvalidWorkflow, message);
        }
        let input = self.input_of(call, &workflow)?;
        let Some(path) = self.current.last().map(|current| format!("{}/call/", current.reference().path)) else {
            unreachable!("a call is a step under way")
        };
        let mut parts = self.plan.scope_parts(self.world.now());
        parts.input = input;
        let outer = mem::replace(&mut self.scope, Scope::new(&parts));
        self.called.push(Called { workflow: Arc::clone(&workflow), path, outer });
        let result = self.called_steps(&workflow);
        if let Some(Called { outer, .. }) = self.called.pop() {
            self.scope = outer;
        }
        self.refresh_time();
        result
    }

    /// As templates of the called workflow see it.
    fn input_of(&mut self, call: &workflow::Call, workflow: &Workflow) -> Result<Value, Break> {
        let given = match &call.input {
            None => Value::Object(Map::new()),
            Some(input) => input.evaluate(&self.scope).map_err(|error| {
                Break::from(Fault::new(Category::InvalidWorkflow, format!("`input` of the call: {error}")))
            })?,
        };
        let filled = workflow.input.with_defaults(&given);
        // Before anything is said of it.
        self.redactor.extend(&Redactor::for_input(&filled, &workflow.input.masked(&filled)));
        let faults = workflow.input.check(&given);
        if faults.is_empty() {
            return Ok(workflow.input.complete(&given));
        }
        let told: Vec<String> = faults
            .iter()
            .take(MAX_FAULTS)
            .map(|fault| {
                let place = if fault.pointer.is_empty() { "input" } else { fault.pointer.as_str() };
                format!("{place}: {}", fault.detail)
            })
            .collect();
        let message = format!("the input does not fit the workflow {}: {}", workflow.name, told.join("; "));
        fault(Category::InvalidWorkflow, message)
    }

    fn called_steps(&mut self, workflow: &Workflow) -> Result<Value, Break> {
        self.set_initial_vars(workflow).map_err(|end| within(workflow, end))?;
        self.steps(&workflow.steps)?;
        self.refresh_time();
        let output = workflow.output.as_ref().map(|output| output.evaluate(&self.scope)).transpose();
        output.map(Option::unwrap_or_default).map_err(|error| {
            let end = Fault::new(Category::InvalidWorkflow, format!("output: {error}")).into();
            within(workflow, end)
        })
    }

    /// The workflow whose steps are carried out.
    pub(super) fn document(&self) -> Option<&Arc<Workflow>> {
        self.called.last().map(|called| &called.workflow).or(self.plan.workflow.as_ref())
    }

    pub(super) fn only_app(&self) -> Option<&Arc<App>> {
        match (self.called.last(), self.plan.apps.as_slice()) {
            (Some(Called { workflow, .. }), _) => match workflow.apps.as_slice() {
                [only] => self.plan.app(only.as_str()),
                _ => None,
            },
            (None, [only]) => Some(only),
            (None, _) => None,
        }
    }

    /// What stands before the path of a step.
    pub(super) fn path_before(&self) -> &str {
        self.called.last().map_or("", |called| called.path.as_str())
    }

    pub(super) fn standing(&self) -> Standing {
        Standing { level: self.called.len(), owner: self.owner.clone() }
    }

    /// Looks from where a step stands, where other names and images may be meant.
    pub(super) fn standing_at<T>(&mut self, standing: &Standing, look: impl FnOnce(&mut Self) -> T) -> T {
        let mut inner = self.called.split_off(standing.level.min(self.called.len()));
        if let Some(first) = inner.first_mut() {
            mem::swap(&mut self.scope, &mut first.outer);
        }
        let owner = mem::replace(&mut self.owner, standing.owner.clone());
        let result = look(self);
        self.owner = owner;
        if let Some(first) = inner.first_mut() {
            mem::swap(&mut self.scope, &mut first.outer);
        }
        self.called.append(&mut inner);
        result
    }
}

/// A failure outside of its steps.
fn within(workflow: &Workflow, end: Break) -> Break {
    match end {
        Break::Fault(mut fault) if fault.reported.is_none() => {
            fault.message = format!("in the workflow {}, {}", workflow.name, fault.message);
            Break::Fault(fault)
        }
        end => end,
    }
}

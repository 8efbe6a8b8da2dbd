//! The workflows that a job's workflow calls, by others too: each at the version that is newest when the job is submitted.

use std::collections::BTreeMap;

use crate::{
    fleet::{
        document::{DocumentHead, DocumentKind, DocumentSpec, WorkflowSpec},
        limits::Checks,
        state::Fleet,
    },
    ids::Name,
};

/// Workflows that call one another, the job's own not counted.
const MAX_CALL_DEPTH: usize = 8;
/// Workflows that one calls, by others too.
const MAX_CALLED: usize = 100;

pub(super) fn pin(fleet: &Fleet, root: &Name, spec: &WorkflowSpec, checks: &mut Checks<'_>) -> BTreeMap<Name, u32> {
    let mut walk = Walk { fleet, apps: spec, heights: BTreeMap::new(), pins: BTreeMap::new() };
    for (name, step) in &spec.calls {
        if let Err(why) = walk.visit(name, step, &mut vec![root]) {
            checks.fault("/workflow", why);
        }
    }
    walk.pins
}

struct Walk<'a> {
    fleet: &'a Fleet,
    /// Whose apps must do for all of them.
    apps: &'a WorkflowSpec,
    /// How many workflows are called below one, at the most, each within the other.
    heights: BTreeMap<&'a Name, usize>,
    pins: BTreeMap<Name, u32>,
}

impl<'a> Walk<'a> {
    /// `step` of the last workflow in `chain` calls `name`.
    fn visit(&mut self, name: &'a Name, step: &str, chain: &mut Vec<&'a Name>) -> Result<usize, String> {
        let way = in_words(chain, name);
        if chain.contains(&name) {
            return Err(format!("its calls never come to an end: {way} (at {step}): leave one of them out"));
        }
        if chain.len() + self.heights.get(name).copied().unwrap_or_default() > MAX_CALL_DEPTH {
            return Err(format!(
                "workflows call one another more than {MAX_CALL_DEPTH} deep: {way} (at {step}): put the steps of some of them \
                 into the one that calls"
            ));
        }
        if let Some(height) = self.heights.get(name) {
            return Ok(*height);
        }
        let Some((head, spec)) = self.workflow(name) else {
            let by = chain.last().map_or("", |by| by.as_str());
            return Err(format!("{step} of `{by}` calls workflow `{name}`, which does not exist: store it first"));
        };
        self.may_be_called(name, spec, &way)?;
        self.pins.insert(name.clone(), head.version);
        if self.pins.len() > MAX_CALLED {
            return Err(format!("it calls more than {MAX_CALLED} workflows, by others too: make several jobs of it"));
        }
        chain.push(name);
        let mut height = 0;
        for (inner, step) in &spec.calls {
            height = height.max(self.visit(inner, step, chain)? + 1);
        }
        chain.pop();
        self.heights.insert(name, height);
        Ok(height)
    }

    fn workflow(&self, name: &Name) -> Option<(&'a DocumentHead, &'a WorkflowSpec)> {
        let head = self.fleet.document(DocumentKind::Workflow, name)?;
        match &head.spec {
            DocumentSpec::Workflow(spec) => Some((head, spec)),
            DocumentSpec::App(_) | DocumentSpec::Pool(_) | DocumentSpec::Channel(_) => None,
        }
    }

    fn may_be_called(&self, name: &Name, spec: &WorkflowSpec, way: &str) -> Result<(), String> {
        if !spec.callable {
            return Err(format!(
                "it calls `{name}` ({way}), which has a commit, or was stored before workflows could be called: a commit \
                 cannot stand in a workflow that is called; if there is none, store `{name}` again"
            ));
        }
        match spec.apps.iter().find(|app| !self.apps.apps.contains(*app)) {
            Some(app) => Err(format!(
                "it calls `{name}` ({way}), which needs app `{app}`: add `{app}` to the apps of the workflow, since its jobs \
                 go where these are"
            )),
            None => Ok(()),
        }
    }
}

/// `a → b → c`.
fn in_words(chain: &[&Name], last: &Name) -> String {
    let names: Vec<&str> = chain.iter().map(|name| name.as_str()).chain([last.as_str()]).collect();
    names.join(" → ")
}

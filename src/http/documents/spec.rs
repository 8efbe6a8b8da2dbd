//! The few facts of a document the fleet decides by.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    fleet::{AppSpec, DocumentSpec, PoolSpec, RetryPolicy, WorkflowSpec},
    ids::Name,
    time::duration_ms,
    workflow::{self, Body, Document},
};

pub(super) fn spec(document: &Document) -> DocumentSpec {
    match document.body() {
        Body::Workflow(workflow) => DocumentSpec::Workflow(WorkflowSpec {
            apps: names(&workflow.apps),
            pool: workflow.pool.as_ref().and_then(name),
            timeout_ms: duration_ms(workflow.timeout),
            retry: retry(&workflow.retry),
            calls: calls(workflow),
            callable: !workflow.commits(),
        }),
        Body::App(app) => {
            DocumentSpec::App(AppSpec { launchable: app.launch.windows.is_some() || app.launch.linux.is_some() })
        }
        Body::Pool(pool) => DocumentSpec::Pool(PoolSpec { apps: names(&pool.apps) }),
        Body::Channel(channel) => DocumentSpec::Channel(super::channel::spec(channel)),
    }
}

/// The language's names are a part of all names.
pub(super) fn name(name: &workflow::Name) -> Option<Name> {
    name.as_str().parse().ok()
}

fn names(of: &[workflow::Name]) -> BTreeSet<Name> {
    of.iter().filter_map(name).collect()
}

/// Each with the first step that calls it.
fn calls(workflow: &workflow::Workflow) -> BTreeMap<Name, String> {
    let mut calls = BTreeMap::new();
    for (step, call) in workflow.calls() {
        if let Some(name) = name(&call.workflow) {
            calls.entry(name).or_insert_with(|| step.path.clone());
        }
    }
    calls
}

fn retry(policy: &workflow::RetryPolicy) -> RetryPolicy {
    RetryPolicy {
        attempts: policy.attempts,
        backoff_ms: duration_ms(policy.backoff),
        max_backoff_ms: duration_ms(policy.max_backoff),
        other_machine: policy.other_machine,
        categories: policy.categories.iter().map(|category| (*category).into()).collect(),
    }
}

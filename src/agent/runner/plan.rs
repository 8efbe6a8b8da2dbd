//! What is to be run, and how it ended.

use std::{collections::BTreeMap, path::PathBuf, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::fault::Stop;
use crate::{
    ids::Name,
    time::Now,
    wire::agent::{AttemptFailure, Resume, WantedDisplay},
    workflow::{App, ScopeParts, Workflow},
};

/// One workflow with its apps and its input. Documents carry the digests of their images.
#[derive(Clone, Debug)]
pub struct Plan {
    /// None where there is nothing to run, only something to look at.
    pub workflow: Option<Arc<Workflow>>,
    /// The workflows it calls, by others too.
    pub called: Vec<Arc<Workflow>>,
    /// In the order they are brought to ready.
    pub apps: Vec<Arc<App>>,
    pub input: Value,
    /// Files of the job, where they lie on this machine.
    pub files: BTreeMap<String, PathBuf>,
    /// What templates see as `job`.
    pub job: Value,
    /// What templates see as `machine`.
    pub machine: Value,
    /// From the first step to the end.
    pub timeout: Duration,
    /// What the pool says the desktop should be.
    pub display: Option<WantedDisplay>,
    /// What earlier attempts have left.
    pub resume: Option<Resume>,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ending {
    Succeeded { output: Value },
    Failed(AttemptFailure),
    Stopped(Stop),
}

impl Plan {
    /// For looking at apps while nothing runs.
    pub fn looking(apps: Vec<Arc<App>>, machine: Value) -> Self {
        Self {
            workflow: None,
            called: Vec::new(),
            apps,
            input: json!({}),
            files: BTreeMap::new(),
            job: json!({}),
            machine,
            timeout: Duration::from_secs(60),
            display: None,
            resume: None,
        }
    }

    pub(super) fn scope_parts(&self, now: Now) -> ScopeParts {
        let files = self.files.iter().map(|(name, path)| (name.clone(), json!({ "path": path.to_string_lossy() })));
        ScopeParts {
            input: self.workflow.as_ref().map_or_else(|| json!({}), |workflow| workflow.input.complete(&self.input)),
            files: Value::Object(files.collect()),
            job: self.job.clone(),
            machine: self.machine.clone(),
            now_ms: i64::try_from(now.wall.as_ms()).unwrap_or(i64::MAX),
        }
    }

    pub(super) fn app(&self, name: &str) -> Option<&Arc<App>> {
        self.apps.iter().find(|app| app.name.as_str() == name)
    }
}

/// The name of a document, as the contract writes it. Document names are a subset of the contract's.
pub(super) fn wire_name(name: &crate::workflow::Name) -> Option<Name> {
    name.as_str().parse().ok()
}

//! One action on many jobs or machines at once.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::ids::{JobId, MachineName};

/// `POST /v1/jobs/bulk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobBulkRequest {
    pub action: JobAction,
    /// Names and values as in the query of the list: `{"state": ["queued", "blocked"], "label.site": "north"}`.
    #[serde(default)]
    pub filter: BTreeMap<String, FilterValue>,
    /// Needed where the filter is empty: really every job.
    #[serde(default)]
    pub all: bool,
    /// Only say how many and which.
    #[serde(default)]
    pub dry_run: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobAction {
    Cancel,
    Retry,
    /// Those that a restored backup has blocked.
    Release,
}

/// `POST /v1/machines/bulk`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MachineBulkRequest {
    pub action: MachineAction,
    /// Names and values as in the query of the list: `{"pool": "clinic", "status": ["idle"]}`.
    #[serde(default)]
    pub filter: BTreeMap<String, FilterValue>,
    /// Needed where the filter is empty: really every machine.
    #[serde(default)]
    pub all: bool,
    /// Only say how many and which.
    #[serde(default)]
    pub dry_run: bool,
    /// Shown to everyone who looks at the machines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// With maintenance and quarantine: stop what runs, too.
    #[serde(default)]
    pub now: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MachineAction {
    Drain,
    Activate,
    Maintenance,
    Quarantine,
}

/// One value, or several of which one must fit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(untagged)]
pub enum FilterValue {
    One(String),
    Several(Vec<String>),
}

/// What became of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobBulk {
    pub dry_run: bool,
    /// How many the filter fits.
    pub matched: u64,
    pub done: u64,
    pub refused: u64,
    /// Of a dry run the first hundred of those the filter fits, else the result of each.
    pub items: Vec<JobBulkItem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JobBulkItem {
    pub job: JobId,
    /// `cancelled`, `cancel_requested`, `retried`, `released`, `refused`; of a dry run `matched`.
    pub result: String,
    /// The new job of a retry.
    pub retry: Option<JobId>,
    /// Of a refusal: its code, as the route for one job would answer it.
    pub code: Option<String>,
    pub detail: Option<String>,
}

/// What became of each.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineBulk {
    pub dry_run: bool,
    /// How many the filter fits.
    pub matched: u64,
    pub done: u64,
    pub refused: u64,
    /// Of a dry run the first hundred of those the filter fits, else the result of each.
    pub items: Vec<MachineBulkItem>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineBulkItem {
    pub machine: MachineName,
    /// `done`, `refused`; of a dry run `matched`.
    pub result: String,
    pub code: Option<String>,
    pub detail: Option<String>,
}

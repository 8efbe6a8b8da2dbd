//! The fleet at a glance.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{job::JobState, machine::Status};
use crate::ids::Name;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FleetSummary {
    /// Null unless all new leases are stopped.
    pub paused: Option<String>,
    /// Open jobs by state.
    pub jobs: BTreeMap<JobState, u64>,
    pub machines: BTreeMap<Status, u64>,
    pub oldest_queued_ms: Option<u64>,
    pub pools: BTreeMap<Name, GroupSummary>,
    pub teams: BTreeMap<Name, GroupSummary>,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupSummary {
    pub jobs: BTreeMap<JobState, u64>,
    pub machines: BTreeMap<Status, u64>,
    pub oldest_queued_ms: Option<u64>,
}

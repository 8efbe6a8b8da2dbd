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
    pub storage: StorageSummary,
}

/// The disk of the controller's data directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StorageSummary {
    pub room: Room,
    /// Null where the system does not say.
    pub free_bytes: Option<u64>,
    /// Free space below which only running work is finished.
    pub low_bytes: u64,
    /// Free space below which nothing is written.
    pub floor_bytes: u64,
    /// Whether there is a ballast file to give up.
    pub ballast: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Room {
    /// For everything.
    Enough,
    /// New requests are refused; what runs is finished.
    Low,
    /// Nothing is written.
    Full,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct GroupSummary {
    pub jobs: BTreeMap<JobState, u64>,
    pub machines: BTreeMap<Status, u64>,
    pub oldest_queued_ms: Option<u64>,
}

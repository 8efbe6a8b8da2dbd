//! What readers see: machines with what their connection says, and the fleet in numbers.

use std::{collections::BTreeMap, time::Duration};

use super::{
    job::StateName,
    machine::{Machine, Status},
};
use crate::{
    ids::{JobId, Name},
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq)]
pub struct MachineView {
    pub row: Machine,
    pub status: Status,
    pub job: Option<JobId>,
    pub last_seen: Option<Timestamp>,
    /// The agent's clock minus the controller's, as last heard.
    pub skew_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Open states only; every open state is there, zero or not.
    pub jobs: BTreeMap<StateName, u64>,
    /// Every status is there, zero or not.
    pub machines: BTreeMap<Status, u64>,
    pub oldest_queued: Option<Duration>,
    pub pools: BTreeMap<Name, PoolSummary>,
    pub teams: BTreeMap<Name, TeamSummary>,
    pub paused: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolSummary {
    pub queued: u64,
    pub running: u64,
    pub machines: BTreeMap<Status, u64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TeamSummary {
    pub queued: u64,
    pub running: u64,
}

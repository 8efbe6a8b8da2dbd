//! One registered desktop: three independent facts (status, mode, readiness), its certificate and its lease.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    document::Labels,
    lease::{EndedLease, Lease},
    token::Principal,
};
use crate::{
    ids::{Digest, Incarnation, Json, MachineId, MachineName, Name},
    time::Timestamp,
};

/// The row of a machine. What only the connection says (online, last heard) is not in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    pub id: MachineId,
    pub name: MachineName,
    pub pool: Name,
    pub labels: Labels,
    /// What the agent is bound to (hardware and user), as it said when it joined. Opaque.
    pub identity: String,
    /// The one in use last; while a renewal is under way also the one before.
    pub certificates: Vec<Certificate>,
    pub mode: Mode,
    pub readiness: BTreeMap<Name, Readiness>,
    pub session: Session,
    pub facts: Json,
    /// The last start of its agent that was heard.
    pub incarnation: Option<Incarnation>,
    pub lease: Option<Lease>,
    pub ended_lease: Option<EndedLease>,
    /// Epoch counter of its last lease, 0 before the first: the least recently used machine goes first.
    pub last_epoch: u64,
    pub joined_at: Timestamp,
    /// As of the last time this row was written; `MachineView` knows better.
    pub last_seen: Option<Timestamp>,
    pub stats: Stats,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Certificate {
    pub digest: Digest,
    pub not_after: Timestamp,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Mode {
    pub name: ModeName,
    pub reason: Option<String>,
    pub by: Principal,
    pub since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModeName {
    Active,
    Draining,
    Maintenance,
    Quarantined,
}

impl ModeName {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Draining => "draining",
            Self::Maintenance => "maintenance",
            Self::Quarantined => "quarantined",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Idle,
    Busy,
    Offline,
}

impl Status {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Busy => "busy",
            Self::Offline => "offline",
        }
    }
}

/// What the screen says of one app.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    pub state: ReadinessState,
    pub screen: Option<String>,
    pub reason: Option<String>,
    pub since: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReadinessState {
    Ready,
    Checking,
    Recovering,
    NotReady,
    #[default]
    Unknown,
}

impl ReadinessState {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Checking => "checking",
            Self::Recovering => "recovering",
            Self::NotReady => "not_ready",
            Self::Unknown => "unknown",
        }
    }
}

/// Readiness as the agent reports it; the fleet knows since when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReadinessReport {
    pub state: ReadinessState,
    pub screen: Option<String>,
    pub reason: Option<String>,
}

/// The desktop session the agent sees. Only an active one can be driven.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Session {
    Active,
    Locked,
    Disconnected,
    #[default]
    Unknown,
}

impl Session {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Locked => "locked",
            Self::Disconnected => "disconnected",
            Self::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Stats {
    pub succeeded: u64,
    pub failed: u64,
    pub failed_in_a_row: u64,
}

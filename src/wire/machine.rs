//! Machines as clients see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    ids::{AttemptId, Epoch, JobId, MachineId, MachineName, Name},
    time::Timestamp,
};

/// What the connection says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    Idle,
    Busy,
    Offline,
}

/// What an operator or a policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Mode {
    Active,
    Draining,
    Maintenance,
    Quarantined,
}

/// What the screen says, of one app.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadinessState {
    Ready,
    Checking,
    Recovering,
    NotReady,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Readiness {
    pub state: ReadinessState,
    /// The named screen the app shows.
    pub screen: Option<String>,
    pub since: Timestamp,
    /// Why not, in words: which probe decided.
    pub reason: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Machine {
    pub id: MachineId,
    pub name: MachineName,
    pub pool: Name,
    pub labels: BTreeMap<String, String>,
    pub status: Status,
    pub mode: Mode,
    pub mode_reason: Option<String>,
    pub mode_since: Timestamp,
    pub mode_by: Option<String>,
    pub readiness: BTreeMap<Name, Readiness>,
    pub job: Option<JobId>,
    pub lease: Option<Lease>,
    /// Of the newest lease it ever had; 0 before the first.
    pub epoch: Epoch,
    pub last_seen: Option<Timestamp>,
    pub joined_at: Timestamp,
    pub facts: Facts,
    pub stats: Stats,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Lease {
    /// `offered`, `held` or `revoking`.
    pub state: String,
    pub epoch: Epoch,
    pub attempt: Option<AttemptId>,
    pub since: Timestamp,
    /// Until it lapses unless renewed.
    pub expires_in_ms: u64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(default)]
pub struct Facts {
    pub os: String,
    pub os_build: String,
    pub host: String,
    pub user: String,
    pub display: Option<Display>,
    pub locale: String,
    pub time_zone: String,
    pub boot_id: String,
    /// Why the start before this one ended, where the system knows: who asked for it, or that nobody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boot_reason: Option<String>,
    pub agent_version: String,
    /// `active`, `locked`, `disconnected` or `none`.
    pub session: String,
    /// App name to the version found.
    pub apps: BTreeMap<String, String>,
}

/// Physical pixels; scale 1.0 is 96 dots an inch.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Display {
    pub width: u32,
    pub height: u32,
    pub scale: f32,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Stats {
    pub succeeded: u64,
    pub failed: u64,
    pub failed_in_a_row: u32,
}

/// `PATCH /v1/machines/{name}`. Labels set to null are taken away.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MachinePatch {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, Option<String>>,
}

/// The body of `drain`, `activate`, `maintenance`, `quarantine`; may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ModeRequest {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(min_length = 1)]
    pub reason: Option<String>,
    /// With `quarantine`: stop the running attempt too.
    #[serde(default)]
    pub now: bool,
}

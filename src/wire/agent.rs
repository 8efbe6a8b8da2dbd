//! The agent's half of the contract, under `/agent/v1/`. Everything but `join` needs the machine's client certificate.
//!
//! A lease is *offered*: the offer is repeated in every answer until the agent accepts it, and nothing on the desktop is touched
//! before the accept is acknowledged. From then on reports are numbered from 1 and sent one at a time; a report that is repeated
//! gets its first answer again, a stale one gets `409 lease_lost`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

pub use super::effect::{
    IntentReport, LoopItem, LoopItemState, LoopKey, LoopReport, LoopState, OpenIntent, Resume, SettledReport,
};
use super::{
    failure::FailureContext,
    job::{Category, StepRef},
    machine::{Facts, Mode, Readiness},
    step::{ArtifactRef, StepReport},
};
use crate::{
    ids::{AttemptId, Digest, Epoch, Incarnation, JobId, MachineId, MachineName, Name},
    time::Timestamp,
};

/// Headers that tell which lease an upload belongs to. All three are needed.
pub const JOB_HEADER: &str = "deskfleet-job";
pub const ATTEMPT_HEADER: &str = "deskfleet-attempt";
pub const EPOCH_HEADER: &str = "deskfleet-epoch";

/// `POST /agent/v1/join`, the one call without a client certificate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JoinRequest {
    /// The secret half of `dfj_<secret>.<sha-256 of the CA certificate, DER, in hex>`, whole.
    pub token: String,
    pub name: MachineName,
    /// The token's pool unless given.
    pub pool: Option<Name>,
    #[serde(default)]
    pub labels: BTreeMap<String, String>,
    /// PKCS #10, PEM. Its subject is ignored: the controller names the machine.
    pub certificate_request: String,
    /// What the machine is bound to: a hash over its hardware or system id and the user.
    pub identity: String,
    pub facts: Facts,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct JoinAnswer {
    pub machine: MachineId,
    pub name: MachineName,
    pub pool: Name,
    /// PEM.
    pub certificate: String,
    pub expires_at: Timestamp,
    /// Of the store: an agent refuses a lower one than it has seen.
    pub generation: u32,
}

/// `POST /agent/v1/renew`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RenewRequest {
    pub certificate_request: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RenewAnswer {
    pub certificate: String,
    pub expires_at: Timestamp,
}

/// `POST /agent/v1/poll`: held until there is something to say or `wait_ms` is over. It goes on while a job runs: it is the heartbeat.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PollRequest {
    pub incarnation: Incarnation,
    /// Increases with every poll of this incarnation.
    pub number: u64,
    pub wait_ms: u64,
    /// On the first poll, and when they change.
    pub facts: Option<Facts>,
    pub readiness: BTreeMap<Name, Readiness>,
    /// The lease the agent believes it has.
    pub held: Option<Held>,
    /// Of the `PoolApps` it knows.
    pub apps_digest: Option<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Held {
    pub attempt: AttemptId,
    pub epoch: Epoch,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PollAnswer {
    pub generation: u32,
    pub mode: Mode,
    pub pool: Name,
    /// To be accepted or declined. Repeated until it is, or it has run out.
    pub offer: Option<Offer>,
    /// Stop the attempt under this lease between two actions and report `cancelled`.
    pub revoke: Option<Epoch>,
    /// The lease in `held` is not this machine's (any more): stop at once, touch nothing, throw its state away.
    pub lost: bool,
    pub wanted: Vec<Wanted>,
    /// Where `apps_digest` differs from the pool's.
    pub apps: Option<PoolApps>,
}

/// Something asked of an agent beside jobs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Wanted {
    /// A fresh picture, as `PUT /agent/v1/screenshot?request=<id>`.
    Screenshot { request: String },
}

/// The apps an idle machine of this pool watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct PoolApps {
    pub digest: Digest,
    pub apps: Vec<DocumentRef>,
    /// What the pool says the desktop should be.
    pub display: Option<WantedDisplay>,
}

/// Physical pixels; scale 1.0 is 96 dots an inch, null any.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct WantedDisplay {
    pub width: u32,
    pub height: u32,
    pub scale: Option<f64>,
}

/// A document with its version, as the agent reads it. `content` names images by file, and `images` in it gives their digests.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct DocumentRef {
    pub name: Name,
    pub version: u32,
    #[schema(value_type = Object)]
    pub content: Value,
}

/// A job for this machine, whole: nothing else need be asked to run it, but for blobs the agent does not have yet.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Offer {
    pub attempt: AttemptId,
    pub number: u32,
    pub epoch: Epoch,
    /// Counted by the agent from the moment it *sends* a report, once that is acknowledged.
    pub ttl_ms: u64,
    /// How long the offer stands.
    pub accept_within_ms: u64,
    pub job: JobId,
    pub workflow: DocumentRef,
    /// Those it calls, by others too.
    #[serde(default)]
    pub workflows: Vec<DocumentRef>,
    pub apps: Vec<DocumentRef>,
    #[schema(value_type = Object)]
    pub input: Value,
    pub files: BTreeMap<String, Digest>,
    pub labels: BTreeMap<String, String>,
    pub key: Option<String>,
    /// Time limit of the attempt, from its first step.
    pub timeout_ms: u64,
    pub machine: MachineRef,
    /// Where an earlier attempt has left something to go on from.
    #[serde(default)]
    pub resume: Option<Resume>,
}

/// What templates see as `machine`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MachineRef {
    pub name: MachineName,
    pub pool: Name,
    pub labels: BTreeMap<String, String>,
}

/// `POST /agent/v1/report`. `number` counts from 1 within the attempt, without gaps.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Report {
    pub job: JobId,
    pub attempt: AttemptId,
    pub epoch: Epoch,
    pub incarnation: Incarnation,
    pub number: u64,
    pub body: ReportBody,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ReportBody {
    /// The offer is taken: the lease is held from the acknowledgement on.
    Accept,
    /// The apps are ready on the right screen: steps begin once this is acknowledged.
    Ready {
        readiness: BTreeMap<Name, Readiness>,
    },
    /// It can't be done here now. Not counted as an attempt.
    Decline {
        reason: String,
        artifacts: Vec<ArtifactRef>,
    },
    /// Nothing but the wish to keep the lease. Carries the number of the next report without using it up.
    Renew,
    Steps {
        steps: Vec<StepReport>,
    },
    /// A step marked `commit` is about to act, and does once this is acknowledged.
    Intent(IntentReport),
    /// What became of the open intent.
    Settled(SettledReport),
    /// How far a keyed loop is.
    Loop(LoopReport),
    /// The end: the lease is free from the acknowledgement on.
    Complete(Completion),
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Completion {
    pub result: AttemptResult,
    /// The last step reports, so that the end needs one call.
    pub steps: Vec<StepReport>,
    pub readiness: BTreeMap<Name, Readiness>,
    /// What belongs to the attempt and to no step, such as its log.
    #[serde(default)]
    pub artifacts: Vec<ArtifactRef>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum AttemptResult {
    Succeeded {
        #[schema(value_type = Value)]
        output: Value,
    },
    Failed(AttemptFailure),
    Cancelled,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttemptFailure {
    pub category: Category,
    pub message: String,
    pub step: Option<StepRef>,
    pub artifacts: Vec<ArtifactRef>,
    /// Null where nothing could be seen.
    #[serde(default)]
    pub context: Option<Box<FailureContext>>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ReportAnswer {
    pub number: u64,
    pub ttl_ms: u64,
    /// Stop between two actions and complete with `cancelled`.
    pub revoke: bool,
    /// With the answer to `decline` and `complete`: the next job, if there is one.
    pub offer: Option<Offer>,
}

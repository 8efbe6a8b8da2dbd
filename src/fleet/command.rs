//! What can be asked of the fleet. Roles were checked before; everything that depends on state is checked here.

use std::{collections::BTreeMap, time::Duration};

use super::{
    attempt::{Artifact, FailedStep, FailureReport, StepRecord},
    concurrency::Concurrency,
    document::{DocumentKind, DocumentSpec, Labels},
    journal::{Decided, LoopItemState, LoopKey},
    lease::Fence,
    machine::{Certificate, ModeName, ReadinessReport, Session},
    subscriber::{Notify, SecretText, SubscriberId},
    token::{Principal, Role},
};
use crate::{
    ids::{AttemptId, BatchId, Digest, Epoch, Incarnation, JobId, JoinTokenId, Json, MachineName, Name, TokenId},
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    SubmitJob(SubmitJob),
    SubmitBatch(SubmitBatch),
    CancelJob(CancelJob),
    CancelBatch(CancelBatch),
    RetryJob(RetryJob),
    ReleaseJob(ReleaseJob),
    /// What a restored backup begins with.
    Restore(Restore),
    ReviewJob(ReviewJob),
    Replay(Replay),
    PutDocument(PutDocument),
    DeleteDocument(DeleteDocument),
    PauseDocument(PauseDocument),
    ResumeDocument(ResumeDocument),
    PauseFleet(PauseFleet),
    ResumeFleet(ResumeFleet),
    JoinMachine(JoinMachine),
    RenewCertificate(RenewCertificate),
    PatchMachine(PatchMachine),
    RemoveMachine(RemoveMachine),
    SetMode(SetMode),
    Poll(Poll),
    Report(Report),
    CreateToken(CreateToken),
    RevokeToken(RevokeToken),
    CreateJoinToken(CreateJoinToken),
    RevokeJoinToken(RevokeJoinToken),
    PutChannel(PutChannel),
    ReportDeliveries(Vec<DeliveryReport>),
    ReplayMessages(ReplayMessages),
    /// Timers that are due. The engine sends it when `next_timeout` says so.
    Tick,
}

/// The `Idempotency-Key` header and what it stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Idempotency {
    /// Such as `POST /v1/jobs`.
    pub route: String,
    pub key: String,
    pub body: Digest,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SubmitJob {
    pub request: JobRequest,
    pub idempotency: Option<Idempotency>,
    pub by: Principal,
}

/// One job as asked for. `input` has been checked against the schema of `version`.
#[derive(Debug, Clone, PartialEq)]
pub struct JobRequest {
    pub workflow: Name,
    /// None: the newest.
    pub version: Option<u32>,
    pub input: Json,
    pub key: Option<String>,
    pub pool: Option<Name>,
    pub machine: Option<MachineName>,
    pub require: Labels,
    pub priority: i32,
    pub run_at: Option<Timestamp>,
    pub deadline: Option<Timestamp>,
    pub files: BTreeMap<String, Digest>,
    pub labels: Labels,
    /// As the version says, its key made from the input.
    pub concurrency: Option<Concurrency>,
    pub notify: Vec<Notify>,
}

/// All or none. Faults have pointers such as `/items/3/machine`.
#[derive(Debug, Clone, PartialEq)]
pub struct SubmitBatch {
    pub items: Vec<JobRequest>,
    pub max_running: Option<u32>,
    pub stop_after_failures: Option<u32>,
    pub idempotency: Option<Idempotency>,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CancelJob {
    pub job: JobId,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CancelBatch {
    pub batch: BatchId,
    pub by: Principal,
}

/// A new job with the input of a settled one.
#[derive(Debug, Clone, PartialEq)]
pub struct RetryJob {
    pub job: JobId,
    /// A note; it lifts the refusal of jobs that may have had an effect.
    pub force: Option<String>,
    pub idempotency: Option<Idempotency>,
    pub by: Principal,
}

/// A job that a restored backup has blocked goes on.
#[derive(Debug, Clone, PartialEq)]
pub struct ReleaseJob {
    pub job: JobId,
    pub by: Principal,
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Restore {
    /// Above that of the backup.
    pub generation: u32,
    /// Random.
    pub seed: Digest,
    pub backup_at: Timestamp,
}

/// What a person decides about a job that needs a review.
#[derive(Debug, Clone, PartialEq)]
pub struct ReviewJob {
    pub job: JobId,
    pub decision: Decided,
    /// The last attempt, as whoever decides knows it.
    pub attempt: Option<u32>,
    /// Needed with `Retry`.
    pub note: Option<String>,
    pub by: Principal,
}

/// What this request made when it came before; `not_found` where it did not. For requests that would be refused today before the
/// fleet is asked: documents may have changed since.
#[derive(Debug, Clone, PartialEq)]
pub struct Replay {
    pub idempotency: Idempotency,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PutDocument {
    pub name: Name,
    pub content: Json,
    /// Of the content in its canonical form: equal digests are the same version.
    pub digest: Digest,
    pub spec: DocumentSpec,
    /// `If-Match`: the version the writer has seen; `Some(0)` where it must not exist.
    pub if_version: Option<u32>,
    pub by: Principal,
}

/// A channel's document, and where it sends.
#[derive(Debug, Clone, PartialEq)]
pub struct PutChannel {
    pub document: PutDocument,
    pub target: TargetChange,
}

#[derive(Debug, Clone, PartialEq)]
pub struct TargetChange {
    pub url: String,
    /// None: the value stored before.
    pub headers: BTreeMap<String, Option<SecretText>>,
    /// None: those stored before.
    pub secrets: Option<Vec<SecretText>>,
    /// For a channel that has none.
    pub spare: SecretText,
}

/// How sending to one subscriber went: what arrived, and what did not, with which it ended.
#[derive(Debug, Clone, PartialEq)]
pub struct DeliveryReport {
    pub subscriber: SubscriberId,
    /// Number of the message and status of the answer.
    pub delivered: Vec<(u64, u16)>,
    pub failed: Option<Attempted>,
}

/// An attempt that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Attempted {
    pub seq: u64,
    pub told_as: String,
    /// When the event happened.
    pub told_at: Timestamp,
    /// None: no answer came.
    pub status: Option<u16>,
    pub error: String,
    /// The receiver asked not to be tried again sooner.
    pub retry_after: Option<Duration>,
}

/// Messages from this number on, up to `to`, are sent again.
#[derive(Debug, Clone, PartialEq)]
pub struct ReplayMessages {
    pub subscriber: SubscriberId,
    pub from: u64,
    pub to: Option<u64>,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DeleteDocument {
    pub kind: DocumentKind,
    pub name: Name,
    pub if_version: Option<u32>,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PauseDocument {
    pub kind: DocumentKind,
    pub name: Name,
    pub reason: Option<String>,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ResumeDocument {
    pub kind: DocumentKind,
    pub name: Name,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PauseFleet {
    pub reason: Option<String>,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ResumeFleet {
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct JoinMachine {
    /// Of the join token's secret.
    pub token: Digest,
    pub name: MachineName,
    /// Must be the token's pool, where both are given.
    pub pool: Option<Name>,
    pub labels: Labels,
    pub identity: String,
    pub certificate: Certificate,
    pub facts: Json,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RenewCertificate {
    /// The one the agent authenticated with.
    pub certificate: Digest,
    pub new: Certificate,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PatchMachine {
    pub machine: MachineName,
    pub pool: Option<Name>,
    /// Set to a value, or with `None` taken away; the other labels stay.
    pub labels: BTreeMap<String, Option<String>>,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RemoveMachine {
    pub machine: MachineName,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SetMode {
    pub machine: MachineName,
    pub mode: ModeName,
    pub reason: Option<String>,
    /// Stop what runs there, for `maintenance` and `quarantined`; else it is finished first.
    pub now: bool,
    pub by: Principal,
}

/// A machine's heartbeat and its question for work. Says everything anew each time.
#[derive(Debug, Clone, PartialEq)]
pub struct Poll {
    /// The one the agent authenticated with. It says which machine this is.
    pub certificate: Digest,
    pub incarnation: Incarnation,
    /// From 1, one more with each poll of the incarnation.
    pub number: u64,
    /// None: as before.
    pub facts: Option<Json>,
    pub readiness: BTreeMap<Name, ReadinessReport>,
    pub session: Session,
    /// The lease the agent believes it holds. A poll renews it.
    pub held: Option<(AttemptId, Epoch)>,
    /// The agent's wall clock, for its skew.
    pub wall: Option<Timestamp>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The one the agent authenticated with. It says which machine this is.
    pub certificate: Digest,
    pub fence: Fence,
    /// What the agent saw of its apps; empty: as before. Behind the fence, like all of the report.
    pub readiness: BTreeMap<Name, ReadinessReport>,
    pub body: ReportBody,
}

#[derive(Debug, Clone, PartialEq)]
pub enum ReportBody {
    Accept,
    /// Readiness was confirmed on the machine; steps may begin once this is acknowledged.
    Ready,
    /// Before `Ready` only.
    Decline {
        reason: String,
        /// What shows why.
        artifacts: Vec<Artifact>,
    },
    /// Takes no number.
    Renew,
    Steps(Progress),
    Intent(IntentReport),
    Settled(SettledReport),
    Loop(LoopReport),
    Complete {
        progress: Progress,
        end: End,
    },
}

/// What has been done since the last report.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Progress {
    pub steps: Vec<StepRecord>,
    pub artifacts: Vec<Artifact>,
    /// Of the attempt so far.
    pub steps_done: u32,
    pub steps_total: u32,
    /// How long the step under way may take until something more is told; None where no step is told of.
    pub quiet_ms: Option<u64>,
}

/// A commit is about to happen, and does once this is acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct IntentReport {
    pub step: FailedStep,
    pub key: Option<LoopKey>,
    pub vars: Json,
    pub can_settle: bool,
}

/// What became of the open intent.
#[derive(Debug, Clone, PartialEq)]
pub struct SettledReport {
    pub step: FailedStep,
    pub key: Option<LoopKey>,
    pub done: bool,
    pub vars: Json,
}

/// How far a keyed loop is.
#[derive(Debug, Clone, PartialEq)]
pub struct LoopReport {
    pub path: String,
    pub total: Option<u32>,
    pub items: Vec<LoopItem>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct LoopItem {
    pub key: String,
    pub state: LoopItemState,
    pub result: Option<Json>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum End {
    Succeeded {
        output: Option<Json>,
    },
    Failed(FailureReport),
    /// Stopped because the controller said so.
    Cancelled,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreateToken {
    pub name: String,
    pub role: Role,
    pub team: Name,
    pub digest: Digest,
    pub expires_at: Option<Timestamp>,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RevokeToken {
    pub token: TokenId,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CreateJoinToken {
    pub pool: Name,
    pub uses: Option<u32>,
    pub digest: Digest,
    pub expires_at: Option<Timestamp>,
    pub by: Principal,
}

#[derive(Debug, Clone, PartialEq)]
pub struct RevokeJoinToken {
    pub token: JoinTokenId,
    pub by: Principal,
}

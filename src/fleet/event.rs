//! Committed facts. Applying them is the only way the fleet changes; the log keeps the durable ones.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize, Serializer};

use super::{
    attempt::{Artifact, Effect, FailedStep, Failure, Outcome, StepRecord},
    batch::Batch,
    document::{DocumentHead, DocumentKind, DocumentVersion, Labels, Pause},
    job::{BlockedReason, CancelRequest, Job},
    journal::{Decided, Intent, LoopCounts, LoopItemRow, LoopKey},
    lease::{Answer, RevokeWhy},
    machine::{Certificate, Machine, Mode, Readiness, Session},
    message::{Failed, Parked, Replayed, Settled},
    subscriber::{Notify, SubscriberId, Target},
    token::{JoinToken, Principal, Token},
};
use crate::{
    ids::{
        AttemptId, BatchId, Digest, Epoch, Incarnation, JobId, JoinTokenId, Json, MachineId, MachineName, Name, TokenId,
    },
    time::{Mono, Timestamp},
};

/// A fact, when it happened and who caused it.
///
/// As JSON it has no input, output, document content or step content: those are in their rows, behind the checks of those routes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    pub at: Timestamp,
    /// Of this run of the controller; timers start from it.
    #[serde(skip)]
    pub mono: Mono,
    pub by: Principal,
    /// Ids given so far, this event's included.
    #[serde(skip)]
    pub counter: u64,
    #[serde(flatten)]
    pub fact: Fact,
}

/// Defines `Fact` with the public dotted name of each variant, once.
macro_rules! facts {
    ($($(#[$doc:meta])* $name:literal $variant:ident { $($(#[$field_attribute:meta])* $field:ident: $type:ty,)* })*) => {
        #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "kind", content = "data")]
        pub enum Fact {
            $($(#[$doc])* #[serde(rename = $name)] $variant { $($(#[$field_attribute])* $field: $type,)* },)*
        }

        impl Fact {
            /// All public names.
            pub const KINDS: &'static [&'static str] = &[$($name),*];

            pub const fn kind(&self) -> &'static str {
                match self {
                    $(Self::$variant { .. } => $name,)*
                }
            }
        }
    };
}

facts! {
    "batch.submitted" BatchSubmitted { batch: Box<Batch>, }
    /// Its remaining jobs are cancelled by events of their own.
    "batch.stopped" BatchStopped { batch: BatchId, failures: u32, }
    "batch.cancel_requested" BatchCancelRequested { batch: BatchId, }
    "batch.finished" BatchFinished { batch: BatchId, }
    "job.submitted" JobSubmitted { job: Submitted, }
    "job.queued" JobQueued { job: JobId, why: QueuedWhy, }
    "job.blocked" JobBlocked { job: JobId, reason: BlockedReason, }
    /// It was open in a backup that was restored: it needs a review where it ran, else it waits to be released.
    "job.restored" JobRestored { job: JobId, failure: Option<Box<Failure>>, backup_at: Timestamp, }
    /// A person lets a restored job go on: now, at its start time, or once the reason that blocks it goes away.
    "job.released" JobReleased { job: JobId, due: Option<Timestamp>, reason: Option<BlockedReason>, }
    "job.offered" JobOffered { job: JobId, machine: MachineId, machine_name: MachineName, attempt: AttemptId, number: u32, epoch: Epoch, }
    "job.accepted" JobAccepted { job: JobId, machine: MachineId, attempt: AttemptId, incarnation: Incarnation, number: u64, answer: Answer, }
    "job.started" JobStarted { job: JobId, machine: MachineId, attempt: AttemptId, number: u64, answer: Answer, }
    /// Another attempt follows: at once, or at `due`. `settle_only`: it finds out what became of an open commit, and no more.
    "job.requeued" JobRequeued { job: JobId, due: Option<Timestamp>, settle_only: bool, }
    "job.cancel_requested" JobCancelRequested { job: JobId, request: CancelRequest, }
    "job.succeeded" JobSucceeded { job: JobId, #[serde(skip)] output: Option<Json>, }
    "job.failed" JobFailed { job: JobId, failure: Box<Failure>, }
    "job.cancelled" JobCancelled { job: JobId, }
    /// Whether a commit happened is not known, and only a person can find out.
    "job.needs_review" JobNeedsReview { job: JobId, failure: Box<Failure>, }
    /// `row` is the job as it is from now on; `batch` its batch as it was.
    "job.reviewed" JobReviewed {
        job: JobId, decision: Decided, note: Option<String>,
        #[serde(skip)] row: Option<Box<Job>>, #[serde(skip)] batch: Option<Box<Batch>>,
    }
    /// A keyed loop began, or rounds of it ended.
    "job.progressed" JobProgressed {
        job: JobId, machine: MachineId, attempt: AttemptId, number: u64, answer: Answer, path: String, counts: LoopCounts,
        #[serde(skip)] items: Vec<LoopItemRow>,
    }
    /// The machine may be offered the job again. Not durable.
    "job.cooled_down" CooledDown { job: JobId, machine: MachineId, }
    /// The agent is at work: steps and artifacts so far.
    "attempt.progressed" AttemptProgressed {
        job: JobId, machine: MachineId, attempt: AttemptId, number: u64, answer: Answer,
        #[serde(skip)] steps: Vec<StepRecord>, artifacts: Vec<Artifact>, steps_done: u32, steps_total: u32,
        #[serde(skip)] quiet_ms: Option<u64>,
    }
    /// A commit is about to happen: from here on the job is not replayed blindly.
    "attempt.intent_recorded" AttemptIntentRecorded {
        job: JobId, machine: MachineId, attempt: AttemptId, number: u64, answer: Answer, intent: Box<Intent>,
        #[serde(skip)] vars: Option<Json>,
    }
    /// What became of the open intent, which may be that of an earlier attempt. `effect`: of that attempt, by what is known now.
    "attempt.effect_settled" AttemptEffectSettled {
        job: JobId, machine: MachineId, attempt: AttemptId, number: u64, answer: Answer, intent: Box<Intent>, done: bool,
        effect: Effect, #[serde(skip)] vars: Option<Json>, #[serde(skip)] item: Option<Box<LoopItemRow>>,
        #[serde(skip)] counts: Option<LoopCounts>,
    }
    /// The agent has to stop; it keeps the lease until it says that it has, or until the lease lapses.
    "attempt.revoked" AttemptRevoked { job: JobId, machine: MachineId, attempt: AttemptId, why: RevokeWhy, }
    /// The lease is free again.
    "attempt.finished" AttemptFinished {
        job: JobId, machine: MachineId, attempt: AttemptId, outcome: Outcome, effect: Effect, failure: Option<Box<Failure>>,
        /// Where a report ended it: its number.
        report: Option<u64>,
    }
    /// The offer was turned down, or not accepted in time; the lease is free again.
    "attempt.declined" AttemptDeclined { job: JobId, machine: MachineId, attempt: AttemptId, reason: String, report: Option<Declining>, }
    /// Something came after the lease was over. Kept to be looked at; nothing changes by it.
    "attempt.late_report" AttemptLateReport {
        job: JobId, machine: MachineId, attempt: AttemptId, attempt_number: u32, claimed: Option<Outcome>,
        commit: Option<Box<LateCommit>>,
        #[serde(skip)] steps: Vec<StepRecord>, artifacts: Vec<Artifact>,
    }
    /// Of a settled job: its row as it is from now on. Not logged; the events with it say why.
    "job.noted" JobNoted { #[serde(skip)] row: Option<Box<Job>>, }
    /// What the report said that was applied last in this lease. Not logged.
    "attempt.marked" AttemptMarked { machine: MachineId, epoch: Epoch, mark: Digest, }
    "machine.joined" MachineJoined { machine: Box<Machine>, join_token: JoinTokenId, rejoined: bool, }
    "machine.online" MachineOnline { machine: MachineId, incarnation: Incarnation, }
    "machine.offline" MachineOffline { machine: MachineId, }
    /// A heartbeat. Not durable.
    "machine.heard" MachineHeard { machine: MachineId, number: Option<u64>, skew_ms: Option<i64>, renewed: bool, }
    /// Of a start of the agent that was replaced, or with a number that was passed: nothing else changes by it. Not durable.
    "machine.stale_poll" MachineStalePoll { machine: MachineId, incarnation: Incarnation, number: u64, }
    "machine.facts_changed" MachineFactsChanged { machine: MachineId, facts: Json, }
    "machine.readiness_changed" MachineReadinessChanged { machine: MachineId, readiness: BTreeMap<Name, Readiness>, session: Session, }
    "machine.mode_changed" MachineModeChanged { machine: MachineId, mode: Mode, }
    "machine.patched" MachinePatched { machine: MachineId, pool: Name, labels: Labels, }
    "machine.certificate_renewed" MachineCertificateRenewed { machine: MachineId, certificate: Certificate, }
    /// The new certificate is in use: older ones are void.
    "machine.certificate_settled" MachineCertificateSettled { machine: MachineId, certificate: Digest, }
    "machine.removed" MachineRemoved { machine: MachineId, name: MachineName, }
    "workflow.stored" WorkflowStored { document: Stored, }
    "app.stored" AppStored { document: Stored, }
    "pool.stored" PoolStored { document: Stored, }
    /// Its secrets are in a row of their own.
    "channel.stored" ChannelStored { document: Stored, #[serde(skip)] target: Option<Box<Target>>, }
    "channel.replayed" ChannelReplayed { channel: Name, replayed: Replayed, }
    /// Messages were given up; a replay sends them again.
    "channel.parked" ChannelParked { channel: Name, parked: Parked, }
    /// The same for an address a job was submitted with.
    "notification.replayed" NotificationReplayed { job: JobId, number: u8, replayed: Replayed, }
    "notification.parked" NotificationParked { job: JobId, number: u8, parked: Parked, }
    /// Not durable as an event; what became of each message is in its row. So with the next one.
    "message.settled" MessagesSettled { subscriber: SubscriberId, settled: Vec<Settled>, }
    "message.failed" MessageFailed { subscriber: SubscriberId, failed: Failed, }
    "document.deleted" DocumentDeleted { document: DocumentKind, name: Name, }
    "document.paused" DocumentPaused { document: DocumentKind, name: Name, pause: Pause, }
    "document.resumed" DocumentResumed { document: DocumentKind, name: Name, }
    "fleet.paused" FleetPaused { pause: Pause, }
    "fleet.resumed" FleetResumed { }
    /// The controller goes on from a backup. Ids derive from another seed than those of the history that was lost.
    "fleet.restored" FleetRestored { generation: u32, backup_at: Timestamp, #[serde(skip)] seed: Option<Digest>, }
    "token.created" TokenCreated { token: Box<Token>, }
    "token.revoked" TokenRevoked { token: TokenId, }
    "join_token.created" JoinTokenCreated { token: Box<JoinToken>, }
    "join_token.revoked" JoinTokenRevoked { token: JoinTokenId, }
    /// Placement has looked at all requirements since machines or documents changed. Not durable.
    "fleet.fit_checked" FitChecked { }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueuedWhy {
    /// Its start time, or the wait before another attempt, is over.
    Due,
    /// What it needs is there (again).
    Fits,
}

/// The report that declined an offer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Declining {
    pub number: u64,
    pub incarnation: Incarnation,
}

/// What a report that came too late said of a commit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LateCommit {
    pub step: FailedStep,
    pub key: Option<LoopKey>,
    /// None where it was about to begin.
    pub done: Option<bool>,
}

/// A new job. As JSON it has no input and no secrets.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct Submitted(pub Box<Job>);

impl Serialize for Submitted {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut job = (*self.0).clone();
        let mut spec = (*job.spec).clone();
        spec.input = Json::new("null");
        spec.notify = spec.notify.iter().map(Notify::without_secret).collect();
        job.spec = spec.into();
        job.serialize(serializer)
    }
}

/// A document's new head and version. As JSON it has no content.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Stored {
    pub head: Box<DocumentHead>,
    #[serde(skip)]
    pub version: Option<Box<DocumentVersion>>,
}

/// What an event is about, so that history can be asked by it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Subjects {
    pub job: Option<JobId>,
    pub batch: Option<BatchId>,
    pub machine: Option<MachineId>,
    pub attempt: Option<AttemptId>,
    pub document: Option<(DocumentKind, Name)>,
    pub token: Option<TokenId>,
    pub join_token: Option<JoinTokenId>,
}

/// Whom to tell once an event is committed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Wake {
    /// Its parked poll has something to answer: `Fleet::assignment`.
    Machine(MachineId),
    /// Who waits for it to settle.
    Job(JobId),
    Batch(BatchId),
    /// Who is authenticated by it must be turned away from now on.
    Token(TokenId),
}

impl Event {
    pub const fn kind(&self) -> &'static str {
        self.fact.kind()
    }

    /// Whether it changes rows of the store. What became of a message is not logged, and kept all the same.
    pub const fn changes_rows(&self) -> bool {
        self.is_durable()
            || matches!(
                self.fact,
                Fact::AttemptMarked { .. }
                    | Fact::JobNoted { .. }
                    | Fact::MessagesSettled { .. }
                    | Fact::MessageFailed { .. }
            )
    }

    /// Whether it is logged and committed; the others are heartbeats and the like.
    pub const fn is_durable(&self) -> bool {
        !matches!(
            self.fact,
            Fact::MachineHeard { .. }
                | Fact::MachineStalePoll { .. }
                | Fact::CooledDown { .. }
                | Fact::FitChecked {}
                | Fact::AttemptMarked { .. }
                | Fact::JobNoted { .. }
                | Fact::MessagesSettled { .. }
                | Fact::MessageFailed { .. }
        )
    }
}

/// The effects of a decision, each once.
pub type Wakes = BTreeSet<Wake>;

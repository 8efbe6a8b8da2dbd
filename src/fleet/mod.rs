//! The fleet: all open work, machines, leases, documents and tokens, and every decision about them.
//!
//! A pure, synchronous, deterministic state machine. A command is decided against the state (`decide`), which gives events and
//! an answer; applying the events (`apply`) is the only way the state changes. `Fleet::handle` does both. Once per batch of
//! commands `Fleet::place` gives free machines to queued jobs; `Fleet::take_writes` then says which rows changed, and
//! `Fleet::refresh` brings the answers up to date. Nothing may be told to anybody before those rows are committed.
//!
//! What it must not know: anything of its siblings. No I/O, no clock (time comes in as `Now`), no randomness (ids and jitter derive
//! from a persisted counter and seed), no threads, no HTTP, no JSON: content passes through unread.

mod answers;
mod apply;
mod attempt;
mod batch;
mod check;
mod command;
mod concurrency;
mod decide;
mod dirty;
mod document;
mod draft;
mod event;
mod explain;
mod failure;
mod fairness;
mod fit;
mod index;
mod job;
mod journal;
mod lease;
mod limits;
mod machine;
mod message;
mod outbox;
mod pace;
mod placement;
mod presence;
mod queue;
mod refusal;
mod reply;
mod retry;
mod rows;
mod settings;
mod state;
mod subjects;
mod subscriber;
#[cfg(test)]
mod tests;
mod timers;
mod token;
mod view;

pub use apply::apply;
pub use attempt::{Artifact, Attempt, Category, Effect, FailedStep, Failure, FailureReport, Outcome, Seen, StepRecord};
pub use batch::{Batch, Counts};
pub use command::{
    Attempted, CancelBatch, CancelJob, Command, CreateJoinToken, CreateToken, DeleteDocument, DeliveryReport, End,
    Idempotency, IntentReport, JobRequest, JoinMachine, LoopItem, LoopReport, PatchMachine, PauseDocument, PauseFleet,
    Poll, Progress, PutChannel, PutDocument, ReleaseJob, RemoveMachine, RenewCertificate, Replay, ReplayMessages,
    Report, ReportBody, Restore, ResumeDocument, ResumeFleet, RetryJob, ReviewJob, RevokeJoinToken, RevokeToken,
    SetMode, SettledReport, SubmitBatch, SubmitJob, TargetChange,
};
pub use concurrency::Concurrency;
pub use decide::{decide, faults_of, needs};
pub use document::{
    AppSpec, DEFAULT_POOL, DocumentHead, DocumentKind, DocumentSpec, DocumentVersion, Labels, Pause, PoolSpec,
    RetryPolicy, WorkflowSpec,
};
pub use event::{Declining, Event, Fact, LateCommit, QueuedWhy, Stored, Subjects, Submitted, Wake, Wakes};
pub use explain::{Condition, ConditionName, Expected, Explanation, MachineNote};
pub use job::{
    AppPin, BlockedReason, CancelRequest, CancelWhy, IdempotencyKey, Job, JobSpec, JobState, PausedThing, Phase, Place,
    Run, StateName,
};
pub use journal::{Decided, Intent, Journal, LoopCounts, LoopItemRow, LoopItemState, LoopKey, Review};
pub use lease::{Answer, EndedLease, Fence, Holder, Lease, LeaseState, RevokeWhy};
pub use machine::{
    Certificate, Machine, Mode, ModeName, Readiness, ReadinessReport, ReadinessState, Session, Stats, Status,
};
pub use message::{DeliveryRow, DeliveryState, Due, OutboxCounts, PendingRow, Posted};
pub use refusal::{Fault, Refusal};
pub use reply::{
    Assignment, BatchReply, ChannelReply, DocumentDid, DocumentReply, JobDid, JobReply, Offer, PollReply, Reply,
    ReportReply,
};
pub use rows::{ArtifactRow, Found, IdempotencyRow, Made, Meta, Need, Rows, StepRow, UniqueKeyRow, Write};
pub use settings::Settings;
pub use state::Fleet;
pub use subscriber::{ChannelSpec, EventPattern, Notify, SecretText, SubscriberId, Target, TargetRow, told_kinds};
pub use token::{JoinToken, Principal, Role, Token};
pub use view::{MachineView, PoolSummary, Summary, TeamSummary};

/// What became of a command. Events may come with a refusal too: a late report is refused, and kept as evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub events: Vec<Event>,
    pub answer: Result<Reply, Refusal>,
}

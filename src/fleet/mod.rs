//! The fleet: all open work, machines, leases, documents and tokens, and every decision about them.
//!
//! A pure, synchronous, deterministic state machine. A command is decided against the state (`decide`), which gives events and
//! an answer; applying the events (`apply`) is the only way the state changes. `Fleet::handle` does both. Once per batch of
//! commands `Fleet::place` gives free machines to queued jobs; `Fleet::take_writes` then says which rows changed, and
//! `Fleet::refresh` brings the answers up to date. Nothing may be told to anybody before those rows are committed.
//!
//! What it must not know: tasks of other modules. No I/O, no clock (time comes in as `Now`), no randomness (ids and jitter derive
//! from a persisted counter and seed), no threads, no HTTP, no JSON: content passes through unread.

mod attempt;
mod batch;
mod command;
mod document;
mod event;
mod job;
mod lease;
mod machine;
mod refusal;
mod reply;
mod rows;
mod settings;
mod state;
mod subjects;
mod token;
mod view;

pub use attempt::{Artifact, Attempt, Category, Effect, FailedStep, Failure, FailureReport, Outcome, StepRecord};
pub use batch::{Batch, Counts};
pub use command::{
    CancelBatch, CancelJob, Command, CreateJoinToken, CreateToken, DeleteDocument, End, Idempotency, JobRequest,
    JoinMachine, PatchMachine, PauseDocument, PauseFleet, Poll, Progress, PutDocument, RemoveMachine, RenewCertificate,
    Report, ReportBody, ResumeDocument, ResumeFleet, RetryJob, RevokeJoinToken, RevokeToken, SetMode, SubmitBatch,
    SubmitJob,
};
pub use document::{
    AppSpec, DEFAULT_POOL, DocumentHead, DocumentKind, DocumentSpec, DocumentVersion, Labels, Pause, PoolSpec,
    RetryPolicy, WorkflowSpec,
};
pub use event::{Declining, Event, Fact, QueuedWhy, Stored, Subjects, Submitted, Wake, Wakes};
pub use job::{
    AppPin, BlockedReason, CancelRequest, CancelWhy, IdempotencyKey, Job, JobSpec, JobState, PausedThing, Phase, Place,
    Run, StateName,
};
pub use lease::{Answer, EndedLease, Fence, Holder, Lease, LeaseState, RevokeWhy};
pub use machine::{
    Certificate, Machine, Mode, ModeName, Readiness, ReadinessReport, ReadinessState, Session, Stats, Status,
};
pub use refusal::{Fault, Refusal};
pub use reply::{
    Assignment, BatchReply, DocumentDid, DocumentReply, JobDid, JobReply, Offer, PollReply, Reply, ReportReply,
};
pub use rows::{ArtifactRow, Found, IdempotencyRow, Made, Meta, Need, Rows, StepRow, UniqueKeyRow, Write};
pub use settings::Settings;
pub use state::Fleet;
pub use token::{JoinToken, Principal, Role, Token};
pub use view::{MachineView, PoolSummary, Summary, TeamSummary};

use crate::time::Now;

/// What became of a command. Events may come with a refusal too: a late report is refused, and kept as evidence.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    pub events: Vec<Event>,
    pub answer: Result<Reply, Refusal>,
}

/// The rows that have to be read from the store and passed with the command. Empty where memory is enough.
pub fn needs(fleet: &Fleet, command: &Command) -> Vec<Need> {
    let _ = (fleet, command);
    Vec::new()
}

/// Decides a command. Changes nothing: apply the events, all of them, in their order.
pub fn decide(fleet: &Fleet, now: Now, command: Command, found: &Found) -> Decision {
    let _ = (fleet, now, command, found);
    Decision { events: Vec::new(), answer: Err(Refusal::Overloaded("the fleet is still being built".to_owned())) }
}

/// Applies one event.
pub fn apply(fleet: &mut Fleet, event: &Event) {
    let _ = (fleet, event);
}

//! What a command is answered. `Fleet::refresh` brings a reply up to date after placement, before it is released.

use std::sync::Arc;

use super::{
    batch::Batch,
    document::DocumentHead,
    job::{Job, JobSpec},
    journal::Journal,
    lease::{Answer, RevokeWhy},
    machine::Machine,
    token::{JoinToken, Token},
};
use crate::{
    ids::{AttemptId, Epoch, JobId, MachineId},
    time::Mono,
};

#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    Job(Box<JobReply>),
    Batch(Box<BatchReply>),
    Document(Box<DocumentReply>),
    Channel(Box<ChannelReply>),
    Machine(Box<Machine>),
    Poll(Box<PollReply>),
    Report(Box<ReportReply>),
    Token(Box<Token>),
    JoinToken(Box<JoinToken>),
    /// So many messages are sent again.
    Replayed {
        messages: u64,
    },
    /// It is done and there is nothing to show.
    Done,
}

#[derive(Debug, Clone, PartialEq)]
pub struct JobReply {
    pub job: Job,
    pub did: JobDid,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JobDid {
    /// `201`
    Created,
    /// `200`, `Idempotency-Replayed: true`
    Replayed,
    /// `200`: it is cancelled.
    Cancelled,
    /// `202`: the machine is told to stop.
    CancelRequested,
    /// `200`: it goes on.
    Released,
    /// `200`: a person has decided.
    Reviewed,
}

#[derive(Debug, Clone, PartialEq)]
pub struct BatchReply {
    pub batch: Batch,
    pub did: JobDid,
}

#[derive(Debug, Clone, PartialEq)]
pub struct DocumentReply {
    pub head: DocumentHead,
    pub did: DocumentDid,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ChannelReply {
    pub head: DocumentHead,
    pub did: DocumentDid,
    /// It has no secret but the one made for it now: that is to be shown, once.
    pub made_secret: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentDid {
    /// `201`: a new version.
    Stored,
    /// `200`: the content is that of the newest version.
    Same,
    Paused,
    Resumed,
}

#[derive(Debug, Clone, PartialEq)]
pub struct PollReply {
    pub machine: MachineId,
    pub assignment: Assignment,
}

/// What a machine has to do.
#[derive(Debug, Clone, PartialEq)]
pub enum Assignment {
    /// Nothing to do: the answer may be held back until there is.
    Nothing,
    Offer(Box<Offer>),
    /// Go on with the lease you hold; answer at once, so that the agent knows.
    Hold {
        epoch: Epoch,
        ttl_ms: u64,
    },
    /// Stop, and complete as cancelled.
    Stop {
        epoch: Epoch,
        why: RevokeWhy,
        ttl_ms: u64,
    },
    /// The lease the poll named is over: release keys and buttons, touch nothing more.
    Lost {
        epoch: Epoch,
    },
}

/// A job offered to a machine. Nothing is touched before its acceptance is acknowledged.
#[derive(Debug, Clone, PartialEq)]
pub struct Offer {
    pub machine: MachineId,
    pub epoch: Epoch,
    pub job: JobId,
    pub attempt: AttemptId,
    /// Number of the attempt.
    pub number: u32,
    pub spec: Arc<JobSpec>,
    /// Of the lease, once accepted.
    pub ttl_ms: u64,
    /// Since when nobody acts on the open intent any more, as far as this run of the controller knows.
    pub unsettled: Option<Mono>,
    /// What earlier attempts have left.
    pub journal: Option<Box<Journal>>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct ReportReply {
    pub machine: MachineId,
    pub answer: Answer,
    /// Whether this very report was answered before.
    pub repeated: bool,
    /// The machine's next job, where there is one already.
    pub next: Option<Box<Offer>>,
}

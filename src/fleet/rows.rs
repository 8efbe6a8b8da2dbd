//! What the store keeps for the fleet, and what the fleet asks of the store. The store only carries these.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    attempt::{Artifact, StepRecord},
    batch::Batch,
    document::{DocumentHead, DocumentKind, DocumentVersion, Pause},
    job::{IdempotencyKey, Job},
    journal::{LoopItemRow, LoopKey},
    machine::Machine,
    message::{DeliveryRow, PendingRow, Posted},
    subscriber::{SubscriberId, TargetRow},
    token::{JoinToken, Token},
};
use crate::{
    ids::{AttemptId, BatchId, Digest, JobId, JoinTokenId, MachineId, Name, TokenId},
    time::Timestamp,
};

/// One change of the store. Upserts carry the whole row.
#[derive(Debug, Clone, PartialEq)]
pub enum Write {
    Meta(Meta),
    Job(Box<Job>),
    Batch(Box<Batch>),
    Machine(Box<Machine>),
    MachineGone(MachineId),
    Head(Box<DocumentHead>),
    Version(Box<DocumentVersion>),
    Token(Box<Token>),
    TokenGone(TokenId),
    JoinToken(Box<JoinToken>),
    JoinTokenGone(JoinTokenId),
    Idempotency(Box<IdempotencyRow>),
    UniqueKey(Box<UniqueKeyRow>),
    UniqueKeyGone {
        workflow: Name,
        key: String,
    },
    Step(Box<StepRow>),
    Artifact(Box<ArtifactRow>),
    /// Goes with the event of its number, in the same transaction.
    Posted(Posted),
    Delivery(Box<DeliveryRow>),
    Target(Box<TargetRow>),
    TargetGone(Name),
    LoopItem(Box<LoopItemRow>),
}

/// The fleet's own counters. One row.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Meta {
    /// Random, made once by the store; ids and jitter derive from it.
    pub seed: Digest,
    /// Ids given so far.
    pub counter: u64,
    /// Leases given so far; with `generation` the epoch.
    pub epoch: u64,
    /// Raised by a restore.
    pub generation: u32,
    /// The latest wall time seen: it never runs backwards.
    pub wall: Timestamp,
    pub paused: Option<Pause>,
}

impl Meta {
    pub fn new(seed: Digest) -> Self {
        Self { seed, counter: 0, epoch: 0, generation: 0, wall: Timestamp::default(), paused: None }
    }
}

/// Written when its job or batch settles (until then the job or batch itself holds the key). Void from `expires` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdempotencyRow {
    pub key: IdempotencyKey,
    pub made: Made,
    pub expires: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Made {
    Job(JobId),
    Batch(BatchId),
}

/// Written when a job with a `key` succeeds or needs review (while open the job itself holds it). Void from `until` on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UniqueKeyRow {
    pub workflow: Name,
    pub key: String,
    pub job: JobId,
    pub until: Timestamp,
}

/// Key: attempt and number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRow {
    pub job: JobId,
    pub attempt: AttemptId,
    /// Number of the attempt.
    pub attempt_number: u32,
    pub step: StepRecord,
    pub at: Timestamp,
    /// Reported after the lease was over: evidence, nothing more.
    pub late: bool,
}

/// Key: job, attempt number, name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ArtifactRow {
    pub job: JobId,
    pub attempt: AttemptId,
    pub attempt_number: u32,
    pub artifact: Artifact,
    pub at: Timestamp,
    pub late: bool,
}

/// What `Fleet::load` starts from: all rows of open work.
#[derive(Debug, Clone, PartialEq)]
pub struct Rows {
    pub meta: Meta,
    /// Open ones: `!job.is_settled()`.
    pub jobs: Vec<Job>,
    /// Open ones: `!batch.is_settled()`.
    pub batches: Vec<Batch>,
    pub machines: Vec<Machine>,
    /// All, deleted ones too.
    pub heads: Vec<DocumentHead>,
    pub tokens: Vec<Token>,
    pub join_tokens: Vec<JoinToken>,
    /// Of live channels.
    pub targets: Vec<TargetRow>,
    /// Not delivered and not given up, in the order of subscribers and numbers.
    pub pending: Vec<PendingRow>,
    /// Number of the newest event; 0 before the first.
    pub newest_event: u64,
}

/// A row that may lie only on disk and has to be read before the command is decided.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// By token, route and key; whatever its body. With the job or batch it made.
    Idempotency(IdempotencyKey),
    UniqueKey {
        workflow: Name,
        key: String,
    },
    /// With the row of its unique key and its batch, where it has them.
    Job(JobId),
    LoopItem(JobId, LoopKey),
    Batch(BatchId),
    Version {
        kind: DocumentKind,
        name: Name,
        version: u32,
    },
    /// Numbers of a subscriber's messages from one to another, at most so many.
    Messages {
        subscriber: SubscriberId,
        from: u64,
        to: u64,
        at_most: usize,
    },
}

/// What was read. What the fleet has in memory goes before it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Found {
    pub idempotency: Option<IdempotencyRow>,
    pub unique_keys: BTreeMap<(Name, String), UniqueKeyRow>,
    /// Settled jobs, also those that a found idempotency row names.
    pub jobs: BTreeMap<JobId, Job>,
    pub batches: BTreeMap<BatchId, Batch>,
    pub versions: BTreeMap<(DocumentKind, Name, u32), DocumentVersion>,
    pub messages: Vec<u64>,
    pub loop_items: BTreeMap<(JobId, LoopKey), LoopItemRow>,
}

//! One request to run one workflow version with one input, and everything that has happened to it.

use std::{collections::BTreeMap, sync::Arc};

use serde::{Deserialize, Serialize};

use super::{
    attempt::{Attempt, Failure},
    concurrency::Concurrency,
    document::{Labels, RetryPolicy},
    journal::{Journal, Review},
    subscriber::Notify,
    token::Principal,
};
use crate::{
    ids::{AttemptId, BatchId, Digest, Epoch, JobId, Json, MachineId, MachineName, Name, TokenId},
    time::Timestamp,
};

/// The row of a job. Open ones live in memory, settled ones only in the store.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    pub id: JobId,
    /// What was asked for; never changes, but that a review drops a deadline that is over.
    pub spec: Arc<JobSpec>,
    pub state: JobState,
    pub created_at: Timestamp,
    /// When it first stood in the queue. Kept over declines, retries and blocks, so that its place is kept too.
    pub queued_at: Option<Timestamp>,
    /// How many leases the fleet had given when it first stood in the queue: ageing is counted in placements.
    pub queued_turn: u64,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub cancel: Option<CancelRequest>,
    /// Oldest first; the last one is the live one while the job runs.
    pub attempts: Vec<Attempt>,
    /// Offers turned down since it last became placeable; the fifth blocks it.
    pub declines: u32,
    #[serde(default, skip_serializing_if = "Journal::is_empty")]
    pub journal: Box<Journal>,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reviews: Vec<Review>,
    /// The last job that a person made of it by a retry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retried_by: Option<JobId>,
}

/// What a job asks for, pinned when it was submitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct JobSpec {
    pub workflow: Name,
    pub version: u32,
    pub input: Json,
    pub key: Option<String>,
    /// Where it runs: the machine it names, or the pool (its own, the workflow's, or `default`).
    pub place: Place,
    /// Labels the machine must have.
    pub require: Labels,
    pub priority: i8,
    pub run_at: Option<Timestamp>,
    pub deadline: Option<Timestamp>,
    /// File name to content.
    pub files: BTreeMap<String, Digest>,
    pub labels: Labels,
    /// Who is told of this job, besides the channels.
    #[serde(default)]
    pub notify: Vec<Notify>,
    pub team: Name,
    pub by: Principal,
    pub batch: Option<BatchId>,
    pub retry_of: Option<JobId>,
    pub idempotency: Option<Box<IdempotencyKey>>,
    /// Apps in use, at the versions that were newest at the time of submitting.
    pub apps: BTreeMap<Name, AppPin>,
    /// The workflows that are called, by others too, at the versions that were newest then.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub calls: BTreeMap<Name, u32>,
    pub retry: RetryPolicy,
    /// Limit of one attempt, counted from its first step.
    pub timeout_ms: u64,
    #[serde(default)]
    pub concurrency: Option<Concurrency>,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    Pool(Name),
    Machine(MachineName),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct AppPin {
    pub version: u32,
    pub launchable: bool,
}

/// Per token and route, as the client chose it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct IdempotencyKey {
    pub token: Option<TokenId>,
    pub route: String,
    pub key: String,
    /// Last, so that keys order by what identifies them first. Of the request body.
    pub body: Digest,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum JobState {
    Scheduled {
        due: Timestamp,
    },
    Queued,
    Blocked {
        reason: BlockedReason,
    },
    Running(Run),
    /// A question is open; the lease stays.
    Waiting(Run),
    /// The effect is unknown; only a person decides.
    NeedsReview {
        failure: Box<Failure>,
    },
    Succeeded {
        output: Option<Json>,
    },
    Failed {
        failure: Box<Failure>,
    },
    Cancelled,
}

/// Which attempt a running job is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Run {
    pub phase: Phase,
    pub machine: MachineId,
    pub attempt: AttemptId,
    pub epoch: Epoch,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// The machine may still say no; it touches nothing.
    Offered,
    /// The machine makes itself ready.
    Accepted,
    /// Steps run.
    Executing,
    /// A commit of this attempt may be happening: its intent is acknowledged and not settled.
    Committing,
}

impl Phase {
    /// Whether steps may run.
    pub const fn has_started(self) -> bool {
        matches!(self, Self::Executing | Self::Committing)
    }
}

/// The state's word, as the API and the counters use it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StateName {
    Scheduled,
    Queued,
    Blocked,
    Running,
    Waiting,
    NeedsReview,
    Succeeded,
    Failed,
    Cancelled,
}

impl StateName {
    pub const ALL: [Self; 9] = [
        Self::Scheduled,
        Self::Queued,
        Self::Blocked,
        Self::Running,
        Self::Waiting,
        Self::NeedsReview,
        Self::Succeeded,
        Self::Failed,
        Self::Cancelled,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Queued => "queued",
            Self::Blocked => "blocked",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::NeedsReview => "needs_review",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// Terminal, or waiting for a review: it has left the fleet's memory.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::NeedsReview | Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

/// Why a job cannot be placed, where load is not the reason.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "snake_case")]
pub enum BlockedReason {
    /// The pool has no machine, or the machine it names is gone.
    NoMachine { place: Place },
    /// The pool is gone.
    NoPool { pool: Name },
    /// There are machines, but none with the labels the job requires.
    NoMatchingLabels { place: Place },
    /// A person has paused something it needs.
    Paused { what: PausedThing },
    /// Turned down too often.
    Declined { times: u32 },
    /// It was open in a backup that was restored; only a person says that it may go on.
    Restored { backup_at: Timestamp },
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PausedThing {
    Fleet,
    Workflow(Name),
    App(Name),
    Pool(Name),
}

impl BlockedReason {
    pub const fn code(&self) -> &'static str {
        match self {
            Self::NoMachine { .. } => "no_machine",
            Self::NoPool { .. } => "no_pool",
            Self::NoMatchingLabels { .. } => "no_matching_labels",
            Self::Paused { .. } => "paused",
            Self::Declined { .. } => "declined",
            Self::Restored { .. } => "restored",
        }
    }

    /// A sentence for people, saying what would help.
    pub fn message(&self) -> String {
        match self {
            Self::NoMachine { place: Place::Pool(pool) } => {
                format!("pool `{pool}` has no machine: join one, or move one into it")
            }
            Self::NoMachine { place: Place::Machine(machine) } => {
                format!("machine `{machine}` is not registered any more: join it again, or submit the job elsewhere")
            }
            Self::Restored { backup_at } => {
                format!(
                    "it was open in the backup of {backup_at} that was restored, and may have been done since: look, then \
                     release it or cancel it"
                )
            }
            Self::NoPool { pool } => {
                format!("pool `{pool}` does not exist any more: store it again, or cancel the job")
            }
            Self::NoMatchingLabels { place: Place::Pool(pool) } => {
                format!("no machine of pool `{pool}` has the labels the job requires: label one, or cancel the job")
            }
            Self::NoMatchingLabels { place: Place::Machine(machine) } => {
                format!("machine `{machine}` does not have the labels the job requires: label it, or cancel the job")
            }
            Self::Paused { what: PausedThing::Fleet } => "the fleet is paused: resume it".to_owned(),
            Self::Paused { what: PausedThing::Workflow(name) } => format!("workflow `{name}` is paused: resume it"),
            Self::Paused { what: PausedThing::App(name) } => format!("app `{name}` is paused: resume it"),
            Self::Paused { what: PausedThing::Pool(name) } => format!("pool `{name}` is paused: resume it"),
            Self::Declined { times } => format!(
                "machines turned it down {times} times, each reason is in its attempts: mend that; it is queued again when \
                 a machine it fits joins, comes online, is patched or activated, or gets an app ready"
            ),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CancelRequest {
    pub at: Timestamp,
    pub why: CancelWhy,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CancelWhy {
    Asked {
        by: Principal,
    },
    /// Ends failed, not cancelled.
    Deadline,
}

impl Job {
    pub const fn name_of_state(&self) -> StateName {
        match self.state {
            JobState::Scheduled { .. } => StateName::Scheduled,
            JobState::Queued => StateName::Queued,
            JobState::Blocked { .. } => StateName::Blocked,
            JobState::Running(_) => StateName::Running,
            JobState::Waiting(_) => StateName::Waiting,
            JobState::NeedsReview { .. } => StateName::NeedsReview,
            JobState::Succeeded { .. } => StateName::Succeeded,
            JobState::Failed { .. } => StateName::Failed,
            JobState::Cancelled => StateName::Cancelled,
        }
    }

    pub const fn is_settled(&self) -> bool {
        self.name_of_state().is_settled()
    }

    /// The attempt it is in, while it runs or waits for an answer.
    pub const fn run(&self) -> Option<Run> {
        match self.state {
            JobState::Running(run) | JobState::Waiting(run) => Some(run),
            _ => None,
        }
    }

    pub fn output(&self) -> Option<&Json> {
        match &self.state {
            JobState::Succeeded { output } => output.as_ref(),
            _ => None,
        }
    }

    pub fn failure(&self) -> Option<&Failure> {
        match &self.state {
            JobState::Failed { failure } | JobState::NeedsReview { failure } => Some(failure),
            _ => None,
        }
    }

    pub fn blocked_reason(&self) -> Option<&BlockedReason> {
        match &self.state {
            JobState::Blocked { reason } => Some(reason),
            _ => None,
        }
    }

    /// When a person, or the deadline, asked for its end.
    pub fn cancel_requested_at(&self) -> Option<Timestamp> {
        self.cancel.as_ref().map(|request| request.at)
    }

    pub fn attempt(&self, id: AttemptId) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| attempt.id == id)
    }

    pub(super) fn count_artifacts(&mut self, attempt: AttemptId, more: u32) {
        if let Some(attempt) = self.attempts.iter_mut().rev().find(|own| own.id == attempt) {
            attempt.artifacts = attempt.artifacts.saturating_add(more);
        }
    }

    /// The machine of the last attempt.
    pub fn machine(&self) -> Option<&MachineName> {
        self.attempts.last().map(|attempt| &attempt.machine)
    }
}

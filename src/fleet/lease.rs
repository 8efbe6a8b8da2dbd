//! The exclusive right to one machine's desktop, and the fence every report must pass.

use serde::{Deserialize, Serialize};

use crate::{
    ids::{AttemptId, Digest, Epoch, Incarnation, JobId},
    time::Timestamp,
};

/// Lives inside its machine's row, so that a machine cannot have two.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Lease {
    pub epoch: Epoch,
    pub holder: Holder,
    pub state: LeaseState,
    pub since: Timestamp,
    /// Number of the last report applied; 0 before the first.
    pub number: u64,
    /// What that report was answered, for when it is repeated.
    pub answer: Option<Answer>,
    /// Of what that report said, so that no other one is taken for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Digest>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    Attempt { job: JobId, attempt: AttemptId },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum LeaseState {
    /// Repeated on every poll until it is accepted.
    Offered,
    Held {
        incarnation: Incarnation,
    },
    /// The agent has to stop and say so.
    Revoking {
        incarnation: Incarnation,
        why: RevokeWhy,
        since: Timestamp,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RevokeWhy {
    Cancel,
    Deadline,
    /// The attempt's time limit.
    Timeout,
    /// It told of no step for too long.
    Stuck,
    /// An operator takes the machine out at once.
    Mode,
}

impl RevokeWhy {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Cancel => "cancel",
            Self::Deadline => "deadline",
            Self::Timeout => "timeout",
            Self::Stuck => "stuck",
            Self::Mode => "mode",
        }
    }
}

/// The last lease that a report ended, kept so that this report gets its answer again when it is repeated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EndedLease {
    pub epoch: Epoch,
    pub attempt: AttemptId,
    pub incarnation: Incarnation,
    pub number: u64,
    pub answer: Answer,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mark: Option<Digest>,
}

/// What every report carries besides its body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fence {
    pub job: JobId,
    pub attempt: AttemptId,
    pub epoch: Epoch,
    pub incarnation: Incarnation,
    /// From 1 within the lease, one more for each report; a renewal takes none (it is harmless to repeat) and may say 0.
    pub number: u64,
}

/// The answer to a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// Go on. The lease lasts this long, counted from when the report was sent.
    Continue { ttl_ms: u64 },
    /// Stop between two actions, leave the desktop in a known state and complete as cancelled. The lease lasts so long meanwhile.
    Stop { why: RevokeWhy, ttl_ms: u64 },
    /// The lease is over; the result, or the decline, has been applied.
    Done,
}

impl Lease {
    pub const fn job(&self) -> JobId {
        let Holder::Attempt { job, .. } = self.holder;
        job
    }

    pub const fn attempt(&self) -> AttemptId {
        let Holder::Attempt { attempt, .. } = self.holder;
        attempt
    }

    /// The agent's start that accepted it.
    pub const fn incarnation(&self) -> Option<Incarnation> {
        match self.state {
            LeaseState::Offered => None,
            LeaseState::Held { incarnation } | LeaseState::Revoking { incarnation, .. } => Some(incarnation),
        }
    }
}

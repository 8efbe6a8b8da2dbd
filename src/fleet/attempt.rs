//! One try of a job on one machine, and how it ended.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::machine::Readiness;
use crate::mutant::{Mutant, is_on};
use crate::{
    ids::{AttemptId, Digest, Epoch, Json, MachineId, MachineName, Name},
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Attempt {
    pub id: AttemptId,
    /// From 1, declined ones included.
    pub number: u32,
    pub machine: MachineName,
    pub machine_id: MachineId,
    pub epoch: Epoch,
    /// None while it is live.
    pub outcome: Option<Outcome>,
    pub effect: Effect,
    pub offered_at: Timestamp,
    pub accepted_at: Option<Timestamp>,
    /// When readiness was acknowledged and steps could begin.
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    /// Set where `outcome` is failed or lost.
    pub failure: Option<Failure>,
    /// Set where `outcome` is declined.
    pub decline_reason: Option<String>,
    pub steps_done: u32,
    pub steps_total: u32,
    pub artifacts: u32,
    /// How long the step under way may take until the agent has something more to tell, as it said itself.
    #[serde(default)]
    pub quiet_ms: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    Failed,
    Lost,
    Declined,
    Cancelled,
}

impl Outcome {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Lost => "lost",
            Self::Declined => "declined",
            Self::Cancelled => "cancelled",
        }
    }

    /// Whether it uses up one of the attempts the retry policy grants.
    pub fn counts(self) -> bool {
        matches!(self, Self::Succeeded | Self::Failed | Self::Lost)
            || (is_on(Mutant::CountDeclines) && matches!(self, Self::Declined))
    }
}

/// What an attempt may have done to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    #[default]
    None,
    Committed,
    Unknown,
}

impl Effect {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Committed => "committed",
            Self::Unknown => "unknown",
        }
    }
}

/// What kind of thing went wrong; retry policies and statistics go by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    Business,
    AppNotReady,
    AppCrashed,
    Desktop,
    TargetNotFound,
    Assertion,
    Timeout,
    Credential,
    MachineLost,
    Agent,
    InvalidWorkflow,
    Deadline,
    Cancelled,
}

impl Category {
    pub const ALL: [Self; 13] = [
        Self::Business,
        Self::AppNotReady,
        Self::AppCrashed,
        Self::Desktop,
        Self::TargetNotFound,
        Self::Assertion,
        Self::Timeout,
        Self::Credential,
        Self::MachineLost,
        Self::Agent,
        Self::InvalidWorkflow,
        Self::Deadline,
        Self::Cancelled,
    ];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Business => "business",
            Self::AppNotReady => "app_not_ready",
            Self::AppCrashed => "app_crashed",
            Self::Desktop => "desktop",
            Self::TargetNotFound => "target_not_found",
            Self::Assertion => "assertion",
            Self::Timeout => "timeout",
            Self::Credential => "credential",
            Self::MachineLost => "machine_lost",
            Self::Agent => "agent",
            Self::InvalidWorkflow => "invalid_workflow",
            Self::Deadline => "deadline",
            Self::Cancelled => "cancelled",
        }
    }
}

/// Why an attempt, or the job, failed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Failure {
    pub category: Category,
    pub message: String,
    pub step: Option<FailedStep>,
    pub machine: Option<MachineName>,
    /// Number of the attempt.
    pub attempt: Option<u32>,
    pub effect: Effect,
    /// Whether the workflow's policy retries this category.
    pub retryable: bool,
    /// Equal for failures of one cause.
    pub fingerprint: String,
    /// Names of artifacts of that attempt which show it.
    pub artifacts: Vec<String>,
    /// Of the attempt's failure; the job's is that of the attempt it names.
    #[serde(default)]
    pub seen: Option<Box<Seen>>,
}

/// What was known of the machine when an attempt failed. The fleet carries it unread.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Seen {
    pub at: Timestamp,
    /// As the agent told.
    pub context: Option<Json>,
    /// As the controller knew them.
    pub facts: Json,
    pub readiness: BTreeMap<Name, Readiness>,
}

impl Failure {
    /// For where only what happened is of interest.
    #[must_use]
    pub fn without_seen(self) -> Self {
        Self { seen: None, ..self }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailedStep {
    /// Such as `steps/4`.
    pub path: String,
    pub id: Option<String>,
    pub action: String,
}

/// What the agent says about a failure; the fleet adds who, where and whether it retries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureReport {
    pub category: Category,
    pub message: String,
    pub step: Option<FailedStep>,
    pub artifacts: Vec<String>,
    /// What it saw, as JSON.
    #[serde(default)]
    pub context: Option<Json>,
}

/// One step report, as the agent wrote it. The fleet counts it and passes it on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StepRecord {
    /// From 1 within the attempt.
    pub number: u32,
    pub content: Json,
}

/// A stored blob that belongs to an attempt. The blob is durable before this names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    pub name: String,
    pub digest: Digest,
    pub bytes: u64,
    pub content_type: String,
}

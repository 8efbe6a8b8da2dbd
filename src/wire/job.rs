//! Jobs, attempts and failures as clients see them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::{
    channel::{Notify, NotifyRequest},
    failure::{BestMatch, SeenWindow, Standstill},
    machine::{Facts, Readiness},
};
use crate::{
    ids::{AttemptId, BatchId, Digest, Epoch, JobId, MachineName, Name},
    time::Timestamp,
};

/// `POST /v1/jobs`, and one item of a batch. Only `workflow` is required.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobRequest {
    pub workflow: Name,
    /// The newest enabled version unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u32>,
    /// An object that fits the workflow's `input` schema.
    #[serde(default = "empty_object")]
    #[schema(value_type = Object)]
    pub input: Value,
    /// Unique per workflow while a job with it is open or succeeded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pool: Option<Name>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub machine: Option<MachineName>,
    /// Labels the machine must have.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub require: BTreeMap<String, String>,
    /// −100 to 100, higher sooner.
    #[serde(default)]
    #[schema(minimum = -100, maximum = 100)]
    pub priority: i16,
    /// RFC 3339, or a duration from now such as `2h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at: Option<String>,
    /// RFC 3339, or a duration from now such as `2h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// Names of files and the digests of blobs uploaded before.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub files: BTreeMap<String, Digest>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Who is told of this job, besides the channels.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notify: Vec<NotifyRequest>,
}

fn empty_object() -> Value {
    Value::Object(serde_json::Map::new())
}

/// The body of `POST /v1/jobs/{id}/retry`; may be left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetryRequest {
    /// Also where the job may have had an effect. Needs a note.
    #[serde(default)]
    pub force: bool,
    /// Why, for the record.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum JobState {
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

impl JobState {
    /// Terminal, or waiting for a person's decision alone.
    pub const fn is_settled(self) -> bool {
        matches!(self, Self::NeedsReview | Self::Succeeded | Self::Failed | Self::Cancelled)
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Job {
    pub id: JobId,
    pub workflow: Name,
    pub version: u32,
    /// The workflows it calls, by others too, at the versions that were newest when it was submitted.
    #[serde(default)]
    pub calls: BTreeMap<Name, u32>,
    pub state: JobState,
    /// Within `running`: `offered`, `accepted`, `executing` or `committing`.
    pub phase: Option<String>,
    pub team: Name,
    /// Null where it was submitted to one machine, which says its pool itself.
    pub pool: Option<Name>,
    pub priority: i16,
    pub key: Option<String>,
    #[schema(value_type = Object)]
    pub input: Value,
    #[schema(value_type = Value)]
    pub output: Option<Value>,
    pub labels: BTreeMap<String, String>,
    pub require: BTreeMap<String, String>,
    /// Where its workflow limits how many jobs run at once.
    pub concurrency: Option<Concurrency>,
    pub files: BTreeMap<String, Digest>,
    /// Who is told of it, besides the channels.
    #[serde(default)]
    pub notify: Vec<Notify>,
    /// The machine of the current or last attempt.
    pub machine: Option<MachineName>,
    /// The machine the request asked for.
    pub requested_machine: Option<MachineName>,
    pub batch: Option<BatchId>,
    pub retry_of: Option<JobId>,
    /// The last job made of this one by a retry.
    pub retried_by: Option<JobId>,
    pub created_at: Timestamp,
    pub run_at: Option<Timestamp>,
    pub queued_at: Option<Timestamp>,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub deadline: Option<Timestamp>,
    pub cancel_requested_at: Option<Timestamp>,
    /// 1 is next, among the jobs that compete for the same machines.
    pub queue_position: Option<u64>,
    pub blocked_reason: Option<String>,
    /// Of its keyed loops; null where it has none.
    pub progress: Option<Progress>,
    pub failure: Option<Failure>,
    /// What people decided when nobody knew its effect, oldest first.
    pub reviews: Vec<Review>,
    pub attempts: Vec<Attempt>,
}

/// At most `max` jobs of the workflow with this key run at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Concurrency {
    /// Null where all jobs of the workflow count together.
    pub key: Option<String>,
    pub max: u32,
}

/// Items of all keyed loops of a job together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    pub total: u64,
    pub done: u64,
    pub failed: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReviewDecision {
    /// Queue it again: it goes on after what is known to be done, and does again what is not.
    Retry,
    /// It has been done, or it has been completed by hand.
    Succeed,
    /// It stays undone.
    Fail,
}

/// The body of `POST /v1/jobs/{id}/review`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReviewRequest {
    pub decision: ReviewDecision,
    /// Number of the attempt that was looked at, the job's last. Where another one has followed, this decides nothing: so a request that
    /// is sent twice, or comes late, decides once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempt: Option<u32>,
    /// What was found, for the record. Needed with `retry`, which may do it a second time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Review {
    pub at: Timestamp,
    /// Name of the token it was decided with.
    pub by: Option<String>,
    pub decision: ReviewDecision,
    pub note: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Succeeded,
    Failed,
    Lost,
    Declined,
    Cancelled,
}

/// What an attempt may have done to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    None,
    Committed,
    Unknown,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Attempt {
    pub id: AttemptId,
    pub number: u32,
    pub machine: MachineName,
    pub epoch: Epoch,
    /// Null while it runs.
    pub outcome: Option<Outcome>,
    pub effect: Effect,
    pub offered_at: Timestamp,
    pub started_at: Option<Timestamp>,
    pub finished_at: Option<Timestamp>,
    pub failure: Option<Failure>,
    /// Why the machine turned it down, where `outcome` is `declined`.
    pub decline_reason: Option<String>,
    pub steps_done: u32,
    pub steps_total: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
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

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    pub category: Category,
    pub message: String,
    pub step: Option<StepRef>,
    pub machine: Option<MachineName>,
    pub attempt: Option<u32>,
    pub effect: Effect,
    pub retryable: bool,
    /// Equal for failures of one kind at one place.
    pub fingerprint: String,
    pub incident: Option<String>,
    /// What to do about it.
    #[serde(default)]
    pub help: String,
    #[serde(default)]
    pub at: Option<Timestamp>,
    /// The best place of what was looked for and not found.
    #[serde(default)]
    pub best: Option<BestMatch>,
    #[serde(default)]
    pub pictures: Pictures,
    /// Below the controller's own address: the agent's log of the attempt.
    #[serde(default)]
    pub log: Option<String>,
    /// Topmost first, as they stood on the screen. Left out in lists of jobs, like `apps` and `facts`.
    #[serde(default)]
    pub windows: Vec<SeenWindow>,
    #[serde(default)]
    pub windows_left_out: u32,
    /// What each app showed, or where the agent could not say, what was last known.
    #[serde(default)]
    pub apps: BTreeMap<Name, Readiness>,
    /// How long nothing had moved.
    #[serde(default)]
    pub standstill: Option<Standstill>,
    /// Of the machine, as they were then.
    #[serde(default)]
    pub facts: Option<Facts>,
    pub artifacts: Vec<Artifact>,
}

/// Addresses below the controller's own.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pictures {
    /// Before the step that failed did anything.
    pub before: Option<String>,
    /// At the failure, the best place marked.
    pub at_failure: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StepRef {
    /// `steps/4`, `steps/2/then/0`, `apps/clinic/recover/1/steps/0`.
    pub path: String,
    pub id: Option<String>,
    pub action: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Artifact {
    pub name: String,
    pub attempt: u32,
    /// Below the controller's own address: `/v1/jobs/{id}/artifacts/{attempt}/{name}`.
    pub url: String,
    pub bytes: u64,
    pub sha256: Digest,
    pub content_type: String,
    /// False while the agent has named it but not yet sent it.
    pub stored: bool,
    /// It was told of when the lease was over already: evidence that changed nothing.
    #[serde(default)]
    pub late: bool,
}

//! Jobs submitted as one.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::job::{JobRequest, JobState};
use crate::{
    ids::{BatchId, JobId},
    time::Timestamp,
};

/// `POST /v1/batches`: all or none.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BatchRequest {
    #[schema(min_items = 1)]
    pub items: Vec<JobRequest>,
    /// At most so many of them at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_running: Option<u32>,
    /// After so many failed ones the rest is cancelled.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stop_after_failures: Option<u32>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Batch {
    pub id: BatchId,
    /// `running` until every job is settled, then `settled`.
    pub state: String,
    pub total: u32,
    /// Jobs by state; states nothing is in are zero.
    pub counts: BTreeMap<JobState, u32>,
    pub max_running: Option<u32>,
    pub stop_after_failures: Option<u32>,
    pub created_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// In the order of submission.
    pub jobs: Vec<JobId>,
}

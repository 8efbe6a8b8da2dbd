//! Why a job does not run.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::job::JobState;
use crate::{
    ids::{JobId, MachineName},
    time::Timestamp,
};

/// `GET /v1/jobs/{id}/explain`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Explanation {
    pub job: JobId,
    pub state: JobState,
    /// One sentence.
    pub summary: String,
    /// How many machines it may run on: those of its pool, or the one it names.
    pub machines: u64,
    /// Those of them that could take it, were they idle.
    pub fitting: u64,
    /// What must be so for it to start; empty once it has.
    pub predicates: Vec<Predicate>,
    /// 1 is next, among the jobs that need the same. Null where it is not queued.
    pub place: Option<u64>,
    /// Null where it cannot be said.
    pub expected_start: Option<Timestamp>,
    /// What the time is made from, or why there is none.
    pub expected_basis: String,
    /// What would have to change for it to start, the most telling first.
    pub changes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Predicate {
    /// Of a machine `place`, `online`, `mode_active`, `session_active`, `labels`, `apps`, `not_cooling_down`, `idle`; of the job
    /// `not_paused`, `concurrency`, `batch_limit`, `turn`.
    pub name: String,
    /// `machine` or `job`: a condition of the job itself fails for all its machines or for none.
    pub scope: String,
    /// How many machines fail it.
    pub failing: u64,
    /// Some of them, at most ten.
    pub machines: Vec<FailingMachine>,
    /// Why the job itself fails it.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FailingMachine {
    pub name: MachineName,
    pub detail: String,
}

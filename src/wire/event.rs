//! Committed facts, numbered.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::time::Timestamp;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Event {
    pub seq: u64,
    pub at: Timestamp,
    /// `job.succeeded`, `machine.joined`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about: a job's id, a machine's name, a document's `kind/name`.
    pub subject: String,
    #[schema(value_type = Object)]
    pub data: Value,
}

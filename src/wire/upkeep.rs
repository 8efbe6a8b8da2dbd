//! Looking after what the controller keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a look at all that is stored has found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CheckReport {
    /// What was looked at: rows by kind, and blobs.
    pub looked_at: BTreeMap<String, u64>,
    /// Empty when all is well.
    pub faults: Vec<String>,
}

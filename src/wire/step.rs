//! One report of one step: what was done, how its target was found, and the pictures taken.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::job::Category;
use crate::{ids::Digest, time::Timestamp};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum StepState {
    Started,
    Succeeded,
    Failed,
    Skipped,
}

/// Numbered from 1 within an attempt. A step that takes time is reported twice: `started`, and how it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepReport {
    pub number: u64,
    /// `steps/4`, `steps/2/then/0`, `apps/clinic/launch`.
    pub path: String,
    pub id: Option<String>,
    pub name: Option<String>,
    pub action: String,
    pub state: StepState,
    pub started_at: Timestamp,
    pub finished_at: Option<Timestamp>,
    /// How each target was found.
    #[serde(default)]
    pub finds: Vec<Find>,
    pub error: Option<StepError>,
    #[serde(default)]
    pub artifacts: Vec<ArtifactRef>,
    /// How long it may take from here until the next report: the time of this step, or of a condition around it. Null: no time at all.
    #[serde(default)]
    pub quiet_ms: Option<u64>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct StepError {
    pub category: Category,
    pub message: String,
}

/// One target that was looked for.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Find {
    /// The target in short: `image save.png`, `window "Sign in"`.
    pub target: String,
    pub found: bool,
    /// The way it hit: `exact`, `anchors`, `pyramid_quarter`, …, `ocr`, `window`, `at`.
    pub how: Option<String>,
    pub score: Option<f32>,
    /// Physical pixels of the desktop, top-left corner. Of the best candidate where nothing was found.
    pub x: Option<i32>,
    pub y: Option<i32>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// From the first look to the answer, waiting included.
    pub elapsed_ms: u64,
}

/// A blob the attempt made: its bytes follow, or went ahead, as `PUT /agent/v1/blobs/{sha256}`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ArtifactRef {
    /// Unique within the attempt.
    pub name: String,
    pub sha256: Digest,
    pub bytes: u64,
    pub content_type: String,
}

/// A step report as it is shown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ShownStep {
    #[serde(flatten)]
    pub report: StepReport,
    /// It was told when the lease was over already: evidence that changed nothing.
    #[serde(default)]
    pub late: bool,
}

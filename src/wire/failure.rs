//! What was known at the moment of a failure, so that a person need not go to the machine to see.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::machine::Readiness;
use crate::{ids::Name, time::Timestamp};

/// The agent's log of an attempt, among its artifacts.
pub const LOG_ARTIFACT: &str = "agent.log";

/// What the screen showed in the course of an attempt, among its artifacts.
pub const RECORDING_ARTIFACT: &str = "recording.tar";

/// As the agent saw it. Texts are redacted, lists bounded, artifacts named as in the attempt's list.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct FailureContext {
    pub at: Timestamp,
    /// The best place of what was looked for and not found.
    #[serde(default)]
    pub best: Option<BestMatch>,
    /// The picture taken before the step that failed did anything.
    #[serde(default)]
    pub before: Option<String>,
    /// The picture at the failure, the best place marked.
    #[serde(default)]
    pub picture: Option<String>,
    /// Topmost first.
    #[serde(default)]
    pub windows: Vec<SeenWindow>,
    #[serde(default)]
    pub windows_left_out: u32,
    /// What each app showed.
    #[serde(default)]
    pub apps: BTreeMap<Name, Readiness>,
    #[serde(default)]
    pub standstill: Option<Standstill>,
}

impl FailureContext {
    /// Nothing is known but when.
    pub const fn at(at: Timestamp) -> Self {
        Self {
            at,
            best: None,
            before: None,
            picture: None,
            windows: Vec::new(),
            windows_left_out: 0,
            apps: BTreeMap::new(),
            standstill: None,
        }
    }
}

/// Not good enough to act on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct BestMatch {
    /// In short, such as `image save.png`.
    pub target: String,
    /// Null where places have no score, such as two windows that both fit.
    pub score: Option<f32>,
    /// Physical pixels of the desktop, top-left corner.
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

/// A window as it stood on the screen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SeenWindow {
    pub title: String,
    pub class: String,
    pub process: String,
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
    pub focused: bool,
    pub minimised: bool,
}

/// How long nothing had moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Standstill {
    /// Since the last step began.
    pub step_ms: u64,
    /// Since a pixel of the screen was last seen to change; null where the screen was not looked at again.
    pub picture_ms: Option<u64>,
    /// The window in front.
    pub window: Option<String>,
    /// Whether that window answers; null where it cannot be asked.
    pub window_answers: Option<bool>,
    /// What did not come back, where the desktop or the agent itself hangs.
    pub hangs: Option<String>,
}

//! What an attempt may have done to the world, written ahead: intents before a commit, what became of them, and keyed loops.
//!
//! The order is: the agent writes its intent to its own disk, reports it, and acts only once that is acknowledged. At most one
//! intent is open at a time. Should the attempt end while one is, the next attempt gets it in its offer and settles it first.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::job::StepRef;

/// One round of a keyed loop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoopKey {
    /// Of the `for_each` step.
    pub path: String,
    pub key: String,
}

/// Before a step marked `commit` acts. An answer without `revoke`: it is recorded, the agent may act. With `revoke`: nothing is
/// recorded, a cancel, the deadline or the end of the lease came first, and the agent must not act. A report of an intent while
/// another one is open is refused with `conflict`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct IntentReport {
    pub step: StepRef,
    /// Where the step is in a keyed loop.
    pub key: Option<LoopKey>,
    /// All variables as they are now: a later attempt starts with them.
    #[schema(value_type = Object)]
    pub vars: Value,
    /// Whether the step has a `settle`, so that a later attempt can find out what became of it.
    pub can_settle: bool,
}

/// What became of the open intent: by `verify` right after the action, or by `settle` in a later attempt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SettledReport {
    /// Of the intent.
    pub step: StepRef,
    pub key: Option<LoopKey>,
    /// It is done, and must not be done again; else it has not happened.
    pub done: bool,
    /// All variables as they are now.
    #[schema(value_type = Object)]
    pub vars: Value,
}

/// A keyed loop began, or rounds of it ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoopReport {
    /// Of the `for_each` step.
    pub path: String,
    /// How many rounds there are, where that is known.
    pub total: Option<u32>,
    /// Those that are news.
    pub items: Vec<LoopItem>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LoopItem {
    pub key: String,
    pub state: LoopItemState,
    /// What it is worth to `loop.results`; null for none.
    #[serde(default)]
    #[schema(value_type = Value)]
    pub result: Value,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum LoopItemState {
    /// To be done, or to be done again.
    Pending,
    /// Its commit may have happened. Set by the intent alone: no report of a loop says it.
    Committing,
    Done,
    Failed,
}

/// What earlier attempts of the job have left: where this one goes on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Resume {
    /// As they were at the last intent or its settling.
    #[schema(value_type = Object)]
    pub vars: Value,
    /// Path of the last top-most commit known to be done: go on after it. Null: from the beginning.
    pub after: Option<String>,
    /// To be settled before anything else.
    pub settle: Option<OpenIntent>,
    /// Find out what became of it and no more: the policy grants no further try. Not done: end as failed.
    pub settle_only: bool,
    pub loops: Vec<LoopState>,
}

/// An intent nobody has settled.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct OpenIntent {
    pub step: StepRef,
    pub key: Option<LoopKey>,
    /// Since its attempt ended, or since the controller was started after that: the application may save late.
    pub age_ms: u64,
}

/// A keyed loop as far as it came. Rounds that are not named are pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct LoopState {
    pub path: String,
    pub total: Option<u32>,
    pub items: Vec<LoopItem>,
}

//! What the attempts of a job have written ahead: what is about to happen, what is done, and where a later attempt goes on.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::attempt::{Effect, FailedStep};
use crate::{
    ids::{AttemptId, JobId, Json},
    time::Timestamp,
};

/// Part of its job's row. Empty until the first intent or keyed loop.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Journal {
    /// All variables as they were at the last intent or its settling.
    pub vars: Option<Json>,
    /// The commits outside of keyed loops that are done, oldest first. From the first one on the job is never replayed.
    pub done: Vec<FailedStep>,
    /// What nobody has settled. At most one at a time.
    pub intent: Option<Intent>,
    /// By the path of the loop's step.
    pub loops: BTreeMap<String, LoopCounts>,
    /// The next attempt, or the one that runs, finds out what became of the intent and does no more.
    pub settle_only: bool,
    /// How many such attempts there were for this intent.
    pub settle_tries: u32,
}

/// A commit that was about to happen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    pub attempt: AttemptId,
    /// Number of the attempt.
    pub attempt_number: u32,
    pub step: FailedStep,
    /// Where it is in a keyed loop.
    pub key: Option<LoopKey>,
    /// Whether a later attempt can find out what became of it.
    pub can_settle: bool,
    pub at: Timestamp,
    /// The effect of the attempt before it: what it is again if nothing happened.
    pub before: Effect,
}

/// One round of a keyed loop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LoopKey {
    /// Of the loop's step.
    pub path: String,
    pub key: String,
}

/// How far a keyed loop is. Its rounds are rows of their own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LoopCounts {
    /// Where it is known.
    pub total: Option<u32>,
    /// Rows there are.
    pub items: u32,
    pub done: u32,
    pub failed: u32,
    /// Rounds whose commit is known to be done.
    pub committed: u32,
    /// Of keys and results.
    pub bytes: u64,
}

/// What became of one round. Key: job, path, key. A round without a row is pending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LoopItemRow {
    pub job: JobId,
    pub round: LoopKey,
    pub state: LoopItemState,
    /// Its commit is known to be done: it is never done again.
    pub committed: bool,
    pub result: Option<Json>,
    pub at: Timestamp,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LoopItemState {
    Pending,
    Done,
    Failed,
}

/// What a person decided about a job whose effect was unknown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Review {
    pub at: Timestamp,
    pub by: super::token::Principal,
    pub decision: Decided,
    pub note: Option<String>,
    /// Number of the last attempt before it: the retry policy counts from there.
    pub attempt: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decided {
    /// The open commit is forgotten; the job is queued again and goes on after what is known to be done.
    Retry,
    Succeed,
    Fail,
}

impl Decided {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::Succeed => "succeed",
            Self::Fail => "fail",
        }
    }
}

impl Journal {
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// What the job has done to the world, as far as it is known.
    pub fn effect(&self) -> Effect {
        if self.intent.is_some() {
            Effect::Unknown
        } else if self.done.is_empty() && self.committed_rounds() == 0 {
            Effect::None
        } else {
            Effect::Committed
        }
    }

    pub(super) fn has_done(&self, path: &str) -> bool {
        self.done.iter().any(|step| step.path == path)
    }

    fn committed_rounds(&self) -> u32 {
        self.loops.values().map(|counts| counts.committed).sum()
    }

    /// Rounds of all keyed loops that have a row.
    pub(super) fn items(&self) -> u64 {
        self.loops.values().map(|counts| u64::from(counts.items)).sum()
    }

    pub(super) fn item_bytes(&self) -> u64 {
        self.loops.values().map(|counts| counts.bytes).sum()
    }

    /// The open intent is no longer one, however it came to that.
    pub(super) fn close(&mut self) -> Option<Intent> {
        self.settle_tries = 0;
        self.intent.take()
    }

    /// Once the job is over nothing goes on from it: what is only for that need not be kept.
    pub(super) fn conclude(&mut self) {
        self.vars = None;
        self.settle_only = false;
        self.close();
    }
}

impl LoopCounts {
    /// A round's row changes from what it was, if it was, to what it is.
    pub(super) fn count(&mut self, before: Option<&LoopItemRow>, after: &LoopItemRow) {
        match before {
            Some(before) => {
                self.of(before.state, |count| count.saturating_sub(1));
                self.committed = self.committed.saturating_sub(u32::from(before.committed));
                self.bytes = self.bytes.saturating_sub(before.bytes());
            }
            None => self.items = self.items.saturating_add(1),
        }
        self.of(after.state, |count| count.saturating_add(1));
        self.committed = self.committed.saturating_add(u32::from(after.committed));
        self.bytes = self.bytes.saturating_add(after.bytes());
    }

    fn of(&mut self, state: LoopItemState, change: impl FnOnce(u32) -> u32) {
        match state {
            LoopItemState::Pending => {}
            LoopItemState::Done => self.done = change(self.done),
            LoopItemState::Failed => self.failed = change(self.failed),
        }
    }
}

impl LoopItemRow {
    pub(super) fn bytes(&self) -> u64 {
        let result = self.result.as_ref().map_or(0, |result| result.as_str().len());
        u64::try_from(self.round.key.len() + result).unwrap_or(u64::MAX)
    }
}

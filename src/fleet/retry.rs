//! Whether another attempt follows, and when.

use std::time::Duration;

use super::{
    attempt::{Failure, Outcome},
    draft::keyed_hash,
    job::Job,
    state::Fleet,
};
use crate::time::Timestamp;

/// What follows a failed or lost attempt that had no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    /// None: at once.
    Again {
        due: Option<Timestamp>,
    },
    GiveUp,
    /// The deadline has passed.
    TooLate,
}

impl Fleet {
    pub(super) fn next_after(&self, job: &Job, failure: &Failure, now: Timestamp) -> Next {
        if job.spec.deadline.is_some_and(|deadline| deadline <= now) {
            return Next::TooLate;
        }
        let policy = &job.spec.retry;
        let used = attempts_used(job) + 1;
        if !policy.categories.contains(&failure.category) || used >= policy.attempts.max(1) {
            return Next::GiveUp;
        }
        let wait = self.backoff(job, used);
        if wait.is_zero() {
            return Next::Again { due: None };
        }
        let due = now.saturating_add(wait);
        if job.spec.deadline.is_some_and(|deadline| deadline <= due) {
            return Next::GiveUp;
        }
        Next::Again { due: Some(due) }
    }

    /// Doubles with each attempt up to the maximum, then varied by a fifth so that jobs which failed together do not return together.
    fn backoff(&self, job: &Job, used: u32) -> Duration {
        let policy = &job.spec.retry;
        let doubled = policy.backoff_ms.saturating_mul(1 << (used - 1).min(32));
        let full = doubled.min(policy.max_backoff_ms.max(policy.backoff_ms));
        let hash = keyed_hash(&self.meta.seed, job.id.raw() ^ u128::from(used)) % 401;
        let per_mille = 800 + hash;
        Duration::from_millis(full / 1_000 * per_mille + full % 1_000 * per_mille / 1_000)
    }
}

/// Attempts that count and have ended.
pub(super) fn attempts_used(job: &Job) -> u32 {
    let counted = job.attempts.iter().filter(|attempt| attempt.outcome.is_some_and(Outcome::counts));
    u32::try_from(counted.count()).unwrap_or(u32::MAX)
}

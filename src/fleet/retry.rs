//! Whether another attempt follows, and when.

use std::time::Duration;

use super::{
    attempt::{Failure, Outcome},
    draft::keyed_hash,
    job::Job,
    state::Fleet,
};
use crate::mutant::{Mutant, is_on};
use crate::time::Timestamp;

/// Attempts beyond the policy that only find out what became of one open commit.
const MAX_SETTLE_TRIES: u32 = 3;

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

    /// Whether an attempt may follow that only finds out what became of an open commit, and when. The policy has nothing to say
    /// about it: nothing is done again by it.
    pub(super) fn settling_after(&self, job: &Job, now: Timestamp) -> Option<Timestamp> {
        let deadline = job.spec.deadline;
        if job.journal.settle_tries >= MAX_SETTLE_TRIES || deadline.is_some_and(|deadline| deadline <= now) {
            return None;
        }
        let due = now.saturating_add(self.backoff(job, attempts_used(job) + 1));
        // Rather early than not at all.
        Some(if deadline.is_some_and(|deadline| deadline <= due) { now } else { due })
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

/// Attempts that count and have ended, since a person last sent the job on.
pub(super) fn attempts_used(job: &Job) -> u32 {
    if is_on(Mutant::ForgetAttempts) {
        return 0;
    }
    let from = job.reviews.last().map_or(0, |review| review.attempt);
    let since = job.attempts.iter().filter(|attempt| attempt.number > from);
    let counted = since.filter(|attempt| attempt.outcome.is_some_and(Outcome::counts));
    u32::try_from(counted.count()).unwrap_or(u32::MAX)
}

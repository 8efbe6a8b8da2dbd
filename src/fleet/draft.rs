//! A decision in the making: the events so far, and the ids they use.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Decision,
    attempt::{Effect, Failure},
    event::{Event, Fact},
    failure,
    job::Job,
    refusal::Refusal,
    reply::Reply,
    state::Fleet,
    token::Principal,
};
use crate::{
    ids::{BatchId, Digest, JobId, Json},
    mutant::{Mutant, is_on},
    time::{Now, Timestamp},
};

const COUNTER_BITS: u32 = 40;

pub(super) struct Draft<'a> {
    pub(super) fleet: &'a Fleet,
    /// The wall clock in it never runs backwards.
    pub(super) now: Now,
    pub(super) by: Principal,
    counter: u64,
    pub(super) events: Vec<Event>,
    /// Jobs this decision has settled, by batch: the batch may have to stop, or end.
    settled: BTreeMap<BatchId, BTreeSet<JobId>>,
    failed: BTreeMap<BatchId, u32>,
}

impl<'a> Draft<'a> {
    pub(super) fn new(fleet: &'a Fleet, now: Now, by: Principal) -> Self {
        let now = fleet.steady(now);
        let counter = fleet.meta.counter;
        Self { fleet, now, by, counter, events: Vec::new(), settled: BTreeMap::new(), failed: BTreeMap::new() }
    }

    pub(super) fn push(&mut self, fact: Fact) {
        self.events.push(Event {
            at: self.now.wall,
            mono: self.now.mono,
            by: self.by.clone(),
            counter: self.counter,
            fact,
        });
    }

    /// 80 bits for an id: the counter, so that ids of one millisecond sort by arrival, then a hash, so that they cannot be guessed.
    pub(super) fn unique(&mut self) -> u128 {
        self.counter += 1;
        let hash = keyed_hash(&self.fleet.meta.seed, u128::from(self.counter));
        (u128::from(self.counter) << COUNTER_BITS) | u128::from(hash & ((1 << COUNTER_BITS) - 1))
    }

    pub(super) fn wall_ms(&self) -> u64 {
        self.now.wall.as_ms()
    }

    pub(super) fn succeed(&mut self, job: &Job, output: Option<Json>) {
        self.settle(job);
        self.push(Fact::JobSucceeded { job: job.id, output });
    }

    /// What nobody has settled can't simply be cancelled: a person has to look. Nor can what has done something that stays: it
    /// fails, and says so.
    pub(super) fn cancel(&mut self, job: &Job) {
        if job.journal.effect() != Effect::None {
            return self.fail(job, failure::of_cancel(job));
        }
        self.settle(job);
        self.push(Fact::JobCancelled { job: job.id });
    }

    /// As for `cancel`.
    pub(super) fn fail(&mut self, job: &Job, failure: Failure) {
        if job.journal.intent.is_some() {
            return self.review(job, failure);
        }
        self.settle(job);
        self.fail_settled(job, failure);
    }

    /// One that was settled already, as one that needs a review is.
    pub(super) fn fail_settled(&mut self, job: &Job, failure: Failure) {
        if let Some(batch) = job.spec.batch {
            *self.failed.entry(batch).or_default() += 1;
        }
        self.push(Fact::JobFailed { job: job.id, failure: Box::new(failure) });
    }

    /// What became of an open job in a backup that was restored; with a failure it needs a review.
    pub(super) fn restored(&mut self, job: &Job, failure: Option<Failure>, backup_at: Timestamp) {
        if failure.is_some() {
            self.settle(job);
        }
        self.push(Fact::JobRestored { job: job.id, failure: failure.map(Box::new), backup_at });
    }

    pub(super) fn review(&mut self, job: &Job, failure: Failure) {
        if is_on(Mutant::SkipReviews) {
            self.settle(job);
            return self.fail_settled(job, failure);
        }
        self.settle(job);
        let failure = Box::new(failure::for_review(job, failure));
        self.push(Fact::JobNeedsReview { job: job.id, failure });
    }

    fn settle(&mut self, job: &Job) {
        if let Some(batch) = job.spec.batch {
            self.settled.entry(batch).or_default().insert(job.id);
        }
    }

    pub(super) fn finish(mut self, answer: Result<Reply, Refusal>) -> Decision {
        self.stop_batches();
        self.finish_batches();
        Decision { events: self.events, answer }
    }

    /// Batches in which enough jobs have failed cancel those that have not started.
    fn stop_batches(&mut self) {
        for (id, failed) in std::mem::take(&mut self.failed) {
            let Some(batch) = self.fleet.batches.get(&id) else { continue };
            let failures = batch.counts.get(super::job::StateName::Failed) + failed;
            if batch.stopped || batch.stop_after_failures.is_none_or(|limit| failures < limit) {
                continue;
            }
            self.push(Fact::BatchStopped { batch: id, failures });
            self.cancel_not_started(id);
        }
    }

    pub(super) fn cancel_not_started(&mut self, batch: BatchId) {
        let fleet = self.fleet;
        for id in fleet.index.batch_jobs.get(&batch).into_iter().flatten() {
            let gone = self.settled.get(&batch).is_some_and(|settled| settled.contains(id));
            if let Some(job) = fleet.jobs.get(id).filter(|job| !gone && job.run().is_none()) {
                self.cancel(job);
            }
        }
    }

    fn finish_batches(&mut self) {
        for (id, settled) in std::mem::take(&mut self.settled) {
            let open = self.fleet.index.batch_jobs.get(&id).map_or(0, BTreeSet::len);
            if open == settled.len() {
                self.push(Fact::BatchFinished { batch: id });
            }
        }
    }
}

/// 64 bits that look random to who does not know the seed, and are the same for the same value.
pub(super) fn keyed_hash(seed: &Digest, value: u128) -> u64 {
    let mut bytes = [0u8; 48];
    bytes[..32].copy_from_slice(seed.as_bytes());
    bytes[32..].copy_from_slice(&value.to_be_bytes());
    let digest = Digest::of(&bytes);
    digest.as_bytes().iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

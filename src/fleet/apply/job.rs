//! Jobs and batches change state, and leave memory when they settle.

use crate::mutant::{Mutant, is_on};
use crate::{
    fleet::{
        batch::Batch,
        dirty::Remembered,
        event::{Event, Fact},
        index::idempotency_id,
        job::{BlockedReason, IdempotencyKey, Job, JobState, StateName},
        journal::Journal,
        rows::{IdempotencyRow, Made, UniqueKeyRow},
        state::Fleet,
    },
    ids::{BatchId, JobId},
    time::Timestamp,
};

pub(super) fn apply(fleet: &mut Fleet, event: &Event) {
    let at = event.at;
    match &event.fact {
        Fact::BatchSubmitted { batch } => {
            fleet.remember_batch(batch);
            fleet.dirty.batches.insert(batch.id);
            fleet.batches.insert(batch.id, (**batch).clone());
        }
        Fact::BatchStopped { batch, .. } => fleet.change_batch(*batch, |batch| batch.stopped = true),
        Fact::BatchCancelRequested { batch } => {
            fleet.change_batch(*batch, |batch| batch.cancel_requested_at = Some(at));
        }
        Fact::BatchFinished { batch } => fleet.settle_batch(*batch, at),
        Fact::JobSubmitted { job } => fleet.submit(&job.0),
        Fact::JobQueued { job, .. } => {
            let turn = fleet.meta.epoch;
            fleet.change_job(*job, at, |job| {
                enter_queue(job, at, turn);
                job.declines = 0;
                job.state = JobState::Queued;
            });
        }
        Fact::JobBlocked { job, reason } => {
            let turn = fleet.meta.epoch;
            fleet.change_job(*job, at, |job| {
                enter_queue(job, at, turn);
                job.state = JobState::Blocked { reason: reason.clone() };
            });
        }
        Fact::JobRestored { .. } | Fact::JobReleased { .. } => fleet.restored_or_released(event),
        Fact::JobRequeued { job, due, settle_only } => fleet.change_job(*job, at, |job| {
            if is_on(Mutant::ReplayAfterCommit) {
                *job.journal = Journal::default();
            }
            job.journal.settle_only = *settle_only;
            // One that was turned down or withdrawn comes back as it was, and at once.
            job.journal.settle_tries += u32::from(*settle_only && due.is_some());
            job.state = due.map_or(JobState::Queued, |due| JobState::Scheduled { due });
        }),
        Fact::JobCancelRequested { job, request } => {
            fleet.change_job(*job, at, |job| job.cancel = Some(request.clone()));
        }
        Fact::JobSucceeded { job, output } => fleet.change_job(*job, at, |job| {
            job.state = JobState::Succeeded { output: output.clone() };
        }),
        Fact::JobFailed { job, failure } => fleet.change_job(*job, at, |job| {
            job.state = JobState::Failed { failure: failure.clone() };
        }),
        Fact::JobNeedsReview { job, failure } => fleet.change_job(*job, at, |job| {
            job.state = JobState::NeedsReview { failure: failure.clone() };
        }),
        Fact::JobCancelled { job } => fleet.change_job(*job, at, |job| job.state = JobState::Cancelled),
        Fact::JobNoted { row: Some(row) } => {
            fleet.dirty.settled.jobs.insert(row.id, (**row).clone());
        }
        _ => {}
    }
}

/// The first time counts: declines, retries and blocks do not cost a job its place.
fn enter_queue(job: &mut Job, at: Timestamp, turn: u64) {
    if job.queued_at.is_none() {
        job.queued_at = Some(at);
        job.queued_turn = turn;
    }
}

impl Fleet {
    fn restored_or_released(&mut self, event: &Event) {
        let (at, turn) = (event.at, self.meta.epoch);
        match &event.fact {
            Fact::JobRestored { job, failure: Some(failure), .. } => self.change_job(*job, at, |job| {
                job.state = JobState::NeedsReview { failure: failure.clone() };
            }),
            Fact::JobRestored { job, failure: None, backup_at } => self.change_job(*job, at, |job| {
                enter_queue(job, at, turn);
                job.state = JobState::Blocked { reason: BlockedReason::Restored { backup_at: *backup_at } };
            }),
            Fact::JobReleased { job, due, reason } => self.change_job(*job, at, |job| {
                job.state = match (due, reason) {
                    (Some(due), _) => JobState::Scheduled { due: *due },
                    (None, Some(reason)) => JobState::Blocked { reason: reason.clone() },
                    (None, None) => JobState::Queued,
                };
            }),
            _ => {}
        }
    }

    fn submit(&mut self, job: &Job) {
        if let Some(batch) = job.spec.batch {
            self.change_batch(batch, |batch| batch.counts.add(job.name_of_state()));
        }
        self.dirty.jobs.insert(job.id);
        self.insert_job(job.clone());
    }

    /// Takes the job out of all indexes, changes it and puts it where it then belongs.
    pub(super) fn change_job(&mut self, id: JobId, at: Timestamp, change: impl FnOnce(&mut Job)) {
        let Some(mut job) = self.extract_job(id) else { return };
        let before = job.name_of_state();
        change(&mut job);
        let after = job.name_of_state();
        if let Some(batch) = job.spec.batch.filter(|_| before != after) {
            self.change_batch(batch, |batch| {
                batch.counts.remove(before);
                batch.counts.add(after);
            });
        }
        if after.is_settled() {
            self.settle_job(job, at);
        } else {
            self.dirty.jobs.insert(id);
            self.insert_job(job);
        }
    }

    pub(super) fn settle_job(&mut self, mut job: Job, at: Timestamp) {
        let state = job.name_of_state();
        if state != StateName::NeedsReview {
            job.finished_at = Some(at);
            job.journal.conclude();
        }
        self.settle_key(&job, at);
        if let Some(key) = &job.spec.idempotency {
            self.keep_idempotency(key, Made::Job(job.id), at);
        }
        self.forget_cool_downs(job.id);
        self.clear_attempt_timers(job.id);
        self.unsettled.remove(&job.id);
        self.dirty.jobs.remove(&job.id);
        self.dirty.settled.jobs.insert(job.id, job);
    }

    /// A job that needed a review holds its key by a row, which goes if it fails in the end.
    fn settle_key(&mut self, job: &Job, at: Timestamp) {
        let Some(key) = &job.spec.key else { return };
        let id = (job.spec.workflow.clone(), key.clone());
        if matches!(job.name_of_state(), StateName::Succeeded | StateName::NeedsReview) {
            let until = at.saturating_add(self.settings.unique_for);
            let row = UniqueKeyRow { workflow: id.0.clone(), key: id.1.clone(), job: job.id, until };
            self.dirty.settled.unique_keys.insert(id, Some(row));
        } else if !job.reviews.is_empty() {
            self.dirty.settled.unique_keys.insert(id, None);
        }
    }

    fn keep_idempotency(&mut self, key: &IdempotencyKey, made: Made, at: Timestamp) {
        let expires = at.saturating_add(self.settings.idempotency_kept);
        let row = IdempotencyRow { key: key.clone(), made, expires };
        self.dirty.settled.idempotency.insert(idempotency_id(key), row);
    }

    pub(in crate::fleet) fn remember_batch(&mut self, batch: &Batch) {
        if let Some(key) = &batch.idempotency {
            let remembered = Remembered { body: key.body, made: Made::Batch(batch.id) };
            self.index.idempotency.insert(idempotency_id(key), remembered);
        }
    }

    pub(super) fn change_batch(&mut self, id: BatchId, change: impl FnOnce(&mut Batch)) {
        if let Some(batch) = self.batches.get_mut(&id) {
            change(batch);
            self.dirty.batches.insert(id);
        }
    }

    fn settle_batch(&mut self, id: BatchId, at: Timestamp) {
        let Some(mut batch) = self.batches.remove(&id) else { return };
        batch.finished_at = Some(at);
        if let Some(key) = &batch.idempotency {
            self.index.idempotency.remove(&idempotency_id(key));
            self.keep_idempotency(key, Made::Batch(id), at);
        }
        self.dirty.batches.remove(&id);
        self.dirty.settled.batches.insert(id, batch);
    }
}

//! What is given up in time: found by readers a piece at a time, removed by the writer in transactions of bounded size.
//!
//! Whoever looks for old rows may be outrun by those who change them. So the writer looks at each row again before it goes: an
//! open job, a key that is still taken or an artifact of a job under review stays, whatever was asked.

use redb::{ReadableTable as _, ReadableTableMetadata as _, WriteTransaction};
use serde::Deserialize;

use super::{
    Reader, Store,
    error::StoreError,
    events::{Bounds, EventTables},
    job_index::{self, Field},
    load::idempotency_key,
    page::Page,
    record, tables,
};
use crate::{
    fleet::{ArtifactRow, Batch, IdempotencyKey, IdempotencyRow, Job, StateName, SubscriberId, UniqueKeyRow},
    ids::{BatchId, JobId, Name},
    time::Timestamp,
};

/// So many rows are read for one piece, at most.
const MAX_READ: usize = 2_000;
/// The states nothing changes any more.
const TERMINAL: [StateName; 3] = [StateName::Succeeded, StateName::Failed, StateName::Cancelled];

/// An artifact's job, the number of its attempt, its name.
pub type ArtifactKey = (JobId, u32, String);
/// A workflow and the key of one of its jobs.
pub type JobKey = (Name, String);

/// What is to go, as far as it may.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prune {
    pub now: Timestamp,
    /// With their steps and artifacts; a job with very many goes in several pieces, its row last.
    pub jobs: Vec<JobId>,
    /// Those none of whose jobs is kept.
    pub batches: Vec<BatchId>,
    pub artifacts: Vec<ArtifactKey>,
    pub idempotency: Vec<IdempotencyKey>,
    pub unique_keys: Vec<JobKey>,
    pub events: Option<EventLimit>,
    /// Remembers that the file should be made smaller at the next start, or no longer.
    pub compact: Option<bool>,
    /// So many rows go in one transaction, at most.
    pub max_rows: usize,
}

/// Events beyond either go, the oldest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventLimit {
    pub before: Timestamp,
    pub keep: u64,
}

impl EventLimit {
    fn bounds(&self, newest: u64) -> Bounds {
        let keep_from = newest.saturating_add(1).saturating_sub(self.keep);
        Bounds { keep_from, before: self.before, newest }
    }
}

/// What went, and whether there is more of what was asked.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pruned {
    pub jobs: u64,
    pub batches: u64,
    pub artifacts: u64,
    pub keys: u64,
    pub events: u64,
    /// The limit of one transaction was met: ask again.
    pub more: bool,
}

impl Pruned {
    /// Rows people know of; those below a job are counted with it.
    pub const fn total(&self) -> u64 {
        self.jobs + self.batches + self.artifacts + self.keys + self.events
    }

    pub fn add(&mut self, other: &Self) {
        self.jobs += other.jobs;
        self.batches += other.batches;
        self.artifacts += other.artifacts;
        self.keys += other.keys;
        self.events += other.events;
    }
}

/// Of a job's row, what says whether it may go.
#[derive(Deserialize)]
struct Settled {
    finished_at: Option<Timestamp>,
}

impl Store {
    /// One transaction, durable when it returns. As with `commit`, an error leaves the store unusable until `reopen`.
    pub fn prune(&mut self, prune: &Prune) -> Result<Pruned, StoreError> {
        let transaction = self.shared.begin_write()?;
        let mut work = Work { transaction: &transaction, left: prune.max_rows, pruned: Pruned::default() };
        work.keys(prune)?;
        work.artifacts(&prune.artifacts)?;
        work.jobs(&prune.jobs)?;
        work.batches(&prune.batches)?;
        if let Some(limit) = prune.events {
            work.events(limit, self.newest_event)?;
        }
        let pruned = work.pruned;
        if let Some(compact) = prune.compact {
            super::compaction::remember(&transaction, compact)?;
        }
        transaction.commit()?;
        Ok(pruned)
    }
}

struct Work<'t> {
    transaction: &'t WriteTransaction,
    left: usize,
    pruned: Pruned,
}

impl Work<'_> {
    /// Whether one more row may go; else there is more to do.
    fn take(&mut self) -> bool {
        self.pruned.more |= self.left == 0;
        self.left = self.left.saturating_sub(1);
        !self.pruned.more
    }

    fn keys(&mut self, prune: &Prune) -> Result<(), StoreError> {
        let mut rows = self.transaction.open_table(tables::IDEMPOTENCY)?;
        for key in &prune.idempotency {
            let row = rows.get(idempotency_key(key))?.map(|row| record::decode("an idempotency key", row.value()));
            let row: Option<IdempotencyRow> = row.transpose()?;
            if row.is_some_and(|row| row.expires <= prune.now) && self.take() {
                rows.remove(idempotency_key(key))?;
                self.pruned.keys += 1;
            }
        }
        let mut rows = self.transaction.open_table(tables::JOB_KEYS)?;
        for (workflow, key) in &prune.unique_keys {
            let id = (workflow.as_str(), key.as_str());
            let row = rows.get(id)?.map(|row| record::decode("a job's key", row.value())).transpose()?;
            if row.is_some_and(|row: UniqueKeyRow| row.until <= prune.now) && self.take() {
                rows.remove(id)?;
                self.pruned.keys += 1;
            }
        }
        Ok(())
    }

    fn artifacts(&mut self, artifacts: &[ArtifactKey]) -> Result<(), StoreError> {
        let jobs = self.transaction.open_table(tables::JOBS)?;
        let mut rows = self.transaction.open_table(tables::ARTIFACTS)?;
        for (job, attempt, name) in artifacts {
            let owner = jobs.get(job.raw())?.map(|row| record::decode("a job", row.value())).transpose()?;
            if owner.is_some_and(|owner: Job| !is_terminal(&owner)) {
                continue;
            }
            if self.take() && rows.remove((job.raw(), *attempt, name.as_str()))?.is_some() {
                self.pruned.artifacts += 1;
            }
        }
        Ok(())
    }

    fn jobs(&mut self, ids: &[JobId]) -> Result<(), StoreError> {
        for id in ids {
            if self.pruned.more {
                return Ok(());
            }
            self.job(*id)?;
        }
        Ok(())
    }

    fn job(&mut self, id: JobId) -> Result<(), StoreError> {
        let mut jobs = self.transaction.open_table(tables::JOBS)?;
        let job: Option<Job> = jobs.get(id.raw())?.map(|row| record::decode("a job", row.value())).transpose()?;
        let Some(job) = job.filter(is_terminal) else { return Ok(()) };
        if self.is_still_told(&job)? {
            return Ok(());
        }
        let (raw, next) = (id.raw(), id.raw().saturating_add(1));
        let mut steps = self.transaction.open_table(tables::STEPS)?;
        let of_job = steps.range((raw, 0, 0)..(next, 0, 0))?.take(self.left.saturating_add(1));
        let keys: Result<Vec<_>, _> = of_job.map(|row| row.map(|(key, _)| key.value())).collect();
        for key in keys? {
            if self.take() {
                steps.remove(key)?;
            }
        }
        let mut artifacts = self.transaction.open_table(tables::ARTIFACTS)?;
        let of_job = artifacts.range((raw, 0, "")..(next, 0, ""))?.take(self.left.saturating_add(1));
        let key = |(_, attempt, name): (u128, u32, &str)| (attempt, name.to_owned());
        let keys: Result<Vec<_>, _> = of_job.map(|row| row.map(|(found, _)| key(found.value()))).collect();
        for (attempt, name) in keys? {
            if self.take() {
                artifacts.remove((raw, attempt, name.as_str()))?;
                self.pruned.artifacts += 1;
            }
        }
        self.loop_items(id)?;
        if self.take() {
            job_index::remove(&mut self.transaction.open_table(tables::JOB_INDEX)?, &job)?;
            jobs.remove(raw)?;
            self.pruned.jobs += 1;
        }
        Ok(())
    }

    /// Where its messages go to stands in its row alone.
    fn is_still_told(&self, job: &Job) -> Result<bool, StoreError> {
        let pending = self.transaction.open_table(tables::PENDING_MESSAGES)?;
        for number in (0u8..).take(job.spec.notify.len()) {
            let subscriber = SubscriberId::Job(job.id, number).to_string();
            if pending.range((subscriber.as_str(), 0)..=(subscriber.as_str(), u64::MAX))?.next().is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn loop_items(&mut self, id: JobId) -> Result<(), StoreError> {
        let (raw, next) = (id.raw(), id.raw().saturating_add(1));
        let mut items = self.transaction.open_table(tables::LOOP_ITEMS)?;
        let of_job = items.range((raw, "", "")..(next, "", ""))?.take(self.left.saturating_add(1));
        let key = |(_, path, key): (u128, &str, &str)| (path.to_owned(), key.to_owned());
        let keys: Result<Vec<_>, _> = of_job.map(|row| row.map(|(found, _)| key(found.value()))).collect();
        for (path, key) in keys? {
            if self.take() {
                items.remove((raw, path.as_str(), key.as_str()))?;
            }
        }
        Ok(())
    }

    fn batches(&mut self, ids: &[BatchId]) -> Result<(), StoreError> {
        let index = self.transaction.open_table(tables::JOB_INDEX)?;
        let mut batches = self.transaction.open_table(tables::BATCHES)?;
        for id in ids {
            let row = batches.get(id.raw())?.map(|row| record::decode("a batch", row.value())).transpose()?;
            let settled = row.is_some_and(|row: Batch| row.is_settled());
            if settled && job_index::is_free(&index, (Field::Batch, &id.to_string()))? && self.take() {
                batches.remove(id.raw())?;
                self.pruned.batches += 1;
            }
        }
        Ok(())
    }

    fn events(&mut self, limit: EventLimit, newest: u64) -> Result<(), StoreError> {
        let mut events = EventTables {
            events: self.transaction.open_table(tables::EVENTS)?,
            subjects: self.transaction.open_table(tables::EVENT_SUBJECTS)?,
        };
        let trimmed = events.trim(limit.bounds(newest), self.left)?;
        self.pruned.more |= trimmed == self.left;
        self.pruned.events += trimmed as u64;
        self.left -= trimmed;
        Ok(())
    }
}

fn is_terminal(job: &Job) -> bool {
    TERMINAL.contains(&job.name_of_state())
}

impl Reader {
    /// Whether there is an event beyond the limit, where `newest` is the number of the newest.
    pub fn has_events_beyond(&self, limit: EventLimit, newest: u64) -> Result<bool, StoreError> {
        self.has_events_beyond_bounds(limit.bounds(newest))
    }

    /// Jobs that ended before a time, in the order of their creation. A page may be empty and have a `next`.
    pub fn jobs_ended_before(&self, before: Timestamp, after: Option<JobId>) -> Result<Page<JobId, JobId>, StoreError> {
        let transaction = self.shared.begin_read()?;
        let jobs = transaction.open_table(tables::JOBS)?;
        // None ends before it was made, and ids begin with that time.
        let bounds = (after.map_or(0, |after| after.raw().saturating_add(1)), JobId::new(before.as_ms(), 0).raw());
        let mut page = Page { items: Vec::new(), next: None };
        for (read, id) in terminal_ids(&transaction, bounds)?.enumerate() {
            let id = id?;
            let Some(row) = jobs.get(id)? else { continue };
            let job: Settled = record::decode("a job", row.value())?;
            page.items.extend(job.finished_at.filter(|at| *at < before).map(|_| JobId::from_raw(id)));
            if read + 1 >= MAX_READ {
                page.next = Some(JobId::from_raw(id));
                break;
            }
        }
        Ok(page)
    }

    /// The oldest ended jobs, as many as there are too many.
    pub fn jobs_beyond(&self, keep: u64) -> Result<Vec<JobId>, StoreError> {
        let transaction = self.shared.begin_read()?;
        let too_many = transaction.open_table(tables::JOBS)?.len()?.saturating_sub(keep);
        let too_many = usize::try_from(too_many).unwrap_or(usize::MAX).min(MAX_READ);
        terminal_ids(&transaction, (0, u128::MAX))?.take(too_many).map(|id| id.map(JobId::from_raw)).collect()
    }

    /// Batches that ended before a time.
    pub fn batches_ended_before(
        &self,
        before: Timestamp,
        after: Option<BatchId>,
    ) -> Result<Page<BatchId, BatchId>, StoreError> {
        let batches = self.shared.begin_read()?.open_table(tables::BATCHES)?;
        let from = after.map_or(0, |after| after.raw().saturating_add(1));
        let mut page = Page { items: Vec::new(), next: None };
        for (read, row) in batches.range(from..)?.enumerate() {
            let (id, row) = row?;
            let batch: Settled = record::decode("a batch", row.value())?;
            let id = BatchId::from_raw(id.value());
            page.items.extend(batch.finished_at.filter(|at| *at < before).map(|_| id));
            if read + 1 >= MAX_READ {
                page.next = Some(id);
                break;
            }
        }
        Ok(page)
    }

    /// Artifacts stored before a time, in the order of their jobs; with their sizes.
    pub fn artifacts_before(
        &self,
        before: Timestamp,
        after: Option<&ArtifactKey>,
    ) -> Result<Page<(ArtifactKey, u64), ArtifactKey>, StoreError> {
        use std::ops::Bound::{Excluded, Included, Unbounded};
        let artifacts = self.shared.begin_read()?.open_table(tables::ARTIFACTS)?;
        let from = after.map_or(Unbounded, |(job, attempt, name)| Excluded((job.raw(), *attempt, name.as_str())));
        let to = Included((JobId::new(before.as_ms(), 0).raw(), 0, ""));
        let mut page = Page { items: Vec::new(), next: None };
        for (read, row) in artifacts.range((from, to))?.enumerate() {
            let row: ArtifactRow = record::decode("an artifact", row?.1.value())?;
            let key = (row.job, row.attempt_number, row.artifact.name);
            if row.at < before {
                page.items.push((key.clone(), row.artifact.bytes));
            }
            if read + 1 >= MAX_READ {
                page.next = Some(key);
                break;
            }
        }
        Ok(page)
    }

    /// Idempotency keys that are void.
    pub fn void_idempotency(
        &self,
        now: Timestamp,
        after: Option<&IdempotencyKey>,
    ) -> Result<Page<IdempotencyKey, IdempotencyKey>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let rows = self.shared.begin_read()?.open_table(tables::IDEMPOTENCY)?;
        let from = after.map_or(Unbounded, |after| Excluded(idempotency_key(after)));
        let mut page = Page { items: Vec::new(), next: None };
        for (read, row) in rows.range::<(u128, &str, &str)>((from, Unbounded))?.enumerate() {
            let row: IdempotencyRow = record::decode("an idempotency key", row?.1.value())?;
            if read + 1 >= MAX_READ {
                page.next = Some(row.key.clone());
            }
            page.items.extend(Some(row).filter(|row| row.expires <= now).map(|row| row.key));
            if page.next.is_some() {
                break;
            }
        }
        Ok(page)
    }

    /// Keys of jobs that are free again.
    pub fn free_unique_keys(&self, now: Timestamp, after: Option<&JobKey>) -> Result<Page<JobKey, JobKey>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let rows = self.shared.begin_read()?.open_table(tables::JOB_KEYS)?;
        let from = after.map_or(Unbounded, |(workflow, key)| Excluded((workflow.as_str(), key.as_str())));
        let mut page = Page { items: Vec::new(), next: None };
        for (read, row) in rows.range::<(&str, &str)>((from, Unbounded))?.enumerate() {
            let row: UniqueKeyRow = record::decode("a job's key", row?.1.value())?;
            let id = (row.workflow, row.key);
            if row.until <= now {
                page.items.push(id.clone());
            }
            if read + 1 >= MAX_READ {
                page.next = Some(id);
                break;
            }
        }
        Ok(page)
    }
}

fn terminal_ids(
    transaction: &redb::ReadTransaction,
    (lowest, highest): (u128, u128),
) -> Result<job_index::Ids, StoreError> {
    if lowest > highest {
        return Ok(Box::new(std::iter::empty()));
    }
    let index = job_index::open(transaction)?;
    let lists: Result<Vec<_>, _> = TERMINAL
        .iter()
        .map(|state| job_index::ids(&index, (Field::State, state.as_str()), (lowest, highest), false))
        .collect();
    Ok(job_index::merge(lists?, false))
}

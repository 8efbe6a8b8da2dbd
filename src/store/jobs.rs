//! Jobs as committed: one, or a filtered list a page at a time.

use std::collections::BTreeSet;

use redb::{ReadOnlyTable, ReadTransaction};

use super::{
    Reader,
    error::StoreError,
    job_index::{self, Field, Ids},
    page::{Order, Page, PageRequest},
    record, tables,
};
use crate::{
    fleet::{Category, Job, Labels, Place, StateName},
    ids::{BatchId, JobId, MachineName, Name},
    time::Timestamp,
};

/// So many rows are read for one page, at most: half a second's work on a cold disk.
const MAX_READ: usize = 5_000;

/// All that is given must fit. An empty set or map leaves the field open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JobFilter {
    pub states: BTreeSet<StateName>,
    pub workflow: Option<Name>,
    /// The pool the job was put into; jobs that name their machine have none.
    pub pool: Option<Name>,
    /// Of the last attempt.
    pub machine: Option<MachineName>,
    pub team: Option<Name>,
    pub batch: Option<BatchId>,
    pub key: Option<String>,
    pub labels: Labels,
    /// Of the job's failure.
    pub categories: BTreeSet<Category>,
    /// Created then or later.
    pub since: Option<Timestamp>,
    /// Created before.
    pub until: Option<Timestamp>,
}

impl JobFilter {
    fn fits(&self, job: &Job) -> bool {
        let spec = &job.spec;
        let in_pool = |pool: &Name| matches!(&spec.place, Place::Pool(own) if own == pool);
        let category = job.failure().map(|failure| failure.category);
        (self.states.is_empty() || self.states.contains(&job.name_of_state()))
            && self.workflow.as_ref().is_none_or(|workflow| *workflow == spec.workflow)
            && self.pool.as_ref().is_none_or(in_pool)
            && self.machine.as_ref().is_none_or(|machine| job.machine() == Some(machine))
            && self.team.as_ref().is_none_or(|team| *team == spec.team)
            && self.batch.is_none_or(|batch| spec.batch == Some(batch))
            && self.key.as_ref().is_none_or(|key| spec.key.as_ref() == Some(key))
            && self.labels.iter().all(|(label, value)| spec.labels.get(label) == Some(value))
            && (self.categories.is_empty() || category.is_some_and(|category| self.categories.contains(&category)))
            && self.since.is_none_or(|since| job.created_at >= since)
            && self.until.is_none_or(|until| job.created_at < until)
    }

    /// The entries of the index that hold all jobs that can fit, the shortest lists first; none: all jobs.
    fn entries(&self) -> Vec<(Field, String)> {
        if let Some(batch) = self.batch {
            return vec![(Field::Batch, batch.to_string())];
        }
        if let Some(key) = &self.key {
            return vec![(Field::Key, key.clone())];
        }
        let only_open = !self.states.is_empty() && self.states.iter().all(|state| !state.is_settled());
        let states = || self.states.iter().map(|state| (Field::State, state.as_str().to_owned())).collect();
        if only_open {
            return states();
        }
        if let Some(machine) = &self.machine {
            return vec![(Field::Machine, machine.to_string())];
        }
        if let Some(workflow) = &self.workflow {
            return vec![(Field::Workflow, workflow.to_string())];
        }
        states()
    }

    /// Ids begin with the time of creation.
    fn id_range(&self) -> (u128, u128) {
        let lowest = self.since.map_or(0, |since| JobId::new(since.as_ms(), 0).raw());
        let highest = self.until.map_or(u128::MAX, |until| JobId::new(until.as_ms(), 0).raw());
        (lowest, highest)
    }
}

type Jobs = ReadOnlyTable<u128, &'static [u8]>;

impl Reader {
    pub fn job(&self, id: JobId) -> Result<Option<Job>, StoreError> {
        let jobs = self.shared.begin_read()?.open_table(tables::JOBS)?;
        get(&jobs, id.raw())
    }

    /// All jobs of a batch, in the order of their ids.
    pub fn batch_jobs(&self, id: BatchId) -> Result<Vec<JobId>, StoreError> {
        let index = job_index::open(&self.shared.begin_read()?)?;
        let ids = job_index::ids(&index, (Field::Batch, &id.to_string()), (0, u128::MAX), false)?;
        ids.map(|id| id.map(JobId::from_raw)).collect()
    }

    pub fn jobs(&self, filter: &JobFilter, page: &PageRequest<JobId>) -> Result<Page<Job, JobId>, StoreError> {
        let transaction = self.shared.begin_read()?;
        let jobs = transaction.open_table(tables::JOBS)?;
        let mut items = Vec::new();
        let mut last = None;
        for (read, id) in candidates(&transaction, &jobs, filter, page)?.enumerate() {
            if items.len() >= page.limit || read >= MAX_READ {
                return Ok(Page { items, next: last });
            }
            let id = id?;
            items.extend(get(&jobs, id)?.filter(|job| filter.fits(job)));
            last = Some(JobId::from_raw(id));
        }
        Ok(Page { items, next: None })
    }
}

fn candidates(
    transaction: &ReadTransaction,
    jobs: &Jobs,
    filter: &JobFilter,
    page: &PageRequest<JobId>,
) -> Result<Ids, StoreError> {
    let newest_first = page.order == Order::NewestFirst;
    let (mut lowest, mut highest) = filter.id_range();
    match page.after {
        Some(after) if newest_first => highest = highest.min(after.raw().saturating_sub(1)),
        Some(after) => lowest = lowest.max(after.raw().saturating_add(1)),
        None => {}
    }
    if lowest > highest {
        return Ok(Box::new(std::iter::empty()));
    }
    let entries = filter.entries();
    if entries.is_empty() {
        let range = jobs.range(lowest..=highest)?;
        let ids = range.map(|row| row.map(|(id, _)| id.value()).map_err(StoreError::from));
        return Ok(if newest_first { Box::new(ids.rev()) } else { Box::new(ids) });
    }
    let index = job_index::open(transaction)?;
    let lists: Result<Vec<_>, _> = entries
        .iter()
        .map(|(field, value)| job_index::ids(&index, (*field, value), (lowest, highest), newest_first))
        .collect();
    Ok(job_index::merge(lists?, newest_first))
}

pub(super) fn get(jobs: &Jobs, id: u128) -> Result<Option<Job>, StoreError> {
    jobs.get(id)?.map(|row| record::decode("a job", row.value())).transpose()
}

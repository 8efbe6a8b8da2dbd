//! By which fields jobs are found without reading them all.
//!
//! One table for all fields: (field, value, job). State, workflow, batch, key and machine are indexed, because people ask by them
//! and they cut the list down; state also says which jobs to load at start. Pool, team, labels, category and times are compared
//! while reading (ids are in the order of time, so times bound the range).

use redb::{ReadOnlyTable, ReadableTable as _, Table};

use super::{error::StoreError, tables::JOB_INDEX};
use crate::fleet::{Job, StateName};

/// Values are part of the file: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Field {
    State = 1,
    Workflow = 2,
    Batch = 3,
    Key = 4,
    Machine = 5,
}

pub(super) type Index<'t> = Table<'t, (u8, &'static str, u128), ()>;
pub(super) type ReadIndex = ReadOnlyTable<(u8, &'static str, u128), ()>;

/// All entries of one job.
fn entries(job: &Job) -> Vec<(Field, String)> {
    let mut entries =
        vec![(Field::State, job.name_of_state().as_str().to_owned()), (Field::Workflow, job.spec.workflow.to_string())];
    entries.extend(job.spec.batch.map(|batch| (Field::Batch, batch.to_string())));
    entries.extend(job.spec.key.clone().map(|key| (Field::Key, key)));
    entries.extend(job.machine().map(|machine| (Field::Machine, machine.to_string())));
    entries
}

/// Brings the entries of a job from those of its row before to those of its row now.
pub(super) fn update(index: &mut Index<'_>, before: Option<&Job>, job: &Job) -> Result<(), StoreError> {
    let old = before.map(entries).unwrap_or_default();
    let new = entries(job);
    for (field, value) in old.iter().filter(|entry| !new.contains(entry)) {
        index.remove((*field as u8, value.as_str(), job.id.raw()))?;
    }
    for (field, value) in new.iter().filter(|entry| !old.contains(entry)) {
        index.insert((*field as u8, value.as_str(), job.id.raw()), ())?;
    }
    Ok(())
}

impl std::fmt::Display for Field {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::State => "state",
            Self::Workflow => "workflow",
            Self::Batch => "batch",
            Self::Key => "key",
            Self::Machine => "machine",
        })
    }
}

/// How many entries a job should have, and those that are not there.
pub(super) fn missing(index: &ReadIndex, job: &Job) -> Result<(u64, Vec<(Field, String)>), StoreError> {
    let all = entries(job);
    let (count, mut missing) = (all.len() as u64, Vec::new());
    for (field, value) in all {
        if index.get((field as u8, value.as_str(), job.id.raw()))?.is_none() {
            missing.push((field, value));
        }
    }
    Ok((count, missing))
}

/// Takes a job out whose row goes.
pub(super) fn remove(index: &mut Index<'_>, job: &Job) -> Result<(), StoreError> {
    for (field, value) in entries(job) {
        index.remove((field as u8, value.as_str(), job.id.raw()))?;
    }
    Ok(())
}

/// Whether no job has this entry.
pub(super) fn is_free(index: &Index<'_>, (field, value): (Field, &str)) -> Result<bool, StoreError> {
    let field = field as u8;
    Ok(index.range((field, value, 0)..=(field, value, u128::MAX))?.next().is_none())
}

/// Job ids in the order asked for, each with the error of reading it where there was one.
pub(super) type Ids = Box<dyn Iterator<Item = Result<u128, StoreError>>>;

/// The jobs of one entry with ids in `lowest..=highest`.
pub(super) fn ids(
    index: &ReadIndex,
    (field, value): (Field, &str),
    (lowest, highest): (u128, u128),
    newest_first: bool,
) -> Result<Ids, StoreError> {
    let field = field as u8;
    let range = index.range((field, value, lowest)..=(field, value, highest))?;
    let range = range.map(|entry| entry.map(|(key, _)| key.value().2).map_err(StoreError::from));
    Ok(if newest_first { Box::new(range.rev()) } else { Box::new(range) })
}

/// Several lists that are each in order, as one list in order.
pub(super) fn merge(lists: Vec<Ids>, newest_first: bool) -> Ids {
    let mut lists: Vec<_> = lists.into_iter().map(Iterator::peekable).collect();
    Box::new(std::iter::from_fn(move || {
        let heads = lists.iter_mut().enumerate().filter_map(|(list, ids)| {
            // An error goes first, whatever the order.
            ids.peek().map(|head| (head.as_ref().ok().map(|id| if newest_first { u128::MAX - id } else { *id }), list))
        });
        let (_, next) = heads.min()?;
        lists[next].next()
    }))
}

/// The jobs the fleet has in memory.
pub(super) fn open_ids(index: &ReadIndex) -> Result<Ids, StoreError> {
    let open = StateName::ALL.into_iter().filter(|state| !state.is_settled());
    let lists: Result<Vec<_>, _> =
        open.map(|state| ids(index, (Field::State, state.as_str()), (0, u128::MAX), false)).collect();
    Ok(merge(lists?, false))
}

/// Opens it in a read transaction.
pub(super) fn open(transaction: &redb::ReadTransaction) -> Result<ReadIndex, StoreError> {
    Ok(transaction.open_table(JOB_INDEX)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(ids: &[u128]) -> Ids {
        let ids = ids.to_vec();
        Box::new(ids.into_iter().map(Ok))
    }

    #[test]
    fn merged_lists_are_in_order_either_way() {
        let up: Vec<_> = merge(vec![list(&[1, 5]), list(&[]), list(&[2, 3, 9])], false).map(Result::unwrap).collect();
        assert_eq!(up, [1, 2, 3, 5, 9]);
        let down: Vec<_> = merge(vec![list(&[5, 1]), list(&[9, 3])], true).map(Result::unwrap).collect();
        assert_eq!(down, [9, 5, 3, 1]);
    }
}

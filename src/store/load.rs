//! What the fleet starts from, and what it asks for in between.

use redb::{ReadTransaction, ReadableTable as _};
use serde::de::DeserializeOwned;

use super::{Reader, commit::META_KEY, error::StoreError, history::read, job_index, jobs, outbox, record, tables};
use crate::{
    fleet::{Found, IdempotencyKey, Made, Meta, Need, Rows},
    ids::{BatchId, Digest, JobId, Name},
};

impl Reader {
    /// All rows of open work, machines, documents and tokens. A new database starts with a seed of its own.
    pub fn load(&self) -> Result<Rows, StoreError> {
        let transaction = self.shared.begin_read()?;
        let jobs = transaction.open_table(tables::JOBS)?;
        let open_jobs: Result<Vec<_>, StoreError> = job_index::open_ids(&job_index::open(&transaction)?)?
            .map(|id| {
                let id = id?;
                jobs::get(&jobs, id)?.ok_or_else(|| dangling("job", &JobId::from_raw(id)))
            })
            .collect();
        Ok(Rows {
            meta: meta(&transaction)?,
            jobs: open_jobs?,
            batches: open_batches(&transaction)?,
            machines: all(&transaction, tables::MACHINES, "a machine")?,
            heads: all(&transaction, tables::HEADS, "a document")?,
            tokens: all(&transaction, tables::TOKENS, "a token")?,
            join_tokens: all(&transaction, tables::JOIN_TOKENS, "a join token")?,
            targets: all(&transaction, tables::TARGETS, "a channel's target")?,
            pending: outbox::pending(&transaction)?,
            newest_event: transaction.open_table(tables::EVENTS)?.last()?.map_or(0, |(seq, _)| seq.value()),
        })
    }

    /// Reads what a command needs to be decided.
    pub fn find(&self, needs: &[Need]) -> Result<Found, StoreError> {
        let mut found = Found::default();
        if needs.is_empty() {
            return Ok(found);
        }
        let transaction = self.shared.begin_read()?;
        for need in needs {
            find_one(&transaction, need, &mut found)?;
        }
        Ok(found)
    }
}

fn find_one(transaction: &ReadTransaction, need: &Need, found: &mut Found) -> Result<(), StoreError> {
    match need {
        Need::Job(id) => {
            find_job(transaction, *id, found)?;
            let Some(spec) = found.jobs.get(id).map(|job| job.spec.clone()) else { return Ok(()) };
            if let Some(key) = &spec.key {
                find_unique_key(transaction, &spec.workflow, key, found)?;
            }
            spec.batch.map_or(Ok(()), |batch| find_batch(transaction, batch, found))
        }
        Need::Batch(id) => find_batch(transaction, *id, found),
        Need::Idempotency(key) => {
            let rows = transaction.open_table(tables::IDEMPOTENCY)?;
            found.idempotency = read("an idempotency key", rows.get(idempotency_key(key))?)?;
            match found.idempotency.as_ref().map(|row| row.made) {
                Some(Made::Job(id)) => find_job(transaction, id, found),
                Some(Made::Batch(id)) => find_batch(transaction, id, found),
                None => Ok(()),
            }
        }
        Need::UniqueKey { workflow, key } => find_unique_key(transaction, workflow, key, found),
        Need::LoopItem(job, round) => {
            let rows = transaction.open_table(tables::LOOP_ITEMS)?;
            let row = rows.get((job.raw(), round.path.as_str(), round.key.as_str()))?;
            if let Some(row) = read("an item of a loop", row)? {
                found.loop_items.insert((*job, round.clone()), row);
            }
            Ok(())
        }
        Need::Version { kind, name, version } => {
            let rows = transaction.open_table(tables::DOCUMENTS)?;
            if let Some(row) = read("a document", rows.get((kind.as_str(), name.as_str(), *version))?)? {
                found.versions.insert((*kind, name.clone(), *version), row);
            }
            Ok(())
        }
        Need::Messages { subscriber, from, to, at_most } => {
            found.messages = Reader::message_numbers(transaction, subscriber, (*from, *to), *at_most)?;
            Ok(())
        }
    }
}

fn find_unique_key(
    transaction: &ReadTransaction,
    workflow: &Name,
    key: &str,
    found: &mut Found,
) -> Result<(), StoreError> {
    let rows = transaction.open_table(tables::JOB_KEYS)?;
    if let Some(row) = read("a job's key", rows.get((workflow.as_str(), key))?)? {
        found.unique_keys.insert((workflow.clone(), key.to_owned()), row);
    }
    Ok(())
}

fn find_job(transaction: &ReadTransaction, id: JobId, found: &mut Found) -> Result<(), StoreError> {
    let job = jobs::get(&transaction.open_table(tables::JOBS)?, id.raw())?;
    found.jobs.extend(job.map(|job| (id, job)));
    Ok(())
}

fn find_batch(transaction: &ReadTransaction, id: BatchId, found: &mut Found) -> Result<(), StoreError> {
    let batch = read("a batch", transaction.open_table(tables::BATCHES)?.get(id.raw())?)?;
    found.batches.extend(batch.map(|batch| (id, batch)));
    Ok(())
}

/// No token is 0: ids of tokens hold the time they were made at.
pub(super) fn idempotency_key(key: &IdempotencyKey) -> (u128, &str, &str) {
    (key.token.map_or(0, crate::ids::TokenId::raw), &key.route, &key.key)
}

fn meta(transaction: &ReadTransaction) -> Result<Meta, StoreError> {
    let rows = transaction.open_table(tables::META)?;
    if let Some(meta) = read("the fleet's counters", rows.get(META_KEY)?)? {
        return Ok(meta);
    }
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| StoreError::Unreadable { what: "the system's random numbers", detail: error.to_string() })?;
    Ok(Meta::new(Digest::from_bytes(seed)))
}

fn open_batches(transaction: &ReadTransaction) -> Result<Vec<crate::fleet::Batch>, StoreError> {
    let batches = transaction.open_table(tables::BATCHES)?;
    let open = transaction.open_table(tables::OPEN_BATCHES)?;
    open.iter()?
        .map(|entry| {
            let id = entry?.0.value();
            read("a batch", batches.get(id)?)?.ok_or_else(|| dangling("batch", &BatchId::from_raw(id)))
        })
        .collect()
}

fn all<K: redb::Key + 'static, T: DeserializeOwned>(
    transaction: &ReadTransaction,
    table: redb::TableDefinition<'static, K, &'static [u8]>,
    what: &'static str,
) -> Result<Vec<T>, StoreError> {
    let rows = transaction.open_table(table)?;
    rows.iter()?.map(|row| record::decode(what, row?.1.value())).collect()
}

fn dangling(what: &'static str, id: &dyn std::fmt::Display) -> StoreError {
    StoreError::Unreadable { what, detail: format!("the index names {id}, which is not there") }
}

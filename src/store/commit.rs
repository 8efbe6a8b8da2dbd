//! One batch of changes as one durable transaction: all of it, or nothing.

use redb::{ReadableTable as _, Table, WriteTransaction};
use serde::Serialize;

use super::{
    error::StoreError,
    events::{Bounds, EventTables, NewEvent},
    history::Frame,
    job_index::{self, Index},
    load::idempotency_key,
    outbox::OutboxTables,
    record, tables,
};
use crate::{
    fleet::{ArtifactRow, Batch, DocumentHead, DocumentVersion, Job, StepRow, Write},
    ids::MachineId,
    time::Timestamp,
};

/// The row of the fleet's counters in the table of single values.
pub(super) const META_KEY: &str = "fleet";

/// What one batch of commands changed.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Transaction {
    pub writes: Vec<Write>,
    pub events: Vec<NewEvent>,
    pub frames: Vec<(MachineId, Frame)>,
}

impl Transaction {
    pub fn is_empty(&self) -> bool {
        self.writes.is_empty() && self.events.is_empty() && self.frames.is_empty()
    }
}

type Bytes = &'static [u8];

struct Tables<'t> {
    meta: Table<'t, &'static str, Bytes>,
    jobs: Table<'t, u128, Bytes>,
    job_index: Index<'t>,
    batches: Table<'t, u128, Bytes>,
    open_batches: Table<'t, u128, ()>,
    steps: Table<'t, (u128, u32, u32), Bytes>,
    artifacts: Table<'t, (u128, u32, &'static str), Bytes>,
    heads: Table<'t, (&'static str, &'static str), Bytes>,
    documents: Table<'t, (&'static str, &'static str, u32), Bytes>,
    machines: Table<'t, u128, Bytes>,
    frames: Table<'t, u128, Bytes>,
    tokens: Table<'t, u128, Bytes>,
    join_tokens: Table<'t, u128, Bytes>,
    idempotency: Table<'t, (u128, &'static str, &'static str), Bytes>,
    job_keys: Table<'t, (&'static str, &'static str), Bytes>,
    targets: Table<'t, &'static str, Bytes>,
    loop_items: Table<'t, (u128, &'static str, &'static str), Bytes>,
}

/// What the writer knows beside the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct Numbers {
    /// Of the first event.
    pub(super) first_seq: u64,
    pub(super) keep_events: u64,
    pub(super) messages_trimmed: u64,
}

/// Writes everything; the caller commits. Answers up to where messages have been given up.
pub(super) fn write(transaction: &WriteTransaction, batch: &Transaction, numbers: Numbers) -> Result<u64, StoreError> {
    let Numbers { first_seq, keep_events, messages_trimmed } = numbers;
    let next_seq = first_seq + batch.events.len() as u64;
    let keep_from = next_seq.saturating_sub(keep_events);
    let mut tables = Tables::open(transaction)?;
    // Most commits tell nobody anything, and then there is nothing to open.
    let concerns = |change: &Write| matches!(change, Write::Posted(_) | Write::Delivery(_));
    let wanted = messages_trimmed < keep_from || batch.writes.iter().any(concerns);
    let mut outbox = wanted.then(|| OutboxTables::open(transaction)).transpose()?;
    for change in &batch.writes {
        match (change, &mut outbox) {
            (Write::Posted(posted), Some(outbox)) => outbox.post(posted, &batch.events, first_seq)?,
            (Write::Delivery(row), Some(outbox)) => outbox.deliver(row, keep_from)?,
            (change, _) => tables.apply(change)?,
        }
    }
    for (machine, frame) in &batch.frames {
        put(&mut tables.frames, machine.raw(), "a picture", frame)?;
    }
    if batch.events.is_empty() {
        return Ok(messages_trimmed);
    }
    let mut events = EventTables {
        events: transaction.open_table(tables::EVENTS)?,
        subjects: transaction.open_table(tables::EVENT_SUBJECTS)?,
    };
    for (seq, event) in (first_seq..).zip(&batch.events) {
        events.append(seq, event)?;
    }
    // Twice what came, so that a log that was made shorter by its setting gets there.
    let bounds = Bounds { keep_from, before: Timestamp::default(), newest: next_seq - 1 };
    events.trim(bounds, 2 * batch.events.len())?;
    match &mut outbox {
        Some(outbox) => outbox.trim(messages_trimmed, keep_from, batch.events.len()),
        None => Ok(messages_trimmed),
    }
}

fn put<'k, K: redb::Key + 'static>(
    table: &mut Table<'_, K, Bytes>,
    key: impl std::borrow::Borrow<K::SelfType<'k>>,
    what: &'static str,
    row: &impl Serialize,
) -> Result<(), StoreError> {
    table.insert(key, record::encode(what, row)?.as_slice())?;
    Ok(())
}

impl<'t> Tables<'t> {
    fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            meta: transaction.open_table(tables::META)?,
            jobs: transaction.open_table(tables::JOBS)?,
            job_index: transaction.open_table(tables::JOB_INDEX)?,
            batches: transaction.open_table(tables::BATCHES)?,
            open_batches: transaction.open_table(tables::OPEN_BATCHES)?,
            steps: transaction.open_table(tables::STEPS)?,
            artifacts: transaction.open_table(tables::ARTIFACTS)?,
            heads: transaction.open_table(tables::HEADS)?,
            documents: transaction.open_table(tables::DOCUMENTS)?,
            machines: transaction.open_table(tables::MACHINES)?,
            frames: transaction.open_table(tables::FRAMES)?,
            tokens: transaction.open_table(tables::TOKENS)?,
            join_tokens: transaction.open_table(tables::JOIN_TOKENS)?,
            idempotency: transaction.open_table(tables::IDEMPOTENCY)?,
            job_keys: transaction.open_table(tables::JOB_KEYS)?,
            targets: transaction.open_table(tables::TARGETS)?,
            loop_items: transaction.open_table(tables::LOOP_ITEMS)?,
        })
    }

    fn apply(&mut self, change: &Write) -> Result<(), StoreError> {
        match change {
            Write::Meta(meta) => put(&mut self.meta, META_KEY, "the fleet's counters", meta),
            Write::Job(job) => self.put_job(job),
            Write::Batch(batch) => self.put_batch(batch),
            Write::Machine(machine) => put(&mut self.machines, machine.id.raw(), "a machine", machine),
            Write::MachineGone(id) => {
                self.machines.remove(id.raw())?;
                self.frames.remove(id.raw())?;
                Ok(())
            }
            Write::Head(head) => self.put_head(head),
            Write::Version(version) => self.put_version(version),
            Write::Token(token) => put(&mut self.tokens, token.id.raw(), "a token", token),
            Write::TokenGone(id) => Ok(self.tokens.remove(id.raw()).map(drop)?),
            Write::JoinToken(token) => put(&mut self.join_tokens, token.id.raw(), "a join token", token),
            Write::JoinTokenGone(id) => Ok(self.join_tokens.remove(id.raw()).map(drop)?),
            Write::Idempotency(row) => put(&mut self.idempotency, idempotency_key(&row.key), "an idempotency key", row),
            Write::UniqueKey(row) => {
                put(&mut self.job_keys, (row.workflow.as_str(), row.key.as_str()), "a job's key", row)
            }
            Write::UniqueKeyGone { workflow, key } => {
                Ok(self.job_keys.remove((workflow.as_str(), key.as_str())).map(drop)?)
            }
            Write::LoopItem(row) => {
                let key = (row.job.raw(), row.round.path.as_str(), row.round.key.as_str());
                put(&mut self.loop_items, key, "an item of a loop", row)
            }
            Write::Step(row) => self.put_step(row),
            Write::Artifact(row) => self.put_artifact(row),
            Write::Target(row) => put(&mut self.targets, row.channel.as_str(), "a channel's target", row),
            Write::TargetGone(channel) => Ok(self.targets.remove(channel.as_str()).map(drop)?),
            // Where they go needs the events of the transaction.
            Write::Posted(_) | Write::Delivery(_) => Ok(()),
        }
    }

    fn put_job(&mut self, job: &Job) -> Result<(), StoreError> {
        let bytes = record::encode("a job", job)?;
        let before = self.jobs.insert(job.id.raw(), bytes.as_slice())?;
        let before: Option<Job> = before.map(|row| record::decode("a job", row.value())).transpose()?;
        job_index::update(&mut self.job_index, before.as_ref(), job)
    }

    fn put_batch(&mut self, batch: &Batch) -> Result<(), StoreError> {
        put(&mut self.batches, batch.id.raw(), "a batch", batch)?;
        if batch.is_settled() {
            self.open_batches.remove(batch.id.raw())?;
        } else {
            self.open_batches.insert(batch.id.raw(), ())?;
        }
        Ok(())
    }

    fn put_head(&mut self, head: &DocumentHead) -> Result<(), StoreError> {
        put(&mut self.heads, (head.kind().as_str(), head.name.as_str()), "a document", head)
    }

    fn put_version(&mut self, version: &DocumentVersion) -> Result<(), StoreError> {
        let key = (version.kind().as_str(), version.name.as_str(), version.version);
        put(&mut self.documents, key, "a document", version)
    }

    /// What came late never takes the place of what came in time. But where only the beginning of a step came in time, its end is told.
    fn put_step(&mut self, row: &StepRow) -> Result<(), StoreError> {
        let key = (row.job.raw(), row.attempt_number, row.step.number);
        let known = if row.late { self.steps.get(key)? } else { None };
        let known: Option<StepRow> = known.map(|known| record::decode("a step", known.value())).transpose()?;
        if known.is_some_and(|known| known.late || !is_beginning(&known) || is_beginning(row)) {
            return Ok(());
        }
        put(&mut self.steps, key, "a step", row)
    }

    fn put_artifact(&mut self, row: &ArtifactRow) -> Result<(), StoreError> {
        let key = (row.job.raw(), row.attempt_number, row.artifact.name.as_str());
        if row.late && self.artifacts.get(key)?.is_some() {
            return Ok(());
        }
        put(&mut self.artifacts, key, "an artifact", row)
    }
}

/// Whether a step report tells that the step began, by the one word of its content that is read here.
fn is_beginning(row: &StepRow) -> bool {
    #[derive(serde::Deserialize)]
    struct Content {
        state: String,
    }
    serde_json::from_str(row.step.content.as_str()).is_ok_and(|content: Content| content.state == "started")
}

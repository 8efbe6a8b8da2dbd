//! Looks at everything that is stored: every row readable, every index what the rows say, every blob there and unharmed.

use std::collections::{BTreeMap, BTreeSet};

use redb::{ReadTransaction, ReadableTable as _, ReadableTableMetadata as _};
use serde::de::DeserializeOwned;
use sha2::{Digest as _, Sha256};

use super::{
    Reader,
    blobs::Blobs,
    error::StoreError,
    events::{self, LoggedEvent},
    history::Frame,
    job_index,
    outbox::Message,
    record, sweep, tables,
};
use crate::{
    fleet::{
        ArtifactRow, Batch, DeliveryRow, DocumentHead, DocumentVersion, IdempotencyRow, Job, JoinToken, LoopItemRow,
        Machine, Meta, StepRow, TargetRow, Token, UniqueKeyRow,
    },
    ids::{BatchId, Digest, JobId},
    time::Timestamp,
};

/// So many are told; more say nothing new.
const MAX_FAULTS: usize = 1_000;
/// Blobs named in an agent's last report may follow for so long.
const MAY_FOLLOW_MS: u64 = 24 * 3_600 * 1_000;
const CHUNK_BYTES: usize = 1 << 20;

/// How much of a blob is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Depth {
    /// That it is there.
    Names,
    /// That its content has its digest: all of it is read.
    Content,
}

/// What was looked at, and what is wrong with it, in sentences.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Checked {
    /// Rows by kind, and blobs.
    pub counts: BTreeMap<&'static str, u64>,
    pub faults: Vec<String>,
}

impl Checked {
    pub fn fault(&mut self, fault: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(fault.into());
        }
    }

    fn count(&mut self, what: &'static str) {
        *self.counts.entry(what).or_default() += 1;
    }
}

impl Reader {
    /// As of one moment; the writer may go on.
    pub fn check(&self, blobs: &Blobs, depth: Depth, now: Timestamp) -> Result<Checked, StoreError> {
        let transaction = self.shared.begin_read()?;
        let mut checked = Checked::default();
        let mut look = Look { transaction: &transaction, checked: &mut checked };
        look.plain()?;
        let jobs = look.jobs()?;
        look.batches()?;
        look.documents()?;
        look.evidence(&jobs)?;
        look.events()?;
        look.outbox()?;
        look.blobs(blobs, depth, now)?;
        Ok(checked)
    }
}

struct Look<'t> {
    transaction: &'t ReadTransaction,
    checked: &'t mut Checked,
}

impl Look<'_> {
    /// The row, or a fault.
    fn decode<T: DeserializeOwned>(&mut self, what: &'static str, bytes: &[u8]) -> Option<T> {
        self.checked.count(what);
        match record::decode(what, bytes) {
            Ok(row) => Some(row),
            Err(error) => {
                self.checked.fault(error.to_string());
                None
            }
        }
    }

    /// Tables whose rows have only to be readable.
    fn plain(&mut self) -> Result<(), StoreError> {
        let transaction = self.transaction;
        if let Some(row) = transaction.open_table(tables::META)?.get(super::commit::META_KEY)? {
            self.decode::<Meta>("the fleet's counters", row.value());
        }
        for row in transaction.open_table(tables::MACHINES)?.iter()? {
            self.decode::<Machine>("a machine", row?.1.value());
        }
        for row in transaction.open_table(tables::FRAMES)?.iter()? {
            self.decode::<Frame>("a picture", row?.1.value());
        }
        for row in transaction.open_table(tables::TOKENS)?.iter()? {
            self.decode::<Token>("a token", row?.1.value());
        }
        for row in transaction.open_table(tables::JOIN_TOKENS)?.iter()? {
            self.decode::<JoinToken>("a join token", row?.1.value());
        }
        for row in transaction.open_table(tables::IDEMPOTENCY)?.iter()? {
            self.decode::<IdempotencyRow>("an idempotency key", row?.1.value());
        }
        for row in transaction.open_table(tables::JOB_KEYS)?.iter()? {
            let (key, row) = row?;
            let Some(row) = self.decode::<UniqueKeyRow>("a job's key", row.value()) else { continue };
            if key.value() != (row.workflow.as_str(), row.key.as_str()) {
                self.checked.fault(format!("the key of {} stands under the name of another", row.job));
            }
        }
        Ok(())
    }

    /// Every message is readable and in the order, and what waits or became of one is that of a message that is there.
    fn outbox(&mut self) -> Result<(), StoreError> {
        let transaction = self.transaction;
        let messages = transaction.open_table(tables::MESSAGES)?;
        let order = transaction.open_table(tables::MESSAGE_ORDER)?;
        for row in messages.iter()? {
            let (key, row) = row?;
            let (subscriber, seq) = key.value();
            self.decode::<Message>("a message", row.value());
            if order.get((seq, subscriber))?.is_none() {
                self.checked.fault(format!("message {seq} for {subscriber} is not in the order of messages"));
            }
        }
        let (ordered, stored) = (order.len()?, messages.len()?);
        if ordered != stored {
            self.checked.fault(format!("the order of messages has {ordered} entries instead of {stored}"));
        }
        let mut of_nobody = |(subscriber, seq): (&str, u64)| -> Result<(), StoreError> {
            if messages.get((subscriber, seq))?.is_none() {
                self.checked.fault(format!("message {seq} for {subscriber} is not there"));
            }
            Ok(())
        };
        for row in transaction.open_table(tables::PENDING_MESSAGES)?.iter()? {
            of_nobody(row?.0.value())?;
        }
        let deliveries = transaction.open_table(tables::DELIVERIES)?;
        for row in deliveries.iter()? {
            of_nobody(row?.0.value())?;
        }
        for row in deliveries.iter()? {
            self.decode::<DeliveryRow>("a delivery", row?.1.value());
        }
        for row in transaction.open_table(tables::TARGETS)?.iter()? {
            self.decode::<TargetRow>("a channel's target", row?.1.value());
        }
        Ok(())
    }

    /// The index has exactly the entries that the rows make. Answers the ids that are there.
    fn jobs(&mut self) -> Result<BTreeSet<u128>, StoreError> {
        let index = job_index::open(self.transaction)?;
        let (mut ids, mut entries) = (BTreeSet::new(), 0);
        for row in self.transaction.open_table(tables::JOBS)?.iter()? {
            let (id, row) = row?;
            ids.insert(id.value());
            let Some(job) = self.decode::<Job>("a job", row.value()) else { continue };
            if job.id.raw() != id.value() {
                self.checked.fault(format!("the row of {} is that of {}", JobId::from_raw(id.value()), job.id));
            }
            let (expected, missing) = job_index::missing(&index, &job)?;
            entries += expected;
            for (field, value) in missing {
                self.checked.fault(format!("{} is not found by its {field} {value}", job.id));
            }
        }
        let indexed = index.len()?;
        if indexed != entries {
            self.checked.fault(format!("the index of jobs has {indexed} entries instead of {entries}"));
        }
        Ok(ids)
    }

    fn batches(&mut self) -> Result<(), StoreError> {
        let open = self.transaction.open_table(tables::OPEN_BATCHES)?;
        let mut unsettled = 0;
        for row in self.transaction.open_table(tables::BATCHES)?.iter()? {
            let (id, row) = row?;
            let Some(batch) = self.decode::<Batch>("a batch", row.value()) else { continue };
            unsettled += u64::from(!batch.is_settled());
            if open.get(id.value())?.is_some() == batch.is_settled() {
                let what = if batch.is_settled() { "is settled and listed as open" } else { "is open and not listed" };
                self.checked.fault(format!("{} {what}", BatchId::from_raw(id.value())));
            }
        }
        let listed = open.len()?;
        if listed != unsettled {
            self.checked.fault(format!("{listed} batches are listed as open, {unsettled} are"));
        }
        Ok(())
    }

    /// The newest version of each document is there.
    fn documents(&mut self) -> Result<(), StoreError> {
        let versions = self.transaction.open_table(tables::DOCUMENTS)?;
        for row in versions.iter()? {
            self.decode::<DocumentVersion>("a version of a document", row?.1.value());
        }
        for row in self.transaction.open_table(tables::HEADS)?.iter()? {
            let (key, row) = row?;
            let (kind, name) = key.value();
            let Some(head) = self.decode::<DocumentHead>("a document", row.value()) else { continue };
            if versions.get((kind, name, head.version))?.is_none() {
                self.checked.fault(format!("{kind}/{name} has no version {}, which is its newest", head.version));
            }
        }
        Ok(())
    }

    /// Steps, artifacts and items of loops belong to a job that is there.
    fn evidence(&mut self, jobs: &BTreeSet<u128>) -> Result<(), StoreError> {
        let mut of_nobody = BTreeSet::new();
        for row in self.transaction.open_table(tables::STEPS)?.iter()? {
            let (key, row) = row?;
            self.decode::<StepRow>("a step", row.value());
            of_nobody.extend(Some(key.value().0).filter(|job| !jobs.contains(job)));
        }
        for row in self.transaction.open_table(tables::ARTIFACTS)?.iter()? {
            let (key, row) = row?;
            self.decode::<ArtifactRow>("an artifact", row.value());
            of_nobody.extend(Some(key.value().0).filter(|job| !jobs.contains(job)));
        }
        for row in self.transaction.open_table(tables::LOOP_ITEMS)?.iter()? {
            let (key, row) = row?;
            if let Some(row) = self.decode::<LoopItemRow>("an item of a loop", row.value())
                && key.value() != (row.job.raw(), row.round.path.as_str(), row.round.key.as_str())
            {
                self.checked.fault(format!("an item of a loop of {} stands under the name of another", row.job));
            }
            of_nobody.extend(Some(key.value().0).filter(|job| !jobs.contains(job)));
        }
        for job in of_nobody {
            self.checked.fault(format!(
                "there are steps, artifacts or items of loops of {}, which is not there",
                JobId::from_raw(job)
            ));
        }
        Ok(())
    }

    /// Numbered without gaps, each found by what it is about.
    fn events(&mut self) -> Result<(), StoreError> {
        let subjects = self.transaction.open_table(tables::EVENT_SUBJECTS)?;
        let (mut before, mut entries) = (None, 0);
        for row in self.transaction.open_table(tables::EVENTS)?.iter()? {
            let (seq, row) = row?;
            let seq = seq.value();
            if before.is_some_and(|before| before + 1 != seq) {
                self.checked.fault(format!("event {seq} does not follow the one before it"));
            }
            before = Some(seq);
            let Some(event) = self.decode::<LoggedEvent>("an event", row.value()) else { continue };
            for key in events::index_keys(&event.about) {
                entries += 1;
                if subjects.get((key.as_str(), seq))?.is_none() {
                    self.checked.fault(format!("event {seq} is not found by {key}"));
                }
            }
        }
        let indexed = subjects.len()?;
        if indexed != entries {
            self.checked.fault(format!("the index of events has {indexed} entries instead of {entries}"));
        }
        Ok(())
    }

    /// What is named is there and is what its name says. An artifact that was named lately may still be on its way.
    fn blobs(&mut self, blobs: &Blobs, depth: Depth, now: Timestamp) -> Result<(), StoreError> {
        let mut on_their_way = BTreeSet::new();
        for row in self.transaction.open_table(tables::ARTIFACTS)?.iter()? {
            if let Ok(row) = record::decode::<ArtifactRow>("an artifact", row?.1.value())
                && now.as_ms().saturating_sub(row.at.as_ms()) < MAY_FOLLOW_MS
            {
                on_their_way.insert(row.artifact.digest);
            }
        }
        let mut named = BTreeSet::new();
        // Rows that cannot be read were told above.
        let _ = sweep::named(self.transaction, |digest| {
            named.insert(digest);
        });
        let _ = sweep::files_of_jobs(self.transaction, |digest| {
            named.insert(digest);
            true
        });
        let documents = self.images()?;
        for digest in named {
            let found = match depth {
                Depth::Content => hash_of(blobs, &digest)?,
                Depth::Names => blobs.size(&digest)?.map(|_| digest),
            };
            match found {
                Some(actual) if actual == digest => self.checked.count("a blob"),
                Some(_) => self.checked.fault(format!("the blob {digest} is damaged: its content has another digest")),
                None if on_their_way.contains(&digest) || documents.contains(&digest) => {}
                None => self.checked.fault(format!("the blob {digest} is named and not there")),
            }
        }
        Ok(())
    }

    /// What looks like a digest in a document may be something else: it need not be there.
    fn images(&self) -> Result<BTreeSet<Digest>, StoreError> {
        let mut found = BTreeSet::new();
        for row in self.transaction.open_table(tables::DOCUMENTS)?.iter()? {
            sweep::digests_in(row?.1.value(), |digest| {
                found.insert(digest);
            });
        }
        Ok(found)
    }
}

fn hash_of(blobs: &Blobs, digest: &Digest) -> Result<Option<Digest>, StoreError> {
    use std::io::Read as _;
    let Some((mut file, _)) = blobs.open_blob(digest)? else { return Ok(None) };
    let (mut hasher, mut chunk) = (Sha256::new(), vec![0; CHUNK_BYTES]);
    loop {
        let read = file.read(&mut chunk).map_err(|source| blobs.unreadable(digest, source))?;
        if read == 0 {
            return Ok(Some(Digest::from_bytes(hasher.finalize().into())));
        }
        hasher.update(&chunk[..read]);
    }
}

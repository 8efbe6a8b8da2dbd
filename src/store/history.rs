//! Reads of what only the disk has: step reports, artifacts, batches, versions of documents, last pictures of machines.

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::{Reader, error::StoreError, page::Page, record, tables};
use crate::{
    fleet::{ArtifactRow, Batch, DocumentKind, DocumentVersion, LoopItemRow, StepRow},
    ids::{BatchId, Digest, JobId, MachineId, Name},
    time::Timestamp,
};

/// The last picture of a machine's desktop; its bytes are a blob.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Frame {
    pub digest: Digest,
    pub bytes: u64,
    pub content_type: String,
    pub at: Timestamp,
}

impl Reader {
    pub fn batch(&self, id: BatchId) -> Result<Option<Batch>, StoreError> {
        let batches = self.shared.begin_read()?.open_table(tables::BATCHES)?;
        read("a batch", batches.get(id.raw())?)
    }

    /// Step reports of one attempt, numbered from 1, those after a number.
    pub fn steps(&self, job: JobId, attempt: u32, after: u32, limit: usize) -> Result<Page<StepRow, u32>, StoreError> {
        let steps = self.shared.begin_read()?.open_table(tables::STEPS)?;
        let job = job.raw();
        let range = steps.range((job, attempt, after.saturating_add(1))..=(job, attempt, u32::MAX))?;
        page("a step", range, limit, |row: &StepRow| row.step.number)
    }

    /// Of all attempts of a job, in their order. `after` is the attempt and name of the last one seen.
    pub fn artifacts(
        &self,
        job: JobId,
        after: Option<&(u32, String)>,
        limit: usize,
    ) -> Result<Page<ArtifactRow, (u32, String)>, StoreError> {
        use std::ops::Bound::{Excluded, Included};
        let artifacts = self.shared.begin_read()?.open_table(tables::ARTIFACTS)?;
        let job = job.raw();
        let from = after.map_or(Included((job, 0, "")), |(attempt, name)| Excluded((job, *attempt, &**name)));
        let range = artifacts.range((from, Excluded((job.saturating_add(1), 0, ""))))?;
        page("an artifact", range, limit, |row: &ArtifactRow| (row.attempt_number, row.artifact.name.clone()))
    }

    pub fn artifact(&self, job: JobId, attempt: u32, name: &str) -> Result<Option<ArtifactRow>, StoreError> {
        let artifacts = self.shared.begin_read()?.open_table(tables::ARTIFACTS)?;
        read("an artifact", artifacts.get((job.raw(), attempt, name))?)
    }

    /// What is known of the rounds of a job's keyed loops. The fleet bounds how many there are.
    pub fn loop_items(&self, job: JobId) -> Result<Vec<LoopItemRow>, StoreError> {
        let items = self.shared.begin_read()?.open_table(tables::LOOP_ITEMS)?;
        let job = job.raw();
        let range = items.range((job, "", "")..(job.saturating_add(1), "", ""))?;
        range.map(|row| record::decode("an item of a loop", row?.1.value())).collect()
    }

    pub fn version(
        &self,
        kind: DocumentKind,
        name: &Name,
        version: u32,
    ) -> Result<Option<DocumentVersion>, StoreError> {
        let documents = self.shared.begin_read()?.open_table(tables::DOCUMENTS)?;
        read("a document", documents.get((kind.as_str(), name.as_str(), version))?)
    }

    /// Newest first. `before` is the version of the last one seen.
    pub fn versions(
        &self,
        kind: DocumentKind,
        name: &Name,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Page<DocumentVersion, u32>, StoreError> {
        let documents = self.shared.begin_read()?.open_table(tables::DOCUMENTS)?;
        let (kind, name) = (kind.as_str(), name.as_str());
        let range = documents.range((kind, name, 0)..(kind, name, before.unwrap_or(u32::MAX)))?;
        page("a document", range.rev(), limit, |row: &DocumentVersion| row.version)
    }

    pub fn frame(&self, machine: MachineId) -> Result<Option<Frame>, StoreError> {
        let frames = self.shared.begin_read()?.open_table(tables::FRAMES)?;
        read("a picture", frames.get(machine.raw())?)
    }
}

type Guard<'a> = redb::AccessGuard<'a, &'static [u8]>;

pub(super) fn read<T: DeserializeOwned>(what: &'static str, row: Option<Guard<'_>>) -> Result<Option<T>, StoreError> {
    row.map(|row| record::decode(what, row.value())).transpose()
}

fn page<'a, K: redb::Key + 'static, Row: DeserializeOwned, Cursor>(
    what: &'static str,
    rows: impl Iterator<Item = Result<(redb::AccessGuard<'a, K>, Guard<'a>), redb::StorageError>>,
    limit: usize,
    cursor: impl Fn(&Row) -> Cursor,
) -> Result<Page<Row, Cursor>, StoreError> {
    let mut items = Vec::new();
    for row in rows {
        let (_, row) = row?;
        if items.len() >= limit {
            let next = items.last().map(cursor);
            return Ok(Page { items, next });
        }
        items.push(record::decode(what, row.value())?);
    }
    Ok(Page { items, next: None })
}

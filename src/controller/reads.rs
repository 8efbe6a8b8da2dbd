//! Reads: what is open comes from the live state, what is settled or bulky from committed rows.

use super::{
    error::{ExecuteError, ReadError},
    handle::Handle,
};
use crate::{
    fleet::{
        ArtifactRow, Batch, DocumentHead, DocumentKind, DocumentVersion, Fleet, Job, JoinToken, LoopItemRow,
        MachineView, StepRow, Summary, Token,
    },
    ids::{BatchId, JobId, MachineId, MachineName, Name},
    store::{EventFilter, EventPage, Frame, JobFilter, Page, PageRequest},
};

/// A job with what only the live state knows.
#[derive(Debug, Clone, PartialEq)]
pub struct JobView {
    pub job: Job,
    /// How many jobs stand before it, 0 for the next one; none where it is not queued.
    pub queue_position: Option<u64>,
}

impl JobView {
    const fn settled(job: Job) -> Self {
        Self { job, queue_position: None }
    }
}

impl Handle {
    pub async fn job(&self, id: JobId) -> Result<Option<JobView>, ReadError> {
        let open = self
            .look_inside(move |fleet, _| {
                let job = fleet.job(id)?.clone();
                Some(JobView { job, queue_position: fleet.queue_position(id) })
            })
            .await?;
        match open {
            Some(view) => Ok(Some(view)),
            None => Ok(self.read(move |reader| reader.job(id)).await?.map(JobView::settled)),
        }
    }

    /// Committed rows, open and settled. A page may hold fewer than asked for and still have a `next`.
    pub async fn jobs(&self, filter: JobFilter, page: PageRequest<JobId>) -> Result<Page<Job, JobId>, ReadError> {
        self.read(move |reader| reader.jobs(&filter, &page)).await
    }

    pub async fn batch(&self, id: BatchId) -> Result<Option<Batch>, ReadError> {
        match self.look_inside(move |fleet, _| fleet.batch(id).cloned()).await? {
            Some(batch) => Ok(Some(batch)),
            None => self.read(move |reader| reader.batch(id)).await,
        }
    }

    /// All jobs of a batch, in the order of submission.
    pub async fn batch_jobs(&self, id: BatchId) -> Result<Vec<JobId>, ReadError> {
        self.read(move |reader| reader.batch_jobs(id)).await
    }

    /// Step reports of one attempt (numbered from 1), those with a number above `after`.
    pub async fn steps(
        &self,
        job: JobId,
        attempt: u32,
        after: u32,
        limit: usize,
    ) -> Result<Page<StepRow, u32>, ReadError> {
        self.read(move |reader| reader.steps(job, attempt, after, limit)).await
    }

    /// Of all attempts of a job. `after`: number of the attempt and name of the last one seen.
    pub async fn artifacts(
        &self,
        job: JobId,
        after: Option<(u32, String)>,
        limit: usize,
    ) -> Result<Page<ArtifactRow, (u32, String)>, ReadError> {
        self.read(move |reader| reader.artifacts(job, after.as_ref(), limit)).await
    }

    pub async fn artifact(&self, job: JobId, attempt: u32, name: String) -> Result<Option<ArtifactRow>, ReadError> {
        self.read(move |reader| reader.artifact(job, attempt, &name)).await
    }

    /// What is known of the rounds of a job's keyed loops.
    pub async fn loop_items(&self, job: JobId) -> Result<Vec<LoopItemRow>, ReadError> {
        self.read(move |reader| reader.loop_items(job)).await
    }

    /// The last picture of a machine; its bytes are a blob.
    pub async fn frame(&self, machine: MachineId) -> Result<Option<Frame>, ReadError> {
        self.read(move |reader| reader.frame(machine)).await
    }

    /// All that are stored and not deleted, by name.
    pub async fn documents(&self, kind: DocumentKind) -> Result<Vec<DocumentHead>, ExecuteError> {
        self.look(move |fleet, _| fleet.documents(kind).cloned().collect()).await
    }

    pub async fn document_head(&self, kind: DocumentKind, name: Name) -> Result<Option<DocumentHead>, ExecuteError> {
        self.look(move |fleet, _| fleet.document(kind, &name).cloned()).await
    }

    /// One version with its content, also of a deleted document; without `version` the newest one that is not deleted.
    pub async fn document(
        &self,
        kind: DocumentKind,
        name: Name,
        version: Option<u32>,
    ) -> Result<Option<DocumentVersion>, ReadError> {
        let version = if let Some(version) = version {
            version
        } else {
            let wanted = name.clone();
            let head = self.look_inside(move |fleet, _| fleet.document(kind, &wanted).map(|head| head.version));
            let Some(newest) = head.await? else { return Ok(None) };
            newest
        };
        self.read(move |reader| reader.version(kind, &name, version)).await
    }

    /// Newest first. `before`: the version of the last one seen.
    pub async fn versions(
        &self,
        kind: DocumentKind,
        name: Name,
        before: Option<u32>,
        limit: usize,
    ) -> Result<Page<DocumentVersion, u32>, ReadError> {
        self.read(move |reader| reader.versions(kind, &name, before, limit)).await
    }

    /// By name.
    pub async fn machines(&self) -> Result<Vec<MachineView>, ExecuteError> {
        self.look(|fleet, _| fleet.machines()).await
    }

    pub async fn machine(&self, name: MachineName) -> Result<Option<MachineView>, ExecuteError> {
        self.look(move |fleet, _| fleet.machine_named(&name).and_then(|row| fleet.machine_view(row.id))).await
    }

    pub async fn summary(&self) -> Result<Summary, ExecuteError> {
        self.look(Fleet::summary).await
    }

    pub async fn tokens(&self) -> Result<Vec<Token>, ExecuteError> {
        self.look(|fleet, _| fleet.tokens().cloned().collect()).await
    }

    pub async fn join_tokens(&self) -> Result<Vec<JoinToken>, ExecuteError> {
        self.look(|fleet, _| fleet.join_tokens().cloned().collect()).await
    }

    /// Committed events after a number.
    pub async fn events(&self, after: u64, filter: EventFilter, limit: usize) -> Result<EventPage, ReadError> {
        self.read(move |reader| reader.events(after, &filter, limit)).await
    }
}

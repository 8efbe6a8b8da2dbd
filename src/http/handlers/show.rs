//! Rows with what has to be looked up beside them, as clients see them.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    controller::JobView,
    fleet::{ArtifactRow, Batch, Job, MachineView},
    http::{
        app::App,
        convert::{self, Detail, Evidence},
        problem::ApiResult,
    },
    ids::{Digest, JobId},
    time::duration_ms,
    wire,
};

/// Pages of artifacts read at a time.
const PAGE: usize = 500;

pub(crate) async fn job(app: &App, view: &JobView) -> ApiResult<wire::job::Job> {
    detailed(app, view, Detail::Full).await
}

async fn detailed(app: &App, view: &JobView, detail: Detail) -> ApiResult<wire::job::Job> {
    let evidence =
        if convert::names_artifacts(&view.job) { evidence(app, view.job.id).await? } else { Evidence::default() };
    // People count from one.
    Ok(convert::job(&view.job, view.queue_position.map(|before| before + 1), &evidence, detail))
}

pub(crate) async fn jobs(app: &App, rows: Vec<Job>) -> ApiResult<Vec<wire::job::Job>> {
    let ids: Vec<JobId> = rows.iter().filter(|job| !job.is_settled()).map(|job| job.id).collect();
    let mut positions: BTreeMap<JobId, u64> = BTreeMap::new();
    if !ids.is_empty() {
        let look = app.handle().look(move |fleet, _| {
            ids.into_iter().filter_map(|id| Some((id, fleet.queue_position(id)?))).collect::<BTreeMap<JobId, u64>>()
        });
        positions = look.await?;
    }
    let mut shown = Vec::with_capacity(rows.len());
    for row in rows {
        let queue_position = positions.get(&row.id).copied();
        shown.push(detailed(app, &JobView { job: row, queue_position }, Detail::Brief).await?);
    }
    Ok(shown)
}

/// All artifacts of a job.
pub(crate) async fn evidence(app: &App, id: JobId) -> ApiResult<Evidence> {
    let mut rows: Vec<ArtifactRow> = Vec::new();
    let mut after = None;
    loop {
        let page = app.handle().artifacts(id, after, PAGE).await?;
        rows.extend(page.items);
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    let stored = stored(app, rows.iter().map(|row| row.artifact.digest)).await?;
    Ok(Evidence::new(&rows, |digest| stored.contains(digest)))
}

/// Those of the blobs that have arrived.
pub(crate) async fn stored(app: &App, digests: impl Iterator<Item = Digest>) -> ApiResult<BTreeSet<Digest>> {
    let mut stored = BTreeSet::new();
    for digest in digests.collect::<BTreeSet<Digest>>() {
        if app.handle().blob_size(digest).await?.is_some() {
            stored.insert(digest);
        }
    }
    Ok(stored)
}

pub(crate) async fn batch(app: &App, row: &Batch) -> ApiResult<wire::batch::Batch> {
    Ok(convert::batch(row, app.handle().batch_jobs(row.id).await?))
}

/// What every machine is shown with.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MachineContext {
    generation: u32,
    ttl_ms: u64,
    offer_ms: u64,
    now_ms: u64,
}

impl MachineContext {
    pub(crate) async fn look(app: &App) -> ApiResult<Self> {
        let context = app.handle().look(|fleet, now| Self {
            generation: fleet.meta().generation,
            ttl_ms: duration_ms(fleet.settings().ttl),
            offer_ms: duration_ms(fleet.settings().offer_timeout),
            now_ms: now.wall.as_ms(),
        });
        Ok(context.await?)
    }

    pub(crate) fn show(self, view: &MachineView) -> wire::machine::Machine {
        convert::machine(view, self.generation, self.lease_ms(view))
    }

    /// A poll renews a lease: it lasts its TTL from when the machine was heard.
    fn lease_ms(self, view: &MachineView) -> u64 {
        let Some(lease) = &view.row.lease else { return 0 };
        let (from, lasts_ms) = match lease.incarnation() {
            None => (lease.since, self.offer_ms),
            Some(_) => (view.last_seen.unwrap_or(lease.since).max(lease.since), self.ttl_ms),
        };
        (from.as_ms() + lasts_ms).saturating_sub(self.now_ms)
    }
}

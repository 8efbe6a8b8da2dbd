//! An offer as the agent gets it: the job whole, its documents with it.

use std::{sync::Arc, time::Duration};

use crate::{
    fleet::{self, DocumentKind},
    http::{
        app::App,
        convert,
        documents::Entry,
        problem::{ApiError, ApiResult, Code},
    },
    ids::{MachineId, Name},
    time::duration_ms,
    wire::agent::{MachineRef, Offer, Resume},
};

/// The machine as templates see it.
pub(super) fn machine_ref(row: &fleet::Machine) -> MachineRef {
    MachineRef { name: row.name.clone(), pool: row.pool.clone(), labels: row.labels.clone() }
}

pub(super) async fn offer(app: &App, offer: &fleet::Offer, machine: MachineRef) -> ApiResult<Offer> {
    let spec = &offer.spec;
    let workflow = version(app, DocumentKind::Workflow, &spec.workflow, spec.version).await?;
    let mut workflows = Vec::with_capacity(spec.calls.len());
    for (name, number) in &spec.calls {
        workflows.push(version(app, DocumentKind::Workflow, name, *number).await?.reference());
    }
    let mut apps = Vec::with_capacity(spec.apps.len());
    for (name, pin) in &spec.apps {
        apps.push(version(app, DocumentKind::App, name, pin.version).await?.reference());
    }
    let accept_within = app.handle().look(|fleet, _| fleet.settings().offer_timeout).await?;
    Ok(Offer {
        attempt: offer.attempt,
        number: offer.number,
        epoch: offer.epoch,
        ttl_ms: offer.ttl_ms,
        accept_within_ms: duration_ms(accept_within),
        job: offer.job,
        workflow: workflow.reference(),
        workflows,
        apps,
        input: convert::value(&spec.input),
        files: spec.files.clone(),
        labels: spec.labels.clone(),
        key: spec.key.clone(),
        timeout_ms: spec.timeout_ms,
        machine,
        resume: resume(app, offer).await?,
    })
}

async fn resume(app: &App, offer: &fleet::Offer) -> ApiResult<Option<Resume>> {
    let Some(journal) = &offer.journal else { return Ok(None) };
    // They were committed with the job's row, before this offer was made.
    let items = if journal.loops.is_empty() { Vec::new() } else { app.handle().loop_items(offer.job).await? };
    // By the clock that nobody sets: an intent that were taken for older than it is would be judged too soon.
    let now = app.clock().now().mono;
    let age = offer.unsettled.map_or(Duration::ZERO, |since| now.since(since));
    Ok(Some(convert::resume(journal, &items, age)))
}

/// As `offer`, where only the machine's id is known.
pub(super) async fn next(app: &App, found: &fleet::Offer) -> ApiResult<Option<Offer>> {
    let id: MachineId = found.machine;
    let row = app.handle().look(move |fleet, _| fleet.machine(id).map(machine_ref)).await?;
    match row {
        Some(machine) => offer(app, found, machine).await.map(Some),
        None => Ok(None),
    }
}

pub(super) async fn version(app: &App, kind: DocumentKind, name: &Name, version: u32) -> ApiResult<Arc<Entry>> {
    let found = app.library().version(app.handle(), kind, name, version).await?;
    found.ok_or_else(|| {
        let detail = format!("version {version} of {} `{name}` is needed and not there", kind.as_str());
        tracing::error!("{detail}");
        ApiError::new(Code::Internal, detail)
    })
}

//! From an offer to a plan: documents parsed, images and files at hand.

use std::{collections::BTreeSet, path::Path, sync::Arc, time::Duration};

use serde_json::{Value, json};

use super::{control::Control, shared::SharedLink};
use crate::{
    agent::{
        disk::{Blobs, DiskError, WorkDir},
        link::LinkError,
        runner::{Plan, Stop},
    },
    ids::Digest,
    wire::agent::{DocumentRef, MachineRef, Offer, WantedDisplay},
    workflow::{App, Document, Workflow},
};

/// Tries to fetch one blob, and the pause between two.
const TRIES: u32 = 4;
const PAUSE: Duration = Duration::from_millis(500);

/// Why the job can't be run here.
#[derive(Debug, thiserror::Error)]
pub(super) enum AssembleError {
    #[error("the document {name} can't be read by this agent ({fault}): are agent and controller of the same version?")]
    Document { name: String, fault: String },
    #[error("the controller does not give the {what}: {error}")]
    Blob { what: String, error: LinkError },
    #[error(transparent)]
    Disk(#[from] DiskError),
    #[error("stopped")]
    Stopped(Stop),
}

/// What fetching needs.
pub(super) struct Stores<'a> {
    pub(super) link: &'a SharedLink,
    pub(super) blobs: &'a Blobs,
    pub(super) data_dir: &'a Path,
    pub(super) control: &'a Control,
}

pub(super) async fn assemble(
    offer: &Offer,
    display: Option<WantedDisplay>,
    stores: &Stores<'_>,
) -> Result<(Plan, WorkDir), AssembleError> {
    let workflow = workflow_of(&offer.workflow)?;
    let called = offer.workflows.iter().map(|one| workflow_of(one).map(Arc::new)).collect::<Result<Vec<_>, _>>()?;
    let apps = offer.apps.iter().map(app_of).collect::<Result<Vec<_>, _>>()?;
    let images = apps.iter().map(|app| &app.images).chain([&workflow.images]);
    let images = images.chain(called.iter().map(|workflow| &workflow.images));
    let wanted: BTreeSet<Digest> =
        images.flat_map(|images| images.values()).filter_map(|digest| digest.as_str().parse().ok()).collect();
    fetch_images(&wanted, stores).await?;
    let work = WorkDir::make(stores.data_dir, offer.attempt)?;
    let mut files = std::collections::BTreeMap::new();
    for (name, digest) in &offer.files {
        let bytes = fetch(digest, &format!("file {name}"), stores).await?;
        files.insert(name.clone(), work.put(name, &bytes)?);
    }
    let plan = Plan {
        workflow: Some(Arc::new(workflow)),
        called,
        apps,
        input: offer.input.clone(),
        files,
        job: job_of(offer),
        machine: machine_of(&offer.machine),
        timeout: Duration::from_millis(offer.timeout_ms),
        display,
        resume: offer.resume.clone(),
    };
    Ok((plan, work))
}

/// Keeps the images of apps at hand that an idle machine watches.
pub(super) async fn fetch_images(wanted: &BTreeSet<Digest>, stores: &Stores<'_>) -> Result<(), AssembleError> {
    for digest in wanted {
        if !stores.blobs.has(digest) {
            let bytes = fetch(digest, "image", stores).await?;
            stores.blobs.keep(digest, &bytes)?;
        }
    }
    Ok(())
}

async fn fetch(digest: &Digest, what: &str, stores: &Stores<'_>) -> Result<Vec<u8>, AssembleError> {
    let mut tries = 0;
    loop {
        stores.control.go_on().map_err(AssembleError::Stopped)?;
        match stores.link.get().blob(digest).await {
            Ok(bytes) => return Ok(bytes),
            Err(error) => {
                tries += 1;
                if tries >= TRIES || error.is_final() {
                    return Err(AssembleError::Blob { what: format!("{what} {digest}"), error });
                }
            }
        }
        tokio::time::sleep(PAUSE).await;
    }
}

fn workflow_of(document: &DocumentRef) -> Result<Workflow, AssembleError> {
    let parsed = parse(document)?;
    parsed.as_workflow().cloned().ok_or_else(|| wrong_kind(document, "workflow"))
}

pub(super) fn app_of(document: &DocumentRef) -> Result<Arc<App>, AssembleError> {
    let parsed = parse(document)?;
    parsed.as_app().cloned().map(Arc::new).ok_or_else(|| wrong_kind(document, "app"))
}

fn parse(document: &DocumentRef) -> Result<Document, AssembleError> {
    Document::from_json(&document.content).map_err(|faults| AssembleError::Document {
        name: document.name.to_string(),
        fault: faults.first().map(ToString::to_string).unwrap_or_default(),
    })
}

fn wrong_kind(document: &DocumentRef, kind: &str) -> AssembleError {
    AssembleError::Document { name: document.name.to_string(), fault: format!("it is no {kind}") }
}

fn job_of(offer: &Offer) -> Value {
    json!({
        "id": offer.job,
        "attempt": offer.number,
        "workflow": offer.workflow.name,
        "version": offer.workflow.version,
        "key": offer.key,
        "labels": offer.labels,
    })
}

pub(super) fn machine_of(machine: &MachineRef) -> Value {
    json!({ "name": machine.name, "pool": machine.pool, "labels": machine.labels })
}

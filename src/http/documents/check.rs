//! Everything a document has to be before it is stored: well written, under its own name, with its images and its neighbours there.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{channel, kind_of, spec};
use crate::{
    controller::Handle,
    fleet::{DEFAULT_POOL, DocumentKind, DocumentSpec, TargetChange},
    http::{
        app::App,
        problem::{ApiError, ApiResult, fault},
    },
    ids::{Digest, Json, Name},
    wire::problem::Fault,
    workflow::{self, Document, FileSource, Severity},
};

/// A document without faults, as it will be stored.
#[derive(Debug)]
pub(crate) struct Checked {
    pub(crate) content: Value,
    pub(crate) json: Json,
    pub(crate) digest: Digest,
    pub(crate) spec: DocumentSpec,
    pub(crate) warnings: Vec<String>,
    /// Of a channel.
    pub(crate) target: Option<TargetChange>,
}

pub(crate) async fn check(app: &App, kind: DocumentKind, name: &Name, bytes: &[u8]) -> ApiResult<Checked> {
    let document = workflow::parse_one(bytes).map_err(|faults| ApiError::invalid(faults.iter().map(told).collect()))?;
    let spec = spec::spec(&document);
    let mut faults = identity(kind, name, &document);
    faults.extend(images(app.handle(), &document).await?);
    let (mut neighbours, missing) = neighbours(app, &spec).await?;
    faults.extend(missing);
    let (called, missing) = called(app, &document).await?;
    neighbours.extend(called);
    faults.extend(missing);
    // From here on in the form it is stored in.
    let mut content = document.to_json();
    let channel = document.as_channel();
    if let Some(channel) = channel {
        faults.extend(channel::faults(channel, app.guard()));
        channel::mask(&mut content);
    }
    let text = content.to_string();
    let mut warnings = Vec::new();
    for diagnostic in lint(&text, &neighbours) {
        match diagnostic.severity {
            Severity::Error => {
                faults.push(fault(diagnostic.pointer, sentence(&diagnostic.message, diagnostic.suggestion)));
            }
            Severity::Warning => {
                let place = if diagnostic.pointer.is_empty() { "/" } else { &diagnostic.pointer };
                warnings.push(format!("{place}: {}", sentence(&diagnostic.message, diagnostic.suggestion)));
            }
        }
    }
    crate::http::problem::refuse(faults)?;
    let target = channel.map(channel::target).transpose()?;
    Ok(Checked { digest: Digest::of(text.as_bytes()), json: Json::new(text), content, spec, warnings, target })
}

fn told(found: &workflow::Fault) -> Fault {
    let detail = sentence(&found.detail, found.suggestion.clone());
    Fault { pointer: found.pointer.clone(), detail, line: (found.line > 0).then_some(found.line) }
}

fn sentence(detail: &str, suggestion: Option<String>) -> String {
    match suggestion {
        Some(suggestion) => format!("{detail}; {suggestion}"),
        None => detail.to_owned(),
    }
}

fn identity(kind: DocumentKind, name: &Name, document: &Document) -> Vec<Fault> {
    let mut faults = Vec::new();
    if kind_of(document.kind()) != kind {
        let detail =
            format!("`{}` is stored elsewhere: this is the place of kind `{}`", document.kind(), kind.as_str());
        faults.push(fault("/kind", detail));
    }
    if document.name().as_str() != name.as_str() {
        let detail =
            format!("the document is called `{}`, the address says `{name}`: make them the same", document.name());
        faults.push(fault("/name", detail));
    }
    faults
}

/// Every image must be stored, and be one.
async fn images(handle: &Handle, document: &Document) -> ApiResult<Vec<Fault>> {
    let mut faults = Vec::new();
    for file in document.images_without_digest() {
        let place = document.images().get(file);
        let pointer = place.map(|place| place.pointer.clone()).unwrap_or_default();
        let detail = format!(
            "the image {file} has no digest: upload it as PUT /v1/blobs/<its SHA-256> and write that under `images` \
             (`deskfleet apply` does both)"
        );
        faults.push(Fault { pointer, detail, line: place.map(|place| place.line).filter(|line| *line > 0) });
    }
    for (file, digest) in document.digests() {
        let pointer = format!("/images/{}", file.as_str().replace('~', "~0").replace('/', "~1"));
        let Ok(digest) = digest.as_str().parse::<Digest>() else { continue };
        // Also one that nothing names any more must stay until the document does.
        handle.claim_blob(digest).await?;
        let Some((blob, _)) = handle.open_blob(digest).await? else {
            faults.push(fault(pointer, format!("{file} is not stored yet: upload it as PUT /v1/blobs/{digest}")));
            continue;
        };
        if !is_image(blob).await {
            faults.push(fault(pointer, format!("{file} is no PNG, WebP or JPEG picture: save it as one of these")));
        }
    }
    Ok(faults)
}

/// Looks at the head of it only.
async fn is_image(file: std::fs::File) -> bool {
    let look = move || {
        let reader = image::ImageReader::new(std::io::BufReader::new(file)).with_guessed_format();
        reader.is_ok_and(|reader| reader.into_dimensions().is_ok())
    };
    tokio::task::spawn_blocking(look).await.unwrap_or(false)
}

/// The stored documents this one names, as text; and a fault for each that is not there.
async fn neighbours(app: &App, spec: &DocumentSpec) -> ApiResult<(Vec<String>, Vec<Fault>)> {
    let none = BTreeSet::new();
    let (apps, pool) = match spec {
        DocumentSpec::Workflow(workflow) => (&workflow.apps, workflow.pool.as_ref()),
        DocumentSpec::Pool(pool) => (&pool.apps, None),
        DocumentSpec::App(_) | DocumentSpec::Channel(_) => (&none, None),
    };
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    for name in apps {
        match app.library().newest(app.handle(), DocumentKind::App, name).await? {
            Some(entry) => texts.push(entry.content.to_string()),
            None => faults.push(fault("/apps", format!("there is no app `{name}`: store it first"))),
        }
    }
    if let Some(pool) = pool {
        match app.library().newest(app.handle(), DocumentKind::Pool, pool).await? {
            Some(entry) => texts.push(entry.content.to_string()),
            None if pool.as_str() == DEFAULT_POOL => texts.push(json!({"kind": "pool", "name": pool}).to_string()),
            None => faults.push(fault("/pool", format!("there is no pool `{pool}`: store it first"))),
        }
    }
    Ok((texts, faults))
}

/// The stored workflows that this one calls, by others too, as text; and a fault for each call of one that is not there. Where
/// there are too many, those that are too many are left to lint to tell of.
async fn called(app: &App, document: &Document) -> ApiResult<(Vec<String>, Vec<Fault>)> {
    let (mut texts, mut faults) = (Vec::new(), Vec::new());
    let Some(workflow) = document.as_workflow() else { return Ok((texts, faults)) };
    let mut known = BTreeSet::from([workflow.name.clone()]);
    let mut open: Vec<(workflow::Name, Option<workflow::Place>)> = Vec::new();
    open.extend(workflow.calls().into_iter().map(|(_, call)| (call.workflow.clone(), Some(call.place.clone()))));
    while let Some((name, place)) = open.pop() {
        if known.len() > workflow::limits::CALLED + 1 || !known.insert(name.clone()) {
            continue;
        }
        let Some(stored) = spec::name(&name) else { continue };
        match (app.library().newest(app.handle(), DocumentKind::Workflow, &stored).await?, place) {
            (Some(entry), _) => {
                let inner = entry.document()?.as_workflow().map(workflow::Workflow::calls).unwrap_or_default();
                open.extend(inner.into_iter().map(|(_, call)| (call.workflow.clone(), None)));
                texts.push(entry.content.to_string());
            }
            (None, Some(place)) => {
                let detail = format!("there is no workflow `{name}`: store it first");
                let line = (place.line > 0).then_some(place.line);
                faults.push(Fault { pointer: place.pointer, detail, line });
            }
            // It is the one that calls it that has to be mended.
            (None, None) => {}
        }
    }
    Ok((texts, faults))
}

/// Of the document alone, looked at together with those it names.
fn lint(text: &str, neighbours: &[String]) -> Vec<workflow::Diagnostic> {
    const OWN: &str = "document";
    let mut files = vec![FileSource { name: OWN, bytes: text.as_bytes() }];
    files.extend(neighbours.iter().map(|text| FileSource { name: "", bytes: text.as_bytes() }));
    let mut found = workflow::lint_set(&files, &|_, _| None);
    found.retain(|diagnostic| diagnostic.file == OWN);
    found
}

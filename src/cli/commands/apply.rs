//! `deskfleet apply`: documents from files to the controller, their images first, what others refer to before what refers to it.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
};

use anyhow::Context as _;
use clap::Args;
use reqwest::Method;
use serde_json::Value;

use super::{documents::Kind, job_submit::upload, lint};
use crate::{
    cli::{
        client::{Answer, Api, Call, ConnectionFlags},
        documents_on_disk::{self, DocumentFile},
        exit::Exit,
        output::{self, OutputFlag},
    },
    ids::Digest,
    wire::document::Stored,
    workflow::{self, Document, ImageFile, limits},
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskfleet apply -f clinic/\n  deskfleet apply -f clinic/ --dry-run")]
pub(crate) struct ApplyArgs {
    /// A file, or a folder: then every .yaml and .yml file in it and below
    #[arg(short, long, value_name = "PATH")]
    file: PathBuf,
    /// Show what would change; store nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputFlag,
    #[command(flatten)]
    connection: ConnectionFlags,
}

/// One document on its way: in the form that travels, and its images with their bytes.
struct Item {
    kind: Kind,
    name: String,
    file: String,
    content: Value,
    images: BTreeMap<Digest, Vec<u8>>,
    /// Workflows it calls itself.
    calls: BTreeSet<String>,
}

pub(crate) async fn run(args: ApplyArgs) -> anyhow::Result<Exit> {
    let files = documents_on_disk::read(&args.file)?;
    let findings = documents_on_disk::lint(&files);
    for finding in &findings {
        let excerpt = documents_on_disk::excerpt(finding, &files);
        output::remark(format!("{}{excerpt}", output::clean(&finding.to_string())));
    }
    if documents_on_disk::has_errors(&findings) {
        output::remark(format!("Nothing was sent. {}", lint::summary(&findings, files.len())));
        return Ok(Exit::Unsuccessful);
    }
    let items = items(&files)?;
    let api = Api::connect(&args.connection)?;
    let mut answers = Vec::new();
    for item in &items {
        let answer = put(&api, item, args.dry_run)
            .await
            .with_context(|| format!("{} {} ({}) was not stored", item.kind.word(), item.name, item.file))?;
        answers.push(answer);
    }
    if args.output.is_json() {
        output::json(&answers.iter().map(|answer| &answer.raw).collect::<Vec<_>>())?;
    } else {
        report(&items, &answers)?;
    }
    Ok(Exit::Done)
}

/// Every document of the files in the order in which they are sent.
fn items(files: &[DocumentFile]) -> anyhow::Result<Vec<Item>> {
    let mut items = Vec::new();
    for file in files {
        let (documents, faults) = workflow::parse(&file.bytes);
        // Lint has found none; a fault here would be one of the program.
        anyhow::ensure!(faults.is_empty(), "{}: {}", file.name(), faults[0]);
        for document in documents {
            items.push(item(file, &document)?);
        }
    }
    let heights = heights(&items);
    items.sort_by_cached_key(|item| {
        let height = if item.kind == Kind::Workflow { heights.get(&item.name).copied() } else { None };
        (item.kind, height, item.name.clone())
    });
    Ok(items)
}

/// How many workflows of these files are called below each, one within the other: what is called goes ahead. Lint has found no calls
/// that go too deep.
fn heights(items: &[Item]) -> BTreeMap<String, usize> {
    let workflows = || items.iter().filter(|item| item.kind == Kind::Workflow);
    let mut heights: BTreeMap<String, usize> = workflows().map(|item| (item.name.clone(), 0)).collect();
    for _ in 0..limits::CALL_DEPTH {
        for item in workflows() {
            let below = item.calls.iter().filter_map(|name| heights.get(name)).max();
            let height = below.map_or(0, |below| below + 1);
            heights.insert(item.name.clone(), height);
        }
    }
    heights
}

fn item(file: &DocumentFile, document: &Document) -> anyhow::Result<Item> {
    let mut digests: BTreeMap<ImageFile, workflow::Digest> = BTreeMap::new();
    let mut images = BTreeMap::new();
    for image in document.images().keys() {
        let bytes = file.read_image(image)?;
        let digest = Digest::of(&bytes);
        let named = workflow::Digest::new(&digest.to_string()).context("a digest that is none")?;
        digests.insert(image.clone(), named);
        images.insert(digest, bytes);
    }
    let complete = document.with_digests(&digests).map_err(|faults| {
        anyhow::anyhow!("{}: {}", file.name(), faults.first().map(ToString::to_string).unwrap_or_default())
    })?;
    let kind = match document.kind() {
        workflow::Kind::App => Kind::App,
        workflow::Kind::Pool => Kind::Pool,
        workflow::Kind::Workflow => Kind::Workflow,
        workflow::Kind::Channel => Kind::Channel,
    };
    let calls = document.as_workflow().map(workflow::Workflow::calls).unwrap_or_default();
    Ok(Item {
        kind,
        name: document.name().as_str().to_owned(),
        file: file.name(),
        content: complete.to_json(),
        images,
        calls: calls.into_iter().map(|(_, call)| call.workflow.to_string()).collect(),
    })
}

async fn put(api: &Api, item: &Item, dry_run: bool) -> anyhow::Result<Answer<Stored>> {
    // A dry run stores no image either: the check of the document does not look at their bytes.
    if !dry_run {
        for bytes in item.images.values() {
            upload(api, bytes.clone()).await?;
        }
    }
    let path = ["v1", item.kind.collection(), item.name.as_str()];
    let mut call = Call::new(Method::PUT, &path).json(&item.content)?;
    if dry_run {
        call = call.query("dry_run", &true);
    }
    api.call(call).await
}

fn report(items: &[Item], answers: &[Answer<Stored>]) -> anyhow::Result<()> {
    let row = |(item, answer): (&Item, &Answer<Stored>)| {
        let stored = &answer.value;
        [
            item.kind.word().to_owned(),
            item.name.clone(),
            stored.version.to_string(),
            outcome(stored).to_owned(),
            item.images.len().to_string(),
            item.file.clone(),
        ]
    };
    output::table(["kind", "name", "version", "result", "images", "file"], items.iter().zip(answers).map(row))?;
    for (item, answer) in items.iter().zip(answers) {
        for change in &answer.value.changes {
            let shown = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
            let (before, after) = (shown(&change.before), shown(&change.after));
            output::line(output::clean(&format!(
                "{} {}: {} from {before} to {after}",
                item.kind.word(),
                item.name,
                change.pointer
            )))?;
        }
        if let Some(secret) = &answer.value.secret {
            output::line(format!("channel {}: its messages are signed with {secret}; this is shown once", item.name))?;
        }
        for warning in &answer.value.warnings {
            output::remark(output::clean(&format!("{} {}: {warning}", item.kind.word(), item.name)));
        }
    }
    Ok(())
}

fn outcome(stored: &Stored) -> &'static str {
    match (stored.unchanged, stored.dry_run, stored.version) {
        (true, _, _) => "unchanged",
        (false, true, 1) => "would be created",
        (false, true, _) => "would be changed",
        (false, false, 1) => "created",
        (false, false, _) => "changed",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apps_go_before_pools_and_workflows_last_with_digests_of_their_images() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("a.png"), b"picture").unwrap();
        let text = "kind: workflow\nname: w\nsteps: [ { click: { image: a.png } } ]\n---\nkind: pool\nname: p\napps: [x]\n---\n\
            kind: app\nname: x\nlaunch: { command: [x] }\n";
        std::fs::write(dir.path().join("all.yaml"), text).unwrap();
        let items = items(&documents_on_disk::read(dir.path()).unwrap()).unwrap();
        assert_eq!(items.iter().map(|item| item.kind).collect::<Vec<_>>(), [Kind::App, Kind::Pool, Kind::Workflow]);
        let digest = Digest::of(b"picture");
        assert_eq!(items[2].images.keys().collect::<Vec<_>>(), [&digest]);
        assert_eq!(items[2].content["images"]["a.png"], digest.to_string());
    }

    #[test]
    fn what_is_called_goes_before_what_calls_it() {
        let dir = tempfile::tempdir().unwrap();
        let calling = |name: &str, callees: &[&str]| {
            let calls: Vec<String> = callees.iter().map(|one| format!(", {{ call: {{ workflow: {one} }} }}")).collect();
            format!("kind: workflow\nname: {name}\nsteps: [ {{ key: F5 }}{} ]\n", calls.concat())
        };
        let documents = [calling("a", &["d", "b"]), calling("b", &["c"]), calling("c", &["d"]), calling("d", &[])];
        std::fs::write(dir.path().join("all.yaml"), documents.join("---\n")).unwrap();
        let items = items(&documents_on_disk::read(dir.path()).unwrap()).unwrap();
        assert_eq!(items.iter().map(|item| item.name.as_str()).collect::<Vec<_>>(), ["d", "c", "b", "a"]);
    }
}

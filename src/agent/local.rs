//! A workflow on this desktop without a controller: loaded from files, run with whoever watches.
//!
//! It must not know: the controller, leases, the command line.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    host::Host,
    runner::{Ending, Observer, Plan, Prepared, Runner},
};
use crate::{
    desktop::DesktopHandle,
    ids::Digest,
    time::Clock,
    wire::{agent::AttemptFailure, job::Category},
    workflow::{self, App, Document, Fault, ImageFile, InputFault, Kind, Workflow},
};

/// Largest single image.
const MAX_IMAGE_BYTES: u64 = 64 << 20;

/// Files of a folder that are read while looking for apps.
const MAX_FILES: usize = 500;

/// Why a workflow can't be run from files.
#[derive(Debug, thiserror::Error)]
pub enum LocalError {
    #[error("{} can't be read: {error}", .path.display())]
    Unreadable { path: PathBuf, error: std::io::Error },
    #[error("{} is too large: an image has at most 64 MiB, a file of documents 1 MiB", .path.display())]
    TooLarge { path: PathBuf },
    /// Every fault of the file.
    #[error("{} has faults:{}", .path.display(), listed(.faults))]
    Faults { path: PathBuf, faults: Vec<Fault> },
    #[error("{} holds no workflow", .path.display())]
    NoWorkflow { path: PathBuf },
    #[error("{} holds several workflows ({}): put the one to try into a file of its own", .path.display(), .names.join(", "))]
    SeveralWorkflows { path: PathBuf, names: Vec<String> },
    #[error("the app {name} is in no file beside {}", .beside.display())]
    NoApp { name: String, beside: PathBuf },
    #[error("the workflow {name}, which {by} calls, is in no file beside {}", .beside.display())]
    NoCalled { name: String, by: String, beside: PathBuf },
    #[error("the input does not fit the workflow:{}", listed_input(.0))]
    Input(Vec<InputFault>),
}

fn listed(faults: &[Fault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {fault}")).collect();
    lines.concat()
}

fn listed_input(faults: &[InputFault]) -> String {
    let lines: Vec<String> = faults.iter().map(|fault| format!("\n  {}: {}", fault.pointer, fault.detail)).collect();
    lines.concat()
}

/// A workflow with everything it needs, from files.
#[derive(Debug, Clone)]
pub struct Local {
    pub workflow: Arc<Workflow>,
    /// The workflows it calls, by others too.
    pub called: Vec<Arc<Workflow>>,
    pub apps: Vec<Arc<App>>,
    images: BTreeMap<Digest, Vec<u8>>,
}

impl Local {
    /// Reads the workflow of a file, its apps from the same file or others in that folder, and their images.
    pub fn load(path: &Path) -> Result<Self, LocalError> {
        Self::load_with(path, &[])
    }

    /// As `load`, but apps in `app_files` come before those that lie beside the workflow.
    pub fn load_with(path: &Path, app_files: &[PathBuf]) -> Result<Self, LocalError> {
        let mut images = BTreeMap::new();
        let documents = documents_of(path)?;
        let workflow = with_images(the_one(&documents, path)?, path, &mut images)?;
        let Some(workflow) = workflow.as_workflow() else {
            return Err(LocalError::NoWorkflow { path: path.to_owned() });
        };
        let mut apps = Vec::new();
        for name in &workflow.apps {
            let found = find(Kind::App, name.as_str(), path, &documents, app_files)?;
            let Some((document, file)) = found else {
                return Err(LocalError::NoApp { name: name.to_string(), beside: path.to_owned() });
            };
            apps.extend(with_images(&document, &file, &mut images)?.as_app().cloned().map(Arc::new));
        }
        let called = called_by(workflow, path, &documents, &mut images)?;
        Ok(Self { workflow: Arc::new(workflow.clone()), called, apps, images })
    }

    /// What is to be run. Every fault of the input is told.
    pub fn plan(&self, input: &Value, files: BTreeMap<String, PathBuf>) -> Result<Plan, LocalError> {
        let faults = self.workflow.input.check(input);
        if !faults.is_empty() {
            return Err(LocalError::Input(faults));
        }
        let name = self.workflow.name.as_str();
        Ok(Plan {
            workflow: Some(Arc::clone(&self.workflow)),
            called: self.called.clone(),
            apps: self.apps.clone(),
            input: input.clone(),
            files,
            job: json!({ "id": "job_local", "attempt": 1, "workflow": name, "version": 0, "key": null, "labels": {} }),
            machine: json!({ "name": host_name(), "pool": "local", "labels": {} }),
            timeout: self.workflow.timeout,
            display: None,
            resume: None,
        })
    }

    /// Brings the apps to ready and runs the steps. Blocking: not to be called from asynchronous code.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "whoever gives the desktop away for a run has no other use for it"
    )]
    pub fn run(&self, plan: &Plan, desktop: DesktopHandle, observer: &mut dyn Observer) -> Ending {
        let mut host = Host::new(desktop.for_lease(), Box::new(self.images.clone()), Clock::System);
        let mut runner = Runner::new(&mut host, observer, plan);
        match runner.prepare() {
            Prepared::Ready(_) => runner.execute(),
            Prepared::Stopped(stop) => Ending::Stopped(stop),
            Prepared::NotReady { reason, artifacts, .. } => Ending::Failed(AttemptFailure {
                category: Category::AppNotReady,
                message: reason,
                step: None,
                artifacts,
                context: None,
            }),
        }
    }

    /// The limit of the whole run, as the workflow says.
    pub fn timeout(&self) -> Duration {
        self.workflow.timeout
    }
}

/// The workflow of a file: the only one, or the only one that no other there calls.
fn the_one<'doc>(documents: &'doc [Document], path: &Path) -> Result<&'doc Document, LocalError> {
    let workflows = || documents.iter().filter_map(|one| Some((one, one.as_workflow()?)));
    let is_called = |name: &workflow::Name| {
        workflows()
            .any(|(_, other)| other.name != *name && other.calls().iter().any(|(_, call)| call.workflow == *name))
    };
    let candidates: Vec<&Document> =
        workflows().filter(|(_, workflow)| !is_called(&workflow.name)).map(|(document, _)| document).collect();
    match candidates[..] {
        [only] => Ok(only),
        _ if workflows().next().is_none() => Err(LocalError::NoWorkflow { path: path.to_owned() }),
        _ => {
            let names = workflows().map(|(one, _)| one.name().to_string()).collect();
            Err(LocalError::SeveralWorkflows { path: path.to_owned(), names })
        }
    }
}

/// The workflows that are called, by others too, from the same file or others in that folder; checked as lint does.
fn called_by(
    root: &Workflow,
    path: &Path,
    own: &[Document],
    images: &mut BTreeMap<Digest, Vec<u8>>,
) -> Result<Vec<Arc<Workflow>>, LocalError> {
    let mut found: Vec<Workflow> = Vec::new();
    loop {
        let at_hand = |name: &workflow::Name| {
            let all = std::iter::once(root).chain(&found);
            all.into_iter().find(|one| one.name == *name)
        };
        let looked = workflow::called(root, &at_hand);
        if !looked.faults.is_empty() {
            return Err(LocalError::Faults { path: path.to_owned(), faults: looked.faults });
        }
        let Some(missing) = looked.missing.into_iter().next() else { break };
        let Some((document, file)) = find(Kind::Workflow, missing.name.as_str(), path, own, &[])? else {
            let (name, by) = (missing.name.to_string(), missing.by.to_string());
            return Err(LocalError::NoCalled { name, by, beside: path.to_owned() });
        };
        found.extend(with_images(&document, &file, images)?.as_workflow().cloned());
    }
    Ok(found.into_iter().map(Arc::new).collect())
}

/// A document by its name, and the file it is in: from the files that are named, the workflow's own, or those beside it.
fn find(
    kind: Kind,
    name: &str,
    path: &Path,
    own: &[Document],
    named: &[PathBuf],
) -> Result<Option<(Document, PathBuf)>, LocalError> {
    let is_sought = |one: &&Document| one.kind() == kind && one.name().as_str() == name;
    for file in named {
        if let Some(document) = documents_of(file)?.iter().find(is_sought) {
            return Ok(Some((document.clone(), file.clone())));
        }
    }
    if let Some(document) = own.iter().find(is_sought) {
        return Ok(Some((document.clone(), path.to_owned())));
    }
    for beside in files_beside(path)? {
        let bytes = read(&beside, workflow::limits::SOURCE_BYTES as u64)?;
        // A broken file is told only if it must be the one.
        let (documents, faults) = workflow::parse(&bytes);
        if let Some(document) = documents.iter().find(is_sought) {
            return Ok(Some((document.clone(), beside)));
        }
        if documents.is_empty() && !faults.is_empty() && beside.file_stem().is_some_and(|stem| stem == name) {
            return Err(LocalError::Faults { path: beside, faults });
        }
    }
    Ok(None)
}

fn documents_of(path: &Path) -> Result<Vec<Document>, LocalError> {
    let (documents, faults) = workflow::parse(&read(path, workflow::limits::SOURCE_BYTES as u64)?);
    if faults.is_empty() { Ok(documents) } else { Err(LocalError::Faults { path: path.to_owned(), faults }) }
}

/// The document with the digests of its images, whose bytes are kept.
fn with_images(
    document: &Document,
    path: &Path,
    images: &mut BTreeMap<Digest, Vec<u8>>,
) -> Result<Document, LocalError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut digests: BTreeMap<ImageFile, workflow::Digest> = BTreeMap::new();
    for file in document.images().keys() {
        let image = folder.join(file.as_str());
        if !image.exists() {
            // Told below with its place in the document.
            continue;
        }
        let bytes = read(&image, MAX_IMAGE_BYTES)?;
        let digest = Digest::of(&bytes);
        if let Some(named) = workflow::Digest::new(&digest.to_string()) {
            digests.insert(file.clone(), named);
        }
        images.insert(digest, bytes);
    }
    document.with_digests(&digests).map_err(|faults| LocalError::Faults { path: path.to_owned(), faults })
}

fn files_beside(path: &Path) -> Result<Vec<PathBuf>, LocalError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let unreadable = |error| LocalError::Unreadable { path: folder.to_owned(), error };
    let is_document = |path: &PathBuf| {
        path.extension().is_some_and(|ending| ["yaml", "yml", "json"].iter().any(|known| ending == *known))
    };
    let entries = fs::read_dir(folder).map_err(unreadable)?;
    let mut files: Vec<PathBuf> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(is_document).take(MAX_FILES).collect();
    files.sort();
    Ok(files)
}

fn read(path: &Path, limit_bytes: u64) -> Result<Vec<u8>, LocalError> {
    let unreadable = |error| LocalError::Unreadable { path: path.to_owned(), error };
    if fs::metadata(path).map_err(unreadable)?.len() > limit_bytes {
        return Err(LocalError::TooLarge { path: path.to_owned() });
    }
    fs::read(path).map_err(unreadable)
}

fn host_name() -> String {
    super::facts::host_name()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(files: &[(&str, &str)]) -> Result<Local, LocalError> {
        let folder = tempfile::tempdir().unwrap();
        for (name, text) in files {
            fs::write(folder.path().join(name), text).unwrap();
        }
        Local::load(&folder.path().join(files[0].0))
    }

    fn names(local: &Local) -> Vec<&str> {
        local.called.iter().map(|workflow| workflow.name.as_str()).collect()
    }

    const CALLER: &str = "kind: workflow\nname: a\nsteps: [ { call: { workflow: b } } ]\n";
    const MIDDLE: &str = "kind: workflow\nname: b\nsteps: [ { call: { workflow: c } }, { call: { workflow: d } } ]\n";

    #[test]
    fn workflows_that_are_called_are_found_in_the_file_and_beside_it() {
        let own = format!("{MIDDLE}---\n{CALLER}");
        let rest =
            "kind: workflow\nname: c\nsteps: [ { key: F5 } ]\n---\nkind: workflow\nname: d\nsteps: [ { key: F6 } ]\n";
        let local = load(&[("own.yaml", &own), ("rest.yaml", rest)]).unwrap();
        assert_eq!(local.workflow.name.as_str(), "a", "the one that nothing else there calls");
        assert_eq!(names(&local), ["b", "c", "d"]);
        assert_eq!(local.plan(&json!({}), BTreeMap::new()).unwrap().called.len(), 3);
    }

    #[test]
    fn a_called_workflow_comes_with_its_own_images() {
        let callee = "kind: workflow\nname: b\nsteps: [ { click: { image: b.png } } ]\n";
        let local = load(&[("a.yaml", CALLER), ("b.yaml", callee), ("b.png", "picture")]).unwrap();
        assert_eq!(local.images.keys().collect::<Vec<_>>(), [&Digest::of(b"picture")]);
        assert_eq!(local.called[0].images.len(), 1);
    }

    #[test]
    fn what_cannot_be_called_is_told_with_who_calls_it() {
        let error = load(&[("a.yaml", CALLER)]).unwrap_err().to_string();
        assert!(error.contains("the workflow b, which a calls, is in no file beside"), "{error}");
        let error = load(&[("a.yaml", CALLER), ("b.yaml", MIDDLE)]).unwrap_err().to_string();
        assert!(error.contains("the workflow c, which b calls"), "{error}");
        let round = "kind: workflow\nname: b\nsteps: [ { call: { workflow: a } } ]\n";
        let error = load(&[("a.yaml", CALLER), ("b.yaml", round)]).unwrap_err().to_string();
        assert!(error.contains("a → b → a"), "{error}");
        let several =
            "kind: workflow\nname: x\nsteps: [ { key: F5 } ]\n---\nkind: workflow\nname: y\nsteps: [ { key: F5 } ]\n";
        assert!(matches!(load(&[("x.yaml", several)]), Err(LocalError::SeveralWorkflows { .. })));
        let both = format!("{CALLER}---\n{round}");
        assert!(
            matches!(load(&[("both.yaml", &both)]), Err(LocalError::SeveralWorkflows { .. })),
            "each calls the other"
        );
    }
}

//! Lint: every fault of one file or of a set, and what deserves a second look.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::calls::called;
use super::fault::Fault;
use super::model::{
    Action, App, Body, Condition, Document, ImageFile, Kind, Launching, Name, Place, Step, Subject, Workflow,
};
use super::model::{Assertion, Probe};
use super::node::Node;
use super::source::Source;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The document is refused.
    Error,
    /// It is taken, and probably not what was meant.
    Warning,
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::Error { "error" } else { "warning" })
    }
}

/// One finding. Its `Display` is one line, as compilers write it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    pub file: String,
    /// From 1; 0 where unknown.
    pub line: u32,
    pub column: u32,
    /// JSON pointer into its document.
    pub pointer: String,
    pub message: String,
    pub suggestion: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {}: {}", self.severity, self.message)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

/// One file of a set: its name, as messages show it, and its bytes.
#[derive(Clone, Copy, Debug)]
pub struct FileSource<'source> {
    pub name: &'source str,
    pub bytes: &'source [u8],
}

/// What is wrong with an image, for who wrote the document; `None` where it can be looked for.
pub type ImageFault = Option<String>;

/// Lints one file by itself. `look` is asked for each image, by its name relative to the file.
pub fn lint(file: FileSource<'_>, look: &dyn Fn(&ImageFile) -> ImageFault) -> Vec<Diagnostic> {
    let mut found = Findings::default();
    found.file(file, &|_, image| look(image));
    found.sorted()
}

/// Lints files that belong together: apps, screens and pools that workflows name are looked up in all of them.
/// `look` is asked with the file's name and the image's, relative to that file.
pub fn lint_set(files: &[FileSource<'_>], look: &dyn Fn(&str, &ImageFile) -> ImageFault) -> Vec<Diagnostic> {
    let mut found = Findings::default();
    for file in files {
        found.file(*file, look);
    }
    found.across();
    found.sorted()
}

#[derive(Default)]
struct Findings {
    diagnostics: Vec<Diagnostic>,
    documents: Vec<(String, Document)>,
    /// Of every document that has them, faulty ones too, so that one fault does not draw others after it.
    named: BTreeSet<(String, String)>,
}

impl Findings {
    fn file(&mut self, file: FileSource<'_>, look: &dyn Fn(&str, &ImageFile) -> ImageFault) {
        let source = Source::read(file.bytes);
        let empty = source.documents.is_empty() && source.faults.is_empty();
        for fault in source.faults {
            self.fault(file.name, fault);
        }
        if empty {
            self.note(Severity::Warning, file.name, &Place::default(), "there is no document in this file");
        }
        for tree in source.documents {
            self.name_once(file.name, &tree);
            match Document::read(tree) {
                Err(faults) => faults.into_iter().for_each(|fault| self.fault(file.name, fault)),
                Ok(document) => {
                    for (image, place) in document.images() {
                        if let Some(message) = look(file.name, image) {
                            self.note(Severity::Error, file.name, place, message);
                        }
                    }
                    self.doubtful(file.name, &document);
                    self.documents.push((file.name.to_owned(), document));
                }
            }
        }
    }

    fn sorted(mut self) -> Vec<Diagnostic> {
        self.diagnostics.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
        self.diagnostics
    }

    fn fault(&mut self, file: &str, fault: Fault) {
        self.diagnostics.push(Diagnostic {
            severity: Severity::Error,
            file: file.to_owned(),
            line: fault.line,
            column: fault.column,
            pointer: fault.pointer,
            message: fault.detail,
            suggestion: fault.suggestion,
        });
    }

    fn note(&mut self, severity: Severity, file: &str, place: &Place, message: impl Into<String>) {
        self.diagnostics.push(Diagnostic {
            severity,
            file: file.to_owned(),
            line: place.line,
            column: place.column,
            pointer: place.pointer.clone(),
            message: message.into(),
            suggestion: None,
        });
    }

    /// Two documents of one kind and name would overwrite one another.
    fn name_once(&mut self, file: &str, tree: &Node) {
        let text = |key: &str| tree.get(key).and_then(Node::as_text).map(str::to_owned);
        let (Some(kind), Some(name)) = (text("kind"), text("name")) else { return };
        let place = Place { pointer: "/name".to_owned(), line: tree.line, column: tree.column };
        let key = (kind.clone(), name.clone());
        if !self.named.insert(key) {
            self.note(Severity::Error, file, &place, format!("the {kind} `{name}` stands twice in these files"));
        }
    }

    /// What is right in form and doubtful in sense.
    fn doubtful(&mut self, file: &str, document: &Document) {
        match document.body() {
            Body::App(app) => self.doubtful_app(file, app, document.tree()),
            Body::Workflow(workflow) => self.doubtful_workflow(file, workflow, document.tree()),
            Body::Pool(_) | Body::Channel(_) => {}
        }
    }

    fn doubtful_app(&mut self, file: &str, app: &App, tree: &Node) {
        let place = place_of(tree);
        if app.ready().is_none() {
            self.note(Severity::Warning, file, &place, "no screen `ready`: the app counts as ready as soon as it runs");
        }
        if app.process.is_none() && (app.launch.windows.is_some() || app.launch.linux.is_some()) {
            let message =
                "no `process`: whether the app runs is known by its screens only, and it cannot be closed by name";
            self.note(Severity::Warning, file, &place, message);
        }
        let relaunches = |steps: &[Step]| steps.iter().any(relaunches);
        for (at, recovery) in app.recover.iter().enumerate() {
            if recovery.when.is_none() && at + 1 < app.recover.len() && relaunches(&recovery.steps) {
                let message = "the recoveries after this one are reached only if relaunching does not help";
                if let Some(step) = recovery.steps.first() {
                    self.note(Severity::Warning, file, &step.place, message);
                }
            }
        }
    }

    fn doubtful_workflow(&mut self, file: &str, workflow: &Workflow, tree: &Node) {
        if let Some(at) = workflow.steps.iter().position(ends_always)
            && let Some(step) = workflow.steps.get(at + 1)
        {
            self.note(Severity::Warning, file, &step.place, "this step is never reached: the one before always fails");
        }
        workflow.steps.iter().for_each(|step| self.unproved(file, step));
        if workflow.retry.attempts == 1 && tree.get("retry").is_some_and(|retry| retry.get("attempts").is_none()) {
            let place = tree.get("retry").map(place_of).unwrap_or_default();
            self.note(
                Severity::Warning,
                file,
                &place,
                "`retry` without `attempts`: there is one attempt, so nothing is tried again",
            );
        }
    }

    /// Nobody but a person will know what became of it.
    fn unproved(&mut self, file: &str, step: &Step) {
        if step.commit.as_ref().is_some_and(|commit| commit.verify.is_none() && commit.settle.is_none()) {
            let message = "a commit with neither `verify` nor `settle`: whenever an attempt ends behind it, a person has to \
                           decide whether it happened";
            self.note(Severity::Warning, file, &step.place, message);
        }
        step.inner().for_each(|inner| self.unproved(file, inner));
    }

    /// What one document says of another.
    fn across(&mut self) {
        let documents = std::mem::take(&mut self.documents);
        let apps: BTreeMap<&Name, &App> =
            documents.iter().filter_map(|(_, document)| Some((document.name(), document.as_app()?))).collect();
        let workflows: BTreeMap<&Name, &Workflow> =
            documents.iter().filter_map(|(_, document)| Some((document.name(), document.as_workflow()?))).collect();
        for (file, document) in &documents {
            match document.body() {
                Body::Workflow(workflow) => {
                    self.workflow_across(file, workflow, document.tree(), &apps);
                    self.calls_across(file, workflow, &workflows);
                }
                Body::Pool(pool) => self.apps_exist(file, &pool.apps, document.tree()),
                Body::App(_) | Body::Channel(_) => {}
            }
        }
        self.documents = documents;
    }

    fn has(&self, kind: Kind, name: &Name) -> bool {
        self.named.contains(&(kind.to_string(), name.to_string()))
    }

    fn apps_exist(&mut self, file: &str, apps: &[Name], tree: &Node) {
        let place = tree.get("apps").or(tree.get("app")).map(place_of).unwrap_or_default();
        for app in apps {
            if !self.has(Kind::App, app) {
                self.note(Severity::Warning, file, &place, format!("there is no app `{app}` in these files"));
            }
        }
    }

    fn calls_across(&mut self, file: &str, workflow: &Workflow, workflows: &BTreeMap<&Name, &Workflow>) {
        let found = called(workflow, &|name| workflows.get(name).copied());
        for missing in found.missing.iter().filter(|missing| missing.by == workflow.name) {
            let message = format!("there is no workflow `{}` in these files", missing.name);
            self.note(Severity::Warning, file, &missing.place, message);
        }
        found.faults.into_iter().for_each(|fault| self.fault(file, fault));
    }

    fn workflow_across(&mut self, file: &str, workflow: &Workflow, tree: &Node, apps: &BTreeMap<&Name, &App>) {
        self.apps_exist(file, &workflow.apps, tree);
        if let Some(pool) = &workflow.pool
            && !self.has(Kind::Pool, pool)
        {
            let place = tree.get("pool").map(place_of).unwrap_or_default();
            self.note(Severity::Warning, file, &place, format!("there is no pool `{pool}` in these files"));
        }
        let mut uses = Vec::new();
        workflow.steps.iter().for_each(|step| uses_of(step, &mut uses));
        let only = workflow.apps.first();
        for (used, place) in uses {
            let Some(name) = used.app.or(only) else { continue };
            if !workflow.apps.contains(name) {
                self.note(
                    Severity::Error,
                    file,
                    place,
                    format!("the app `{name}` is not among the `apps` of this workflow"),
                );
            } else if let (Some(app), Some(screen)) = (apps.get(name), used.screen)
                && !app.screens.contains_key(screen)
            {
                self.note(
                    Severity::Warning,
                    file,
                    place,
                    format!("the app `{name}` has no screen `{screen}` in these files"),
                );
            }
        }
    }
}

/// An app, and perhaps one of its screens, that a step names.
struct Use<'doc> {
    app: Option<&'doc Name>,
    screen: Option<&'doc Name>,
}

fn uses_of<'doc>(step: &'doc Step, uses: &mut Vec<(Use<'doc>, &'doc Place)>) {
    let mut of_probe = |probe: &'doc Probe| screens_of(probe, &step.place, uses);
    match &step.action {
        Action::Wait(watch) | Action::WaitGone(watch) | Action::Assert(Assertion::Probe(watch)) => {
            of_probe(&watch.probe);
        }
        Action::If { condition: Condition::Probe(watch), .. } => of_probe(&watch.probe),
        Action::Repeat(repeat) => {
            if let Condition::Probe(watch) = &repeat.until {
                of_probe(&watch.probe);
            }
        }
        _ => {}
    }
    if let Some(Condition::Probe(watch)) = &step.when {
        of_probe(&watch.probe);
    }
    if let Action::Launch(Launching::App(Some(app))) | Action::Close(Subject::App(Some(app))) = &step.action {
        uses.push((Use { app: Some(app), screen: None }, &step.place));
    }
    step.inner().for_each(|inner| uses_of(inner, uses));
    let Some(commit) = &step.commit else { return };
    if let Some(verify) = &commit.verify {
        screens_of(&verify.probe, &verify.place, uses);
    }
    if let Some(settle) = &commit.settle {
        settle.steps.iter().for_each(|step| uses_of(step, uses));
        if let Condition::Probe(watch) = &settle.done {
            screens_of(&watch.probe, &watch.place, uses);
        }
    }
}

fn screens_of<'doc>(probe: &'doc Probe, place: &'doc Place, uses: &mut Vec<(Use<'doc>, &'doc Place)>) {
    match probe {
        Probe::Screen { app, screen } => uses.push((Use { app: app.as_ref(), screen: Some(screen) }, place)),
        Probe::Any(parts) | Probe::All(parts) => parts.iter().for_each(|part| screens_of(part, place, uses)),
        Probe::Not(part) => screens_of(part, place, uses),
        _ => {}
    }
}

fn relaunches(step: &Step) -> bool {
    matches!(step.action, Action::Relaunch) || step.inner().any(relaunches)
}

fn ends_always(step: &Step) -> bool {
    matches!(step.action, Action::Fail(_)) && step.when.is_none() && !step.continue_on_error
}

fn place_of(node: &Node) -> Place {
    Place { pointer: node.pointer.to_string(), line: node.line, column: node.column }
}

//! `deskfleet try`: a workflow on this desktop, without a controller, by the agent's own runner.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::{
    job_submit::{input, pairs},
    try_step::Pacing,
    watch::StepPrinter,
};
use crate::{
    agent::{
        local::{Local, LocalError},
        runner::{Ending, NextStep, Observer, Permit, Stop as StopRunning},
    },
    cli::{
        documents_on_disk,
        exit::{Exit, Stop, usage},
        files,
        output::{self, OutputFlag},
        runtime,
    },
    desktop::DesktopHandle,
    ids::Digest,
    report::{self, Outcome, Report, Trouble},
    wire::{
        agent::AttemptFailure,
        failure::RECORDING_ARTIFACT,
        machine::{Readiness, ReadinessState},
        step::{ArtifactRef, StepReport},
    },
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  DISPLAY=:7 deskfleet try clinic/register.yaml --input patient.json\n  \
    deskfleet try add.yaml --set a=1 --set b=2 --app calculator.yaml -d pictures --report add.html\n  \
    deskfleet try add.yaml --step                   # asks before each step: run, skip, go on or stop\n  \
    deskfleet try add.yaml --slow=2s                # waits before each step, to watch\n  \
    printf 's\\n\\ng\\n' | deskfleet try add.yaml --step  # answers by a script; it stops where they end")]
pub(crate) struct TryArgs {
    /// A file with one workflow; its apps are found in it, in --app files and in the files beside it
    workflow: PathBuf,
    /// JSON object: a file, - for stdin, or the object itself
    #[arg(long, value_name = "FILE|-|{…}")]
    input: Option<String>,
    /// One property of the input; the value is JSON where it reads as such, else text
    #[arg(long = "set", value_name = "K=V")]
    properties: Vec<String>,
    /// A file with apps
    #[arg(long = "app", value_name = "FILE")]
    apps: Vec<PathBuf>,
    /// A file of the job: `files[NAME].path` in the workflow
    #[arg(long = "file", value_name = "NAME=PATH")]
    files: Vec<String>,
    /// Where pictures and files are saved; `try-` and the workflow's name in the current folder unless given
    #[arg(short, long)]
    directory: Option<PathBuf>,
    /// Save what was done and seen as one HTML file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Ask before each step whether to run it, to skip it, to go on without asking or to stop. Answers are lines of standard input
    #[arg(long)]
    step: bool,
    /// Wait before each step, so that a person can watch; 1s unless given
    #[arg(long, value_name = "DURATION", num_args = 0..=1, default_missing_value = "1s")]
    slow: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) fn run(args: TryArgs) -> anyhow::Result<Exit> {
    if !lint(&args.workflow)? {
        return Ok(Exit::Unsuccessful);
    }
    if args.step && args.input.as_deref() == Some("-") {
        return Err(usage("--step takes its answers from standard input, so --input can't: name a file"));
    }
    let pacing = Pacing::new(args.step, args.slow.as_deref())?;
    let input = input(args.input.as_deref(), &args.properties)?;
    let local = Local::load_with(&args.workflow, &args.apps).map_err(|error| refused(&error))?;
    let copies = tempfile::tempdir().context("a folder for the files of the job cannot be made")?;
    let plan = local.plan(&input, job_files(&args.files, copies.path())?).map_err(|error| refused(&error))?;
    let name = local.workflow.name.as_str();
    let directory = args.directory.unwrap_or_else(|| PathBuf::from(format!("try-{name}")));
    let mut watcher = Watcher::new(directory, pacing, interrupts()?, args.report.is_some());
    let ending = local.run(&plan, DesktopHandle::new(), &mut watcher);
    watcher.printer.clear();
    if watcher.saved > 0 {
        output::remark(format!("{} pictures and files in {}", watcher.saved, watcher.directory.display()));
    }
    let stopped_before = watcher.pacing.stopped_before().map(ToOwned::to_owned);
    if let Some(file) = &args.report {
        save_report(watcher, name, &ending, file)?;
    }
    conclude(ending, stopped_before.as_deref(), args.output)
}

/// Says what is wrong with the file; false where it can't be tried.
fn lint(path: &Path) -> anyhow::Result<bool> {
    let files = documents_on_disk::read(path)?;
    anyhow::ensure!(!path.is_dir(), usage("give the file of the workflow, not a folder"));
    let findings = documents_on_disk::lint_alone(&files[0]);
    for finding in &findings {
        let excerpt = documents_on_disk::excerpt(finding, &files);
        output::remark(format!("{}{excerpt}", output::clean(&finding.to_string())));
    }
    Ok(!documents_on_disk::has_errors(&findings))
}

fn refused(error: &LocalError) -> anyhow::Error {
    let exit = match error {
        LocalError::Unreadable { .. } | LocalError::TooLarge { .. } => Exit::Broken,
        LocalError::NoApp { .. } | LocalError::NoCalled { .. } => Exit::NotFound,
        LocalError::Faults { .. } => Exit::Unsuccessful,
        LocalError::NoWorkflow { .. } | LocalError::SeveralWorkflows { .. } => Exit::Usage,
        LocalError::Input(_) => Exit::Refused,
    };
    Stop::new(exit, error.to_string()).into()
}

/// Copies, as a job has them: what the workflow does to them is done to nothing of ours, and they are erased afterwards.
fn job_files(texts: &[String], folder: &Path) -> anyhow::Result<BTreeMap<String, PathBuf>> {
    let copy = |(name, path): (String, String)| {
        if !Path::new(&path).is_file() {
            return Err(Stop::new(Exit::NotFound, format!("--file {name}: there is no file {path}")).into());
        }
        if files::plain_name(&name) != name {
            return Err(usage(format!("--file {name}={path}: a file of a job has a plain name, such as referral.pdf")));
        }
        let copy = folder.join(&name);
        std::fs::copy(&path, &copy).with_context(|| format!("--file {name}={path}"))?;
        Ok((name, copy))
    };
    pairs("--file", texts)?.into_iter().map(copy).collect()
}

fn conclude(ending: Ending, stopped_before: Option<&str>, format: OutputFlag) -> anyhow::Result<Exit> {
    let (exit, report) = match ending {
        Ending::Succeeded { output } => (Exit::Done, json!({ "outcome": "succeeded", "output": output })),
        Ending::Failed(failure) => {
            output::remark(failure_text(&failure));
            (Exit::Unsuccessful, json!({ "outcome": "failed", "failure": failure }))
        }
        Ending::Stopped(_) => {
            output::remark(stopped_before.map_or("stopped".to_owned(), |path| format!("stopped before {path}")));
            (Exit::Unsuccessful, json!({ "outcome": "cancelled" }))
        }
    };
    if format.is_json() {
        output::json(&report)?;
    } else if let Some(result) = report.get("output") {
        output::json(result)?;
    }
    Ok(exit)
}

fn save_report(watcher: Watcher, workflow: &str, ending: &Ending, file: &Path) -> anyhow::Result<()> {
    let outcome = match ending {
        Ending::Succeeded { .. } => Outcome::Succeeded,
        Ending::Failed(_) => Outcome::Failed,
        Ending::Stopped(_) => Outcome::Stopped,
    };
    let failure = match ending {
        Ending::Failed(failure) => Some(Trouble {
            category: failure.category,
            message: failure.message.clone(),
            help: String::new(),
            path: failure.step.as_ref().map(|step| step.path.clone()),
        }),
        _ => None,
    };
    let recording = match recording_of(ending).and_then(|digest| watcher.pictures.get(&digest)) {
        Some(archive) => report::shots_of(archive)?,
        None => Vec::new(),
    };
    let steps = report::as_they_ended(watcher.reports);
    let shown = report::pictures_of(&steps);
    let mut pictures = watcher.pictures;
    pictures.retain(|digest, _| shown.contains(digest));
    let report = Report {
        workflow: workflow.to_owned(),
        outcome,
        facts: Vec::new(),
        failure,
        steps,
        cut: false,
        pictures,
        film: recording,
    };
    std::fs::write(file, report.html()?).with_context(|| format!("{} can't be written", file.display()))?;
    output::remark(format!("report in {}", file.display()));
    Ok(())
}

fn recording_of(ending: &Ending) -> Option<Digest> {
    let Ending::Failed(failure) = ending else { return None };
    failure.artifacts.iter().find(|artifact| artifact.name == RECORDING_ARTIFACT).map(|artifact| artifact.sha256)
}

fn failure_text(failure: &AttemptFailure) -> String {
    let step =
        failure.step.as_ref().map(|step| format!("\n  step {} ({})", step.path, step.action)).unwrap_or_default();
    let message = output::clean(&failure.message);
    format!("failed, {}: {message}{step}", output::word(&failure.category))
}

/// Set by the first Ctrl-C, between two actions of the run; the second one ends the process.
pub(super) fn interrupts() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    let set = Arc::clone(&flag);
    let runtime = runtime::client()?;
    let wait = move || {
        runtime.block_on(async {
            while tokio::signal::ctrl_c().await.is_ok() {
                if set.swap(true, Ordering::SeqCst) {
                    std::process::exit(i32::from(Exit::Broken as u8));
                }
            }
        });
    };
    std::thread::Builder::new().name("interrupts".to_owned()).spawn(wait).context("no thread to wait for Ctrl-C")?;
    Ok(flag)
}

/// Prints steps and saves pictures and files as they come.
struct Watcher {
    printer: StepPrinter,
    directory: PathBuf,
    saved: u32,
    pacing: Pacing,
    interrupted: Arc<AtomicBool>,
    /// Whether a report is wanted: these are for it.
    reporting: bool,
    reports: Vec<StepReport>,
    pictures: BTreeMap<Digest, Vec<u8>>,
}

impl Watcher {
    fn new(directory: PathBuf, pacing: Pacing, interrupted: Arc<AtomicBool>, reporting: bool) -> Self {
        Self {
            printer: StepPrinter::new(),
            directory,
            saved: 0,
            pacing,
            interrupted,
            reporting,
            reports: Vec::new(),
            pictures: BTreeMap::new(),
        }
    }

    fn save(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        std::fs::create_dir_all(&self.directory)?;
        std::fs::write(self.directory.join(files::plain_name(name)), bytes)?;
        self.saved += 1;
        Ok(())
    }
}

impl Observer for Watcher {
    fn go_on(&mut self) -> Result<(), StopRunning> {
        if self.interrupted.load(Ordering::SeqCst) { Err(StopRunning::Cancelled) } else { Ok(()) }
    }

    fn recorded(&self) -> bool {
        self.reporting
    }

    fn steps_asked(&self) -> bool {
        self.pacing.is_wanted()
    }

    fn before_step(&mut self, next: &NextStep) -> Permit {
        self.pacing.permit(next, &mut self.printer, &self.interrupted)
    }

    fn step(&mut self, report: StepReport) {
        self.printer.step(1, &report);
        if self.reporting {
            self.reports.push(report);
        }
    }

    fn artifact(&mut self, artifact: &ArtifactRef, bytes: Option<Vec<u8>>) {
        let Some(bytes) = bytes else { return };
        if let Err(error) = self.save(&artifact.name, &bytes) {
            self.printer.remark(format!("{} can't be saved: {error}", artifact.name));
        }
        if self.reporting {
            self.pictures.insert(artifact.sha256, bytes);
        }
    }

    fn file(&mut self, artifact: &ArtifactRef, bytes: Vec<u8>) -> Result<(), String> {
        let path = self.directory.join(files::plain_name(&artifact.name));
        self.save(&artifact.name, &bytes).map_err(|error| format!("{} can't be written: {error}", path.display()))
    }

    fn readiness(&mut self, app: &crate::ids::Name, readiness: &Readiness) {
        let reason = readiness.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        if readiness.state != ReadinessState::Ready {
            self.printer.remark(output::clean(&format!("  {app} {}{reason}", output::word(&readiness.state))));
        }
    }
}

//! `deskfleet record`: a person works, a workflow comes of it.

use std::{
    path::{Path, PathBuf},
    sync::atomic::Ordering,
    time::Duration,
};

use anyhow::Context as _;
use clap::Args;
use serde_json::json;

use super::try_out::interrupts;
use crate::{
    cli::{
        documents_on_disk,
        exit::{Exit, Stop, usage},
        output::{self, OutputFlag},
    },
    desktop::{self, Chord, DesktopError, Pass, Window, process},
    ids::Name,
    recorder::{Application, Recorded, Recorder, Step, Watched},
    workflow::limits,
};

const WORKFLOW: &str = "workflow.yaml";
const APP: &str = "app.yaml";
const IMAGES: &str = "images";

/// Steps and images that one more gesture may bring.
const ROOM: usize = 16;

/// How long an application may take to show its window.
const WINDOW: Duration = Duration::from_secs(30);

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet record add-patient -- clinic --maximized   # starts the application, which becomes the app of the workflow\n  \
    DISPLAY=:7 deskfleet record add-patient              # works with what is open\n  \
    deskfleet try add-patient/workflow.yaml              # does the same again\n\n\
    Ctrl-C here or the key Pause there ends the recording. What is done in the window of this terminal is left out.\n\
    What is typed into a field for passwords is not written down: it becomes a property of the workflow's input."
)]
pub(crate) struct RecordArgs {
    /// A new folder for the workflow and its images; the workflow is called like it
    folder: PathBuf,
    /// Name of the workflow
    #[arg(long)]
    name: Option<Name>,
    /// The key that ends the recording
    #[arg(long, default_value = "Pause", value_name = "KEY")]
    stop: Chord,
    /// Start this first
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) fn run(args: &RecordArgs) -> anyhow::Result<Exit> {
    let name = name(args)?;
    for file in [WORKFLOW, APP, IMAGES] {
        let path = args.folder.join(file);
        anyhow::ensure!(!path.exists(), usage(format!("{} is there already: give a new folder", path.display())));
    }
    std::fs::create_dir_all(&args.folder).with_context(|| format!("{} can't be made", args.folder.display()))?;
    let begun = begin(args);
    if begun.is_err() {
        forget(&args.folder);
    }
    let (application, recorder) = begun?;
    let (work, broken) = watch(recorder)?;
    if work.is_empty() {
        forget(&args.folder);
        broken.map_or(Ok(()), Err)?;
        return Err(Stop::new(Exit::Unsuccessful, "nothing was done on the desktop: nothing is saved").into());
    }
    save(&args.folder, &name, application.as_ref(), &work)?;
    let exit = conclude(args, &name, application.as_ref(), &work)?;
    broken.map_or(Ok(exit), |error| Err(anyhow::Error::new(error).context("the recording ended early")))
}

fn begin(args: &RecordArgs) -> anyhow::Result<(Option<Application>, Recorder)> {
    // Where nothing can be heard, nothing is started either.
    drop(desktop::hear()?);
    let application = launch(&args.command)?;
    let recorder = Recorder::start(args.stop.clone())?;
    output::remark(format!("recording: work on the desktop, then press {} there or Ctrl-C here", args.stop));
    Ok((application, recorder))
}

/// Until it is ended, or the desktop is gone: what was recorded until then is not lost.
fn watch(mut recorder: Recorder) -> anyhow::Result<(Recorded, Option<DesktopError>)> {
    let interrupted = interrupts()?;
    let (mut count, mut images) = (0, 0);
    let broken = loop {
        while let Some(said) = recorder.remark() {
            output::remark(format!("     {}", output::clean(&said)));
        }
        if interrupted.load(Ordering::SeqCst) {
            break None;
        }
        match recorder.watch() {
            Ok(Watched::Steps(steps)) => {
                tell(&steps, &mut count);
                images += steps.iter().map(Step::images).sum::<usize>();
                if count + ROOM > limits::STEPS || images + ROOM > limits::IMAGES {
                    let (steps, images) = (limits::STEPS, limits::IMAGES);
                    let most = format!("a workflow has at most {steps} steps and {images} images");
                    output::remark(format!("{most}: the recording ends here"));
                    break None;
                }
            }
            Ok(Watched::Ended) => break None,
            Err(error) => break Some(error),
        }
    };
    let (last, whole) = recorder.finish();
    tell(&last, &mut count);
    Ok((whole, broken))
}

/// Only where nothing else is in it.
fn forget(folder: &Path) {
    std::fs::remove_dir(folder).ok();
}

fn name(args: &RecordArgs) -> anyhow::Result<Name> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    let folder = args.folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let why = |error| usage(format!("a workflow can't be called `{folder}` ({error}): give it a --name"));
    folder.parse().map_err(why)
}

/// Starts the application and waits for its window.
fn launch(command: &[String]) -> anyhow::Result<Option<Application>> {
    let Some(program) = process::Program::from_words(command.iter().cloned()) else { return Ok(None) };
    let mut desktop = desktop::open()?;
    let before: Vec<_> = desktop.windows()?.into_iter().map(|window| window.id).collect();
    let running = process::start(&program, &Pass::unfenced())?;
    let clock = desktop::Stopwatch::start();
    let window = loop {
        let is_new = |window: &Window| !before.contains(&window.id);
        if let Some(window) = desktop.windows()?.into_iter().find(is_new) {
            break window;
        }
        // Some hand over to another process and end well.
        if let Some(exit) = running.exit().filter(|exit| *exit != process::Exit::Code(0)) {
            let message = format!("{} ended before it showed a window: {exit:?}", program.program);
            return Err(Stop::new(Exit::Unsuccessful, message).into());
        }
        if clock.left(WINDOW).is_none() {
            let message = format!("{} showed no window within {} s", program.program, WINDOW.as_secs());
            return Err(Stop::new(Exit::Unsuccessful, message).into());
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let process = own_name(command, &window);
    Ok(Some(Application { command: command.to_vec(), window, process }))
}

/// An interpreter of scripts runs more than this application: by its name others would be ended too.
fn own_name(command: &[String], window: &Window) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let called = Path::new(program).file_name().unwrap_or_default().to_string_lossy();
    let is_called_so = if cfg!(windows) {
        // The system does not mind how a program's name is written, nor whether all of it is.
        let bare = |name: &str| name.to_lowercase().trim_end_matches(".exe").to_owned();
        bare(&called) == bare(&window.process)
    } else {
        called == window.process.as_str()
    };
    let runs_file = arguments.iter().any(|argument| Path::new(argument).is_file());
    (is_called_so && !runs_file).then(|| window.process.clone())
}

fn tell(steps: &[Step], count: &mut usize) {
    for step in steps {
        *count += 1;
        output::remark(format!("{count:>3}  {}", output::clean(&step.words)));
    }
}

/// The workflow last: where it is, everything is.
fn save(folder: &Path, name: &Name, application: Option<&Application>, recorded: &Recorded) -> anyhow::Result<()> {
    let write = |file: &str, bytes: &[u8]| {
        let path = folder.join(file);
        std::fs::write(&path, bytes).with_context(|| format!("{} can't be written", path.display()))
    };
    std::fs::create_dir_all(folder.join(IMAGES))?;
    for (file, picture) in recorded.images() {
        write(file, &picture?)?;
    }
    if let Some(application) = application {
        write(APP, application.app().as_bytes())?;
    }
    let app = application.map(Application::name);
    write(WORKFLOW, recorded.workflow(name.as_str(), app.as_deref()).as_bytes())
}

fn conclude(
    args: &RecordArgs,
    name: &Name,
    application: Option<&Application>,
    recorded: &Recorded,
) -> anyhow::Result<Exit> {
    let path = args.folder.join(WORKFLOW);
    let files = documents_on_disk::read(&args.folder)?;
    let findings = documents_on_disk::lint(&files);
    for finding in &findings {
        output::remark(output::clean(&finding.to_string()));
    }
    let secrets: Vec<String> = recorded.secrets().iter().map(|name| format!(" --set {name}=…")).collect();
    let secrets = secrets.concat();
    let steps: Vec<&str> = recorded.steps().map(|step| step.words.as_str()).collect();
    let plural = if steps.len() == 1 { "" } else { "s" };
    let path = path.display();
    output::remark(format!(
        "{} step{plural} in {path}; do the same again with: deskfleet try {path}{secrets}",
        steps.len()
    ));
    if args.output.is_json() {
        output::json(&json!({
            "workflow": name,
            "file": path.to_string(),
            "app": application.map(Application::name),
            "steps": steps,
            "images": recorded.images().count(),
            "secrets": recorded.secrets(),
        }))?;
    }
    Ok(if documents_on_disk::has_errors(&findings) { Exit::Unsuccessful } else { Exit::Done })
}

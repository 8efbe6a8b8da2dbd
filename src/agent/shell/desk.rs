//! The thread that works on the desktop: attempts, looks at idle apps, pictures. One thing at a time.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use serde_json::Value;
use tokio::sync::{Notify, mpsc::UnboundedSender};

use super::control::{Control, PictureReply};
use crate::{
    agent::{
        disk::{AttemptSpool, WorkDir},
        host::Host,
        runner::{Ending, NoIntent, Observer, Plan, Prepared, Runner, Stop, World, versions},
        session::Ended,
        tape::Tape,
    },
    desktop::DesktopHandle,
    ids::{Digest, Name},
    time::Mono,
    wire::{
        agent::{AttemptFailure, AttemptResult, IntentReport, LoopReport, SettledReport},
        failure::LOG_ARTIFACT,
        machine::Readiness,
        step::{ArtifactRef, StepReport},
    },
    workflow::App,
};

/// An idle app is looked at this often even if nothing on the screen changed: its process may have.
const LOOK_ANYWAY: Duration = Duration::from_secs(60);

const LOG_TYPE: &str = "text/plain; charset=utf-8";

/// What the thread is asked to do.
pub(super) enum Work {
    Attempt(Box<Assignment>),
    /// Look at idle apps, read-only.
    Survey {
        apps: Vec<Arc<App>>,
        machine: Value,
    },
    /// Ask apps for their versions.
    Versions {
        apps: Vec<Arc<App>>,
        machine: Value,
    },
    Picture(PictureReply),
    /// An attempt failed because the thread before this one does not come back from it.
    Witness(Box<Witness>),
}

/// The attempt whose thread is given up, and what is known of it.
pub(super) struct Witness {
    pub(super) plan: Plan,
    pub(super) control: Arc<Control>,
    pub(super) spool: AttemptSpool,
    pub(super) uploads: Arc<Notify>,
    pub(super) tape: Tape,
    pub(super) failure: AttemptFailure,
}

/// An attempt, ready to be worked on.
pub(super) struct Assignment {
    pub(super) plan: Plan,
    pub(super) desktop: DesktopHandle,
    pub(super) control: Arc<Control>,
    pub(super) spool: AttemptSpool,
    pub(super) uploads: Arc<Notify>,
    /// Erased when the attempt is over.
    pub(super) work: WorkDir,
    pub(super) tape: Tape,
    pub(super) recorded: bool,
}

/// What the thread has to say.
#[derive(Debug)]
pub(super) enum News {
    /// None where nothing on the screen has changed.
    Surveyed(Option<BTreeMap<Name, Readiness>>),
    Versions(BTreeMap<String, String>),
    Readiness(Name, Readiness),
    Step(StepReport),
    /// Answered through [`Control::answer_intent`].
    Intent(Box<IntentReport>),
    Settled(Box<SettledReport>),
    Looped(LoopReport),
    Prepared(Result<BTreeMap<Name, Readiness>, (String, Vec<ArtifactRef>)>),
    /// The artifacts are those that no step made.
    Ended(Ended, BTreeMap<Name, Readiness>, Vec<ArtifactRef>),
}

/// News with the number of the desk they come from: one that was given up is not heard any more.
pub(super) type Numbered = (u64, News);

/// Starts the thread. It ends when the sender is dropped.
pub(super) fn start(
    mut host: Host,
    news: UnboundedSender<Numbered>,
    number: u64,
) -> std::io::Result<mpsc::Sender<Work>> {
    let (sender, works) = mpsc::channel();
    thread::Builder::new().name("desk".to_owned()).spawn(move || {
        let mut desk = Desk { news: Teller { news, number }, seen: None };
        while let Ok(work) = works.recv() {
            match work {
                Work::Attempt(assignment) => desk.attempt(&mut host, *assignment),
                Work::Survey { apps, machine } => desk.survey(&mut host, apps, machine),
                Work::Versions { apps, machine } => {
                    host.let_go();
                    let found = versions(&mut host, &Plan::looking(apps, machine));
                    desk.tell(News::Versions(found));
                }
                Work::Picture(reply) => {
                    let plan = Plan::looking(Vec::new(), Value::Null);
                    let picture = Runner::new(&mut host, &mut Nobody, &plan).live_picture();
                    // Whoever wanted it may have gone.
                    let _ = reply.send(picture);
                }
                Work::Witness(witness) => desk.witness(&mut host, *witness),
            }
        }
    })?;
    Ok(sender)
}

/// Who hears what the thread has to say.
#[derive(Clone)]
struct Teller {
    news: UnboundedSender<Numbered>,
    number: u64,
}

impl Teller {
    /// The shell may be gone: then nobody needs to know.
    fn tell(&self, news: News) {
        let _ = self.news.send((self.number, news));
    }
}

struct Desk {
    news: Teller,
    /// What the last survey was made of, and when.
    seen: Option<(u64, Mono)>,
}

impl Desk {
    fn tell(&self, news: News) {
        self.news.tell(news);
    }

    fn attempt(&mut self, host: &mut Host, assignment: Assignment) {
        let Assignment { plan, desktop, control, spool, uploads, work, tape, recorded } = assignment;
        self.seen = None;
        host.take_hands(desktop);
        let mut watcher = Watcher {
            news: self.news.clone(),
            control: &control,
            spool: &spool,
            uploads: &uploads,
            tape: &tape,
            recorded,
        };
        let mut runner = Runner::new(host, &mut watcher, &plan);
        let keep = |runner: &Runner<'_>| keep_log(&spool, &runner.cleaned(&tape.text()));
        tape.line("the desktop is looked at and the apps are brought to ready");
        let prepared = match runner.prepare() {
            Prepared::Ready(readiness) => readiness,
            Prepared::NotReady { reason, mut artifacts, .. } => {
                tape.line(&format!("not ready: {reason}"));
                artifacts.extend(keep(&runner));
                drop(work);
                uploads.notify_one();
                return self.tell(News::Prepared(Err((reason, artifacts))));
            }
            Prepared::Stopped(stop) => {
                tape.line(&stopped(stop));
                let log = keep(&runner);
                drop(work);
                uploads.notify_one();
                return self.tell(News::Ended(Ended::Stopped(stop), BTreeMap::new(), log.into_iter().collect()));
            }
        };
        self.tell(News::Prepared(Ok(prepared)));
        let mut ended = match control.wait_to_execute() {
            Err(stop) => Ended::Stopped(stop),
            Ok(()) => match runner.execute() {
                Ending::Succeeded { output } => Ended::Result(AttemptResult::Succeeded { output }),
                Ending::Failed(failure) => Ended::Result(AttemptResult::Failed(failure)),
                Ending::Stopped(stop) => Ended::Stopped(stop),
            },
        };
        let readiness = match ended {
            Ended::Stopped(Stop::LeaseLost) => BTreeMap::new(),
            _ => runner.survey_all(),
        };
        let mut log = Vec::new();
        match &mut ended {
            Ended::Result(AttemptResult::Failed(failure)) => {
                tape.line(&format!("failed: {}", failure.message));
                failure.artifacts.extend(keep(&runner));
            }
            Ended::Stopped(stop) => {
                tape.line(&stopped(*stop));
                log.extend(keep(&runner));
            }
            // Nobody asks how a success came about, and there are many.
            Ended::Result(_) => {}
        }
        drop(work);
        uploads.notify_one();
        control.give_picture(&Err("the attempt has just ended; ask again".to_owned()));
        self.end(&spool, ended, readiness, log);
    }

    /// Ends an attempt in place of the thread that had it, with what the desktop shows now.
    fn witness(&self, host: &mut Host, witness: Witness) {
        let Witness { plan, control, spool, uploads, tape, mut failure } = witness;
        let mut watcher = Watcher {
            news: self.news.clone(),
            control: &control,
            spool: &spool,
            uploads: &uploads,
            tape: &tape,
            recorded: false,
        };
        Runner::new(host, &mut watcher, &plan).bear_witness(&mut failure);
        control.give_picture(&Err("the attempt has just ended; ask again".to_owned()));
        self.end(&spool, Ended::Result(AttemptResult::Failed(failure)), BTreeMap::new(), Vec::new());
        uploads.notify_one();
    }

    /// On disk first, then told.
    fn end(
        &self,
        spool: &AttemptSpool,
        ended: Ended,
        readiness: BTreeMap<Name, Readiness>,
        artifacts: Vec<ArtifactRef>,
    ) {
        if let Ended::Result(result) = &ended
            && let Err(error) = spool.end(result)
        {
            tracing::warn!(%error, "the result of an attempt is not on disk");
        }
        self.tell(News::Ended(ended, readiness, artifacts));
    }

    fn survey(&mut self, host: &mut Host, apps: Vec<Arc<App>>, machine: Value) {
        let now = host.now().mono;
        let shown = fingerprint(host);
        if let (Some(shown), Some((before, at))) = (shown, self.seen)
            && shown == before
            && now.since(at) < LOOK_ANYWAY
        {
            return self.tell(News::Surveyed(None));
        }
        self.seen = shown.map(|shown| (shown, now));
        let plan = Plan::looking(apps, machine);
        let mut nobody = Nobody;
        let readiness = Runner::new(host, &mut nobody, &plan).survey_all();
        self.tell(News::Surveyed(Some(readiness)));
    }
}

/// Keeps an attempt's log, to be sent like its pictures.
pub(super) fn keep_log(spool: &AttemptSpool, text: &str) -> Option<ArtifactRef> {
    let (sha256, bytes) = (Digest::of(text.as_bytes()), text.len() as u64);
    if let Err(error) = spool.picture(&sha256, text.as_bytes()) {
        tracing::warn!(%error, "the log of an attempt is lost");
        return None;
    }
    Some(ArtifactRef { name: LOG_ARTIFACT.to_owned(), sha256, bytes, content_type: LOG_TYPE.to_owned() })
}

fn stopped(stop: Stop) -> String {
    let why = match stop {
        Stop::Cancelled => "the controller said so",
        Stop::LeaseLost => "the lease is gone; the desktop is let go",
        Stop::Shutdown => "the agent is ending",
    };
    format!("stopped: {why}")
}

/// What is on the screen, in one number. None where it can't be seen.
fn fingerprint(host: &mut Host) -> Option<u64> {
    use std::hash::{DefaultHasher, Hash, Hasher};

    let frame = host.desktop().capture().ok()?;
    let windows = host.desktop().windows().ok()?;
    let mut hasher = DefaultHasher::new();
    frame.hash().hash(&mut hasher);
    for window in windows {
        (window.id, window.title, window.minimised).hash(&mut hasher);
    }
    Some(hasher.finish())
}

/// Watches one attempt: everything goes to disk first, then to the shell.
struct Watcher<'a> {
    news: Teller,
    tape: &'a Tape,
    control: &'a Control,
    spool: &'a AttemptSpool,
    uploads: &'a Notify,
    recorded: bool,
}

impl Observer for Watcher<'_> {
    fn recorded(&self) -> bool {
        self.recorded
    }

    fn go_on(&mut self) -> Result<(), Stop> {
        self.control.go_on()
    }

    fn step(&mut self, report: StepReport) {
        self.control.step(&report);
        self.tape.line(&told(&report));
        if let Err(error) = self.spool.step(&report) {
            tracing::warn!(%error, "a step report is not on disk");
        }
        self.news.tell(News::Step(report));
    }

    fn intent(&mut self, intent: &IntentReport) -> Result<(), NoIntent> {
        // On this disk before anybody hears of it: an agent that is started after a crash knows what it may have done.
        self.spool.intent(intent).map_err(|error| NoIntent::Refused(error.to_string()))?;
        self.control.ask_to_act();
        self.news.tell(News::Intent(Box::new(intent.clone())));
        let answer = self.control.wait_to_act();
        self.tape.line(&match &answer {
            Ok(()) => format!("{} may act: its intent is recorded", intent.step.path),
            Err(why) => format!("{} must not act: {why:?}", intent.step.path),
        });
        if answer.is_err() {
            self.spool.no_intent();
        }
        answer
    }

    fn settled(&mut self, settled: SettledReport) {
        self.spool.no_intent();
        let done = if settled.done { "done" } else { "not done" };
        self.tape.line(&format!("{} is {done}", settled.step.path));
        self.news.tell(News::Settled(Box::new(settled)));
    }

    fn looped(&mut self, report: LoopReport) {
        self.news.tell(News::Looped(report));
    }

    fn artifact(&mut self, artifact: &ArtifactRef, bytes: Option<Vec<u8>>) {
        let Some(bytes) = bytes else { return };
        match self.spool.picture(&artifact.sha256, &bytes) {
            Ok(()) => self.uploads.notify_one(),
            Err(error) => tracing::warn!(%error, name = artifact.name, "a picture is lost"),
        }
    }

    fn file(&mut self, artifact: &ArtifactRef, bytes: Vec<u8>) -> Result<(), String> {
        self.spool.file(&artifact.sha256, &bytes).map_err(|error| error.to_string())?;
        self.uploads.notify_one();
        Ok(())
    }

    fn readiness(&mut self, app: &Name, readiness: &Readiness) {
        let reason = readiness.reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default();
        self.tape.line(&format!("app {app} is {:?}{reason}", readiness.state));
        self.news.tell(News::Readiness(app.clone(), readiness.clone()));
    }

    fn picture_wanted(&mut self) -> bool {
        self.control.pictures_wanted()
    }

    fn picture(&mut self, picture: Result<Vec<u8>, String>) {
        self.control.give_picture(&picture);
    }
}

/// A step report as a line of the log.
fn told(report: &StepReport) -> String {
    let mut line = format!("{} {} {:?}", report.path, report.action, report.state).to_lowercase();
    if let Some(ended) = report.finished_at {
        // Writing to a string can't fail.
        let _ = write!(line, " after {} ms", ended.since(report.started_at).as_millis());
    }
    if let Some(error) = &report.error {
        let _ = write!(line, ": {}", error.message);
    }
    for find in &report.finds {
        let how = find.how.as_deref().unwrap_or("not found");
        let _ = write!(line, "; {} {how}", find.target);
        if let Some(score) = find.score {
            let _ = write!(line, " {score:.2}");
        }
        if let (Some(x), Some(y)) = (find.x, find.y) {
            let _ = write!(line, " at {x},{y}");
        }
    }
    line
}

/// While an idle machine is looked at there is nothing to tell of steps.
struct Nobody;

impl Observer for Nobody {
    fn step(&mut self, _report: StepReport) {}

    fn artifact(&mut self, _artifact: &ArtifactRef, _bytes: Option<Vec<u8>>) {}
}

//! Workflows on a scripted desktop with a clock that is moved by sleeping: every run is the same.

mod actions;
mod apps;
mod artifacts;
mod asked;
#[cfg(feature = "mutants")]
mod books;
mod call;
mod commit;
mod desktop;
mod failures;
mod film;
mod flow;
mod idle;
mod loops;
mod meaning;
mod pictures;
mod popups;
mod resume;
mod text;

use std::{
    collections::{BTreeMap, VecDeque},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use serde_json::{Value, json};

use super::{Ask, Ending, Image, NoFile, NoIntent, Observer, Plan, Prepared, ProgramRun, Runner, Secrets, Stop, World};
use crate::{
    desktop::{
        Desktop,
        image::{Finder, Template},
        ocr::Readings,
        process::{Captured, Exit, Finished, ProcessError, Program, RunLimits, Spent},
    },
    ids::Digest,
    time::{Clock, ManualClock, Now, Timestamp},
    wire::{
        agent::{IntentReport, LoopReport, Resume, SettledReport},
        step::{ArtifactRef, StepReport, StepState},
    },
    workflow::{self, App, Body},
};
use desktop::Screen;

/// Something that happens on the machine by itself.
type Happening = Box<dyn FnOnce(&mut Stage)>;

/// One machine of the theatre.
pub(super) struct Stage {
    pub(super) screen: Screen,
    clock: ManualClock,
    finder: Finder,
    readings: Readings,
    images: BTreeMap<Digest, Vec<u8>>,
    pub(super) files: Vec<PathBuf>,
    /// What is in files that are read.
    pub(super) contents: BTreeMap<PathBuf, Result<Vec<u8>, NoFile>>,
    /// Running programs by name.
    pub(super) processes: BTreeMap<String, u32>,
    /// What programs that are run answer, in turn.
    pub(super) answers: VecDeque<Result<Finished, ProcessError>>,
    /// Programs that were started or run.
    pub(super) started: Vec<Vec<String>>,
    /// Processor time that running programs use, in percent, by process.
    pub(super) loads: BTreeMap<u32, u64>,
    spent_ms: BTreeMap<u32, u64>,
    happenings: Vec<(u64, Happening)>,
    /// How often programs that are run are asked before they have ended.
    pub(super) run_takes_polls: u32,
    secrets: Secrets,
}

impl Stage {
    pub(super) fn new() -> Self {
        Self {
            screen: Screen::new(),
            clock: ManualClock::starting_at(Timestamp::from_ms(1_000_000)),
            finder: Finder::new(),
            readings: Readings::default(),
            images: BTreeMap::new(),
            files: Vec::new(),
            contents: BTreeMap::new(),
            processes: BTreeMap::new(),
            answers: VecDeque::new(),
            started: Vec::new(),
            loads: BTreeMap::new(),
            spent_ms: BTreeMap::new(),
            happenings: Vec::new(),
            run_takes_polls: 0,
            secrets: Secrets::default(),
        }
    }

    /// At so many milliseconds from the start.
    pub(super) fn at_ms(&mut self, ms: u64, happening: impl FnOnce(&mut Self) + 'static) {
        self.happenings.push((1_000_000 + ms, Box::new(happening)));
    }

    pub(super) fn elapsed_ms(&self) -> u64 {
        self.now().mono.as_ms() - 1_000_000
    }
}

impl World for Stage {
    fn desktop(&mut self) -> &mut dyn Desktop {
        &mut self.screen
    }

    fn finder(&mut self) -> &mut Finder {
        &mut self.finder
    }

    fn now(&self) -> Now {
        Clock::Manual(self.clock.clone()).now()
    }

    fn sleep(&mut self, duration: Duration) {
        self.clock.advance(duration);
        for (pid, percent) in &self.loads {
            *self.spent_ms.entry(*pid).or_default() += crate::time::duration_ms(duration) * percent / 100;
        }
        let now = self.now().mono.as_ms();
        let (due, later) = std::mem::take(&mut self.happenings).into_iter().partition(|(at, _)| *at <= now);
        self.happenings = later;
        for (_, happening) in due {
            happening(self);
        }
    }

    fn readings(&mut self) -> &mut Readings {
        &mut self.readings
    }

    fn image(&mut self, digest: &Digest) -> Result<Image, String> {
        let bytes = self.images.get(digest).ok_or("it is not here")?;
        Template::decode(bytes).map(Arc::new).map_err(|error| error.to_string())
    }

    fn file_exists(&mut self, path: &Path) -> bool {
        self.files.iter().any(|known| known == path)
    }

    fn read_file(&mut self, path: &Path, _limit_bytes: u64) -> Result<Vec<u8>, NoFile> {
        self.contents.get(path).cloned().unwrap_or(Err(NoFile::Missing))
    }

    fn processes(&mut self, name: &str) -> Result<Vec<u32>, ProcessError> {
        Ok(self.processes.get(name).copied().into_iter().collect())
    }

    fn spent(&mut self, pids: &[u32]) -> Result<Vec<Spent>, ProcessError> {
        let of = |pid: &u32| Spent {
            pid: *pid,
            name: "clinic".to_owned(),
            own: Duration::from_millis(self.spent_ms.get(pid).copied().unwrap_or_default()),
            ended: Duration::ZERO,
        };
        Ok(pids.iter().map(of).collect())
    }

    fn end_process(&mut self, pid: u32, ask: Ask) {
        self.screen.log.push(format!("end {pid} {ask:?}"));
        if ask == Ask::Kill {
            self.processes.retain(|_, known| *known != pid);
        }
    }

    fn start(&mut self, program: &Program) -> Result<(), ProcessError> {
        self.started.push([vec![program.program.clone()], program.arguments.clone()].concat());
        let name = program.program.rsplit('/').next().unwrap_or_default().to_owned();
        self.processes.insert(name, 4_242);
        Ok(())
    }

    fn run(
        &mut self,
        program: &Program,
        stdin: &[u8],
        limits: &RunLimits,
    ) -> Result<Box<dyn ProgramRun>, ProcessError> {
        self.started.push([vec![program.program.clone()], program.arguments.clone()].concat());
        if let Some(stdin) = std::str::from_utf8(stdin).ok().filter(|stdin| !stdin.is_empty()) {
            self.screen.log.push(format!("stdin {stdin}"));
        }
        self.screen.log.push(format!("limit {}", limits.timeout.as_millis()));
        let answer = self.answers.pop_front().unwrap_or_else(|| Ok(finished(0, "", "")));
        let program = program.program.clone();
        Ok(Box::new(StageRun { program, polls_left: self.run_takes_polls, answer: Some(answer), stopped: false }))
    }

    fn secrets(&mut self) -> &mut Secrets {
        &mut self.secrets
    }
}

/// A program that ends after so many questions.
struct StageRun {
    program: String,
    polls_left: u32,
    answer: Option<Result<Finished, ProcessError>>,
    stopped: bool,
}

impl ProgramRun for StageRun {
    fn poll(&mut self) -> Option<Result<Finished, ProcessError>> {
        if self.stopped {
            return Some(Err(ProcessError::Fenced { program: self.program.clone() }));
        }
        if self.polls_left > 0 {
            self.polls_left -= 1;
            return None;
        }
        self.answer.take()
    }

    fn stop(&mut self) {
        self.stopped = true;
    }
}

pub(super) fn finished(code: i32, stdout: &str, stderr: &str) -> Finished {
    let captured = |text: &str| Captured { bytes: text.as_bytes().to_vec(), excess_bytes: 0 };
    Finished { exit: Exit::Code(code), stdout: captured(stdout), stderr: captured(stderr), took: Duration::ZERO }
}

/// Writes everything down; says stop when its time has come.
#[derive(Default)]
pub(super) struct Record {
    pub(super) reports: Vec<StepReport>,
    pub(super) artifacts: Vec<(ArtifactRef, Option<Vec<u8>>)>,
    pub(super) readiness: Vec<String>,
    /// Asked so many times whether to go on, the answer is this.
    pub(super) stop_after: Option<(u32, Stop)>,
    /// Pictures somebody wants to see, and those they got.
    pub(super) wanted: u32,
    pub(super) seen: Vec<Vec<u8>>,
    /// Intents, what became of them, and loops: in order, in words.
    pub(super) effects: Vec<String>,
    pub(super) intents: Vec<IntentReport>,
    pub(super) settled: Vec<SettledReport>,
    /// What intents are answered, in turn; granted when there are no more.
    pub(super) answers: VecDeque<Result<(), NoIntent>>,
    /// From this intent on the answer to whether to go on is this.
    pub(super) stop_at_intent: Option<(usize, Stop)>,
    asked: u32,
    pub(super) recorded: bool,
    /// Why files are not kept, in turn; kept when there are no more.
    pub(super) lost: VecDeque<String>,
}

impl Observer for Record {
    fn recorded(&self) -> bool {
        self.recorded
    }

    fn go_on(&mut self) -> Result<(), Stop> {
        self.asked += 1;
        if let Some((intent, stop)) = self.stop_at_intent
            && self.intents.len() >= intent
        {
            return Err(stop);
        }
        match self.stop_after {
            Some((after, stop)) if self.asked > after => Err(stop),
            _ => Ok(()),
        }
    }

    fn step(&mut self, report: StepReport) {
        self.reports.push(report);
    }

    fn intent(&mut self, intent: &IntentReport) -> Result<(), NoIntent> {
        self.effects.push(format!("intent {}{}", intent.step.path, for_key(intent.key.as_ref())));
        self.intents.push(intent.clone());
        self.answers.pop_front().unwrap_or(Ok(()))
    }

    fn settled(&mut self, settled: SettledReport) {
        let done = if settled.done { "done" } else { "not done" };
        self.effects.push(format!("{done} {}{}", settled.step.path, for_key(settled.key.as_ref())));
        self.settled.push(settled);
    }

    fn looped(&mut self, report: LoopReport) {
        if let Some(total) = report.total {
            self.effects.push(format!("loop {} of {total}", report.path));
        }
        for item in report.items {
            self.effects.push(format!("{:?} {} {}", item.state, item.key, item.result));
        }
    }

    fn artifact(&mut self, artifact: &ArtifactRef, bytes: Option<Vec<u8>>) {
        self.artifacts.push((artifact.clone(), bytes));
    }

    fn file(&mut self, artifact: &ArtifactRef, bytes: Vec<u8>) -> Result<(), String> {
        if let Some(reason) = self.lost.pop_front() {
            return Err(reason);
        }
        self.artifacts.push((artifact.clone(), Some(bytes)));
        Ok(())
    }

    fn picture_wanted(&mut self) -> bool {
        self.wanted > 0
    }

    fn picture(&mut self, picture: Result<Vec<u8>, String>) {
        self.wanted -= 1;
        self.seen.push(picture.unwrap());
    }

    fn readiness(&mut self, app: &crate::ids::Name, readiness: &crate::wire::machine::Readiness) {
        self.readiness.push(format!("{app} {:?}", readiness.state));
    }
}

fn for_key(key: Option<&crate::wire::agent::LoopKey>) -> String {
    key.map(|key| format!(" {}", key.key)).unwrap_or_default()
}

impl Record {
    /// `steps/0 Succeeded`, in order, without the beginnings.
    pub(super) fn story(&self) -> Vec<String> {
        let ended = self.reports.iter().filter(|report| report.state != StepState::Started);
        ended.map(|report| format!("{} {:?}", report.path, report.state)).collect()
    }

    pub(super) fn ended(&self, path: &str) -> &StepReport {
        let found = self.reports.iter().find(|report| report.path == path && report.state != StepState::Started);
        found.unwrap_or_else(|| panic!("{path} did not end: {:?}", self.story()))
    }
}

/// A workflow with the steps of a story, its apps, and images by file name.
pub(super) struct Play {
    workflow: String,
    apps: Vec<String>,
    called: Vec<String>,
    images: BTreeMap<&'static str, Vec<u8>>,
    pub(super) input: Value,
    pub(super) timeout: Duration,
    pub(super) resume: Option<Resume>,
}

impl Play {
    /// The lines below `steps:`.
    pub(super) fn steps(steps: &str) -> Self {
        Self::workflow(&format!("steps:\n{steps}"))
    }

    /// Everything but kind and name.
    pub(super) fn workflow(rest: &str) -> Self {
        Self {
            workflow: format!("kind: workflow\nname: play\n{rest}"),
            apps: Vec::new(),
            called: Vec::new(),
            images: BTreeMap::new(),
            input: json!({}),
            timeout: Duration::from_secs(300),
            resume: None,
        }
    }

    pub(super) fn app(mut self, rest: &str) -> Self {
        self.apps.push(format!("kind: app\nname: clinic\n{rest}"));
        self
    }

    /// A workflow that may be called: its name, and everything but that and kind.
    pub(super) fn called(mut self, name: &str, rest: &str) -> Self {
        self.called.push(format!("kind: workflow\nname: {name}\n{rest}"));
        self
    }

    pub(super) fn image(mut self, file: &'static str, png: Vec<u8>) -> Self {
        self.images.insert(file, png);
        self
    }

    pub(super) fn input(mut self, input: Value) -> Self {
        self.input = input;
        self
    }

    pub(super) fn resume(mut self, resume: Resume) -> Self {
        self.resume = Some(resume);
        self
    }

    pub(super) fn plan(&self, stage: &mut Stage) -> Plan {
        let Body::Workflow(workflow) = self.document(&self.workflow, stage) else { panic!("no workflow") };
        let called = self.called.iter().map(|text| match self.document(text, stage) {
            Body::Workflow(workflow) => Arc::new(workflow),
            _ => panic!("no workflow"),
        });
        let called = called.collect();
        let apps = self.apps.iter().map(|text| match self.document(text, stage) {
            Body::App(app) => Arc::new(app),
            _ => panic!("no app"),
        });
        let apps: Vec<Arc<App>> = apps.collect();
        Plan {
            workflow: Some(Arc::new(workflow)),
            called,
            apps,
            input: self.input.clone(),
            files: BTreeMap::from([("referral.pdf".to_owned(), PathBuf::from("/tmp/referral.pdf"))]),
            job: json!({"id": "job_1"}),
            machine: json!({"name": "vm-07"}),
            timeout: self.timeout,
            display: None,
            resume: self.resume.clone(),
        }
    }

    fn document(&self, text: &str, stage: &mut Stage) -> Body {
        let document = workflow::parse_one(text.as_bytes()).unwrap_or_else(|faults| panic!("{text}\n{faults:?}"));
        let digests = document.images().keys().map(|file| {
            let bytes = self.images.get(file.as_str()).unwrap_or_else(|| panic!("no image {file}"));
            let digest = Digest::of(bytes);
            stage.images.insert(digest, bytes.clone());
            (file.clone(), workflow::Digest::new(&digest.to_string()).unwrap())
        });
        document.with_digests(&digests.collect()).unwrap().into_body()
    }

    pub(super) fn run(&self, stage: &mut Stage) -> (Ending, Record) {
        self.run_watched(stage, Record::default())
    }

    pub(super) fn run_watched(&self, stage: &mut Stage, mut record: Record) -> (Ending, Record) {
        let plan = self.plan(stage);
        let ending = Runner::new(stage, &mut record, &plan).execute();
        (ending, record)
    }

    pub(super) fn prepare(&self, stage: &mut Stage) -> (Prepared, Record) {
        let mut record = Record::default();
        let plan = self.plan(stage);
        let prepared = Runner::new(stage, &mut record, &plan).prepare();
        (prepared, record)
    }
}

/// Runs steps on a stage where they must succeed, and says what was done to the desktop.
pub(super) fn done(stage: &mut Stage, steps: &str) -> Vec<String> {
    let (ending, _) = Play::steps(steps).run(stage);
    assert!(matches!(ending, Ending::Succeeded { .. }), "{ending:?}");
    stage.screen.inputs()
}

/// Runs steps that must fail, and says how.
pub(super) fn failed(stage: &mut Stage, steps: &str) -> crate::wire::agent::AttemptFailure {
    failure_of(Play::steps(steps).run(stage).0)
}

pub(super) fn failure_of(ending: Ending) -> crate::wire::agent::AttemptFailure {
    match ending {
        Ending::Failed(failure) => failure,
        other => panic!("it did not fail: {other:?}"),
    }
}

pub(super) fn output_of(ending: Ending) -> Value {
    match ending {
        Ending::Succeeded { output } => output,
        other => panic!("it did not succeed: {other:?}"),
    }
}

//! Applications: launched, closed, looked at, and brought to ready before the first step.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    describe,
    fault::{Break, Fault, Stop, fault},
    find::same_program,
    look::Look,
    plan::{Plan, wire_name},
    run::Runner,
    world::{Ask, World},
};
use crate::{
    desktop::{
        Frame,
        process::{Program, RunLimits},
    },
    ids::Name,
    time::format_duration,
    wire::{
        agent::WantedDisplay,
        job::Category,
        machine::{Readiness, ReadinessState},
        step::ArtifactRef,
    },
    workflow::{App, Recovery, Scope, System, VersionProbe},
};

/// What an app gets to show `ready` after a recovery.
const SETTLE_AFTER_RECOVERY: Duration = Duration::from_secs(3);

/// What a program gets to end before it is killed, in `relaunch`.
const END_WITHIN: Duration = Duration::from_secs(5);

/// What a program gets to say its version.
const VERSION_WITHIN: Duration = Duration::from_secs(10);

/// The system this agent runs on, for `launch`.
pub(super) const SYSTEM: System = if cfg!(windows) { System::Windows } else { System::Linux };

/// How [`Runner::prepare`] ended.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// Steps may begin.
    Ready(BTreeMap<Name, Readiness>),
    /// The job must be declined.
    NotReady {
        reason: String,
        readiness: BTreeMap<Name, Readiness>,
        artifacts: Vec<ArtifactRef>,
    },
    Stopped(Stop),
}

/// What an app showed at one look.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Survey {
    pub ready: bool,
    /// The named screen it shows.
    pub screen: Option<String>,
    /// The probe that decided, where it is not ready.
    pub reason: Option<String>,
}

impl Runner<'_> {
    /// Proves that the desktop can be worked on and brings every app of the plan to its `ready` screen.
    pub fn prepare(&mut self) -> Prepared {
        let mut readiness = BTreeMap::new();
        let result = self.prepare_whole(&mut readiness);
        let _ = self.world.desktop().release_all();
        match result {
            Ok(()) => Prepared::Ready(readiness),
            Err(Break::Stop(stop)) => Prepared::Stopped(stop),
            Err(Break::Fault(fault) | Break::Limit(fault)) => {
                let mut fault = *fault;
                let artifacts = match fault.reported.take() {
                    Some(reported) => reported.artifacts,
                    None => self.failure_picture(&mut fault).into_iter().collect(),
                };
                Prepared::NotReady { reason: self.redactor.clean(&fault.message), readiness, artifacts }
            }
        }
    }

    fn prepare_whole(&mut self, readiness: &mut BTreeMap<Name, Readiness>) -> Result<(), Break> {
        self.go_on()?;
        let attested = self.world.desktop().attest()?;
        let display = self.plan.display;
        Self::check_display(&attested.display, display)?;
        let apps = self.plan.apps.clone();
        for app in &apps {
            let result = self.bring_to_ready(app);
            if let Some(name) = wire_name(&app.name) {
                let state = match &result {
                    Ok(survey) => self.state_of(ReadinessState::Ready, survey),
                    Err(Break::Fault(fault) | Break::Limit(fault)) => {
                        let reason = Some(self.redactor.clean(&fault.message));
                        self.state_of(ReadinessState::NotReady, &Survey { ready: false, screen: None, reason })
                    }
                    Err(Break::Stop(_)) => self.state_of(ReadinessState::Unknown, &Survey::unknown()),
                };
                self.observer.readiness(&name, &state);
                readiness.insert(name, state);
            }
            result?;
        }
        Ok(())
    }

    fn check_display(found: &crate::desktop::Display, wanted: Option<WantedDisplay>) -> Result<(), Break> {
        let Some(wanted) = wanted else { return Ok(()) };
        let scale_fits = wanted.scale.is_none_or(|scale| (found.scale - scale).abs() < 0.01);
        let fits = (found.width, found.height) == (wanted.width, wanted.height) && scale_fits;
        if fits {
            return Ok(());
        }
        let message = format!(
            "the display is {}x{} at scale {}, the pool says {}x{} at scale {}: set the machine's display, or the pool's `display`",
            found.width,
            found.height,
            found.scale,
            wanted.width,
            wanted.height,
            wanted.scale.map_or_else(|| "any".to_owned(), |scale| scale.to_string())
        );
        fault(Category::Desktop, message)
    }

    /// Ready, launched or recovered, or a fault that says what stood in the way.
    fn bring_to_ready(&mut self, app: &Arc<App>) -> Result<Survey, Break> {
        let mut survey = self.survey_now(app)?.0;
        if survey.ready {
            self.alive.insert(app.name.clone());
            return Ok(survey);
        }
        self.tell_readiness(app, ReadinessState::Recovering, &survey);
        if !self.app_runs(app)? {
            match self.launch_app(app, None) {
                Ok(()) => return Ok(self.survey_now(app)?.0),
                // It shows something else, or has ended again: the recoveries know what to do about that.
                Err(Break::Fault(_)) if !app.recover.is_empty() => {}
                Err(end) => return Err(end),
            }
        }
        while self.popup_cleared(app)? {
            survey = self.survey_now(app)?.0;
            if survey.ready {
                self.alive.insert(app.name.clone());
                return Ok(survey);
            }
        }
        for recovery in &app.recover {
            if let Some(ready) = self.recover(app, recovery)? {
                return Ok(ready);
            }
        }
        let (last, frame) = self.survey_now(app)?;
        survey = last;
        if survey.ready {
            self.alive.insert(app.name.clone());
            return Ok(survey);
        }
        let shown =
            survey.screen.as_ref().map_or_else(|| "no screen it knows".to_owned(), |name| format!("screen {name}"));
        let reason = survey.reason.unwrap_or_default();
        let message = format!("{} could not be made ready: it shows {shown}: {reason}", app.name);
        Err(Fault::new(Category::AppNotReady, message).seen(frame, Vec::new()).into())
    }

    /// One that cannot be sent away is left to the recoveries.
    fn popup_cleared(&mut self, app: &Arc<App>) -> Result<bool, Break> {
        match self.clear_popup_of(app) {
            Err(Break::Fault(_)) => Ok(false),
            result => result,
        }
    }

    fn recover(&mut self, app: &Arc<App>, recovery: &Recovery) -> Result<Option<Survey>, Break> {
        for _ in 0..recovery.times.max(1) {
            self.go_on()?;
            let applies = match &recovery.when {
                Some(watch) => self.in_app(app, |runner| runner.holds(watch))?,
                None => true,
            };
            if !applies {
                return Ok(None);
            }
            match self.in_app(app, |runner| runner.steps(&recovery.steps)) {
                // A recovery that fails makes room for the next.
                Ok(()) | Err(Break::Fault(_)) => {}
                Err(end) => return Err(end),
            }
            let ready = self.until(SETTLE_AFTER_RECOVERY, |runner| {
                let (survey, _) = runner.survey_now(app)?;
                if !survey.ready && runner.popups_are_due() {
                    runner.popup_cleared(app)?;
                }
                Ok(survey.ready.then_some(survey))
            })?;
            if let Some(ready) = ready {
                self.alive.insert(app.name.clone());
                return Ok(Some(ready));
            }
        }
        Ok(None)
    }

    /// What an app shows, read-only.
    pub fn survey(&mut self, app: &Arc<App>) -> Result<Survey, String> {
        match self.survey_now(app) {
            Ok((survey, _)) => Ok(survey),
            Err(Break::Stop(_)) => Err("stopped".to_owned()),
            Err(Break::Fault(fault) | Break::Limit(fault)) => Err(self.redactor.clean(&fault.message)),
        }
    }

    /// What all apps of the plan show, as it is told to the controller.
    pub fn survey_all(&mut self) -> BTreeMap<Name, Readiness> {
        let mut all = BTreeMap::new();
        for app in &self.plan.apps {
            let Some(name) = wire_name(&app.name) else { continue };
            let (state, survey) = match self.survey(app) {
                Ok(survey) if survey.ready => (ReadinessState::Ready, survey),
                Ok(survey) => (ReadinessState::NotReady, survey),
                Err(reason) => (ReadinessState::Unknown, Survey { ready: false, screen: None, reason: Some(reason) }),
            };
            all.insert(name, self.state_of(state, &survey));
        }
        all
    }

    fn survey_now(&mut self, app: &Arc<App>) -> Result<(Survey, Option<Frame>), Break> {
        let mut look = Look::default();
        let survey = self.in_app(app, |runner| runner.survey_with(app, &mut look))?;
        Ok((survey, look.into_frame()))
    }

    fn survey_with(&mut self, app: &Arc<App>, look: &mut Look) -> Result<Survey, Break> {
        let Some(ready) = app.ready() else {
            let ready = self.app_runs(app)?;
            let reason = (!ready).then(|| format!("{} does not run", app.name));
            return Ok(Survey { ready, screen: None, reason });
        };
        let verdict = self.shows(ready, look)?;
        if verdict.holds {
            return Ok(Survey { ready: true, screen: Some(App::READY.to_owned()), reason: None });
        }
        let reason = Some(format!("`ready` does not show: {}", verdict.because));
        for (name, screen) in &app.screens {
            if name.as_str() != App::READY && self.shows(screen, look)?.holds {
                return Ok(Survey { ready: false, screen: Some(name.to_string()), reason });
            }
        }
        Ok(Survey { ready: false, screen: None, reason })
    }

    /// Starts the app unless it runs, and waits until it is ready.
    pub(super) fn launch_app(&mut self, app: &Arc<App>, timeout: Option<Duration>) -> Result<(), Break> {
        let Some(launch) = app.launch.on(SYSTEM) else {
            let message = format!("{} does not say how it is launched on {}", app.name, std::env::consts::OS);
            return fault(Category::AppNotReady, message);
        };
        if !self.app_runs(app)? {
            let program = self.program(&launch.command)?;
            self.go_on()?;
            self.world.start(&program).map_err(|error| {
                Break::from(Fault::new(Category::AppNotReady, format!("{} cannot be launched: {error}", app.name)))
            })?;
        }
        let timeout = timeout.unwrap_or_else(|| launch.timeout());
        let mut last = None;
        let mut has_run = false;
        let outcome = self.until(timeout, |runner| {
            let (survey, frame) = runner.survey_now(app)?;
            let ready = survey.ready;
            last = Some((survey, frame));
            if !ready && runner.popups_are_due() {
                runner.clear_popup_of(app)?;
            }
            let runs = runner.app_runs(app)?;
            let ended = has_run && !runs;
            has_run |= runs;
            Ok((ready || ended).then_some(ready))
        })?;
        let (reason, frame) = last.map(|(survey, frame)| (survey.reason, frame)).unwrap_or_default();
        let reason = reason.unwrap_or_default();
        let fault = match outcome {
            Some(true) => {
                self.alive.insert(app.name.clone());
                return Ok(());
            }
            Some(false) => {
                let message = format!("{} has ended right after its launch, before it was ready: {reason}", app.name);
                Fault::new(Category::AppCrashed, message)
            }
            None => {
                let limit = format_duration(timeout);
                let message = format!("{} is not ready {limit} after its launch: {reason}", app.name);
                Fault::new(Category::AppNotReady, message)
            }
        };
        Err(fault.seen(frame, Vec::new()).into())
    }

    /// Ends the app this document describes, by force where it does not listen, and launches it.
    pub(super) fn relaunch_own(&mut self, timeout: Option<Duration>) -> Result<serde_json::Value, Break> {
        let app = self.app_of(None)?;
        if self.end_app(&app, END_WITHIN)? {
            self.for_processes(&app, Ask::Kill)?;
            let gone = self.until(END_WITHIN, |runner| Ok((!runner.app_runs(&app)?).then_some(())))?;
            if gone.is_none() {
                return fault(Category::AppNotReady, format!("{} does not end, not even when it is killed", app.name));
            }
        }
        self.launch_app(&app, timeout)?;
        Ok(serde_json::Value::Null)
    }

    /// Asks the app to close. One that asks back is left alone.
    pub(super) fn close_app(&mut self, app: &Arc<App>, timeout: Duration) -> Result<(), Break> {
        self.alive.remove(&app.name);
        if self.end_app(app, timeout)? {
            let limit = format_duration(timeout);
            let message =
                format!("{} still runs {limit} after it was asked to close: does it ask something?", app.name);
            return fault(Category::Timeout, message);
        }
        Ok(())
    }

    /// Asks the app's windows to close, and its processes to end where it has no window. Whether it still runs.
    fn end_app(&mut self, app: &Arc<App>, within: Duration) -> Result<bool, Break> {
        let Some(process) = process_of(app, &self.scope) else { return Ok(false) };
        let windows = self.world.desktop().windows()?;
        let own: Vec<_> = windows.iter().filter(|window| same_program(&window.process, &process)).collect();
        self.go_on()?;
        for window in &own {
            self.world.desktop().close(window.id)?;
        }
        if own.is_empty() {
            self.for_processes(app, Ask::End)?;
        }
        let gone = self.until(within, |runner| Ok((!runner.app_runs(app)?).then_some(())))?;
        Ok(gone.is_none())
    }

    fn for_processes(&mut self, app: &Arc<App>, ask: Ask) -> Result<(), Break> {
        let Some(process) = process_of(app, &self.scope) else { return Ok(()) };
        self.go_on()?;
        for pid in self.world.processes(&process)? {
            self.world.end_process(pid, ask);
        }
        Ok(())
    }

    fn app_runs(&mut self, app: &App) -> Result<bool, Break> {
        match process_of(app, &self.scope) {
            Some(process) => Ok(!self.world.processes(&process)?.is_empty()),
            None => Ok(false),
        }
    }

    /// Carries out something of an app's document: its images and its own name are meant.
    pub(super) fn in_app<T>(&mut self, app: &Arc<App>, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = self.owner.replace(Arc::clone(app));
        let result = act(self);
        self.owner = before;
        result
    }

    fn tell_readiness(&mut self, app: &App, state: ReadinessState, survey: &Survey) {
        if let Some(name) = wire_name(&app.name) {
            let readiness = self.state_of(state, survey);
            self.observer.readiness(&name, &readiness);
        }
    }

    fn state_of(&self, state: ReadinessState, survey: &Survey) -> Readiness {
        let reason = survey.reason.as_ref().map(|reason| self.quote(reason));
        Readiness { state, screen: survey.screen.clone(), since: self.world.now().wall, reason }
    }
}

impl Survey {
    fn unknown() -> Self {
        Self { ready: false, screen: None, reason: None }
    }
}

/// The file name of the app's program: as the document says, else that of its launch command.
pub(super) fn process_of(app: &App, scope: &Scope) -> Option<String> {
    if let Some(process) = &app.process {
        return Some(process.clone());
    }
    let command = app.launch.on(SYSTEM)?.command.command.first()?.text(scope).ok()?;
    command.rsplit(['/', '\\']).next().map(str::to_owned)
}

/// The versions of the plan's apps, as far as they say how to ask for them. By app.
pub fn versions(world: &mut dyn World, plan: &Plan) -> BTreeMap<String, String> {
    let scope = Scope::new(&plan.scope_parts(world.now()));
    let mut versions = BTreeMap::new();
    for app in &plan.apps {
        let Some(probe) = &app.version else { continue };
        if let Some(version) = version(world, &scope, probe) {
            versions.insert(app.name.to_string(), version);
        } else {
            tracing::debug!(app = %app.name, "its version could not be read");
        }
    }
    versions
}

fn version(world: &mut dyn World, scope: &Scope, probe: &VersionProbe) -> Option<String> {
    let line = &probe.command;
    let words = line.command.iter().map(|word| word.text(scope).ok()).collect::<Option<Vec<_>>>()?;
    let mut program = Program::from_words(words)?;
    program.cwd = match &line.cwd {
        Some(cwd) => Some(cwd.text(scope).ok()?.into()),
        None => None,
    };
    for (name, value) in &line.env {
        program.env.push((name.clone(), value.text(scope).ok()?));
    }
    let stdin = line.stdin.as_ref().map_or(Some(String::new()), |stdin| stdin.text(scope).ok())?;
    let limits = RunLimits { timeout: line.timeout.unwrap_or(VERSION_WITHIN), ..RunLimits::default() };
    let mut run = world.run(&program, stdin.as_bytes(), &limits).ok()?;
    let finished = loop {
        if let Some(finished) = run.poll() {
            break finished.ok()?;
        }
    };
    let text = finished.stdout.text() + &finished.stderr.text();
    let version = match &probe.pattern {
        Some(pattern) => pattern.extract(&text)?,
        None => text.lines().map(str::trim).find(|line| !line.is_empty())?,
    };
    Some(describe::cut(version))
}

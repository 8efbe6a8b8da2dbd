//! One step: its condition, tries, pictures, result and report.

use std::time::Duration;

use serde_json::Value;

use super::{
    call::Standing,
    context::Pictures,
    describe,
    fault::{Break, Fault, Reported, Stop, fault},
    quiet::waits,
    run::Runner,
};
use crate::{
    desktop::Frame,
    time::{Mono, Timestamp, duration_ms},
    wire::{
        failure::FailureContext,
        job::{Category, StepRef},
        step::{ArtifactRef, Find, StepError, StepReport, StepState},
    },
    workflow::{Action, Condition, ScreenshotWhen, Step, Target},
};

/// Between two tries of a step.
const RETRY_PAUSE: Duration = Duration::from_millis(500);

/// What an application gets to redraw itself before the picture after an action.
const AFTER_SETTLE: Duration = Duration::from_millis(200);

/// A step under way, and what its report will say.
#[derive(Debug)]
pub(super) struct Current {
    number: u64,
    path: String,
    id: Option<String>,
    name: Option<String>,
    action: &'static str,
    started_at: Timestamp,
    pub(super) begun: Mono,
    /// How long it may take without a word.
    pub(super) quiet: Duration,
    /// What the screen showed before it did anything, masked.
    pub(super) before: Option<Frame>,
    pub(super) screenshot: ScreenshotWhen,
    pub(super) mask: Vec<Target>,
    pub(super) standing: Standing,
    pub(super) finds: Vec<Find>,
    pub(super) artifacts: Vec<ArtifactRef>,
}

/// How a step ended well.
pub(super) enum Done {
    Skipped,
    Acted(Value),
}

impl Runner<'_> {
    pub(super) fn step(&mut self, step: &Step) -> Result<(), Break> {
        let skipped = self.is_skipped_by_hand(step)?;
        let cleared = if skipped { Ok(()) } else { self.clear_popups(step) };
        self.begin(step);
        let result = match cleared {
            Ok(()) if skipped => Ok(Done::Skipped),
            Ok(()) => self.step_whole(step),
            Err(end) => Err(end),
        };
        self.finish(step, result)
    }

    pub(super) fn finish(&mut self, step: &Step, result: Result<Done, Break>) -> Result<(), Break> {
        let result = match result {
            Ok(Done::Skipped) => {
                self.end(StepState::Skipped, None);
                Ok(())
            }
            Ok(Done::Acted(value)) => {
                if let Some(name) = &step.store_as {
                    self.scope.set_var(name, value);
                }
                self.end(StepState::Succeeded, None);
                Ok(())
            }
            Err(end) => Err(self.end_badly(end)),
        };
        match result {
            Err(Break::Fault(_)) if step.continue_on_error => Ok(()),
            result => result,
        }
    }

    pub(super) fn begin(&mut self, step: &Step) {
        self.begin_as(step, "", step.action.name());
    }

    /// Finding out what became of a step is told as a step of its own, inside it.
    pub(super) fn begin_settle(&mut self, step: &Step) {
        self.begin_as(step, "/settle", "settle");
        if let Some(current) = self.current.last_mut() {
            current.quiet = Self::quiet_of_settle(step);
        }
        self.tell(StepState::Started, None);
    }

    fn begin_as(&mut self, step: &Step, below: &str, action: &'static str) {
        self.steps_begun += 1;
        self.refresh_time();
        let now = self.world.now();
        self.current.push(Current {
            number: self.steps_begun,
            path: format!("{}{below}", self.path_of(step)),
            id: step.id.as_ref().map(ToString::to_string),
            name: step.name.clone(),
            action,
            started_at: now.wall,
            begun: now.mono,
            quiet: self.quiet_of(step),
            before: None,
            screenshot: step.screenshot,
            mask: step.mask.clone(),
            standing: self.standing(),
            finds: Vec::new(),
            artifacts: Vec::new(),
        });
    }

    pub(super) fn path_of(&self, step: &Step) -> String {
        match &self.owner {
            Some(app) => format!("apps/{}/{}", app.name, step.path),
            None => format!("{}{}", self.path_before(), step.path),
        }
    }

    fn step_whole(&mut self, step: &Step) -> Result<Done, Break> {
        self.go_on()?;
        if waits(step.when.as_ref()) {
            // Nobody must take the wait for a standstill.
            self.tell(StepState::Started, None);
        }
        if let Some(condition) = &step.when
            && !self.condition(condition)?
        {
            return Ok(Done::Skipped);
        }
        self.tell(StepState::Started, None);
        self.look_before(step);
        if let Some(commit) = &step.commit {
            if !self.called.is_empty() {
                // Its intent would be taken for one of the job's own steps.
                let message = "the step has not acted: a workflow that is called cannot have a commit";
                return fault(Category::InvalidWorkflow, message);
            }
            return self.act_once(step, commit).map(Done::Acted);
        }
        let mut tries_left = step.retries;
        loop {
            match self.act_pictured(step) {
                Err(Break::Fault(fault)) if tries_left > 0 && fault.category != Category::InvalidWorkflow => {
                    tries_left -= 1;
                    self.pause(RETRY_PAUSE)?;
                }
                Err(Break::Fault(mut fault)) if step.retries > 0 && fault.reported.is_none() => {
                    fault.message = format!("{} (the last of {} tries)", fault.message, step.retries + 1);
                    return Err(Break::Fault(fault));
                }
                result => return result.map(Done::Acted),
            }
        }
    }

    fn act_pictured(&mut self, step: &Step) -> Result<Value, Break> {
        self.before_action(step)?;
        let value = self.act(step)?;
        self.after_action(step)?;
        Ok(value)
    }

    pub(super) fn before_action(&mut self, step: &Step) -> Result<(), Break> {
        if let Some(pause) = step.pause {
            self.pause(pause)?;
        }
        if matches!(step.screenshot, ScreenshotWhen::Before | ScreenshotWhen::Both) {
            self.step_picture("before")?;
        }
        self.go_on()
    }

    pub(super) fn after_action(&mut self, step: &Step) -> Result<(), Break> {
        if matches!(step.screenshot, ScreenshotWhen::After | ScreenshotWhen::Both) {
            self.pause(AFTER_SETTLE)?;
            self.step_picture("after")?;
        }
        Ok(())
    }

    /// `save-before.webp`, or `steps-4-before.webp` where the step has no id.
    fn step_picture(&mut self, moment: &str) -> Result<(), Break> {
        let Some(current) = self.current.last() else { return Ok(()) };
        let stem = current.id.clone().unwrap_or_else(|| current.path.replace('/', "-"));
        let artifact = self.picture(&format!("{stem}-{moment}"), None, None, &[])?;
        self.keep(artifact);
        Ok(())
    }

    pub(super) fn keep(&mut self, artifact: ArtifactRef) {
        if let Some(current) = self.current.last_mut() {
            current.artifacts.push(artifact);
        }
    }

    pub(super) fn condition(&mut self, condition: &Condition) -> Result<bool, Break> {
        match condition {
            Condition::Expression(expression) => Ok(expression.holds(&self.scope)?),
            Condition::Probe(watch) => self.holds(watch),
        }
    }

    /// Reports a step that did not come to its end, with a picture where it failed by itself.
    pub(super) fn end_badly(&mut self, end: Break) -> Break {
        match end {
            Break::Stop(stop) => {
                self.end(StepState::Failed, Some(stopped(stop)));
                Break::Stop(stop)
            }
            Break::Fault(fault) => Break::Fault(Box::new(self.end_failed(*fault))),
            Break::Limit(fault) => Break::Limit(Box::new(self.end_failed(*fault))),
        }
    }

    fn end_failed(&mut self, fault: Fault) -> Fault {
        if fault.reported.is_some() {
            // A step within this one failed and has told everything.
            let message = self.redactor.clean(&fault.message);
            self.end(StepState::Failed, Some(StepError { category: fault.category, message }));
            return fault;
        }
        let fault = self.diagnose(fault);
        let mut fault = self.ask_windows(fault);
        let picture = self.failure_picture(&mut fault);
        let before = self.before_picture();
        let context = self.context(&fault, Pictures { before: before.as_ref(), failure: picture.as_ref() });
        picture.into_iter().chain(before).for_each(|artifact| self.keep(artifact));
        if let Some(key) = &self.effects.key {
            fault.message = format!("{} (item {})", fault.message, key.key);
        }
        fault.message = describe::bounded(&self.redactor.clean(&fault.message));
        let error = StepError { category: fault.category, message: fault.message.clone() };
        fault.reported = self.current.last().map(|current| current.reported(context));
        self.end(StepState::Failed, Some(error));
        fault
    }

    pub(super) fn end(&mut self, state: StepState, error: Option<StepError>) {
        self.tell(state, error);
        self.current.pop();
    }

    pub(super) fn tell(&mut self, state: StepState, error: Option<StepError>) {
        let now = self.world.now().wall;
        if let Some(current) = self.current.last() {
            let mut report = current.report(state, error, now);
            report.quiet_ms = self.quiet_after(state).map(duration_ms);
            self.observer.step(report);
        }
    }

    /// Looks behind the obvious: an app that ended, a screen that went black.
    fn diagnose(&mut self, mut fault: Fault) -> Fault {
        if !matches!(
            fault.category,
            Category::TargetNotFound | Category::Timeout | Category::Desktop | Category::Assertion
        ) {
            return fault;
        }
        let gone = self.alive.iter().find(|name| {
            let app = self.plan.app(name.as_str());
            let process = app.and_then(|app| super::apps::process_of(app, &self.scope));
            process.is_some_and(|process| self.world.processes(&process).is_ok_and(|pids| pids.is_empty()))
        });
        if let Some(gone) = gone {
            fault.message = format!("{gone} ended by itself; then: {}", fault.message);
            fault.category = Category::AppCrashed;
            return fault;
        }
        if fault.frame.is_none() && fault.hangs.is_none() {
            fault.frame = self.world.desktop().capture().ok();
        }
        if fault.frame.as_ref().is_some_and(Frame::is_black) {
            fault.message = format!("the screen is black: is the session locked or disconnected? {}", fault.message);
            fault.category = Category::Desktop;
        }
        fault
    }
}

impl Current {
    fn report(&self, state: StepState, error: Option<StepError>, now: Timestamp) -> StepReport {
        StepReport {
            number: self.number,
            path: self.path.clone(),
            id: self.id.clone(),
            name: self.name.clone(),
            action: self.action.to_owned(),
            state,
            started_at: self.started_at,
            finished_at: (state != StepState::Started).then_some(now),
            finds: self.finds.clone(),
            error,
            artifacts: self.artifacts.clone(),
            quiet_ms: None,
        }
    }

    fn reported(&self, context: FailureContext) -> Reported {
        Reported { step: self.reference(), artifacts: self.artifacts.clone(), context: Box::new(context) }
    }

    pub(super) fn reference(&self) -> StepRef {
        StepRef { path: self.path.clone(), id: self.id.clone(), action: self.action.to_owned() }
    }
}

fn stopped(stop: Stop) -> StepError {
    let (category, message) = match stop {
        Stop::Cancelled => (Category::Cancelled, "stopped: the job was cancelled"),
        Stop::LeaseLost => (Category::MachineLost, "stopped: the lease was lost"),
        Stop::Shutdown => (Category::Agent, "stopped: the agent is ending"),
    };
    StepError { category, message: message.to_owned() }
}

/// Steps inside steps are carried out through here.
impl Runner<'_> {
    pub(super) fn act(&mut self, step: &Step) -> Result<Value, Break> {
        let timeout = step.timeout();
        match &step.action {
            Action::DoubleClick(click) => self.click(click, 2, timeout),
            // The button is in the action.
            Action::Click(click) | Action::RightClick(click) => self.click(click, 1, timeout),
            Action::Move(target) => self.move_to(target, timeout),
            Action::Drag(drag) => self.drag(drag, timeout),
            Action::Scroll(scroll) => self.scroll(scroll, timeout),
            Action::Type(text) => self.type_text(text, timeout),
            Action::Key(chords) => self.keys(chords),
            Action::Paste { text, into } => self.paste(text, into.as_ref(), timeout),
            Action::Control(control) => self.control(control, timeout),
            Action::Menu(path) => self.menu(path, timeout),
            Action::Wait(watch) => self.wait(watch, timeout),
            Action::WaitGone(watch) => self.wait_gone(watch, timeout),
            Action::WaitStable(stillness) => self.wait_stable(stillness, timeout),
            Action::WaitIdle(idleness) => self.wait_idle(idleness, timeout),
            Action::Assert(assertion) => self.assert(assertion, timeout),
            Action::Screenshot(screenshot) => self.screenshot(screenshot),
            Action::SaveArtifact(save) => self.save_artifact(save),
            Action::Extract(extract) => self.extract(extract, timeout),
            Action::ReadTable(table) => self.read_table(table, timeout),
            Action::ReadClipboard { pattern } => self.read_clipboard(pattern.as_ref()),
            Action::Set(values) => self.set(values),
            Action::Run(line) => self.run_action(line, step.timeout),
            Action::Launch(launching) => self.launch(launching, step.timeout),
            Action::Relaunch => self.relaunch_own(step.timeout),
            Action::Close(subject) => self.close(subject, timeout),
            Action::Activate(target) => self.activate(target, timeout),
            Action::If { condition, then, otherwise } => self.branch(condition, then, otherwise),
            Action::ForEach(each) => self.for_each(step, each),
            Action::Repeat(repeat) => self.repeat(repeat),
            Action::Try(attempt) => self.try_steps(step, attempt),
            Action::Call(call) => self.call(call),
            Action::Sleep(duration) => self.pause(*duration).map(|()| Value::Null),
            Action::Fail(fail) => self.fail(fail),
        }
    }
}

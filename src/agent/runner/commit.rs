//! A step that must not happen twice: nothing is touched before its intent is acknowledged, and `verify` says whether it worked.

use std::time::Duration;

use serde_json::Value;

use super::{
    describe,
    effect::Finishing,
    fault::{Break, Fault},
    run::Runner,
};
use crate::{
    mutant::{Mutant, is_on},
    wire::job::Category,
    workflow::{self, Action, Commit, Launching, Name, Step, Subject, Watch},
};

/// The processes of an app before the step: what it says afterwards counts only while they are still there.
type Running = Vec<(Name, Vec<u32>)>;

impl Runner<'_> {
    /// The order of it is what counts: whatever can fail without touching anything, then the intent, then the action.
    pub(super) fn act_once(&mut self, step: &Step, commit: &Commit) -> Result<Value, Break> {
        self.before_action(step)?;
        self.rehearse(step)?;
        if let Some(verify) = &commit.verify {
            self.must_not_hold_yet(verify)?;
        }
        let running = self.running(step)?;
        self.go_on()?;
        self.intend(commit.settle.is_some())?;
        self.effects.finishing = Finishing::Commit;
        let result = self.act_and_verify(step, commit, &running);
        self.effects.finishing = Finishing::Nothing;
        result
    }

    fn act_and_verify(&mut self, step: &Step, commit: &Commit, running: &Running) -> Result<Value, Break> {
        if let Err(end) = self.go_on() {
            // The lease ran out while the answer was on its way. Nothing was touched.
            let vars = Value::Object(self.scope.journal());
            self.settled(false, vars);
            return Err(end);
        }
        let value = self.undisturbed(|runner| runner.act(step))?;
        if let Some(name) = &step.store_as {
            self.scope.set_var(name, value.clone());
        }
        let journal = Value::Object(self.scope.journal());
        self.effects.acted(journal);
        if let Some(verify) = &commit.verify {
            self.verify(verify, step.timeout(), running)?;
            self.settle_unproved();
        }
        self.after_action(step)?;
        Ok(value)
    }

    /// Everything about the action that can go wrong before it touches anything: a target that is not there, a text without a
    /// value. It fails here, while nothing is done and another attempt may follow.
    fn rehearse(&mut self, step: &Step) -> Result<(), Break> {
        let finds = self.current.last().map_or(0, |current| current.finds.len());
        let timeout = step.timeout();
        match &step.action {
            Action::Click(click) | Action::DoubleClick(click) | Action::RightClick(click) => {
                self.seek(&click.target, timeout)?;
            }
            Action::Drag(drag) => {
                self.seek(&drag.from, timeout)?;
                self.seek(&drag.to, timeout)?;
            }
            Action::Type(typing) => {
                typing.text.text(&self.scope)?;
                if let Some(into) = &typing.into {
                    self.seek(into, timeout)?;
                }
            }
            Action::Paste { text, into } => {
                text.text(&self.scope)?;
                if let Some(into) = into {
                    self.seek(into, timeout)?;
                }
            }
            Action::Control(control) => {
                self.seek(&control.target, timeout)?;
            }
            Action::Menu(path) => {
                path.text(&self.scope)?;
            }
            Action::Run(line) | Action::Launch(Launching::Command(line)) => {
                self.program(line)?;
                line.stdin.as_ref().map_or(Ok(String::new()), |stdin| stdin.text(&self.scope))?;
            }
            Action::Close(Subject::Window(window)) => {
                self.seek(window, timeout)?;
            }
            Action::Launch(Launching::App(app)) | Action::Close(Subject::App(app)) => {
                self.app_of(app.as_ref())?;
            }
            _ => {}
        }
        if let Some(current) = self.current.last_mut() {
            // The action reports its own.
            current.finds.truncate(finds);
        }
        Ok(())
    }

    /// What holds before the action may be left from an earlier one.
    fn must_not_hold_yet(&mut self, verify: &Watch) -> Result<(), Break> {
        let watched = self.watch(&verify.probe, Duration::ZERO, true)?;
        if !watched.verdict.holds || is_on(Mutant::VerifyAgainstALeftover) {
            return Ok(());
        }
        self.report_verdict(&verify.probe, &watched.verdict, Duration::ZERO);
        let message = format!(
            "the step has not acted: its `verify` holds already ({}), so that afterwards it would prove nothing; leave that \
             screen before this step, or verify what is new after it",
            watched.verdict.because
        );
        let marks = watched.verdict.hit.iter().map(|hit| hit.rect).collect();
        Err(Fault::new(Category::Assertion, message).seen(watched.frame, marks).into())
    }

    fn verify(&mut self, verify: &Watch, timeout: Duration, running: &Running) -> Result<(), Break> {
        let timeout = verify.timeout.unwrap_or(timeout);
        let begun = self.world.now().mono;
        let watched = self.watch(&verify.probe, timeout, true)?;
        let elapsed = self.world.now().mono.since(begun);
        self.report_verdict(&verify.probe, &watched.verdict, elapsed);
        if !watched.verdict.holds {
            let what = describe::probe(&verify.probe);
            let message = format!("the step has acted, and {what} does not verify it{}", super::seek::after(timeout));
            return Err(Self::unmet(watched, workflow::Category::Assertion, &message).into());
        }
        for (app, before) in running {
            let now = self.processes_of(app)?;
            if !before.iter().all(|pid| now.contains(pid)) {
                let message = format!(
                    "the step has acted, and its `verify` holds ({}), but {app} is not the process it was before: what it \
                     shows may be left from before",
                    watched.verdict.because
                );
                return Err(Fault::new(Category::AppCrashed, message).seen(watched.frame, Vec::new()).into());
            }
        }
        Ok(())
    }

    /// The apps that run, but for one the step closes.
    fn running(&mut self, step: &Step) -> Result<Running, Break> {
        let closed = match &step.action {
            Action::Close(Subject::App(name)) => Some(self.app_of(name.as_ref())?.name.clone()),
            _ => None,
        };
        let names: Vec<Name> = self.plan.apps.iter().map(|app| app.name.clone()).collect();
        let mut running = Vec::new();
        for name in names.into_iter().filter(|name| Some(name) != closed.as_ref()) {
            let pids = self.processes_of(&name)?;
            running.push((name, pids));
        }
        Ok(running)
    }

    fn processes_of(&mut self, app: &Name) -> Result<Vec<u32>, Break> {
        let process = self.plan.app(app.as_str()).and_then(|app| super::apps::process_of(app, &self.scope));
        match process {
            Some(process) => Ok(self.world.processes(&process)?),
            None => Ok(Vec::new()),
        }
    }
}

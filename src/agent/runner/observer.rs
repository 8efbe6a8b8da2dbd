//! Who is told what happens, and asked whether it may go on.

use super::fault::Stop;
use crate::{
    ids::Name,
    wire::{
        agent::{IntentReport, LoopReport, SettledReport},
        machine::Readiness,
        step::{ArtifactRef, StepReport},
    },
};

/// Why a step marked `commit` must not act.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoIntent {
    Stop(Stop),
    /// It could not be recorded, for this reason.
    Refused(String),
}

/// A step that comes next, for somebody who decides whether it may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NextStep {
    pub path: String,
    pub id: Option<String>,
    pub name: Option<String>,
    pub action: &'static str,
    /// What it does to what: values filled in where they are known, secrets hidden.
    pub words: String,
    /// It acts on the world and must not do so twice.
    pub commit: bool,
}

/// What becomes of the next step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permit {
    Run,
    /// It counts as one whose condition did not hold.
    Skip,
    /// The run ends before it.
    Stop(Stop),
}

/// Told of everything, in order. Its methods return at once, but for `intent` and `before_step`: what takes time (network, disk) is
/// done elsewhere.
pub trait Observer {
    /// Asked between two actions and while waiting.
    fn go_on(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    /// Whether `before_step` is to be asked.
    fn steps_asked(&self) -> bool {
        false
    }

    /// Whether what the screen shows is recorded, to be kept where the attempt fails.
    fn recorded(&self) -> bool {
        false
    }

    /// A step is about to begin. The answer may take as long as a person thinks: no limit runs meanwhile.
    fn before_step(&mut self, next: &NextStep) -> Permit {
        let _ = next;
        Permit::Run
    }

    /// A step began or ended; the number is the same both times.
    fn step(&mut self, report: StepReport);

    /// A step is about to do what must not happen twice. Returns well once that is recorded wherever it must be, and only then
    /// the step acts. Where there is nobody to record it, as in a trial, nothing need be waited for.
    fn intent(&mut self, intent: &IntentReport) -> Result<(), NoIntent> {
        let _ = intent;
        Ok(())
    }

    /// What became of the last intent, or of one that an earlier attempt left.
    fn settled(&mut self, settled: SettledReport) {
        drop(settled);
    }

    /// A loop that is kept over attempts began, or items of it ended.
    fn looped(&mut self, report: LoopReport) {
        drop(report);
    }

    /// A picture or other blob was made. `bytes` is `None` where the same content was given before.
    fn artifact(&mut self, artifact: &ArtifactRef, bytes: Option<Vec<u8>>);

    /// A file was saved. Returns well once it is where nothing but the end of the attempt takes it away; the error says why not.
    fn file(&mut self, artifact: &ArtifactRef, bytes: Vec<u8>) -> Result<(), String> {
        self.artifact(artifact, Some(bytes));
        Ok(())
    }

    /// An app's state changed while it is brought to ready.
    fn readiness(&mut self, app: &Name, readiness: &Readiness) {
        let _ = (app, readiness);
    }

    /// Whether somebody wants to see the desktop now.
    fn picture_wanted(&mut self) -> bool {
        false
    }

    /// The picture that was wanted, masked, as WebP; or why there is none.
    fn picture(&mut self, picture: Result<Vec<u8>, String>) {
        drop(picture);
    }
}

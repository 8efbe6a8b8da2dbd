//! How long a step may take without a word. Whoever watches from outside takes more than that for a standstill.

use std::time::Duration;

use super::run::Runner;
use crate::{
    wire::step::StepState,
    workflow::{Action, Assertion, Condition, Launching, PATH_SEPARATOR, Step, Watch},
};

/// One call to the desktop beside the wait for a target: a window brought to the front, a text typed.
const CALLS: Duration = Duration::from_secs(60);

/// Between two tries.
const BETWEEN: Duration = Duration::from_secs(1);

impl Runner<'_> {
    /// The time of the whole step with all its tries; of one with steps inside, that of its own condition.
    pub(super) fn quiet_of(&self, step: &Step) -> Duration {
        let condition = step.when.as_ref().map_or(Duration::ZERO, time_of);
        let once = self.quiet_once(step).saturating_add(step.pause.unwrap_or_default());
        let tries = once.saturating_add(BETWEEN).saturating_mul(step.retries.saturating_add(1));
        condition.saturating_add(tries).saturating_add(step.commit.as_ref().map_or(Duration::ZERO, |commit| {
            // Its target is looked for before the intent too, and afterwards `verify` waits.
            let verify = commit.verify.as_ref().map(|watch| watch.timeout.unwrap_or_else(|| step.timeout()));
            once.saturating_add(verify.unwrap_or_default())
        }))
    }

    /// Of finding out whether a step of an earlier attempt happened: what the application gets first, and the question at the end.
    pub(super) fn quiet_of_settle(step: &Step) -> Duration {
        let settle = step.commit.as_ref().and_then(|commit| commit.settle.as_ref());
        settle.map_or(Duration::ZERO, |settle| settle.after.saturating_add(time_of(&settle.done)))
    }

    fn quiet_once(&self, step: &Step) -> Duration {
        let timeout = step.timeout();
        let watched = |watch: &Watch| watch.timeout.unwrap_or(timeout);
        // A target may be looked for twice: its window was behind another.
        let sought = timeout.saturating_mul(2).saturating_add(CALLS);
        match &step.action {
            Action::Wait(watch) | Action::WaitGone(watch) | Action::Assert(Assertion::Probe(watch)) => watched(watch),
            Action::Run(line) => line.timeout(),
            Action::Launch(Launching::App(_)) | Action::Relaunch => self.longest_launch(step),
            Action::Sleep(duration) => *duration,
            Action::WaitStable(_) => timeout,
            // The last look may still be asking a window.
            Action::WaitIdle(_) => timeout.saturating_add(CALLS),
            Action::If { condition, .. } => time_of(condition),
            Action::Repeat(repeat) => time_of(&repeat.until),
            Action::Try(_)
            | Action::Call(_)
            | Action::Set(_)
            | Action::Fail(_)
            | Action::Assert(Assertion::Expression(_)) => Duration::ZERO,
            // Both ends; a control until it is enabled, and until it shows that it was done.
            Action::Drag(_) | Action::Control(_) => sought.saturating_add(sought),
            Action::Menu(path) => {
                let depth = path.source().split(PATH_SEPARATOR).count();
                sought.saturating_mul(u32::try_from(depth).unwrap_or(u32::MAX))
            }
            Action::Click(_)
            | Action::DoubleClick(_)
            | Action::RightClick(_)
            | Action::Move(_)
            | Action::Scroll(_)
            | Action::Paste { .. }
            | Action::Screenshot(_)
            | Action::SaveArtifact(_)
            | Action::Extract(_)
            | Action::ReadClipboard { .. }
            | Action::Launch(_)
            | Action::Close(_)
            | Action::Activate(_) => sought,
            // How long the text is shows only when it is made: then the limit of the attempt is the limit.
            _ => self.plan.timeout,
        }
    }

    fn longest_launch(&self, step: &Step) -> Duration {
        let of_apps = self.plan.apps.iter().filter_map(|app| app.launch.on(super::apps::SYSTEM));
        let longest = of_apps.map(crate::workflow::Launch::timeout).max().unwrap_or(CALLS);
        step.timeout.unwrap_or(longest).saturating_add(CALLS)
    }

    /// What may follow a report: the step itself, or what is left of the one around it.
    pub(super) fn quiet_after(&self, state: StepState) -> Option<Duration> {
        let around = if state == StepState::Started { 1 } else { 2 };
        self.current.iter().rev().nth(around - 1).map(|current| current.quiet)
    }
}

fn time_of(condition: &Condition) -> Duration {
    match condition {
        Condition::Probe(watch) => watch.timeout.unwrap_or_default(),
        Condition::Expression(_) => Duration::ZERO,
    }
}

/// Whether a condition may take its time.
pub(super) fn waits(condition: Option<&Condition>) -> bool {
    condition.is_some_and(|condition| !time_of(condition).is_zero())
}

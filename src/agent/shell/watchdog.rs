//! Notices when the thread on the desktop does not come back, and puts another in its place.
//!
//! Its calls to the desktop have limits of their own. This is for everything else that may hang: a disk, a program's pipe, a fault of ours.

use std::{sync::Arc, time::Duration};

use super::{
    Running, Shell,
    desk::{self, Witness, Work},
};
use crate::{
    agent::{host::Host, runner::Stop, session::Ended},
    time::{Mono, Now, duration_ms, format_duration},
    wire::{
        agent::{AttemptFailure, AttemptResult},
        failure::{FailureContext, Standstill},
        job::Category,
    },
};

/// One look counts for no more: a process that was stopped, or a machine that slept, did not hang meanwhile.
const LONGEST_LOOK: Duration = Duration::from_secs(2);

/// How long the thread has given no sign of life, as seen by the loop.
#[derive(Debug, Default)]
pub(super) struct Watchdog {
    beats: Option<u64>,
    quiet: Duration,
    looked_at: Option<Mono>,
}

impl Watchdog {
    /// Nothing is asked of the thread.
    pub(super) fn rest(&mut self) {
        *self = Self::default();
    }

    /// `beats`: how often the thread has given a sign so far.
    pub(super) fn look(&mut self, beats: u64, now: Mono) -> Duration {
        if self.beats.replace(beats) == Some(beats) {
            let passed = self.looked_at.map_or(Duration::ZERO, |at| now.since(at));
            self.quiet = self.quiet.saturating_add(passed.min(LONGEST_LOOK));
        } else {
            self.quiet = Duration::ZERO;
        }
        self.looked_at = Some(now);
        self.quiet
    }
}

impl Shell {
    pub(super) fn watch_desk(&mut self, now: Mono) {
        let working = self.running.as_ref().filter(|running| running.working);
        if working.is_none() && !self.surveying {
            return self.watchdog.rest();
        }
        let beats = working.map_or(0, |running| running.control.beats());
        let quiet = self.watchdog.look(beats, now);
        if quiet >= self.settings.hang_limit {
            self.watchdog.rest();
            self.replace_desk(quiet);
        }
    }

    fn replace_desk(&mut self, quiet: Duration) {
        tracing::error!(
            quiet_s = quiet.as_secs(),
            "the thread on the desktop hangs: what it does is given up, and a new one takes its place"
        );
        // Whatever it still does when it goes on, it touches nothing.
        self.desktop.fence();
        self.stop_running(Stop::LeaseLost);
        let host = Host::new(self.desktop.clone(), Box::new(self.blobs.clone()), self.clock.clone());
        let host = host.with_secrets(self.secrets.clone());
        match desk::start(host, self.news.clone(), self.desk_number + 1) {
            Ok(desk) => {
                self.desk = desk;
                self.desk_number += 1;
                self.surveying = false;
            }
            // Tried again after another such time.
            Err(error) => tracing::error!(%error, "no new thread for the desktop can be started"),
        }
        self.fail_hanging(quiet);
    }

    /// The attempt ends here: its thread will not say so. The one in its place looks at the desktop first; should it hang too, the
    /// attempt ends without that.
    fn fail_hanging(&mut self, quiet: Duration) {
        let Some(running) = self.running.as_mut().filter(|running| running.working) else { return };
        let failure = failure_of(running, quiet, self.clock.now());
        if let (Some(plan), Some(spool)) = (running.plan.take(), running.spool.clone()) {
            let (control, tape) = (Arc::clone(&running.control), running.tape.clone());
            let witness = Witness { plan, control, spool, uploads: Arc::clone(&self.uploads), tape, failure };
            return self.ask_desk(Work::Witness(Box::new(witness)));
        }
        running.working = false;
        let result = AttemptResult::Failed(failure);
        if let Some(spool) = &running.spool
            && let Err(error) = spool.end(&result)
        {
            tracing::warn!(%error, "the result of an attempt is not on disk");
        }
        self.uploads.notify_one();
        let readiness = self.session.readiness().clone();
        self.session.ended(Ended::Result(result), readiness);
        self.obey();
    }
}

/// What is known of it from outside.
fn failure_of(running: &Running, quiet: Duration, at: Now) -> AttemptFailure {
    let (step, since) = running.control.doing().unzip();
    let place =
        step.as_ref().map_or_else(|| "the attempt".to_owned(), |step| format!("{} ({})", step.path, step.action));
    let hangs = format!("the agent's thread did not come back from {place}");
    let quiet = format_duration(Duration::from_secs(quiet.as_secs()));
    let message = format!("{hangs} for {quiet}; it was given up and a new one takes its place");
    let log = running.spool.as_ref().and_then(|spool| desk::keep_log(spool, &running.tape.clean_text()));
    let standstill = Standstill {
        step_ms: since.map_or(0, |since| duration_ms(at.mono.since(since))),
        picture_ms: None,
        window: None,
        window_answers: None,
        hangs: Some(hangs),
    };
    let context = FailureContext { standstill: Some(standstill), ..FailureContext::at(at.wall) };
    let artifacts = log.into_iter().collect();
    AttemptFailure { category: Category::Agent, message, step, artifacts, context: Some(Box::new(context)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_gives_signs_is_left_alone_and_one_that_gives_none_is_found() {
        let mut watchdog = Watchdog::default();
        for second in 0..100 {
            assert_eq!(watchdog.look(second, Mono::from_ms(second * 1_000)), Duration::ZERO);
        }
        let quiet = (100..=130).map(|second| watchdog.look(99, Mono::from_ms(second * 1_000))).last();
        assert_eq!(quiet, Some(Duration::from_secs(31)));
    }

    #[test]
    fn a_night_asleep_is_no_hang() {
        let mut watchdog = Watchdog::default();
        watchdog.look(5, Mono::from_ms(0));
        assert_eq!(watchdog.look(5, Mono::from_ms(8 * 3_600_000)), LONGEST_LOOK);
        watchdog.rest();
        assert_eq!(watchdog.look(5, Mono::from_ms(9 * 3_600_000)), Duration::ZERO);
    }
}

//! What the shell and the desktop's thread tell each other while an attempt runs, without waiting for one another.

use std::{
    sync::{
        Condvar, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use tokio::sync::oneshot;

use crate::{
    agent::{
        runner::{NoIntent, Stop},
        session::IntentAnswer,
    },
    time::{Clock, Mono},
    wire::{
        job::StepRef,
        step::{StepReport, StepState},
    },
};

/// Where a picture goes that somebody wants to see.
pub(super) type PictureReply = oneshot::Sender<Result<Vec<u8>, String>>;

/// How often a thread that waits for its readiness to be acknowledged looks at the clock.
const LOOK_AT_CLOCK: Duration = Duration::from_millis(100);

/// Pictures that wait at once; further ones are refused.
const MAX_PICTURES: usize = 16;

/// One attempt's strings.
#[derive(Debug)]
pub(super) struct Control {
    clock: Clock,
    state: Mutex<State>,
    changed: Condvar,
    /// How often the thread has given a sign of life.
    beats: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    stop: Option<Stop>,
    /// Readiness is acknowledged.
    go: bool,
    /// The desktop may be touched before this. Looked at before every action: a process that was stopped for longer than its
    /// lease notices here, before anything else is done.
    touch_until: Option<Mono>,
    pictures: Vec<PictureReply>,
    /// The step under way, innermost, and since when.
    doing: Option<(StepRef, Mono)>,
    intent: Intent,
}

/// The question whether a step may do what must not happen twice.
#[derive(Debug, Default)]
enum Intent {
    #[default]
    NotAsked,
    Asked,
    Answered(IntentAnswer),
}

impl Control {
    pub(super) fn new(clock: Clock) -> Self {
        Self { clock, state: Mutex::default(), changed: Condvar::new(), beats: AtomicU64::new(0) }
    }

    /// A lost lease comes before every other reason.
    pub(super) fn stop(&self, stop: Stop) {
        let mut state = self.state();
        if state.stop.is_none() || stop == Stop::LeaseLost {
            state.stop = Some(stop);
        }
        self.changed.notify_all();
    }

    pub(super) fn go(&self) {
        self.state().go = true;
        self.changed.notify_all();
    }

    pub(super) fn touch_until(&self, until: Mono) {
        self.state().touch_until = Some(until);
    }

    pub(super) fn want_picture(&self, reply: PictureReply) {
        let mut state = self.state();
        if state.pictures.len() < MAX_PICTURES {
            state.pictures.push(reply);
        }
    }

    pub(super) fn pictures_wanted(&self) -> bool {
        !self.state().pictures.is_empty()
    }

    pub(super) fn give_picture(&self, picture: &Result<Vec<u8>, String>) {
        for reply in std::mem::take(&mut self.state().pictures) {
            // Whoever wanted it may have gone.
            let _ = reply.send(picture.clone());
        }
    }

    pub(super) fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// The thread lives.
    pub(super) fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    pub(super) fn doing(&self) -> Option<(StepRef, Mono)> {
        self.state().doing.clone()
    }

    pub(super) fn step(&self, report: &StepReport) {
        self.beat();
        let step = StepRef { path: report.path.clone(), id: report.id.clone(), action: report.action.clone() };
        self.state().doing = (report.state == StepState::Started).then(|| (step, self.clock.now().mono));
    }

    pub(super) fn go_on(&self) -> Result<(), Stop> {
        self.beat();
        let state = self.state();
        self.check(&state)
    }

    /// Until readiness is acknowledged, or a stop.
    pub(super) fn wait_to_execute(&self) -> Result<(), Stop> {
        let mut state = self.state();
        loop {
            self.beat();
            self.check(&state)?;
            if state.go {
                return Ok(());
            }
            state = match self.changed.wait_timeout(state, LOOK_AT_CLOCK) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    /// To be called before the question is passed on.
    pub(super) fn ask_to_act(&self) {
        self.state().intent = Intent::Asked;
    }

    /// Whether whoever asked still waits: else it has not acted and will not.
    pub(super) fn answer_intent(&self, answer: IntentAnswer) -> bool {
        let mut state = self.state();
        let waits = matches!(state.intent, Intent::Asked);
        if waits {
            state.intent = Intent::Answered(answer);
            self.changed.notify_all();
        }
        waits
    }

    /// Until the intent is acknowledged or refused, or the lease is gone. A cancel is in the answer: the controller knows which
    /// came first.
    pub(super) fn wait_to_act(&self) -> Result<(), NoIntent> {
        let mut state = self.state();
        loop {
            self.beat();
            if let Err(Stop::LeaseLost) = self.check(&state) {
                state.intent = Intent::NotAsked;
                return Err(NoIntent::Stop(Stop::LeaseLost));
            }
            if let Intent::Answered(answer) = std::mem::take(&mut state.intent) {
                return match answer {
                    IntentAnswer::Act => Ok(()),
                    IntentAnswer::Stopped(stop) => Err(NoIntent::Stop(stop)),
                    IntentAnswer::Refused(reason) => Err(NoIntent::Refused(reason)),
                };
            }
            state.intent = Intent::Asked;
            state = match self.changed.wait_timeout(state, LOOK_AT_CLOCK) {
                Ok((state, _)) => state,
                Err(poisoned) => poisoned.into_inner().0,
            };
        }
    }

    fn check(&self, state: &State) -> Result<(), Stop> {
        let lapsed = state.touch_until.is_some_and(|until| self.clock.now().mono >= until);
        match state.stop {
            Some(Stop::LeaseLost) => Err(Stop::LeaseLost),
            _ if lapsed => Err(Stop::LeaseLost),
            Some(stop) => Err(stop),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{ManualClock, Timestamp};

    #[test]
    fn a_thread_that_slept_past_the_lease_stops_by_itself() {
        let clock = ManualClock::starting_at(Timestamp::from_ms(1_000));
        let control = Control::new(Clock::Manual(clock.clone()));
        control.touch_until(Mono::from_ms(31_000));
        assert_eq!(control.go_on(), Ok(()));
        clock.advance(Duration::from_secs(30));
        assert_eq!(control.go_on(), Err(Stop::LeaseLost));
    }

    #[test]
    fn an_intent_waits_for_its_own_answer_and_a_lapsed_lease_withdraws_it() {
        let clock = ManualClock::starting_at(Timestamp::from_ms(1_000));
        let control = Control::new(Clock::Manual(clock.clone()));
        control.touch_until(Mono::from_ms(31_000));
        control.ask_to_act();
        control.stop(Stop::Cancelled);
        assert!(control.answer_intent(IntentAnswer::Act), "the intent came before the cancel");
        assert_eq!(control.wait_to_act(), Ok(()));

        control.ask_to_act();
        clock.advance(Duration::from_secs(30));
        assert_eq!(control.wait_to_act(), Err(NoIntent::Stop(Stop::LeaseLost)));
        assert!(!control.answer_intent(IntentAnswer::Act), "nobody waits for it any more");
    }

    #[test]
    fn a_lost_lease_overrules_a_cancel() {
        let control = Control::new(Clock::System);
        control.stop(Stop::Cancelled);
        control.stop(Stop::Shutdown);
        assert_eq!(control.go_on(), Err(Stop::Cancelled));
        control.stop(Stop::LeaseLost);
        assert_eq!(control.wait_to_execute(), Err(Stop::LeaseLost));
    }
}

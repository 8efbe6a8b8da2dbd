//! Receivers that did not answer. Jobs name receivers of their own, thousands may name the same: one waits for it at a time, so that
//! a dead one does not hold back those that answer.

use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use crate::time::Mono;

/// After it one message is tried again.
const SILENCE: Duration = Duration::from_secs(30);

/// Receivers remembered at most. One that is forgotten is asked again.
const MAX_RECEIVERS: usize = 10_000;

/// By scheme, host and port: until when nobody else asks.
#[derive(Debug, Default)]
pub(super) struct Silences(Mutex<BTreeMap<String, Mono>>);

impl Silences {
    /// Lets one through where the silence is over; the others are told how long to wait.
    pub(super) fn ask(&self, receiver: &str, now: Mono) -> Result<(), Duration> {
        match self.receivers().get_mut(receiver) {
            Some(until) if *until > now => Err(until.since(now)),
            Some(until) => {
                *until = now.saturating_add(SILENCE);
                Ok(())
            }
            None => Ok(()),
        }
    }

    pub(super) fn answered(&self, receiver: &str) {
        self.receivers().remove(receiver);
    }

    pub(super) fn did_not_answer(&self, receiver: &str, now: Mono) {
        let mut receivers = self.receivers();
        if receivers.len() >= MAX_RECEIVERS {
            receivers.retain(|_, until| *until > now);
        }
        if receivers.len() < MAX_RECEIVERS {
            receivers.insert(receiver.to_owned(), now.saturating_add(SILENCE));
        }
    }

    fn receivers(&self) -> MutexGuard<'_, BTreeMap<String, Mono>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_waits_for_a_receiver_that_did_not_answer() {
        let (silences, at) = (Silences::default(), Mono::from_ms);
        assert_eq!(silences.ask("https://dead", at(0)), Ok(()));
        silences.did_not_answer("https://dead", at(15_000));
        assert_eq!(silences.ask("https://dead", at(20_000)), Err(Duration::from_secs(25)));
        assert_eq!(silences.ask("https://alive", at(20_000)), Ok(()), "others are asked as always");
        assert_eq!(silences.ask("https://dead", at(45_000)), Ok(()), "one may try");
        assert_eq!(silences.ask("https://dead", at(45_001)), Err(Duration::from_millis(29_999)), "and no other");
        silences.answered("https://dead");
        assert_eq!(silences.ask("https://dead", at(45_002)), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let silences = Silences::default();
        for number in 0..2 * MAX_RECEIVERS {
            silences.did_not_answer(&format!("https://host-{number}"), Mono::from_ms(0));
        }
        assert_eq!(silences.receivers().len(), MAX_RECEIVERS);
        let later = Mono::from_ms(60_000);
        silences.did_not_answer("https://late", later);
        assert_eq!(silences.receivers().len(), 1);
    }
}

//! The long poll: heartbeat, offers, and what else the controller has to say.

use std::{collections::BTreeMap, time::Duration};

use super::{CallFailure, Order, Session, backoff::Backoff};
use crate::{
    agent::runner::Stop,
    ids::{Digest, Name},
    time::{Mono, duration_ms},
    wire::{
        agent::{Held, PollAnswer, PollRequest, Wanted},
        machine::{Facts, Mode, Readiness},
    },
};

/// The longest pause between two tries while nothing is held.
const IDLE_CAP: Duration = Duration::from_secs(15);

/// While a lease is held the controller must be found again before it lapses.
const HELD_CAP: Duration = Duration::from_secs(4);

/// Polls that are answered at once (an offer not yet accepted, a stop not yet done) follow each other no faster.
const LEAST_INTERVAL: Duration = Duration::from_millis(200);

#[derive(Debug)]
pub(super) struct Polling {
    wait: Duration,
    number: u64,
    state: State,
    backoff: Backoff,
    facts: Option<Facts>,
    facts_told: bool,
    readiness: BTreeMap<Name, Readiness>,
    apps_digest: Option<Digest>,
    mode: Option<Mode>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum State {
    Due(Mono),
    UnderWay { sent: Mono, held: Option<Held>, facts: bool },
}

impl Polling {
    pub(super) fn new(wait: Duration, seed: u64, now: Mono) -> Self {
        Self {
            wait,
            number: 0,
            state: State::Due(now),
            backoff: Backoff::new(seed),
            facts: None,
            facts_told: false,
            readiness: BTreeMap::new(),
            apps_digest: None,
            mode: None,
        }
    }

    pub(super) fn due_at(&self, stopping: bool) -> Option<Mono> {
        match self.state {
            State::Due(at) if !stopping => Some(at),
            _ => None,
        }
    }
}

impl Session {
    /// The next poll, once it is due and none is under way. A stopping agent polls only while it still holds something.
    pub fn next_poll(&mut self, now: Mono) -> Option<PollRequest> {
        let State::Due(at) = self.polling.state else { return None };
        if now < at || (self.stopping && self.lease.is_none()) {
            return None;
        }
        let held = self.lease.as_ref().and_then(super::lease::Lease::held);
        let polling = &mut self.polling;
        polling.number += 1;
        let facts = polling.facts.clone().filter(|_| !polling.facts_told);
        polling.state = State::UnderWay { sent: now, held, facts: facts.is_some() };
        Some(PollRequest {
            incarnation: self.incarnation,
            number: polling.number,
            wait_ms: duration_ms(polling.wait),
            facts,
            readiness: polling.readiness.clone(),
            held,
            apps_digest: polling.apps_digest,
        })
    }

    pub fn handle_poll(&mut self, answer: Result<PollAnswer, CallFailure>, now: Mono) {
        let State::UnderWay { sent, held, facts } = self.polling.state.clone() else { return };
        match answer {
            Err(failure) => {
                let cap = if self.lease.is_some() { HELD_CAP } else { IDLE_CAP };
                self.polling.state = State::Due(now.saturating_add(pause(&mut self.polling.backoff, cap, &failure)));
            }
            Ok(answer) if self.is_outdated(answer.generation) => {
                tracing::error!(
                    seen = self.generation_seen,
                    told = answer.generation,
                    "the controller's store is older than one this machine has worked for: its answers are refused; \
                     restore backups with `deskfleet restore`, which raises the generation"
                );
                self.polling.state = State::Due(now.saturating_add(self.polling.backoff.next(IDLE_CAP)));
            }
            Ok(answer) => {
                self.polling.backoff.reset();
                self.polling.facts_told |= facts;
                self.polling.state = State::Due(now.max(sent.saturating_add(LEAST_INTERVAL)));
                self.take_answer(answer, held);
            }
        }
    }

    /// The poll under way was given up by the shell, as ordered.
    pub fn poll_abandoned(&mut self, now: Mono) {
        if matches!(self.polling.state, State::UnderWay { .. }) {
            self.polling.state = State::Due(now);
        }
    }

    /// What is true of this machine; told at once where it changed.
    pub fn set_facts(&mut self, facts: Facts) {
        if self.polling.facts.as_ref() != Some(&facts) {
            self.polling.facts = Some(facts);
            self.polling.facts_told = false;
            self.hurry_poll();
        }
    }

    /// What the apps show; told at once where it changed.
    pub fn set_readiness(&mut self, readiness: BTreeMap<Name, Readiness>) {
        if self.polling.readiness != readiness {
            self.polling.readiness = readiness;
            self.hurry_poll();
        }
    }

    pub fn readiness(&self) -> &BTreeMap<Name, Readiness> {
        &self.polling.readiness
    }

    /// As the controller said last.
    pub fn mode(&self) -> Option<Mode> {
        self.polling.mode
    }

    fn hurry_poll(&mut self) {
        if matches!(self.polling.state, State::UnderWay { .. }) && !self.orders.contains(&Order::AbandonPoll) {
            self.orders.push_back(Order::AbandonPoll);
        }
    }

    fn take_answer(&mut self, answer: PollAnswer, held: Option<Held>) {
        self.see_generation(answer.generation);
        self.polling.mode = Some(answer.mode);
        // Both speak of the lease that was told with the poll, which may be over by now.
        let current = self.lease.as_ref().and_then(super::lease::Lease::held);
        if answer.lost && current.is_some() && current == held {
            self.lose();
        }
        if let Some(epoch) = answer.revoke {
            self.revoke(epoch);
        }
        if let Some(apps) = answer.apps {
            self.polling.apps_digest = Some(apps.digest);
            self.orders.push_back(Order::Watch(Box::new(apps)));
        }
        for Wanted::Screenshot { request } in answer.wanted {
            self.orders.push_back(Order::Screenshot { request });
        }
        if let Some(offer) = answer.offer {
            self.consider(offer);
        }
    }

    fn see_generation(&mut self, generation: u32) {
        if generation > self.generation_seen {
            self.generation_seen = generation;
            self.orders.push_back(Order::RememberGeneration(generation));
        }
    }

    pub(super) fn revoke(&mut self, epoch: crate::ids::Epoch) {
        if let Some(lease) = &mut self.lease
            && lease.epoch() == epoch
            && lease.stop(Stop::Cancelled)
        {
            self.orders.push_back(Order::Stop(Stop::Cancelled));
        }
    }
}

/// The pause the controller asked for, but never less than one's own.
pub(super) fn pause(backoff: &mut Backoff, cap: Duration, failure: &CallFailure) -> Duration {
    let own = backoff.next(cap);
    match failure {
        CallFailure::Unreachable { retry_after: Some(asked) } => own.max((*asked).min(cap)),
        _ => own,
    }
}

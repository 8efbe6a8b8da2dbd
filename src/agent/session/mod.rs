//! What the agent and the controller owe each other, as a state machine: polls, one lease, its numbered reports, and when it lapses.
//!
//! The shell asks [`Session::next_poll`] and [`Session::next_report`] what to send, hands in the answers, and carries out
//! [`Session::next_order`]. It sleeps until [`Session::next_timeout`] at most and then calls [`Session::handle_timeout`].
//!
//! It must not know: sockets, clocks (times come in as [`Mono`]), randomness (jitter comes from a seed), threads, the desktop.

mod backoff;
mod effects;
mod lease;
mod outbox;
mod polling;
#[cfg(test)]
mod tests;

use std::{collections::VecDeque, time::Duration};

use crate::mutant::{Mutant, is_on};
use crate::{
    agent::runner::Stop,
    ids::{AttemptId, Epoch, Incarnation},
    time::Mono,
    wire::agent::{AttemptResult, Offer, PoolApps},
};

use backoff::Backoff;
use lease::Lease;
use polling::Polling;

/// How a session is begun.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    pub incarnation: Incarnation,
    /// The highest generation of the store this agent has ever seen; a lower one is refused.
    pub generation_seen: u32,
    /// For jitter.
    pub seed: u64,
    /// How long the controller may hold a poll.
    pub poll_wait: Duration,
}

/// What the shell must do, in this order.
#[derive(Clone, Debug, PartialEq)]
pub enum Order {
    /// Keep on disk, before anything else that follows is done.
    RememberGeneration(u32),
    /// The lease is held: bring the apps to ready. The answer is [`Session::prepared`].
    Prepare(Box<Offer>),
    /// Readiness is acknowledged: run the steps. The answer is [`Session::ended`].
    Execute,
    /// The answer to [`Session::intend`].
    Intent(IntentAnswer),
    /// Stop between two actions; still answered by [`Session::ended`].
    Stop(Stop),
    /// Let go at once: close the gate, release keys and buttons, stop. Still answered by [`Session::ended`].
    Fence,
    /// The attempt is over for the controller too: nothing more of it need be sent but blobs.
    Settled(AttemptId),
    /// The attempt belongs to nobody any more: its reports are told nowhere.
    Dropped(AttemptId),
    /// Give up the poll under way: there is something new to say.
    AbandonPoll,
    /// Send a picture of the desktop.
    Screenshot { request: String },
    /// The apps of the pool to watch while idle.
    Watch(Box<PoolApps>),
}

/// Whether a step may do what must not happen twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntentAnswer {
    /// The intent is recorded. Where nobody waits for this any more, [`Session::not_acted`] is to be told.
    Act,
    /// A stop came first, and nothing is recorded.
    Stopped(Stop),
    /// The controller will not take it.
    Refused(String),
}

/// Why a call was not answered as hoped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallFailure {
    /// Not reached, or not able to answer now: to be repeated.
    Unreachable { retry_after: Option<Duration> },
    /// `409 lease_lost`.
    LeaseLost,
    /// Understood and refused: repeating it would be refused again.
    Refused { detail: String },
}

/// How the work under a lease ended at this machine.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    Result(AttemptResult),
    Stopped(Stop),
}

/// One incarnation's talk with the controller.
#[derive(Debug)]
pub struct Session {
    incarnation: Incarnation,
    generation_seen: u32,
    polling: Polling,
    lease: Option<Lease>,
    /// Of the newest lease that is over: an offer that is not newer is an echo.
    last_epoch: Option<Epoch>,
    stopping: bool,
    report_backoff: Backoff,
    orders: VecDeque<Order>,
}

impl Session {
    pub fn new(beginning: Beginning, now: Mono) -> Self {
        Self {
            incarnation: beginning.incarnation,
            generation_seen: beginning.generation_seen,
            polling: Polling::new(beginning.poll_wait, beginning.seed, now),
            lease: None,
            last_epoch: None,
            stopping: false,
            report_backoff: Backoff::new(beginning.seed ^ 0x5bd1_e995),
            orders: VecDeque::new(),
        }
    }

    pub fn next_order(&mut self) -> Option<Order> {
        self.orders.pop_front()
    }

    /// When something is due even if nothing happens.
    pub fn next_timeout(&self) -> Option<Mono> {
        let lease = self.lease.as_ref().and_then(Lease::next_timeout);
        let poll = self.polling.due_at(self.stopping);
        [lease, poll].into_iter().flatten().min()
    }

    /// A lease that lapsed is given up here.
    pub fn handle_timeout(&mut self, now: Mono) {
        if let Some(lease) = &mut self.lease
            && lease.lapse(now)
        {
            self.orders.push_back(Order::Fence);
        }
    }

    /// Take no more offers. What is held goes on.
    pub fn stop_taking(&mut self) {
        self.stopping = true;
    }

    /// End what is held now, as failed.
    pub fn stop_now(&mut self) {
        self.stopping = true;
        if let Some(lease) = &mut self.lease
            && lease.stop(Stop::Shutdown)
        {
            self.orders.push_back(Order::Stop(Stop::Shutdown));
        }
    }

    /// Whether a lease is held, on its way, or not yet settled.
    pub fn is_busy(&self) -> bool {
        self.lease.is_some()
    }

    /// Whether the desktop may be touched now, until when: `None` where no lease is held.
    pub fn may_touch_until(&self) -> Option<Mono> {
        self.lease.as_ref().and_then(Lease::may_touch_until)
    }

    fn settle(&mut self) {
        if let Some(lease) = self.lease.take() {
            self.last_epoch = self.last_epoch.max(Some(lease.epoch()));
            self.orders.push_back(Order::Settled(lease.attempt()));
        }
    }

    /// The lease is another's: whatever runs must let go, and nobody is told.
    fn lose(&mut self) {
        let Some(lease) = &mut self.lease else { return };
        self.last_epoch = self.last_epoch.max(Some(lease.epoch()));
        if lease.lose() {
            self.orders.push_back(Order::Fence);
        }
        if lease.is_over() {
            let attempt = lease.attempt();
            self.lease = None;
            self.orders.push_back(Order::Dropped(attempt));
        }
    }

    /// Said by a store that is older than one this agent has worked for.
    fn is_outdated(&self, generation: u32) -> bool {
        generation < self.generation_seen && !is_on(Mutant::AcceptLowerGenerations)
    }

    fn consider(&mut self, offer: Offer) {
        let epoch = offer.epoch;
        let echo = self.last_epoch.is_some_and(|last| epoch <= last);
        if self.lease.is_some() || echo || self.is_outdated(epoch.generation) {
            return;
        }
        self.report_backoff.reset();
        self.lease = Some(Lease::offered(offer, self.stopping));
    }
}

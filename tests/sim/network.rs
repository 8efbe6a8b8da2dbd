//! Between those who ask and the controller: every message may be lost, doubled, late, and overtaken by others.

use std::collections::BTreeMap;

use crate::{
    plan::Plan,
    rng::Rng,
    site::{Answer, Call},
};

/// How late an answer is on a line that is about to fail.
const SLOW_MS: (u64, u64) = (2_000, 8_000);

/// How many times as long as an ordinary message the slowest takes.
pub(crate) const SLOWEST: u64 = 10;

/// Whose call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Caller {
    Poll(usize),
    Report(usize),
    /// A report of an agent that is no more.
    Late(usize),
    Errand(usize),
}

impl Caller {
    fn agent(self) -> Option<usize> {
        match self {
            Self::Poll(agent) | Self::Report(agent) | Self::Late(agent) => Some(agent),
            Self::Errand(_) => None,
        }
    }
}

/// Where a message is to be delivered, and when.
#[derive(Debug)]
pub(crate) enum Parcel {
    Request { number: u64, call: Call },
    Answer { number: u64, answer: Answer },
    GiveUp { number: u64 },
}

#[derive(Debug)]
pub(crate) struct Network {
    rng: Rng,
    lost: u64,
    doubled: u64,
    delay_ms: u64,
    /// Nothing passes to or from these agents until then.
    cut: BTreeMap<usize, u64>,
    /// Answers to these agents are slow until then.
    slow: BTreeMap<usize, u64>,
    under_way: BTreeMap<u64, Caller>,
    last: u64,
}

impl Network {
    pub(crate) fn new(plan: &Plan, rng: Rng) -> Self {
        let (lost, doubled, delay_ms) = (plan.lost, plan.doubled, plan.delay_ms);
        Self {
            rng,
            lost,
            doubled,
            delay_ms,
            cut: BTreeMap::new(),
            slow: BTreeMap::new(),
            under_way: BTreeMap::new(),
            last: 0,
        }
    }

    pub(crate) fn become_kind(&mut self) {
        (self.lost, self.doubled, self.delay_ms) = (0, 0, 30);
        self.cut.clear();
        self.slow.clear();
    }

    pub(crate) fn slow_down(&mut self, agent: usize, until_ms: u64) {
        self.slow.insert(agent, until_ms);
    }

    pub(crate) fn cut_off(&mut self, agent: usize, until_ms: u64) {
        self.cut.insert(agent, until_ms);
    }

    /// The number of the call, and what is under way because of it.
    pub(crate) fn send(
        &mut self,
        caller: Caller,
        call: &Call,
        patience_ms: u64,
        now_ms: u64,
    ) -> (u64, Vec<(u64, Parcel)>) {
        self.last += 1;
        let number = self.last;
        self.under_way.insert(number, caller);
        let copies = 1 + u64::from(self.rng.per_mille(self.doubled));
        let mut parcels = vec![(now_ms + patience_ms, Parcel::GiveUp { number })];
        for _ in 0..copies {
            if self.passes(caller, now_ms) {
                let at_ms = now_ms + self.delay();
                parcels.push((at_ms, Parcel::Request { number, call: call.clone() }));
            }
        }
        (number, parcels)
    }

    pub(crate) fn answer(&mut self, number: u64, answer: Answer, now_ms: u64) -> Option<(u64, Parcel)> {
        let caller = *self.under_way.get(&number)?;
        let slow = caller.agent().and_then(|agent| self.slow.get(&agent)).is_some_and(|until| now_ms < *until);
        let more_ms = if slow { self.rng.between(SLOW_MS.0, SLOW_MS.1) } else { 0 };
        self.passes(caller, now_ms).then(|| (now_ms + more_ms + self.delay(), Parcel::Answer { number, answer }))
    }

    /// Whose call this was, if nobody has told him how it ended.
    pub(crate) fn end(&mut self, number: u64) -> Option<Caller> {
        self.under_way.remove(&number)
    }

    fn passes(&mut self, caller: Caller, now_ms: u64) -> bool {
        let cut = caller.agent().and_then(|agent| self.cut.get(&agent)).is_some_and(|until| now_ms < *until);
        !cut && !self.rng.per_mille(self.lost)
    }

    /// Most are quick, some are not.
    fn delay(&mut self) -> u64 {
        if self.rng.per_mille(50) {
            self.rng.between(1, self.delay_ms * SLOWEST)
        } else {
            self.rng.between(1, self.delay_ms)
        }
    }
}

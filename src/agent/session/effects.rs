//! Intents, what became of them, and keyed loops: told in order, and an intent's answer brought to whoever waits for it.

use super::{
    IntentAnswer, Order, Session,
    lease::{Lease, Phase},
};
use crate::{
    agent::runner::Stop,
    wire::agent::{IntentReport, LoopReport, ReportBody, SettledReport},
};

impl Lease {
    /// Whether the one who waits may act on this acknowledged intent.
    pub(super) fn intent_recorded(&mut self, intent: &IntentReport, lapsed: bool) -> bool {
        self.intent = Some(intent.clone());
        let acts = self.phase == Phase::Executing && !lapsed;
        if !acts {
            self.not_acted();
        }
        acts
    }

    /// It was recorded too late for whoever meant it: that nothing was done is known, and said.
    fn not_acted(&mut self) {
        let Some(IntentReport { step, key, vars, .. }) = self.intent.take() else { return };
        self.outbox.push_effect(ReportBody::Settled(SettledReport { step, key, done: false, vars }));
    }
}

impl Session {
    /// A step is about to do what must not happen twice. The answer is [`Order::Intent`], in any case.
    pub fn intend(&mut self, intent: IntentReport) {
        let Some(lease) = self.lease.as_mut().filter(|lease| lease.phase == Phase::Executing) else {
            self.orders.push_back(Order::Intent(IntentAnswer::Stopped(Stop::LeaseLost)));
            return;
        };
        match lease.stop {
            Some(stop) => self.orders.push_back(Order::Intent(IntentAnswer::Stopped(stop))),
            None => lease.outbox.push_effect(ReportBody::Intent(intent)),
        }
    }

    /// What became of an intent, of this attempt or an earlier one.
    pub fn settled(&mut self, settled: SettledReport) {
        if let Some(lease) = &mut self.lease
            && lease.phase != Phase::Over
        {
            lease.intent = None;
            lease.outbox.push_effect(ReportBody::Settled(settled));
        }
    }

    pub fn looped(&mut self, report: LoopReport) {
        if let Some(lease) = &mut self.lease
            && lease.phase != Phase::Over
        {
            lease.outbox.push_effect(ReportBody::Loop(report));
        }
    }

    /// Whoever meant to act had stopped waiting when the answer came.
    pub fn not_acted(&mut self) {
        if let Some(lease) = &mut self.lease {
            lease.not_acted();
        }
    }
}

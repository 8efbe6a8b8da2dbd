//! The way of messages to who is to be told: what is due is sent in order, and reported once it is known how that went. The receiver
//! is slow, refuses some, is away for a while, and at times has taken what it never answered.

use deskfleet::{
    fleet::{Attempted, DeliveryReport, Due, SubscriberId},
    time::Timestamp,
};

use super::World;
use crate::scene::CHANNEL;

/// Messages sent in one go.
const RUN: usize = 8;

/// Of a thousand messages: refused, and taken without an answer.
const REFUSED: u64 = 60;
const UNANSWERED: u64 = 60;
/// Of a thousand runs: the receiver goes away with it.
const GOES_AWAY: u64 = 60;

#[derive(Debug, Default)]
pub(super) struct Post {
    /// What came of a run, and when that is known.
    sent: Option<(u64, DeliveryReport)>,
    /// The flight that reports it, and what it says has arrived.
    reporting: Option<(u64, Vec<u64>)>,
    away_until_ms: u64,
}

impl World {
    /// Who sends, now and then: as the sender does, a subscriber is not sent to again before it is known how the last run went.
    pub(super) fn post(&mut self) {
        if !self.site.is_on() || self.post.reporting.is_some() {
            return;
        }
        match self.post.sent.take() {
            Some((at_ms, report)) if self.now_ms >= at_ms => {
                self.last_flight += 1;
                let delivered = report.delivered.iter().map(|(seq, _)| *seq).collect();
                self.post.reporting = Some((self.last_flight, delivered));
                self.site.report(self.last_flight, report);
            }
            Some(waits) => self.post.sent = Some(waits),
            None => {
                let due = self.site.due(RUN);
                if let Some(due) = due.into_iter().find(|due| due.subscriber == channel()) {
                    self.send_all(&due);
                }
            }
        }
    }

    fn send_all(&mut self, due: &Due) {
        let mut report = DeliveryReport { subscriber: due.subscriber.clone(), delivered: Vec::new(), failed: None };
        if !self.calm && self.rng.per_mille(GOES_AWAY) {
            self.post.away_until_ms = self.now_ms + self.rng.between(1_000, 40_000);
        }
        let is_away = !self.calm && self.now_ms < self.post.away_until_ms;
        for seq in due.seqs.iter().copied() {
            let refused = !self.calm && self.rng.per_mille(REFUSED);
            let unanswered = !self.calm && self.rng.per_mille(UNANSWERED);
            if !is_away && !refused {
                self.history.arrived(seq);
            }
            if is_away || refused || unanswered {
                report.failed = Some(failed(seq, refused.then_some(500)));
                break;
            }
            report.delivered.push((seq, 200));
        }
        let longest_ms = if self.calm { 100 } else { 3_000 };
        self.post.sent = Some((self.now_ms + self.rng.between(1, longest_ms), report));
    }

    /// Whether this flight was a report of the sender, which is over.
    pub(super) fn post_reported(&mut self, flight: u64, status: u16) -> bool {
        let Some((_, delivered)) = self.post.reporting.take_if(|(own, _)| *own == flight) else { return false };
        if status == 200 {
            self.history.arrivals_reported(&delivered);
        }
        true
    }

    /// What the process that ended knew of it.
    pub(super) fn forget_post(&mut self) {
        (self.post.sent, self.post.reporting) = (None, None);
    }
}

pub(super) fn channel() -> SubscriberId {
    SubscriberId::Channel(CHANNEL.parse().unwrap())
}

fn failed(seq: u64, status: Option<u16>) -> Attempted {
    let (error, told_as) = ("it did not arrive".to_owned(), "job".to_owned());
    Attempted { seq, told_as, told_at: Timestamp::from_ms(u64::MAX), status, error, retry_after: None }
}

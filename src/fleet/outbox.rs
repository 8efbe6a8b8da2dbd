//! What is still to be told, and to whom. The messages lie in the store, written with the change they tell of; here is only
//! which of them are due.
//!
//! Each subscriber has its own order and its own wait after a failure, so that a dead one holds back nobody else.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    document::{DocumentKind, DocumentSpec},
    event::{Event, Fact},
    message::{DeliveryRow, DeliveryState, Due, Failed, OutboxCounts, Parked, PendingRow, Posted, Replayed, Settled},
    state::Fleet,
    subscriber::{ChannelSpec, SubscriberId, Target},
};
use crate::mutant::{Mutant, is_on};
use crate::{
    ids::Name,
    time::{Now, Timestamp},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Outbox {
    boxes: BTreeMap<SubscriberId, Mailbox>,
    /// When each that has something to send may send next.
    due: BTreeSet<(Timestamp, SubscriberId)>,
    /// With more in them than the limit.
    full: BTreeSet<SubscriberId>,
    counts: OutboxCounts,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Mailbox {
    pub(super) pending: BTreeSet<u64>,
    /// Of the first pending message.
    pub(super) attempts: u32,
    /// In a row, whichever message it was: what the wait follows.
    pub(super) failures: u32,
    next_try: Timestamp,
    /// When it was last replayed: no message counts as older than that.
    pub(super) fresh_from: Timestamp,
}

impl Outbox {
    pub(super) fn load(rows: Vec<PendingRow>, now: Timestamp, most: usize) -> Self {
        let mut outbox = Self::default();
        let rows = if is_on(Mutant::ForgetTheOutbox) { Vec::new() } else { rows };
        for row in rows {
            let mailbox = outbox.boxes.entry(row.subscriber).or_default();
            if mailbox.pending.is_empty() {
                (mailbox.attempts, mailbox.failures) = (row.attempts, row.attempts);
            }
            mailbox.fresh_from = mailbox.fresh_from.max(row.replayed_at.unwrap_or_default());
            mailbox.pending.insert(row.seq);
            outbox.counts.pending += 1;
        }
        // Tried at once: what kept them from arriving may be over.
        for (subscriber, mailbox) in &mut outbox.boxes {
            mailbox.next_try = now;
            outbox.due.insert((now, subscriber.clone()));
            if mailbox.pending.len() > most {
                outbox.full.insert(subscriber.clone());
            }
        }
        outbox
    }

    pub(super) fn get(&self, subscriber: &SubscriberId) -> Option<&Mailbox> {
        self.boxes.get(subscriber)
    }

    pub(super) fn full(&self) -> impl Iterator<Item = &SubscriberId> {
        self.full.iter()
    }

    /// Changes a mailbox and puts it where it then belongs; an empty one is forgotten.
    fn change(&mut self, subscriber: &SubscriberId, most: usize, change: impl FnOnce(&mut Mailbox)) {
        let mut mailbox = self.boxes.remove(subscriber).unwrap_or_default();
        let before = mailbox.pending.len() as u64;
        self.due.remove(&(mailbox.next_try, subscriber.clone()));
        change(&mut mailbox);
        self.counts.pending = self.counts.pending + mailbox.pending.len() as u64 - before;
        if mailbox.pending.len() > most {
            self.full.insert(subscriber.clone());
        } else {
            self.full.remove(subscriber);
        }
        if !mailbox.pending.is_empty() {
            self.due.insert((mailbox.next_try, subscriber.clone()));
            self.boxes.insert(subscriber.clone(), mailbox);
        }
    }

    /// Everything that is not as it must be.
    pub(super) fn check(&self, wrong: &mut Vec<String>) {
        let due: BTreeSet<_> = self.boxes.iter().map(|(id, mailbox)| (mailbox.next_try, id.clone())).collect();
        if due != self.due {
            wrong.push("what is due to be sent is not what the mailboxes say".to_owned());
        }
        let pending: usize = self.boxes.values().map(|mailbox| mailbox.pending.len()).sum();
        if pending as u64 != self.counts.pending || self.boxes.values().any(|mailbox| mailbox.pending.is_empty()) {
            wrong.push("the outbox counts other messages than it has".to_owned());
        }
    }

    pub(super) fn rows(&self) -> Vec<PendingRow> {
        let of_one = |(subscriber, mailbox): (&SubscriberId, &Mailbox)| {
            let (subscriber, attempts) = (subscriber.clone(), mailbox.attempts);
            let replayed_at = Some(mailbox.fresh_from).filter(|at| *at > Timestamp::default());
            let numbered = mailbox.pending.clone().into_iter().enumerate();
            numbered
                .map(move |(at, seq)| PendingRow {
                    subscriber: subscriber.clone(),
                    seq,
                    attempts: if at == 0 { attempts } else { 0 },
                    replayed_at,
                })
                .collect::<Vec<_>>()
        };
        self.boxes.iter().flat_map(of_one).collect()
    }
}

impl Fleet {
    /// Subscribers with something to send now, the longest due first, and how long until another one has. `busy` are being sent
    /// to and are left out; so are paused channels.
    pub fn due_messages(
        &self,
        now: Now,
        busy: &BTreeSet<SubscriberId>,
        (subscribers, messages): (usize, usize),
    ) -> (Vec<Due>, Option<Duration>) {
        let wall = self.steady(now).wall;
        let mut found = Vec::new();
        for (next_try, subscriber) in &self.outbox.due {
            if busy.contains(subscriber) || self.is_held(subscriber) {
                continue;
            }
            if *next_try > wall {
                return (found, Some(next_try.since(wall)));
            }
            if found.len() >= subscribers {
                break;
            }
            let Some(mailbox) = self.outbox.get(subscriber) else { continue };
            found.push(Due {
                subscriber: subscriber.clone(),
                target: self.target_of(subscriber),
                seqs: mailbox.pending.iter().take(messages).copied().collect(),
                attempts: mailbox.attempts,
            });
        }
        (found, None)
    }

    pub fn outbox_counts(&self) -> OutboxCounts {
        self.outbox.counts
    }

    /// How many messages wait for a subscriber.
    pub fn pending_messages(&self, subscriber: &SubscriberId) -> usize {
        self.outbox.get(subscriber).map_or(0, |mailbox| mailbox.pending.len())
    }

    pub fn channel_target(&self, channel: &Name) -> Option<&Target> {
        self.targets.get(channel).map(Arc::as_ref)
    }

    fn target_of(&self, subscriber: &SubscriberId) -> Option<Target> {
        match subscriber {
            SubscriberId::Channel(name) => self.targets.get(name).map(|target| (**target).clone()),
            SubscriberId::Job(job, number) => {
                self.job(*job)?.spec.notify.get(usize::from(*number)).map(super::subscriber::Notify::target)
            }
        }
    }

    pub(super) fn channel(&self, name: &Name) -> Option<&ChannelSpec> {
        match &self.document(DocumentKind::Channel, name)?.spec {
            DocumentSpec::Channel(spec) => Some(spec),
            _ => None,
        }
    }

    fn is_held(&self, subscriber: &SubscriberId) -> bool {
        let SubscriberId::Channel(name) = subscriber else { return false };
        self.document(DocumentKind::Channel, name).is_none_or(|head| head.paused.is_some())
    }

    /// Writes an event that has just been applied to the outbox of everybody who is to be told of it.
    pub(super) fn post(&mut self, event: &Event) {
        self.seq += 1;
        let (seq, most, generation) = (self.seq, self.settings.max_pending_messages, self.meta.generation);
        for subscriber in self.subscribers_of(event) {
            self.outbox.change(&subscriber, most, |mailbox| {
                if mailbox.pending.is_empty() {
                    mailbox.next_try = event.at;
                }
                mailbox.pending.insert(seq);
            });
            self.dirty.posted.push(Posted { subscriber, seq, told_as: event.told_as(), generation });
        }
    }

    pub(super) fn apply_message(&mut self, event: &Event) {
        match &event.fact {
            Fact::MessagesSettled { subscriber, settled } => self.settle_messages(event.at, subscriber, settled),
            Fact::MessageFailed { subscriber, failed } => self.fail_message(event.at, subscriber, failed),
            Fact::ChannelReplayed { channel, replayed } => {
                self.replay(event.at, &SubscriberId::Channel(channel.clone()), &replayed.seqs);
            }
            Fact::NotificationReplayed { job, number, replayed } => {
                self.replay(event.at, &SubscriberId::Job(*job, *number), &replayed.seqs);
            }
            // What was given up has been settled by an event of its own.
            _ => {}
        }
    }

    fn settle_messages(&mut self, at: Timestamp, subscriber: &SubscriberId, settled: &[Settled]) {
        let most = self.settings.max_pending_messages;
        let pause = self.settings.first_retry;
        self.outbox.change(subscriber, most, |mailbox| {
            for one in settled {
                mailbox.pending.remove(&one.seq);
            }
            mailbox.attempts = 0;
            if settled.iter().any(|one| one.state == DeliveryState::Delivered) {
                mailbox.failures = 0;
                mailbox.next_try = at;
            } else {
                // The receiver is as dead as before: the next one is for finding out whether it still is.
                mailbox.next_try = at.saturating_add(pause);
            }
        });
        for one in settled {
            let delivered = one.state == DeliveryState::Delivered;
            self.outbox.counts.delivered += u64::from(delivered);
            self.outbox.counts.parked += u64::from(!delivered);
            self.dirty.deliver(DeliveryRow {
                subscriber: subscriber.clone(),
                seq: one.seq,
                state: one.state,
                attempts: one.attempts,
                status: one.status,
                error: one.error.clone(),
                tried_at: (one.attempts > 0).then_some(at),
                next_try: None,
                replayed_at: None,
            });
        }
    }

    fn fail_message(&mut self, at: Timestamp, subscriber: &SubscriberId, failed: &Failed) {
        let (mut attempts, mut fresh_from) = (0, Timestamp::default());
        self.outbox.change(subscriber, self.settings.max_pending_messages, |mailbox| {
            mailbox.attempts += 1;
            mailbox.failures = mailbox.failures.saturating_add(1);
            mailbox.next_try = failed.next_try;
            (attempts, fresh_from) = (mailbox.attempts, mailbox.fresh_from);
        });
        self.outbox.counts.failed += 1;
        self.dirty.deliver(DeliveryRow {
            subscriber: subscriber.clone(),
            seq: failed.seq,
            state: DeliveryState::Pending,
            attempts,
            status: failed.status,
            error: Some(failed.error.clone()),
            tried_at: Some(at),
            next_try: Some(failed.next_try),
            replayed_at: Some(fresh_from).filter(|at| *at > Timestamp::default()),
        });
    }

    fn replay(&mut self, at: Timestamp, subscriber: &SubscriberId, seqs: &[u64]) {
        let mut anew = Vec::new();
        self.outbox.change(subscriber, self.settings.max_pending_messages, |mailbox| {
            anew.extend(seqs.iter().copied().filter(|seq| mailbox.pending.insert(*seq)));
            (mailbox.attempts, mailbox.failures, mailbox.next_try, mailbox.fresh_from) = (0, 0, at, at);
        });
        for seq in anew {
            self.dirty.deliver(DeliveryRow {
                subscriber: subscriber.clone(),
                seq,
                state: DeliveryState::Pending,
                attempts: 0,
                status: None,
                error: None,
                tried_at: None,
                next_try: Some(at),
                replayed_at: Some(at),
            });
        }
    }

    /// Its next message is tried at once: where it goes may be another place now.
    pub(super) fn set_target(&mut self, at: Timestamp, channel: &Name, target: &Target) {
        self.targets.insert(channel.clone(), Arc::new(target.clone()));
        self.dirty.targets.insert(channel.clone());
        let subscriber = SubscriberId::Channel(channel.clone());
        if self.outbox.get(&subscriber).is_some() {
            self.outbox.change(&subscriber, self.settings.max_pending_messages, |mailbox| {
                (mailbox.failures, mailbox.next_try) = (0, at);
            });
        }
    }

    pub(super) fn forget_target(&mut self, channel: &Name) {
        self.targets.remove(channel);
        self.dirty.targets.insert(channel.clone());
    }
}

/// The fact that messages were given up, for whoever is told of such.
pub(super) fn parked_fact(subscriber: &SubscriberId, parked: Parked) -> Fact {
    match subscriber {
        SubscriberId::Channel(channel) => Fact::ChannelParked { channel: channel.clone(), parked },
        SubscriberId::Job(job, number) => Fact::NotificationParked { job: *job, number: *number, parked },
    }
}

pub(super) fn replayed_fact(subscriber: &SubscriberId, replayed: Replayed) -> Fact {
    match subscriber {
        SubscriberId::Channel(channel) => Fact::ChannelReplayed { channel: channel.clone(), replayed },
        SubscriberId::Job(job, number) => Fact::NotificationReplayed { job: *job, number: *number, replayed },
    }
}

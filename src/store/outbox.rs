//! Messages for subscribers: written with the event they tell of, marked when delivered, kept as long as the log keeps their event.

use redb::{ReadableTable as _, Table, WriteTransaction};
use serde::{Deserialize, Serialize};

use super::{
    Reader,
    error::StoreError,
    events::{LoggedEvent, NewEvent, Record},
    page::{Order, Page, PageRequest},
    record, tables,
};
use crate::fleet::{DeliveryRow, DeliveryState, PendingRow, Posted, SubscriberId};

/// Rows of the order of messages that are looked at by one commit beside those it adds.
const TRIM_AT_LEAST: usize = 64;

type Key = (&'static str, u64);

/// A message with the event it tells of.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Message {
    #[serde(skip)]
    pub seq: u64,
    /// The type under which it is told.
    pub told_as: String,
    /// Of the store when it was written: number and generation together are never used twice.
    pub generation: u32,
    pub event: LoggedEvent,
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq)]
pub struct Delivery {
    pub message: Message,
    /// None: not tried yet.
    pub row: Option<DeliveryRow>,
}

#[derive(Serialize)]
struct MessageRecord<'a> {
    told_as: &'a str,
    generation: u32,
    event: Record<'a>,
}

pub(super) struct OutboxTables<'t> {
    messages: Table<'t, Key, &'static [u8]>,
    /// Of those that are not delivered and not given up.
    pending: Table<'t, Key, ()>,
    deliveries: Table<'t, Key, &'static [u8]>,
    /// By number first, for giving up the oldest.
    order: Table<'t, (u64, &'static str), ()>,
}

impl<'t> OutboxTables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, StoreError> {
        Ok(Self {
            messages: transaction.open_table(tables::MESSAGES)?,
            pending: transaction.open_table(tables::PENDING_MESSAGES)?,
            deliveries: transaction.open_table(tables::DELIVERIES)?,
            order: transaction.open_table(tables::MESSAGE_ORDER)?,
        })
    }

    /// `events` are those of this transaction, the first one with the number `first_seq`.
    pub(super) fn post(&mut self, posted: &Posted, events: &[NewEvent], first_seq: u64) -> Result<(), StoreError> {
        let at = posted.seq.checked_sub(first_seq).and_then(|at| usize::try_from(at).ok());
        let new = at.and_then(|at| events.get(at)).ok_or_else(|| StoreError::Unreadable {
            what: "a message",
            detail: format!("it tells of event {}, which is not written with it", posted.seq),
        })?;
        let about = new.event.subjects();
        let event = Record { subject: &new.subject, about: &about, event: &new.event };
        let row = MessageRecord { told_as: posted.told_as, generation: posted.generation, event };
        let subscriber = posted.subscriber.to_string();
        self.messages.insert((subscriber.as_str(), posted.seq), record::encode("a message", &row)?.as_slice())?;
        self.pending.insert((subscriber.as_str(), posted.seq), ())?;
        self.order.insert((posted.seq, subscriber.as_str()), ())?;
        Ok(())
    }

    /// `keep_from`: the number of the oldest event that is kept. What is older goes as soon as it is done.
    pub(super) fn deliver(&mut self, row: &DeliveryRow, keep_from: u64) -> Result<(), StoreError> {
        let subscriber = row.subscriber.to_string();
        let key = (subscriber.as_str(), row.seq);
        if row.state == DeliveryState::Pending {
            self.pending.insert(key, ())?;
        } else {
            self.pending.remove(key)?;
            if row.seq < keep_from {
                return self.remove(row.seq, &subscriber);
            }
        }
        self.deliveries.insert(key, record::encode("a delivery", row)?.as_slice())?;
        Ok(())
    }

    /// Gives up what is done and older than `keep_from`, of a bounded number of rows after `from`. Answers how far it has looked.
    pub(super) fn trim(&mut self, from: u64, keep_from: u64, added: usize) -> Result<u64, StoreError> {
        let most = TRIM_AT_LEAST.max(2 * added);
        let mut old: Vec<(u64, String)> = Vec::new();
        for row in self.order.range((from, "")..(keep_from.max(from), ""))?.take(most) {
            let (seq, subscriber) = {
                let key = row?.0;
                let (seq, subscriber) = key.value();
                (seq, subscriber.to_owned())
            };
            old.push((seq, subscriber));
        }
        let looked = match old.last() {
            Some((seq, _)) if old.len() >= most => *seq,
            _ => keep_from.max(from),
        };
        for (seq, subscriber) in old {
            if self.pending.get((subscriber.as_str(), seq))?.is_none() {
                self.remove(seq, &subscriber)?;
            }
        }
        Ok(looked)
    }

    fn remove(&mut self, seq: u64, subscriber: &str) -> Result<(), StoreError> {
        self.messages.remove((subscriber, seq))?;
        self.deliveries.remove((subscriber, seq))?;
        self.order.remove((seq, subscriber))?;
        Ok(())
    }
}

fn message(seq: u64, bytes: &[u8]) -> Result<Message, StoreError> {
    let mut message: Message = record::decode("a message", bytes)?;
    message.seq = seq;
    message.event.seq = seq;
    Ok(message)
}

impl Reader {
    /// Of a subscriber, those of these numbers that are kept.
    pub fn messages(&self, subscriber: &SubscriberId, seqs: &[u64]) -> Result<Vec<Message>, StoreError> {
        let messages = self.shared.begin_read()?.open_table(tables::MESSAGES)?;
        let subscriber = subscriber.to_string();
        let mut found = Vec::with_capacity(seqs.len());
        for seq in seqs {
            if let Some(row) = messages.get((subscriber.as_str(), *seq))? {
                found.push(message(*seq, row.value())?);
            }
        }
        Ok(found)
    }

    /// What became of a subscriber's messages; the cursor is the number of the last one seen.
    pub fn deliveries(
        &self,
        subscriber: &SubscriberId,
        page: &PageRequest<u64>,
    ) -> Result<Page<Delivery, u64>, StoreError> {
        let transaction = self.shared.begin_read()?;
        let messages = transaction.open_table(tables::MESSAGES)?;
        let deliveries = transaction.open_table(tables::DELIVERIES)?;
        let subscriber = subscriber.to_string();
        let name = subscriber.as_str();
        let (mut from, mut to) = (0, u64::MAX);
        match (page.order, page.after) {
            (Order::OldestFirst, Some(after)) => from = after.saturating_add(1),
            (Order::NewestFirst, Some(after)) => to = after.saturating_sub(1),
            (_, None) => {}
        }
        if from > to {
            return Ok(Page { items: Vec::new(), next: None });
        }
        let range = messages.range((name, from)..=(name, to))?;
        let rows: Box<dyn Iterator<Item = _>> = match page.order {
            Order::OldestFirst => Box::new(range),
            Order::NewestFirst => Box::new(range.rev()),
        };
        let mut items: Vec<Delivery> = Vec::new();
        for row in rows {
            if items.len() >= page.limit {
                let next = items.last().map(|delivery| delivery.message.seq);
                return Ok(Page { items, next });
            }
            let (key, bytes) = row?;
            let seq = key.value().1;
            let message = message(seq, bytes.value())?;
            let row = super::history::read("a delivery", deliveries.get((name, seq))?)?;
            items.push(Delivery { message, row });
        }
        Ok(Page { items, next: None })
    }

    /// Numbers of a subscriber's kept messages.
    pub(super) fn message_numbers(
        transaction: &redb::ReadTransaction,
        subscriber: &SubscriberId,
        (from, to): (u64, u64),
        at_most: usize,
    ) -> Result<Vec<u64>, StoreError> {
        let messages = transaction.open_table(tables::MESSAGES)?;
        let subscriber = subscriber.to_string();
        if from > to {
            return Ok(Vec::new());
        }
        let range = messages.range((subscriber.as_str(), from)..=(subscriber.as_str(), to))?;
        range.take(at_most).map(|row| Ok(row?.0.value().1)).collect()
    }
}

/// Everything that is not delivered and not given up.
pub(super) fn pending(transaction: &redb::ReadTransaction) -> Result<Vec<PendingRow>, StoreError> {
    let deliveries = transaction.open_table(tables::DELIVERIES)?;
    let mut found = Vec::new();
    for row in transaction.open_table(tables::PENDING_MESSAGES)?.iter()? {
        let (key, _) = row?;
        let (text, seq) = key.value();
        let subscriber = text.parse().map_err(|error: crate::ids::IdError| StoreError::Unreadable {
            what: "a pending message",
            detail: error.to_string(),
        })?;
        let row: Option<DeliveryRow> = super::history::read("a delivery", deliveries.get((text, seq))?)?;
        let attempts = row.as_ref().map_or(0, |row| row.attempts);
        found.push(PendingRow { subscriber, seq, attempts, replayed_at: row.and_then(|row| row.replayed_at) });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fleet::{Event, Fact, Principal, Write},
        ids::JobId,
        store::{Store, Transaction},
        time::{Mono, Timestamp},
    };

    const KEEP_EVENTS: u64 = 1_000;

    fn ops() -> SubscriberId {
        SubscriberId::Channel("ops".parse().unwrap())
    }

    /// An event of this number, and its message.
    fn told(store: &mut Store, seq: u64) {
        let fact = Fact::JobCancelled { job: JobId::from_raw(u128::from(seq)) };
        let at = Timestamp::from_ms(seq);
        let event = Event { at, mono: Mono::default(), by: Principal::System, counter: 0, fact };
        let posted = Posted { subscriber: ops(), seq, told_as: "job.cancelled", generation: 7 };
        let events = vec![NewEvent { event, subject: "job".to_owned() }];
        store.commit(&Transaction { writes: vec![Write::Posted(posted)], events, frames: vec![] }).unwrap();
    }

    fn became(store: &mut Store, seq: u64, state: DeliveryState) {
        let row = DeliveryRow {
            subscriber: ops(),
            seq,
            state,
            attempts: 3,
            status: Some(500),
            error: None,
            tried_at: None,
            next_try: None,
            replayed_at: None,
        };
        store.commit(&Transaction { writes: vec![Write::Delivery(Box::new(row))], ..Transaction::default() }).unwrap();
    }

    fn listed(store: &Store, order: Order) -> Vec<u64> {
        let mut page = PageRequest { after: None, limit: 2, order };
        let mut seqs = Vec::new();
        loop {
            let found = store.reader().deliveries(&ops(), &page).unwrap();
            seqs.extend(found.items.iter().map(|delivery| delivery.message.seq));
            let Some(next) = found.next else { return seqs };
            page.after = Some(next);
        }
    }

    #[test]
    fn a_message_is_pending_until_it_is_done_and_can_be_read_with_its_event() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
        (1..=3).for_each(|seq| told(&mut store, seq));
        became(&mut store, 1, DeliveryState::Delivered);
        became(&mut store, 2, DeliveryState::Pending);
        drop(store);
        let store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
        let pending: Vec<_> = store.load().unwrap().pending.iter().map(|row| (row.seq, row.attempts)).collect();
        assert_eq!(pending, [(2, 3), (3, 0)]);
        assert_eq!(store.load().unwrap().newest_event, 3);
        let read = store.reader().messages(&ops(), &[2, 9]).unwrap();
        assert_eq!((read.len(), read[0].generation, read[0].event.kind.as_str()), (1, 7, "job.cancelled"));
        assert_eq!(listed(&store, Order::OldestFirst), [1, 2, 3]);
        assert_eq!(listed(&store, Order::NewestFirst), [3, 2, 1]);
    }

    #[test]
    fn what_is_done_goes_with_the_log_and_what_is_pending_stays() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), 10).unwrap();
        (1..=20).for_each(|seq| told(&mut store, seq));
        (1..=20).filter(|seq| *seq != 5).for_each(|seq| became(&mut store, seq, DeliveryState::Delivered));
        told(&mut store, 21);
        let kept = listed(&store, Order::OldestFirst);
        assert_eq!(kept, [&[5][..], &(12..=21).collect::<Vec<_>>()].concat());
        became(&mut store, 5, DeliveryState::Parked);
        assert_eq!(listed(&store, Order::OldestFirst)[0], 12);
    }

    #[test]
    fn a_message_without_its_event_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
        let posted = Posted { subscriber: ops(), seq: 4, told_as: "job.cancelled", generation: 0 };
        let lone = Transaction { writes: vec![Write::Posted(posted)], ..Transaction::default() };
        assert!(store.commit(&lone).unwrap_err().to_string().contains("event 4"));
    }
}

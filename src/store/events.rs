//! The log of committed events: numbered without gaps, found by number or by what they are about, the oldest given up in time.

use std::ops::ControlFlow;

use redb::{ReadableTable as _, Table};
use serde::{Deserialize, Serialize};

use super::{Reader, error::StoreError, record, tables};
use crate::{
    fleet::{Event, Principal, Subjects},
    time::Timestamp,
};

/// So many rows are read for one page, at most.
const MAX_READ: usize = 10_000;

/// An event to be logged, with the one thing it is about in words: a job's id, a machine's name, a document's `kind/name`.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    pub event: Event,
    pub subject: String,
}

/// An event as logged. `data` is read as plain JSON, so that events of older versions are shown as they were written.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct LoggedEvent {
    #[serde(skip)]
    pub seq: u64,
    pub at: Timestamp,
    pub by: Principal,
    /// `job.succeeded`, `machine.joined`, …
    pub kind: String,
    pub subject: String,
    pub about: Subjects,
    pub data: serde_json::Value,
}

#[derive(Serialize)]
pub(super) struct Record<'a> {
    pub(super) subject: &'a str,
    pub(super) about: &'a Subjects,
    #[serde(flatten)]
    pub(super) event: &'a Event,
}

/// What is read of a row that is given up.
#[derive(Deserialize)]
struct About {
    about: Subjects,
    at: Timestamp,
}

/// All that is given must fit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Whole kinds (`job.succeeded`) or families (`job.`); empty: all.
    pub kinds: Vec<String>,
    /// The text of an id (`job_…`, `bat_…`, `mch_…`, `att_…`, …) or `kind/name` of a document.
    pub about: Option<String>,
}

/// In the order of their numbers.
#[derive(Debug, Clone, PartialEq)]
pub struct EventPage {
    pub events: Vec<LoggedEvent>,
    /// Everything up to here was looked at: the `after` of the next page.
    pub upto: u64,
    /// Whether there is more to look at now.
    pub more: bool,
    /// The oldest event that is still kept; 0 where there is none. A reader whose `after` is before it has missed some.
    pub oldest: u64,
}

impl EventFilter {
    fn fits(&self, event: &LoggedEvent) -> bool {
        let named = |kind: &String| *kind == event.kind || (kind.ends_with('.') && event.kind.starts_with(kind));
        self.kinds.is_empty() || self.kinds.iter().any(named)
    }
}

/// By which texts an event is found.
pub(super) fn index_keys(about: &Subjects) -> Vec<String> {
    let mut keys = Vec::new();
    keys.extend(about.job.map(|id| id.to_string()));
    keys.extend(about.batch.map(|id| id.to_string()));
    keys.extend(about.machine.map(|id| id.to_string()));
    keys.extend(about.document.as_ref().map(|(kind, name)| format!("{}/{name}", kind.as_str())));
    keys.extend(about.token.map(|id| id.to_string()));
    keys.extend(about.join_token.map(|id| id.to_string()));
    keys
}

pub(super) struct EventTables<'t> {
    pub(super) events: Table<'t, u64, &'static [u8]>,
    pub(super) subjects: Table<'t, (&'static str, u64), ()>,
}

impl EventTables<'_> {
    pub(super) fn append(&mut self, seq: u64, new: &NewEvent) -> Result<(), StoreError> {
        let about = new.event.subjects();
        let record = Record { subject: &new.subject, about: &about, event: &new.event };
        self.events.insert(seq, record::encode("an event", &record)?.as_slice())?;
        for key in index_keys(&about) {
            self.subjects.insert((key.as_str(), seq), ())?;
        }
        Ok(())
    }

    /// Gives up the oldest ones, by number or by age, at most `at_most` of them, so that no commit has to pay for many. Answers
    /// how many went.
    pub(super) fn trim(&mut self, bounds: Bounds, at_most: usize) -> Result<usize, StoreError> {
        for trimmed in 0..at_most {
            let oldest = self.oldest()?.filter(|(seq, about)| bounds.is_beyond(*seq, about.at));
            let Some((seq, about)) = oldest else { return Ok(trimmed) };
            self.events.remove(seq)?;
            for key in index_keys(&about.about) {
                self.subjects.remove((key.as_str(), seq))?;
            }
        }
        Ok(at_most)
    }

    fn oldest(&self) -> Result<Option<(u64, About)>, StoreError> {
        let Some((seq, row)) = self.events.first()? else { return Ok(None) };
        Ok(Some((seq.value(), record::decode("an event", row.value())?)))
    }
}

/// Which events go.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Older numbers go.
    pub(super) keep_from: u64,
    /// What is older goes too.
    pub(super) before: Timestamp,
    /// The newest one stays in any case: numbering goes on from it.
    pub(super) newest: u64,
}

impl Bounds {
    fn is_beyond(&self, seq: u64, at: Timestamp) -> bool {
        seq < self.newest && (seq < self.keep_from || at < self.before)
    }
}

impl Reader {
    /// Whether there is an event that should go.
    pub(super) fn has_events_beyond_bounds(&self, bounds: Bounds) -> Result<bool, StoreError> {
        let events = self.shared.begin_read()?.open_table(tables::EVENTS)?;
        let Some((seq, row)) = events.first()? else { return Ok(false) };
        let about: About = record::decode("an event", row.value())?;
        Ok(bounds.is_beyond(seq.value(), about.at))
    }

    /// Events after that number, at most `limit` of them.
    pub fn events(&self, after: u64, filter: &EventFilter, limit: usize) -> Result<EventPage, StoreError> {
        let transaction = self.shared.begin_read()?;
        let events = transaction.open_table(tables::EVENTS)?;
        let oldest = events.first()?.map_or(0, |(seq, _)| seq.value());
        let mut page = EventPage { events: Vec::new(), upto: after, more: false, oldest };
        let mut read = 0;
        let mut take = |seq: u64, row: &[u8]| -> Result<ControlFlow<()>, StoreError> {
            if page.events.len() >= limit || read >= MAX_READ {
                page.more = true;
                return Ok(ControlFlow::Break(()));
            }
            read += 1;
            let event: LoggedEvent = record::decode("an event", row)?;
            page.events.extend(Some(LoggedEvent { seq, ..event }).filter(|event| filter.fits(event)));
            page.upto = seq;
            Ok(ControlFlow::Continue(()))
        };
        let from = after.saturating_add(1);
        match &filter.about {
            None => {
                for row in events.range(from..)? {
                    let (seq, row) = row?;
                    if take(seq.value(), row.value())?.is_break() {
                        break;
                    }
                }
            }
            Some(about) => {
                let subjects = transaction.open_table(tables::EVENT_SUBJECTS)?;
                for entry in subjects.range((about.as_str(), from)..=(about.as_str(), u64::MAX))? {
                    let seq = entry?.0.value().1;
                    let Some(row) = events.get(seq)? else { continue };
                    if take(seq, row.value())?.is_break() {
                        break;
                    }
                }
            }
        }
        Ok(page)
    }
}

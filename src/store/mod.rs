//! What the controller keeps: the rows of the fleet in one redb file, and blobs beside it.
//!
//! Narrow on purpose, so that another engine can stand behind it: `load` at start, `commit` of one batch of changes at a time,
//! and reads of what is committed. Rows are versioned JSON (see `record`), the layout of the tables has one list of `migrations`.
//!
//! What it must not know: what a command is, who asks, HTTP. It decides nothing; it carries the rows of `fleet`.

mod backup;
mod blobs;
mod check;
mod commit;
mod compaction;
mod database;
mod error;
mod events;
#[cfg(test)]
pub(crate) mod faulty_disk;
mod history;
mod job_index;
mod jobs;
mod load;
mod migrations;
mod outbox;
mod page;
mod record;
mod retention;
mod space;
mod sweep;
mod tables;
#[cfg(test)]
mod tests;

use std::path::Path;

use redb::ReadableTable as _;

pub use backup::{Snapshot, database_in};
pub use blobs::{Blob, BlobError, BlobWriter, Blobs};
pub use check::{Checked, Depth};
pub use commit::Transaction;
pub use compaction::FileUse;
pub use database::Opener;
pub use error::StoreError;
pub use events::{EventFilter, EventPage, LoggedEvent, NewEvent};
pub use history::Frame;
pub use jobs::JobFilter;
pub use outbox::{Delivery, Message};
pub use page::{Order, Page, PageRequest};
pub use retention::{ArtifactKey, EventLimit, JobKey, Prune, Pruned};
pub use space::{Ballast, FreeBytes, free_bytes_at};
pub use sweep::StoredBlob;

use crate::fleet::Rows;
use database::{DirLock, Shared};

/// The writer. There is one; it belongs to the engine's thread.
pub struct Store {
    shared: Shared,
    /// Of the newest committed event; 0 before the first.
    newest_event: u64,
    keep_events: u64,
    /// Up to this number done messages have been given up, those that were pending then excepted.
    messages_trimmed: u64,
    /// Given free after the database is closed.
    _lock: DirLock,
}

impl Drop for Store {
    fn drop(&mut self) {
        self.shared.close();
    }
}

/// Reads what is committed. Cheap to clone; calls block on the disk.
#[derive(Clone)]
pub struct Reader {
    shared: Shared,
}

impl Store {
    /// Opens or creates the database in a data directory. `keep_events`: how many events the log holds.
    pub fn open(dir: &Path, keep_events: u64) -> Result<Self, StoreError> {
        Self::open_with(dir, keep_events, Opener::of_files())
    }

    /// As `open`, with another way to the file: where faults are injected.
    pub fn open_with(dir: &Path, keep_events: u64, opener: Opener) -> Result<Self, StoreError> {
        let lock = DirLock::take(dir)?;
        let mut store =
            Self { shared: Shared::open(dir, opener)?, newest_event: 0, keep_events, messages_trimmed: 0, _lock: lock };
        store.newest_event = store.read_newest_event()?;
        Ok(store)
    }

    pub fn reader(&self) -> Reader {
        Reader { shared: self.shared.clone() }
    }

    /// All rows of open work, machines, documents and tokens.
    pub fn load(&self) -> Result<Rows, StoreError> {
        self.reader().load()
    }

    /// Durable when it returns without an error. After an error nothing of it is kept, and the store takes no more until
    /// `reopen`: what happened to the file is not known.
    pub fn commit(&mut self, batch: &Transaction) -> Result<(), StoreError> {
        let transaction = self.shared.begin_write()?;
        let numbers = commit::Numbers {
            first_seq: self.newest_event + 1,
            keep_events: self.keep_events,
            messages_trimmed: self.messages_trimmed,
        };
        let messages_trimmed = commit::write(&transaction, batch, numbers)?;
        transaction.commit()?;
        self.messages_trimmed = messages_trimmed;
        self.newest_event += batch.events.len() as u64;
        Ok(())
    }

    /// Drops the handle of the file and opens it again, with what is durable. For after the disk was full.
    pub fn reopen(&mut self) -> Result<(), StoreError> {
        self.shared.reopen()?;
        self.newest_event = self.read_newest_event()?;
        Ok(())
    }

    /// Number of the newest committed event; 0 before the first.
    pub const fn newest_event(&self) -> u64 {
        self.newest_event
    }

    fn read_newest_event(&self) -> Result<u64, StoreError> {
        let events = self.shared.begin_read()?.open_table(tables::EVENTS)?;
        Ok(events.last()?.map_or(0, |(seq, _)| seq.value()))
    }
}

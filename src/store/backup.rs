//! A copy of the database as it is at one moment, made while the writer goes on; and which blobs its rows name.

use std::collections::BTreeSet;

use redb::{
    Key, ReadTransaction, ReadableTable as _, ReadableTableMetadata as _, TableDefinition, TableHandle as _, Value,
    WriteTransaction,
};

use super::{
    Reader,
    blobs::{BlobError, Blobs},
    commit::META_KEY,
    database::DATABASE_FILE,
    error::StoreError,
    history::read,
    migrations, sweep, tables,
};
use crate::{fleet::Meta, ids::Digest};

/// What a backup is made of, beside the files of others.
#[derive(Debug)]
pub struct Snapshot {
    /// The database, without empty pages. Gone with this value.
    pub file: tempfile::NamedTempFile,
    /// Named by its rows. Some may not have arrived yet.
    pub blobs: BTreeSet<Digest>,
    pub schema: u32,
    pub generation: u32,
    /// Number of the newest event in it.
    pub newest_event: u64,
    pub jobs: u64,
}

struct Copying<'t> {
    from: &'t ReadTransaction,
    to: &'t WriteTransaction,
}

impl Copying<'_> {
    fn all(&self) -> Result<(), StoreError> {
        let mut known = BTreeSet::new();
        macro_rules! copy {
            ($($table:ident),+ $(,)?) => {
                $(known.insert(self.copy(tables::$table)?);)+
            };
        }
        copy!(
            META,
            JOBS,
            JOB_INDEX,
            BATCHES,
            OPEN_BATCHES,
            STEPS,
            ARTIFACTS,
            HEADS,
            DOCUMENTS,
            MACHINES,
            FRAMES,
            TOKENS
        );
        copy!(JOIN_TOKENS, IDEMPOTENCY, JOB_KEYS, EVENTS, EVENT_SUBJECTS);
        copy!(MESSAGES, PENDING_MESSAGES, DELIVERIES, MESSAGE_ORDER, TARGETS, LOOP_ITEMS);
        // A table that is forgotten here would be missing when the backup is needed.
        for table in self.from.list_tables()? {
            if !known.contains(table.name()) {
                let detail = format!("no backup knows the table {}", table.name());
                return Err(StoreError::Unreadable { what: "the database", detail });
            }
        }
        Ok(())
    }

    /// Answers the table's name.
    fn copy<K: Key + 'static, V: Value + 'static>(
        &self,
        table: TableDefinition<'static, K, V>,
    ) -> Result<String, StoreError> {
        let source = self.from.open_table(table)?;
        let mut target = self.to.open_table(table)?;
        for row in source.iter()? {
            let (key, value) = row?;
            target.insert(key.value(), value.value())?;
        }
        Ok(table.name().to_owned())
    }
}

impl Reader {
    /// Reads everything; the writer goes on meanwhile. The copy is made in the folder of half-written blobs, which the next
    /// start empties whatever happens.
    pub fn snapshot(&self, blobs: &Blobs) -> Result<Snapshot, StoreError> {
        let folder = blobs.temp_dir();
        let made = tempfile::Builder::new().prefix("backup-").tempfile_in(&folder);
        let file = made.map_err(BlobError::at(&folder))?;
        let from = self.shared.begin_read()?;
        let copy = redb::Builder::new().create(file.path())?;
        let to = copy.begin_write()?;
        Copying { from: &from, to: &to }.all()?;
        to.commit()?;
        drop(copy);
        let mut named = BTreeSet::new();
        sweep::named(&from, |digest| {
            named.insert(digest);
        })?;
        sweep::files_of_jobs(&from, |digest| {
            named.insert(digest);
            true
        })?;
        let meta: Option<Meta> = read("the fleet's counters", from.open_table(tables::META)?.get(META_KEY)?)?;
        let newest_event = from.open_table(tables::EVENTS)?.last()?.map_or(0, |(seq, _)| seq.value());
        Ok(Snapshot {
            file,
            blobs: named,
            schema: migrations::schema_of(&from)?,
            generation: meta.map_or(0, |meta| meta.generation),
            newest_event,
            jobs: from.open_table(tables::JOBS)?.len()?,
        })
    }
}

/// Where a restored database has to lie.
pub fn database_in(dir: &std::path::Path) -> std::path::PathBuf {
    dir.join(DATABASE_FILE)
}

//! The file never shrinks by itself: rows that go leave pages for new ones. Where most of it is empty for good, it is made
//! smaller at the next start, when nobody reads.

use redb::{Database, ReadableDatabase as _, ReadableTableMetadata as _, WriteTransaction};

use super::{Reader, error::StoreError, tables};

/// In the table of single values: that the file is to be made smaller at the next start.
const COMPACT: &str = "compact";
/// A file smaller than this is not worth the time.
pub(super) const LEAST_BYTES: u64 = 64 << 20;

/// Written with a transaction of retention.
pub(super) fn remember(transaction: &WriteTransaction, compact: bool) -> Result<(), StoreError> {
    let mut meta = transaction.open_table(tables::META)?;
    if compact {
        meta.insert(COMPACT, [].as_slice())?;
    } else {
        meta.remove(COMPACT)?;
    }
    Ok(())
}

/// Makes the file smaller, if that was asked for. Nobody else may have it open yet.
pub(super) fn compact_where_asked(database: &mut Database) -> Result<(), StoreError> {
    if database.begin_read()?.open_table(tables::META)?.get(COMPACT)?.is_none() {
        return Ok(());
    }
    tracing::info!("making the database file smaller");
    database.compact()?;
    let transaction = database.begin_write()?;
    remember(&transaction, false)?;
    transaction.commit()?;
    Ok(())
}

/// How much of the database file is in use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FileUse {
    pub file_bytes: u64,
    /// In pages that hold something, including what is empty within them.
    pub used_bytes: u64,
}

impl FileUse {
    /// Whether most of a large file is empty.
    pub const fn is_wasteful(&self) -> bool {
        self.file_bytes > LEAST_BYTES && self.used_bytes < self.file_bytes / 2
    }
}

impl Reader {
    /// Reads all of the file: for now and then.
    pub fn file_use(&self) -> Result<FileUse, StoreError> {
        let file_bytes = self.shared.file_bytes()?;
        let transaction = self.shared.begin_read()?;
        let mut used_bytes = 0;
        for table in transaction.list_tables()? {
            let stats = transaction.open_untyped_table(table)?.stats()?;
            used_bytes += stats.stored_bytes() + stats.metadata_bytes() + stats.fragmented_bytes();
        }
        Ok(FileUse { file_bytes, used_bytes })
    }
}

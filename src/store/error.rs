//! Why the store could not do what it was asked.

use std::{io, path::PathBuf};

use super::blobs::BlobError;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("data directory {path}: {source}", path = .path.display())]
    DataDir { path: PathBuf, source: io::Error },
    #[error(
        "another deskfleet controller uses the data directory {path}; stop it, or give this one a --data-dir of its own",
        path = .path.display()
    )]
    InUse { path: PathBuf },
    #[error(
        "the data was written by a newer deskfleet (schema {found}, this one knows up to {known}); start that version \
         again, or restore a backup made before the upgrade"
    )]
    Newer { found: u32, known: u32 },
    /// No room: nothing of the transaction is kept, and the handle is unusable until it is reopened.
    #[error("the disk is full; make room in the data directory")]
    Full,
    #[error("the record of {what} cannot be read: {detail}; restore the last backup")]
    Unreadable { what: &'static str, detail: String },
    #[error("the database is closed, or being reopened after the disk was full; try again")]
    Closed,
    #[error("database: {0}")]
    Database(Box<redb::Error>),
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

/// Whether the system says that there is no room, whatever it was that needed some.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

impl From<redb::Error> for StoreError {
    fn from(error: redb::Error) -> Self {
        match error {
            redb::Error::Io(error) if is_full(&error) => Self::Full,
            // What a reader meets while the writer gives up the handle.
            redb::Error::DatabaseClosed | redb::Error::PreviousIo => Self::Closed,
            error => Self::Database(Box::new(error)),
        }
    }
}

macro_rules! from_redb {
    ($($error:ident),*) => {$(
        impl From<redb::$error> for StoreError {
            fn from(error: redb::$error) -> Self {
                redb::Error::from(error).into()
            }
        }
    )*};
}

from_redb!(CommitError, CompactionError, DatabaseError, SetDurabilityError, StorageError, TableError, TransactionError);

//! The redb file: one process a data directory, opened and migrated, closed and opened again after the disk was full.

use crate::mutant::{Mutant, is_on};
use std::{
    fs::{self, File, TryLockError},
    io,
    path::{Path, PathBuf},
    sync::{Arc, PoisonError, RwLock},
};

use redb::{Database, DatabaseError, ReadTransaction, ReadableDatabase as _, WriteTransaction};

use super::{compaction, error::StoreError, migrations};

pub(super) const DATABASE_FILE: &str = "deskfleet.redb";
const LOCK_FILE: &str = "controller.lock";
/// Pages held in memory. Open work lives in `fleet`; this serves history reads and the upper levels of the trees.
const CACHE_BYTES: usize = 64 << 20;

/// A smaller file is repaired in a fraction of a second when it is opened after a kill, and its commits make one `fsync`.
/// A larger one would keep everybody waiting: its commits make two, and nothing is left to repair.
const QUICK_REPAIR_FROM_BYTES: u64 = 256 << 20;

type Open = dyn Fn(&Path) -> Result<Database, DatabaseError> + Send + Sync;

/// The way to the file.
pub struct Opener {
    open: Box<Open>,
    quick_repair_from_bytes: u64,
}

impl Opener {
    pub fn of_files() -> Self {
        Self::with(open_file)
    }

    /// Another way than to a file on the disk: where faults are injected.
    pub fn with(open: impl Fn(&Path) -> Result<Database, DatabaseError> + Send + Sync + 'static) -> Self {
        Self { open: Box::new(open), quick_repair_from_bytes: QUICK_REPAIR_FROM_BYTES }
    }

    /// From which size on commits leave nothing to repair.
    pub const fn quick_repair_from(mut self, bytes: u64) -> Self {
        self.quick_repair_from_bytes = bytes;
        self
    }

    fn open(&self, path: &Path) -> Result<Database, DatabaseError> {
        (self.open)(path)
    }
}

fn open_file(path: &Path) -> Result<Database, DatabaseError> {
    make_private(path).map_err(redb::StorageError::Io)?;
    redb::Builder::new()
        .set_cache_size(CACHE_BYTES)
        .set_repair_callback(|repair| {
            let percent = (repair.progress() * 100.0).round();
            tracing::info!(percent, "repairing the database: the controller did not end in good order");
        })
        .create(path)
}

/// An empty file becomes a new database. There are inputs of jobs in it: the directory may be readable to others, it is not.
#[cfg(unix)]
fn make_private(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::OpenOptionsExt as _;
    File::options().create(true).truncate(false).write(true).mode(0o600).open(path).map(drop)
}

#[cfg(not(unix))]
fn make_private(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Held as long as the store is open; the system gives it up with the process, however that ends.
#[derive(Debug)]
pub(super) struct DirLock {
    _file: File,
}

impl DirLock {
    /// Creates the directory where it is missing, for the owner alone.
    pub(super) fn take(dir: &Path) -> Result<Self, StoreError> {
        let failed = |source| StoreError::DataDir { path: dir.to_owned(), source };
        create_private(dir).map_err(failed)?;
        let options = || File::options().create(true).truncate(false).write(true).open(dir.join(LOCK_FILE));
        let file = options().map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(StoreError::InUse { path: dir.to_owned() }),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }
}

#[cfg(unix)]
fn create_private(dir: &Path) -> io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn create_private(dir: &Path) -> io::Result<()> {
    fs::create_dir_all(dir)
}

/// The open database, shared by the writer and all readers.
///
/// The lock is no mutex around the store: writer and readers all take it shared, and redb keeps them apart by versions. It is
/// taken alone for one thing only, to close the file and open it again, which must wait until nobody is inside.
#[derive(Clone)]
pub(super) struct Shared {
    open: Arc<RwLock<Option<Database>>>,
    path: Arc<Path>,
    opener: Arc<Opener>,
}

impl Shared {
    pub(super) fn open(dir: &Path, opener: Opener) -> Result<Self, StoreError> {
        let path: PathBuf = dir.join(DATABASE_FILE);
        let shared = Self { open: Arc::default(), path: path.into(), opener: Arc::new(opener) };
        let mut database = shared.opener.open(&shared.path)?;
        migrations::migrate(&database)?;
        // Now, as nobody reads yet.
        compaction::compact_where_asked(&mut database)?;
        *shared.open.write().unwrap_or_else(PoisonError::into_inner) = Some(database);
        Ok(shared)
    }

    /// After a failed commit redb refuses everything until the file is opened anew, from what is durable.
    pub(super) fn reopen(&self) -> Result<(), StoreError> {
        // Under one lock, so that readers wait for the new handle instead of finding none.
        let mut open = self.open.write().unwrap_or_else(PoisonError::into_inner);
        drop(open.take());
        let database = self.opener.open(&self.path)?;
        migrations::migrate(&database)?;
        *open = Some(database);
        Ok(())
    }

    /// Readers that are left are told so; the file is free for another process.
    pub(super) fn close(&self) {
        drop(self.open.write().unwrap_or_else(PoisonError::into_inner).take());
    }

    /// Sees everything committed before, and nothing that comes later.
    pub(super) fn begin_read(&self) -> Result<ReadTransaction, StoreError> {
        self.with(|database| Ok(database.begin_read()?))
    }

    /// Full durability, with one `fsync` or, once the file is large, two: ADR 8.
    pub(super) fn begin_write(&self) -> Result<WriteTransaction, StoreError> {
        self.with(|database| {
            let mut transaction = database.begin_write()?;
            let bytes = fs::metadata(&self.path).map_or(0, |file| file.len());
            transaction.set_quick_repair(bytes >= self.opener.quick_repair_from_bytes);
            let skip = is_on(Mutant::SkipTheSync);
            transaction.set_durability(if skip { redb::Durability::None } else { redb::Durability::Immediate })?;
            Ok(transaction)
        })
    }

    /// Length of the file.
    pub(super) fn file_bytes(&self) -> Result<u64, StoreError> {
        let read = |source| StoreError::DataDir { path: self.path.to_path_buf(), source };
        Ok(fs::metadata(&self.path).map_err(read)?.len())
    }

    fn with<T>(&self, use_it: impl FnOnce(&Database) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        use_it(open.as_ref().ok_or(StoreError::Closed)?)
    }
}

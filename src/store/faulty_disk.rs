//! A disk that can be told to stop in the middle of a commit, or to fail.

use std::{
    io,
    ops::Bound,
    sync::{Arc, Condvar, Mutex},
};

use redb::{BackendError, Builder, StorageBackend, backends::FileBackend};

use super::{FreeBytes, Opener};

#[derive(Debug, Default)]
struct State {
    held: bool,
    /// Commits that have come as far as their `fsync`.
    waiting: usize,
    fault: Option<io::ErrorKind>,
    free_bytes: Option<u64>,
}

/// Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<(Mutex<State>, Condvar)>);

impl Disk {
    pub(crate) fn opener(&self) -> Opener {
        let disk = self.clone();
        Opener::with(move |path| {
            let file = std::fs::File::options().create(true).truncate(false).read(true).write(true).open(path).unwrap();
            Builder::new().create_with_backend(Backend { file: FileBackend::new(file)?, disk: disk.clone() })
        })
    }

    /// From now on no commit gets past its `fsync`.
    pub(crate) fn hold(&self) {
        self.0.0.lock().unwrap().held = true;
    }

    /// Blocks until a commit is held.
    pub(crate) fn until_held(&self) {
        let state = self.0.0.lock().unwrap();
        drop(self.0.1.wait_while(state, |state| state.waiting == 0).unwrap());
    }

    pub(crate) fn release(&self) {
        self.0.0.lock().unwrap().held = false;
        self.0.1.notify_all();
    }

    /// From now on writes fail like this, or succeed again.
    pub(crate) fn fail(&self, fault: Option<io::ErrorKind>) {
        self.0.0.lock().unwrap().fault = fault;
    }

    /// What it says of its room.
    pub(crate) fn free(&self) -> FreeBytes {
        let disk = self.clone();
        Arc::new(move || disk.0.0.lock().unwrap().free_bytes)
    }

    pub(crate) fn set_free_bytes(&self, free_bytes: u64) {
        self.0.0.lock().unwrap().free_bytes = Some(free_bytes);
    }

    fn pass(&self) -> io::Result<()> {
        self.0.0.lock().unwrap().fault.map_or(Ok(()), |kind| Err(kind.into()))
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.0.0.lock().unwrap();
        state.waiting += 1;
        self.0.1.notify_all();
        let mut state = self.0.1.wait_while(state, |state| state.held).unwrap();
        state.waiting -= 1;
        state.fault.map_or(Ok(()), |kind| Err(kind.into()))
    }
}

#[derive(Debug)]
struct Backend {
    file: FileBackend,
    disk: Disk,
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.file.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.disk.pass()?;
        self.file.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        self.disk.sync()?;
        self.file.sync_data()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.disk.pass()?;
        self.file.write(offset, data)
    }

    fn close(&self) -> io::Result<()> {
        self.file.close()
    }

    fn try_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_range(start, end)
    }

    fn try_lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.try_lock_shared_range(start, end)
    }

    fn lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_range(start, end)
    }

    fn lock_shared_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.lock_shared_range(start, end)
    }

    fn unlock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<(), BackendError> {
        self.file.unlock_range(start, end)
    }

    fn query_lock_range(&self, start: Bound<u64>, end: Bound<u64>) -> Result<bool, BackendError> {
        self.file.query_lock_range(start, end)
    }
}

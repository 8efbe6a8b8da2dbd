//! A disk in memory under the database: what was not synced may be lost, torn or reordered when the power fails; it may be full,
//! and it may fail.

use std::{
    io,
    sync::{Arc, Mutex, MutexGuard},
};

use deskfleet::controller::Opener;
use redb::{Builder, StorageBackend};

use crate::rng::mix;

/// What a disk writes whole or not at all.
const SECTOR_BYTES: usize = 512;
const CACHE_BYTES: usize = 8 << 20;

/// What is left of writes that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Loss {
    /// None of them.
    All,
    /// All of them: the power failed a moment later.
    Nothing,
    /// Some sectors of some of them, whatever their order was. The number decides which.
    Torn(u64),
}

#[derive(Debug, Default)]
struct State {
    /// As the program sees it.
    seen: Vec<u8>,
    durable: Vec<u8>,
    unsynced: Vec<(usize, Vec<u8>)>,
    /// How often it was switched on: whoever opened it before reaches it no more.
    life: u64,
    /// Writes and syncs until it fails.
    fails_in: Option<(u64, Failing)>,
    full: bool,
    /// Commits leave nothing to repair, at the cost of a second sync.
    repairs_quickly: bool,
}

/// How an operation fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Failing {
    /// The power goes: nothing works any more.
    Power,
    /// This one fails, the next may succeed.
    Once,
}

/// Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk(Arc<Mutex<State>>);

impl Disk {
    pub(crate) fn new(repairs_quickly: bool) -> Self {
        Self(Arc::new(Mutex::new(State { repairs_quickly, ..State::default() })))
    }

    pub(crate) fn opener(&self) -> Opener {
        let disk = self.clone();
        let opener = Opener::with(move |_| {
            let life = disk.state().life;
            Builder::new().set_cache_size(CACHE_BYTES).create_with_backend(Backend { disk: disk.clone(), life })
        });
        // Of this disk no size is known but 0: it counts as large, or never does.
        opener.quick_repair_from(if self.state().repairs_quickly { 0 } else { u64::MAX })
    }

    /// The power fails: what was not synced is lost as `loss` says, and whoever has the disk open reaches it no more.
    pub(crate) fn power_off(&self, loss: Loss) {
        let mut state = self.state();
        state.life += 1;
        state.fails_in = None;
        let length = state.seen.len();
        state.durable.resize(length, 0);
        for (offset, data) in std::mem::take(&mut state.unsynced) {
            keep(&mut state.durable, offset, &data, loss);
        }
        let State { seen, durable, .. } = &mut *state;
        seen.clone_from(durable);
    }

    /// The process ends, the system goes on: what was written is there.
    pub(crate) fn let_go(&self) {
        let mut state = self.state();
        state.life += 1;
        state.fails_in = None;
    }

    /// After so many further operations that change something, one fails.
    pub(crate) fn fail_in(&self, operations: u64, how: Failing) {
        self.state().fails_in = Some((operations, how));
    }

    pub(crate) fn set_full(&self, full: bool) {
        self.state().full = full;
    }

    pub(crate) fn mend(&self) {
        self.state().fails_in = None;
    }

    /// All that is durable, to be put back later.
    pub(crate) fn image(&self) -> Vec<u8> {
        self.state().durable.clone()
    }

    /// Somebody puts an older image in place; nothing has the disk open.
    pub(crate) fn replace(&self, image: Vec<u8>) {
        let mut state = self.state();
        state.life += 1;
        state.unsynced.clear();
        state.seen.clone_from(&image);
        state.durable = image;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }
}

/// Sector by sector; which ones survive depends on where they are, not on when they were written.
fn keep(durable: &mut [u8], offset: usize, data: &[u8], loss: Loss) {
    let mut at = 0;
    while at < data.len() {
        let start = offset + at;
        let sector = start / SECTOR_BYTES;
        let length = ((sector + 1) * SECTOR_BYTES - start).min(data.len() - at);
        let survives = match loss {
            Loss::All => false,
            Loss::Nothing => true,
            Loss::Torn(which) => mix(which ^ sector as u64) & 1 == 1,
        };
        // What lies beyond the end went with it.
        if survives && let Some(place) = durable.get_mut(start..start + length) {
            place.copy_from_slice(&data[at..at + length]);
        }
        at += length;
    }
}

#[derive(Debug)]
struct Backend {
    disk: Disk,
    life: u64,
}

impl Backend {
    fn open(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.state();
        if state.life == self.life { Ok(state) } else { Err(io::Error::other("the power failed")) }
    }

    /// For what changes something.
    fn change(&self) -> io::Result<MutexGuard<'_, State>> {
        let mut state = self.open()?;
        match state.fails_in {
            Some((0, Failing::Power)) => return Err(io::Error::other("the power fails")),
            Some((0, Failing::Once)) => {
                state.fails_in = None;
                return Err(io::Error::other("the disk fails"));
            }
            Some((left, how)) => state.fails_in = Some((left - 1, how)),
            None => {}
        }
        Ok(state)
    }
}

fn outside() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "beyond the end of the file")
}

fn place(offset: u64, length: usize) -> io::Result<std::ops::Range<usize>> {
    let start = usize::try_from(offset).map_err(|_| outside())?;
    Ok(start..start + length)
}

impl StorageBackend for Backend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.open()?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let state = self.open()?;
        out.copy_from_slice(state.seen.get(place(offset, out.len())?).ok_or_else(outside)?);
        Ok(())
    }

    fn set_len(&self, length: u64) -> io::Result<()> {
        let mut state = self.change()?;
        let length = usize::try_from(length).map_err(|_| outside())?;
        if state.full && length > state.seen.len() {
            return Err(io::ErrorKind::StorageFull.into());
        }
        state.seen.resize(length, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut state = self.change()?;
        let length = state.seen.len();
        state.durable.resize(length, 0);
        for (offset, data) in std::mem::take(&mut state.unsynced) {
            keep(&mut state.durable, offset, &data, Loss::Nothing);
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut state = self.change()?;
        if state.full {
            return Err(io::ErrorKind::StorageFull.into());
        }
        let place = place(offset, data.len())?;
        let start = place.start;
        state.seen.get_mut(place).ok_or_else(outside)?.copy_from_slice(data);
        state.unsynced.push((start, data.to_vec()));
        Ok(())
    }
}

#[test]
fn what_was_synced_is_there_after_the_power_failed_and_the_rest_as_chance_has_it() {
    let disk = Disk::default();
    let backend = |life| Backend { disk: disk.clone(), life };
    let first = backend(0);
    first.set_len(2_048).unwrap();
    first.write(0, &[1; 1_024]).unwrap();
    first.sync_data().unwrap();
    first.write(512, &[2; 1_024]).unwrap();
    disk.power_off(Loss::Torn(1));
    assert!(first.len().is_err(), "who had it open has it no more");
    let mut all = vec![0; 2_048];
    backend(1).read(0, &mut all).unwrap();
    assert_eq!(all[..512], [1; 512]);
    for sector in [&all[512..1_024], &all[1_024..1_536]] {
        assert!(sector.iter().all(|byte| *byte == sector[0]), "a sector is whole");
    }
    let second = backend(1);
    second.write(512, &[3; 512]).unwrap();
    disk.power_off(Loss::All);
    backend(2).read(0, &mut all).unwrap();
    assert!(!all.contains(&3));
}

#[test]
fn a_full_disk_says_so_and_a_failing_one_fails_when_it_is_told_to() {
    let disk = Disk::default();
    let backend = Backend { disk: disk.clone(), life: 0 };
    backend.set_len(1_024).unwrap();
    disk.set_full(true);
    assert_eq!(backend.write(0, &[1]).unwrap_err().kind(), io::ErrorKind::StorageFull);
    disk.set_full(false);
    disk.fail_in(1, Failing::Once);
    backend.write(0, &[1]).unwrap();
    backend.write(0, &[1]).unwrap_err();
    backend.write(0, &[1]).unwrap();
    disk.fail_in(0, Failing::Power);
    backend.sync_data().unwrap_err();
    backend.sync_data().unwrap_err();
}

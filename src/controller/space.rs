//! How much room the disk of the data directory has, and what may still be written.
//!
//! Looked at before every batch of the engine. Two marks: below the low one only what ends work or makes room begins a
//! transaction, below the floor nothing does. A ballast file is given up there, so that the end of work finds some room.

use std::{
    path::Path,
    sync::Arc,
    sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering::Relaxed},
    time::Duration,
};

use crate::{
    store::{Ballast, FreeBytes},
    time::Now,
};

/// A ballast that could not be made is tried again only so much later.
const BALLAST_PAUSE: Duration = Duration::from_secs(60);
/// What has to be free beyond a mark before its rules are lifted again, as a part of the mark: else they would flicker.
const RETURN_PART: u64 = 8;
const UNKNOWN: u64 = u64::MAX;

/// What the disk has room for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Room {
    /// Everything.
    Enough,
    /// Below the low-space mark: reports of agents, cancels, expiries, retention.
    Low,
    /// Below the floor: no transaction begins.
    Full,
}

impl Room {
    pub const ALL: [Self; 3] = [Self::Enough, Self::Low, Self::Full];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Enough => "enough",
            Self::Low => "low",
            Self::Full => "full",
        }
    }
}

/// The marks, in bytes free. All 0: the disk is not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SpaceSettings {
    pub low_bytes: u64,
    pub floor_bytes: u64,
    pub ballast_bytes: u64,
}

/// The disk as it was seen last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Storage {
    pub room: Room,
    /// None where the system does not say.
    pub free_bytes: Option<u64>,
    pub settings: SpaceSettings,
    /// Whether the ballast is there.
    pub ballast: bool,
}

/// Written by the engine, read by everybody.
#[derive(Debug)]
pub(super) struct SpaceState {
    settings: SpaceSettings,
    room: AtomicU8,
    free_bytes: AtomicU64,
    ballast: AtomicBool,
}

impl SpaceState {
    fn new(settings: SpaceSettings) -> Self {
        Self {
            settings,
            room: AtomicU8::new(Room::Enough as u8),
            free_bytes: AtomicU64::new(UNKNOWN),
            ballast: AtomicBool::new(false),
        }
    }

    pub(super) fn room(&self) -> Room {
        let room = self.room.load(Relaxed);
        Room::ALL.into_iter().find(|known| *known as u8 == room).unwrap_or(Room::Enough)
    }

    pub(super) fn storage(&self) -> Storage {
        let free = self.free_bytes.load(Relaxed);
        Storage {
            room: self.room(),
            free_bytes: (free != UNKNOWN).then_some(free),
            settings: self.settings,
            ballast: self.ballast.load(Relaxed),
        }
    }
}

pub(super) struct Space {
    settings: SpaceSettings,
    free: FreeBytes,
    ballast: Ballast,
    state: Arc<SpaceState>,
    /// No earlier is the ballast made.
    ballast_from: crate::time::Mono,
}

impl Space {
    /// Before the database is opened: that may have to write, so a disk that is full gets the ballast's room first.
    pub(super) fn open(settings: SpaceSettings, dir: &Path, free: FreeBytes) -> Self {
        let ballast = Ballast::in_dir(dir, settings.ballast_bytes);
        let state = Arc::new(SpaceState::new(settings));
        state.ballast.store(ballast.is_there(), Relaxed);
        let mut space = Self { settings, free, ballast, state, ballast_from: crate::time::Mono::default() };
        if space.settings.room(space.free_bytes(), Room::Enough) == Room::Full {
            space.give_up_ballast();
        }
        space
    }

    pub(super) fn state(&self) -> Arc<SpaceState> {
        Arc::clone(&self.state)
    }

    /// Looks at the disk, and gives up or makes the ballast as that asks for.
    pub(super) fn look(&mut self, now: Now) -> Room {
        let before = self.state.room();
        let mut room = self.settings.room(self.free_bytes(), before);
        if room == Room::Full && self.give_up_ballast() {
            room = self.settings.room(self.free_bytes(), before);
        }
        if room == Room::Enough {
            self.make_ballast(now);
        }
        self.state.room.store(room as u8, Relaxed);
        if room != before {
            self.tell(room);
        }
        room
    }

    /// A transaction has found no room, whatever the marks say.
    pub(super) fn found_full(&mut self) {
        self.give_up_ballast();
        tracing::error!(
            free_bytes = self.state.storage().free_bytes,
            "the disk is full: make room in the data directory; what could not be written is refused"
        );
    }

    fn free_bytes(&self) -> Option<u64> {
        let free = if self.settings == SpaceSettings::default() { None } else { (self.free)() };
        self.state.free_bytes.store(free.unwrap_or(UNKNOWN), Relaxed);
        free
    }

    fn give_up_ballast(&mut self) -> bool {
        match self.ballast.give_up() {
            Ok(given) => {
                self.state.ballast.store(false, Relaxed);
                if given {
                    tracing::warn!(bytes = self.ballast.bytes(), "the ballast file is given up to finish what runs");
                }
                given
            }
            Err(error) => {
                tracing::error!(%error, "the ballast file cannot be removed");
                false
            }
        }
    }

    /// Only where the disk has enough room with it too.
    fn make_ballast(&mut self, now: Now) {
        let needed = returning(self.settings.low_bytes).saturating_add(self.ballast.bytes());
        let free = self.state.free_bytes.load(Relaxed);
        let wanted = self.ballast.bytes() > 0 && !self.state.ballast.load(Relaxed);
        if !wanted || free == UNKNOWN || free < needed || now.mono < self.ballast_from {
            return;
        }
        match self.ballast.make() {
            Ok(()) => self.state.ballast.store(true, Relaxed),
            Err(error) => tracing::warn!(%error, "the ballast file cannot be made; it is tried again"),
        }
        self.ballast_from = now.mono.saturating_add(BALLAST_PAUSE);
    }

    fn tell(&self, room: Room) {
        let free_bytes = self.state.free_bytes.load(Relaxed);
        let SpaceSettings { low_bytes, floor_bytes, .. } = self.settings;
        match room {
            Room::Enough => tracing::info!(free_bytes, "the disk has enough room again: everything is taken"),
            Room::Low => tracing::warn!(
                free_bytes,
                low_bytes,
                "the disk of the data directory has little room: jobs that run are finished and cancelled, new requests are \
                 refused as storage_full; make room, or keep less (settings of [retention])"
            ),
            Room::Full => tracing::error!(
                free_bytes,
                floor_bytes,
                "the disk of the data directory is full: nothing is written, leases stand still, agents keep their reports; \
                 make room, and all goes on by itself"
            ),
        }
    }
}

/// Where the rules of a mark are lifted.
const fn returning(mark: u64) -> u64 {
    mark.saturating_add(mark / RETURN_PART)
}

impl SpaceSettings {
    fn room(&self, free: Option<u64>, before: Room) -> Room {
        let Some(free) = free else { return Room::Enough };
        let floor = if before == Room::Full { returning(self.floor_bytes) } else { self.floor_bytes };
        let low = if before == Room::Enough { self.low_bytes } else { returning(self.low_bytes) };
        match free {
            _ if free < floor => Room::Full,
            _ if free < low => Room::Low,
            _ => Room::Enough,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Mono, Timestamp};

    const MIB: u64 = 1 << 20;
    const MARKS: SpaceSettings = SpaceSettings { low_bytes: 16 * MIB, floor_bytes: 8 * MIB, ballast_bytes: 4 * MIB };

    /// A disk that says what it is told to, and counts the ballast.
    fn space(dir: &Path, free: &Arc<AtomicU64>) -> Space {
        let (free, ballast) = (Arc::clone(free), Ballast::in_dir(dir, MARKS.ballast_bytes));
        let used = move || if ballast.is_there() { ballast.bytes() } else { 0 };
        Space::open(MARKS, dir, Arc::new(move || Some(free.load(Relaxed).saturating_sub(used()))))
    }

    fn at(second: u64) -> Now {
        Now { wall: Timestamp::from_ms(second * 1_000), mono: Mono::from_ms(second * 1_000) }
    }

    #[test]
    fn the_marks_say_what_may_be_written_and_are_left_only_with_room_to_spare() {
        let room = |free: u64, before| MARKS.room(Some(free), before);
        assert_eq!(room(16 * MIB, Room::Enough), Room::Enough);
        assert_eq!(room(16 * MIB - 1, Room::Enough), Room::Low);
        assert_eq!(room(18 * MIB - 1, Room::Low), Room::Low);
        assert_eq!(room(18 * MIB, Room::Low), Room::Enough);
        assert_eq!(room(8 * MIB, Room::Low), Room::Low);
        assert_eq!(room(8 * MIB - 1, Room::Low), Room::Full);
        assert_eq!(room(9 * MIB - 1, Room::Full), Room::Full);
        assert_eq!(room(9 * MIB, Room::Full), Room::Low);
        assert_eq!(MARKS.room(None, Room::Full), Room::Enough, "a disk that says nothing is tried");
        assert_eq!(SpaceSettings::default().room(Some(0), Room::Enough), Room::Enough);
    }

    #[test]
    fn the_ballast_is_given_up_at_the_floor_and_made_again_when_there_is_room() {
        let dir = tempfile::tempdir().unwrap();
        let free = Arc::new(AtomicU64::new(100 * MIB));
        let mut space = space(dir.path(), &free);
        assert_eq!(space.look(at(1)), Room::Enough);
        let storage = space.state().storage();
        assert_eq!((storage.ballast, storage.free_bytes), (true, Some(100 * MIB)), "as it was seen before");
        free.store(11 * MIB, Relaxed);
        assert_eq!(space.look(at(2)), Room::Low, "7 MiB beside the ballast, 11 without it");
        assert!(!space.state().storage().ballast);
        free.store(7 * MIB, Relaxed);
        assert_eq!(space.look(at(3)), Room::Full, "there is nothing more to give up");
        free.store(20 * MIB, Relaxed);
        assert_eq!(space.look(at(4)), Room::Enough);
        assert!(!space.state().storage().ballast, "with it the disk would be low again");
        free.store(22 * MIB, Relaxed);
        space.look(at(70));
        assert!(space.state().storage().ballast);
    }

    #[test]
    fn a_full_disk_gets_the_ballast_before_the_database_is_opened() {
        let dir = tempfile::tempdir().unwrap();
        Ballast::in_dir(dir.path(), MARKS.ballast_bytes).make().unwrap();
        let free = Arc::new(AtomicU64::new(9 * MIB));
        let space = space(dir.path(), &free);
        assert!(!space.ballast.is_there());
    }
}

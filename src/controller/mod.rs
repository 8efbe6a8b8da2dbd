//! The controller's inside: one thread that decides (`fleet`) and commits (`store`), and the handle by which all others ask it.
//!
//! Answers leave only after the commit that makes them true. Waiting (parked polls, `wait=`) is done by the asking side, woken by
//! the engine; the engine itself never waits for anybody.
//!
//! What it must not know: HTTP, the JSON of the contract, TLS, agents. It speaks in the words of `fleet`.

mod backup;
mod engine;
mod error;
mod frames;
mod gate;
mod handle;
mod keeper;
mod outbox;
mod poll;
mod pool_apps;
mod published;
mod reads;
mod restore;
mod sleep;
mod space;
mod stats;
mod stepper;
mod subject;
#[cfg(test)]
mod tests;
mod upkeep;
mod upload;
mod waiters;
mod waits;

use std::{
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
    sync::{
        Arc, Mutex, RwLock,
        atomic::AtomicUsize,
        mpsc::{SyncSender, sync_channel},
    },
    thread::JoinHandle,
};

use tokio::sync::watch;

pub use backup::{BackupError, BackupStream, Manifest, PrivateFile};
pub use error::{ExecuteError, ReadError, StartError};
pub use frames::FrameRequest;
pub use handle::Handle;
pub use keeper::{Kept, RetentionSettings};
pub use outbox::DueLimits;
pub use poll::{PollRequest, Polled};
pub use pool_apps::PoolApps;
pub use published::MachineIdentity;
pub use reads::JobView;
pub use restore::{RestoreError, Restored, check, restore};
pub use space::{Room, SpaceSettings, Storage};
pub use stats::{EngineStats, LATENCY_BOUNDS_US, Latency};
pub use stepper::{Halted, Stepper, open_to_step};
pub use upload::Upload;

pub use crate::store::{
    Blob, BlobError, Blobs, Checked, Delivery, EventFilter, EventPage, Frame, FreeBytes, JobFilter, LoggedEvent,
    Message as StoredMessage, Opener, Order, Page, PageRequest, StoreError,
};
use crate::{
    fleet::{self, Fleet},
    store::{Store, free_bytes_at},
    time::Clock,
};
use engine::{Engine, Fatal, Pause};
use handle::{Blocking, Message, Shared};
use keeper::{Keeper, KeptCounters};
use published::Published;
use space::Space;
use stats::Counters;

const BLOBS_DIR: &str = "blobs";

/// Files of the data directory that are no part of a backup: the database and what only this process needs.
pub fn is_left_out_of_backups(name: &str) -> bool {
    name.starts_with('.') || ["deskfleet.redb", "controller.lock", "ballast"].contains(&name)
}

/// The controller's limits, with their defaults.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub fleet: fleet::Settings,
    /// Commands that may wait for the engine; more are told to come again.
    pub command_queue: usize,
    /// The most one blob may hold.
    pub blob_bytes: u64,
    /// Events the log holds; the oldest are given up.
    pub keep_events: u64,
    /// When the disk counts as low and as full. No marks unless set.
    pub space: SpaceSettings,
    /// How long things are kept.
    pub retention: RetentionSettings,
}

/// What lies under the store: another one is given where faults are injected.
struct Disk {
    opener: Opener,
    free: FreeBytes,
}

impl Disk {
    /// The file system of the data directory.
    fn of(dir: &Path) -> Self {
        Self { opener: Opener::of_files(), free: free_bytes_at(dir) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            fleet: fleet::Settings::default(),
            command_queue: 4_096,
            blob_bytes: 256 << 20,
            keep_events: 1_000_000,
            space: SpaceSettings::default(),
            retention: RetentionSettings::default(),
        }
    }
}

/// The running engine.
pub struct Controller {
    commands: SyncSender<Message>,
    closing: Handle,
    thread: JoinHandle<()>,
    keeper: keeper::Running,
}

/// Opens the data directory and starts the engine. Blocks on the disk; after a kill, for the repair of the database too.
pub fn start(dir: &Path, settings: Settings, clock: Clock) -> Result<(Controller, Handle), StartError> {
    start_with(dir, settings, clock, Disk::of(dir), Box::new(end_the_process))
}

/// As `start`, with another way to the database's file: where faults are injected.
pub fn start_on(
    dir: &Path,
    settings: Settings,
    clock: Clock,
    opener: Opener,
) -> Result<(Controller, Handle), StartError> {
    start_with(dir, settings, clock, Disk { opener, ..Disk::of(dir) }, Box::new(end_the_process))
}

fn start_with(
    dir: &Path,
    settings: Settings,
    clock: Clock,
    disk: Disk,
    fatal: Fatal,
) -> Result<(Controller, Handle), StartError> {
    let Disk { opener, free } = disk;
    let surroundings = Surroundings { clock, opener, free, fatal, pause: Box::new(std::thread::sleep) };
    let (retention, keep_events) = (settings.retention, settings.keep_events);
    let (engine, handle) = open(dir, settings, surroundings, Blocking::Elsewhere)?;
    let thread =
        std::thread::Builder::new().name("engine".to_owned()).spawn(move || run(engine)).map_err(StartError::Thread)?;
    let keeper = Keeper::start(Keeper::new(handle.clone(), retention, keep_events)).map_err(StartError::Thread)?;
    Ok((Controller { commands: handle.commands.clone(), closing: handle.clone(), thread, keeper }, handle))
}

/// What an engine reaches outside of itself.
struct Surroundings {
    clock: Clock,
    opener: Opener,
    free: FreeBytes,
    fatal: Fatal,
    pause: Pause,
}

fn open(
    dir: &Path,
    settings: Settings,
    surroundings: Surroundings,
    blocking: Blocking,
) -> Result<(Engine, Handle), StartError> {
    let Surroundings { clock, opener, free, fatal, pause } = surroundings;
    let mut space = Space::open(settings.space, dir, free);
    let store = Store::open_with(dir, settings.keep_events, opener)?;
    space.look(clock.now());
    let blobs = Blobs::open(&dir.join(BLOBS_DIR), settings.blob_bytes)?;
    let fleet = Fleet::load(settings.fleet.clone(), store.load()?, clock.now());
    let (commands, inbox) = sync_channel(settings.command_queue);
    let shared = Arc::new(Shared {
        counters: Counters::default(),
        waiters: Arc::default(),
        frames: Arc::default(),
        published: RwLock::new(Published::from_fleet(&fleet)),
        newest_event: watch::Sender::new(store.newest_event()),
        outbox: watch::Sender::new(0),
        reloads: watch::Sender::new(0),
        closing: watch::Sender::new(false),
        told_to_stop: Mutex::default(),
        queue_depth: AtomicUsize::new(0),
        queue_capacity: settings.command_queue,
        space: space.state(),
        kept: KeptCounters::default(),
        collecting: RwLock::default(),
    });
    let handle = Handle {
        commands,
        reader: store.reader(),
        blobs,
        clock: clock.clone(),
        shared: Arc::clone(&shared),
        max_park: settings.fleet.offline_after / 2,
        blocking,
    };
    let reader = store.reader();
    let engine = Engine {
        store,
        reader,
        fleet,
        settings: settings.fleet,
        clock,
        inbox,
        shared,
        fatal,
        pause,
        timers_from: None,
        space,
    };
    Ok((engine, handle))
}

/// A panic means that the state may be wrong. The process ends, and the next start loads what is durable.
fn run(engine: Engine) {
    if catch_unwind(AssertUnwindSafe(|| engine.run())).is_err() {
        end_the_process("the engine has panicked; please report the message above");
    }
}

fn end_the_process(why: &str) {
    tracing::error!("{why}; the controller ends and continues from what is on disk when it is started again");
    std::process::abort();
}

impl Controller {
    /// Answers what waits, does what is queued, commits it and ends the engine. Leases and jobs at the machines go on.
    pub fn stop(self) {
        self.closing.shutdown();
        self.keeper.stop();
        // It fails only where the engine has ended already.
        let _ = self.commands.send(Message::Stop);
        // A panic of the engine has ended the process before.
        let _ = self.thread.join();
    }
}

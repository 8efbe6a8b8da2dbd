//! How everybody else reaches the engine: commands, looks at the live state, and what is published.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
        mpsc::{SyncSender, TrySendError},
    },
    time::Duration,
};

use bytes::Bytes;
use tokio::sync::{oneshot, watch};

use super::{
    error::{ExecuteError, ReadError, Unreachable},
    frames::Frames,
    keeper::KeptCounters,
    published::{MachineIdentity, Published},
    space::{Room, SpaceState, Storage},
    stats::{Counters, EngineStats},
    upload::{Upload, off_the_runtime},
    waiters::Waiters,
};
use crate::{
    fleet::{Command, Fleet, Reply, Token},
    ids::{Digest, Epoch, MachineId},
    store::{Blob, BlobError, Blobs, Frame, Prune, Pruned, Reader, StoreError},
    time::{Clock, Now},
};

/// How often a read that meets the database being opened again looks once more, and after how long.
const REOPENING_LOOKS: u32 = 40;
const REOPENING_PAUSE: Duration = Duration::from_millis(25);

/// Runs on the engine's thread after the commit of its batch; nothing is released before.
pub(super) type Look = Box<dyn FnOnce(&Fleet, Now) + Send>;
/// As `Look`, with what became of a command.
pub(super) type Respond = Box<dyn FnOnce(Result<Reply, ExecuteError>, &Fleet, Now) + Send>;

/// What became of a transaction of retention.
pub(super) type PruneRespond = Box<dyn FnOnce(Result<Pruned, ExecuteError>) + Send>;

pub(super) enum Message {
    Execute(Box<Command>, Respond),
    Look(Look),
    /// A picture of a machine, whose blob is stored.
    Frame(MachineId, Frame, Respond),
    /// Remove what is past its time.
    Prune(Box<Prune>, PruneRespond),
    /// Finish what is queued, then end.
    Stop,
}

/// What the engine and the handles share beside the channel.
#[derive(Debug)]
pub(super) struct Shared {
    pub counters: Counters,
    pub waiters: Arc<Waiters>,
    pub frames: Arc<Frames>,
    pub published: RwLock<Published>,
    /// Sequence number of the newest committed event.
    pub newest_event: watch::Sender<u64>,
    /// How often there may have been something new to send.
    pub outbox: watch::Sender<u64>,
    /// How often the live state was thrown away and loaded anew.
    pub reloads: watch::Sender<u64>,
    /// Set once: nothing parks any more.
    pub closing: watch::Sender<bool>,
    /// Which lease each machine was last told to give up; at most one entry a machine.
    pub told_to_stop: Mutex<BTreeMap<MachineId, Epoch>>,
    pub queue_depth: AtomicUsize,
    pub queue_capacity: usize,
    /// The disk as the engine saw it last.
    pub space: Arc<SpaceState>,
    pub kept: KeptCounters,
    /// Held shared by who needs blobs to stay that no row may name any more, alone by who collects them.
    pub collecting: RwLock<()>,
}

/// The controller as seen from outside. Cheap to clone.
#[derive(Clone)]
pub struct Handle {
    pub(super) commands: SyncSender<Message>,
    pub(super) reader: Reader,
    pub(super) blobs: Blobs,
    pub(super) clock: Clock,
    pub(super) shared: Arc<Shared>,
    /// The longest a poll parks: often enough for a heartbeat.
    pub(super) max_park: Duration,
    pub(super) blocking: Blocking,
}

/// Where calls run that wait for the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Blocking {
    /// On threads of their own, so that they hold up no other request.
    Elsewhere,
    /// On the asking thread: one thread does everything, in one order.
    Here,
}

impl Handle {
    /// Decides a command. Answers only after the commit of what it changed.
    pub async fn execute(&self, command: Command) -> Result<Reply, ExecuteError> {
        self.execute_and(command, |reply, _, _| reply).await?
    }

    /// Looks at the live state, after the commit of everything it shows. The look runs on the engine's thread: keep it short.
    pub async fn look<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Fleet, Now) -> T + Send + 'static,
    ) -> Result<T, ExecuteError> {
        Ok(self.look_inside(look).await?)
    }

    /// Whose API token this is. Expired and revoked ones are none.
    pub fn token_by_secret(&self, digest: &Digest) -> Option<Token> {
        let now = self.clock.now().wall;
        let published = self.shared.published.read().unwrap_or_else(PoisonError::into_inner);
        published.token(digest).filter(|token| token.is_valid(now)).cloned()
    }

    /// Whose client certificate this is. That of a removed machine is nobody's; whether it has expired is for the caller.
    pub fn machine_by_certificate(&self, digest: &Digest) -> Option<MachineIdentity> {
        let published = self.shared.published.read().unwrap_or_else(PoisonError::into_inner);
        published.machine(digest).cloned()
    }

    /// The number of the newest committed event, whenever it changes.
    pub fn watch_events(&self) -> watch::Receiver<u64> {
        self.shared.newest_event.subscribe()
    }

    /// True once the controller is closing: streams should end then.
    pub fn watch_closing(&self) -> watch::Receiver<bool> {
        self.shared.closing.subscribe()
    }

    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Content-addressed files. Their calls block: from the runtime use `begin_upload`, `store_blob`, `blob_size`, `open_blob`.
    pub fn blobs(&self) -> &Blobs {
        &self.blobs
    }

    /// Starts to store what arrives in pieces. With `expected`, other content is refused at the end.
    pub async fn begin_upload(&self, expected: Option<Digest>) -> Result<Upload, BlobError> {
        self.check_room()?;
        Upload::begin(self.blobs.clone(), expected).await
    }

    pub async fn store_blob(&self, content: Bytes, expected: Option<Digest>) -> Result<Blob, BlobError> {
        self.check_room()?;
        let blobs = self.blobs.clone();
        self.blocking(move || blobs.put(&content, expected)).await
    }

    pub async fn blob_size(&self, digest: Digest) -> Result<Option<u64>, BlobError> {
        let blobs = self.blobs.clone();
        self.blocking(move || blobs.size(&digest)).await
    }

    /// The file and its length in bytes.
    pub async fn open_blob(&self, digest: Digest) -> Result<Option<(std::fs::File, u64)>, BlobError> {
        let blobs = self.blobs.clone();
        self.blocking(move || blobs.open_blob(&digest)).await
    }

    /// What the disk has room for.
    pub fn storage(&self) -> Storage {
        self.shared.space.storage()
    }

    /// Content takes more room than anything else: it is the first thing that has to wait.
    fn check_room(&self) -> Result<(), BlobError> {
        if self.shared.space.room() == Room::Enough { Ok(()) } else { Err(BlobError::StorageFull) }
    }

    pub fn stats(&self) -> EngineStats {
        EngineStats {
            queue_depth: self.shared.queue_depth.load(Ordering::Relaxed),
            queue_capacity: self.shared.queue_capacity,
            newest_event: *self.shared.newest_event.borrow(),
            ..self.shared.counters.snapshot()
        }
    }

    /// Nothing parks or waits any more: what does answers at once. Commands go on until `Controller::stop`.
    pub fn shutdown(&self) {
        self.shared.closing.send_replace(true);
    }

    /// Executes a command, and makes something of its reply on the engine's thread, after the commit.
    pub(super) async fn execute_and<T: Send + 'static>(
        &self,
        command: Command,
        and: impl FnOnce(Result<Reply, ExecuteError>, &Fleet, Now) -> T + Send + 'static,
    ) -> Result<T, Unreachable> {
        self.ask(|sender| {
            let respond: Respond = Box::new(move |reply, fleet, now| drop(sender.send(and(reply, fleet, now))));
            Message::Execute(Box::new(command), respond)
        })
        .await
    }

    pub(super) async fn look_inside<T: Send + 'static>(
        &self,
        look: impl FnOnce(&Fleet, Now) -> T + Send + 'static,
    ) -> Result<T, Unreachable> {
        self.ask(|sender| Message::Look(Box::new(move |fleet, now| drop(sender.send(look(fleet, now)))))).await
    }

    /// Hands a message to the engine and waits for what it sends back.
    pub(super) async fn ask<T>(&self, message: impl FnOnce(oneshot::Sender<T>) -> Message) -> Result<T, Unreachable> {
        let (sender, receiver) = oneshot::channel();
        self.send(message(sender))?;
        // It is dropped unanswered only when the engine has ended.
        receiver.await.map_err(|_| Unreachable::ShuttingDown)
    }

    pub(super) fn send(&self, message: Message) -> Result<(), Unreachable> {
        // Counted before, so that the engine never counts down what was not counted up.
        self.shared.queue_depth.fetch_add(1, Ordering::Relaxed);
        self.commands.try_send(message).map_err(|error| {
            self.shared.queue_depth.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => {
                    self.shared.counters.overloaded.fetch_add(1, Ordering::Relaxed);
                    Unreachable::Overloaded
                }
                TrySendError::Disconnected(_) => Unreachable::ShuttingDown,
            }
        })
    }

    /// Runs a read of the store. Off the runtime, as it may have to wait for the disk.
    pub(super) async fn read<T: Send + 'static>(
        &self,
        read: impl Fn(&Reader) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, ReadError> {
        let reader = self.reader.clone();
        let looks = match self.blocking {
            Blocking::Elsewhere => REOPENING_LOOKS,
            // The engine is stepped by who waits here.
            Blocking::Here => 0,
        };
        Ok(self.blocking(move || patiently(looks, || read(&reader))).await?)
    }

    pub(super) async fn blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        match self.blocking {
            Blocking::Elsewhere => off_the_runtime(work).await,
            Blocking::Here => work(),
        }
    }
}

/// A read may meet the database while it is opened again, which takes a moment: that is waited for.
fn patiently<T>(looks: u32, read: impl Fn() -> Result<T, StoreError>) -> Result<T, StoreError> {
    for _ in 0..looks {
        match read() {
            Err(StoreError::Closed) => std::thread::sleep(REOPENING_PAUSE),
            done => return done,
        }
    }
    read()
}

//! What is kept and for how long: a thread that looks for what is past its time, and has the engine remove it.
//!
//! It reads on its own and asks the engine for transactions of bounded size, so that nobody waits long behind it. Blobs that no
//! row names are files, not rows: those it removes itself.

use std::{
    collections::BTreeSet,
    sync::{
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread::JoinHandle,
    time::Duration,
};

use super::{
    error::ExecuteError,
    handle::{Handle, Message},
    space::Room,
};
use crate::{
    fleet::{Command, Principal, RevokeJoinToken},
    store::{ArtifactKey, BlobError, EventLimit, Page, Prune, Pruned, StoreError},
    time::{Mono, Timestamp},
};

/// Rows of one transaction, at most: a few tens of milliseconds of a slow disk.
const MAX_ROWS: usize = 1_000;
/// How often it is looked whether it is time.
const LOOK: Duration = Duration::from_secs(1);
/// Between two passes while the disk has little room.
const HURRY: Duration = Duration::from_secs(30);
/// Between two looks at how much of the database file is empty: they read all of it.
const FILE_LOOK: Duration = Duration::from_secs(24 * 3_600);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// Between two passes.
    pub interval: Duration,
    pub events_age: Duration,
    /// Since they ended.
    pub jobs_age: Duration,
    /// Open ones count too, but never go.
    pub jobs: u64,
    pub artifacts_age: Duration,
    /// Of all blobs together.
    pub artifacts_bytes: u64,
    /// How long a blob may wait for the row that names it.
    pub blob_grace: Duration,
}

impl Default for RetentionSettings {
    fn default() -> Self {
        let day = Duration::from_secs(86_400);
        Self {
            interval: Duration::from_secs(600),
            events_age: 90 * day,
            jobs_age: 90 * day,
            jobs: 2_000_000,
            artifacts_age: 30 * day,
            artifacts_bytes: 20 << 30,
            blob_grace: day,
        }
    }
}

/// What has gone since the controller started, and what there is, for `/metrics`.
#[derive(Debug, Default)]
pub(super) struct KeptCounters {
    jobs: AtomicU64,
    batches: AtomicU64,
    artifacts: AtomicU64,
    keys: AtomicU64,
    events: AtomicU64,
    blobs: AtomicU64,
    blob_bytes: AtomicU64,
    stored_bytes: AtomicU64,
    failures: AtomicU64,
}

/// A snapshot of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Kept {
    /// Removed rows.
    pub pruned: Pruned,
    /// Removed blobs.
    pub blobs: u64,
    pub blob_bytes: u64,
    /// All blobs together, as of the last pass.
    pub stored_bytes: u64,
    /// Passes that ended early.
    pub failures: u64,
}

impl KeptCounters {
    fn pruned(&self, pruned: &Pruned) {
        let Pruned { jobs, batches, artifacts, keys, events, more: _ } = *pruned;
        let counters = [&self.jobs, &self.batches, &self.artifacts, &self.keys, &self.events];
        for (counter, more) in counters.into_iter().zip([jobs, batches, artifacts, keys, events]) {
            counter.fetch_add(more, Relaxed);
        }
    }

    pub(super) fn snapshot(&self) -> Kept {
        let read = |counter: &AtomicU64| counter.load(Relaxed);
        Kept {
            pruned: Pruned {
                jobs: read(&self.jobs),
                batches: read(&self.batches),
                artifacts: read(&self.artifacts),
                keys: read(&self.keys),
                events: read(&self.events),
                more: false,
            },
            blobs: read(&self.blobs),
            blob_bytes: read(&self.blob_bytes),
            stored_bytes: read(&self.stored_bytes),
            failures: read(&self.failures),
        }
    }
}

/// Why a pass ended early. The next one goes on.
#[derive(Debug, thiserror::Error)]
pub(super) enum KeepError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blobs(#[from] BlobError),
    #[error(transparent)]
    Engine(#[from] ExecuteError),
}

/// A keeper at work.
pub(super) struct Running {
    running: Sender<()>,
    thread: JoinHandle<()>,
}

impl Running {
    /// Waits for the end of what it is about.
    pub(super) fn stop(self) {
        drop(self.running);
        // A panic of it has been told by itself, and harms nobody else.
        let _ = self.thread.join();
    }
}

pub(super) struct Keeper {
    handle: Handle,
    settings: RetentionSettings,
    keep_events: u64,
    last_pass: Option<Mono>,
    last_file_look: Option<Mono>,
}

impl Keeper {
    pub(super) fn new(handle: Handle, settings: RetentionSettings, keep_events: u64) -> Self {
        Self { handle, settings, keep_events, last_pass: None, last_file_look: None }
    }

    /// On a thread of its own.
    pub(super) fn start(self) -> std::io::Result<Running> {
        let (running, stop) = channel();
        let thread = std::thread::Builder::new().name("keeper".to_owned()).spawn(move || self.run(&stop))?;
        Ok(Running { running, thread })
    }

    /// Until the other end of `stop` is gone.
    pub(super) fn run(mut self, stop: &Receiver<()>) {
        // The first pass comes one interval after the start, when machines have found back.
        self.last_pass = Some(self.handle.clock.now().mono);
        while stop.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
            if self.is_time() {
                self.pass_and_tell();
            }
        }
    }

    fn is_time(&self) -> bool {
        let pause = match self.handle.storage().room {
            Room::Enough => self.settings.interval,
            Room::Low | Room::Full => self.settings.interval.min(HURRY),
        };
        let now = self.handle.clock.now().mono;
        self.last_pass.is_none_or(|last| now.since(last) >= pause)
    }

    fn pass_and_tell(&mut self) {
        match self.pass() {
            Ok(pruned) if pruned.total() > 0 => tracing::info!(
                jobs = pruned.jobs,
                batches = pruned.batches,
                artifacts = pruned.artifacts,
                keys = pruned.keys,
                events = pruned.events,
                "what is past its time was removed"
            ),
            Ok(_) | Err(KeepError::Engine(ExecuteError::ShuttingDown)) => {}
            Err(error) => {
                self.handle.shared.kept.failures.fetch_add(1, Relaxed);
                tracing::warn!(%error, "what is past its time could not all be removed; the next pass goes on");
            }
        }
    }

    /// Looks at everything once.
    pub(super) fn pass(&mut self) -> Result<Pruned, KeepError> {
        let now = self.handle.clock.now();
        self.last_pass = Some(now.mono);
        let wall = now.wall;
        let mut gone = Pruned::default();
        if self.handle.storage().room != Room::Full {
            self.rows(wall, &mut gone)?;
        }
        self.blobs(wall, &mut gone)?;
        if self.handle.storage().room == Room::Enough {
            self.void_join_tokens(wall)?;
            self.file(now.mono)?;
        }
        Ok(gone)
    }

    fn rows(&self, now: Timestamp, gone: &mut Pruned) -> Result<(), KeepError> {
        let reader = &self.handle.reader;
        let events = EventLimit { before: earlier(now, self.settings.events_age), keep: self.keep_events };
        let newest = *self.handle.shared.newest_event.borrow();
        if reader.has_events_beyond(events, newest)? {
            self.prune(gone, &Prune { events: Some(events), ..nothing(now) })?;
        }
        pages(
            |after| reader.void_idempotency(now, after),
            |idempotency| self.prune(gone, &Prune { idempotency, ..nothing(now) }),
        )?;
        pages(
            |after| reader.free_unique_keys(now, after),
            |unique_keys| self.prune(gone, &Prune { unique_keys, ..nothing(now) }),
        )?;
        let before = earlier(now, self.settings.artifacts_age);
        pages(
            |after| reader.artifacts_before(before, after),
            |found| {
                let artifacts = found.into_iter().map(|(key, _)| key).collect();
                self.prune(gone, &Prune { artifacts, ..nothing(now) })
            },
        )?;
        let before = earlier(now, self.settings.jobs_age);
        pages(
            |after| reader.jobs_ended_before(before, after.copied()),
            |jobs| self.prune(gone, &Prune { jobs, ..nothing(now) }),
        )?;
        loop {
            let jobs = reader.jobs_beyond(self.settings.jobs)?;
            let before = gone.jobs;
            self.prune(gone, &Prune { jobs, ..nothing(now) })?;
            // Those that are left are open.
            if gone.jobs == before {
                break;
            }
        }
        pages(
            |after| reader.batches_ended_before(before, after.copied()),
            |batches| self.prune(gone, &Prune { batches, ..nothing(now) }),
        )
    }

    /// Has the engine remove rows, a bounded number at a time.
    fn prune(&self, gone: &mut Pruned, prune: &Prune) -> Result<(), KeepError> {
        if *prune == nothing(prune.now) {
            return Ok(());
        }
        loop {
            if *self.handle.shared.closing.borrow() {
                return Err(ExecuteError::ShuttingDown.into());
            }
            let (told, answer) = channel();
            let respond = Box::new(move |pruned| drop(told.send(pruned)));
            self.handle.send(Message::Prune(Box::new(prune.clone()), respond)).map_err(ExecuteError::from)?;
            // It is dropped unanswered only when the engine has ended.
            let pruned = answer.recv().unwrap_or(Err(ExecuteError::ShuttingDown))?;
            gone.add(&pruned);
            self.handle.shared.kept.pruned(&pruned);
            if !pruned.more {
                return Ok(());
            }
        }
    }

    /// Artifacts beyond their total size lose their rows, the oldest first; then whatever no row names goes.
    fn blobs(&self, now: Timestamp, gone: &mut Pruned) -> Result<(), KeepError> {
        let shared = &self.handle.shared;
        let kept = &shared.kept;
        // A backup under way may still need what no row names any more.
        let Ok(_collecting) = shared.collecting.try_write() else { return Ok(()) };
        let stored = self.handle.blobs.list()?;
        let stored_bytes: u64 = stored.iter().map(|blob| blob.bytes).sum();
        kept.stored_bytes.store(stored_bytes, Relaxed);
        let too_much = stored_bytes.saturating_sub(self.settings.artifacts_bytes);
        if too_much > 0 && self.handle.storage().room != Room::Full {
            let artifacts = self.oldest_artifacts(now, too_much)?;
            self.prune(gone, &Prune { artifacts, ..nothing(now) })?;
        }
        let since = earlier(now, self.settings.blob_grace);
        let old: BTreeSet<_> = stored.iter().filter(|blob| blob.claimed_at < since).map(|blob| blob.digest).collect();
        if old.is_empty() {
            return Ok(());
        }
        for digest in self.handle.reader.unreferenced(old)? {
            let bytes = self.handle.blobs.collect(&digest, since)?;
            kept.blobs.fetch_add(u64::from(bytes > 0), Relaxed);
            kept.blob_bytes.fetch_add(bytes, Relaxed);
            kept.stored_bytes.fetch_sub(bytes.min(kept.stored_bytes.load(Relaxed)), Relaxed);
        }
        Ok(())
    }

    /// So many that their sizes make up what is too much. Shared content frees less; the next pass sees to that.
    fn oldest_artifacts(&self, now: Timestamp, too_much: u64) -> Result<Vec<ArtifactKey>, KeepError> {
        let mut chosen = Vec::new();
        let mut bytes_chosen = 0;
        let mut after: Option<ArtifactKey> = None;
        loop {
            let page = self.handle.reader.artifacts_before(now, after.as_ref())?;
            for (key, bytes) in page.items {
                if bytes_chosen >= too_much {
                    return Ok(chosen);
                }
                bytes_chosen += bytes;
                chosen.push(key);
            }
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(chosen),
            }
        }
    }

    /// Used up or expired.
    fn void_join_tokens(&self, now: Timestamp) -> Result<(), KeepError> {
        let (told, answer) = channel();
        let look = move |fleet: &crate::fleet::Fleet, _| {
            let void = fleet.join_tokens().filter(|token| !token.is_valid(now)).map(|token| token.id);
            drop(told.send(void.collect::<Vec<_>>()));
        };
        self.handle.send(Message::Look(Box::new(look))).map_err(ExecuteError::from)?;
        for token in answer.recv().unwrap_or_default() {
            let (told, done) = channel();
            let command = Command::RevokeJoinToken(RevokeJoinToken { token, by: Principal::System });
            let respond = Box::new(move |_, _: &_, _| {
                let _ = told.send(());
            });
            self.handle.send(Message::Execute(Box::new(command), respond)).map_err(ExecuteError::from)?;
            // Whether it was done: one that was revoked meanwhile is gone too.
            let _ = done.recv();
        }
        Ok(())
    }

    /// Whether the file is worth making smaller at the next start.
    fn file(&mut self, now: Mono) -> Result<(), KeepError> {
        if self.last_file_look.is_some_and(|last| now.since(last) < FILE_LOOK) {
            return Ok(());
        }
        self.last_file_look = Some(now);
        let file = self.handle.reader.file_use()?;
        if file.is_wasteful() {
            let (file_bytes, used_bytes) = (file.file_bytes, file.used_bytes);
            tracing::info!(
                file_bytes,
                used_bytes,
                "most of the database file is empty: the next start makes it smaller"
            );
            let now = self.handle.clock.now().wall;
            self.prune(&mut Pruned::default(), &Prune { compact: Some(true), ..nothing(now) })?;
        }
        Ok(())
    }
}

fn nothing(now: Timestamp) -> Prune {
    Prune { now, max_rows: MAX_ROWS, ..Prune::default() }
}

fn earlier(now: Timestamp, age: Duration) -> Timestamp {
    Timestamp::from_ms(now.as_ms().saturating_sub(crate::time::duration_ms(age)))
}

/// Goes through a list to its end.
fn pages<Row, Cursor>(
    read: impl Fn(Option<&Cursor>) -> Result<Page<Row, Cursor>, StoreError>,
    mut each: impl FnMut(Vec<Row>) -> Result<(), KeepError>,
) -> Result<(), KeepError> {
    let mut after = None;
    loop {
        let page = read(after.as_ref())?;
        each(page.items)?;
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(()),
        }
    }
}

//! The one thread that decides and writes: drains what is there, decides each command, places, commits once, answers.
//!
//! Nothing leaves it before the commit: replies, refusals, looks at the state, wakes. There is no timer that gathers commands;
//! while one commit is under way the next batch gathers in the channel by itself.
//!
//! `step` is one round of it on the caller's thread: the simulation drives the very code that the thread runs.

use std::{
    sync::{
        Arc, PoisonError,
        atomic::Ordering::Relaxed,
        mpsc::{Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use super::{
    error::ExecuteError,
    gate,
    handle::{Look, Message, PruneRespond, Respond, Shared},
    outbox::may_be_due,
    published::Published,
    space::{Room, Space},
    subject::subject,
    waiters::Key,
};
use crate::mutant::{Mutant, is_on};
use crate::{
    fleet::{Command, Event, Fact, Fleet, Found, Need, Reply, Settings, Wakes, needs},
    store::{NewEvent, Prune, Reader, Store, StoreError, Transaction},
    time::{Clock, Mono, Now, Stopwatch},
};

/// Commands decided in one batch, at most: enough to share a commit, few enough to keep its answers waiting only briefly.
const MAX_BATCH: usize = 512;
/// The longest sleep: after the machine was suspended timers are looked at soon, and the disk now and then in any case.
const MAX_SLEEP: Duration = Duration::from_secs(1);
/// While the disk is full timers stand still, and only its room is looked at.
const FULL_SLEEP: Duration = Duration::from_millis(250);
/// After the disk was full, timers are tried again only so much later.
const FULL_PAUSE: Duration = Duration::from_millis(500);

/// What ends the process: a failed commit whose outcome is not known. In tests something milder.
pub(super) type Fatal = Box<dyn Fn(&str) + Send>;
/// How the engine lets time pass while it can do nothing else.
pub(super) type Pause = Box<dyn Fn(Duration) + Send>;

pub(super) struct Engine {
    pub(super) store: Store,
    pub(super) reader: Reader,
    pub(super) fleet: Fleet,
    pub(super) settings: Settings,
    pub(super) clock: Clock,
    pub(super) inbox: Receiver<Message>,
    pub(super) shared: Arc<Shared>,
    pub(super) fatal: Fatal,
    pub(super) pause: Pause,
    /// While the disk was full a moment ago.
    pub(super) timers_from: Option<Mono>,
    pub(super) space: Space,
}

/// The engine cannot go on; `fatal` has been told why.
#[derive(Debug)]
pub(super) struct Ended;

/// What one batch of messages led to, none of it told yet.
#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    answers: Vec<(Respond, Result<Reply, ExecuteError>)>,
    looks: Vec<Look>,
    frames: Vec<(crate::ids::MachineId, crate::store::Frame)>,
    prunes: Vec<(Box<Prune>, PruneRespond)>,
    stop: bool,
}

impl Engine {
    /// Until told to stop, or every handle is gone; what is queued then is still done.
    pub(super) fn run(mut self) {
        let mut stopping = false;
        while let Some(first) = self.next_messages(stopping) {
            match self.batch(first) {
                Ok(stop) => stopping |= stop,
                Err(Ended) => return,
            }
        }
        tracing::debug!("the engine has ended");
    }

    /// Does what is queued, and what is due, without waiting for more.
    pub(super) fn step(&mut self) -> Result<(), Ended> {
        let messages = self.queued(MAX_BATCH);
        self.batch(messages).map(drop)
    }

    /// How long nothing need be done unless something is asked. None: for ever.
    pub(super) fn due_in(&self) -> Option<Duration> {
        if self.shared.space.room() == Room::Full {
            return Some(FULL_SLEEP);
        }
        let now = self.clock.now();
        let paused = self.timers_from.map_or(Duration::ZERO, |from| from.since(now.mono));
        self.fleet.next_timeout(now).map(|timeout| timeout.max(paused))
    }

    /// Waits for messages or a timer; an empty list is a timer. None: the end.
    fn next_messages(&self, stopping: bool) -> Option<Vec<Message>> {
        let mut messages = Vec::new();
        if !stopping {
            match self.receive_first() {
                Ok(first) => messages.push(first),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        self.shared.queue_depth.fetch_sub(messages.len(), Relaxed);
        messages.extend(self.queued(MAX_BATCH - 1));
        if stopping && messages.is_empty() { None } else { Some(messages) }
    }

    fn queued(&self, at_most: usize) -> Vec<Message> {
        let messages: Vec<_> = self.inbox.try_iter().take(at_most).collect();
        self.shared.queue_depth.fetch_sub(messages.len(), Relaxed);
        messages
    }

    fn receive_first(&self) -> Result<Message, RecvTimeoutError> {
        let timeout = self.due_in().unwrap_or(MAX_SLEEP);
        self.inbox.recv_timeout(timeout.min(MAX_SLEEP))
    }

    /// Decides, commits, answers. Says whether it is time to stop.
    fn batch(&mut self, messages: Vec<Message>) -> Result<bool, Ended> {
        let now = self.clock.now();
        let mut batch = match self.decide(now, messages) {
            Ok(batch) => batch,
            Err(error) => return Err(self.end(&error)),
        };
        let (stop, prunes) = (batch.stop, std::mem::take(&mut batch.prunes));
        self.shared.counters.batches.fetch_add(1, Relaxed);
        self.finish(now, batch)?;
        for (prune, respond) in prunes {
            self.prune(&prune, respond)?;
        }
        Ok(stop)
    }

    /// A transaction of its own, once those who wait have their answers.
    fn prune(&mut self, prune: &Prune, respond: PruneRespond) -> Result<(), Ended> {
        match self.store.prune(prune) {
            Ok(pruned) => respond(Ok(pruned)),
            Err(StoreError::Full) => {
                self.storage_full(Vec::new(), Vec::new())?;
                respond(Err(ExecuteError::StorageFull));
            }
            Err(error) => return Err(self.end(&error)),
        }
        Ok(())
    }

    fn decide(&mut self, now: Now, messages: Vec<Message>) -> Result<Batch, StoreError> {
        let was_full = self.shared.space.room() == Room::Full;
        let room = self.space.look(now);
        if was_full && room != Room::Full {
            self.fleet.thaw(now);
        }
        let mut batch = Batch::default();
        for message in messages {
            match message {
                Message::Execute(command, respond) => {
                    let found = self.find(&command, &batch.events)?;
                    let (events, answer) = gate::handle(&mut self.fleet, now, *command, &found, room);
                    batch.events.extend(events);
                    batch.answers.push((respond, answer));
                }
                Message::Look(look) => batch.looks.push(look),
                Message::Frame(_, _, respond) if room > Room::Enough => {
                    batch.answers.push((respond, Err(ExecuteError::StorageFull)));
                }
                Message::Frame(machine, frame, respond) => {
                    if self.fleet.machine(machine).is_some() {
                        batch.frames.push((machine, frame));
                    }
                    batch.answers.push((respond, Ok(Reply::Done)));
                }
                Message::Prune(_, respond) if room == Room::Full => respond(Err(ExecuteError::StorageFull)),
                Message::Prune(prune, respond) => batch.prunes.push((prune, respond)),
                Message::Stop => batch.stop = true,
            }
        }
        batch.events.extend(self.by_itself(now, room));
        // What settled in this batch is in memory until its rows are taken.
        for (_, answer) in &mut batch.answers {
            if let Ok(reply) = answer {
                *reply = self.fleet.refresh(std::mem::replace(reply, Reply::Done));
            }
        }
        Ok(batch)
    }

    /// Timers and placement. On a full disk timers stand still, and no job starts on one that is low.
    fn by_itself(&mut self, now: Now, room: Room) -> Vec<Event> {
        let mut events = Vec::new();
        let timers_rest = room == Room::Full || self.timers_from.is_some_and(|from| now.mono < from);
        if !timers_rest && self.fleet.next_timeout(now).is_some_and(|timeout| timeout.is_zero()) {
            events.extend(self.fleet.handle(now, Command::Tick, &Found::default()).events);
        }
        if room == Room::Enough {
            events.extend(self.fleet.place(now));
        }
        events
    }

    /// Reads what a command needs from the store, and what earlier commands of this batch stored but have not committed yet.
    fn find(&self, command: &Command, earlier: &[Event]) -> Result<Found, StoreError> {
        let needs = needs(&self.fleet, command);
        let mut found = self.reader.find(&needs)?;
        for need in needs {
            let Need::Version { kind, name, version } = need else { continue };
            let stored = earlier.iter().rev().filter_map(stored_version);
            let mut fits = stored.filter(|row| row.kind() == kind && row.name == name && row.version == version);
            if let Some(row) = fits.next() {
                found.versions.insert((kind, name, version), row.clone());
            }
        }
        Ok(found)
    }

    fn finish(&mut self, now: Now, batch: Batch) -> Result<(), Ended> {
        let Batch { events, mut answers, looks, frames, prunes: _, stop: _ } = batch;
        if is_on(Mutant::AnswerBeforeCommit) {
            answers.drain(..).for_each(|(respond, answer)| respond(answer, &self.fleet, now));
        }
        let durable = events.iter().filter(|event| event.is_durable() && !is_forgotten(event));
        let events_logged =
            durable.map(|event| NewEvent { subject: subject(&self.fleet, event), event: event.clone() }).collect();
        let transaction = Transaction { writes: self.fleet.take_writes(), events: events_logged, frames };
        match self.commit(&transaction) {
            Ok(()) => {}
            Err(StoreError::Full) if is_on(Mutant::GoOnAfterFull) => {}
            Err(StoreError::Full) => return self.storage_full(answers, looks),
            Err(error) => return Err(self.end(&error)),
        }
        self.publish(&transaction);
        let (commands, asked) = (answers.len() as u64, looks.len() as u64);
        for (respond, answer) in answers {
            if matches!(answer, Err(ExecuteError::Refused(_))) {
                self.shared.counters.refusals.fetch_add(1, Relaxed);
            }
            respond(answer, &self.fleet, now);
        }
        for look in looks {
            look(&self.fleet, now);
        }
        self.shared.counters.commands.fetch_add(commands + asked, Relaxed);
        self.wake(&events);
        Ok(())
    }

    /// A batch that changed nothing makes no transaction: all it may tell is committed already.
    fn commit(&mut self, transaction: &Transaction) -> Result<(), StoreError> {
        if transaction.is_empty() {
            return Ok(());
        }
        let stopwatch = Stopwatch::start();
        self.store.commit(transaction)?;
        self.shared.counters.committed(stopwatch.elapsed());
        self.timers_from = None;
        Ok(())
    }

    /// What others see without asking: first who may ask at all.
    fn publish(&self, transaction: &Transaction) {
        let published = &self.shared.published;
        if published.read().unwrap_or_else(PoisonError::into_inner).concerns(&transaction.writes) {
            published.write().unwrap_or_else(PoisonError::into_inner).apply(&transaction.writes);
        }
        if may_be_due(&transaction.writes) {
            self.shared.outbox.send_modify(|changes| *changes += 1);
        }
        if !transaction.events.is_empty() {
            self.shared.newest_event.send_replace(self.store.newest_event());
        }
    }

    fn wake(&self, events: &[Event]) {
        let mut wakes = Wakes::default();
        for event in events {
            event.wakes(&mut wakes);
        }
        let progressed = events.iter().filter_map(|event| event.subjects().job).map(Key::Progress);
        self.shared.waiters.wake(wakes.iter().filter_map(Key::of).chain(progressed));
        if events.iter().any(changes_apps) {
            self.shared.waiters.wake_all_machines();
        }
    }

    /// Nothing of the batch happened: its commands are told so, and the state is what is on disk.
    fn storage_full(
        &mut self,
        answers: Vec<(Respond, Result<Reply, ExecuteError>)>,
        looks: Vec<Look>,
    ) -> Result<(), Ended> {
        self.space.found_full();
        self.shared.counters.storage_full.fetch_add(1, Relaxed);
        let rows = loop {
            match self.store.reopen().and_then(|()| self.store.load()) {
                Ok(rows) => break rows,
                // Opening may have to write too. Those who wait get their answer as soon as it works.
                Err(StoreError::Full) => (self.pause)(FULL_PAUSE),
                Err(error) => return Err(self.end(&error)),
            }
        };
        let now = self.clock.now();
        self.fleet = Fleet::load(self.settings.clone(), rows, now);
        self.timers_from = Some(now.mono.saturating_add(FULL_PAUSE));
        *self.shared.published.write().unwrap_or_else(PoisonError::into_inner) = Published::from_fleet(&self.fleet);
        for (respond, _) in answers {
            respond(Err(ExecuteError::StorageFull), &self.fleet, now);
        }
        for look in looks {
            look(&self.fleet, now);
        }
        self.shared.reloads.send_modify(|reloads| *reloads += 1);
        Ok(())
    }

    /// What is durable is not known, so nothing may be told any more: the next start loads what is.
    fn end(&self, error: &StoreError) -> Ended {
        (self.fatal)(&error.to_string());
        Ended
    }
}

/// See [`Mutant::ForgetTheLog`].
fn is_forgotten(event: &Event) -> bool {
    is_on(Mutant::ForgetTheLog) && matches!(event.fact, Fact::JobSucceeded { .. } | Fact::JobFailed { .. })
}

fn stored_version(event: &Event) -> Option<&crate::fleet::DocumentVersion> {
    match &event.fact {
        Fact::WorkflowStored { document } | Fact::AppStored { document } | Fact::PoolStored { document } => {
            document.version.as_deref()
        }
        _ => None,
    }
}

/// Whether the apps that idle machines watch may be other ones now.
fn changes_apps(event: &Event) -> bool {
    matches!(event.fact, Fact::AppStored { .. } | Fact::PoolStored { .. } | Fact::DocumentDeleted { .. })
}

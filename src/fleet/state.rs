//! The state: open work in memory, indexed by what decisions ask for.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use super::{
    Decision, apply,
    batch::Batch,
    command::Command,
    concurrency::{Key, KeyId},
    decide,
    dirty::Dirty,
    document::{DEFAULT_POOL, DocumentHead, DocumentKind},
    event::Event,
    fairness::Turns,
    index::Index,
    job::{Job, JobState, Phase, Run},
    lease::LeaseState,
    machine::Machine,
    outbox::Outbox,
    pace::Pace,
    presence::Presence,
    queue::Queue,
    refusal::Refusal,
    rows::{Found, Meta, Rows, Write},
    settings::Settings,
    subscriber::Target,
    timers::{MonoTimer, Timers, WallTimer},
    token::{JoinToken, Token},
};
use crate::mutant::{Mutant, is_on};
use crate::{
    ids::{BatchId, Digest, JobId, JoinTokenId, MachineId, MachineName, Name, TokenId},
    time::{Mono, Now, Timestamp},
};

/// Everything that is open or registered. Settled jobs are not in it.
#[derive(Debug, Clone)]
pub struct Fleet {
    pub(super) settings: Settings,
    pub(super) meta: Meta,
    pub(super) jobs: BTreeMap<JobId, Job>,
    pub(super) batches: BTreeMap<BatchId, Batch>,
    pub(super) machines: BTreeMap<MachineId, Machine>,
    /// Deleted ones too: their versions go on counting.
    pub(super) documents: BTreeMap<(DocumentKind, Name), DocumentHead>,
    pub(super) tokens: BTreeMap<TokenId, Token>,
    pub(super) join_tokens: BTreeMap<JoinTokenId, JoinToken>,
    /// Where live channels send.
    pub(super) targets: BTreeMap<Name, Arc<Target>>,
    pub(super) outbox: Outbox,
    /// Number of the newest event.
    pub(super) seq: u64,
    pub(super) links: BTreeMap<MachineId, Link>,
    pub(super) index: Index,
    pub(super) queue: Queue,
    pub(super) keys: BTreeMap<KeyId, Key>,
    pub(super) turns: Turns,
    pub(super) pace: Pace,
    pub(super) mono_timers: Timers<Mono, MonoTimer>,
    pub(super) wall_timers: Timers<Timestamp, WallTimer>,
    /// Until when machines that were told to stop may renew their leases.
    pub(super) stops: BTreeMap<MachineId, Mono>,
    /// Since when, at the latest, nobody acts on the open intents of jobs any more.
    pub(super) unsettled: BTreeMap<JobId, Mono>,
    /// Machines that turned a job down lately.
    pub(super) cooling: BTreeMap<JobId, BTreeSet<MachineId>>,
    pub(super) fit: Unchecked,
    pub(super) dirty: Dirty,
    recent: Recent,
    /// When the last event was applied: not long ago, machines are heard all the time.
    pub(super) mono: Mono,
}

/// What only the connection says of a machine.
#[derive(Debug, Clone, Default)]
pub(super) struct Link {
    pub(super) online: bool,
    pub(super) last_seen: Option<Timestamp>,
    /// The same, as far as this run of the controller goes.
    pub(super) heard: Option<Mono>,
    pub(super) skew_ms: Option<i64>,
    pub(super) presence: Presence,
}

/// What settled before the last `take_writes`, and is in the store by now.
#[derive(Debug, Clone, Default)]
struct Recent {
    jobs: BTreeMap<JobId, Job>,
    batches: BTreeMap<BatchId, Batch>,
}

/// What has changed since placement last looked at all requirements.
#[derive(Debug, Clone, Default)]
pub(super) struct Unchecked {
    /// Machines, labels, pools, pauses: what decides whether something fits at all.
    pub(super) structure: bool,
    /// Machines that may now take what was turned down.
    pub(super) machines: BTreeSet<MachineId>,
}

impl Fleet {
    /// From the rows of the store. Every live lease, offered ones too, gets a full TTL; machines are offline until they are heard.
    pub fn load(settings: Settings, rows: Rows, now: Now) -> Self {
        let outbox = Outbox::load(rows.pending, now.wall.max(rows.meta.wall), settings.max_pending_messages);
        let targets = rows.targets.into_iter().map(|row| (row.channel, Arc::new(row.target))).collect();
        let mut fleet = Self {
            settings,
            meta: rows.meta,
            jobs: BTreeMap::new(),
            batches: rows.batches.into_iter().map(|batch| (batch.id, batch)).collect(),
            machines: BTreeMap::new(),
            documents: rows.heads.into_iter().map(|head| ((head.kind(), head.name.clone()), head)).collect(),
            tokens: rows.tokens.into_iter().map(|token| (token.id, token)).collect(),
            join_tokens: rows.join_tokens.into_iter().map(|token| (token.id, token)).collect(),
            targets,
            outbox,
            seq: rows.newest_event,
            links: BTreeMap::new(),
            index: Index::default(),
            queue: Queue::default(),
            keys: BTreeMap::new(),
            turns: Turns::default(),
            pace: Pace::default(),
            mono_timers: Timers::default(),
            wall_timers: Timers::default(),
            stops: BTreeMap::new(),
            unsettled: BTreeMap::new(),
            cooling: BTreeMap::new(),
            fit: Unchecked { structure: true, machines: BTreeSet::new() },
            dirty: Dirty::default(),
            recent: Recent::default(),
            mono: now.mono,
        };
        if is_on(Mutant::ReuseEpochs) {
            fleet.meta.epoch = fleet.meta.epoch.saturating_sub(2);
        }
        fleet.index.tokens = fleet.tokens.values().map(|token| (token.digest, token.id)).collect();
        fleet.index.join_tokens = fleet.join_tokens.values().map(|token| (token.digest, token.id)).collect();
        for batch in fleet.batches.values().cloned().collect::<Vec<_>>() {
            fleet.remember_batch(&batch);
        }
        for machine in rows.machines {
            let id = machine.id;
            let link = Link { last_seen: machine.last_seen, ..Link::default() };
            fleet.links.insert(id, link);
            fleet.insert_machine(machine);
            fleet.grant_anew(id, now);
        }
        for job in rows.jobs {
            fleet.load_job(job, now);
        }
        fleet
    }

    fn load_job(&mut self, job: Job, now: Now) {
        self.expect_anew(&job, now);
        let live = job.run().map(|run| run.attempt);
        if job.journal.intent.as_ref().is_some_and(|intent| Some(intent.attempt) != live) {
            self.unsettled.insert(job.id, now.mono);
        }
        self.insert_job(job);
    }

    /// An attempt may act for as long as its lease goes on, however long ago its intent was recorded. Attempts that did not find out
    /// what became of it change nothing.
    pub(super) fn note_unsettled(&mut self, job: JobId, now: Mono) {
        if self.jobs.get(&job).is_some_and(|job| job.journal.intent.is_some()) {
            self.unsettled.entry(job).or_insert(now);
        }
    }

    /// Nothing could be written for a while: what lapsed meanwhile lapsed by no fault of an agent, whose reports were not taken. All
    /// that counts against one begins anew, as after a restart.
    pub fn thaw(&mut self, now: Now) {
        for machine in self.machines.keys().copied().collect::<Vec<_>>() {
            self.grant_anew(machine, now);
        }
        let running = self.jobs.values().filter(|job| job.run().is_some()).cloned();
        for job in running.collect::<Vec<_>>() {
            self.expect_anew(&job, now);
        }
    }

    /// A full TTL, for an offer too; and to an agent that is to stop all the time it may take.
    fn grant_anew(&mut self, machine: MachineId, now: Now) {
        let lease = self.machines.get(&machine).and_then(|machine| machine.lease.as_ref());
        let Some(state) = lease.map(|lease| lease.state) else { return };
        if matches!(state, LeaseState::Revoking { .. }) {
            self.stops.insert(machine, now.mono.saturating_add(self.settings.stop_grace));
        }
        let end = if is_on(Mutant::GrantNoTtlAfterRestart) { now.mono } else { self.lease_end(now.mono) };
        self.mono_timers.set(MonoTimer::Lease(machine), end);
    }

    /// When the attempt of a running job has to have got on, or ended.
    fn expect_anew(&mut self, job: &Job, now: Now) {
        // One that is being stopped has a limit already.
        let held = |run: &Run| {
            let lease = self.machines.get(&run.machine).and_then(|machine| machine.lease.as_ref());
            lease.is_some_and(|lease| matches!(lease.state, LeaseState::Held { .. }))
        };
        let JobState::Running(run) = job.state else { return };
        if run.phase == Phase::Offered || !held(&run) {
            return;
        }
        let attempt = job.attempt(run.attempt);
        let settings = &self.settings;
        let quiet = if run.phase == Phase::Accepted {
            settings.prepare_limit
        } else {
            let started = attempt.and_then(|attempt| attempt.started_at).unwrap_or(now.wall);
            let limit = Duration::from_millis(job.spec.timeout_ms);
            // The agent may have ended it at its limit while nobody could be told.
            let left = limit.saturating_sub(now.wall.since(started)).saturating_add(settings.timeout_grace);
            self.mono_timers.set(MonoTimer::Attempt(job.id), now.mono.saturating_add(left));
            Duration::from_millis(attempt.map_or(0, |attempt| attempt.quiet_ms)).saturating_add(settings.stuck_grace)
        };
        // Whole again, like the lease: nobody knows what was told meanwhile.
        self.mono_timers.set(MonoTimer::Progress(job.id), now.mono.saturating_add(quiet));
    }

    /// When a lease granted or renewed now lapses here: later than at the agent.
    pub(super) fn lease_end(&self, now: Mono) -> Mono {
        if is_on(Mutant::SkipTheSweep) {
            return now.saturating_add(Duration::from_secs(86_400));
        }
        now.saturating_add(self.settings.ttl).saturating_add(self.settings.ttl_margin)
    }

    /// The wall clock as the fleet goes by it: never backwards. Where the system's was set back, it goes on at the pace of the
    /// monotonic one, so that start times and waits still come.
    pub(super) fn steady(&self, now: Now) -> Now {
        if is_on(Mutant::LetTheClockRunBack) {
            return now;
        }
        let passed = now.mono.since(self.mono);
        Now { wall: now.wall.max(self.meta.wall.saturating_add(passed)), mono: now.mono }
    }

    /// Decides a command and applies its events.
    pub fn handle(&mut self, now: Now, command: Command, found: &Found) -> Decision {
        let decision = decide(self, now, command, found);
        self.apply_all(&decision.events);
        decision
    }

    pub(super) fn apply_all(&mut self, events: &[Event]) {
        for event in events {
            apply(self, event);
        }
    }

    /// The rows that changed since the last call, each once, as they are now. To be committed in one transaction.
    pub fn take_writes(&mut self) -> Vec<Write> {
        let dirty = std::mem::take(&mut self.dirty);
        self.recent = Recent { jobs: dirty.settled.jobs.clone(), batches: dirty.settled.batches.clone() };
        dirty.into_writes(self)
    }

    /// How long nothing happens by itself: zero where a timer is due, None where there is no timer.
    pub fn next_timeout(&self, now: Now) -> Option<Duration> {
        let mono = self.mono_timers.next().map(|due| due.since(now.mono));
        let wall = self.wall_timers.next().map(|due| due.since(self.steady(now).wall));
        let full = self.outbox.full().next().map(|_| Duration::ZERO);
        [mono, wall, full].into_iter().flatten().min()
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    pub fn meta(&self) -> &Meta {
        &self.meta
    }

    /// An open job; or one that settled lately: until the next but one `take_writes`, so that answers can still show it.
    pub fn job(&self, id: JobId) -> Option<&Job> {
        let settled = || self.dirty.settled.jobs.get(&id).or_else(|| self.recent.jobs.get(&id));
        self.jobs.get(&id).or_else(settled)
    }

    /// Open ones.
    pub fn jobs(&self) -> impl Iterator<Item = &Job> {
        self.jobs.values()
    }

    /// An open batch; or one that settled lately, as with jobs.
    pub fn batch(&self, id: BatchId) -> Option<&Batch> {
        let settled = || self.dirty.settled.batches.get(&id).or_else(|| self.recent.batches.get(&id));
        self.batches.get(&id).or_else(settled)
    }

    pub fn machine(&self, id: MachineId) -> Option<&Machine> {
        self.machines.get(&id)
    }

    pub fn machine_named(&self, name: &MachineName) -> Option<&Machine> {
        self.machines.get(self.index.machine_names.get(name)?)
    }

    /// The machine that may use this certificate.
    pub fn machine_by_certificate(&self, certificate: &Digest) -> Option<&Machine> {
        self.machines.get(self.index.certificates.get(certificate)?)
    }

    /// Stored and not deleted.
    pub fn document(&self, kind: DocumentKind, name: &Name) -> Option<&DocumentHead> {
        self.documents.get(&(kind, name.clone())).filter(|head| head.is_live())
    }

    pub fn documents(&self, kind: DocumentKind) -> impl Iterator<Item = &DocumentHead> {
        self.documents.values().filter(move |head| head.kind() == kind && head.is_live())
    }

    /// The default pool exists whether it is stored or not.
    pub fn pool_exists(&self, pool: &Name) -> bool {
        pool.as_str() == DEFAULT_POOL || self.document(DocumentKind::Pool, pool).is_some()
    }

    pub fn token(&self, id: TokenId) -> Option<&Token> {
        self.tokens.get(&id)
    }

    /// Only if it has not expired.
    pub fn token_by_digest(&self, digest: &Digest, now: Now) -> Option<&Token> {
        let token = self.tokens.get(self.index.tokens.get(digest)?)?;
        token.is_valid(self.steady(now).wall).then_some(token)
    }

    pub fn tokens(&self) -> impl Iterator<Item = &Token> {
        self.tokens.values()
    }

    pub fn join_tokens(&self) -> impl Iterator<Item = &JoinToken> {
        self.join_tokens.values()
    }

    /// Only if it may still be used. For checking before a certificate is made; joining checks again.
    pub fn join_token_by_digest(&self, digest: &Digest, now: Now) -> Result<&JoinToken, Refusal> {
        let found = self.index.join_tokens.get(digest).and_then(|id| self.join_tokens.get(id));
        found.filter(|token| token.is_valid(self.steady(now).wall)).ok_or_else(|| {
            Refusal::Unauthorized(
                "this join token is unknown, expired or used up: ask an admin for a new one (`deskfleet join-token create`)"
                    .to_owned(),
            )
        })
    }
}

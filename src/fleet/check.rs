//! The invariants, over the whole state. Tests ask after every command, `deskfleet check` asks of a store.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    attempt::Effect,
    batch::Counts,
    job::{Job, JobState, Phase},
    lease::LeaseState,
    machine::Machine,
    queue::{Class, Order, Queue},
    rows::Rows,
    state::Fleet,
    subscriber::TargetRow,
    timers::{MonoTimer, WallTimer},
};
use crate::{
    ids::{AttemptId, BatchId, Epoch, Name},
    time::Now,
};

impl Fleet {
    /// Everything that is not as it must be, in sentences. Empty when all is well.
    pub fn check(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for job in self.jobs.values() {
            self.check_job(job, &mut wrong);
        }
        for machine in self.machines.values() {
            self.check_machine(machine, &mut wrong);
        }
        self.check_epochs(&mut wrong);
        self.check_batches(&mut wrong);
        self.check_timers(&mut wrong);
        self.check_indexes(&mut wrong);
        self.outbox.check(&mut wrong);
        wrong
    }

    /// A running job has exactly one lease, which says the same of it; any other has none.
    fn check_job(&self, job: &Job, wrong: &mut Vec<String>) {
        let id = job.id;
        if job.is_settled() {
            wrong.push(format!("{id} is settled and still in memory"));
        }
        check_journal(job, wrong);
        let live: Vec<_> = job.attempts.iter().filter(|attempt| attempt.outcome.is_none()).collect();
        let Some(run) = job.run() else {
            if !live.is_empty() {
                wrong.push(format!("{id} does not run but has a live attempt"));
            }
            if matches!(job.state, JobState::Queued) && job.queued_at.is_none() {
                wrong.push(format!("{id} is queued since never"));
            }
            return;
        };
        if live.len() != 1 || live[0].id != run.attempt || live[0].epoch != run.epoch {
            wrong.push(format!("{id} runs, but its live attempt is not the one it runs"));
        }
        if job.attempts.last().map(|attempt| attempt.id) != Some(run.attempt) {
            wrong.push(format!("{id} runs in an attempt that is not its last"));
        }
        let lease = self.machines.get(&run.machine).and_then(|machine| machine.lease.as_ref());
        let Some(lease) = lease else {
            wrong.push(format!("{id} runs on a machine that has no lease"));
            return;
        };
        if (lease.job(), lease.attempt(), lease.epoch) != (id, run.attempt, run.epoch) {
            wrong.push(format!("{id} runs on a machine whose lease is for {} at {}", lease.job(), lease.epoch));
        }
        if (lease.state == LeaseState::Offered) != (run.phase == Phase::Offered) {
            wrong.push(format!("{id} is {:?} while its lease is {:?}", run.phase, lease.state));
        }
    }

    fn check_machine(&self, machine: &Machine, wrong: &mut Vec<String>) {
        let name = &machine.name;
        if let Some(lease) = &machine.lease {
            let job = self.jobs.get(&lease.job());
            if job.and_then(Job::run).is_none_or(|run| run.machine != machine.id || run.epoch != lease.epoch) {
                wrong.push(format!("machine {name} has a lease for {}, which does not run there", lease.job()));
            }
        }
        if machine.certificates.is_empty() {
            wrong.push(format!("machine {name} has no certificate"));
        }
        if !self.links.contains_key(&machine.id) {
            wrong.push(format!("machine {name} has no link"));
        }
        if self.index.free.contains(&machine.id) != self.is_free(machine) {
            wrong.push(format!("machine {name} is wrongly listed as free or not free"));
        }
    }

    /// Each lease ever given has its own epoch, and none is ahead of the counter.
    fn check_epochs(&self, wrong: &mut Vec<String>) {
        let newest = Epoch { generation: self.meta.generation, counter: self.meta.epoch };
        let mut seen: BTreeMap<Epoch, AttemptId> = BTreeMap::new();
        for attempt in self.jobs.values().flat_map(|job| &job.attempts) {
            if seen.insert(attempt.epoch, attempt.id).is_some() {
                wrong.push(format!("epoch {} was given twice", attempt.epoch));
            }
            if attempt.epoch > newest {
                wrong.push(format!("epoch {} is ahead of the counter, {newest}", attempt.epoch));
            }
        }
        for job in self.jobs.values() {
            if !job.attempts.is_sorted_by(|a, b| a.epoch < b.epoch && a.number < b.number) {
                wrong.push(format!("the attempts of {} are not in the order of their epochs", job.id));
            }
        }
    }

    fn check_batches(&self, wrong: &mut Vec<String>) {
        let mut open: BTreeMap<BatchId, Counts> = BTreeMap::new();
        for job in self.jobs.values() {
            if let Some(batch) = job.spec.batch {
                open.entry(batch).or_default().add(job.name_of_state());
            }
        }
        for batch in self.batches.values() {
            let counted = open.remove(&batch.id).unwrap_or_default();
            if counted.open() == 0 {
                wrong.push(format!("{} has no open job and is still in memory", batch.id));
            }
            if !batch.counts.open_equals(&counted) {
                wrong.push(format!("{} counts other jobs than it has", batch.id));
            }
            if batch.max_running.is_some_and(|max| batch.counts.running() > max) {
                wrong.push(format!("{} runs more jobs than it may", batch.id));
            }
        }
        wrong.extend(open.keys().map(|batch| format!("{batch} has open jobs and is not in memory")));
    }

    fn check_timers(&self, wrong: &mut Vec<String>) {
        for timer in self.mono_timers.keys() {
            let meant = match timer {
                MonoTimer::Lease(id) => self.machines.get(&id).is_some_and(|machine| machine.lease.is_some()),
                MonoTimer::Offline(id) => self.links.get(&id).is_some_and(|link| link.online),
                MonoTimer::Attempt(id) => {
                    let run = self.jobs.get(&id).and_then(Job::run);
                    run.is_some_and(|run| run.phase.has_started())
                }
                MonoTimer::Progress(id) => {
                    let run = self.jobs.get(&id).and_then(Job::run);
                    run.is_some_and(|run| run.phase != Phase::Offered)
                }
                MonoTimer::CoolDown(job, machine) => {
                    self.jobs.contains_key(&job)
                        && self.cooling.get(&job).is_some_and(|machines| machines.contains(&machine))
                }
            };
            if !meant {
                wrong.push(format!("{timer:?} is for nothing"));
            }
        }
        for machine in self.machines.values().filter(|machine| machine.lease.is_some()) {
            let stops = machine.lease.as_ref().is_some_and(|lease| matches!(lease.state, LeaseState::Revoking { .. }));
            if stops != self.stops.contains_key(&machine.id) {
                wrong.push(format!(
                    "machine {} is told to stop without an end of it, or the other way round",
                    machine.name
                ));
            }
            if self.mono_timers.get(MonoTimer::Lease(machine.id)).is_none() {
                wrong.push(format!("the lease of machine {} never lapses", machine.name));
            }
        }
        for (id, _) in self.links.iter().filter(|(_, link)| link.online) {
            if self.mono_timers.get(MonoTimer::Offline(*id)).is_none() {
                wrong.push(format!("{id} never goes offline"));
            }
        }
        for job in self.jobs.values() {
            let due = self.wall_timers.get(WallTimer::Due(job.id));
            let scheduled = match job.state {
                JobState::Scheduled { due } => Some(due),
                _ => None,
            };
            if due != scheduled {
                wrong.push(format!("{} is due at {due:?} instead of {scheduled:?}", job.id));
            }
        }
    }

    /// Indexes are what a fresh start would make of the rows.
    fn check_indexes(&self, wrong: &mut Vec<String>) {
        let fresh = Self::load(self.settings.clone(), self.rows(), Now { wall: self.meta.wall, ..Now::default() });
        let (mine, anew) = (&self.index, &fresh.index);
        let mut same = |what: &str, equal: bool| {
            if !equal {
                wrong.push(format!("the index of {what} is not what the rows say"));
            }
        };
        same("machine names", mine.machine_names == anew.machine_names);
        same("certificates", mine.certificates == anew.certificates);
        same("machines of pools", mine.pool_machines == anew.pool_machines);
        same("tokens", mine.tokens == anew.tokens);
        same("join tokens", mine.join_tokens == anew.join_tokens);
        same("jobs of workflows", mine.workflow_jobs == anew.workflow_jobs);
        same("jobs of batches", mine.batch_jobs == anew.batch_jobs);
        same("keys", mine.unique_keys == anew.unique_keys);
        same("idempotency keys", mine.idempotency == anew.idempotency);
        same("blocked jobs", self.queue.blocked == fresh.queue.blocked);
        same("queued jobs", queued(&self.queue) == queued(&fresh.queue));
        same("queued jobs' number", queued(&self.queue).len() == self.queued_jobs());
        self.check_concurrency(&fresh, wrong);
    }

    fn queued_jobs(&self) -> usize {
        self.jobs.values().filter(|job| job.state == JobState::Queued).count()
    }

    /// The rows of all open work, as a store would hand them back.
    pub fn rows(&self) -> Rows {
        Rows {
            meta: self.meta.clone(),
            jobs: self.jobs.values().cloned().collect(),
            batches: self.batches.values().cloned().collect(),
            machines: self.machines.values().cloned().collect(),
            heads: self.documents.values().cloned().collect(),
            tokens: self.tokens.values().cloned().collect(),
            join_tokens: self.join_tokens.values().cloned().collect(),
            targets: self
                .targets
                .iter()
                .map(|(channel, target)| TargetRow { channel: channel.clone(), target: (**target).clone() })
                .collect(),
            pending: self.outbox.rows(),
            newest_event: self.seq,
        }
    }
}

/// At most one commit is open, everybody says the same of it, and what is done is never begun again.
fn check_journal(job: &Job, wrong: &mut Vec<String>) {
    let (id, journal, run) = (job.id, &job.journal, job.run());
    let committing = run.filter(|run| run.phase == Phase::Committing).map(|run| run.attempt);
    let open = journal.intent.as_ref().map(|intent| intent.attempt);
    if committing != open.filter(|attempt| run.is_some_and(|run| run.attempt == *attempt)) {
        wrong.push(format!("{id} is committing in {committing:?}, and its open intent is of {open:?}"));
    }
    for attempt in &job.attempts {
        let settled_by_a_person = !job.reviews.is_empty();
        if attempt.effect == Effect::Unknown && open != Some(attempt.id) && !settled_by_a_person {
            wrong.push(format!("{id} forgot what {} may have done", attempt.id));
        }
    }
    if open.is_some_and(|open| job.attempt(open).is_none_or(|attempt| attempt.effect != Effect::Unknown)) {
        wrong.push(format!("{id} has an open intent, and its attempt an effect that is known"));
    }
    if run.is_some_and(|run| run.phase.has_started()) {
        return;
    }
    match &journal.intent {
        Some(intent) if !intent.can_settle => {
            wrong.push(format!("{id} is to go on, and nobody can find out what its commit did"));
        }
        None if journal.settle_only => wrong.push(format!("{id} is to settle nothing")),
        None if !journal.done.is_empty() && job.reviews.is_empty() => {
            wrong.push(format!("{id} has done a commit and is to run again"));
        }
        Some(_) | None => {}
    }
    for (path, counts) in &journal.loops {
        if counts.done + counts.failed > counts.items || counts.committed > counts.done {
            wrong.push(format!("{id} counts the loop {path} wrongly: {counts:?}"));
        }
    }
}

fn queued(queue: &Queue) -> BTreeSet<(&Class, &Name, Order)> {
    let classes = queue.classes.iter().chain(&queue.held);
    let teams = classes.flat_map(|(class, teams)| teams.iter().map(move |(team, orders)| (class, team, orders)));
    teams.flat_map(|(class, team, orders)| orders.iter().map(move |order| (class, team, *order))).collect()
}

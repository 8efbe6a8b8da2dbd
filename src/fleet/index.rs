//! What is looked up by something else than its id. Derived from the rows; `check` proves it.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    dirty::{IdempotencyId, Remembered},
    job::{IdempotencyKey, Job, JobState, Place},
    machine::{Machine, ModeName, Session},
    queue::{Class, Order},
    rows::Made,
    state::Fleet,
    timers::{MonoTimer, WallTimer},
};
use crate::ids::{BatchId, Digest, JobId, JoinTokenId, MachineId, MachineName, Name, TokenId};
use crate::mutant::{Mutant, is_on};

#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    pub(super) machine_names: BTreeMap<MachineName, MachineId>,
    pub(super) certificates: BTreeMap<Digest, MachineId>,
    pub(super) pool_machines: BTreeMap<Name, BTreeSet<MachineId>>,
    /// May take a lease, as far as the machine alone is concerned.
    pub(super) free: BTreeSet<MachineId>,
    pub(super) tokens: BTreeMap<Digest, TokenId>,
    pub(super) join_tokens: BTreeMap<Digest, JoinTokenId>,
    pub(super) workflow_jobs: BTreeMap<Name, BTreeSet<JobId>>,
    pub(super) batch_jobs: BTreeMap<BatchId, BTreeSet<JobId>>,
    pub(super) unique_keys: BTreeMap<(Name, String), JobId>,
    pub(super) idempotency: BTreeMap<IdempotencyId, Remembered>,
}

pub(super) fn idempotency_id(key: &IdempotencyKey) -> IdempotencyId {
    (key.token, key.route.clone(), key.key.clone())
}

fn put<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeSet<V>>, key: K, value: V) {
    map.entry(key).or_default().insert(value);
}

fn take<K: Ord, V: Ord>(map: &mut BTreeMap<K, BTreeSet<V>>, key: &K, value: &V) {
    if let Some(values) = map.get_mut(key) {
        values.remove(value);
        if values.is_empty() {
            map.remove(key);
        }
    }
}

impl Fleet {
    pub(super) fn class_of(&self, job: &Job) -> Class {
        let batch = job.spec.batch.and_then(|id| self.batches.get(&id));
        Class::of(job, batch.filter(|batch| batch.max_running.is_some()).map(|batch| batch.id))
    }

    pub(super) fn order_of(&self, job: &Job) -> Order {
        Order::of(job, self.settings.ageing_placements)
    }

    /// Puts an open job where it belongs.
    pub(super) fn insert_job(&mut self, job: Job) {
        let spec = &job.spec;
        put(&mut self.index.workflow_jobs, spec.workflow.clone(), job.id);
        if let Some(batch) = spec.batch {
            put(&mut self.index.batch_jobs, batch, job.id);
        }
        if let Some(key) = &spec.key {
            self.index.unique_keys.insert((spec.workflow.clone(), key.clone()), job.id);
        }
        if let Some(key) = &spec.idempotency {
            let remembered = Remembered { body: key.body, made: Made::Job(job.id) };
            self.index.idempotency.insert(idempotency_id(key), remembered);
        }
        if let (Some(deadline), None) = (spec.deadline, &job.cancel)
            && !is_on(Mutant::IgnoreDeadlines)
        {
            self.wall_timers.set(WallTimer::Deadline(job.id), deadline);
        }
        match &job.state {
            JobState::Scheduled { due } => self.wall_timers.set(WallTimer::Due(job.id), *due),
            JobState::Queued => self.enqueue(&job),
            JobState::Running(_) | JobState::Waiting(_) => self.occupy(&job),
            JobState::Blocked { .. } => self.queue.block(self.class_of(&job), job.id),
            _ => {}
        }
        self.jobs.insert(job.id, job);
    }

    /// The reverse of `insert_job`. Cool-downs stay until they lapse or the job settles.
    pub(super) fn extract_job(&mut self, id: JobId) -> Option<Job> {
        let job = self.jobs.remove(&id)?;
        let spec = &job.spec;
        take(&mut self.index.workflow_jobs, &spec.workflow, &id);
        if let Some(batch) = &spec.batch {
            take(&mut self.index.batch_jobs, batch, &id);
        }
        if let Some(key) = &spec.key {
            self.index.unique_keys.remove(&(spec.workflow.clone(), key.clone()));
        }
        if let Some(key) = &spec.idempotency {
            self.index.idempotency.remove(&idempotency_id(key));
        }
        self.wall_timers.clear(WallTimer::Deadline(id));
        self.wall_timers.clear(WallTimer::Due(id));
        match &job.state {
            JobState::Queued => self.dequeue(&job),
            JobState::Running(_) | JobState::Waiting(_) => self.vacate(&job),
            JobState::Blocked { .. } => {
                let class = self.class_of(&job);
                self.queue.unblock(&class, id);
            }
            _ => {}
        }
        Some(job)
    }

    pub(super) fn insert_machine(&mut self, machine: Machine) {
        self.index.machine_names.insert(machine.name.clone(), machine.id);
        for certificate in &machine.certificates {
            self.index.certificates.insert(certificate.digest, machine.id);
        }
        put(&mut self.index.pool_machines, machine.pool.clone(), machine.id);
        if self.is_free(&machine) {
            self.index.free.insert(machine.id);
        }
        self.machines.insert(machine.id, machine);
    }

    pub(super) fn extract_machine(&mut self, id: MachineId) -> Option<Machine> {
        let machine = self.machines.remove(&id)?;
        self.index.machine_names.remove(&machine.name);
        for certificate in &machine.certificates {
            self.index.certificates.remove(&certificate.digest);
        }
        take(&mut self.index.pool_machines, &machine.pool, &id);
        self.index.free.remove(&id);
        Some(machine)
    }

    /// Active, online, session open, no lease. The rest depends on the job.
    pub(super) fn is_free(&self, machine: &Machine) -> bool {
        machine.lease.is_none()
            && (machine.mode.name == ModeName::Active || is_on(Mutant::IgnoreModes))
            && machine.session == Session::Active
            && self.links.get(&machine.id).is_some_and(|link| link.online)
    }

    /// Forgets that machines turned the job down.
    pub(super) fn forget_cool_downs(&mut self, job: JobId) {
        for machine in self.cooling.remove(&job).into_iter().flatten() {
            self.mono_timers.clear(MonoTimer::CoolDown(job, machine));
        }
    }

    /// Machines that are where the job wants to run, whatever their state.
    pub(super) fn machines_at<'a>(&'a self, place: &Place) -> Box<dyn Iterator<Item = &'a Machine> + 'a> {
        match place {
            Place::Pool(pool) => {
                let ids = self.index.pool_machines.get(pool);
                Box::new(ids.into_iter().flatten().filter_map(|id| self.machines.get(id)))
            }
            Place::Machine(name) => {
                let id = self.index.machine_names.get(name);
                Box::new(id.and_then(|id| self.machines.get(id)).into_iter())
            }
        }
    }
}

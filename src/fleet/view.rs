//! What readers see: machines with what their connection says, and the fleet in numbers.

use std::{collections::BTreeMap, time::Duration};

use super::{
    job::{JobState, Place, StateName},
    machine::{Machine, Status},
    state::Fleet,
};
use crate::{
    ids::{JobId, MachineId, Name},
    time::{Now, Timestamp},
};

#[derive(Debug, Clone, PartialEq)]
pub struct MachineView {
    pub row: Machine,
    pub status: Status,
    pub job: Option<JobId>,
    pub last_seen: Option<Timestamp>,
    /// The agent's clock minus the controller's, as last heard.
    pub skew_ms: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct Summary {
    /// Open states only; every open state is there, zero or not.
    pub jobs: BTreeMap<StateName, u64>,
    /// Every status is there, zero or not.
    pub machines: BTreeMap<Status, u64>,
    /// How long the oldest of the queued jobs has waited.
    pub oldest_queued: Option<Duration>,
    pub pools: BTreeMap<Name, PoolSummary>,
    pub teams: BTreeMap<Name, TeamSummary>,
    pub paused: bool,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct PoolSummary {
    pub queued: u64,
    pub running: u64,
    pub oldest_queued: Option<Duration>,
    pub machines: BTreeMap<Status, u64>,
}

#[derive(Debug, Clone, PartialEq, Default)]
pub struct TeamSummary {
    pub queued: u64,
    pub running: u64,
    pub oldest_queued: Option<Duration>,
}

impl Fleet {
    pub fn status(&self, machine: &Machine) -> Status {
        let online = self.links.get(&machine.id).is_some_and(|link| link.online);
        match (online, &machine.lease) {
            (false, _) => Status::Offline,
            (true, Some(_)) => Status::Busy,
            (true, None) => Status::Idle,
        }
    }

    pub fn machine_view(&self, id: MachineId) -> Option<MachineView> {
        let row = self.machines.get(&id)?;
        let link = self.links.get(&id).cloned().unwrap_or_default();
        Some(MachineView {
            status: self.status(row),
            job: row.lease.as_ref().map(super::lease::Lease::job),
            last_seen: link.last_seen.or(row.last_seen),
            skew_ms: link.skew_ms,
            row: row.clone(),
        })
    }

    /// By name.
    pub fn machines(&self) -> Vec<MachineView> {
        self.index.machine_names.values().filter_map(|id| self.machine_view(*id)).collect()
    }

    /// Looks at every open job and machine.
    pub fn summary(&self, now: Now) -> Summary {
        let mut summary = Summary { paused: self.meta.paused.is_some(), ..Summary::default() };
        let open = StateName::ALL.into_iter().filter(|state| !state.is_settled());
        summary.jobs = open.map(|state| (state, 0)).collect();
        summary.machines = no_machines();
        for machine in self.machines.values() {
            let status = self.status(machine);
            *summary.machines.entry(status).or_default() += 1;
            let pool = summary.pools.entry(machine.pool.clone()).or_insert_with(empty_pool);
            *pool.machines.entry(status).or_default() += 1;
        }
        let now = self.steady(now).wall;
        for job in self.jobs.values() {
            *summary.jobs.entry(job.name_of_state()).or_default() += 1;
            let pool = match &job.spec.place {
                Place::Pool(pool) => Some(pool),
                Place::Machine(name) => self.machine_named(name).map(|machine| &machine.pool),
            };
            let pool = pool.map(|pool| summary.pools.entry(pool.clone()).or_insert_with(empty_pool));
            let team = summary.teams.entry(job.spec.team.clone()).or_default();
            match job.state {
                JobState::Queued => {
                    let waited = job.queued_at.map(|at| now.since(at));
                    summary.oldest_queued = summary.oldest_queued.max(waited);
                    team.queued += 1;
                    team.oldest_queued = team.oldest_queued.max(waited);
                    if let Some(pool) = pool {
                        pool.queued += 1;
                        pool.oldest_queued = pool.oldest_queued.max(waited);
                    }
                }
                JobState::Running(_) | JobState::Waiting(_) => {
                    team.running += 1;
                    if let Some(pool) = pool {
                        pool.running += 1;
                    }
                }
                _ => {}
            }
        }
        summary
    }

    /// How many jobs with the same requirements stand before it, 0 for the next one; None where it is not queued. Team turns
    /// may still change the order.
    pub fn queue_position(&self, job: JobId) -> Option<u64> {
        let job = self.jobs.get(&job).filter(|job| job.state == JobState::Queued)?;
        let order = self.order_of(job);
        let class = self.class_of(job);
        let teams = [&self.queue.classes, &self.queue.held].into_iter().filter_map(|jobs| jobs.get(&class));
        let before = teams.flat_map(BTreeMap::values).map(|orders| orders.range(..order).count()).sum::<usize>();
        u64::try_from(before).ok()
    }
}

fn no_machines() -> BTreeMap<Status, u64> {
    [Status::Idle, Status::Busy, Status::Offline].map(|status| (status, 0)).into()
}

fn empty_pool() -> PoolSummary {
    PoolSummary { machines: no_machines(), ..PoolSummary::default() }
}

//! How many jobs of a workflow with one key run at once, and which of the others may be placed next.
//!
//! A queued job stands in its class, where placement looks, or is held beside it. Of the jobs of one key, class and team only the
//! next one stands in the class while the key has room (and those before it that a machine has turned down lately: they may have to
//! rest). So placement costs the same however many wait for a key, and what a key frees goes to who came first.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{
    job::Job,
    limits::Checks,
    queue::{Class, Order},
    state::Fleet,
};
use crate::ids::{JobId, MachineId, Name};

/// At most `max` jobs of one workflow with this key run at once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Concurrency {
    /// None: all jobs of the workflow count together.
    pub key: Option<String>,
    pub max: u32,
}

/// Jobs that count together.
pub(super) type KeyId = (Name, Option<String>);

/// What is open under one key.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Key {
    running: u32,
    /// The limits open jobs came with, and how many came with each. Versions of a workflow may differ: the strictest counts.
    limits: BTreeMap<u32, u32>,
    lanes: BTreeMap<(Class, Name), Lane>,
}

/// Queued jobs of one key, class and team.
#[derive(Debug, Clone, Default, PartialEq)]
struct Lane {
    orders: BTreeSet<Order>,
    /// Those of them that stand in the class.
    admitted: BTreeSet<Order>,
}

impl Key {
    fn limit(&self) -> u32 {
        self.limits.keys().next().copied().unwrap_or(u32::MAX)
    }

    fn has_room(&self) -> bool {
        self.running < self.limit()
    }

    fn add(&mut self, max: u32) {
        *self.limits.entry(max).or_default() += 1;
    }

    fn subtract(&mut self, max: u32) {
        if let Some(count) = self.limits.get_mut(&max) {
            *count -= 1;
            if *count == 0 {
                self.limits.remove(&max);
            }
        }
    }
}

impl Lane {
    fn next(&self, cooling: &BTreeMap<JobId, BTreeSet<MachineId>>) -> BTreeSet<Order> {
        let mut next = BTreeSet::new();
        for order in &self.orders {
            next.insert(*order);
            if !cooling.contains_key(&order.job) {
                break;
            }
        }
        next
    }
}

fn key_of(job: &Job) -> Option<(KeyId, u32)> {
    let concurrency = job.spec.concurrency.as_ref()?;
    Some(((job.spec.workflow.clone(), concurrency.key.clone()), concurrency.max))
}

pub(super) fn check_limit(checks: &mut Checks<'_>, concurrency: &Concurrency, max_chars: usize) {
    let chars = concurrency.key.as_ref().map_or(1, |key| key.chars().count());
    if chars == 0 || chars > max_chars {
        let detail =
            format!("the workflow's concurrency key made from it has {chars} characters, 1 to {max_chars} are allowed");
        checks.fault("/input", detail);
    }
    if concurrency.max == 0 {
        checks.fault("/workflow", "its concurrency has a `max` of 0, so nothing would ever run");
    }
}

impl Fleet {
    /// A queued job takes its place.
    pub(super) fn enqueue(&mut self, job: &Job) {
        let (class, team, order) = (self.class_of(job), job.spec.team.clone(), self.order_of(job));
        let Some((id, max)) = key_of(job) else {
            self.queue.insert(class, team, order);
            return;
        };
        self.queue.hold(class.clone(), team.clone(), order);
        let key = self.keys.entry(id.clone()).or_default();
        key.add(max);
        key.lanes.entry((class, team)).or_default().orders.insert(order);
        self.admit(&id);
    }

    pub(super) fn dequeue(&mut self, job: &Job) {
        let (class, team, order) = (self.class_of(job), job.spec.team.clone(), self.order_of(job));
        self.queue.remove(&class, &team, &order);
        let Some((id, max)) = key_of(job) else { return };
        let Some(key) = self.keys.get_mut(&id) else { return };
        key.subtract(max);
        let lane = (class, team);
        if let Some(orders) = key.lanes.get_mut(&lane) {
            orders.orders.remove(&order);
            orders.admitted.remove(&order);
            if orders.orders.is_empty() {
                key.lanes.remove(&lane);
            }
        }
        self.admit(&id);
    }

    /// The job has a lease, offered or held.
    pub(super) fn occupy(&mut self, job: &Job) {
        let Some((id, max)) = key_of(job) else { return };
        let key = self.keys.entry(id.clone()).or_default();
        key.add(max);
        key.running += 1;
        self.admit(&id);
    }

    pub(super) fn vacate(&mut self, job: &Job) {
        let Some((id, max)) = key_of(job) else { return };
        let Some(key) = self.keys.get_mut(&id) else { return };
        key.subtract(max);
        key.running -= 1;
        self.admit(&id);
    }

    /// A machine has turned the job down, or it may be offered it again.
    pub(super) fn cooling_changed(&mut self, job: JobId) {
        if let Some((id, _)) = self.jobs.get(&job).and_then(key_of) {
            self.admit(&id);
        }
    }

    /// Moves jobs of the key into their classes and out of them, as its room says.
    fn admit(&mut self, id: &KeyId) {
        let Some(key) = self.keys.get_mut(id) else { return };
        let has_room = key.has_room();
        for ((class, team), lane) in &mut key.lanes {
            let next = if has_room { lane.next(&self.cooling) } else { BTreeSet::new() };
            for order in lane.admitted.difference(&next) {
                self.queue.remove(class, team, order);
                self.queue.hold(class.clone(), team.clone(), *order);
            }
            for order in next.difference(&lane.admitted) {
                self.queue.remove(class, team, order);
                self.queue.insert(class.clone(), team.clone(), *order);
            }
            lane.admitted = next;
        }
        if key.limits.is_empty() {
            self.keys.remove(id);
        }
    }

    /// How many jobs with the job's key run, and how many may. None where its workflow sets no limit.
    pub fn concurrency(&self, job: &Job) -> Option<(u32, u32)> {
        let (id, max) = key_of(job)?;
        Some(self.keys.get(&id).map_or((0, max), |key| (key.running, key.limit())))
    }

    /// How many queued jobs placement has before its eyes.
    #[cfg(test)]
    pub(super) fn places_looked_at(&self) -> usize {
        self.queue.classes.values().flat_map(BTreeMap::values).map(BTreeSet::len).sum()
    }

    pub(super) fn check_concurrency(&self, fresh: &Self, wrong: &mut Vec<String>) {
        let mut running: BTreeMap<KeyId, Vec<u32>> = BTreeMap::new();
        for job in self.jobs.values().filter(|job| job.run().is_some()) {
            if let Some((id, max)) = key_of(job) {
                running.entry(id).or_default().push(max);
            }
        }
        for ((workflow, key), limits) in running {
            // Whoever was placed last of them had room by its own limit.
            let count = u32::try_from(limits.len()).unwrap_or(u32::MAX);
            if limits.iter().max().is_some_and(|max| count > *max) {
                wrong.push(format!("{count} jobs of workflow {workflow} run with the key {key:?}"));
            }
        }
        for (id, key) in &self.keys {
            let has_room = key.has_room();
            for ((class, team), lane) in &key.lanes {
                let next = if has_room { lane.next(&self.cooling) } else { BTreeSet::new() };
                let standing = self.queue.classes.get(class).and_then(|teams| teams.get(team));
                let stands = |order: &Order| standing.is_some_and(|orders| orders.contains(order));
                if lane.admitted != next || lane.orders.iter().any(|order| stands(order) != next.contains(order)) {
                    wrong.push(format!("jobs with the key {id:?} are wrongly held back, or let through"));
                }
            }
        }
        let bare = |fleet: &Self| {
            // Who rests is forgotten by a restart.
            let mut keys = fleet.keys.clone();
            keys.values_mut().flat_map(|key| key.lanes.values_mut()).for_each(|lane| lane.admitted.clear());
            keys
        };
        if bare(self) != bare(fresh) {
            wrong.push("the index of concurrency keys is not what the rows say".to_owned());
        }
    }
}

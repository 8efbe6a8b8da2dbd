//! Jobs that wait for a machine, by classes of equal requirements and within them by team and order.

use std::collections::{BTreeMap, BTreeSet};

use super::{document::Labels, job::Job, job::Place};
use crate::{
    ids::{BatchId, JobId, Name},
    time::Timestamp,
};

/// Everything that decides whether a machine may take a job. Jobs of one class are interchangeable for placement.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Class {
    pub(super) workflow: Name,
    pub(super) place: Place,
    pub(super) require: Labels,
    /// App to whether it can be launched.
    pub(super) apps: BTreeMap<Name, bool>,
    /// Workflows that are called.
    pub(super) calls: BTreeSet<Name>,
    /// Where the batch limits how many of its jobs run.
    pub(super) limited_by: Option<BatchId>,
}

/// Order within a team: priority with ageing, then deadline, then arrival.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Order {
    /// Lower is sooner. Ageing is in it from the start: who queues later gets a higher level, and so, in the end, does everybody
    /// who might overtake. Hence it never changes while the job waits.
    level: i64,
    deadline: Timestamp,
    queued_at: Timestamp,
    pub(super) job: JobId,
}

/// By class, then team.
pub(super) type Classes = BTreeMap<Class, BTreeMap<Name, BTreeSet<Order>>>;

#[derive(Debug, Clone, Default)]
pub(super) struct Queue {
    pub(super) classes: Classes,
    /// Jobs beside their class: others with their concurrency key run, or go before them.
    pub(super) held: Classes,
    pub(super) blocked: BTreeMap<Class, BTreeSet<JobId>>,
}

impl Class {
    pub(super) fn of(job: &Job, limited_by: Option<BatchId>) -> Self {
        let spec = &job.spec;
        Self {
            workflow: spec.workflow.clone(),
            place: spec.place.clone(),
            require: spec.require.clone(),
            apps: spec.apps.iter().map(|(name, pin)| (name.clone(), pin.launchable)).collect(),
            calls: spec.calls.keys().cloned().collect(),
            limited_by,
        }
    }
}

impl Order {
    pub(super) fn of(job: &Job, ageing_placements: u64) -> Self {
        let aged = i64::try_from(job.queued_turn / ageing_placements.max(1)).unwrap_or(i64::MAX);
        Self {
            level: aged.saturating_sub(i64::from(job.spec.priority)),
            deadline: job.spec.deadline.unwrap_or(Timestamp::from_ms(u64::MAX)),
            queued_at: job.queued_at.unwrap_or_default(),
            job: job.id,
        }
    }
}

impl Queue {
    pub(super) fn insert(&mut self, class: Class, team: Name, order: Order) {
        self.classes.entry(class).or_default().entry(team).or_default().insert(order);
    }

    pub(super) fn hold(&mut self, class: Class, team: Name, order: Order) {
        self.held.entry(class).or_default().entry(team).or_default().insert(order);
    }

    /// Wherever it stands.
    pub(super) fn remove(&mut self, class: &Class, team: &Name, order: &Order) {
        remove(&mut self.classes, class, team, order);
        remove(&mut self.held, class, team, order);
    }

    pub(super) fn block(&mut self, class: Class, job: JobId) {
        self.blocked.entry(class).or_default().insert(job);
    }

    pub(super) fn unblock(&mut self, class: &Class, job: JobId) {
        let Some(jobs) = self.blocked.get_mut(class) else { return };
        jobs.remove(&job);
        if jobs.is_empty() {
            self.blocked.remove(class);
        }
    }
}

fn remove(from: &mut Classes, class: &Class, team: &Name, order: &Order) {
    let Some(teams) = from.get_mut(class) else { return };
    if let Some(orders) = teams.get_mut(team) {
        orders.remove(order);
        if orders.is_empty() {
            teams.remove(team);
        }
    }
    if teams.is_empty() {
        from.remove(class);
    }
}

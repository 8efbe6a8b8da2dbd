//! Jobs submitted as one, with counts and limits of their own.

use serde::{Deserialize, Serialize};

use super::{
    job::{IdempotencyKey, StateName},
    token::Principal,
};
use crate::{
    ids::{BatchId, Name},
    time::Timestamp,
};

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Batch {
    pub id: BatchId,
    pub team: Name,
    pub by: Principal,
    pub created_at: Timestamp,
    /// When its last job settled.
    pub finished_at: Option<Timestamp>,
    /// At most so many of its jobs run at once.
    pub max_running: Option<u32>,
    /// So many failed jobs cancel those that have not started.
    pub stop_after_failures: Option<u32>,
    pub stopped: bool,
    pub cancel_requested_at: Option<Timestamp>,
    pub counts: Counts,
    pub idempotency: Option<Box<IdempotencyKey>>,
}

/// How many jobs are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts([u32; 9]);

impl Counts {
    pub fn get(&self, state: StateName) -> u32 {
        self.0[state as usize]
    }

    pub fn total(&self) -> u32 {
        self.0.iter().sum()
    }

    pub fn open(&self) -> u32 {
        StateName::ALL.iter().filter(|state| !state.is_settled()).map(|state| self.get(*state)).sum()
    }

    /// Jobs that hold a lease.
    pub fn running(&self) -> u32 {
        self.get(StateName::Running) + self.get(StateName::Waiting)
    }

    pub(super) fn open_equals(&self, other: &Self) -> bool {
        let open = StateName::ALL.iter().filter(|state| !state.is_settled());
        open.into_iter().all(|state| self.get(*state) == other.get(*state))
    }

    pub(super) fn add(&mut self, state: StateName) {
        self.0[state as usize] += 1;
    }

    pub(super) fn remove(&mut self, state: StateName) {
        let count = &mut self.0[state as usize];
        assert!(*count > 0, "a job leaves a state it was counted in");
        *count -= 1;
    }
}

impl Batch {
    pub fn is_settled(&self) -> bool {
        self.counts.open() == 0
    }
}

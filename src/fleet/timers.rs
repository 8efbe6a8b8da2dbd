//! What falls due and when: ordered sets, so that finding the next one costs nothing.

use std::collections::{BTreeMap, BTreeSet};

use crate::ids::{JobId, MachineId};

/// Timers over one clock. Each key has at most one.
#[derive(Debug, Clone)]
pub(super) struct Timers<T, K> {
    by_time: BTreeSet<(T, K)>,
    by_key: BTreeMap<K, T>,
}

/// Timers that go on while the wall clock is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MonoTimer {
    /// The machine's offer or lease lapses.
    Lease(MachineId),
    /// The machine has not been heard.
    Offline(MachineId),
    /// The time limit of the job's attempt.
    Attempt(JobId),
    /// The job's attempt should have told of a step.
    Progress(JobId),
    /// The machine may be offered the job again.
    CoolDown(JobId, MachineId),
}

/// Timers people set by date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum WallTimer {
    /// Start time, or the end of a wait before another attempt.
    Due(JobId),
    Deadline(JobId),
}

impl<T, K> Default for Timers<T, K> {
    fn default() -> Self {
        Self { by_time: BTreeSet::new(), by_key: BTreeMap::new() }
    }
}

impl<T: Copy + Ord, K: Copy + Ord> Timers<T, K> {
    pub(super) fn set(&mut self, key: K, time: T) {
        self.clear(key);
        self.by_key.insert(key, time);
        self.by_time.insert((time, key));
    }

    pub(super) fn clear(&mut self, key: K) {
        if let Some(time) = self.by_key.remove(&key) {
            self.by_time.remove(&(time, key));
        }
    }

    pub(super) fn get(&self, key: K) -> Option<T> {
        self.by_key.get(&key).copied()
    }

    pub(super) fn next(&self) -> Option<T> {
        self.by_time.first().map(|(time, _)| *time)
    }

    /// Those due at `now`, earliest first.
    pub(super) fn due(&self, now: T) -> impl Iterator<Item = K> {
        self.by_time.iter().take_while(move |(time, _)| *time <= now).map(|(_, key)| *key)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = K> {
        self.by_key.keys().copied()
    }
}

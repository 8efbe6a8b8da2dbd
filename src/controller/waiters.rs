//! Who waits for what. Requests register before they look, so that nothing that is committed in between is missed.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use tokio::sync::Notify;

use crate::{
    fleet::Wake,
    ids::{BatchId, JobId, MachineId},
};

/// What can be waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Key {
    /// A machine's parked poll may have something to answer.
    Machine(MachineId),
    Job(JobId),
    Batch(BatchId),
    /// Anything at all happened to the job, step reports included.
    Progress(JobId),
}

impl Key {
    pub(super) const fn of(wake: &Wake) -> Option<Self> {
        match wake {
            Wake::Machine(id) => Some(Self::Machine(*id)),
            Wake::Job(id) => Some(Self::Job(*id)),
            Wake::Batch(id) => Some(Self::Batch(*id)),
            Wake::Token(_) => None,
        }
    }
}

type ByKey = BTreeMap<Key, Vec<Arc<Notify>>>;

/// The lock is held for a look-up at a time, never over a wait or a read of the store.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<ByKey>);

impl Waiters {
    /// None where so many wait for it already.
    pub(super) fn register_up_to(self: &Arc<Self>, most: usize, key: Key) -> Option<Waiter> {
        let mut waiting = self.lock();
        let notifies = waiting.entry(key).or_default();
        if notifies.len() >= most {
            return None;
        }
        let notify = Arc::<Notify>::default();
        notifies.push(Arc::clone(&notify));
        Some(Waiter { key, notify, waiters: Arc::clone(self) })
    }

    pub(super) fn register(self: &Arc<Self>, key: Key) -> Waiter {
        let notify = Arc::<Notify>::default();
        self.lock().entry(key).or_default().push(Arc::clone(&notify));
        Waiter { key, notify, waiters: Arc::clone(self) }
    }

    pub(super) fn wake(&self, keys: impl IntoIterator<Item = Key>) {
        let waiting = self.lock();
        if waiting.is_empty() {
            return;
        }
        for notify in keys.into_iter().filter_map(|key| waiting.get(&key)).flatten() {
            notify.notify_one();
        }
    }

    pub(super) fn wake_all_machines(&self) {
        let waiting = self.lock();
        let parked = waiting.iter().filter(|(key, _)| matches!(key, Key::Machine(_)));
        parked.flat_map(|(_, notifies)| notifies).for_each(|notify| notify.notify_one());
    }

    fn lock(&self) -> MutexGuard<'_, ByKey> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits, until it is dropped.
#[derive(Debug)]
pub(super) struct Waiter {
    key: Key,
    notify: Arc<Notify>,
    waiters: Arc<Waiters>,
}

impl Waiter {
    /// Returns at once where it was woken since it was registered, or since the last time.
    pub(super) async fn woken(&self) {
        self.notify.notified().await;
    }
}

impl Drop for Waiter {
    fn drop(&mut self) {
        let mut waiting = self.waiters.lock();
        if let Some(notifies) = waiting.get_mut(&self.key) {
            notifies.retain(|notify| !Arc::ptr_eq(notify, &self.notify));
            if notifies.is_empty() {
                waiting.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_happened_between_registering_and_waiting_is_not_missed() {
        let waiters = Arc::<Waiters>::default();
        let job = JobId::from_raw(1);
        let waiter = waiters.register(Key::Job(job));
        waiters.wake([Key::Job(JobId::from_raw(2)), Key::Job(job)]);
        waiter.woken().await;
    }

    #[test]
    fn who_has_gone_is_forgotten() {
        let waiters = Arc::<Waiters>::default();
        let first = waiters.register(Key::Machine(MachineId::from_raw(1)));
        let second = waiters.register(Key::Machine(MachineId::from_raw(1)));
        drop(first);
        assert_eq!(waiters.lock().len(), 1);
        drop(second);
        assert!(waiters.lock().is_empty());
    }
}

//! What the engine counts, for `/metrics`.

use std::{
    sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed},
    time::Duration,
};

/// Upper bounds of the latency buckets in microseconds; what is slower counts in none of them but in the sum and the count.
pub const LATENCY_BOUNDS_US: [u64; 14] =
    [100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 5_000_000];

/// Since the controller started, or as it is now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EngineStats {
    /// Commands and queries answered, refusals included.
    pub commands: u64,
    pub refusals: u64,
    /// Commands turned away because the channel was full.
    pub overloaded: u64,
    /// Rounds of the engine: what was drained from the channel at once.
    pub batches: u64,
    /// Transactions; a round that changes nothing makes none.
    pub commits: u64,
    /// Rounds dropped because the disk was full.
    pub storage_full: u64,
    /// From the first write of a transaction to its durability.
    pub commit_latency: Latency,
    /// Commands waiting for the engine now.
    pub queue_depth: usize,
    pub queue_capacity: usize,
    /// Agents' polls waiting now.
    pub parked_polls: usize,
    /// Requests that wait for a job, a batch or steps now.
    pub waiters: usize,
    /// Sequence number of the newest committed event.
    pub newest_event: u64,
}

/// A histogram with fixed buckets, not cumulative.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Latency {
    /// How many fell into each bucket of `LATENCY_BOUNDS_US`.
    pub buckets: [u64; LATENCY_BOUNDS_US.len()],
    pub count: u64,
    pub sum_us: u64,
}

/// The live counters. Relaxed: each is true by itself, nothing is decided by them.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub commands: AtomicU64,
    pub refusals: AtomicU64,
    pub overloaded: AtomicU64,
    pub batches: AtomicU64,
    pub commits: AtomicU64,
    pub storage_full: AtomicU64,
    pub parked_polls: AtomicUsize,
    pub waiters: AtomicUsize,
    latency_buckets: [AtomicU64; LATENCY_BOUNDS_US.len()],
    latency_count: AtomicU64,
    latency_sum_us: AtomicU64,
}

impl Counters {
    pub(super) fn committed(&self, took: Duration) {
        let took_us = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Relaxed);
        self.latency_count.fetch_add(1, Relaxed);
        self.latency_sum_us.fetch_add(took_us, Relaxed);
        let bucket = LATENCY_BOUNDS_US.iter().position(|bound| took_us <= *bound);
        if let Some(bucket) = bucket {
            self.latency_buckets[bucket].fetch_add(1, Relaxed);
        }
    }

    /// The fields that are counted here; the handle fills in the others.
    pub(super) fn snapshot(&self) -> EngineStats {
        EngineStats {
            commands: self.commands.load(Relaxed),
            refusals: self.refusals.load(Relaxed),
            overloaded: self.overloaded.load(Relaxed),
            batches: self.batches.load(Relaxed),
            commits: self.commits.load(Relaxed),
            storage_full: self.storage_full.load(Relaxed),
            commit_latency: Latency {
                buckets: std::array::from_fn(|bucket| self.latency_buckets[bucket].load(Relaxed)),
                count: self.latency_count.load(Relaxed),
                sum_us: self.latency_sum_us.load(Relaxed),
            },
            parked_polls: self.parked_polls.load(Relaxed),
            waiters: self.waiters.load(Relaxed),
            ..EngineStats::default()
        }
    }
}

/// Counts something for as long as it lives.
#[derive(Debug)]
pub(super) struct Gauge<'a>(&'a AtomicUsize);

impl<'a> Gauge<'a> {
    pub(super) fn raise(gauge: &'a AtomicUsize) -> Self {
        gauge.fetch_add(1, Relaxed);
        Self(gauge)
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_latency_falls_into_the_first_bucket_that_holds_it() {
        let counters = Counters::default();
        counters.committed(Duration::from_micros(100));
        counters.committed(Duration::from_micros(101));
        counters.committed(Duration::from_secs(60));
        let latency = counters.snapshot().commit_latency;
        assert_eq!(latency.buckets[..2], [1, 1]);
        assert_eq!((latency.count, latency.buckets.iter().sum::<u64>()), (3, 2));
        assert_eq!(latency.sum_us, 60_000_201);
    }
}

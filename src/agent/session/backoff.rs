//! Growing pauses between repeated calls, spread out so that a fleet does not knock all at once.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(250);

/// Doubles from a quarter of a second up to a cap, each time by a random part between half and all of it.
#[derive(Debug, Clone)]
pub(super) struct Backoff {
    failures: u32,
    state: u64,
}

impl Backoff {
    pub(super) fn new(seed: u64) -> Self {
        // Zero would stay zero.
        Self { failures: 0, state: seed | 1 }
    }

    pub(super) fn reset(&mut self) {
        self.failures = 0;
    }

    pub(super) fn next(&mut self, cap: Duration) -> Duration {
        let whole = FIRST.saturating_mul(1 << self.failures.min(16)).min(cap);
        self.failures = self.failures.saturating_add(1);
        let half_ms = crate::time::duration_ms(whole) / 2;
        Duration::from_millis(half_ms + self.random() % (half_ms + 1))
    }

    /// xorshift64: enough to spread pauses.
    fn random(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_to_the_cap_and_differ_between_machines() {
        let cap = Duration::from_secs(15);
        let pauses = |seed| {
            let mut backoff = Backoff::new(seed);
            (0..12).map(|_| backoff.next(cap)).collect::<Vec<_>>()
        };
        let (one, other) = (pauses(1), pauses(99));
        assert_ne!(one, other);
        assert!(one[0] <= FIRST && one[0] >= FIRST / 2);
        assert!(one[11] <= cap && one[11] >= cap / 2);
        assert_eq!(one, pauses(1), "a seed replays");
    }
}

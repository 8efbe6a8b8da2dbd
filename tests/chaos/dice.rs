//! Chance with a seed that is printed: times and choices of a run, as far as they are the test's.

use std::{sync::Mutex, time::Duration};

/// `SplitMix64`.
pub(crate) struct Dice(Mutex<u64>);

impl Dice {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }

    /// Of `SEED`, or by the clock; printed either way.
    #[expect(clippy::disallowed_methods, reason = "a seed nobody has chosen is the time")]
    pub(crate) fn from_environment(what: &str) -> Self {
        let given = std::env::var("SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or_else(|| {
            let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
            since.map_or(0, |since| u64::from(since.subsec_nanos()) ^ since.as_secs())
        });
        println!("{what}: SEED={seed}");
        Self::new(seed)
    }

    /// Another one, so that those who throw it do not depend on each other's order.
    pub(crate) fn split(&self) -> Self {
        Self::new(self.throw())
    }

    fn throw(&self) -> u64 {
        let mut state = self.0.lock().expect("nobody panics while throwing");
        *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Below `end`.
    pub(crate) fn below(&self, end: u64) -> u64 {
        self.throw() % end
    }

    pub(crate) fn percent(&self, chance: u64) -> bool {
        self.below(100) < chance
    }

    pub(crate) fn ms(&self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

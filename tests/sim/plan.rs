//! What a seed stands for: how large the fleet is, how much work comes, and how unkind the world is.

use std::time::Duration;

use deskfleet::{controller, fleet};

use crate::rng::Rng;

#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) agents: usize,
    pub(crate) jobs: u64,
    /// New work and faults come for so long; afterwards the world is kind, and everything must come to an end.
    pub(crate) rough_ms: u64,
    /// In a thousand messages.
    pub(crate) lost: u64,
    pub(crate) doubled: u64,
    /// The longest an ordinary message takes.
    pub(crate) delay_ms: u64,
    /// Attempts that go well, in a thousand.
    pub(crate) luck: u64,
    pub(crate) faults: u64,
    /// It ends with somebody putting an older store in place, which no agent may work for.
    pub(crate) winds_back: bool,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let agents = match rng.below(1_000) {
            0..3 => rng.between(60, 200),
            3..40 => rng.between(4, 10),
            _ => rng.between(1, 3),
        };
        let rough = rng.per_mille(850);
        Self {
            seed,
            agents: usize::try_from(agents).unwrap(),
            jobs: agents * rng.between(2, 4) + 1,
            rough_ms: rng.between(40, 120) * 1_000,
            lost: if rough { rng.below(120) } else { 0 },
            doubled: if rough { rng.below(80) } else { 0 },
            delay_ms: if rng.per_mille(200) { 4_000 } else { rng.between(20, 400) },
            luck: rng.between(500, 950),
            winds_back: rng.per_mille(40),
            faults: if rough { rng.between(2, 10) + agents.min(12) } else { 0 },
        }
    }

    /// A machine that has been off for so long has no lease any more: offer, TTL, margin, and messages that were under way.
    pub(crate) fn gone_ms(&self) -> u64 {
        22_000 + crate::network::SLOWEST * self.delay_ms
    }

    /// Short periods, so that little time passes until something is over.
    pub(crate) fn settings() -> controller::Settings {
        let seconds = Duration::from_secs;
        let fleet = fleet::Settings {
            ttl: seconds(10),
            ttl_margin: seconds(1),
            offer_timeout: seconds(5),
            offline_after: seconds(15),
            decline_cool_down: seconds(10),
            stop_grace: seconds(20),
            first_retry: seconds(1),
            longest_retry: seconds(20),
            ..fleet::Settings::default()
        };
        controller::Settings { fleet, ..controller::Settings::default() }
    }
}

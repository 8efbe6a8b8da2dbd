//! The fleet at a glance.

use std::collections::BTreeMap;

use super::document::pause_reason;
use crate::{
    controller::{self, Storage},
    fleet,
    time::duration_ms,
    wire::{
        fleet::{FleetSummary, GroupSummary, Room, StorageSummary},
        job::JobState,
        machine::Status,
    },
};

/// `pause`: where all new leases are stopped.
pub(crate) fn summary(summary: fleet::Summary, pause: Option<&fleet::Pause>, storage: Storage) -> FleetSummary {
    let pool = |pool: fleet::PoolSummary| GroupSummary {
        jobs: jobs(pool.queued, pool.running),
        machines: machines(pool.machines),
        oldest_queued_ms: pool.oldest_queued.map(duration_ms),
    };
    let team = |team: fleet::TeamSummary| GroupSummary {
        jobs: jobs(team.queued, team.running),
        oldest_queued_ms: team.oldest_queued.map(duration_ms),
        ..GroupSummary::default()
    };
    FleetSummary {
        paused: pause.map(pause_reason),
        jobs: summary.jobs.into_iter().map(|(state, count)| (state.into(), count)).collect(),
        machines: machines(summary.machines),
        oldest_queued_ms: summary.oldest_queued.map(duration_ms),
        pools: summary.pools.into_iter().map(|(name, group)| (name, pool(group))).collect(),
        teams: summary.teams.into_iter().map(|(name, group)| (name, team(group))).collect(),
        storage: StorageSummary {
            room: room(storage.room),
            free_bytes: storage.free_bytes,
            low_bytes: storage.settings.low_bytes,
            floor_bytes: storage.settings.floor_bytes,
            ballast: storage.ballast,
        },
    }
}

fn room(room: controller::Room) -> Room {
    match room {
        controller::Room::Enough => Room::Enough,
        controller::Room::Low => Room::Low,
        controller::Room::Full => Room::Full,
    }
}

fn jobs(queued: u64, running: u64) -> BTreeMap<JobState, u64> {
    [(JobState::Queued, queued), (JobState::Running, running)].into()
}

fn machines(counts: BTreeMap<fleet::Status, u64>) -> BTreeMap<Status, u64> {
    counts.into_iter().map(|(status, count)| (status.into(), count)).collect()
}

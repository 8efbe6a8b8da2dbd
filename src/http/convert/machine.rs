//! Machines as clients see them, and what agents say about them.

use std::collections::BTreeMap;

use super::{document::principal, value};
use crate::{
    fleet,
    ids::{Epoch, Name},
    wire::machine::{Facts, Lease, Machine, Readiness, Stats},
};

/// `lease_ms`: until the machine's lease lapses unless renewed. `generation`: the store's.
pub(crate) fn machine(view: &fleet::MachineView, generation: u32, lease_ms: u64) -> Machine {
    let row = &view.row;
    Machine {
        id: row.id,
        name: row.name.clone(),
        pool: row.pool.clone(),
        labels: row.labels.clone(),
        status: view.status.into(),
        mode: row.mode.name.into(),
        mode_reason: row.mode.reason.clone(),
        mode_since: row.mode.since,
        mode_by: Some(principal(&row.mode.by)),
        readiness: row.readiness.iter().map(|(app, readiness)| (app.clone(), shown_readiness(readiness))).collect(),
        job: view.job,
        lease: row.lease.as_ref().map(|lease| shown_lease(lease, lease_ms)),
        epoch: row.lease.as_ref().map_or(Epoch { generation, counter: row.last_epoch }, |lease| lease.epoch),
        last_seen: view.last_seen,
        joined_at: row.joined_at,
        facts: serde_json::from_value::<Facts>(value(&row.facts)).unwrap_or_default(),
        stats: Stats {
            succeeded: row.stats.succeeded,
            failed: row.stats.failed,
            failed_in_a_row: u32::try_from(row.stats.failed_in_a_row).unwrap_or(u32::MAX),
        },
    }
}

pub(super) fn shown_readiness(readiness: &fleet::Readiness) -> Readiness {
    Readiness {
        state: readiness.state.into(),
        screen: readiness.screen.clone(),
        since: readiness.since,
        reason: readiness.reason.clone(),
    }
}

fn shown_lease(lease: &fleet::Lease, expires_in_ms: u64) -> Lease {
    let state = match lease.state {
        fleet::LeaseState::Offered => "offered",
        fleet::LeaseState::Held { .. } => "held",
        fleet::LeaseState::Revoking { .. } => "revoking",
    };
    Lease {
        state: state.to_owned(),
        epoch: lease.epoch,
        attempt: Some(lease.attempt()),
        since: lease.since,
        expires_in_ms,
    }
}

pub(crate) fn readiness_report(readiness: BTreeMap<Name, Readiness>) -> BTreeMap<Name, fleet::ReadinessReport> {
    let report = |readiness: Readiness| fleet::ReadinessReport {
        state: readiness.state.into(),
        screen: readiness.screen,
        reason: readiness.reason,
    };
    readiness.into_iter().map(|(app, readiness)| (app, report(readiness))).collect()
}

pub(crate) fn session(facts: &Facts) -> fleet::Session {
    match facts.session.as_str() {
        "active" => fleet::Session::Active,
        "locked" => fleet::Session::Locked,
        "disconnected" => fleet::Session::Disconnected,
        _ => fleet::Session::Unknown,
    }
}

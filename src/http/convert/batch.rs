//! Batches as clients see them.

use crate::{fleet, ids::JobId, wire};

pub(crate) fn batch(batch: &fleet::Batch, jobs: Vec<JobId>) -> wire::batch::Batch {
    let state = if batch.is_settled() { "settled" } else { "running" };
    let counts = fleet::StateName::ALL.into_iter().map(|state| (state.into(), batch.counts.get(state)));
    wire::batch::Batch {
        id: batch.id,
        state: state.to_owned(),
        total: batch.counts.total(),
        counts: counts.collect(),
        max_running: batch.max_running,
        stop_after_failures: batch.stop_after_failures,
        created_at: batch.created_at,
        finished_at: batch.finished_at,
        jobs,
    }
}

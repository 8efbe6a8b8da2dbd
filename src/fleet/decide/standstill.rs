//! Work that does not move though its machine is heard: an agent that renews its lease says that it lives, not that it gets on.
//!
//! The agent looks after itself first and tells with pictures where it stands still. This is for an agent that cannot even do that.

use std::{collections::BTreeSet, time::Duration};

use super::ended;
use crate::{
    fleet::{
        attempt::{Category, FailureReport},
        draft::Draft,
        job::{Job, JobState, Phase},
        lease::{Lease, LeaseState, RevokeWhy},
        machine::Machine,
    },
    ids::JobId,
    time::format_duration,
};

/// The time in which the attempt should have told of a step is over.
pub(super) fn ends(draft: &mut Draft<'_>, job: JobId, done: &mut BTreeSet<JobId>) {
    if !done.insert(job) {
        return;
    }
    let fleet = draft.fleet;
    let Some(job) = fleet.jobs.get(&job) else { return };
    // A job that waits for a person's answer may stand still.
    if let JobState::Running(run) = job.state
        && run.phase != Phase::Offered
    {
        ended::revoke(draft, job, run, RevokeWhy::Stuck);
    }
}

/// It was told to stop, and has.
pub(super) fn failure(draft: &Draft<'_>, job: &Job, told: Option<FailureReport>) -> FailureReport {
    let (step, artifacts, context, detail) = match told {
        Some(told) => (told.step, told.artifacts, told.context, format!("; it stopped with: {}", told.message)),
        None => (None, Vec::new(), None, String::new()),
    };
    let message = format!("{}, and so it was stopped{detail}", what(draft, job));
    FailureReport { category: Category::Timeout, message, step, artifacts, context }
}

/// Why a lease lapsed that was being taken back: whoever renews it and does not stop is not lost, but out of order.
pub(super) fn not_stopped(
    draft: &Draft<'_>,
    machine: &Machine,
    lease: &Lease,
    job: &Job,
) -> Option<(Category, String)> {
    let LeaseState::Revoking { why, .. } = lease.state else { return None };
    let heard = draft.fleet.links.get(&machine.id)?.heard?;
    if draft.now.mono.since(heard) >= draft.fleet.settings.ttl.saturating_add(draft.fleet.settings.ttl_margin) {
        return None;
    }
    let name = &machine.name;
    let (category, because) = match why {
        RevokeWhy::Stuck => (Category::Agent, what(draft, job)),
        RevokeWhy::Timeout => {
            let limit = format_duration(Duration::from_millis(job.spec.timeout_ms));
            (Category::MachineLost, format!("the attempt ran longer than its limit of {limit}"))
        }
        RevokeWhy::Cancel | RevokeWhy::Deadline | RevokeWhy::Mode => {
            (Category::MachineLost, "the attempt was to be stopped".to_owned())
        }
    };
    let message =
        format!("{because}; machine `{name}` was told to stop, still answers, and did not: restart its agent");
    Some((category, message))
}

fn what(draft: &Draft<'_>, job: &Job) -> String {
    let settings = &draft.fleet.settings;
    let started = job.attempts.last().is_some_and(|attempt| attempt.started_at.is_some());
    if !started {
        let limit = format_duration(settings.prepare_limit);
        return format!("the apps were not ready {limit} after the offer was accepted");
    }
    let quiet_ms = job.attempts.last().map_or(0, |attempt| attempt.quiet_ms);
    let limit = format_duration(Duration::from_millis(quiet_ms).saturating_add(settings.stuck_grace));
    format!("the agent renewed its lease but told of no step for {limit}")
}

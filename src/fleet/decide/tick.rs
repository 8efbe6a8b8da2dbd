//! What happens by itself: offers and leases lapse, machines fall silent, start times and deadlines come.

use std::collections::BTreeSet;

use super::{
    cancel,
    ended::{self, Ended},
};
use crate::{
    fleet::{
        draft::Draft,
        event::{Fact, QueuedWhy},
        job::{CancelWhy, Job, JobState, Phase},
        lease::{LeaseState, RevokeWhy},
        reply::Reply,
        timers::{MonoTimer, WallTimer},
    },
    ids::{JobId, MachineId},
};

/// Decides all due timers, up to a limit and at most one for each job: a second one may mean something else once the first is
/// applied. What is left is still due and comes with the next tick.
pub(super) fn tick(draft: &mut Draft<'_>) -> Reply {
    let fleet = draft.fleet;
    let max = fleet.settings.max_timers_per_tick;
    let mut done: BTreeSet<JobId> = BTreeSet::new();
    for timer in fleet.mono_timers.due(draft.now.mono).take(max) {
        match timer {
            MonoTimer::Offline(machine) => draft.push(Fact::MachineOffline { machine }),
            MonoTimer::CoolDown(job, machine) => draft.push(Fact::CooledDown { job, machine }),
            MonoTimer::Lease(machine) => lapse(draft, machine, &mut done),
            MonoTimer::Attempt(job) => overrun(draft, job, &mut done),
        }
    }
    for timer in fleet.wall_timers.due(draft.now.wall).take(max) {
        let (WallTimer::Due(id) | WallTimer::Deadline(id)) = timer;
        if !done.insert(id) {
            continue;
        }
        let Some(job) = fleet.jobs.get(&id) else { continue };
        match timer {
            WallTimer::Due(_) => start(draft, job),
            WallTimer::Deadline(_) => {
                cancel::request(draft, job, CancelWhy::Deadline);
            }
        }
    }
    Reply::Done
}

fn lapse(draft: &mut Draft<'_>, machine: MachineId, done: &mut BTreeSet<JobId>) {
    let fleet = draft.fleet;
    let Some(machine) = fleet.machines.get(&machine) else { return };
    let Some(lease) = &machine.lease else { return };
    let job = fleet.jobs.get(&lease.job());
    let Some((job, run)) = job.and_then(|job| Some((job, job.run()?))) else { return };
    if !done.insert(job.id) {
        return;
    }
    if lease.state == LeaseState::Offered {
        let seconds = fleet.settings.offer_timeout.as_secs();
        ended::decline(draft, job, run, format!("the offer was not accepted within {seconds} s"), None);
        return;
    }
    let told = fleet.links.get(&machine.id).and_then(|link| link.last_seen);
    let heard = told.map_or_else(String::new, |at| format!(", which was last heard at {at}"));
    let reason = format!("the lease lapsed: machine `{}`{heard}, did not renew it", machine.name);
    ended::finish(draft, job, run, Ended::Lost { reason }, None);
}

fn overrun(draft: &mut Draft<'_>, job: JobId, done: &mut BTreeSet<JobId>) {
    if !done.insert(job) {
        return;
    }
    let fleet = draft.fleet;
    let Some(job) = fleet.jobs.get(&job) else { return };
    if let Some(run) = job.run().filter(|run| run.phase == Phase::Executing) {
        ended::revoke(draft, job, run, RevokeWhy::Timeout);
    }
}

fn start(draft: &mut Draft<'_>, job: &Job) {
    if !matches!(job.state, JobState::Scheduled { .. }) {
        return;
    }
    match draft.fleet.blocked_reason(&draft.fleet.class_of(job)) {
        Some(reason) => draft.push(Fact::JobBlocked { job: job.id, reason }),
        None => draft.push(Fact::JobQueued { job: job.id, why: QueuedWhy::Due }),
    }
}

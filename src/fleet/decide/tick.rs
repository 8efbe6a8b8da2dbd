//! What happens by itself: offers and leases lapse, machines fall silent, start times and deadlines come.

use std::collections::BTreeSet;

use super::{
    cancel,
    ended::{self, Ended},
    outbox, standstill,
};
use crate::{
    fleet::{
        attempt::Category,
        draft::Draft,
        event::{Fact, QueuedWhy},
        job::{CancelWhy, Job, JobState},
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
    let mut silent: Vec<MachineId> = Vec::new();
    for timer in fleet.mono_timers.due(draft.now.mono).take(max) {
        match timer {
            MonoTimer::Offline(machine) => silent.push(machine),
            MonoTimer::CoolDown(job, machine) => draft.push(Fact::CooledDown { job, machine }),
            MonoTimer::Lease(machine) => silent.extend(lapse(draft, machine, &mut done)),
            MonoTimer::Attempt(job) => overrun(draft, job, &mut done),
            MonoTimer::Progress(job) => standstill::ends(draft, job, &mut done),
        }
    }
    silent.sort_unstable();
    silent.dedup();
    for machine in silent {
        draft.push(Fact::MachineOffline { machine });
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
    outbox::relieve(draft);
    Reply::Done
}

/// The machine, if it has not been heard since it was offered something: it gets nothing more until it is.
fn lapse(draft: &mut Draft<'_>, machine: MachineId, done: &mut BTreeSet<JobId>) -> Option<MachineId> {
    let fleet = draft.fleet;
    let machine = fleet.machines.get(&machine)?;
    let lease = machine.lease.as_ref()?;
    let job = fleet.jobs.get(&lease.job())?;
    let run = job.run()?;
    if !done.insert(job.id) {
        return None;
    }
    let link = fleet.links.get(&machine.id)?;
    if lease.state == LeaseState::Offered {
        let seconds = fleet.settings.offer_timeout.as_secs();
        ended::decline(draft, job, run, format!("the offer was not accepted within {seconds} s"), None);
        let heard = link.last_seen.is_some_and(|at| lease.since < at);
        return (link.online && !heard).then_some(machine.id);
    }
    if let Some((category, reason)) = standstill::not_stopped(draft, machine, lease, job) {
        ended::finish(draft, job, run, Ended::Lost { category, reason }, None);
        return None;
    }
    let heard = link.last_seen.map_or_else(String::new, |at| format!(", which was last heard at {at},"));
    let reason = format!("the lease lapsed: machine `{}`{heard} did not renew it", machine.name);
    ended::finish(draft, job, run, Ended::Lost { category: Category::MachineLost, reason }, None);
    None
}

fn overrun(draft: &mut Draft<'_>, job: JobId, done: &mut BTreeSet<JobId>) {
    if !done.insert(job) {
        return;
    }
    let fleet = draft.fleet;
    let Some(job) = fleet.jobs.get(&job) else { return };
    if let Some(run) = job.run().filter(|run| run.phase.has_started()) {
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

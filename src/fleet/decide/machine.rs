//! What operators do with machines: move, label, remove, take out of work and put back.

use super::{
    Answer,
    ended::{self, Ended},
};
use crate::{
    fleet::{
        command::{PatchMachine, RemoveMachine, SetMode},
        draft::Draft,
        event::Fact,
        job::Phase,
        lease::RevokeWhy,
        limits::Checks,
        machine::{Machine, Mode, ModeName},
        refusal::Refusal,
        reply::Reply,
    },
    ids::MachineName,
};

fn named<'a>(draft: &Draft<'a>, name: &MachineName) -> Result<&'a Machine, Refusal> {
    draft.fleet.machine_named(name).ok_or_else(|| Refusal::not_found("machine", &name))
}

pub(super) fn patch(draft: &mut Draft<'_>, command: PatchMachine) -> Answer {
    let mut machine = named(draft, &command.machine)?.clone();
    let mut checks = Checks::new(&draft.fleet.settings, "");
    if let Some(pool) = command.pool {
        if !draft.fleet.pool_exists(&pool) {
            checks.fault("/pool", format!("there is no pool `{pool}`: store it first"));
        }
        machine.pool = pool;
    }
    for (label, value) in command.labels {
        match value {
            Some(value) => machine.labels.insert(label, value),
            None => machine.labels.remove(&label),
        };
    }
    checks.labels("/labels", &machine.labels);
    if !checks.faults.is_empty() {
        return Err(Refusal::Invalid { faults: checks.faults });
    }
    if draft.fleet.machines.get(&machine.id) != Some(&machine) {
        let (pool, labels) = (machine.pool.clone(), machine.labels.clone());
        draft.push(Fact::MachinePatched { machine: machine.id, pool, labels });
        withdraw_offer(draft, &machine);
    }
    Ok(Reply::Machine(Box::new(machine)))
}

pub(super) fn remove(draft: &mut Draft<'_>, command: &RemoveMachine) -> Answer {
    let machine = named(draft, &command.machine)?;
    if let Some(lease) = &machine.lease {
        let message = format!(
            "machine `{}` has a lease for {}: drain it and wait, or quarantine it with `now`",
            machine.name,
            lease.job()
        );
        return Err(Refusal::Conflict(message));
    }
    draft.push(Fact::MachineRemoved { machine: machine.id, name: machine.name.clone() });
    Ok(Reply::Done)
}

pub(super) fn set_mode(draft: &mut Draft<'_>, command: SetMode) -> Answer {
    let mut machine = named(draft, &command.machine)?.clone();
    let mut checks = Checks::new(&draft.fleet.settings, "");
    checks.optional_text("/reason", command.reason.as_deref());
    let stops = matches!(command.mode, ModeName::Maintenance | ModeName::Quarantined);
    if command.now && !stops {
        let detail =
            format!("`{}` lets what runs finish: use maintenance or quarantine to stop it", command.mode.as_str());
        checks.fault("/now", detail);
    }
    if !checks.faults.is_empty() {
        return Err(Refusal::Invalid { faults: checks.faults });
    }
    if machine.mode.name != command.mode || machine.mode.reason != command.reason {
        machine.mode = Mode { name: command.mode, reason: command.reason, by: command.by, since: draft.now.wall };
        draft.push(Fact::MachineModeChanged { machine: machine.id, mode: machine.mode.clone() });
    }
    if command.mode != ModeName::Active {
        withdraw_offer(draft, &machine);
    }
    if command.now {
        stop(draft, &machine);
    }
    Ok(Reply::Machine(Box::new(machine)))
}

/// An offer that was not accepted yet goes back; the job is not to blame.
pub(super) fn withdraw_offer(draft: &mut Draft<'_>, machine: &Machine) {
    let fleet = draft.fleet;
    let job = machine.lease.as_ref().and_then(|lease| fleet.jobs.get(&lease.job()));
    if let Some((job, run)) = job.and_then(|job| Some((job, job.run()?)))
        && run.phase == Phase::Offered
    {
        ended::finish(draft, job, run, Ended::Withdrawn, None);
    }
}

pub(super) fn stop(draft: &mut Draft<'_>, machine: &Machine) {
    let fleet = draft.fleet;
    let job = machine.lease.as_ref().and_then(|lease| fleet.jobs.get(&lease.job()));
    if let Some((job, run)) = job.and_then(|job| Some((job, job.run()?)))
        && run.phase != Phase::Offered
    {
        ended::revoke(draft, job, run, RevokeWhy::Mode);
    }
}

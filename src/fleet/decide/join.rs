//! Machines join by a join token, come back under their name, and renew their certificates.

use std::{collections::BTreeMap, time::Duration};

use super::{
    Answer,
    ended::{self, Ended},
};
use crate::{
    fleet::{
        attempt::Category,
        command::{JoinMachine, RenewCertificate},
        draft::Draft,
        event::Fact,
        job::{Phase, Run},
        lease::LeaseState,
        limits::Checks,
        machine::{Certificate, Machine, Mode, ModeName, Session, Stats},
        refusal::Refusal,
        reply::Reply,
        timers::MonoTimer,
        token::{JoinToken, Principal},
    },
    ids::{MachineId, Name},
    time::format_duration,
};

pub(super) fn join(draft: &mut Draft<'_>, command: JoinMachine) -> Answer {
    let fleet = draft.fleet;
    let token = fleet.join_token_by_digest(&command.token, draft.now)?;
    let pool = choose_pool(draft, token, &command)?;
    let mut checks = Checks::new(&fleet.settings, "");
    checks.labels("/labels", &command.labels);
    checks.text("/identity", &command.identity);
    if !checks.faults.is_empty() {
        return Err(Refusal::Invalid { faults: checks.faults });
    }
    let join_token = token.id;
    let before = fleet.machine_named(&command.name);
    if let Some(before) = before {
        check_may_replace(draft, before, &command)?;
    }
    check_certificate(draft, &command.certificate)?;
    let max = fleet.settings.max_machines;
    if before.is_none() && fleet.machines.len() >= max {
        let message = format!("{max} machines are registered and that is the limit: remove some, or raise it");
        return Err(Refusal::QuotaExceeded(message));
    }
    if let Some(before) = before {
        end_lease_of(draft, before);
    }
    let machine = match before {
        None => new_machine(draft, command, pool),
        Some(before) => Machine {
            pool,
            labels: command.labels,
            identity: command.identity,
            certificates: vec![command.certificate],
            readiness: BTreeMap::new(),
            session: Session::Unknown,
            facts: command.facts,
            incarnation: None,
            lease: None,
            joined_at: draft.now.wall,
            ..before.clone()
        },
    };
    let rejoined = before.is_some();
    draft.push(Fact::MachineJoined { machine: Box::new(machine.clone()), join_token, rejoined });
    Ok(Reply::Machine(Box::new(machine)))
}

fn choose_pool(draft: &Draft<'_>, token: &JoinToken, command: &JoinMachine) -> Result<Name, Refusal> {
    if let Some(pool) = &command.pool
        && *pool != token.pool
    {
        let message = format!("this join token is for pool `{}`, not `{pool}`: leave the pool out", token.pool);
        return Err(Refusal::Forbidden(message));
    }
    if !draft.fleet.pool_exists(&token.pool) {
        let detail = format!("the join token's pool `{}` does not exist any more: get another token", token.pool);
        return Err(Refusal::invalid("/pool", detail));
    }
    Ok(token.pool.clone())
}

/// A name belongs to its machine while that is alive, or may be at work unheard; the same machine may always come back.
fn check_may_replace(draft: &Draft<'_>, before: &Machine, command: &JoinMachine) -> Result<(), Refusal> {
    if before.identity == command.identity {
        return Ok(());
    }
    let fleet = draft.fleet;
    let name = &before.name;
    if fleet.links.get(&before.id).is_some_and(|link| link.online) {
        return Err(Refusal::Conflict(format!(
            "machine `{name}` is online: join under another name, or stop the other agent and wait until it is offline"
        )));
    }
    let lease = before.lease.as_ref().filter(|lease| lease.state != LeaseState::Offered);
    if let Some(lease) = lease {
        let end = fleet.mono_timers.get(MonoTimer::Lease(before.id)).unwrap_or(draft.now.mono);
        let left = format_duration(Duration::from_secs(end.since(draft.now.mono).as_secs() + 1));
        return Err(Refusal::Conflict(format!(
            "machine `{name}` may still be at work on {}: its lease lasts {left} more unless it is heard again; join under \
             another name, or try again then",
            lease.job()
        )));
    }
    Ok(())
}

fn check_certificate(draft: &Draft<'_>, certificate: &Certificate) -> Result<(), Refusal> {
    if draft.fleet.index.certificates.contains_key(&certificate.digest) {
        return Err(Refusal::Conflict("this certificate is in use already: make a new one".to_owned()));
    }
    Ok(())
}

/// Who joins anew has forgotten what ran.
fn end_lease_of(draft: &mut Draft<'_>, machine: &Machine) {
    let fleet = draft.fleet;
    let Some(lease) = &machine.lease else { return };
    let Some(job) = fleet.jobs.get(&lease.job()) else { return };
    let Some(run) = job.run() else { return };
    let ended = if run.phase == Phase::Offered {
        Ended::Withdrawn
    } else {
        Ended::Lost {
            category: Category::MachineLost,
            reason: format!("machine `{}` joined anew while the attempt ran", machine.name),
        }
    };
    ended::finish(draft, job, Run { machine: machine.id, ..run }, ended, None);
}

fn new_machine(draft: &mut Draft<'_>, command: JoinMachine, pool: Name) -> Machine {
    let now = draft.now.wall;
    Machine {
        id: MachineId::new(draft.wall_ms(), draft.unique()),
        name: command.name,
        pool,
        labels: command.labels,
        identity: command.identity,
        certificates: vec![command.certificate],
        mode: Mode { name: ModeName::Active, reason: None, by: Principal::System, since: now },
        readiness: BTreeMap::new(),
        session: Session::Unknown,
        facts: command.facts,
        incarnation: None,
        lease: None,
        ended_lease: None,
        last_epoch: 0,
        joined_at: now,
        last_seen: None,
        stats: Stats::default(),
    }
}

pub(super) fn renew(draft: &mut Draft<'_>, command: RenewCertificate) -> Answer {
    let machine = super::poll::authenticated(draft, &command.certificate)?.clone();
    check_certificate(draft, &command.new)?;
    draft.push(Fact::MachineCertificateRenewed { machine: machine.id, certificate: command.new });
    Ok(Reply::Machine(Box::new(machine)))
}

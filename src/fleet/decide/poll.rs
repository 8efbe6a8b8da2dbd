//! A machine's heartbeat: what it says of itself, and whether its lease goes on.

use std::collections::BTreeMap;

use super::{
    Answer,
    ended::{self, Ended},
    identity,
};
use crate::{
    fleet::{
        attempt::Category,
        command::Poll,
        draft::Draft,
        event::Fact,
        lease::LeaseState,
        limits::Checks,
        machine::{Machine, Readiness, ReadinessReport, Session},
        refusal::Refusal,
        reply::{Assignment, PollReply, Reply},
    },
    ids::{Digest, Name},
    time::{Now, Timestamp},
};

/// Whose certificate this is.
pub(super) fn authenticated<'a>(draft: &Draft<'a>, certificate: &Digest) -> Result<&'a Machine, Refusal> {
    draft.fleet.machine_by_certificate(certificate).ok_or_else(|| {
        Refusal::Unauthorized(
            "this certificate is not, or no longer, that of a machine: join again with a join token".to_owned(),
        )
    })
}

/// `Fleet::refresh` puts what the machine has to do into the reply, once placement has been.
pub(super) fn poll(draft: &mut Draft<'_>, command: &Poll) -> Answer {
    let machine = authenticated(draft, &command.certificate)?;
    check(draft, command)?;
    identity::check(draft, machine, command)?;
    let holds = command.held.is_some_and(|(attempt, epoch)| {
        machine.lease.as_ref().is_some_and(|lease| {
            lease.attempt() == attempt && lease.epoch == epoch && lease.incarnation() == Some(command.incarnation)
        })
    });
    let skew_ms = command.wall.and_then(|wall| skew_ms(draft.now, wall));
    hear(draft, machine, command, holds, skew_ms);
    update(draft, machine, command);
    let assignment = match command.held {
        Some((_, epoch)) if !holds => Assignment::Lost { epoch },
        _ => Assignment::Nothing,
    };
    Ok(Reply::Poll(Box::new(PollReply { machine: machine.id, assignment })))
}

fn check(draft: &Draft<'_>, command: &Poll) -> Result<(), Refusal> {
    let mut checks = Checks::new(&draft.fleet.settings, "");
    check_readiness(&mut checks, &command.readiness);
    if checks.faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid { faults: checks.faults }) }
}

pub(super) fn check_readiness(checks: &mut Checks<'_>, readiness: &BTreeMap<Name, ReadinessReport>) {
    checks.count("/readiness", readiness.len());
    for (app, readiness) in readiness {
        for text in [&readiness.screen, &readiness.reason].into_iter().flatten() {
            checks.text(&format!("/readiness/{app}"), text);
        }
    }
}

fn skew_ms(now: Now, wall: Timestamp) -> Option<i64> {
    let (here, there) = (i64::try_from(now.wall.as_ms()).ok()?, i64::try_from(wall.as_ms()).ok()?);
    there.checked_sub(here)
}

fn hear(draft: &mut Draft<'_>, machine: &Machine, command: &Poll, holds: bool, skew_ms: Option<i64>) {
    let fleet = draft.fleet;
    let incarnation = command.incarnation;
    if machine.incarnation != Some(incarnation) {
        end_older_lease(draft, machine, command);
    }
    let online = fleet.links.get(&machine.id).is_some_and(|link| link.online);
    if !online || machine.incarnation != Some(incarnation) {
        draft.push(Fact::MachineOnline { machine: machine.id, incarnation });
    }
    draft.push(Fact::MachineHeard { machine: machine.id, number: Some(command.number), skew_ms, renewed: holds });
    if let [_, .., newest] = machine.certificates.as_slice()
        && newest.digest == command.certificate
    {
        draft.push(Fact::MachineCertificateSettled { machine: machine.id, certificate: newest.digest });
    }
}

/// A new start of the agent has forgotten what the one before did.
fn end_older_lease(draft: &mut Draft<'_>, machine: &Machine, command: &Poll) {
    let fleet = draft.fleet;
    let Some(lease) = &machine.lease else { return };
    if lease.state == LeaseState::Offered || lease.incarnation() == Some(command.incarnation) {
        return;
    }
    let job = fleet.jobs.get(&lease.job());
    if let Some((job, run)) = job.and_then(|job| Some((job, job.run()?))) {
        let reason = format!("the agent on machine `{}` was started anew while the attempt ran", machine.name);
        ended::finish(draft, job, run, Ended::Lost { category: Category::MachineLost, reason }, None);
    }
}

/// What it says of itself, where that is new.
fn update(draft: &mut Draft<'_>, machine: &Machine, command: &Poll) {
    if let Some(facts) = command.facts.as_ref().filter(|facts| **facts != machine.facts) {
        draft.push(Fact::MachineFactsChanged { machine: machine.id, facts: facts.clone() });
    }
    update_readiness(draft, machine, &command.readiness, command.session);
}

pub(super) fn update_readiness(
    draft: &mut Draft<'_>,
    machine: &Machine,
    reports: &BTreeMap<Name, ReadinessReport>,
    session: Session,
) {
    let readiness = merge(draft.now.wall, &machine.readiness, reports);
    if readiness != machine.readiness || session != machine.session {
        draft.push(Fact::MachineReadinessChanged { machine: machine.id, readiness, session });
    }
}

/// The reported readiness, with the time since when it is so.
fn merge(
    now: Timestamp,
    before: &BTreeMap<Name, Readiness>,
    reports: &BTreeMap<Name, ReadinessReport>,
) -> BTreeMap<Name, Readiness> {
    let merged = reports.iter().map(|(app, report)| {
        let same = before.get(app).filter(|old| old.state == report.state);
        let readiness = Readiness {
            state: report.state,
            screen: report.screen.clone(),
            reason: report.reason.clone(),
            since: same.map_or(now, |old| old.since),
        };
        (app.clone(), readiness)
    });
    merged.collect()
}

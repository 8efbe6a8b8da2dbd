//! What an agent reports of its attempt, past the fence.

use std::collections::BTreeMap;

use super::{
    Answer as Decided, effect,
    ended::{self, Ended},
    poll::{authenticated, check_readiness, update_readiness},
    repeat, standstill,
};
use crate::mutant::{Mutant, is_on};
use crate::{
    fleet::{
        attempt::{Category, FailureReport, Outcome},
        command::{End, IntentReport, Progress, Report, ReportBody, SettledReport},
        draft::Draft,
        event::{Declining, Fact, LateCommit},
        failure,
        job::{Job, Phase, Run},
        lease::{Answer, Fence, Lease, LeaseState, RevokeWhy},
        limits::Checks,
        machine::{Machine, ReadinessReport},
        refusal::Refusal,
        reply::{Reply, ReportReply},
        rows::Found,
    },
    ids::{Json, Name},
    time::duration_ms,
};

/// The live lease a report belongs to.
#[derive(Clone, Copy)]
pub(super) struct Live<'a> {
    pub(super) machine: &'a Machine,
    pub(super) lease: &'a Lease,
    pub(super) job: &'a Job,
    pub(super) run: Run,
    pub(super) fence: Fence,
}

pub(super) fn report(draft: &mut Draft<'_>, command: Report, found: &Found) -> Decided {
    let machine = authenticated(draft, &command.certificate)?;
    let Report { fence, readiness, body, .. } = command;
    check(draft, &body, &readiness)?;
    let mark = repeat::mark(&body);
    if let Some(ended) = &machine.ended_lease
        && (ended.epoch, ended.attempt, ended.incarnation, ended.number)
            == (fence.epoch, fence.attempt, fence.incarnation, fence.number)
        && !matches!(body, ReportBody::Renew)
        && repeat::repeats(ended.mark, mark)
        && !is_on(Mutant::ForgetTheFirstAnswer)
    {
        return Ok(reply(machine, ended.answer.clone(), true));
    }
    let Some(live) = live(draft, machine, fence) else {
        keep_evidence(draft, machine, fence, body, found);
        return Err(Refusal::LeaseLost { why: why_lost(machine, fence) });
    };
    hear(draft, live);
    if matches!(body, ReportBody::Renew) {
        return renew(draft, live);
    }
    if fence.number == live.lease.number
        && repeat::repeats(live.lease.mark, mark)
        && let Some(answer) = &live.lease.answer
    {
        return Ok(reply(machine, answer.clone(), true));
    }
    let expected = live.lease.number + 1;
    if fence.number != expected {
        return Err(Refusal::WrongNumber { got: fence.number, expected });
    }
    if !readiness.is_empty() {
        // Before the rest, so that what is placed next knows it.
        update_readiness(draft, machine, &readiness, machine.session);
    }
    let answer = match body {
        ReportBody::Accept => accept(draft, live)?,
        ReportBody::Ready => ready(draft, live)?,
        ReportBody::Decline { reason, artifacts } => {
            let progress = within_limit(draft, live, Progress { artifacts, ..Progress::default() });
            decline(draft, live, reason, progress)?
        }
        ReportBody::Steps(progress) => steps(draft, live, progress)?,
        ReportBody::Intent(told) => effect::intent(draft, live, told, found)?,
        ReportBody::Settled(told) => effect::settled(draft, live, told, found)?,
        ReportBody::Loop(told) => effect::looped(draft, live, told, found)?,
        ReportBody::Complete { progress, end } => complete(draft, live, progress, end)?,
        ReportBody::Renew => unreachable!("a renewal was answered above"),
    };
    draft.push(Fact::AttemptMarked { machine: live.machine.id, epoch: live.lease.epoch, mark });
    Ok(reply(machine, answer, false))
}

fn reply(machine: &Machine, answer: Answer, repeated: bool) -> Reply {
    Reply::Report(Box::new(ReportReply { machine: machine.id, answer, repeated, next: None }))
}

fn check(draft: &Draft<'_>, body: &ReportBody, readiness: &BTreeMap<Name, ReadinessReport>) -> Result<(), Refusal> {
    let settings = &draft.fleet.settings;
    let mut checks = Checks::new(settings, "");
    check_readiness(&mut checks, readiness);
    match body {
        ReportBody::Decline { reason, artifacts } => {
            checks.text("/reason", reason);
            for artifact in artifacts {
                checks.text("/artifacts", &artifact.name);
            }
        }
        ReportBody::Steps(progress) | ReportBody::Complete { progress, .. } => {
            let max = settings.max_steps_per_report;
            if progress.steps.len() > max || progress.artifacts.len() > max {
                checks.fault("/steps", format!("at most {max} steps and artifacts fit one report: send several"));
            }
            for artifact in &progress.artifacts {
                checks.text("/artifacts", &artifact.name);
            }
        }
        ReportBody::Intent(told) => effect::check_intent(&mut checks, told),
        ReportBody::Settled(told) => effect::check_settled(&mut checks, told),
        ReportBody::Loop(told) => effect::check_loop(&mut checks, told),
        ReportBody::Accept | ReportBody::Ready | ReportBody::Renew => {}
    }
    if checks.faults.is_empty() { Ok(()) } else { Err(Refusal::Invalid { faults: checks.faults }) }
}

/// The lease, if the fence is that of the machine's live one.
fn live<'a>(draft: &Draft<'a>, machine: &'a Machine, fence: Fence) -> Option<Live<'a>> {
    if is_on(Mutant::DropFence) {
        return whatever_runs(draft, fence);
    }
    let lease = machine.lease.as_ref()?;
    let incarnation = lease.incarnation().or(machine.incarnation);
    let same = (lease.epoch, lease.attempt(), lease.job()) == (fence.epoch, fence.attempt, fence.job);
    if !same || incarnation != Some(fence.incarnation) {
        return None;
    }
    let job = draft.fleet.jobs.get(&fence.job)?;
    let run = job.run()?;
    Some(Live { machine, lease, job, run, fence })
}

/// See [`Mutant::DropFence`].
fn whatever_runs<'a>(draft: &Draft<'a>, fence: Fence) -> Option<Live<'a>> {
    let job = draft.fleet.jobs.get(&fence.job)?;
    let run = job.run()?;
    let machine = draft.fleet.machines.get(&run.machine)?;
    let lease = machine.lease.as_ref()?;
    let number = if fence.attempt == run.attempt { fence.number } else { lease.number + 1 };
    Some(Live { machine, lease, job, run, fence: Fence { number, ..fence } })
}

fn why_lost(machine: &Machine, fence: Fence) -> &'static str {
    match &machine.lease {
        Some(lease) if lease.epoch == fence.epoch => "it is that of another attempt or another start of the agent",
        _ => "it lapsed, was withdrawn, or has been given back",
    }
}

/// A report is a heartbeat too.
fn hear(draft: &mut Draft<'_>, live: Live<'_>) {
    let machine = live.machine.id;
    let online = draft.fleet.links.get(&machine).is_some_and(|link| link.online);
    if !online {
        draft.push(Fact::MachineOnline { machine, incarnation: live.fence.incarnation });
    }
    let renewed = !matches!(live.lease.state, LeaseState::Offered);
    draft.push(Fact::MachineHeard { machine, number: None, skew_ms: None, renewed });
}

/// Go on, or stop if the lease is being revoked; a commit under way goes first.
pub(super) fn go_on(draft: &Draft<'_>, live: Live<'_>) -> Answer {
    let ttl_ms = duration_ms(draft.fleet.settings.ttl);
    match live.lease.state {
        LeaseState::Offered | LeaseState::Held { .. } => Answer::Continue { ttl_ms },
        LeaseState::Revoking { why, .. } => {
            let ttl_ms = duration_ms(draft.fleet.revoked_ttl(live.machine.id, live.lease, draft.now.mono));
            if draft.fleet.waits_for_commit(live.lease, draft.now.mono) {
                return Answer::Continue { ttl_ms };
            }
            Answer::Stop { why, ttl_ms }
        }
    }
}

pub(super) fn wrong_order(message: &str) -> Refusal {
    Refusal::Conflict(message.to_owned())
}

fn accepted(live: Live<'_>) -> Result<(), Refusal> {
    match live.run.phase {
        Phase::Offered => Err(wrong_order("this offer is not accepted yet: accept it first, then report")),
        Phase::Accepted | Phase::Executing | Phase::Committing => Ok(()),
    }
}

fn renew(draft: &Draft<'_>, live: Live<'_>) -> Decided {
    accepted(live)?;
    Ok(reply(live.machine, go_on(draft, live), false))
}

fn accept(draft: &mut Draft<'_>, live: Live<'_>) -> Result<Answer, Refusal> {
    if live.run.phase != Phase::Offered {
        return Err(wrong_order("this offer is accepted already: go on with it"));
    }
    let answer = go_on(draft, live);
    draft.push(Fact::JobAccepted {
        job: live.job.id,
        machine: live.machine.id,
        attempt: live.run.attempt,
        incarnation: live.fence.incarnation,
        number: live.fence.number,
        answer: answer.clone(),
    });
    Ok(answer)
}

fn ready(draft: &mut Draft<'_>, live: Live<'_>) -> Result<Answer, Refusal> {
    accepted(live)?;
    if live.run.phase.has_started() {
        return Err(wrong_order("steps may run already: report them"));
    }
    let answer = go_on(draft, live);
    if matches!(answer, Answer::Stop { .. }) {
        note(draft, live, Progress::default(), answer.clone());
    } else {
        draft.push(Fact::JobStarted {
            job: live.job.id,
            machine: live.machine.id,
            attempt: live.run.attempt,
            number: live.fence.number,
            answer: answer.clone(),
        });
    }
    Ok(answer)
}

fn decline(draft: &mut Draft<'_>, live: Live<'_>, reason: String, progress: Progress) -> Result<Answer, Refusal> {
    if live.run.phase.has_started() {
        return Err(wrong_order("steps run already: complete the attempt as failed instead of declining it"));
    }
    if progress != Progress::default() {
        note(draft, live, progress, Answer::Done);
    }
    if let LeaseState::Revoking { why, .. } = live.lease.state {
        stopped(draft, live, why, None);
        return Ok(Answer::Done);
    }
    let declining = Declining { number: live.fence.number, incarnation: live.fence.incarnation };
    ended::decline(draft, live.job, live.run, reason, Some(declining));
    Ok(Answer::Done)
}

fn steps(draft: &mut Draft<'_>, live: Live<'_>, progress: Progress) -> Result<Answer, Refusal> {
    accepted(live)?;
    let progress = within_limit(draft, live, progress);
    let answer = go_on(draft, live);
    note(draft, live, progress, answer.clone());
    Ok(answer)
}

/// Pictures beyond the limit are left out: an attempt that goes well does not fail for them.
fn within_limit(draft: &Draft<'_>, live: Live<'_>, mut progress: Progress) -> Progress {
    let before = live.job.attempt(live.run.attempt).map_or(0, |attempt| attempt.artifacts);
    let left = draft.fleet.settings.max_artifacts_per_attempt.saturating_sub(before);
    progress.artifacts.truncate(usize::try_from(left).unwrap_or(usize::MAX));
    progress
}

pub(super) fn note(draft: &mut Draft<'_>, live: Live<'_>, progress: Progress, answer: Answer) {
    let Progress { steps, artifacts, steps_done, steps_total, quiet_ms } = progress;
    draft.push(Fact::AttemptProgressed {
        job: live.job.id,
        machine: live.machine.id,
        attempt: live.run.attempt,
        number: live.fence.number,
        answer,
        steps,
        artifacts,
        steps_done,
        steps_total,
        quiet_ms,
    });
}

fn complete(draft: &mut Draft<'_>, live: Live<'_>, progress: Progress, end: End) -> Result<Answer, Refusal> {
    accepted(live)?;
    let progress = within_limit(draft, live, progress);
    if matches!(end, End::Succeeded { .. }) {
        may_succeed(live)?;
    }
    if progress != Progress::default() {
        note(draft, live, progress, Answer::Done);
    }
    match (end, live.lease.state) {
        (End::Succeeded { .. }, LeaseState::Revoking { why, .. }) if is_on(Mutant::CancelWhatSucceeded) => {
            stopped(draft, live, why, None);
        }
        (End::Succeeded { output }, _) => succeed(draft, live, output),
        (end, LeaseState::Revoking { why, .. }) => {
            let told = match end {
                End::Failed(told) => Some(told),
                End::Succeeded { .. } | End::Cancelled => None,
            };
            stopped(draft, live, why, told);
        }
        (End::Failed(told), _) => fail(draft, live, told),
        (End::Cancelled, _) => {
            let message = "the agent stopped the attempt on its own".to_owned();
            fail(
                draft,
                live,
                FailureReport { category: Category::Agent, message, step: None, artifacts: vec![], context: None },
            );
        }
    }
    Ok(Answer::Done)
}

fn may_succeed(live: Live<'_>) -> Result<(), Refusal> {
    if !live.run.phase.has_started() {
        return Err(wrong_order("the attempt has not started: report readiness before its success"));
    }
    let journal = &live.job.journal;
    if journal.settle_only && journal.intent.is_none() {
        return Err(wrong_order("this attempt was only to find out what an earlier one did: complete it as failed"));
    }
    let open = journal.intent.as_ref();
    if open.is_some_and(|open| open.attempt != live.run.attempt) {
        return Err(wrong_order("a commit of an earlier attempt is not settled: report what became of it first"));
    }
    Ok(())
}

fn succeed(draft: &mut Draft<'_>, live: Live<'_>, output: Option<Json>) {
    ended::finish(draft, live.job, live.run, Ended::Succeeded { output }, Some(live.fence.number));
}

fn fail(draft: &mut Draft<'_>, live: Live<'_>, told: FailureReport) {
    ended::finish(draft, live.job, live.run, Ended::Failed(told), Some(live.fence.number));
}

/// The agent was told to stop, and has.
fn stopped(draft: &mut Draft<'_>, live: Live<'_>, why: RevokeWhy, told: Option<FailureReport>) {
    let ended = match (why, told) {
        (RevokeWhy::Timeout, told) => Ended::Failed(failure::timeout(live.job, told)),
        (RevokeWhy::Stuck, told) => Ended::Failed(standstill::failure(draft, live.job, told)),
        (RevokeWhy::Cancel | RevokeWhy::Deadline, None) => Ended::Cancelled,
        (RevokeWhy::Mode, None) if live.job.cancel.is_some() => Ended::Cancelled,
        (RevokeWhy::Mode, None) => Ended::Withdrawn,
        (_, Some(told)) => Ended::Failed(told),
    };
    ended::finish(draft, live.job, live.run, ended, Some(live.fence.number));
}

/// A report after the end changes nothing, but what it carried may explain what happened.
fn keep_evidence(draft: &mut Draft<'_>, machine: &Machine, fence: Fence, body: ReportBody, found: &Found) {
    let job = draft.fleet.job(fence.job).or_else(|| found.jobs.get(&fence.job));
    let attempt = job.and_then(|job| job.attempt(fence.attempt));
    let Some(attempt) = attempt.filter(|attempt| attempt.machine_id == machine.id && attempt.epoch == fence.epoch)
    else {
        return;
    };
    let none = Progress::default;
    let (progress, claimed, commit) = match body {
        ReportBody::Steps(progress) => (progress, None, None),
        // Who reviews the job wants to know it: the agent has seen what nobody else can.
        ReportBody::Intent(IntentReport { step, key, .. }) => {
            (none(), None, Some(LateCommit { step, key, done: None }))
        }
        ReportBody::Settled(SettledReport { step, key, done, .. }) => {
            (none(), None, Some(LateCommit { step, key, done: Some(done) }))
        }
        ReportBody::Complete { progress, end } => {
            let claimed = match end {
                End::Succeeded { .. } => Outcome::Succeeded,
                End::Failed(_) => Outcome::Failed,
                End::Cancelled => Outcome::Cancelled,
            };
            (progress, Some(claimed), None)
        }
        ReportBody::Accept
        | ReportBody::Ready
        | ReportBody::Decline { .. }
        | ReportBody::Renew
        | ReportBody::Loop(_) => return,
    };
    let kept = usize::try_from(draft.fleet.settings.max_artifacts_per_attempt.saturating_sub(attempt.artifacts));
    let mut artifacts = progress.artifacts;
    artifacts.truncate(kept.unwrap_or(usize::MAX));
    let more = u32::try_from(artifacts.len()).unwrap_or(u32::MAX);
    let settled = job.filter(|job| more > 0 && job.is_settled()).cloned();
    draft.push(Fact::AttemptLateReport {
        job: fence.job,
        machine: machine.id,
        attempt: fence.attempt,
        attempt_number: attempt.number,
        claimed,
        commit: commit.map(Box::new),
        steps: progress.steps,
        artifacts,
    });
    // They count like those that came in time, or the limit would hold for each report alone.
    if let Some(mut row) = settled {
        row.count_artifacts(fence.attempt, more);
        draft.push(Fact::JobNoted { row: Some(Box::new(row)) });
    }
}

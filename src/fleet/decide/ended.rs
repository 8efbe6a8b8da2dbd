//! How a lease ends and what its job does next.

use crate::mutant::{Mutant, is_on};
use crate::{
    fleet::{
        attempt::{Category, Effect, Failure, FailureReport, Outcome},
        draft::Draft,
        event::{Declining, Fact},
        failure,
        job::{BlockedReason, CancelWhy, Job, Run},
        lease::{LeaseState, RevokeWhy},
        retry::Next,
    },
    ids::Json,
    time::Timestamp,
};

/// How an attempt ended, as the fleet sees it.
pub(super) enum Ended {
    Succeeded {
        output: Option<Json>,
    },
    Failed(FailureReport),
    Lost {
        category: Category,
        reason: String,
    },
    /// Stopped by an operator's doing: the job is not to blame.
    Withdrawn,
    /// Stopped because the job is cancelled.
    Cancelled,
}

/// Frees the lease and moves the job on. `report`: the number of the report that said so.
pub(super) fn finish(draft: &mut Draft<'_>, job: &Job, run: Run, ended: Ended, report: Option<u64>) {
    match ended {
        Ended::Succeeded { output } => {
            finish_attempt(draft, job, run, (Outcome::Succeeded, None), report);
            draft.succeed(job, output);
        }
        Ended::Failed(told) => {
            let failure = failure::of_attempt(draft, job, run, told);
            finish_attempt(draft, job, run, (Outcome::Failed, Some(failure.clone())), report);
            after_failure(draft, job, failure.without_seen());
        }
        Ended::Lost { category, reason } => {
            let failure = failure::of_attempt(draft, job, run, told(category, reason));
            finish_attempt(draft, job, run, (Outcome::Lost, Some(failure.clone())), report);
            after_failure(draft, job, failure.without_seen());
        }
        Ended::Cancelled => {
            finish_attempt(draft, job, run, (Outcome::Cancelled, None), report);
            end_cancelled(draft, job);
        }
        Ended::Withdrawn => {
            finish_attempt(draft, job, run, (Outcome::Cancelled, None), report);
            withdrawn(draft, job, run);
        }
    }
}

const fn told(category: Category, message: String) -> FailureReport {
    FailureReport { category, message, step: None, artifacts: Vec::new(), context: None }
}

fn finish_attempt(
    draft: &mut Draft<'_>,
    job: &Job,
    run: Run,
    (outcome, failure): (Outcome, Option<Failure>),
    report: Option<u64>,
) {
    let effect = job.attempt(run.attempt).map_or(Effect::None, |attempt| attempt.effect);
    // A commit that nothing verifies is proved by the steps behind it.
    let proved = outcome == Outcome::Succeeded && effect == Effect::Unknown;
    draft.push(Fact::AttemptFinished {
        job: job.id,
        machine: run.machine,
        attempt: run.attempt,
        outcome,
        effect: if proved { Effect::Committed } else { effect },
        failure: failure.map(Box::new),
        report,
    });
}

/// Frees the lease only; the caller says what becomes of the job.
pub(super) fn free(draft: &mut Draft<'_>, job: &Job, run: Run, outcome: Outcome, report: Option<u64>) {
    finish_attempt(draft, job, run, (outcome, None), report);
}

/// By what the job has done so far: nothing is done twice, and what nobody knows is found out first.
fn after_failure(draft: &mut Draft<'_>, job: &Job, failure: Failure) {
    let journal = &job.journal;
    let replays = is_on(Mutant::ReplayAfterCommit);
    if journal.intent.is_some() && !replays {
        return unsettled(draft, job, failure);
    }
    if !journal.done.is_empty() && !replays {
        return draft.fail(job, failure);
    }
    if job.cancel.is_some() {
        return end_cancelled(draft, job);
    }
    if journal.settle_only {
        let failure = failure::settled_as_not_done(job, failure);
        return draft.fail(job, failure);
    }
    match draft.fleet.next_after(job, &failure, draft.now.wall) {
        Next::Again { due } => again(draft, job, due),
        Next::GiveUp => draft.fail(job, failure),
        Next::TooLate => draft.fail(job, failure::of_deadline(job)),
    }
}

/// A commit may have happened: another attempt finds out, where one can; else a person has to.
fn unsettled(draft: &mut Draft<'_>, job: &Job, failure: Failure) {
    let can_settle = job.journal.intent.as_ref().is_some_and(|intent| intent.can_settle);
    if !can_settle || job.cancel.is_some() {
        return draft.review(job, failure);
    }
    // One that only finds out is beyond the policy already: what it failed of grants no more.
    let next =
        if job.journal.settle_only { Next::GiveUp } else { draft.fleet.next_after(job, &failure, draft.now.wall) };
    match next {
        Next::Again { due } => again(draft, job, due),
        Next::GiveUp | Next::TooLate => match draft.fleet.settling_after(job, draft.now.wall) {
            due @ Some(_) => draft.push(Fact::JobRequeued { job: job.id, due, settle_only: true }),
            None => draft.review(job, failure),
        },
    }
}

fn withdrawn(draft: &mut Draft<'_>, job: &Job, run: Run) {
    if !run.phase.has_started() {
        // Nothing was touched, whatever earlier attempts have done.
        return requeue(draft, job);
    }
    let journal = &job.journal;
    let can_settle = journal.intent.as_ref().is_some_and(|intent| intent.can_settle);
    let message = "an operator took the machine out while the attempt ran".to_owned();
    let failure = failure::of_attempt(draft, job, run, told(Category::Cancelled, message)).without_seen();
    match &journal.intent {
        Some(_) if can_settle => requeue(draft, job),
        Some(_) => draft.review(job, failure),
        None if journal.settle_only => draft.fail(job, failure::settled_as_not_done(job, failure)),
        None if journal.done.is_empty() => requeue(draft, job),
        None => draft.fail(job, failure),
    }
}

/// As the retry policy grants it.
fn again(draft: &mut Draft<'_>, job: &Job, due: Option<Timestamp>) {
    match draft.fleet.blocked_reason(&draft.fleet.class_of(job)).filter(|_| due.is_none()) {
        Some(reason) => draft.push(Fact::JobBlocked { job: job.id, reason }),
        None => draft.push(Fact::JobRequeued { job: job.id, due, settle_only: false }),
    }
}

fn end_cancelled(draft: &mut Draft<'_>, job: &Job) {
    match job.cancel.as_ref().map(|request| &request.why) {
        Some(CancelWhy::Deadline) => draft.fail(job, failure::of_deadline(job)),
        Some(CancelWhy::Asked { .. }) | None => draft.cancel(job),
    }
}

/// Back to its old place, or blocked where nothing fits it any more, for what it was to do before.
pub(super) fn requeue(draft: &mut Draft<'_>, job: &Job) {
    match draft.fleet.blocked_reason(&draft.fleet.class_of(job)) {
        Some(reason) => draft.push(Fact::JobBlocked { job: job.id, reason }),
        None => draft.push(Fact::JobRequeued { job: job.id, due: None, settle_only: job.journal.settle_only }),
    }
}

/// The machine says no, or nothing. The attempt does not count.
pub(super) fn decline(draft: &mut Draft<'_>, job: &Job, run: Run, reason: String, report: Option<Declining>) {
    draft.push(Fact::AttemptDeclined { job: job.id, machine: run.machine, attempt: run.attempt, reason, report });
    let times = job.declines + 1;
    if times >= draft.fleet.settings.max_declines {
        draft.push(Fact::JobBlocked { job: job.id, reason: BlockedReason::Declined { times } });
    } else {
        requeue(draft, job);
    }
}

/// Tells the agent to stop, unless it has been told already.
pub(super) fn revoke(draft: &mut Draft<'_>, job: &Job, run: Run, why: RevokeWhy) {
    let lease = draft.fleet.machines.get(&run.machine).and_then(|machine| machine.lease.as_ref());
    if lease.is_some_and(|lease| matches!(lease.state, LeaseState::Held { .. })) {
        draft.push(Fact::AttemptRevoked { job: job.id, machine: run.machine, attempt: run.attempt, why });
    }
}

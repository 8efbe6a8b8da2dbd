//! How a lease ends and what its job does next.

use std::time::Duration;

use crate::{
    fleet::{
        attempt::{Attempt, Category, Effect, Failure, FailureReport, Outcome, Seen},
        draft::Draft,
        event::{Declining, Fact},
        job::{BlockedReason, CancelWhy, Job, Run},
        lease::{LeaseState, RevokeWhy},
        retry::Next,
    },
    ids::{Digest, Json},
    time::format_duration,
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
            let failure = failure(draft, job, run, told);
            finish_attempt(draft, job, run, (Outcome::Failed, Some(failure.clone())), report);
            after_failure(draft, job, failure.without_seen());
        }
        Ended::Lost { category, reason } => {
            let told = FailureReport { category, message: reason, step: None, artifacts: vec![], context: None };
            let failure = failure(draft, job, run, told);
            finish_attempt(draft, job, run, (Outcome::Lost, Some(failure.clone())), report);
            after_failure(draft, job, failure.without_seen());
        }
        Ended::Cancelled => {
            finish_attempt(draft, job, run, (Outcome::Cancelled, None), report);
            end_cancelled(draft, job);
        }
        Ended::Withdrawn => {
            finish_attempt(draft, job, run, (Outcome::Cancelled, None), report);
            requeue(draft, job);
        }
    }
}

fn finish_attempt(
    draft: &mut Draft<'_>,
    job: &Job,
    run: Run,
    (outcome, failure): (Outcome, Option<Failure>),
    report: Option<u64>,
) {
    draft.push(Fact::AttemptFinished {
        job: job.id,
        machine: run.machine,
        attempt: run.attempt,
        outcome,
        effect: Effect::None,
        failure: failure.map(Box::new),
        report,
    });
}

/// Frees the lease only; the caller says what becomes of the job.
pub(super) fn free(draft: &mut Draft<'_>, job: &Job, run: Run, outcome: Outcome, report: Option<u64>) {
    finish_attempt(draft, job, run, (outcome, None), report);
}

fn after_failure(draft: &mut Draft<'_>, job: &Job, failure: Failure) {
    if job.cancel.is_some() {
        end_cancelled(draft, job);
        return;
    }
    match draft.fleet.next_after(job, &failure, draft.now.wall) {
        Next::Again { due: None } => requeue(draft, job),
        Next::Again { due } => draft.push(Fact::JobRequeued { job: job.id, due }),
        Next::GiveUp => draft.fail(job, failure),
        Next::TooLate => {
            let failure = deadline_failure(job);
            draft.fail(job, failure);
        }
    }
}

fn end_cancelled(draft: &mut Draft<'_>, job: &Job) {
    match job.cancel.as_ref().map(|request| &request.why) {
        Some(CancelWhy::Deadline) => {
            let failure = deadline_failure(job);
            draft.fail(job, failure);
        }
        Some(CancelWhy::Asked { .. }) | None => draft.cancel(job),
    }
}

/// Back to its old place, or blocked where nothing fits it any more.
pub(super) fn requeue(draft: &mut Draft<'_>, job: &Job) {
    match draft.fleet.blocked_reason(&draft.fleet.class_of(job)) {
        Some(reason) => draft.push(Fact::JobBlocked { job: job.id, reason }),
        None => draft.push(Fact::JobRequeued { job: job.id, due: None }),
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

fn failure(draft: &Draft<'_>, job: &Job, run: Run, told: FailureReport) -> Failure {
    let attempt = job.attempt(run.attempt);
    let FailureReport { category, message, step, artifacts, context } = told;
    let place = step.as_ref().map_or("", |step| step.path.as_str());
    Failure {
        category,
        fingerprint: fingerprint(&[job.spec.workflow.as_str(), category.as_str(), place]),
        message,
        machine: attempt.map(|attempt| attempt.machine.clone()),
        attempt: attempt.map(|attempt| attempt.number),
        effect: Effect::None,
        retryable: job.spec.retry.categories.contains(&category),
        step,
        artifacts,
        seen: seen(draft, run, context).map(Box::new),
    }
}

fn seen(draft: &Draft<'_>, run: Run, context: Option<Json>) -> Option<Seen> {
    let machine = draft.fleet.machines.get(&run.machine)?;
    let (facts, readiness) = (machine.facts.clone(), machine.readiness.clone());
    Some(Seen { at: draft.now.wall, context, facts, readiness })
}

pub(super) fn deadline_failure(job: &Job) -> Failure {
    let deadline = job.spec.deadline.map(|deadline| deadline.to_string()).unwrap_or_default();
    let last = job.attempts.last();
    Failure {
        category: Category::Deadline,
        message: format!("the deadline {deadline} passed before the job succeeded"),
        step: None,
        machine: last.map(|attempt| attempt.machine.clone()),
        attempt: last.map(|attempt| attempt.number),
        effect: last.map_or(Effect::None, |attempt: &Attempt| attempt.effect),
        retryable: false,
        fingerprint: fingerprint(&[job.spec.workflow.as_str(), Category::Deadline.as_str()]),
        artifacts: Vec::new(),
        seen: None,
    }
}

/// What a stop for the time limit says, with the step the agent was in if it told.
pub(super) fn timeout_failure(job: &Job, told: Option<FailureReport>) -> FailureReport {
    let limit = format_duration(Duration::from_millis(job.spec.timeout_ms));
    let (step, artifacts, context, detail) = match told {
        Some(told) => (told.step, told.artifacts, told.context, format!("; it stopped with: {}", told.message)),
        None => (None, Vec::new(), None, String::new()),
    };
    let message = format!("the attempt ran longer than its limit of {limit}{detail}");
    FailureReport { category: Category::Timeout, message, step, artifacts, context }
}

/// Equal for failures of one cause.
fn fingerprint(parts: &[&str]) -> String {
    let digest = Digest::of(parts.join("\n").as_bytes()).to_string();
    digest[..16].to_owned()
}

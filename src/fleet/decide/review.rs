//! Review: a person decides about a job whose effect nobody knows. The job lies on disk, and may come back from there.

use std::sync::Arc;

use super::{Answer, idempotency, submit};
use crate::fleet::{
    attempt::{Effect, Failure},
    command::ReviewJob,
    document::DocumentKind,
    draft::Draft,
    event::Fact,
    job::{Job, JobState},
    journal::{Decided, Review},
    limits::Checks,
    refusal::Refusal,
    reply::{JobDid, JobReply, Reply},
    rows::Found,
};
use crate::mutant::{Mutant, is_on};

/// Reviews kept in a job's row.
const MAX_REVIEWS: usize = 16;

pub(super) fn job(draft: &mut Draft<'_>, command: &ReviewJob, found: &Found) -> Answer {
    let not_found = || Refusal::not_found("job", &command.job);
    let old = idempotency::job(draft, command.job, found).ok_or_else(not_found)?;
    let mut checks = Checks::new(&draft.fleet.settings, "");
    checks.optional_text("/note", command.note.as_deref());
    if command.decision == Decided::Retry && command.note.is_none() {
        checks.fault("/note", "is needed with `retry`, which may do it a second time: say why that is right");
    }
    if !checks.faults.is_empty() {
        return Err(Refusal::Invalid { faults: checks.faults });
    }
    let failure = match &old.state {
        JobState::NeedsReview { failure } => failure,
        JobState::Failed { failure } if is_on(Mutant::ReviewWhatFailed) => failure,
        _ => {
            let help = "only a job that needs a review is reviewed: see its state";
            return Err(Refusal::WrongState { job: old.id, state: old.name_of_state(), help });
        }
    };
    if command.attempt.is_some_and(|seen| old.attempts.last().is_none_or(|last| last.number != seen)) {
        let help = "another attempt has followed the one that was looked at: look into the application again";
        return Err(Refusal::WrongState { job: old.id, state: old.name_of_state(), help });
    }
    let mut job = old.clone();
    record(draft, &mut job, command);
    match command.decision {
        Decided::Retry => {
            may_return(draft, &job, found)?;
            again(draft, &mut job);
            enter(draft, &job, command, found);
            let reason = draft.fleet.blocked_reason(&draft.fleet.class_of(&job));
            if let Some(reason) = reason {
                draft.push(Fact::JobBlocked { job: job.id, reason });
            }
        }
        Decided::Succeed => {
            // A person has settled it.
            if let Some(intent) = job.journal.close()
                && let Some(attempt) = job.attempts.iter_mut().find(|attempt| attempt.id == intent.attempt)
            {
                attempt.effect = Effect::Committed;
            }
            job.state = JobState::Succeeded { output: None };
            enter(draft, &job, command, found);
            draft.push(Fact::JobSucceeded { job: job.id, output: None });
        }
        Decided::Fail => {
            let failure = failed(failure, command.note.as_deref());
            job.state = JobState::Failed { failure: Box::new(failure.clone()) };
            enter(draft, &job, command, found);
            draft.fail_settled(&job, failure);
        }
    }
    Ok(Reply::Job(Box::new(JobReply { job, did: JobDid::Reviewed })))
}

fn record(draft: &Draft<'_>, job: &mut Job, command: &ReviewJob) {
    if job.reviews.len() >= MAX_REVIEWS {
        job.reviews.remove(0);
    }
    job.reviews.push(Review {
        at: draft.now.wall,
        by: command.by.clone(),
        decision: command.decision,
        note: command.note.clone(),
        attempt: job.attempts.last().map_or(0, |attempt| attempt.number),
    });
}

fn may_return(draft: &Draft<'_>, job: &Job, found: &Found) -> Result<(), Refusal> {
    if draft.fleet.document(DocumentKind::Workflow, &job.spec.workflow).is_none() {
        return Err(Refusal::not_found("workflow", &job.spec.workflow));
    }
    idempotency::check_key_is_free_for(draft, job.id, (&job.spec.workflow, job.spec.key.as_ref()), found)?;
    submit::check_room(draft, 1)
}

/// As it was before the open commit. What was asked for stays, but for a deadline that is over: a person wants it now.
fn again(draft: &Draft<'_>, job: &mut Job) {
    job.journal.close();
    job.journal.settle_only = false;
    job.cancel = None;
    job.declines = 0;
    if job.spec.deadline.is_some_and(|deadline| deadline <= draft.now.wall) {
        Arc::make_mut(&mut job.spec).deadline = None;
    }
    job.state = JobState::Queued;
}

fn enter(draft: &mut Draft<'_>, job: &Job, command: &ReviewJob, found: &Found) {
    let batch = job.spec.batch.and_then(|id| idempotency::batch(draft, id, found)).cloned();
    draft.push(Fact::JobReviewed {
        job: job.id,
        decision: command.decision,
        note: command.note.clone(),
        row: Some(Box::new(job.clone())),
        batch: batch.map(Box::new),
    });
}

fn failed(failure: &Failure, note: Option<&str>) -> Failure {
    let note = note.map(|note| format!(": {note}")).unwrap_or_default();
    Failure { message: format!("{}; reviewed as failed{note}", failure.message), ..failure.clone() }
}

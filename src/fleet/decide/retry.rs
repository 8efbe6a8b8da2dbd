//! Retry by a person: a new job with the input of one that failed or was cancelled.

use std::collections::BTreeMap;

use super::{Answer, idempotency, submit};
use crate::fleet::{
    attempt::Effect,
    command::RetryJob,
    document::DocumentKind,
    draft::Draft,
    event::Fact,
    job::{Job, JobSpec, StateName},
    limits::Checks,
    refusal::Refusal,
    reply::{JobDid, JobReply, Reply},
    rows::Found,
};

pub(super) fn job(draft: &mut Draft<'_>, command: RetryJob, found: &Found) -> Answer {
    let RetryJob { job: id, force, idempotency, by } = command;
    let key = match idempotency::replay(draft, idempotency.as_ref(), &by, found)? {
        Ok(key) => key,
        Err(reply) => return Ok(reply),
    };
    let old = idempotency::job(draft, id, found).ok_or_else(|| Refusal::not_found("job", &id))?;
    let mut checks = Checks::new(&draft.fleet.settings, "");
    checks.optional_text("/force", force.as_deref());
    if !checks.faults.is_empty() {
        return Err(Refusal::Invalid { faults: checks.faults });
    }
    check_state(old, force.is_some())?;
    if draft.fleet.document(DocumentKind::Workflow, &old.spec.workflow).is_none() {
        return Err(Refusal::not_found("workflow", &old.spec.workflow));
    }
    idempotency::check_key_is_free(draft, &old.spec.workflow, old.spec.key.as_ref(), found)?;
    submit::check_room(draft, 1)?;
    let spec = JobSpec {
        by,
        batch: None,
        retry_of: Some(old.id),
        idempotency: key,
        run_at: None,
        // The old one's time may be over; a retry is asked for by a person who wants it now.
        deadline: old.spec.deadline.filter(|deadline| draft.now.wall < *deadline),
        ..(*old.spec).clone()
    };
    let job = submit::enter(draft, spec, &mut BTreeMap::new());
    let row = Job { retried_by: Some(job.id), ..old.clone() };
    draft.push(Fact::JobNoted { row: Some(Box::new(row)) });
    Ok(Reply::Job(Box::new(JobReply { job, did: JobDid::Created })))
}

fn check_state(old: &Job, forced: bool) -> Result<(), Refusal> {
    let state = old.name_of_state();
    let help = match state {
        StateName::Failed | StateName::Cancelled => {
            if forced {
                return Ok(());
            }
            // One line of retries: whoever asks again, or for all that failed, does not make a second one beside it.
            if let Some(retry) = old.retried_by {
                return Err(Refusal::Retried { job: old.id, state, retry });
            }
            if old.attempts.iter().all(|attempt| attempt.effect == Effect::None) {
                return Ok(());
            }
            "it may have done something already: look at it, then retry with `force` and a note"
        }
        StateName::Succeeded => "it succeeded: submit a new job instead",
        StateName::NeedsReview => "it needs a review: decide `retry` there",
        _ => "it is still open: wait for its end, or cancel it first",
    };
    Err(Refusal::WrongState { job: old.id, state, help })
}

//! Cancelling: at once where nothing runs, else by telling the machine to stop.

use super::{Answer, ended, idempotency};
use crate::fleet::{
    attempt::Outcome,
    command::{CancelBatch, CancelJob},
    draft::Draft,
    event::Fact,
    failure,
    job::{CancelRequest, CancelWhy, Job, Phase, StateName},
    lease::RevokeWhy,
    refusal::Refusal,
    reply::{BatchReply, JobDid, JobReply, Reply},
    rows::Found,
};
use crate::mutant::{Mutant, is_on};

pub(super) fn job(draft: &mut Draft<'_>, command: &CancelJob, found: &Found) -> Answer {
    let not_found = || Refusal::not_found("job", &command.job);
    let job = idempotency::job(draft, command.job, found).ok_or_else(not_found)?;
    let did = match job.name_of_state() {
        StateName::Cancelled => JobDid::Cancelled,
        state @ (StateName::Succeeded | StateName::Failed) => {
            return Err(Refusal::WrongState { job: job.id, state, help: "it is over and cannot be cancelled" });
        }
        state @ StateName::NeedsReview => {
            let help = "its effect is unknown, so a person decides: review it with `fail` instead";
            return Err(Refusal::WrongState { job: job.id, state, help });
        }
        _ => request(draft, job, CancelWhy::Asked { by: command.by.clone() }),
    };
    Ok(Reply::Job(Box::new(JobReply { job: job.clone(), did })))
}

/// Cancels an open job, or asks its machine to stop. Also what a deadline does, with another end.
pub(super) fn request(draft: &mut Draft<'_>, job: &Job, why: CancelWhy) -> JobDid {
    let Some(run) = job.run() else {
        end_now(draft, job, &why);
        return JobDid::Cancelled;
    };
    if run.phase == Phase::Offered {
        ended::free(draft, job, run, Outcome::Cancelled, None);
        end_now(draft, job, &why);
        return JobDid::Cancelled;
    }
    let forgets = is_on(Mutant::ForgetCancels) && matches!(why, CancelWhy::Asked { .. });
    if job.cancel.is_none() && !forgets {
        let revoke = match why {
            CancelWhy::Asked { .. } => RevokeWhy::Cancel,
            CancelWhy::Deadline => RevokeWhy::Deadline,
        };
        let request = CancelRequest { at: draft.now.wall, why };
        draft.push(Fact::JobCancelRequested { job: job.id, request });
        ended::revoke(draft, job, run, revoke);
    }
    JobDid::CancelRequested
}

fn end_now(draft: &mut Draft<'_>, job: &Job, why: &CancelWhy) {
    match why {
        CancelWhy::Asked { .. } => draft.cancel(job),
        CancelWhy::Deadline => {
            draft.fail(job, failure::of_deadline(job));
        }
    }
}

pub(super) fn batch(draft: &mut Draft<'_>, command: &CancelBatch, found: &Found) -> Answer {
    let not_found = || Refusal::not_found("batch", &command.batch);
    let batch = idempotency::batch(draft, command.batch, found).ok_or_else(not_found)?;
    if batch.is_settled() {
        return Ok(Reply::Batch(Box::new(BatchReply { batch: batch.clone(), did: JobDid::Cancelled })));
    }
    if batch.cancel_requested_at.is_none() {
        draft.push(Fact::BatchCancelRequested { batch: batch.id });
    }
    let mut did = JobDid::Cancelled;
    let fleet = draft.fleet;
    for job in fleet.index.batch_jobs.get(&batch.id).into_iter().flatten().filter_map(|id| fleet.jobs.get(id)) {
        if request(draft, job, CancelWhy::Asked { by: command.by.clone() }) == JobDid::CancelRequested {
            did = JobDid::CancelRequested;
        }
    }
    Ok(Reply::Batch(Box::new(BatchReply { batch: batch.clone(), did })))
}

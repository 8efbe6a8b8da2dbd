//! After a backup was restored: what has happened since it was made is not known here, so nothing open goes on by itself.

use super::{Answer, idempotency};
use crate::fleet::{
    attempt::{Category, Effect, Failure, Outcome},
    command::{ReleaseJob, Restore},
    draft::Draft,
    event::Fact,
    job::{BlockedReason, Job, JobState, Run},
    refusal::Refusal,
    reply::{JobDid, JobReply, Reply},
    rows::Found,
};

/// Raises the generation; blocks what waited, and hands to people what ran.
pub(super) fn restore(draft: &mut Draft<'_>, command: &Restore) -> Answer {
    let fleet = draft.fleet;
    let before = fleet.meta.generation;
    if command.generation <= before {
        let detail = format!("is not above {before}, the generation of the backup: agents would refuse it");
        return Err(Refusal::invalid("/generation", detail));
    }
    let Restore { generation, seed, backup_at } = *command;
    draft.push(Fact::FleetRestored { generation, backup_at, seed: Some(seed) });
    for job in fleet.jobs.values() {
        match job.run() {
            Some(run) => hand_over(draft, job, run, command),
            None => draft.restored(job, None, backup_at),
        }
    }
    Ok(Reply::Done)
}

/// Its machine may have finished it since, or not: the agent cannot be believed any more, it speaks of another history.
fn hand_over(draft: &mut Draft<'_>, job: &Job, run: Run, command: &Restore) {
    let last = job.attempt(run.attempt);
    let failure = Failure {
        category: Category::MachineLost,
        message: format!(
            "the controller was restored from a backup of {}, when this attempt ran: what it did since is not known; look \
             in the application, then decide",
            command.backup_at
        ),
        step: None,
        machine: last.map(|attempt| attempt.machine.clone()),
        attempt: last.map(|attempt| attempt.number),
        effect: Effect::Unknown,
        retryable: false,
        fingerprint: "restored".to_owned(),
        artifacts: Vec::new(),
        seen: None,
    };
    draft.push(Fact::AttemptFinished {
        job: job.id,
        machine: run.machine,
        attempt: run.attempt,
        outcome: Outcome::Lost,
        effect: Effect::Unknown,
        failure: Some(Box::new(failure.clone())),
        report: None,
    });
    draft.restored(job, Some(failure), command.backup_at);
}

/// A person has looked: the job goes on where it stood.
pub(super) fn release(draft: &mut Draft<'_>, command: &ReleaseJob, found: &Found) -> Answer {
    let not_found = || Refusal::not_found("job", &command.job);
    let job = idempotency::job(draft, command.job, found).ok_or_else(not_found)?;
    if !matches!(job.state, JobState::Blocked { reason: BlockedReason::Restored { .. } }) {
        let help = "only a job that a restored backup has blocked is released";
        return Err(Refusal::WrongState { job: job.id, state: job.name_of_state(), help });
    }
    let due = job.spec.run_at.filter(|due| draft.now.wall < *due);
    let reason = if due.is_some() { None } else { draft.fleet.blocked_reason(&draft.fleet.class_of(job)) };
    draft.push(Fact::JobReleased { job: job.id, due, reason });
    Ok(Reply::Job(Box::new(JobReply { job: job.clone(), did: JobDid::Released })))
}

//! Jobs as clients see them.

use super::{
    attempt::artifact,
    effect::{progress, review},
    failure::shown_failure,
    value,
};
use crate::{
    fleet,
    ids::Digest,
    wire::channel::Notify,
    wire::job::{Artifact, Attempt, Concurrency, Job},
};

/// The artifacts of a job, and which of their blobs have arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Evidence {
    artifacts: Vec<Artifact>,
}

impl Evidence {
    pub(crate) fn new(rows: &[fleet::ArtifactRow], stored: impl Fn(&Digest) -> bool) -> Self {
        Self { artifacts: rows.iter().map(|row| artifact(row, stored(&row.artifact.digest))).collect() }
    }

    pub(crate) fn into_artifacts(self) -> Vec<Artifact> {
        self.artifacts
    }

    /// The named ones of one attempt.
    pub(super) fn of(&self, attempt: Option<u32>, names: &[String]) -> Vec<Artifact> {
        // What came too late to be named is all there is of some attempts.
        let is_meant = |artifact: &&Artifact| {
            Some(artifact.attempt) == attempt && (artifact.late || names.contains(&artifact.name))
        };
        self.artifacts.iter().filter(is_meant).cloned().collect()
    }

    pub(super) fn has(&self, attempt: u32, name: &str) -> bool {
        self.artifacts.iter().any(|artifact| artifact.attempt == attempt && artifact.name == name)
    }
}

/// Whether a job can't be shown without its artifacts.
pub(crate) fn names_artifacts(job: &fleet::Job) -> bool {
    let of_attempts = job.attempts.iter().filter_map(|attempt| attempt.failure.as_ref());
    of_attempts.chain(job.failure()).any(|failure| failure.attempt.is_some())
}

/// How much is said of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Everything that was known.
    Full,
    /// What fits a list.
    Brief,
}

pub(crate) fn job(job: &fleet::Job, queue_position: Option<u64>, evidence: &Evidence, detail: Detail) -> Job {
    let spec = &job.spec;
    let (pool, requested_machine) = match &spec.place {
        fleet::Place::Pool(pool) => (Some(pool.clone()), None),
        fleet::Place::Machine(machine) => (None, Some(machine.clone())),
    };
    let run_at = match job.state {
        // Also the wait before another attempt.
        fleet::JobState::Scheduled { due } => Some(due),
        _ => spec.run_at,
    };
    Job {
        id: job.id,
        workflow: spec.workflow.clone(),
        version: spec.version,
        calls: spec.calls.clone(),
        state: job.name_of_state().into(),
        phase: job.run().map(|run| phase(run.phase).to_owned()),
        team: spec.team.clone(),
        pool,
        priority: spec.priority.into(),
        key: spec.key.clone(),
        input: value(&spec.input),
        output: job.output().map(value),
        labels: spec.labels.clone(),
        require: spec.require.clone(),
        concurrency: spec.concurrency.as_ref().map(|limit| Concurrency { key: limit.key.clone(), max: limit.max }),
        files: spec.files.clone(),
        notify: spec.notify.iter().map(notify).collect(),
        machine: job.machine().cloned(),
        requested_machine,
        batch: spec.batch,
        retry_of: spec.retry_of,
        retried_by: job.retried_by,
        created_at: job.created_at,
        run_at,
        queued_at: job.queued_at,
        started_at: job.started_at,
        finished_at: job.finished_at,
        deadline: spec.deadline,
        cancel_requested_at: job.cancel_requested_at(),
        queue_position,
        blocked_reason: job.blocked_reason().map(fleet::BlockedReason::message),
        progress: progress(&job.journal),
        failure: job.failure().map(|failure| shown_failure(job, failure, evidence, detail)),
        reviews: job.reviews.iter().map(review).collect(),
        attempts: job.attempts.iter().map(|attempt| shown_attempt(job, attempt, evidence, detail)).collect(),
    }
}

fn notify(notify: &fleet::Notify) -> Notify {
    let events = notify.events.iter().map(|pattern| pattern.as_str().to_owned()).collect();
    Notify { url: notify.url.clone(), events }
}

fn phase(phase: fleet::Phase) -> &'static str {
    match phase {
        fleet::Phase::Offered => "offered",
        fleet::Phase::Accepted => "accepted",
        fleet::Phase::Executing => "executing",
        fleet::Phase::Committing => "committing",
    }
}

fn shown_attempt(job: &fleet::Job, attempt: &fleet::Attempt, evidence: &Evidence, detail: Detail) -> Attempt {
    Attempt {
        id: attempt.id,
        number: attempt.number,
        machine: attempt.machine.clone(),
        epoch: attempt.epoch,
        outcome: attempt.outcome.map(Into::into),
        effect: attempt.effect.into(),
        offered_at: attempt.offered_at,
        started_at: attempt.started_at,
        finished_at: attempt.finished_at,
        failure: attempt.failure.as_ref().map(|failure| shown_failure(job, failure, evidence, detail)),
        decline_reason: attempt.decline_reason.clone(),
        steps_done: attempt.steps_done,
        steps_total: attempt.steps_total,
    }
}

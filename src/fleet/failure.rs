//! What a failure says: what went wrong, where, what was done before it, and what nobody knows.

use std::{fmt::Write as _, time::Duration};

use super::{
    attempt::{Category, Effect, FailedStep, Failure, FailureReport, Seen},
    draft::Draft,
    job::{Job, Run},
    journal::Intent,
};
use crate::{
    ids::{Digest, Json},
    time::format_duration,
};

/// Commits that a message names; of more it gives the number.
const MAX_NAMED: usize = 3;

/// Of an attempt that ended now.
pub(super) fn of_attempt(draft: &Draft<'_>, job: &Job, run: Run, told: FailureReport) -> Failure {
    let attempt = job.attempt(run.attempt);
    let FailureReport { category, message, step, artifacts, context } = told;
    let place = step.as_ref().map_or("", |step| step.path.as_str());
    Failure {
        category,
        fingerprint: fingerprint(&[job.spec.workflow.as_str(), category.as_str(), place]),
        message: with_what_was_done(job, message),
        machine: attempt.map(|attempt| attempt.machine.clone()),
        attempt: attempt.map(|attempt| attempt.number),
        effect: job.journal.effect(),
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

pub(super) fn of_deadline(job: &Job) -> Failure {
    let deadline = job.spec.deadline.map(|deadline| deadline.to_string()).unwrap_or_default();
    of_job(job, Category::Deadline, format!("the deadline {deadline} passed before the job succeeded"))
}

/// Where it cannot simply count as cancelled.
pub(super) fn of_cancel(job: &Job) -> Failure {
    of_job(job, Category::Cancelled, "the job was cancelled".to_owned())
}

fn of_job(job: &Job, category: Category, message: String) -> Failure {
    let last = job.attempts.last();
    Failure {
        category,
        message: with_what_was_done(job, message),
        step: None,
        machine: last.map(|attempt| attempt.machine.clone()),
        attempt: last.map(|attempt| attempt.number),
        effect: job.journal.effect(),
        retryable: false,
        fingerprint: fingerprint(&[job.spec.workflow.as_str(), category.as_str()]),
        artifacts: Vec::new(),
        seen: None,
    }
}

/// What a stop for the time limit says, with the step the agent was in if it told.
pub(super) fn timeout(job: &Job, told: Option<FailureReport>) -> FailureReport {
    let limit = format_duration(Duration::from_millis(job.spec.timeout_ms));
    let (step, artifacts, context, detail) = match told {
        Some(told) => (told.step, told.artifacts, told.context, format!("; it stopped with: {}", told.message)),
        None => (None, Vec::new(), None, String::new()),
    };
    let message = format!("the attempt ran longer than its limit of {limit}{detail}");
    FailureReport { category: Category::Timeout, message, step, artifacts, context }
}

/// An attempt that was only to find out has, and nothing had happened: the job failed as it did then.
pub(super) fn settled_as_not_done(job: &Job, last: Failure) -> Failure {
    let first =
        job.attempts.iter().rev().filter_map(|attempt| attempt.failure.clone()).find(|own| own.attempt != last.attempt);
    let Some(first) = first else { return last };
    let number = last.attempt.unwrap_or_default();
    let message = format!("{}; attempt {number} found out that it has not", first.message);
    Failure { message, effect: job.journal.effect(), ..first.without_seen() }
}

/// For the person who has to review it.
pub(super) fn for_review(job: &Job, failure: Failure) -> Failure {
    let Some(intent) = &job.journal.intent else { return failure };
    let machine = job.attempt(intent.attempt).map(|attempt| attempt.machine.as_str()).unwrap_or_default();
    let message = format!(
        "{}: look into the application (attempt {} on machine `{machine}`, {}), then review the job with `retry`, `succeed` or \
         `fail`",
        failure.message, intent.attempt_number, intent.at
    );
    Failure { message, effect: Effect::Unknown, ..failure }
}

/// An agent names what it knows itself; what it does not name is added.
fn with_what_was_done(job: &Job, mut message: String) -> String {
    let journal = &job.journal;
    if journal.done.last().is_some_and(|last| !message.contains(&last.path)) {
        let named = journal.done.iter().rev().take(MAX_NAMED).rev();
        let named: Vec<String> = named.map(in_words).collect();
        let before = match journal.done.len().saturating_sub(named.len()) {
            0 => String::new(),
            more => format!("{more} commits and "),
        };
        // Writing to a string can't fail.
        let _ = write!(message, "; done before that, and not undone: {before}{}", named.join(", "));
    }
    for (path, counts) in &journal.loops {
        if counts.done == 0 || message.contains(path.as_str()) {
            continue;
        }
        let total = counts.total.map(|total| format!(" of {total}")).unwrap_or_default();
        let _ = write!(message, "; {}{total} items of the loop {path} are done", counts.done);
    }
    if let Some(intent) = journal.intent.as_ref().filter(|intent| !message.contains(&intent.step.path)) {
        let _ = write!(message, "; whether {} happened is not known", intent_in_words(intent));
    }
    message
}

fn in_words(step: &FailedStep) -> String {
    match &step.id {
        Some(id) => format!("{id} ({}, {})", step.path, step.action),
        None => format!("{} at {}", step.action, step.path),
    }
}

fn intent_in_words(intent: &Intent) -> String {
    let round = intent.key.as_ref().map(|round| format!(" for {}", round.key)).unwrap_or_default();
    format!("{}{round}", in_words(&intent.step))
}

/// Equal for failures of one cause.
fn fingerprint(parts: &[&str]) -> String {
    let digest = Digest::of(parts.join("\n").as_bytes()).to_string();
    digest[..16].to_owned()
}

//! Failures with everything that was known, as a person needs them.

use std::collections::BTreeMap;

use serde_json::Value;

use super::{
    attempt::artifact_url,
    help,
    job::{Detail, Evidence},
    machine::shown_readiness,
    value,
};
use crate::{
    fleet,
    ids::Json,
    wire::{
        failure::{FailureContext, LOG_ARTIFACT},
        job::{Failure, Pictures, StepRef},
        machine::Facts,
    },
};

/// Windows kept of one failure; an agent of this version sends fewer.
const MAX_WINDOWS: usize = 50;

/// A context that is larger than this is no context of ours.
const MAX_CONTEXT_BYTES: usize = 64 << 10;

/// What an agent saw, for the fleet to carry. `None` where it says nothing, or far too much.
pub(super) fn context_of(context: Option<Box<FailureContext>>) -> Option<Json> {
    let mut context = context?;
    let more = context.windows.len().saturating_sub(MAX_WINDOWS);
    context.windows.truncate(MAX_WINDOWS);
    context.windows_left_out = context.windows_left_out.saturating_add(u32::try_from(more).unwrap_or(u32::MAX));
    let text = serde_json::to_string(&context).ok()?;
    (text.len() <= MAX_CONTEXT_BYTES).then(|| Json::new(text))
}

pub(super) fn shown_failure(
    job: &fleet::Job,
    failure: &fleet::Failure,
    evidence: &Evidence,
    detail: Detail,
) -> Failure {
    let step = failure.step.as_ref();
    let seen = failure.seen.as_deref().or_else(|| of_its_attempt(job, failure));
    let context = seen.and_then(context);
    let url = |name: &String| failure.attempt.map(|attempt| artifact_url(job.id, attempt, name));
    let mut shown = Failure {
        category: failure.category.into(),
        message: failure.message.clone(),
        step: step.map(|step| StepRef { path: step.path.clone(), id: step.id.clone(), action: step.action.clone() }),
        machine: failure.machine.clone(),
        attempt: failure.attempt,
        effect: failure.effect.into(),
        retryable: failure.retryable,
        fingerprint: failure.fingerprint.clone(),
        incident: None,
        help: help::of(job, failure, context.as_ref()),
        at: context.as_ref().map(|context| context.at).or(seen.map(|seen| seen.at)),
        best: None,
        pictures: Pictures::default(),
        log: failure
            .attempt
            .filter(|attempt| evidence.has(*attempt, LOG_ARTIFACT))
            .map(|attempt| log_url(job, attempt)),
        windows: Vec::new(),
        windows_left_out: 0,
        apps: BTreeMap::new(),
        standstill: None,
        facts: None,
        artifacts: evidence.of(failure.attempt, &failure.artifacts),
    };
    if let Some(context) = &context {
        shown.best.clone_from(&context.best);
        shown.standstill.clone_from(&context.standstill);
        shown.pictures = Pictures {
            before: context.before.as_ref().and_then(url),
            at_failure: context.picture.as_ref().and_then(url),
        };
    }
    if let (Some(seen), Detail::Full) = (seen, detail) {
        shown.facts = serde_json::from_value::<Facts>(value(&seen.facts)).ok();
        shown.apps = seen.readiness.iter().map(|(app, readiness)| (app.clone(), shown_readiness(readiness))).collect();
        if let Some(context) = context {
            shown.apps.extend(context.apps);
            (shown.windows, shown.windows_left_out) = (context.windows, context.windows_left_out);
        }
    }
    shown
}

/// The job's failure is that of an attempt, told once.
fn of_its_attempt<'a>(job: &'a fleet::Job, failure: &fleet::Failure) -> Option<&'a fleet::Seen> {
    let attempt = job.attempts.iter().find(|attempt| Some(attempt.number) == failure.attempt)?;
    attempt.failure.as_ref().filter(|own| own.category == failure.category)?.seen.as_deref()
}

fn context(seen: &fleet::Seen) -> Option<FailureContext> {
    let json = seen.context.as_ref()?;
    serde_json::from_str(json.as_str()).ok()
}

fn log_url(job: &fleet::Job, attempt: u32) -> String {
    format!("/v1/jobs/{}/logs?attempt={attempt}", job.id)
}

/// Events tell what happened, not everything that was seen: that is in the job.
pub(super) fn without_seen(failure: &mut Value) {
    if let Some(fields) = failure.as_object_mut() {
        fields.remove("seen");
    }
}

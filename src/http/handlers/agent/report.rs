//! A report: accept, ready, steps, the end. The fleet decides by its fence; here it is put into the fleet's words.

use std::collections::BTreeMap;

use axum::{extract::State, response::Response};

use super::{certificate, offer};
use crate::{
    fleet::{Answer, Artifact, Command, DocumentKind, End, Fence, Progress, Reply, ReportBody},
    http::{
        access::CallerMachine,
        app::App,
        convert,
        handlers::{ok, unexpected},
        problem::{ApiError, ApiResult},
        request::JsonBody,
    },
    ids::Json,
    wire::{
        agent::{self as wire, AttemptResult, ReportAnswer},
        step::{ArtifactRef, StepReport, StepState},
    },
};

pub(crate) async fn report(
    State(app): State<App>,
    machine: CallerMachine,
    JsonBody(report): JsonBody<wire::Report>,
) -> ApiResult<Response> {
    let wire::Report { job, attempt, epoch, incarnation, number, body } = report;
    let fence = Fence { job, attempt, epoch, incarnation, number };
    let mut readiness = BTreeMap::new();
    let body = match body {
        wire::ReportBody::Accept => ReportBody::Accept,
        wire::ReportBody::Ready { readiness: seen } => {
            readiness = seen;
            ReportBody::Ready
        }
        wire::ReportBody::Decline { reason, artifacts } => {
            ReportBody::Decline { reason, artifacts: artifacts.iter().map(convert::artifact_of).collect() }
        }
        wire::ReportBody::Renew => ReportBody::Renew,
        wire::ReportBody::Steps { steps } => ReportBody::Steps(progress(&app, fence, &steps, &[], false).await?),
        wire::ReportBody::Intent(told) => ReportBody::Intent(convert::intent_report(told)),
        wire::ReportBody::Settled(told) => ReportBody::Settled(convert::settled_report(told)),
        wire::ReportBody::Loop(told) => {
            let detail = "only an intent makes an item `committing`: say pending, done or failed";
            ReportBody::Loop(convert::loop_report(told).ok_or_else(|| ApiError::fault("/body/items", detail))?)
        }
        wire::ReportBody::Complete(completion) => {
            readiness.clone_from(&completion.readiness);
            complete(&app, fence, completion).await?
        }
    };
    let readiness = convert::readiness_report(readiness);
    let command = Command::Report(crate::fleet::Report { certificate: certificate(&machine), fence, readiness, body });
    let reply = app.handle().execute(command).await?;
    let Reply::Report(reply) = reply else { return Err(unexpected(&reply)) };
    let (ttl_ms, revoke) = match reply.answer {
        Answer::Continue { ttl_ms } => (ttl_ms, false),
        Answer::Stop { ttl_ms, .. } => (ttl_ms, true),
        Answer::Done => (0, false),
    };
    let offer = match &reply.next {
        Some(found) => offer::next(&app, found).await?,
        None => None,
    };
    Ok(ok(ReportAnswer { number, ttl_ms, revoke, offer }))
}

async fn complete(app: &App, fence: Fence, completion: wire::Completion) -> ApiResult<ReportBody> {
    let wire::Completion { result, steps, artifacts, .. } = completion;
    let succeeded = matches!(result, AttemptResult::Succeeded { .. });
    let mut further = artifacts;
    if let AttemptResult::Failed(failure) = &result {
        further.extend(failure.artifacts.iter().cloned());
    }
    let progress = progress(app, fence, &steps, &further, succeeded).await?;
    let end = match result {
        AttemptResult::Succeeded { output } => End::Succeeded { output: Some(Json::new(output.to_string())) },
        AttemptResult::Failed(failure) => End::Failed(convert::failure_report(failure)),
        AttemptResult::Cancelled => End::Cancelled,
    };
    Ok(ReportBody::Complete { progress, end })
}

/// What the steps say, and how far the attempt is by them: counted in steps of the workflow itself, inner ones within theirs.
async fn progress(
    app: &App,
    fence: Fence,
    steps: &[StepReport],
    further: &[ArtifactRef],
    all_done: bool,
) -> ApiResult<Progress> {
    let known = app.handle().look(move |fleet, _| {
        let job = fleet.job(fence.job)?;
        let done = job.attempt(fence.attempt)?.steps_done;
        Some((job.spec.workflow.clone(), job.spec.version, done))
    });
    let (mut steps_done, mut steps_total) = (0, 0);
    if let Some((workflow, version, done)) = known.await? {
        let entry = offer::version(app, DocumentKind::Workflow, &workflow, version).await?;
        let steps = entry.document()?.as_workflow().map_or(0, |workflow| workflow.steps.len());
        steps_total = u32::try_from(steps).unwrap_or(u32::MAX);
        steps_done = done;
    }
    steps_done = steps.iter().filter_map(done_with).fold(steps_done, u32::max).min(steps_total);
    Ok(Progress {
        steps: steps.iter().map(convert::step_record).collect(),
        artifacts: artifacts(steps, further),
        steps_done: if all_done { steps_total } else { steps_done },
        steps_total,
        quiet_ms: steps.last().map(|step| step.quiet_ms.unwrap_or_default()),
    })
}

/// How many steps of the workflow are behind it once this one has ended.
fn done_with(step: &StepReport) -> Option<u32> {
    if step.state == StepState::Started {
        return None;
    }
    let index: u32 = step.path.strip_prefix("steps/")?.parse().ok()?;
    Some(index.saturating_add(1))
}

/// Each name once: the last of them is meant.
fn artifacts(steps: &[StepReport], further: &[ArtifactRef]) -> Vec<Artifact> {
    let all = steps.iter().flat_map(|step| &step.artifacts).chain(further);
    let by_name: BTreeMap<&str, &ArtifactRef> = all.map(|artifact| (artifact.name.as_str(), artifact)).collect();
    by_name.into_values().map(convert::artifact_of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    fn step(path: &str, state: StepState) -> StepReport {
        StepReport {
            number: 1,
            path: path.to_owned(),
            id: None,
            name: None,
            action: "click".to_owned(),
            state,
            started_at: Timestamp::default(),
            finished_at: None,
            finds: Vec::new(),
            error: None,
            artifacts: Vec::new(),
            quiet_ms: None,
        }
    }

    #[test]
    fn a_step_counts_once_it_has_ended_and_inner_ones_with_the_outer() {
        assert_eq!(done_with(&step("steps/4", StepState::Succeeded)), Some(5));
        assert_eq!(done_with(&step("steps/4", StepState::Skipped)), Some(5));
        assert_eq!(done_with(&step("steps/4", StepState::Started)), None);
        assert_eq!(done_with(&step("steps/4/then/0", StepState::Succeeded)), None);
        assert_eq!(done_with(&step("apps/clinic/launch", StepState::Succeeded)), None);
    }
}

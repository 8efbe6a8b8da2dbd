//! What an agent wrote down of an attempt.

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{
    jobs::no_job,
    send::{self, Shown},
};
use crate::{
    fleet::{Attempt, Job, Outcome},
    http::{
        app::App,
        problem::{ApiError, ApiResult},
        request::{PathPart, Query, parse_id},
    },
    ids::JobId,
    wire::failure::LOG_ARTIFACT,
};

/// Of the latest attempt that did something, unless one is named.
pub(crate) async fn show(
    State(app): State<App>,
    PathPart(id): PathPart<String>,
    mut query: Query,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let number: Option<u32> = query.value("attempt");
    query.finish()?;
    let id: JobId = parse_id("job", &id)?;
    let job = app.handle().job(id).await?.ok_or_else(|| no_job(id))?.job;
    let attempt = chosen(&job, number).ok_or_else(|| {
        let what = number.map_or_else(|| "attempt yet".to_owned(), |number| format!("attempt {number}"));
        ApiError::not_found(format!("{what} of job `{id}`, and so no log"))
    })?;
    let Some(row) = app.handle().artifact(id, attempt.number, LOG_ARTIFACT.to_owned()).await? else {
        return Err(ApiError::not_found(why_none(id, attempt)));
    };
    let shown = Shown { content_type: &row.artifact.content_type, file_name: Some(LOG_ARTIFACT), immutable: false };
    send::blob(&app, row.artifact.digest, shown, &headers).await
}

pub(super) fn chosen(job: &Job, number: Option<u32>) -> Option<&Attempt> {
    if let Some(number) = number {
        return job.attempts.iter().find(|attempt| attempt.number == number);
    }
    let did = |attempt: &&Attempt| attempt.outcome != Some(Outcome::Declined);
    job.attempts.iter().rev().find(did).or(job.attempts.last())
}

fn why_none(id: JobId, attempt: &Attempt) -> String {
    let number = attempt.number;
    let why = match attempt.outcome {
        None => format!("comes with its end; its steps so far are at /v1/jobs/{id}/steps"),
        Some(Outcome::Succeeded) => "is not kept, since it succeeded; its steps are".to_owned(),
        Some(Outcome::Declined) => "was not begun: the machine declined, its reason is in the attempt".to_owned(),
        Some(Outcome::Lost) => {
            "has not arrived: the agent sends it when it is back, unless it was ended by force".to_owned()
        }
        Some(Outcome::Failed | Outcome::Cancelled) => "was not sent by the agent".to_owned(),
    };
    format!("log of attempt {number} of job `{id}`: it {why}")
}

//! `POST /v1/jobs`: as JSON, or as a form with files.

use std::time::Duration;

use axum::{
    extract::{FromRequest as _, Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::Response,
};
use serde::Serialize;

use super::{multipart, show, unexpected, with_status};
use crate::{
    controller::{ExecuteError, JobView},
    fleet::{Command, Idempotency, JobDid, Refusal, Replay, Reply, SubmitJob},
    http::{
        access::CallerToken,
        app::App,
        problem::{ApiError, ApiResult},
        request::{JsonBody, Query, content_type},
        submit,
    },
    ids::Digest,
    wire::job::JobRequest,
};

const IDEMPOTENCY_KEY: &str = "idempotency-key";
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
const MAX_KEY_CHARS: usize = 256;

pub(crate) async fn submit(
    State(app): State<App>,
    caller: CallerToken,
    mut query: Query,
    request: Request,
) -> ApiResult<Response> {
    let wait = query.wait(app.limits().wait_max);
    query.finish()?;
    let headers = request.headers().clone();
    let job = read(&app, request).await?;
    let idempotency = idempotency(&headers, "POST /v1/jobs".to_owned(), &job)?;
    let reply = match submit::checked(&app, job).await {
        Ok(request) => {
            let command = SubmitJob { request, idempotency, by: caller.principal() };
            app.handle().execute(Command::SubmitJob(command)).await?
        }
        Err(refused) => replayed(&app, &caller, idempotency, refused).await?,
    };
    answer(&app, reply, wait).await
}

/// A request that came before is answered as then, also where documents have changed so that it would be refused today.
pub(crate) async fn replayed(
    app: &App,
    caller: &CallerToken,
    idempotency: Option<Idempotency>,
    refused: ApiError,
) -> ApiResult<Reply> {
    let Some(idempotency) = idempotency else { return Err(refused) };
    let command = Replay { idempotency, by: caller.principal() };
    match app.handle().execute(Command::Replay(command)).await {
        Err(ExecuteError::Refused(Refusal::NotFound { .. })) => Err(refused),
        other => Ok(other?),
    }
}

async fn read(app: &App, request: Request) -> ApiResult<JobRequest> {
    if content_type(request.headers()).as_deref() == Some("multipart/form-data") {
        return multipart::read(app, request).await;
    }
    let JsonBody(job) = JsonBody::<JobRequest>::from_request(request, app).await?;
    Ok(job)
}

/// What the key stands for: the request as understood, not its spelling, which differs between forms of one content.
pub(crate) fn idempotency(
    headers: &HeaderMap,
    route: String,
    request: &impl Serialize,
) -> ApiResult<Option<Idempotency>> {
    let Some(value) = headers.get(IDEMPOTENCY_KEY) else { return Ok(None) };
    let key = value.to_str().ok().map(str::trim).filter(|key| !key.is_empty() && key.len() <= MAX_KEY_CHARS);
    let key = key.ok_or_else(|| {
        let detail = format!("the header Idempotency-Key has 1 to {MAX_KEY_CHARS} visible ASCII characters");
        ApiError::fault("", detail)
    })?;
    // A request is plain data: it always has a JSON form.
    let body = Digest::of(&serde_json::to_vec(request).unwrap_or_default());
    Ok(Some(Idempotency { route, key: key.to_owned(), body }))
}

/// The new job, or the one the key had made before; after a wait as it is then.
pub(crate) async fn answer(app: &App, reply: Reply, wait: Duration) -> ApiResult<Response> {
    let Reply::Job(reply) = reply else { return Err(unexpected(&reply)) };
    let id = reply.job.id;
    let mut view = JobView { job: reply.job, queue_position: None };
    let now = if wait.is_zero() { app.handle().job(id).await } else { app.handle().wait_job(id, wait).await };
    match now {
        Ok(Some(now)) => view = now,
        Ok(None) => {}
        // It is submitted, whatever hinders looking at it: as it was then will do.
        Err(error) => tracing::debug!(%error, job = %id, "a new job cannot be looked at"),
    }
    let replayed = reply.did == JobDid::Replayed;
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = with_status(status, show::job(app, &view).await?);
    if replayed {
        response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    }
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/jobs/{id}")) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

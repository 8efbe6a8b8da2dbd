//! What agents send and fetch: pictures and files, fenced by the lease they belong to.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse as _, Response},
};

use crate::{
    controller::Frame,
    http::{
        access::CallerMachine,
        app::App,
        handlers::{blobs, ok},
        problem::{ApiError, ApiResult, Code},
        request::{PathPart, Query, content_type},
    },
    ids::{AttemptId, Epoch, JobId},
    wire::{
        agent::{ATTEMPT_HEADER, EPOCH_HEADER, JOB_HEADER},
        document::Blob,
    },
};

/// How long after its end the blobs of an attempt may still follow.
const LATE_MS: u64 = 24 * 3_600 * 1_000;
const PICTURES: [&str; 3] = ["image/png", "image/webp", "image/jpeg"];

/// Taken for an attempt of this machine, live or ended less than a day ago.
pub(crate) async fn put_blob(
    State(app): State<App>,
    machine: CallerMachine,
    PathPart(digest): PathPart<String>,
    request: Request,
) -> ApiResult<Response> {
    let digest = blobs::parse(&digest)?;
    let lease = Lease::of(request.headers())?;
    lease.check(&app, &machine).await?;
    let blob = blobs::receive(&app, Some(digest), request).await?;
    Ok(ok(Blob { sha256: blob.digest, bytes: blob.bytes }))
}

/// Images of documents and files of jobs.
pub(crate) async fn fetch(
    State(app): State<App>,
    PathPart(digest): PathPart<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    blobs::content(State(app), PathPart(digest), headers).await
}

/// The picture of a desktop that somebody asked for, or one the agent sends by itself.
pub(crate) async fn put_screenshot(
    State(app): State<App>,
    machine: CallerMachine,
    query: Query,
    request: Request,
) -> ApiResult<Response> {
    let asked = query.text("request").map(str::to_owned);
    query.finish()?;
    let content_type = content_type(request.headers()).filter(|kind| PICTURES.contains(&kind.as_str()));
    let content_type = content_type.ok_or_else(|| {
        ApiError::new(Code::UnsupportedMediaType, format!("a picture is one of {}", PICTURES.join(", ")))
    })?;
    let blob = blobs::receive(&app, None, request).await?;
    let frame = Frame { digest: blob.digest, bytes: blob.bytes, content_type, at: app.clock().now().wall };
    app.handle().frame_arrived(machine.0.id, asked, frame).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Which lease an upload says it belongs to.
struct Lease {
    job: JobId,
    attempt: AttemptId,
    epoch: Epoch,
}

impl Lease {
    fn of(headers: &HeaderMap) -> ApiResult<Self> {
        let number: u64 = header(headers, EPOCH_HEADER)?;
        Ok(Self {
            job: header(headers, JOB_HEADER)?,
            attempt: header(headers, ATTEMPT_HEADER)?,
            epoch: Epoch::from(number),
        })
    }

    async fn check(&self, app: &App, machine: &CallerMachine) -> ApiResult<()> {
        let view = app.handle().job(self.job).await?;
        let attempt = view.as_ref().and_then(|view| view.job.attempt(self.attempt));
        let now = app.clock().now().wall;
        let own = attempt.filter(|attempt| attempt.machine_id == machine.0.id && attempt.epoch == self.epoch);
        let recent = own.filter(|attempt| {
            attempt.finished_at.is_none_or(|ended| now.as_ms().saturating_sub(ended.as_ms()) < LATE_MS)
        });
        if recent.is_some() {
            return Ok(());
        }
        let detail = "this upload belongs to no attempt of this machine that is live or ended within a day: drop it";
        Err(ApiError::new(Code::LeaseLost, detail))
    }
}

fn header<T: std::str::FromStr>(headers: &HeaderMap, name: &str) -> ApiResult<T> {
    let value = headers.get(name).and_then(|value| value.to_str().ok()?.trim().parse().ok());
    value.ok_or_else(|| ApiError::fault("", format!("the header {name} is missing or not well formed")))
}

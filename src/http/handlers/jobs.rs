//! Jobs: one, many, cancel, retry.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{ok, page, show, submit, unexpected, with_status};
use crate::{
    controller::{JobFilter, JobView, Order, Page, PageRequest},
    fleet::{CancelJob, Category, Command, Job, JobDid, ReleaseJob, Reply, RetryJob, ReviewJob, StateName},
    http::{
        access::CallerToken,
        app::App,
        convert,
        problem::{ApiError, ApiResult},
        request::{JsonBody, PathPart, Query, cursor, parse_id},
    },
    ids::JobId,
    wire::job::{RetryRequest, ReviewRequest},
};

pub(crate) async fn show_one(
    State(app): State<App>,
    PathPart(id): PathPart<String>,
    mut query: Query,
) -> ApiResult<Response> {
    let wait = query.wait(app.limits().wait_max);
    query.finish()?;
    let id: JobId = parse_id("job", &id)?;
    let view = if wait.is_zero() { app.handle().job(id).await? } else { app.handle().wait_job(id, wait).await? };
    let view = view.ok_or_else(|| no_job(id))?;
    Ok(ok(show::job(&app, &view).await?))
}

/// Reads of the store that one page may take.
const MAX_READS: usize = 10;

pub(crate) async fn list(State(app): State<App>, mut query: Query) -> ApiResult<Response> {
    let filter = filter(&mut query);
    let request = PageRequest {
        after: query.parse("cursor", cursor::decode),
        limit: usize::try_from(query.limit()).unwrap_or(usize::MAX),
        order: order(&mut query),
    };
    query.finish()?;
    let found = filled(&app, filter, request).await?;
    let next = found.next.map(|id| cursor::encode(&id));
    Ok(page(show::jobs(&app, found.items).await?, next))
}

/// Reads on where a filter that no index knows has left little of a read, within bounds.
async fn filled(app: &App, filter: JobFilter, request: PageRequest<JobId>) -> ApiResult<Page<Job, JobId>> {
    let wanted = request.limit;
    let mut found = app.handle().jobs(filter.clone(), request.clone()).await?;
    for _ in 1..MAX_READS {
        let left = wanted.saturating_sub(found.items.len());
        let Some(after) = found.next.filter(|_| left > 0) else { break };
        let request = PageRequest { after: Some(after), limit: left, ..request.clone() };
        let more = app.handle().jobs(filter.clone(), request).await?;
        found.items.extend(more.items);
        found.next = more.next;
    }
    Ok(found)
}

pub(super) fn filter(query: &mut Query) -> JobFilter {
    JobFilter {
        states: query.list("state", |text| word(text, &StateName::ALL, StateName::as_str)).into_iter().collect(),
        workflow: query.value("workflow"),
        pool: query.value("pool"),
        machine: query.value("machine"),
        team: query.value("team"),
        batch: query.value("batch"),
        key: query.text("key").map(str::to_owned),
        labels: query.prefixed("label.").into_iter().collect(),
        categories: query.list("category", |text| word(text, &Category::ALL, Category::as_str)).into_iter().collect(),
        since: query.value("since"),
        until: query.value("until"),
    }
}

/// One of a fixed set of words, or a fault that lists them.
fn word<T: Copy>(text: &str, all: &[T], name: impl Fn(T) -> &'static str) -> Result<T, String> {
    let found = all.iter().copied().find(|one| name(*one) == text);
    found.ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|one| name(*one)).collect();
        format!("`{text}` is none of {}", names.join(", "))
    })
}

fn order(query: &mut Query) -> Order {
    let order = |text: &str| match text {
        "newest" | "desc" => Ok(Order::NewestFirst),
        "oldest" | "asc" => Ok(Order::OldestFirst),
        _ => Err(format!("`{text}` is neither newest nor oldest")),
    };
    query.parse("order", order).unwrap_or_default()
}

/// `200` where it is cancelled, `202` where its machine has been told to stop.
pub(crate) async fn cancel(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(id): PathPart<String>,
) -> ApiResult<Response> {
    let job: JobId = parse_id("job", &id)?;
    let reply = app.handle().execute(Command::CancelJob(CancelJob { job, by: caller.principal() })).await?;
    let Reply::Job(reply) = reply else { return Err(unexpected(&reply)) };
    let status = if reply.did == JobDid::CancelRequested { StatusCode::ACCEPTED } else { StatusCode::OK };
    let view = JobView { job: reply.job, queue_position: None };
    Ok(with_status(status, show::job(&app, &view).await?))
}

pub(crate) async fn retry(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(id): PathPart<String>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<RetryRequest>,
) -> ApiResult<Response> {
    let job: JobId = parse_id("job", &id)?;
    let note = request.note.clone().filter(|note| !note.trim().is_empty());
    if request.force && note.is_none() {
        return Err(ApiError::fault("/note", "is needed with `force`: say why it is safe to run this again"));
    }
    let idempotency = submit::idempotency(&headers, format!("POST /v1/jobs/{job}/retry"), &request)?;
    let force = note.filter(|_| request.force);
    let command = Command::RetryJob(RetryJob { job, force, idempotency, by: caller.principal() });
    submit::answer(&app, app.handle().execute(command).await?, std::time::Duration::ZERO).await
}

/// A job that a restored backup has blocked.
pub(crate) async fn release(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(id): PathPart<String>,
) -> ApiResult<Response> {
    let job: JobId = parse_id("job", &id)?;
    let reply = app.handle().execute(Command::ReleaseJob(ReleaseJob { job, by: caller.principal() })).await?;
    let Reply::Job(reply) = reply else { return Err(unexpected(&reply)) };
    Ok(ok(show::job(&app, &JobView { job: reply.job, queue_position: None }).await?))
}

pub(crate) async fn review(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(id): PathPart<String>,
    JsonBody(request): JsonBody<ReviewRequest>,
) -> ApiResult<Response> {
    let job: JobId = parse_id("job", &id)?;
    let decision = convert::decision(request.decision);
    let note = request.note.filter(|note| !note.trim().is_empty());
    let review = ReviewJob { job, decision, attempt: request.attempt, note, by: caller.principal() };
    let command = Command::ReviewJob(review);
    let reply = app.handle().execute(command).await?;
    let Reply::Job(reply) = reply else { return Err(unexpected(&reply)) };
    Ok(ok(show::job(&app, &JobView { job: reply.job, queue_position: None }).await?))
}

pub(crate) fn no_job(id: JobId) -> ApiError {
    ApiError::not_found(format!("job `{id}`: check the id, or list what there is"))
}

//! Batches: many jobs at once, as JSON, as lines or as a table.

use axum::{
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{ok, show, submit, unexpected, with_status};
use crate::{
    fleet::{Batch, BatchReply, CancelBatch, Command, JobDid, Reply, SubmitBatch},
    http::{
        access::CallerToken,
        app::App,
        problem::{ApiError, ApiResult, Code},
        request::{BodyReader, PathPart, Query, content_type, parse_id, parse_json},
        submit as check,
    },
    ids::BatchId,
    wire::batch::BatchRequest,
};

pub(crate) async fn create(
    State(app): State<App>,
    caller: CallerToken,
    mut query: Query,
    request: Request,
) -> ApiResult<Response> {
    let wait = query.wait(app.limits().wait_max);
    let max_running = query.value("max_running");
    let stop_after_failures = query.value("stop_after_failures");
    query.finish()?;
    let headers = request.headers().clone();
    let mut batch = read(&app, request).await?;
    // Lines and tables have no place for these but the query.
    batch.max_running = batch.max_running.or(max_running);
    batch.stop_after_failures = batch.stop_after_failures.or(stop_after_failures);
    let idempotency = submit::idempotency(&headers, "POST /v1/batches".to_owned(), &batch)?;
    let BatchRequest { items, max_running, stop_after_failures } = batch;
    let made = match check::checked_all(&app, items).await {
        Ok(items) => {
            let by = caller.principal();
            let command = SubmitBatch { items, max_running, stop_after_failures, idempotency, by };
            app.handle().execute(Command::SubmitBatch(command)).await?
        }
        Err(refused) => submit::replayed(&app, &caller, idempotency, refused).await?,
    };
    let reply = reply(made)?;
    let mut row = reply.batch;
    if !wait.is_zero() {
        row = app.handle().wait_batch(row.id, wait).await?.unwrap_or(row);
    }
    let replayed = reply.did == JobDid::Replayed;
    let status = if replayed { StatusCode::OK } else { StatusCode::CREATED };
    let mut response = with_status(status, show::batch(&app, &row).await?);
    if replayed {
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    }
    if let Ok(location) = HeaderValue::from_str(&format!("/v1/batches/{}", row.id)) {
        response.headers_mut().insert(header::LOCATION, location);
    }
    Ok(response)
}

async fn read(app: &App, request: Request) -> ApiResult<BatchRequest> {
    let (parts, body) = request.into_parts();
    let kind = content_type(&parts.headers).unwrap_or_default();
    let bytes = BodyReader::new(&parts.headers, body, app.limits().batch_bytes).whole().await?;
    let max_items = app.limits().batch_items;
    let alone = |items| BatchRequest { items, max_running: None, stop_after_failures: None };
    let read = match kind.as_str() {
        "application/x-ndjson" | "application/ndjson" | "application/jsonl" => {
            check::from_lines(&bytes, max_items).map(alone)
        }
        "text/csv" => check::from_csv(&bytes, max_items).map(alone),
        "" | "application/json" | "application/x-www-form-urlencoded" | "text/plain" => parse_json(&bytes),
        other => {
            let detail = format!("`{other}` is not read here: send application/json, application/x-ndjson or text/csv");
            return Err(ApiError::new(Code::UnsupportedMediaType, detail));
        }
    };
    let batch: BatchRequest = read.map_err(ApiError::invalid)?;
    if batch.items.is_empty() {
        return Err(ApiError::fault("/items", "is empty: a batch has at least one job"));
    }
    if batch.items.len() > max_items {
        return Err(ApiError::fault("/items", format!("has more than {max_items} jobs: send several batches")));
    }
    Ok(batch)
}

pub(crate) async fn show_one(
    State(app): State<App>,
    PathPart(id): PathPart<String>,
    mut query: Query,
) -> ApiResult<Response> {
    let wait = query.wait(app.limits().wait_max);
    query.finish()?;
    let id: BatchId = parse_id("batch", &id)?;
    let found = if wait.is_zero() { app.handle().batch(id).await? } else { app.handle().wait_batch(id, wait).await? };
    let row: Batch = found.ok_or_else(|| ApiError::not_found(format!("batch `{id}`: check the id")))?;
    Ok(ok(show::batch(&app, &row).await?))
}

pub(crate) async fn cancel(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(id): PathPart<String>,
) -> ApiResult<Response> {
    let batch: BatchId = parse_id("batch", &id)?;
    let command = Command::CancelBatch(CancelBatch { batch, by: caller.principal() });
    let reply = reply(app.handle().execute(command).await?)?;
    let status = if reply.did == JobDid::CancelRequested { StatusCode::ACCEPTED } else { StatusCode::OK };
    Ok(with_status(status, show::batch(&app, &reply.batch).await?))
}

fn reply(reply: Reply) -> ApiResult<BatchReply> {
    match reply {
        Reply::Batch(reply) => Ok(*reply),
        other => Err(unexpected(&other)),
    }
}

//! What an attempt does, step by step, and what happened to a job.

use axum::{extract::State, response::Response};

use super::{jobs::no_job, page};
use crate::{
    controller::EventFilter,
    http::{
        app::App,
        convert,
        problem::{ApiError, ApiResult},
        request::{PathPart, Query, parse_id},
    },
    ids::JobId,
};

/// Of the latest attempt unless one is named.
pub(crate) async fn list(
    State(app): State<App>,
    PathPart(id): PathPart<String>,
    mut query: Query,
) -> ApiResult<Response> {
    let attempt: Option<u32> = query.value("attempt");
    let after: u32 = query.value("after").or_else(|| query.value("cursor")).unwrap_or(0);
    let limit = usize::try_from(query.limit()).unwrap_or(usize::MAX);
    let wait = query.wait(app.limits().wait_max);
    query.finish()?;
    let id: JobId = parse_id("job", &id)?;
    let view = app.handle().job(id).await?.ok_or_else(|| no_job(id))?;
    let latest = view.job.attempts.last().map_or(0, |attempt| attempt.number);
    let attempt = attempt.unwrap_or(latest.max(1));
    if attempt > latest && wait.is_zero() && latest > 0 {
        return Err(ApiError::not_found(format!("attempt {attempt} of job `{id}`; the latest is {latest}")));
    }
    let found = if wait.is_zero() {
        app.handle().steps(id, attempt, after, limit).await?
    } else {
        app.handle().wait_steps(id, attempt, after, limit, wait).await?
    };
    let steps = found.items.iter().filter_map(convert::shown_step).collect();
    Ok(page(steps, found.next.map(|number| number.to_string())))
}

pub(crate) async fn events(
    State(app): State<App>,
    PathPart(id): PathPart<String>,
    mut query: Query,
) -> ApiResult<Response> {
    let after: u64 = query.value("after").or_else(|| query.value("cursor")).unwrap_or(0);
    let limit = usize::try_from(query.limit()).unwrap_or(usize::MAX);
    query.finish()?;
    let id: JobId = parse_id("job", &id)?;
    app.handle().job(id).await?.ok_or_else(|| no_job(id))?;
    let filter = EventFilter { kinds: Vec::new(), about: Some(id.to_string()) };
    let found = app.handle().events(after, filter, limit).await?;
    let next = found.more.then(|| found.upto.to_string());
    Ok(page(found.events.into_iter().map(convert::event).collect(), next))
}

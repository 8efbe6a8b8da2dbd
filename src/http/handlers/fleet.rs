//! The fleet as a whole.

use axum::{extract::State, response::Response};

use super::ok;
use crate::{
    fleet::{Command, PauseFleet, ResumeFleet},
    http::{access::CallerToken, app::App, convert, problem::ApiResult, request::JsonBody},
    wire::document::PauseRequest,
};

pub(crate) async fn summary(State(app): State<App>) -> ApiResult<Response> {
    let (summary, pause) = app.handle().look(|fleet, now| (fleet.summary(now), fleet.meta().paused.clone())).await?;
    Ok(ok(convert::summary(summary, pause.as_ref(), app.handle().storage())))
}

/// Stops all new leases; what runs goes on.
pub(crate) async fn pause(
    State(app): State<App>,
    caller: CallerToken,
    JsonBody(request): JsonBody<PauseRequest>,
) -> ApiResult<Response> {
    let command = PauseFleet { reason: request.reason, by: caller.principal() };
    app.handle().execute(Command::PauseFleet(command)).await?;
    summary(State(app)).await
}

pub(crate) async fn resume(State(app): State<App>, caller: CallerToken) -> ApiResult<Response> {
    app.handle().execute(Command::ResumeFleet(ResumeFleet { by: caller.principal() })).await?;
    summary(State(app)).await
}

//! Why a job does not run.

use axum::{extract::State, response::Response};

use super::{jobs::no_job, ok};
use crate::{
    http::{
        app::App,
        convert,
        problem::ApiResult,
        request::{PathPart, parse_id},
    },
    ids::JobId,
};

pub(crate) async fn show(State(app): State<App>, PathPart(id): PathPart<String>) -> ApiResult<Response> {
    let id: JobId = parse_id("job", &id)?;
    let open = app.handle().look(move |fleet, now| fleet.job(id).map(|job| fleet.explain(now, job))).await?;
    let explanation = if let Some(open) = open {
        open
    } else {
        let settled = app.handle().job(id).await?.ok_or_else(|| no_job(id))?.job;
        app.handle().look(move |fleet, now| fleet.explain(now, &settled)).await?
    };
    Ok(ok(convert::explanation(explanation)))
}

//! What attempts left behind: screenshots, files, logs.

use axum::{extract::State, http::HeaderMap, response::Response};

use super::{
    jobs::no_job,
    page,
    send::{self, Shown},
    show,
};
use crate::{
    http::{
        app::App,
        convert::Evidence,
        problem::{ApiError, ApiResult},
        request::{PathPart, Query, cursor, parse_id},
    },
    ids::JobId,
};

pub(crate) async fn list(
    State(app): State<App>,
    PathPart(id): PathPart<String>,
    mut query: Query,
) -> ApiResult<Response> {
    let limit = usize::try_from(query.limit()).unwrap_or(usize::MAX);
    let after = query.parse("cursor", |text| {
        let text: String = cursor::decode(text)?;
        let place = text.split_once('/').and_then(|(attempt, name)| Some((attempt.parse().ok()?, name.to_owned())));
        place.ok_or_else(|| "this is no cursor of this list".to_owned())
    });
    query.finish()?;
    let id: JobId = parse_id("job", &id)?;
    app.handle().job(id).await?.ok_or_else(|| no_job(id))?;
    let found = app.handle().artifacts(id, after, limit).await?;
    let stored = show::stored(&app, found.items.iter().map(|row| row.artifact.digest)).await?;
    let artifacts = Evidence::new(&found.items, |digest| stored.contains(digest)).into_artifacts();
    let next = found.next.map(|(attempt, name)| cursor::encode(&format!("{attempt}/{name}")));
    Ok(page(artifacts, next))
}

pub(crate) async fn content(
    State(app): State<App>,
    PathPart((id, attempt, name)): PathPart<(String, String, String)>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let id: JobId = parse_id("job", &id)?;
    let attempt: u32 = parse_id("attempt", &attempt)?;
    let row = app.handle().artifact(id, attempt, name.clone()).await?.ok_or_else(|| {
        ApiError::not_found(format!(
            "artifact `{name}` of attempt {attempt} of job `{id}`; the job's artifacts are listed"
        ))
    })?;
    let shown = Shown { content_type: &row.artifact.content_type, file_name: Some(&name), immutable: false };
    send::blob(&app, row.artifact.digest, shown, &headers).await
}

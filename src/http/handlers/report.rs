//! An attempt as one HTML file.

use std::{collections::BTreeMap, io::Read as _};

use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{IntoResponse as _, Response},
};

use super::{jobs::no_job, logs::chosen, show};
use crate::{
    controller::JobView,
    http::{
        app::App,
        convert,
        problem::{ApiError, ApiResult, Code},
        request::{PathPart, Query, parse_id},
    },
    ids::{Digest, JobId},
    report::{self, Outcome, Report, Shot, Trouble},
    wire::{self, failure::RECORDING_ARTIFACT, step::StepReport},
};

/// Steps of one file. An attempt that has more is looked at by the API.
const MAX_STEPS: usize = 2_000;

/// Read at a time.
const PAGE: usize = 500;

/// Of the latest attempt that did something, unless one is named.
pub(crate) async fn show(
    State(app): State<App>,
    PathPart(id): PathPart<String>,
    mut query: Query,
) -> ApiResult<Response> {
    let number: Option<u32> = query.value("attempt");
    query.finish()?;
    let id: JobId = parse_id("job", &id)?;
    let view = app.handle().job(id).await?.ok_or_else(|| no_job(id))?;
    let attempt = chosen(&view.job, number).map(|attempt| attempt.number).ok_or_else(|| {
        let what = number.map_or_else(|| "attempt yet".to_owned(), |number| format!("attempt {number}"));
        ApiError::not_found(format!("{what} of job `{id}`, and so no report"))
    })?;
    let report = report_of(&app, &view, attempt).await?;
    let html = tokio::task::spawn_blocking(move || report.html()).await;
    let html = html.map_err(|error| error.to_string()).and_then(|html| html.map_err(|error| error.to_string()));
    let html = html.map_err(|error| {
        tracing::error!(%error, "a report cannot be made");
        ApiError::new(Code::Internal, "the report cannot be made; the controller's log has more")
    })?;
    let mut answer = html.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, "text/html; charset=utf-8"),
        (header::CACHE_CONTROL, "private, no-cache"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        // Texts of an automated application are in it: nothing runs, nothing is fetched.
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'; img-src data:; style-src 'unsafe-inline'"),
    ] {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    Ok(answer)
}

async fn report_of(app: &App, view: &JobView, number: u32) -> ApiResult<Report> {
    let job = show::job(app, view).await?;
    let Some(attempt) = job.attempts.iter().find(|attempt| attempt.number == number) else {
        return Err(ApiError::not_found(format!("attempt {number} of job `{}`", job.id)));
    };
    let (steps, cut) = steps(app, job.id, number).await?;
    let pictures = pictures(app, report::pictures_of(&steps)).await?;
    let film = film(app, attempt.failure.as_ref()).await?;
    let outcome = match attempt.outcome {
        None => Outcome::Running,
        Some(wire::job::Outcome::Succeeded) => Outcome::Succeeded,
        Some(wire::job::Outcome::Failed | wire::job::Outcome::Lost) => Outcome::Failed,
        Some(wire::job::Outcome::Cancelled | wire::job::Outcome::Declined) => Outcome::Stopped,
    };
    let failure = attempt.failure.as_ref().map(|failure| Trouble {
        category: failure.category,
        message: failure.message.clone(),
        help: failure.help.clone(),
        path: failure.step.as_ref().map(|step| step.path.clone()),
    });
    Ok(Report {
        workflow: job.workflow.to_string(),
        outcome,
        facts: facts(&job, attempt),
        failure,
        steps,
        cut,
        pictures,
        film,
    })
}

fn facts(job: &wire::job::Job, attempt: &wire::job::Attempt) -> Vec<(String, String)> {
    let mut facts = vec![
        ("job".to_owned(), format!("{}, version {} of its workflow", job.id, job.version)),
        ("attempt".to_owned(), format!("{} of {}", attempt.number, job.attempts.len())),
        ("machine".to_owned(), attempt.machine.to_string()),
    ];
    let mut add = |name: &str, value: Option<String>| facts.extend(value.map(|value| (name.to_owned(), value)));
    add("key", job.key.clone());
    add("started", attempt.started_at.map(|at| at.to_string()));
    add("finished", attempt.finished_at.map(|at| at.to_string()));
    add("declined", attempt.decline_reason.clone());
    facts
}

async fn steps(app: &App, id: JobId, attempt: u32) -> ApiResult<(Vec<StepReport>, bool)> {
    let mut reports = Vec::new();
    let mut after = 0;
    loop {
        let page = app.handle().steps(id, attempt, after, PAGE).await?;
        reports.extend(page.items.iter().filter_map(convert::shown_step).map(|shown| shown.report));
        match page.next {
            Some(next) if reports.len() < MAX_STEPS => after = next,
            next => return Ok((report::as_they_ended(reports), next.is_some())),
        }
    }
}

/// The recording of a failure, if it has arrived.
async fn film(app: &App, failure: Option<&wire::job::Failure>) -> ApiResult<Vec<Shot>> {
    let artifacts = failure.into_iter().flat_map(|failure| &failure.artifacts);
    let Some(recording) = artifacts.into_iter().find(|artifact| artifact.name == RECORDING_ARTIFACT) else {
        return Ok(Vec::new());
    };
    let archives = pictures(app, vec![recording.sha256]).await?;
    let shots = archives.values().next().map(|archive| report::shots_of(archive)).transpose();
    if let Err(error) = &shots {
        tracing::warn!(%error, "the recording of an attempt cannot be read");
    }
    Ok(shots.ok().flatten().unwrap_or_default())
}

/// Those that have arrived.
async fn pictures(app: &App, wanted: Vec<Digest>) -> ApiResult<BTreeMap<Digest, Vec<u8>>> {
    let mut pictures = BTreeMap::new();
    let mut room = report::MAX_PICTURE_BYTES;
    for digest in wanted {
        let Some((mut file, bytes)) = app.handle().open_blob(digest).await? else { continue };
        // The agent said how large they are, and these are as they came.
        let Some(left) = room.checked_sub(bytes) else { continue };
        room = left;
        let read = move || {
            let mut content = Vec::with_capacity(usize::try_from(bytes).unwrap_or_default());
            file.read_to_end(&mut content).map(|_| content)
        };
        match tokio::task::spawn_blocking(read).await {
            Ok(Ok(content)) => drop(pictures.insert(digest, content)),
            Ok(Err(error)) => tracing::warn!(%error, %digest, "a picture of a report cannot be read"),
            Err(error) => tracing::warn!(%error, %digest, "a picture of a report cannot be read"),
        }
    }
    Ok(pictures)
}

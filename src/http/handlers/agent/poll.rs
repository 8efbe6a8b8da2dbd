//! The poll: heartbeat, and question for work.

use std::time::Duration;

use axum::{extract::State, response::Response};

use super::{certificate, join::facts, offer, session};
use crate::{
    controller::{self, PollRequest as Parked, Polled},
    fleet::{Assignment, DocumentKind, Poll},
    http::{access::CallerMachine, app::App, convert, handlers::ok, problem::ApiResult, request::JsonBody},
    wire::agent::{PollAnswer, PollRequest, PoolApps, Wanted, WantedDisplay},
};

/// Proxies cut what is silent for a minute.
const MAX_WAIT: Duration = Duration::from_secs(50);

pub(crate) async fn poll(
    State(app): State<App>,
    machine: CallerMachine,
    JsonBody(request): JsonBody<PollRequest>,
) -> ApiResult<Response> {
    if let Some(facts) = &request.facts {
        app.sessions().set(machine.0.id, convert::session(facts));
    }
    let poll = Poll {
        certificate: certificate(&machine),
        incarnation: request.incarnation,
        number: request.number,
        facts: request.facts.as_ref().map(facts),
        readiness: convert::readiness_report(request.readiness),
        session: session(&app, &machine).await?,
        held: request.held.map(|held| (held.attempt, held.epoch)),
        wall: None,
    };
    let wait = Duration::from_millis(request.wait_ms).min(MAX_WAIT);
    let polled = app.handle().poll(Parked { poll, wait, apps_known: request.apps_digest }).await?;
    Ok(ok(answer(&app, polled).await?))
}

async fn answer(app: &App, polled: Polled) -> ApiResult<PollAnswer> {
    let row = &polled.machine.row;
    let mut answer = PollAnswer {
        generation: polled.generation,
        mode: row.mode.name.into(),
        pool: row.pool.clone(),
        offer: None,
        revoke: None,
        lost: false,
        wanted: polled.wanted.map(|wanted| Wanted::Screenshot { request: wanted.id }).into_iter().collect(),
        apps: match &polled.apps {
            Some(apps) => Some(pool_apps(app, apps).await?),
            None => None,
        },
    };
    match &polled.assignment {
        Assignment::Nothing | Assignment::Hold { .. } => {}
        Assignment::Offer(found) => answer.offer = Some(offer::offer(app, found, offer::machine_ref(row)).await?),
        Assignment::Stop { epoch, .. } => answer.revoke = Some(*epoch),
        Assignment::Lost { .. } => answer.lost = true,
    }
    Ok(answer)
}

async fn pool_apps(app: &App, found: &controller::PoolApps) -> ApiResult<PoolApps> {
    let mut apps = Vec::with_capacity(found.apps.len());
    for (name, version) in &found.apps {
        apps.push(offer::version(app, DocumentKind::App, name, *version).await?.reference());
    }
    let display = match found.pool_version {
        Some(version) => {
            let entry = offer::version(app, DocumentKind::Pool, &found.pool, version).await?;
            entry.document()?.as_pool().and_then(|pool| pool.display)
        }
        None => None,
    };
    let display =
        display.map(|display| WantedDisplay { width: display.width, height: display.height, scale: display.scale });
    Ok(PoolApps { digest: found.digest, apps, display })
}

//! Machines: look, label, move, take out of service, remove.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{ok, page, show::MachineContext};
use crate::{
    fleet::{Command, MachineView, ModeName, PatchMachine, RemoveMachine, SetMode},
    http::{
        access::CallerToken,
        app::App,
        problem::{ApiError, ApiResult},
        request::{JsonBody, PathPart, Query, cursor, parse_id},
    },
    ids::{MachineName, Name},
    wire::machine::{MachinePatch, Mode, ModeRequest, Status},
};

pub(crate) async fn list(State(app): State<App>, mut query: Query) -> ApiResult<Response> {
    let limit = query.limit();
    let after: Option<String> = query.parse("cursor", cursor::decode);
    let filter = filter(&mut query);
    query.finish()?;
    let context = MachineContext::look(&app).await?;
    let mut machines = app.handle().machines().await?;
    machines.retain(|view| filter.fits(view));
    let (machines, next) = cursor::page_by_name(machines, after.as_deref(), limit, |view| view.row.name.to_string());
    Ok(page(machines.iter().map(|view| context.show(view)).collect(), next))
}

/// Which machines are meant.
pub(super) struct MachineFilter {
    statuses: Vec<Status>,
    modes: Vec<Mode>,
    pool: Option<Name>,
    labels: Vec<(String, String)>,
}

pub(super) fn filter(query: &mut Query) -> MachineFilter {
    MachineFilter {
        statuses: query.list("status", |text| word(text, "idle, busy, offline")),
        modes: query.list("mode", |text| word(text, "active, draining, maintenance, quarantined")),
        pool: query.value("pool"),
        labels: query.prefixed("label."),
    }
}

impl MachineFilter {
    pub(super) fn fits(&self, view: &MachineView) -> bool {
        (self.statuses.is_empty() || self.statuses.contains(&view.status.into()))
            && (self.modes.is_empty() || self.modes.contains(&view.row.mode.name.into()))
            && self.pool.as_ref().is_none_or(|pool| *pool == view.row.pool)
            && self.labels.iter().all(|(key, value)| view.row.labels.get(key) == Some(value))
    }
}

fn word<T: serde::de::DeserializeOwned>(text: &str, all: &str) -> Result<T, String> {
    serde_json::from_value(text.into()).map_err(|_| format!("`{text}` is none of {all}"))
}

pub(crate) async fn show_one(State(app): State<App>, PathPart(name): PathPart<String>) -> ApiResult<Response> {
    let view = find(&app, &name).await?;
    shown(&app, &view).await
}

pub(crate) async fn find(app: &App, name: &str) -> ApiResult<MachineView> {
    let name: MachineName = parse_id("machine", name)?;
    app.handle()
        .machine(name.clone())
        .await?
        .ok_or_else(|| ApiError::not_found(format!("machine `{name}`: check the spelling, or list what there is")))
}

async fn shown(app: &App, view: &MachineView) -> ApiResult<Response> {
    Ok(ok(MachineContext::look(app).await?.show(view)))
}

pub(crate) async fn change(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(name): PathPart<String>,
    JsonBody(patch): JsonBody<MachinePatch>,
) -> ApiResult<Response> {
    let machine = find(&app, &name).await?.row.name;
    let (pool, labels, by) = (patch.pool, patch.labels, caller.principal());
    let command = PatchMachine { machine: machine.clone(), pool, labels, by };
    app.handle().execute(Command::PatchMachine(command)).await?;
    show_one(State(app), PathPart(machine.to_string())).await
}

/// Refused while something runs there. Its certificate is void from now on.
pub(crate) async fn remove(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(name): PathPart<String>,
) -> ApiResult<Response> {
    let view = find(&app, &name).await?;
    let command = RemoveMachine { machine: view.row.name, by: caller.principal() };
    app.handle().execute(Command::RemoveMachine(command)).await?;
    app.sessions().forget(view.row.id);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// The modes have a route each; what they do is one thing.
macro_rules! mode_routes {
    ($($function:ident: $mode:ident;)+) => {$(
        pub(crate) async fn $function(
            State(app): State<App>,
            caller: CallerToken,
            PathPart(name): PathPart<String>,
            JsonBody(request): JsonBody<ModeRequest>,
        ) -> ApiResult<Response> {
            set_mode(app, &caller, &name, ModeName::$mode, request).await
        }
    )+};
}

mode_routes! {
    activate: Active;
    drain: Draining;
    maintenance: Maintenance;
    quarantine: Quarantined;
}

pub(super) fn check_now(mode: ModeName, now: bool) -> ApiResult<()> {
    let stops = matches!(mode, ModeName::Maintenance | ModeName::Quarantined);
    if now && !stops {
        return Err(ApiError::fault(
            "/now",
            "goes with maintenance and quarantine only: elsewhere what runs is finished",
        ));
    }
    Ok(())
}

async fn set_mode(
    app: App,
    caller: &CallerToken,
    name: &str,
    mode: ModeName,
    request: ModeRequest,
) -> ApiResult<Response> {
    check_now(mode, request.now)?;
    let machine: MachineName = parse_id("machine", name)?;
    let command =
        SetMode { machine: machine.clone(), mode, reason: request.reason, now: request.now, by: caller.principal() };
    app.handle().execute(Command::SetMode(command)).await?;
    show_one(State(app), PathPart(machine.to_string())).await
}

//! A machine joins with a token and gets its certificate; later it exchanges that for a new one.

use axum::{extract::State, http::StatusCode, response::Response};

use super::certificate;
use crate::{
    fleet::{Certificate, Command, JoinMachine, RenewCertificate, Reply},
    http::{
        access::CallerMachine,
        app::App,
        convert,
        handlers::{ok, unexpected, with_status},
        problem::{ApiError, ApiResult, Code},
        request::JsonBody,
        secret,
        tls::{ClientCertificate, TlsError},
    },
    ids::{Json, MachineName},
    wire::{
        agent::{JoinAnswer, JoinRequest, RenewAnswer, RenewRequest},
        machine::Facts,
    },
};

pub(crate) async fn join(State(app): State<App>, JsonBody(request): JsonBody<JoinRequest>) -> ApiResult<Response> {
    let token = secret::join_digest_of(&request.token);
    // Nothing is signed for who has no token. Joining itself checks it again, and counts it.
    let allowed = app.handle().look(move |fleet, now| fleet.join_token_by_digest(&token, now).map(|_| ()));
    allowed.await?.map_err(ApiError::from)?;
    let issued = issue(&app, &request.certificate_request, &request.name)?;
    let command = JoinMachine {
        token,
        name: request.name,
        pool: request.pool,
        labels: request.labels,
        identity: request.identity,
        certificate: Certificate { digest: issued.digest, not_after: issued.expires_at },
        facts: facts(&request.facts),
    };
    let reply = app.handle().execute(Command::JoinMachine(command)).await?;
    let Reply::Machine(machine) = reply else { return Err(unexpected(&reply)) };
    app.sessions().set(machine.id, convert::session(&request.facts));
    let generation = app.handle().look(|fleet, _| fleet.meta().generation).await?;
    tracing::info!(machine = %machine.name, id = %machine.id, "a machine joined");
    let answer = JoinAnswer {
        machine: machine.id,
        name: machine.name,
        pool: machine.pool,
        certificate: issued.pem,
        expires_at: issued.expires_at,
        generation,
    };
    Ok(with_status(StatusCode::CREATED, answer))
}

pub(crate) async fn renew(
    State(app): State<App>,
    machine: CallerMachine,
    JsonBody(request): JsonBody<RenewRequest>,
) -> ApiResult<Response> {
    let issued = issue(&app, &request.certificate_request, &machine.0.name)?;
    let new = Certificate { digest: issued.digest, not_after: issued.expires_at };
    let command = RenewCertificate { certificate: certificate(&machine), new };
    app.handle().execute(Command::RenewCertificate(command)).await?;
    Ok(ok(RenewAnswer { certificate: issued.pem, expires_at: issued.expires_at }))
}

fn issue(app: &App, request_pem: &str, name: &MachineName) -> ApiResult<ClientCertificate> {
    let now = app.clock().now().wall;
    app.tls().authority().issue_client(request_pem, name, now).map_err(|error| {
        if matches!(error, TlsError::Request(_)) {
            return ApiError::fault("/certificate_request", error.to_string());
        }
        tracing::error!(%error, "a machine's certificate cannot be made");
        ApiError::new(Code::Internal, "the certificate cannot be made; the controller's log has more")
    })
}

/// The fleet carries them unread.
pub(super) fn facts(facts: &Facts) -> Json {
    // Facts are plain data: they always have a JSON form.
    Json::new(serde_json::to_string(facts).unwrap_or_default())
}

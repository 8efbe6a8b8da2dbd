//! API tokens, and who is asking.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{ok, page, unexpected, with_status};
use crate::{
    fleet::{Command, CreateToken, Reply, RevokeToken},
    http::{
        access::CallerToken,
        app::App,
        convert,
        problem::{ApiError, ApiResult, Code},
        request::{JsonBody, PathPart, Query, cursor, parse_id},
        secret::{NoRandomness, Secret},
    },
    ids::{Name, TokenId},
    time::{Timestamp, parse_duration},
    wire::token::{TokenRequest, Whoami},
};

pub(crate) async fn create(
    State(app): State<App>,
    caller: CallerToken,
    JsonBody(request): JsonBody<TokenRequest>,
) -> ApiResult<Response> {
    let expires_at = expiry(&app, request.expires_in.as_deref())?;
    let team: Name = match request.team {
        Some(team) => team,
        None => caller.0.team.clone(),
    };
    let secret = Secret::token()?;
    let (name, role, digest) = (request.name, request.role.into(), secret.digest());
    let command = CreateToken { name, role, team, digest, expires_at, by: caller.principal() };
    match app.handle().execute(Command::CreateToken(command)).await? {
        Reply::Token(row) => Ok(with_status(StatusCode::CREATED, convert::token(&row, Some(secret.reveal())))),
        other => Err(unexpected(&other)),
    }
}

/// A while from now.
pub(crate) fn expiry(app: &App, expires_in: Option<&str>) -> ApiResult<Option<Timestamp>> {
    let Some(text) = expires_in else { return Ok(None) };
    let lasts = parse_duration(text).map_err(|error| ApiError::fault("/expires_in", error.to_string()))?;
    if lasts.is_zero() {
        return Err(ApiError::fault("/expires_in", "is no time at all: a token must last a while"));
    }
    Ok(Some(app.clock().now().wall.saturating_add(lasts)))
}

pub(crate) async fn list(State(app): State<App>, mut query: Query) -> ApiResult<Response> {
    let limit = query.limit();
    let after: Option<String> = query.parse("cursor", cursor::decode);
    query.finish()?;
    let tokens = app.handle().tokens().await?;
    let (tokens, next) = cursor::page_by_name(tokens, after.as_deref(), limit, |token| token.id.to_string());
    Ok(page(tokens.iter().map(|token| convert::token(token, None)).collect(), next))
}

/// From the answer on it opens nothing any more.
pub(crate) async fn revoke(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(id): PathPart<String>,
) -> ApiResult<Response> {
    let token: TokenId = parse_id("token", &id)?;
    app.handle().execute(Command::RevokeToken(RevokeToken { token, by: caller.principal() })).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

pub(crate) async fn whoami(caller: CallerToken) -> Response {
    let token = caller.0;
    ok(Whoami {
        id: token.id,
        name: token.name,
        role: token.role.into(),
        team: token.team,
        expires_at: token.expires_at,
    })
}

impl From<NoRandomness> for ApiError {
    fn from(error: NoRandomness) -> Self {
        Self::new(Code::Internal, error.to_string())
    }
}

//! Join tokens: what lets a machine in.

use axum::{
    extract::State,
    http::StatusCode,
    response::{IntoResponse as _, Response},
};

use super::{page, tokens::expiry, unexpected, with_status};
use crate::{
    fleet::{Command, CreateJoinToken, DEFAULT_POOL, Reply, RevokeJoinToken},
    http::{
        access::CallerToken,
        app::App,
        convert,
        problem::{ApiError, ApiResult},
        request::{JsonBody, PathPart, Query, cursor, parse_id},
        secret::Secret,
    },
    ids::{JoinTokenId, Name},
    wire::token::JoinTokenRequest,
};

const DEFAULT_LIFE: &str = "24h";

pub(crate) async fn create(
    State(app): State<App>,
    caller: CallerToken,
    JsonBody(request): JsonBody<JoinTokenRequest>,
) -> ApiResult<Response> {
    if request.uses == Some(0) {
        return Err(ApiError::fault("/uses", "is 0: leave it out for any number"));
    }
    let expires_at = expiry(&app, Some(request.expires_in.as_deref().unwrap_or(DEFAULT_LIFE)))?;
    let pool: Name = match request.pool {
        Some(pool) => pool,
        None => parse_id("pool", DEFAULT_POOL)?,
    };
    let secret = Secret::join_token()?;
    let command =
        CreateJoinToken { pool, uses: request.uses, digest: secret.digest(), expires_at, by: caller.principal() };
    match app.handle().execute(Command::CreateJoinToken(command)).await? {
        Reply::JoinToken(row) => {
            let secret = secret.reveal_with_anchor(app.tls().anchor());
            Ok(with_status(StatusCode::CREATED, convert::join_token(&row, Some(secret))))
        }
        other => Err(unexpected(&other)),
    }
}

pub(crate) async fn list(State(app): State<App>, mut query: Query) -> ApiResult<Response> {
    let limit = query.limit();
    let after: Option<String> = query.parse("cursor", cursor::decode);
    query.finish()?;
    let tokens = app.handle().join_tokens().await?;
    let (tokens, next) = cursor::page_by_name(tokens, after.as_deref(), limit, |token| token.id.to_string());
    Ok(page(tokens.iter().map(|token| convert::join_token(token, None)).collect(), next))
}

pub(crate) async fn revoke(
    State(app): State<App>,
    caller: CallerToken,
    PathPart(id): PathPart<String>,
) -> ApiResult<Response> {
    let token: JoinTokenId = parse_id("join token", &id)?;
    app.handle().execute(Command::RevokeJoinToken(RevokeJoinToken { token, by: caller.principal() })).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

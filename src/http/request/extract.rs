//! What handlers ask for in their arguments. All of them refuse with a problem, which axum's own do not.

use std::str::FromStr;

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::request::Parts,
};
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::{BodyReader, content_type, parse_json};
use crate::http::{
    app::App,
    problem::{ApiError, ApiResult, Code},
};

/// The variable parts of a path, as text: what a handler makes of them decides between `404` and `422`.
pub(crate) struct PathPart<T>(pub(crate) T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for PathPart<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> ApiResult<Self> {
        match Path::from_request_parts(parts, state).await {
            Ok(Path(value)) => Ok(Self(value)),
            Err(error) => Err(ApiError::new(Code::NotFound, format!("there is nothing under this path: {error}"))),
        }
    }
}

/// A text that can't be an id or a name is the id or name of nothing.
pub(crate) fn parse_id<T: FromStr>(what: &str, text: &str) -> ApiResult<T> {
    text.parse().map_err(|_| {
        let shown: String = text.chars().take(80).collect();
        ApiError::not_found(format!("{what} `{shown}`: check the spelling, or list what there is"))
    })
}

/// A JSON body of ordinary size.
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<T: DeserializeOwned + ToSchema> FromRequest<App> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, app: &App) -> ApiResult<Self> {
        let (parts, body) = request.into_parts();
        // `curl -d` says "form" of anything; only what plainly is something else is refused.
        let foreign = content_type(&parts.headers).filter(|kind| {
            !(kind.ends_with("json") || kind == "application/x-www-form-urlencoded" || kind == "text/plain")
        });
        if let Some(kind) = foreign {
            let detail = format!("`{kind}` is not read here: send application/json");
            return Err(ApiError::new(Code::UnsupportedMediaType, detail));
        }
        let bytes = BodyReader::new(&parts.headers, body, app.limits().body_bytes).whole().await?;
        parse_json(&bytes).map(Self).map_err(ApiError::invalid)
    }
}

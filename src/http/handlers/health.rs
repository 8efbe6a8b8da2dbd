//! Is it there, can it work, what does it speak.

use std::time::Duration;

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse as _, Response},
};

use super::send;
use crate::{
    controller::Room,
    http::{
        app::App,
        problem::{ApiError, ApiResult, Code},
    },
    ids::Digest,
};

/// An engine that needs longer for a look is of no use to anybody.
const READY_TIMEOUT: Duration = Duration::from_secs(2);

/// The process lives.
pub(crate) async fn healthz() -> &'static str {
    "ok\n"
}

/// The engine answers, and can write. Where room runs low it still can, and says so.
pub(crate) async fn readyz(State(app): State<App>) -> ApiResult<&'static str> {
    if *app.handle().watch_closing().borrow() {
        return Err(ApiError::new(Code::ShuttingDown, "the controller is stopping"));
    }
    match tokio::time::timeout(READY_TIMEOUT, app.handle().look(|_, _| ())).await {
        Ok(looked) => looked.map_err(ApiError::from)?,
        Err(_) => return Err(ApiError::new(Code::Overloaded, "the engine does not answer in time")),
    }
    match app.handle().storage().room {
        Room::Enough => Ok("ready\n"),
        Room::Low => Ok("ready, but the disk has little room: only what runs is finished\n"),
        Room::Full => Err(ApiError::new(Code::StorageFull, "the disk is full: make room in the data directory")),
    }
}

pub(crate) async fn openapi(State(app): State<App>, headers: HeaderMap) -> Response {
    let text = app.description();
    let tag = format!("\"{}\"", Digest::of(&text));
    let known = send::matches(&headers, header::IF_NONE_MATCH, &tag);
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { text.into_response() };
    send::set(&mut response, header::CONTENT_TYPE, "application/json");
    send::set(&mut response, header::ETAG, &tag);
    response
}

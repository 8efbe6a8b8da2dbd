//! Around every request: its id, its line in the log, and a panic turned into an answer.

use std::{
    collections::BTreeMap,
    panic::AssertUnwindSafe,
    sync::{Mutex, PoisonError},
};

use axum::{
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse as _, Response},
};
use futures_util::FutureExt as _;

use super::{
    app::App,
    problem::{ApiError, Code, PROBLEM_JSON},
    server::Peer,
};
use crate::time::duration_ms;

pub(crate) const REQUEST_ID: HeaderName = HeaderName::from_static("request-id");
const MAX_ID_CHARS: usize = 64;

/// How many requests were answered how, since the start.
#[derive(Debug, Default)]
pub(crate) struct Counters(Mutex<BTreeMap<(String, String, u16), u64>>);

impl Counters {
    /// Anybody may invent methods: those not known here count as one, or the map would grow with them.
    fn count(&self, method: &Method, route: &str, status: u16) {
        let known =
            [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
        let method = if known.contains(method) { method.as_str() } else { "other" };
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *counts.entry((method.to_owned(), route.to_owned(), status)).or_default() += 1;
    }

    /// By method, route and status.
    pub(crate) fn read(&self) -> BTreeMap<(String, String, u16), u64> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

pub(super) async fn observe(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = request_id(request.headers().get(&REQUEST_ID));
    let started = app.clock().now().mono;
    let method = request.method().clone();
    // The path alone: a query may hold what is nobody else's business.
    let path = request.uri().path().to_owned();
    let route = request.extensions().get::<MatchedPath>().map(|matched| matched.as_str().to_owned());
    let peer = request.extensions().get::<Peer>().map(|peer| peer.address);

    // Nothing is shared with a handler but the handle, whose engine ends the process if it panics.
    let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
    let mut response = answered.unwrap_or_else(|_| {
        tracing::error!(request_id = %id, %method, %path, "a handler panicked");
        ApiError::new(Code::Internal, format!("this is a fault of the controller; its log has more under {id}"))
            .into_response()
    });

    let status = response.status();
    let elapsed_ms = duration_ms(app.clock().now().mono.since(started));
    app.counters().count(&method, route.as_deref().unwrap_or("none"), status.as_u16());
    let peer = peer.map(|address| address.to_string()).unwrap_or_default();
    let status = status.as_u16();
    if status >= 500 && status != 503 {
        tracing::error!(request_id = %id, %method, %path, status, elapsed_ms, %peer, "answered");
    } else if path.starts_with("/agent/") {
        // Every machine calls several times a minute.
        tracing::debug!(request_id = %id, %method, %path, status, elapsed_ms, %peer, "answered");
    } else {
        tracing::info!(request_id = %id, %method, %path, status, elapsed_ms, %peer, "answered");
    }
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// Whatever axum itself refuses with a bare text becomes a problem too.
pub(super) async fn problems_only(request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let status = response.status();
    let is_error = status.is_client_error() || status.is_server_error();
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    if !is_error || kind == Some(PROBLEM_JSON) {
        return response;
    }
    let code = match status {
        StatusCode::NOT_FOUND => Code::NotFound,
        StatusCode::PAYLOAD_TOO_LARGE => Code::TooLarge,
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Code::UnsupportedMediaType,
        _ if status.is_client_error() => Code::BadRequest,
        _ => Code::Internal,
    };
    ApiError::new(code, format!("the request was refused with {status}")).into_response()
}

/// The client's own where it is fit for a log, else a new one.
fn request_id(given: Option<&HeaderValue>) -> String {
    let fit = |id: &str| {
        !id.is_empty()
            && id.len() <= MAX_ID_CHARS
            && id.chars().all(|c| c.is_ascii_alphanumeric() || "-_.:".contains(c))
    };
    if let Some(id) = given.and_then(|value| value.to_str().ok()).filter(|id| fit(id)) {
        return id.to_owned();
    }
    let mut bytes = [0u8; 8];
    // Without randomness ids repeat, which costs no more than a longer look at the log.
    let _ = getrandom::fill(&mut bytes);
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_somebody_made_up_count_as_one() {
        let counters = Counters::default();
        for method in ["BREW", "WHEN"] {
            counters.count(&Method::from_bytes(method.as_bytes()).unwrap(), "none", 404);
        }
        counters.count(&Method::GET, "/healthz", 200);
        let counts: Vec<_> = counters.read().into_iter().map(|((method, ..), count)| (method, count)).collect();
        assert_eq!(counts, [("GET".to_owned(), 1), ("other".to_owned(), 2)]);
    }

    #[test]
    fn a_request_keeps_the_id_its_client_gave_it_if_it_is_fit() {
        assert_eq!(request_id(Some(&HeaderValue::from_static("trace-7:1"))), "trace-7:1");
        for bad in [None, Some("a b"), Some(""), Some("x\"y")] {
            let id = request_id(bad.map(HeaderValue::from_static).as_ref());
            assert_eq!(id.len(), 16, "{bad:?}");
        }
    }
}

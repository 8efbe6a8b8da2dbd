//! What routes do: thin, one file a resource. Each asks the handle and shows what it gets.

pub(crate) mod agent;
pub(crate) mod artifacts;
pub(crate) mod batches;
pub(crate) mod blobs;
pub(crate) mod bulk;
pub(crate) mod deliveries;
pub(crate) mod documents;
pub(crate) mod events;
pub(crate) mod explain;
pub(crate) mod fleet;
pub(crate) mod health;
pub(crate) mod jobs;
pub(crate) mod join_tokens;
pub(crate) mod logs;
pub(crate) mod machines;
pub(crate) mod metrics;
pub(crate) mod multipart;
pub(crate) mod report;
pub(crate) mod screenshots;
pub(crate) mod send;
pub(crate) mod show;
pub(crate) mod steps;
pub(crate) mod submit;
pub(crate) mod tokens;
pub(crate) mod upkeep;

use axum::{
    Json,
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;

use super::problem::{ApiError, Code};
use crate::{fleet::Reply, wire::page::Page};

pub(crate) fn ok<T: Serialize>(body: T) -> Response {
    Json(body).into_response()
}

pub(crate) fn with_status<T: Serialize>(status: StatusCode, body: T) -> Response {
    (status, Json(body)).into_response()
}

pub(crate) fn page<T: Serialize>(items: Vec<T>, next: Option<String>) -> Response {
    ok(Page { items, next })
}

/// The engine answered a command with the reply of another: a fault of ours, told as one.
pub(crate) fn unexpected(reply: &Reply) -> ApiError {
    // Only which one: its content may be an input, which is for no log.
    tracing::error!(reply = ?std::mem::discriminant(reply), "a command was answered with the reply of another");
    ApiError::new(Code::Internal, "the controller answered in a way that makes no sense here")
}

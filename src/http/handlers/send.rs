//! Blobs on their way out: whole or a part, with what caches need.

use std::io::{Seek as _, SeekFrom};

use axum::{
    body::Body,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse as _, Response},
};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;

use crate::{
    http::{
        app::App,
        problem::{ApiError, ApiResult, Code},
        range::{self, Wanted},
    },
    ids::Digest,
};

const CHUNK_BYTES: usize = 64 * 1_024;

/// How a blob is shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Shown<'a> {
    pub(crate) content_type: &'a str,
    /// What a browser would save it as.
    pub(crate) file_name: Option<&'a str>,
    /// Whether what is under this address is the same for ever.
    pub(crate) immutable: bool,
}

pub(crate) async fn blob(app: &App, digest: Digest, shown: Shown<'_>, headers: &HeaderMap) -> ApiResult<Response> {
    let (file, total_bytes) = app.handle().open_blob(digest).await?.ok_or_else(|| {
        ApiError::not_found(format!("content {digest} yet: its upload may still be under way, try again"))
    })?;
    let tag = format!("\"{digest}\"");
    let mut answer = if matches(headers, header::IF_NONE_MATCH, &tag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        let asked = text(headers, header::RANGE).filter(|_| may_be_part(headers, &tag));
        match range::wanted(asked, total_bytes) {
            Wanted::Whole => part(file, 0, total_bytes)?,
            Wanted::Part { first, last } => {
                let mut answer = part(file, first, last - first + 1)?;
                *answer.status_mut() = StatusCode::PARTIAL_CONTENT;
                set(&mut answer, header::CONTENT_RANGE, &format!("bytes {first}-{last}/{total_bytes}"));
                answer
            }
            Wanted::Outside => {
                let detail = format!("there are {total_bytes} bytes: ask for a range within them");
                let total = HeaderValue::from_str(&format!("bytes */{total_bytes}"));
                let error = ApiError::new(Code::RangeNotSatisfiable, detail);
                return Err(match total {
                    Ok(total) => error.with_header(header::CONTENT_RANGE, total),
                    Err(_) => error,
                });
            }
        }
    };
    describe(&mut answer, &tag, shown);
    Ok(answer)
}

fn describe(answer: &mut Response, tag: &str, shown: Shown<'_>) {
    set(answer, header::CONTENT_TYPE, shown.content_type);
    set(answer, header::ETAG, tag);
    set(answer, header::ACCEPT_RANGES, "bytes");
    let keep = if shown.immutable { "private, max-age=31536000, immutable" } else { "private, no-cache" };
    set(answer, header::CACHE_CONTROL, keep);
    // What an automated application produced must not run as a page of ours.
    set(answer, header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(
        answer,
        header::CONTENT_SECURITY_POLICY,
        "sandbox; default-src 'none'; img-src 'self'; style-src 'unsafe-inline'",
    );
    if let Some(name) = shown.file_name {
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' }).collect();
        let how = if is_shown(shown.content_type) { "inline" } else { "attachment" };
        set(answer, header::CONTENT_DISPOSITION, &format!("{how}; filename=\"{plain}\""));
    }
}

/// Pictures and plain text are looked at. What else a workflow saved (pages, drawings that may carry scripts) is kept as a file.
fn is_shown(content_type: &str) -> bool {
    let kind = content_type.split(';').next().unwrap_or_default().trim();
    matches!(kind, "image/webp" | "image/png" | "image/jpeg" | "image/gif" | "text/plain")
}

fn part(mut file: std::fs::File, first: u64, length: u64) -> ApiResult<Response> {
    if first > 0 {
        file.seek(SeekFrom::Start(first)).map_err(|error| {
            tracing::error!(%error, "a blob cannot be read");
            ApiError::new(Code::Internal, "the content cannot be read; the controller's log has more")
        })?;
    }
    let reader = tokio::fs::File::from_std(file).take(length);
    let mut answer = Body::from_stream(ReaderStream::with_capacity(reader, CHUNK_BYTES)).into_response();
    answer.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Ok(answer)
}

/// `If-Range`: a part only of what the client already has a part of.
fn may_be_part(headers: &HeaderMap, tag: &str) -> bool {
    headers.get(header::IF_RANGE).is_none_or(|value| value.as_bytes() == tag.as_bytes())
}

/// Whether one of the tags in the header is this one.
pub(crate) fn matches(headers: &HeaderMap, name: header::HeaderName, tag: &str) -> bool {
    let tags = text(headers, name).unwrap_or_default();
    tags.split(',').map(|one| one.trim().trim_start_matches("W/")).any(|one| one == tag || one == "*")
}

fn text(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name)?.to_str().ok()
}

pub(crate) fn set(answer: &mut Response, name: header::HeaderName, value: &str) {
    // What has no header form is left out: it came from an agent, and is no reason to fail.
    if let Ok(value) = HeaderValue::from_str(value) {
        answer.headers_mut().insert(name, value);
    }
}

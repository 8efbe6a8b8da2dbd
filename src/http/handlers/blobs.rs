//! Blobs by their digest: images of documents, files of jobs.

use axum::{
    extract::{Request, State},
    http::{HeaderMap, StatusCode},
    response::Response,
};

use super::{
    send::{self, Shown},
    with_status,
};
use crate::{
    controller,
    http::{
        app::App,
        problem::{ApiError, ApiResult},
        request::{BodyReader, PathPart},
    },
    ids::Digest,
    wire::document::Blob,
};

/// `201`, or `200` where it was there before. Content that is not that of the digest is refused.
pub(crate) async fn store(
    State(app): State<App>,
    PathPart(digest): PathPart<String>,
    request: Request,
) -> ApiResult<Response> {
    let digest = parse(&digest)?;
    let known = app.handle().blob_size(digest).await?;
    let blob = receive(&app, Some(digest), request).await?;
    let status = if known.is_some() { StatusCode::OK } else { StatusCode::CREATED };
    Ok(with_status(status, Blob { sha256: blob.digest, bytes: blob.bytes }))
}

/// Streams the body into the store. With `expected`, other content is refused.
pub(crate) async fn receive(app: &App, expected: Option<Digest>, request: Request) -> ApiResult<controller::Blob> {
    let (parts, body) = request.into_parts();
    let mut reader = BodyReader::new(&parts.headers, body, app.limits().blob_bytes);
    let mut upload = app.handle().begin_upload(expected).await?;
    while let Some(piece) = reader.next().await? {
        upload = upload.write(piece).await?;
    }
    Ok(upload.finish().await?)
}

pub(crate) async fn content(
    State(app): State<App>,
    PathPart(digest): PathPart<String>,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let shown = Shown { content_type: "application/octet-stream", file_name: None, immutable: true };
    send::blob(&app, parse(&digest)?, shown, &headers).await
}

pub(crate) fn parse(digest: &str) -> ApiResult<Digest> {
    digest.parse().map_err(|error: crate::ids::IdError| ApiError::fault("", format!("the address: {error}")))
}

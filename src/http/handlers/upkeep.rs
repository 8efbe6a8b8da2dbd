//! Backups that stream, and a look at all that is stored.

use std::{io, path::Path};

use axum::{
    body::Body,
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};
use futures_util::stream;

use super::{ok, send};
use crate::{
    controller::{BackupError, PrivateFile, is_left_out_of_backups},
    http::{
        access::CallerToken,
        app::App,
        convert,
        problem::{ApiError, ApiResult, Code},
        request::Query,
    },
};

/// Keys and tokens are small; what is larger is none.
const MAX_FILE_BYTES: u64 = 16 << 20;

/// Everything of this moment as one archive. It holds keys: for administrators, and for a safe place.
pub(crate) async fn backup(State(app): State<App>, caller: CallerToken) -> ApiResult<Response> {
    let dir = app.data_dir().to_owned();
    let files = tokio::task::spawn_blocking(move || private_files(&dir)).await.map_err(io::Error::other);
    let files = files.flatten().map_err(|error| {
        tracing::error!(%error, "the files of a backup cannot be read");
        ApiError::new(Code::Internal, "the files beside the database cannot be read; the controller's log has more")
    })?;
    tracing::info!(by = ?caller.principal(), "a backup is made");
    let pieces = app.handle().backup(files).await.map_err(|error| match error {
        BackupError::Read(error) => ApiError::from(error),
        BackupError::Engine(error) => error.into(),
    })?;
    let pieces = stream::unfold(pieces, |mut pieces| async { Some((pieces.recv().await?, pieces)) });
    let mut answer = Body::from_stream(pieces).into_response();
    send::set(&mut answer, header::CONTENT_TYPE, "application/x-tar");
    send::set(&mut answer, header::CACHE_CONTROL, "no-store");
    Ok(answer)
}

/// What lies in the data directory itself beside the database: the authority, certificates, tokens.
fn private_files(dir: &Path) -> io::Result<Vec<PrivateFile>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(dir)? {
        let entry = entry?;
        let (name, metadata) = (entry.file_name(), entry.metadata()?);
        let Some(name) = name.to_str().filter(|name| !is_left_out_of_backups(name)) else { continue };
        if metadata.is_file() && metadata.len() <= MAX_FILE_BYTES {
            files.push(PrivateFile { name: name.to_owned(), content: std::fs::read(entry.path())? });
        }
    }
    files.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(files)
}

/// Goes through everything stored while the controller runs. With `content` also through every blob, byte by byte.
pub(crate) async fn check(State(app): State<App>, mut query: Query) -> ApiResult<Response> {
    let content = query.flag("content");
    query.finish()?;
    Ok(ok(convert::check_report(app.handle().check(content).await?)))
}

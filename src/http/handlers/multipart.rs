//! A job with its files in one form: `-F job=@job.json -F referral.pdf=@referral.pdf`.

use std::error::Error;

use axum::{
    body::Body,
    extract::{FromRequest as _, Multipart, Request, multipart::Field},
};
use futures_util::stream;

use crate::{
    controller::Blob,
    http::{
        app::App,
        problem::{ApiError, ApiResult, Code, fault},
        request::{BodyReader, parse_json},
    },
    wire::job::JobRequest,
};

/// Of one form; each file has its own limit beside.
const MAX_FILES: usize = 64;
const JOB: &str = "job";

pub(crate) async fn read(app: &App, request: Request) -> ApiResult<JobRequest> {
    let mut form = bounded(app, request).await?;
    let mut job: Option<JobRequest> = None;
    let mut files: Vec<(String, Blob)> = Vec::new();
    while let Some(field) = form.next_field().await.map_err(|error| cause(&error))? {
        let name = field.name().unwrap_or_default().to_owned();
        if name == JOB {
            let text = text(field, app.limits().body_bytes).await?;
            job = Some(parse_json(&text).map_err(ApiError::invalid)?);
        } else if name.is_empty() {
            return Err(ApiError::fault("", "a part of the form has no name: the name of a file is that of its part"));
        } else if files.len() >= MAX_FILES {
            return Err(ApiError::new(Code::TooLarge, format!("a job has at most {MAX_FILES} files")));
        } else {
            files.push((name, store(app, field).await?));
        }
    }
    let mut job = job.ok_or_else(|| ApiError::fault("", "the form has no part `job` with the job as JSON"))?;
    let mut faults = Vec::new();
    for (name, blob) in files {
        let pointer = format!("/files/{}", name.replace('~', "~0").replace('/', "~1"));
        if job.files.insert(name, blob.digest).is_some() {
            faults.push(fault(pointer, "is there twice: as a part of the form, or in the job too"));
        }
    }
    crate::http::problem::refuse(faults)?;
    Ok(job)
}

/// The form, over a body that is bounded as a whole.
async fn bounded(app: &App, request: Request) -> ApiResult<Multipart> {
    let (parts, body) = request.into_parts();
    let limits = app.limits();
    let reader = BodyReader::new(&parts.headers, body, limits.body_bytes + limits.blob_bytes.max(limits.batch_bytes));
    let pieces = stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(piece) => piece.map(|piece| (Ok(piece), Some(reader))),
            Err(error) => Some((Err(error), None)),
        }
    });
    let request = Request::from_parts(parts, Body::from_stream(pieces));
    Multipart::from_request(request, &()).await.map_err(|error| ApiError::new(Code::BadRequest, error.body_text()))
}

async fn text(mut field: Field<'_>, limit_bytes: u64) -> ApiResult<Vec<u8>> {
    let mut text = Vec::new();
    while let Some(piece) = field.chunk().await.map_err(|error| cause(&error))? {
        text.extend_from_slice(&piece);
        if text.len() as u64 > limit_bytes {
            return Err(ApiError::new(Code::TooLarge, format!("the part `job` is larger than {limit_bytes} bytes")));
        }
    }
    Ok(text)
}

async fn store(app: &App, mut field: Field<'_>) -> ApiResult<Blob> {
    let mut upload = app.handle().begin_upload(None).await?;
    while let Some(piece) = field.chunk().await.map_err(|error| cause(&error))? {
        upload = upload.write(piece).await?;
    }
    Ok(upload.finish().await?)
}

/// Where our own reader refused, its reason; else that the form is broken.
fn cause(error: &axum::extract::multipart::MultipartError) -> ApiError {
    let mut source = error.source();
    while let Some(inner) = source {
        if let Some(own) = inner.downcast_ref::<ApiError>() {
            return own.clone();
        }
        source = inner.source();
    }
    ApiError::new(Code::BadRequest, format!("the form cannot be read: {}", error.body_text()))
}

//! One call: sent, its answer read up to a limit, a problem told as one.

use std::time::Duration;

use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;

use super::LinkError;
use crate::wire::problem::Problem;

/// The largest problem that is read; more would not be one.
const MAX_PROBLEM_BYTES: u64 = 64 << 10;

pub(super) async fn json<T: DeserializeOwned>(call: reqwest::RequestBuilder, limit_bytes: u64) -> Result<T, LinkError> {
    let bytes = bytes(call, limit_bytes).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        LinkError::Answer(format!("the controller's answer can't be read ({error}): is it of the same version?"))
    })
}

pub(super) async fn bytes(call: reqwest::RequestBuilder, limit_bytes: u64) -> Result<Vec<u8>, LinkError> {
    let response = call.send().await.map_err(|error| LinkError::of(&error))?;
    if response.status().is_success() { read(response, limit_bytes).await } else { Err(problem(response).await) }
}

pub(super) async fn done(call: reqwest::RequestBuilder) -> Result<(), LinkError> {
    bytes(call, MAX_PROBLEM_BYTES).await.map(drop)
}

async fn read(response: reqwest::Response, limit_bytes: u64) -> Result<Vec<u8>, LinkError> {
    let mut body = response.bytes_stream();
    let mut whole = Vec::new();
    while let Some(part) = body.next().await {
        whole.extend_from_slice(&part.map_err(|error| LinkError::of(&error))?);
        if whole.len() as u64 > limit_bytes {
            return Err(LinkError::Answer(format!("the answer is larger than {limit_bytes} bytes")));
        }
    }
    Ok(whole)
}

async fn problem(response: reqwest::Response) -> LinkError {
    let status = response.status();
    let retry_after = response
        .headers()
        .get(reqwest::header::RETRY_AFTER)
        .and_then(|value| value.to_str().ok()?.parse().ok())
        .map(Duration::from_secs);
    let body = read(response, MAX_PROBLEM_BYTES).await.unwrap_or_default();
    match serde_json::from_slice::<Problem>(&body) {
        Ok(problem) => {
            let faults = problem.errors.iter().map(|fault| format!("; {}: {}", fault.pointer, fault.detail));
            let detail = problem.detail + &faults.collect::<String>();
            LinkError::Problem { status: status.as_u16(), code: problem.code, detail, retry_after }
        }
        // Something between us and the controller answered in its place.
        Err(_) => {
            LinkError::Unreachable(format!("something other than a controller answered {status}: is there a proxy?"))
        }
    }
}

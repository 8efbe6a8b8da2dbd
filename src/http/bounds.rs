//! What a request may take before anybody asks what it wants: the length of its head, and a place to wait in.

use std::sync::Arc;

use axum::{extract::Request, http::HeaderMap, middleware::Next, response::Response};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::problem::{ApiError, ApiResult, Code};

/// Path and query together.
const MAX_ADDRESS_BYTES: usize = 8 * 1_024;
const MAX_HEADERS: usize = 64;
/// Names and values together.
const MAX_HEADER_BYTES: usize = 32 * 1_024;

/// The server reads somewhat more than this, so that there is an answer which says what was too much.
pub(super) async fn head(request: Request, next: Next) -> ApiResult<Response> {
    let address_bytes = request.uri().path_and_query().map_or(0, |address| address.as_str().len());
    if address_bytes > MAX_ADDRESS_BYTES {
        let detail =
            format!("path and query take {address_bytes} bytes, at most {MAX_ADDRESS_BYTES} are read: ask for less");
        return Err(ApiError::new(Code::AddressTooLong, detail));
    }
    let (count, bytes) = (request.headers().len(), bytes_of(request.headers()));
    if count > MAX_HEADERS || bytes > MAX_HEADER_BYTES {
        let most = format!("at most {MAX_HEADERS} with {MAX_HEADER_BYTES} bytes are read");
        let detail = format!("{count} headers take {bytes} bytes, {most}: leave some out");
        return Err(ApiError::new(Code::HeadersTooLarge, detail));
    }
    Ok(next.run(request).await)
}

fn bytes_of(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum()
}

/// So many requests may last at once; each keeps its place until it is answered, or gone.
#[derive(Debug)]
pub(super) struct Places {
    free: Arc<Semaphore>,
    setting: &'static str,
}

pub(super) type Place = OwnedSemaphorePermit;

impl Places {
    /// `setting` is named to who finds none free.
    pub(super) fn new(count: usize, setting: &'static str) -> Self {
        Self { free: Arc::new(Semaphore::new(count)), setting }
    }

    pub(super) fn take(&self) -> ApiResult<Place> {
        Arc::clone(&self.free).try_acquire_owned().map_err(|_| {
            let detail = format!("as many requests wait as `{}` allows: try again, or without waiting", self.setting);
            ApiError::new(Code::Overloaded, detail)
        })
    }
}

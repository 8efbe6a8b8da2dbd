//! Bodies: bounded in size and in patience, then parsed into a type, or refused with every fault.

use std::time::Duration;

use axum::{
    body::Body,
    http::{HeaderMap, header},
};
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt as _;
use serde::de::DeserializeOwned;
use utoipa::ToSchema;

use super::explain;
use crate::{
    http::problem::{ApiError, ApiResult, Code, fault},
    wire::problem::Fault,
};

/// A body of which nothing arrives for so long is given up.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);
/// The slowest a body may be on the whole; below that it only holds a connection.
const MIN_BYTES_PER_S: u64 = 1_024;

/// What of a body that is refused is still read, so that the sender comes to read why: a connection closed under his hands
/// loses the answer.
const DRAIN_BYTES: u64 = 16 << 20;
const DRAIN_TIMEOUT: Duration = Duration::from_secs(2);

/// Reads one body frame by frame.
pub(crate) struct BodyReader {
    body: Body,
    /// Refused by what its headers say.
    announced_too_large: bool,
    /// The sender waits to be asked for the body: refused, he never sends it.
    is_held_back: bool,
    limit_bytes: u64,
    read_bytes: u64,
    stall_timeout: Duration,
    /// Over the whole body, by its limit: a client may be slow, but not for ever.
    deadline: tokio::time::Instant,
}

impl BodyReader {
    pub(crate) fn new(headers: &HeaderMap, body: Body, limit_bytes: u64) -> Self {
        let announced = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
        let patience =
            STALL_TIMEOUT + Duration::from_secs(announced.unwrap_or(limit_bytes).min(limit_bytes) / MIN_BYTES_PER_S);
        Self {
            body,
            announced_too_large: announced.is_some_and(|bytes: u64| bytes > limit_bytes),
            is_held_back: headers.contains_key(header::EXPECT),
            limit_bytes,
            read_bytes: 0,
            stall_timeout: STALL_TIMEOUT,
            deadline: tokio::time::Instant::now() + patience,
        }
    }

    /// The next piece; `None` at the end.
    pub(crate) async fn next(&mut self) -> ApiResult<Option<Bytes>> {
        if self.announced_too_large {
            return Err(self.too_large().await);
        }
        let stalled = (tokio::time::Instant::now() + self.stall_timeout).min(self.deadline);
        loop {
            let frame = match tokio::time::timeout_at(stalled, self.body.frame()).await {
                Err(_) => return Err(ApiError::new(Code::RequestTimeout, "the body stopped arriving: send it again")),
                Ok(None) => return Ok(None),
                Ok(Some(Err(error))) => {
                    return Err(ApiError::new(Code::BadRequest, format!("the body broke off: {error}")));
                }
                Ok(Some(Ok(frame))) => frame,
            };
            // Trailers carry nothing we read.
            let Ok(data) = frame.into_data() else { continue };
            self.read_bytes += data.len() as u64;
            if self.read_bytes > self.limit_bytes {
                return Err(self.too_large().await);
            }
            return Ok(Some(data));
        }
    }

    async fn too_large(&mut self) -> ApiError {
        if !self.is_held_back {
            let drain = async {
                let mut drained_bytes = 0;
                while let Some(Ok(frame)) = self.body.frame().await {
                    drained_bytes += frame.data_ref().map_or(0, |data| data.len() as u64);
                    if drained_bytes > DRAIN_BYTES {
                        break;
                    }
                }
            };
            // In time or not, the answer is the same.
            let _ = tokio::time::timeout(DRAIN_TIMEOUT, drain).await;
        }
        let limit_bytes = self.limit_bytes;
        let detail = format!("the body is larger than {limit_bytes} bytes, the limit here; send less");
        ApiError::new(Code::TooLarge, detail)
    }

    pub(crate) async fn whole(mut self) -> ApiResult<Bytes> {
        let Some(first) = self.next().await? else { return Ok(Bytes::new()) };
        let Some(second) = self.next().await? else { return Ok(first) };
        let mut all = BytesMut::from(first);
        all.extend_from_slice(&second);
        while let Some(more) = self.next().await? {
            all.extend_from_slice(&more);
        }
        Ok(all.freeze())
    }
}

/// Without parameters, in lower case.
pub(crate) fn content_type(headers: &HeaderMap) -> Option<String> {
    let text = headers.get(header::CONTENT_TYPE)?.to_str().ok()?;
    Some(text.split(';').next()?.trim().to_ascii_lowercase())
}

/// An empty body is an empty object, for the requests that need say nothing.
pub(crate) fn parse_json<T: DeserializeOwned + ToSchema>(bytes: &[u8]) -> Result<T, Vec<Fault>> {
    let bytes = if bytes.iter().all(u8::is_ascii_whitespace) { b"{}" } else { bytes };
    // Serde takes an array for a struct, its fields by their order: nobody may come to rely on that.
    let is_object = bytes.trim_ascii_start().starts_with(b"{");
    let error = match serde_json::from_slice::<T>(bytes) {
        Ok(value) if is_object => return Ok(value),
        Ok(_) => "the body is an object: {\"field\": value, …}".to_owned(),
        Err(error) => error.to_string(),
    };
    let value = match serde_json::from_slice::<serde_json::Value>(bytes) {
        Ok(value) => value,
        Err(error) => {
            let line = u32::try_from(error.line()).ok().filter(|line| *line > 0);
            let detail = format!("the body is not JSON: {error}");
            return Err(vec![Fault { pointer: String::new(), detail, line }]);
        }
    };
    // Serde stops at the first fault; the schema of the same type knows them all.
    let faults = explain::against::<T>(&value);
    if faults.is_empty() { Err(vec![fault("", error)]) } else { Err(faults) }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;
    use crate::wire::{job::JobRequest, token::TokenRequest};

    fn runtime() -> tokio::runtime::Runtime {
        tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap()
    }

    #[test]
    fn a_body_within_its_limit_is_read_whole() {
        let reader = BodyReader::new(&HeaderMap::new(), Body::from("hello"), 5);
        assert_eq!(runtime().block_on(reader.whole()).unwrap(), "hello");
    }

    #[test]
    fn a_body_too_large_is_refused_before_or_while_it_is_read() {
        let announced = HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from_static("6"))]);
        for headers in [announced, HeaderMap::new()] {
            let reader = BodyReader::new(&headers, Body::from("sixsix"), 5);
            assert_eq!(runtime().block_on(reader.whole()).unwrap_err().code, Code::TooLarge);
        }
    }

    #[test]
    fn a_body_that_never_comes_is_given_up() {
        let runtime = runtime();
        let _guard = runtime.enter();
        let never = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let mut reader = BodyReader::new(&HeaderMap::new(), never, 5);
        reader.stall_timeout = Duration::from_millis(1);
        assert_eq!(runtime.block_on(reader.whole()).unwrap_err().code, Code::RequestTimeout);
    }

    #[test]
    fn all_faults_of_a_body_are_told_at_once() {
        let body = br#"{"workflow": "-x", "priority": "high", "labels": {"a": 1}, "prioritty": 3}"#;
        let faults = parse_json::<JobRequest>(body).unwrap_err();
        let mut pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["/labels/a", "/prioritty", "/priority", "/workflow"], "{faults:?}");
        let unknown = faults.iter().find(|fault| fault.pointer == "/prioritty").unwrap();
        assert!(unknown.detail.contains("`priority`"), "{unknown:?}");
    }

    #[test]
    fn an_array_is_no_object_whatever_its_items() {
        for array in [&b"[null, null]"[..], b" [\"a\", \"admin\"]"] {
            assert!(parse_json::<crate::wire::token::JoinTokenRequest>(array).is_err());
            assert!(parse_json::<TokenRequest>(array).is_err());
        }
    }

    #[test]
    fn what_is_missing_is_named_and_broken_json_has_its_line() {
        let faults = parse_json::<TokenRequest>(b"").unwrap_err();
        assert_eq!(faults.iter().map(|f| f.pointer.as_str()).collect::<Vec<_>>(), ["/name", "/role"]);
        let faults = parse_json::<TokenRequest>(b"{\n\"name\": ]}").unwrap_err();
        assert_eq!(faults[0].line, Some(2));
    }
}

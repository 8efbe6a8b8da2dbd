//! Every error a client sees: a stable code, its status, and a sentence on what to do.

use axum::{
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};

use crate::wire::problem::{Fault, Problem};

pub(crate) const PROBLEM_JSON: &str = "application/problem+json";
/// How long a client should wait before it tries again after a 503.
const RETRY_AFTER_S: u16 = 2;

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $text:literal, $status:ident, $title:literal;)+) => {
        /// What a program matches on. The text never changes.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[$doc])* $name,)+
        }

        impl Code {
            pub const ALL: &[Self] = &[$(Self::$name,)+];

            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }

            pub const fn status(self) -> StatusCode {
                match self {
                    $(Self::$name => StatusCode::$status,)+
                }
            }

            pub const fn title(self) -> &'static str {
                match self {
                    $(Self::$name => $title,)+
                }
            }
        }
    };
}

codes! {
    BadRequest = "bad_request", BAD_REQUEST, "The request cannot be read";
    Unauthorized = "unauthorized", UNAUTHORIZED, "Who is asking is not known";
    Forbidden = "forbidden", FORBIDDEN, "This is not allowed to who is asking";
    NotFound = "not_found", NOT_FOUND, "There is no such thing";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "This cannot be done here";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request did not arrive in time";
    Conflict = "conflict", CONFLICT, "It does not go with what is there";
    /// The lease a report belongs to is over.
    LeaseLost = "lease_lost", CONFLICT, "The lease is over";
    /// A poll of a copy of an agent, or of a start of it that was replaced.
    DuplicateIdentity = "duplicate_identity", CONFLICT, "This is not the one agent of its machine";
    IdempotencyMismatch = "idempotency_mismatch", CONFLICT, "The idempotency key was used for another request";
    DuplicateKey = "duplicate_key", CONFLICT, "There is a job with this key";
    WrongState = "wrong_state", CONFLICT, "Its state does not allow this";
    PreconditionFailed = "precondition_failed", PRECONDITION_FAILED, "It has been changed meanwhile";
    TooLarge = "too_large", PAYLOAD_TOO_LARGE, "Too large";
    AddressTooLong = "address_too_long", URI_TOO_LONG, "The address is too long";
    HeadersTooLarge = "headers_too_large", REQUEST_HEADER_FIELDS_TOO_LARGE, "Too many or too large headers";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, "Not in a form that is read here";
    RangeNotSatisfiable = "range_not_satisfiable", RANGE_NOT_SATISFIABLE, "The range lies outside";
    Invalid = "invalid", UNPROCESSABLE_ENTITY, "What was sent is not valid";
    QuotaExceeded = "quota_exceeded", TOO_MANY_REQUESTS, "A quota is used up";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The controller failed";
    /// A machine that was asked said nothing.
    NoAnswer = "no_answer", GATEWAY_TIMEOUT, "The machine did not answer";
    Overloaded = "overloaded", SERVICE_UNAVAILABLE, "The controller has too much to do";
    StorageFull = "storage_full", SERVICE_UNAVAILABLE, "The disk is full";
    ShuttingDown = "shutting_down", SERVICE_UNAVAILABLE, "The controller is stopping";
}

/// An answer from 400 up, on its way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct ApiError {
    pub code: Code,
    pub detail: String,
    pub faults: Vec<Fault>,
    /// Boxed, as errors travel in every result and few have one.
    pub header: Option<Box<(HeaderName, HeaderValue)>>,
}

pub type ApiResult<T> = Result<T, ApiError>;

impl ApiError {
    pub fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), faults: Vec::new(), header: None }
    }

    /// `what` with its name: ``job `job_…` ``.
    pub fn not_found(what: impl std::fmt::Display) -> Self {
        Self::new(Code::NotFound, format!("there is no {what}"))
    }

    /// All faults of one document or request. Answers nothing where there are none.
    pub fn invalid(faults: Vec<Fault>) -> Self {
        let detail = match faults.as_slice() {
            [one] if one.pointer.is_empty() => one.detail.clone(),
            [one] => format!("{}: {}", one.pointer, one.detail),
            many => format!("{} faults; mend each place named in `errors`", many.len()),
        };
        Self { faults, ..Self::new(Code::Invalid, detail) }
    }

    pub fn fault(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::invalid(vec![fault(pointer, detail)])
    }

    #[must_use]
    pub fn with_header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }

    pub fn problem(&self) -> Problem {
        Problem {
            kind: format!("/problems/{}", self.code.as_str()),
            title: self.code.title().to_owned(),
            status: self.code.status().as_u16(),
            code: self.code.as_str().to_owned(),
            detail: self.detail.clone(),
            errors: self.faults.clone(),
        }
    }
}

pub(crate) fn fault(pointer: impl Into<String>, detail: impl Into<String>) -> Fault {
    Fault { pointer: pointer.into(), detail: detail.into(), line: None }
}

/// Refuses where there is at least one fault.
pub(crate) fn refuse(faults: Vec<Fault>) -> ApiResult<()> {
    if faults.is_empty() { Ok(()) } else { Err(ApiError::invalid(faults)) }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        let status = self.code.status();
        // A problem is strings and numbers: it always has a JSON form.
        let body = serde_json::to_vec(&self.problem()).unwrap_or_default();
        let mut response = (status, [(header::CONTENT_TYPE, PROBLEM_JSON)], body).into_response();
        let headers = response.headers_mut();
        if status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, RETRY_AFTER_S.into());
        }
        if status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        headers.extend(self.header.map(|header| *header));
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_told_apart_and_written_in_snake_case() {
        let texts: std::collections::BTreeSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(texts.len(), Code::ALL.len());
        assert!(texts.iter().all(|text| text.chars().all(|c| c.is_ascii_lowercase() || c == '_')));
        assert!(Code::ALL.iter().all(|code| code.status().as_u16() >= 400));
    }

    #[test]
    fn one_fault_is_the_detail_and_many_are_counted() {
        let one = ApiError::fault("/input/mrn", "is missing");
        assert_eq!(one.problem().detail, "/input/mrn: is missing");
        let many = ApiError::invalid(vec![fault("/a", "x"), fault("/b", "y")]);
        assert_eq!(many.problem().errors.len(), 2);
        assert!(many.problem().detail.starts_with("2 faults"));
    }

    #[test]
    fn a_client_is_told_when_to_come_back() {
        let response = ApiError::new(Code::Overloaded, "the queue is full").into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
        assert_eq!(response.headers()[header::CONTENT_TYPE], PROBLEM_JSON);
    }
}

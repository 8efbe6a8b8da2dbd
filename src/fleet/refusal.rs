//! Why the fleet says no. Each has a stable code and a message that says what to do.

use crate::ids::JobId;

use super::job::StateName;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("{0}")]
    Unauthorized(String),
    #[error("{0}")]
    Forbidden(String),
    #[error("{what} `{name}` does not exist: check the spelling, or list what there is")]
    NotFound { what: &'static str, name: String },
    #[error("{0}")]
    Conflict(String),
    #[error("this lease is over ({why}): touch nothing more on the desktop, and poll")]
    LeaseLost { why: &'static str },
    /// The report is not the next one of its lease.
    #[error("report {got} is out of order: the next report of this lease has number {expected}")]
    WrongNumber { got: u64, expected: u64 },
    /// A poll of a start of the agent that was replaced, or one that counts backwards.
    #[error(
        "this is not the one agent of its machine: {}; if this machine was cloned or set back to a snapshot, delete its \
         folder `identity` and let it join anew", if *.returned { "another start of it has polled since" }
        else { "polls with later numbers have come already" }
    )]
    DuplicateIdentity { returned: bool },
    #[error("this Idempotency-Key was used with another body: use a new key, or send the first body again")]
    IdempotencyMismatch,
    #[error(
        "job {job} of this workflow has the key `{key}` and is {state}: its key is free again when it fails or is cancelled"
    )]
    DuplicateKey { key: String, job: JobId, state: &'static str },
    #[error("job {job} is {}: {help}", state.as_str())]
    WrongState { job: JobId, state: StateName, help: &'static str },
    #[error(
        "job {job} is {} and was retried as {retry}: look at that one, and retry it if it failed too; to retry this one all the \
         same use `force` and a note", state.as_str()
    )]
    Retried { job: JobId, state: StateName, retry: JobId },
    #[error("{}", summary(.faults))]
    Invalid { faults: Vec<Fault> },
    #[error("{0}")]
    QuotaExceeded(String),
    #[error("{0}")]
    Overloaded(String),
}

/// One thing wrong in a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// RFC 6901, into the request's body.
    pub pointer: String,
    /// What to write instead.
    pub detail: String,
}

impl Fault {
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }
}

fn summary(faults: &[Fault]) -> String {
    match faults {
        [] => "the request is not valid".to_owned(),
        [only] => format!("{}: {}", only.pointer, only.detail),
        [first, rest @ ..] => format!("{}: {} (and {} more)", first.pointer, first.detail, rest.len()),
    }
}

impl Refusal {
    /// As in the HTTP contract.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unauthorized(_) => "unauthorized",
            Self::Forbidden(_) => "forbidden",
            Self::NotFound { .. } => "not_found",
            Self::Conflict(_) | Self::WrongNumber { .. } => "conflict",
            Self::LeaseLost { .. } => "lease_lost",
            Self::DuplicateIdentity { .. } => "duplicate_identity",
            Self::IdempotencyMismatch => "idempotency_mismatch",
            Self::DuplicateKey { .. } => "duplicate_key",
            Self::WrongState { .. } | Self::Retried { .. } => "wrong_state",
            Self::Invalid { .. } => "invalid",
            Self::QuotaExceeded(_) => "quota_exceeded",
            Self::Overloaded(_) => "overloaded",
        }
    }

    pub(super) fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Invalid { faults: vec![Fault::new(pointer, detail)] }
    }

    pub(super) fn not_found(what: &'static str, name: &impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }
}

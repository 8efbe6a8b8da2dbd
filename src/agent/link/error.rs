//! Why a call failed, told apart by what to do about it.

use std::time::Duration;

use crate::agent::session::CallFailure;

#[derive(Debug, thiserror::Error)]
pub(in crate::agent) enum LinkError {
    /// Not connected, or no whole answer.
    #[error("the controller can't be reached: {0}")]
    Unreachable(String),
    /// It answered with a problem.
    #[error("the controller refused it ({status} {code}): {detail}")]
    Problem { status: u16, code: String, detail: String, retry_after: Option<Duration> },
    #[error("{0}")]
    Answer(String),
    /// Keys, certificates, addresses: nothing was sent.
    #[error("{0}")]
    Setup(String),
}

impl LinkError {
    /// The causes matter most: what reqwest itself says is only that it did not work.
    pub(super) fn of(error: &reqwest::Error) -> Self {
        let mut causes: Vec<String> = Vec::new();
        let mut source: Option<&dyn std::error::Error> = std::error::Error::source(error);
        while let Some(cause) = source {
            // Some causes point to a manual of theirs, which helps nobody here.
            let text = cause.to_string();
            let text = text.split(": http").next().unwrap_or_default().to_owned();
            if causes.last().is_none_or(|last| *last != text) {
                causes.push(text);
            }
            source = cause.source();
        }
        if error.is_timeout() {
            causes.insert(0, "it did not answer in time".to_owned());
        }
        if causes.is_empty() {
            causes.push(error.to_string());
        }
        Self::Unreachable(causes.join(": "))
    }

    pub(in crate::agent) fn is_code(&self, wanted: &str) -> bool {
        matches!(self, Self::Problem { code, .. } if code == wanted)
    }

    /// Whether it is of no use to send the same again.
    pub(in crate::agent) fn is_final(&self) -> bool {
        match self {
            Self::Problem { status, .. } => {
                (400..500).contains(status) && !matches!(status, 401 | 403 | 408 | 425 | 429)
            }
            Self::Setup(_) => true,
            Self::Unreachable(_) | Self::Answer(_) => false,
        }
    }

    pub(in crate::agent) fn into_failure(self) -> CallFailure {
        if self.is_code("lease_lost") {
            return CallFailure::LeaseLost;
        }
        let is_final = self.is_final();
        match self {
            Self::Problem { detail, .. } if is_final => CallFailure::Refused { detail },
            Self::Problem { retry_after, .. } => CallFailure::Unreachable { retry_after },
            _ => CallFailure::Unreachable { retry_after: None },
        }
    }
}

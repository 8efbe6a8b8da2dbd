//! Why the controller could not, as problems.

use crate::{
    controller::{BlobError, ExecuteError, ReadError},
    http::problem::{ApiError, Code},
};

impl From<ExecuteError> for ApiError {
    fn from(error: ExecuteError) -> Self {
        let code = match error {
            ExecuteError::Refused(refusal) => return refusal.into(),
            ExecuteError::Overloaded => Code::Overloaded,
            ExecuteError::StorageFull => Code::StorageFull,
            ExecuteError::ShuttingDown => Code::ShuttingDown,
        };
        Self::new(code, error.to_string())
    }
}

impl From<ReadError> for ApiError {
    fn from(error: ReadError) -> Self {
        let code = match error {
            ReadError::Overloaded => Code::Overloaded,
            ReadError::ShuttingDown => Code::ShuttingDown,
            ReadError::Blobs(error) => return error.into(),
            ReadError::Store(error) => {
                // Paths and pages are for the log, not for clients.
                tracing::error!(%error, "a read of the store failed");
                return Self::new(Code::Internal, "the store cannot be read; the controller's log has more");
            }
        };
        Self::new(code, error.to_string())
    }
}

impl From<BlobError> for ApiError {
    fn from(error: BlobError) -> Self {
        let code = match &error {
            BlobError::TooLarge { .. } => Code::TooLarge,
            BlobError::DigestMismatch { .. } => Code::Invalid,
            BlobError::StorageFull => Code::StorageFull,
            BlobError::Io { .. } => {
                tracing::error!(%error, "a blob cannot be read or written");
                return Self::new(Code::Internal, "a blob cannot be read or written; the controller's log has more");
            }
        };
        Self::new(code, error.to_string())
    }
}

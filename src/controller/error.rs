//! Why the controller did not do what it was asked.

use crate::{
    fleet::Refusal,
    store::{BlobError, StoreError},
};

/// Of commands.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExecuteError {
    /// Decided, and no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the controller has more to do than it can; try again in a second")]
    Overloaded,
    /// Nothing of it was done.
    #[error("the disk of the controller is full, nothing was changed; make room in its data directory and try again")]
    StorageFull,
    #[error("the controller is shutting down; try again in a few seconds")]
    ShuttingDown,
}

/// Of reads.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    #[error("the controller has more to do than it can; try again in a second")]
    Overloaded,
    #[error("the controller is shutting down; try again in a few seconds")]
    ShuttingDown,
    #[error(transparent)]
    Store(StoreError),
    #[error(transparent)]
    Blobs(#[from] BlobError),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        match error {
            // The database is opened again in a moment.
            StoreError::Closed => Self::Overloaded,
            error => Self::Store(error),
        }
    }
}

/// The engine could not be asked at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Unreachable {
    Overloaded,
    ShuttingDown,
}

impl From<Unreachable> for ExecuteError {
    fn from(why: Unreachable) -> Self {
        match why {
            Unreachable::Overloaded => Self::Overloaded,
            Unreachable::ShuttingDown => Self::ShuttingDown,
        }
    }
}

impl From<Unreachable> for ReadError {
    fn from(why: Unreachable) -> Self {
        match why {
            Unreachable::Overloaded => Self::Overloaded,
            Unreachable::ShuttingDown => Self::ShuttingDown,
        }
    }
}

/// Why the controller did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Blobs(#[from] BlobError),
    #[error("the engine's thread could not be started: {0}")]
    Thread(std::io::Error),
}

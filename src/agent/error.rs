//! Why an agent can't begin, or can't go on.

use std::{io, path::PathBuf};

use super::{disk::DiskError, link::LinkError};

#[derive(Debug, thiserror::Error)]
pub enum AgentError {
    #[error(
        "this machine has not joined yet: give --join-token-file with a token of the controller (it writes one to \
         join.token, and `deskfleet join-token create` makes more)"
    )]
    NoToken,
    #[error(
        "the identity in the data directory was made for machine `{0}`, on another machine or by another user: it is \
         thrown away, and this machine joins as one of its own; give --join-token-file with a token of the controller"
    )]
    Foreign(crate::ids::MachineName),
    #[error("this machine has not joined yet: give --controller with the controller's address")]
    NoController,
    #[error("the join token can't be read from {}: {error}", .path.display())]
    Token { path: PathBuf, error: io::Error },
    #[error("{0}: {1}")]
    Setting(&'static str, String),
    #[error("another agent uses {}: give each agent its own --data-dir", .0.display())]
    Locked(PathBuf),
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Joining was refused, or keys and certificates can't be used.
    #[error("{0}")]
    Link(String),
    #[error("the thread for the desktop can't be started: {0}")]
    Thread(io::Error),
    #[error("the thread for the desktop ended by itself: the agent must be started again")]
    DeskEnded,
    #[error("signals can't be listened to: {0}")]
    Signals(io::Error),
    #[error("the system gives no random numbers: {0}")]
    Random(String),
}

impl From<LinkError> for AgentError {
    fn from(error: LinkError) -> Self {
        Self::Link(error.to_string())
    }
}

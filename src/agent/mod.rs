//! The agent: one desktop under a lease, driven step by step, told to the controller as it goes.
//!
//! [`runner`] carries out a workflow on a desktop and knows no controller (the command line uses it alone, through [`local`]);
//! [`session`] is the agent's half of the lease; both are pure. [`host`], `disk`, `link`, [`service`] and `shell` connect them to this machine and
//! to the controller. [`run`] is the whole.
//!
//! It must not know the fleet, the store, the controller or its HTTP server: `wire` is all it shares with them.

mod boot;
mod disk;
mod error;
mod facts;
mod hardware;
pub mod host;
mod image;
mod link;
pub mod local;
pub mod runner;
pub mod service;
pub mod session;
mod shell;
mod tape;

pub use error::AgentError;
pub use image::{AgentStatus, JoinedStatus, Prepared, prepare_image, status};
pub use shell::run;
pub use tape::TapeLayer;

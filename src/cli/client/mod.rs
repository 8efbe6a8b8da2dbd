//! The HTTPS client behind the commands: which controller, with which token, trusting whom; and its answers as values or [`Stop`]s.
//!
//! It must not know the commands nor print anything but what `-v` asks for.
//!
//! [`Stop`]: super::exit::Stop

mod api;
mod connection;
mod problem;
mod reach;
mod sse;

pub(crate) use api::{Answer, Api, Call};
pub(crate) use connection::{ConnectionFlags, variable};
pub(crate) use sse::Messages;

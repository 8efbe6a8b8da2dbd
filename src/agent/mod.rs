//! The agent: one desktop under a lease, driven step by step, told to the controller as it goes.
//!
//! [`runner`] carries out a workflow on a desktop and knows no controller (the command line uses it alone, through [`local`]).
//!
//! It must not know the fleet, the store, the controller or its HTTP server: `wire` is all it shares with them.

mod disk;
mod facts;
pub mod host;
mod link;
pub mod local;
pub mod runner;
pub mod session;

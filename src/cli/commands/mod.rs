//! One file a command: its arguments, what it does, its tests.
//!
//! It must not know how the controller decides or keeps anything: client commands speak to it over HTTPS alone.

pub mod artifact;
pub mod batch;
pub mod documents;
pub mod event;
pub mod fleet;
pub mod job;
pub mod job_list;
pub mod job_show;
pub mod job_submit;
pub mod join_token;
pub mod machine;
pub mod token;
pub mod watch;

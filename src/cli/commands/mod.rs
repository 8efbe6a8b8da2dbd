//! One file a command: its arguments, what it does, its tests.
//!
//! It must not know how the controller decides or keeps anything: client commands speak to it over HTTPS alone.

pub(crate) mod agent;
pub(crate) mod agent_doctor;
pub(crate) mod agent_install;
pub(crate) mod apply;
pub(crate) mod artifact;
pub(crate) mod backup;
pub(crate) mod batch;
pub(crate) mod bulk;
pub(crate) mod channel;
pub(crate) mod check;
pub(crate) mod config_check;
pub(crate) mod controller;
pub(crate) mod documents;
pub(crate) mod event;
mod failure_text;
pub(crate) mod find;
pub(crate) mod fleet;
pub(crate) mod inspect;
pub(crate) mod job;
pub(crate) mod job_explain;
mod job_filter;
pub(crate) mod job_list;
pub(crate) mod job_logs;
pub(crate) mod job_report;
pub(crate) mod job_show;
pub(crate) mod job_submit;
pub(crate) mod join_token;
pub(crate) mod lint;
pub(crate) mod machine;
pub(crate) mod pause;
pub(crate) mod record;
pub(crate) mod restore;
pub(crate) mod token;
pub(crate) mod try_out;
mod try_step;
pub(crate) mod watch;

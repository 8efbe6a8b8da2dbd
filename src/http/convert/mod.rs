//! Between the fleet's rows and the contract's types. Nothing is decided here.

mod attempt;
mod batch;
mod controller;
mod delivery;
mod document;
mod effect;
mod enums;
mod event;
mod explain;
mod failure;
mod fleet;
mod help;
mod job;
mod machine;
mod refusal;
mod token;
mod upkeep;

pub(crate) use attempt::{artifact_of, failure_report, shown_step, step_record};
pub(crate) use batch::batch;
pub(crate) use delivery::delivery;
pub(crate) use document::document;
pub(crate) use effect::{decision, intent_report, loop_report, resume, settled_report};
pub(crate) use event::event;
pub(crate) use explain::explanation;
pub(crate) use fleet::summary;
pub(crate) use job::{Detail, Evidence, job, names_artifacts};
pub(crate) use machine::{machine, readiness_report, session};
pub(crate) use token::{join_token, token};
pub(crate) use upkeep::check_report;

/// Content the fleet carried unread. It was valid JSON when it came in; should it not be, it is shown as text.
pub(crate) fn value(json: &crate::ids::Json) -> serde_json::Value {
    serde_json::from_str(json.as_str()).unwrap_or_else(|_| serde_json::Value::String(json.as_str().to_owned()))
}

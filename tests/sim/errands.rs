//! What people and programs want of the controller, each repeated until it is answered.

use deskfleet::{
    ids::JobId,
    wire::job::{Job, ReviewDecision},
};
use serde_json::{Value, json};

use crate::{
    rng::Rng,
    site::{Answer, Call, START_MS, Who},
};

pub(crate) const WORKFLOWS: [&str; 6] =
    ["register", "enter-order", "close-month", "post-order", "pay-invoice", "enter-visits"];
/// Those with a step that must not happen twice.
pub(crate) const SAVING: [&str; 3] = ["post-order", "pay-invoice", "enter-visits"];

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Errand {
    Submit {
        key: String,
        body: Value,
    },
    SubmitBatch {
        key: String,
        body: Value,
    },
    Look {
        job: JobId,
    },
    Cancel {
        job: JobId,
    },
    Retry {
        job: JobId,
        key: String,
    },
    /// What a person has found out, by looking when it first goes.
    Review {
        job: Box<Job>,
        decision: Option<ReviewDecision>,
    },
    /// `mode` as the route calls it.
    Mode {
        machine: String,
        mode: &'static str,
        now: bool,
    },
}

/// What came of one.
pub(crate) enum Outcome {
    /// Not answered, or asked to come again.
    Again,
    Job {
        status: u16,
        job: Box<Job>,
    },
    Batch,
    Refused {
        status: u16,
    },
    Done,
}

impl Errand {
    /// A job like those of every day, or one of the rarer kinds.
    pub(crate) fn submit(number: u64, now_ms: u64, rng: &mut Rng) -> Self {
        let key = format!("order-{number}");
        let mut body = order(&key, now_ms, rng);
        body["labels"] = json!({ "wish": key });
        Self::Submit { key, body }
    }

    pub(crate) fn submit_batch(number: u64, now_ms: u64, rng: &mut Rng) -> Self {
        let key = format!("batch-{number}");
        let items: Vec<Value> =
            (0..rng.between(2, 6)).map(|item| order(&format!("{key}-{item}"), now_ms, rng)).collect();
        let mut body = json!({ "items": items, "max_running": rng.between(1, 2) });
        if rng.per_mille(400) {
            body["stop_after_failures"] = json!(rng.between(1, 2));
        }
        Self::SubmitBatch { key, body }
    }

    pub(crate) fn call(&self) -> Call {
        let (method, path, key, body) = match self {
            Self::Submit { key, body } => ("POST", "/v1/jobs".to_owned(), Some(key.clone()), body.clone()),
            Self::SubmitBatch { key, body } => ("POST", "/v1/batches".to_owned(), Some(key.clone()), body.clone()),
            Self::Look { job } => ("GET", format!("/v1/jobs/{job}"), None, Value::Null),
            Self::Cancel { job } => ("POST", format!("/v1/jobs/{job}/cancel"), None, Value::Null),
            Self::Retry { job, key } => ("POST", format!("/v1/jobs/{job}/retry"), Some(key.clone()), json!({})),
            Self::Review { job, decision } => {
                let body = json!({ "decision": decision, "note": "looked into" });
                ("POST", format!("/v1/jobs/{}/review", job.id), None, body)
            }
            Self::Mode { machine, mode, now } => {
                let body = json!({ "now": now, "reason": "as it comes" });
                ("POST", format!("/v1/machines/{machine}/{mode}"), None, body)
            }
        };
        let body = if body.is_null() { Vec::new() } else { serde_json::to_vec(&body).unwrap() };
        Call { who: Who::Person, method, path, key, body }
    }

    pub(crate) fn outcome(&self, answer: Option<&Answer>) -> Outcome {
        let Some(answer) = answer.filter(|answer| answer.status < 500) else { return Outcome::Again };
        if answer.status >= 400 {
            return Outcome::Refused { status: answer.status };
        }
        match self {
            Self::SubmitBatch { .. } => Outcome::Batch,
            Self::Mode { .. } => Outcome::Done,
            _ => Outcome::Job { status: answer.status, job: serde_json::from_slice(&answer.body).unwrap() },
        }
    }
}

fn order(of: &str, now_ms: u64, rng: &mut Rng) -> Value {
    let at = |ms: u64| deskfleet::time::Timestamp::from_ms(START_MS + ms).to_string();
    let mut body = json!({ "workflow": rng.pick(&WORKFLOWS), "input": { "order": of }, "priority": rng.below(5) });
    if rng.per_mille(250) {
        body["key"] = json!(format!("patient {}", rng.below(4)));
    }
    if rng.per_mille(150) {
        body["run_at"] = json!(at(now_ms + rng.between(1_000, 40_000)));
    }
    if rng.per_mille(200) {
        body["deadline"] = json!(at(now_ms + rng.between(45_000, 120_000)));
    }
    body
}

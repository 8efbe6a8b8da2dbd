//! What a message says: the event and the job it is about, as `CloudEvents` 1.0 in structured JSON.

use serde_json::{Value, json};

use crate::{
    controller::StoredMessage as Message,
    fleet::{DocumentKind, SubscriberId},
    http::{
        app::App,
        convert,
        handlers::show,
        problem::{ApiError, ApiResult},
    },
    ids::{Digest, JobId, Name},
    workflow::InputSchema,
};

/// Before the type of every event.
const TYPE_PREFIX: &str = "deskfleet.";

#[derive(Debug, Clone)]
pub(super) struct Letter {
    /// The same at every attempt, and for every subscriber another one.
    pub(super) id: String,
    pub(super) body: Vec<u8>,
}

/// The job is shown as it is now, the event as it was.
pub(super) async fn compose(app: &App, to: &SubscriberId, message: Message, source: &str) -> ApiResult<Letter> {
    let Message { seq, told_as, generation, event } = message;
    let id = message_id(generation, seq, to);
    let about = event.about.job;
    let (at, subject) = (event.at, event.subject.clone());
    let event = serde_json::to_value(convert::event(event)).unwrap_or_default();
    let mut letter = json!({
        "specversion": "1.0", "id": format!("{generation}-{seq}"), "source": source,
        "type": format!("{TYPE_PREFIX}{told_as}"), "subject": subject, "time": at,
        "datacontenttype": "application/json", "data": { "event": event, "job": Value::Null }
    });
    if let Some(job) = about {
        letter["data"]["job"] = shown_job(app, job).await?;
    }
    shorten(&mut letter, app.notifications().body_bytes);
    Ok(Letter { id, body: letter.to_string().into_bytes() })
}

/// A number alone would mean another event after a restore. The last part keeps two channels with one receiver apart.
fn message_id(generation: u32, seq: u64, to: &SubscriberId) -> String {
    let subscriber = Digest::of(to.to_string().as_bytes()).to_string();
    format!("msg_{generation}_{seq}_{}", &subscriber[..12])
}

/// As `GET` shows it, without what is sensitive; null where it is gone.
async fn shown_job(app: &App, id: JobId) -> ApiResult<Value> {
    let Some(view) = app.handle().job(id).await? else { return Ok(Value::Null) };
    let spec = &view.job.spec;
    let mut job = serde_json::to_value(show::job(app, &view).await?).unwrap_or_default();
    for (called, version) in &spec.calls {
        // What such a workflow was given may have come back to the one that called it.
        if schema(app, called, *version).await?.is_none_or(|schema| !schema.sensitive().is_empty()) {
            job["output"] = Value::Null;
        }
    }
    match schema(app, &spec.workflow, spec.version).await? {
        Some(schema) if schema.sensitive().is_empty() => {}
        Some(schema) => {
            job["input"] = schema.masked(&job["input"]);
            // What goes in may come out again.
            job["output"] = Value::Null;
        }
        None => (job["input"], job["output"]) = (json!({}), Value::Null),
    }
    Ok(job)
}

/// None where it cannot be read any more.
async fn schema(app: &App, workflow: &Name, version: u32) -> ApiResult<Option<InputSchema>> {
    let entry = app.library().version(app.handle(), DocumentKind::Workflow, workflow, version).await?;
    let workflow = entry.as_ref().and_then(|entry| entry.document().ok()?.as_workflow());
    Ok(workflow.map(|workflow| workflow.input.clone()))
}

/// What is too large goes, the largest first, and it is said that it has gone: receivers can ask for the rest.
fn shorten(letter: &mut Value, most_bytes: usize) {
    let too_large = |letter: &Value| letter.to_string().len() > most_bytes;
    if too_large(letter) && letter["data"]["job"].is_object() {
        letter["data"]["job"]["input"] = json!({});
        letter["data"]["job"]["output"] = Value::Null;
        letter["data"]["shortened"] = Value::Bool(true);
    }
    if too_large(letter) {
        letter["data"]["job"] = Value::Null;
        letter["data"]["shortened"] = Value::Bool(true);
    }
    if too_large(letter) {
        letter["data"]["event"]["data"] = json!({});
    }
}

/// In a sentence.
pub(super) fn told(error: &ApiError) -> String {
    format!("the message could not be written: {}", error.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_too_large_is_left_out_step_by_step_and_that_is_said() {
        let letter = || {
            let job = json!({ "id": "job_1", "input": { "text": "x".repeat(500) }, "attempts": ["y".repeat(500)] });
            json!({ "id": "0-1", "data": { "event": { "seq": 1, "data": { "z": "z".repeat(500) } }, "job": job } })
        };
        let shortened = |most_bytes| {
            let mut letter = letter();
            shorten(&mut letter, most_bytes);
            letter
        };
        assert_eq!(shortened(5_000), letter());
        let without_input = shortened(1_300);
        assert_eq!(without_input["data"]["job"]["input"], json!({}));
        assert_eq!(without_input["data"]["shortened"], true);
        assert_eq!(shortened(800)["data"]["job"], Value::Null);
        assert!(shortened(300).to_string().len() <= 300);
    }

    #[test]
    fn an_id_tells_subscribers_and_generations_apart_and_has_no_full_stop() {
        let (ops, own) = (SubscriberId::Channel("a.b".parse().unwrap()), SubscriberId::Job(JobId::from_raw(1), 0));
        let ids = [message_id(0, 7, &ops), message_id(1, 7, &ops), message_id(0, 7, &own)];
        assert!(ids.iter().all(|id| !id.contains('.')), "{ids:?}");
        assert!(ids[0] != ids[1] && ids[0] != ids[2]);
        assert_eq!(ids[0], message_id(0, 7, &ops));
    }
}

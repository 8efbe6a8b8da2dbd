//! Committed facts as clients see them.

use serde_json::{Map, Value};

use super::failure::without_seen;
use crate::{controller::LoggedEvent, wire::event::Event};

pub(crate) fn event(logged: LoggedEvent) -> Event {
    let LoggedEvent { seq, at, kind, subject, mut data, .. } = logged;
    if let Some(fields) = data.as_object_mut() {
        for_clients(fields);
    }
    Event { seq, at, kind, subject, data }
}

/// What is carried unread becomes JSON again, and what only the controller needs goes.
fn for_clients(fields: &mut Map<String, Value>) {
    if let Some(failure) = fields.get_mut("failure") {
        without_seen(failure);
    }
    if let Some(Value::String(facts)) = fields.get("facts") {
        let facts = serde_json::from_str(facts).unwrap_or_default();
        fields.insert("facts".to_owned(), facts);
    }
    if let Some(machine) = fields.get_mut("machine").and_then(Value::as_object_mut) {
        machine.remove("identity");
        machine.remove("ended_lease");
        for_clients(machine);
    }
    if let Some(token) = fields.get_mut("token").and_then(Value::as_object_mut) {
        // A hash of a secret is no secret, but nobody's business either.
        token.remove("digest");
    }
    if let Some(spec) = fields.get_mut("job").and_then(|job| job.get_mut("spec")).and_then(Value::as_object_mut) {
        // The log does not have it: it is in the job alone.
        spec.remove("input");
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn secrets_and_inner_matters_stay_inside() {
        let mut data = json!({
            "machine": { "name": "vm-07", "identity": "x", "facts": "{\"os\":\"Debian\"}" },
            "token": { "name": "ci", "digest": "00" },
            "job": { "id": "job_1", "spec": { "workflow": "w", "input": "null" } }
        });
        for_clients(data.as_object_mut().unwrap());
        let expected = json!({
            "machine": { "name": "vm-07", "facts": { "os": "Debian" } },
            "token": { "name": "ci" },
            "job": { "id": "job_1", "spec": { "workflow": "w" } }
        });
        assert_eq!(data, expected);
    }
}

//! Documents that need no application: what counts here is how they travel.

use serde_json::{Value, json};

use super::Client;

/// Two steps, an input with a required field, a default and a limit.
pub(crate) fn register() -> Value {
    json!({
        "kind": "workflow", "name": "register",
        "input": {
            "type": "object", "required": ["mrn"], "additionalProperties": false,
            "properties": {
                "mrn": { "type": "string", "pattern": "^[0-9]{4}$" },
                "copies": { "type": "integer", "default": 1, "minimum": 1 }
            }
        },
        "steps": [{ "key": "Return" }, { "key": "Tab" }],
        "output": { "receipt": "R-{{ input.mrn }}" }
    })
}

pub(crate) async fn store(client: &Client) {
    client.put("/v1/workflows/register").json(&register()).send().await.is(201);
}

pub(crate) fn job(mrn: &str) -> Value {
    json!({ "workflow": "register", "input": { "mrn": mrn } })
}

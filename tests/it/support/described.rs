//! Holds answers against the API description.

use std::{
    collections::BTreeMap,
    sync::{LazyLock, Mutex},
};

use jsonschema::Validator;
use reqwest::Method;
use serde_json::{Value, json};

use super::Answer;

static DESCRIPTION: LazyLock<Value> = LazyLock::new(deskfleet::http::description);
static VALIDATORS: LazyLock<Mutex<BTreeMap<String, &'static Validator>>> = LazyLock::new(Mutex::default);

/// Panics where a real answer is not as described.
pub(crate) fn hold(method: &Method, path: &str, answer: &Answer) {
    let content_type = answer.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let what = &answer.what;
    if answer.status.as_u16() >= 400 {
        if *method == Method::HEAD {
            return;
        }
        assert_eq!(content_type, "application/problem+json", "{what}: {}", String::from_utf8_lossy(&answer.body));
        return check(&json!({ "$ref": "#/components/schemas/Problem" }), answer);
    }
    let route = template(path).unwrap_or_else(|| panic!("{what} is answered, but not described"));
    let method = if *method == Method::HEAD { "get".to_owned() } else { method.as_str().to_ascii_lowercase() };
    let operation = &DESCRIPTION["paths"][&route][&method];
    let response = &operation["responses"][answer.status.as_str()];
    assert!(response.is_object(), "{what}: status {} is not described", answer.status);
    let kind = content_type.split(';').next().unwrap_or_default();
    match &response["content"] {
        Value::Null => assert!(answer.body.is_empty(), "{what} has a body, and none is described"),
        content => {
            let described = content.get(kind).or_else(|| content.get("*/*"));
            let described = described.unwrap_or_else(|| panic!("{what}: {kind} is not described, but {content}"));
            if kind == "application/json" && described["schema"].is_object() && !answer.body.is_empty() {
                check(&described["schema"], answer);
            }
        }
    }
}

fn check(schema: &Value, answer: &Answer) {
    let mut whole = schema.clone();
    whole["components"] = DESCRIPTION["components"].clone();
    let key = schema.to_string();
    let validator = *VALIDATORS
        .lock()
        .unwrap()
        .entry(key)
        .or_insert_with(|| Box::leak(Box::new(jsonschema::options().build(&whole).unwrap())));
    let body = answer.json();
    let faults: Vec<String> =
        validator.iter_errors(&body).map(|fault| format!("{}: {fault}", fault.instance_path())).collect();
    assert!(faults.is_empty(), "{} is not as described: {faults:#?}\n{body:#}", answer.what);
}

/// The described path a real one belongs to: `/v1/jobs/{id}` for `/v1/jobs/job_…`.
fn template(path: &str) -> Option<String> {
    let path = path.split('?').next().unwrap_or_default();
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let own: Vec<&str> = template.split('/').collect();
        own.len() == parts.len() && own.iter().zip(&parts).all(|(own, part)| own.starts_with('{') || own == part)
    };
    let paths = DESCRIPTION["paths"].as_object().unwrap();
    let mut fitting: Vec<&String> = paths.keys().filter(|template| fits(template)).collect();
    // Fewer variables mean a better fit.
    fitting.sort_by_key(|template| template.matches('{').count());
    fitting.first().map(|template| (*template).clone())
}

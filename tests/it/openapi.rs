//! The description: whole, sound, and the one that is served.

use std::collections::BTreeSet;

use deskfleet::http::{description, routes};
use serde_json::Value;

use crate::support::Site;

#[test]
fn every_route_is_described_and_every_reference_leads_somewhere() {
    let description = description();
    for route in routes() {
        let operation = &description["paths"][route.path][route.method.as_str().to_ascii_lowercase()];
        assert!(operation.is_object(), "{} {}", route.method, route.path);
        for field in ["summary", "operationId"] {
            assert!(operation[field].as_str().is_some_and(|text| !text.is_empty()), "{} {}", route.method, route.path);
        }
        assert!(!route.answers.is_empty(), "{} {} answers nothing", route.method, route.path);
        let variables = route.path.matches('{').count();
        let described = operation["parameters"].as_array().unwrap().iter().filter(|one| one["in"] == "path").count();
        assert_eq!(variables, described, "{}", route.path);
    }
    let ids: BTreeSet<String> = routes().iter().map(deskfleet::http::route::Route::id).collect();
    assert_eq!(ids.len(), routes().len(), "operation ids are told apart");
    let mut references = BTreeSet::new();
    collect(&description, &mut references);
    for reference in references {
        let found = description.pointer(reference.strip_prefix('#').unwrap());
        assert!(found.is_some_and(Value::is_object), "{reference} leads nowhere");
    }
}

fn collect(value: &Value, references: &mut BTreeSet<String>) {
    match value {
        Value::Object(fields) => {
            references.extend(fields.get("$ref").and_then(Value::as_str).map(str::to_owned));
            fields.values().for_each(|value| collect(value, references));
        }
        Value::Array(items) => items.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}

#[test]
fn every_component_is_a_sound_schema() {
    let description = description();
    assert_eq!(description["openapi"], "3.1.0");
    for (name, schema) in description["components"]["schemas"].as_object().unwrap() {
        let mut whole = schema.clone();
        whole["components"] = description["components"].clone();
        jsonschema::options().build(&whole).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(jsonschema::meta::is_valid(schema), "{name}");
    }
}

#[test]
fn the_table_changes_only_on_purpose() {
    let mut lines: Vec<String> = Vec::new();
    for route in routes() {
        lines.push(format!("{:6} {:50} {:?}", route.method.as_str(), route.path, route.access));
    }
    insta::assert_snapshot!(lines.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_is_served_to_anyone_and_kept_by_who_has_it() {
    let site = Site::start().await;
    let served = site.nobody().get("/openapi.json").send().await.is(200);
    assert_eq!(served.json(), description());
    let tag = served.header("etag").to_owned();
    site.nobody().get("/openapi.json").header("if-none-match", &tag).send().await.is(304);
}

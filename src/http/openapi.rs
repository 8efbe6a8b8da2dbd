//! The description of the API (`OpenAPI` 3.1), made from the route table and the types of `wire`.

use serde_json::{Map, Value, json};
use utoipa::{
    PartialSchema, ToSchema,
    openapi::{RefOr, Schema},
};

use super::{
    problem::{Code, PROBLEM_JSON},
    route::{Access, Content, Form, Parameter, Route, Shape},
};
use crate::{
    ids::{BatchId, Digest, JobId, JoinTokenId, MachineName, Name, TokenId},
    wire::problem::Problem,
};

/// A reference to a type's component.
pub(crate) fn reference<T: ToSchema>() -> Value {
    reference_to(&T::name())
}

fn reference_to(name: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{name}") })
}

/// The component of a type and those it refers to.
pub(crate) fn components_of<T: ToSchema>() -> Map<String, Value> {
    let mut schemas: Vec<(String, RefOr<Schema>)> = vec![(T::name().into_owned(), T::schema())];
    T::schemas(&mut schemas);
    let mut schemas: Map<String, Value> =
        schemas.into_iter().map(|(name, schema)| (name, serde_json::to_value(schema).unwrap_or_default())).collect();
    schemas.values_mut().for_each(bound_unsigned);
    schemas
}

/// The generator calls an unsigned number of 32 bits a signed one from 0, which ends at half of it.
fn bound_unsigned(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(bound_unsigned),
        Value::Object(fields) => {
            let unsigned = fields.get("minimum").and_then(Value::as_u64).is_some();
            if unsigned && fields.get("format").is_some_and(|format| format == "int32") {
                fields.remove("format");
                fields.entry("maximum").or_insert_with(|| json!(u32::MAX));
            }
            fields.values_mut().for_each(bound_unsigned);
        }
        _ => {}
    }
}

pub(crate) fn describe(routes: &[Route]) -> Value {
    let mut schemas = components_of::<Problem>();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let contents = route.takes.iter().chain(route.answers.iter().flat_map(|answer| &answer.content));
        for content in contents {
            add_components(&mut schemas, &content.schema);
        }
        let item = paths.entry(route.path).or_insert_with(|| json!({}));
        item[route.method.as_str().to_ascii_lowercase()] = operation(route);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "deskfleet",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Runs unattended desktop automation on pools of machines. Errors are `application/problem+json`; \
                `code` is stable.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" }
        },
        "servers": [{ "url": "/" }],
        "tags": tags(routes),
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": { "Problem": {
                "description": format!("What went wrong and what to do about it. Codes: {}.", all_codes()),
                "content": { PROBLEM_JSON: { "schema": reference::<Problem>() } }
            } },
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "description": "An API token (`dft_…`)." },
                "machine": { "type": "mutualTLS", "description": "The certificate a machine got when it joined." }
            }
        }
    })
}

fn all_codes() -> String {
    let codes: Vec<String> =
        Code::ALL.iter().map(|code| format!("`{}` {}", code.as_str(), code.status().as_u16())).collect();
    codes.join(", ")
}

fn tags(routes: &[Route]) -> Vec<Value> {
    let mut names: Vec<&str> = Vec::new();
    for route in routes {
        if !names.contains(&route.tag) {
            names.push(route.tag);
        }
    }
    names.into_iter().map(|name| json!({ "name": name })).collect()
}

fn add_components(schemas: &mut Map<String, Value>, shape: &Shape) {
    match shape {
        Shape::Type { components, .. } | Shape::Form { components, .. } => schemas.extend(components()),
        Shape::Page { name, components } => {
            schemas.extend(components());
            schemas.insert(
                page_name(name),
                json!({
                    "type": "object",
                    "required": ["items", "next"],
                    "properties": {
                        "items": { "type": "array", "items": reference_to(name) },
                        "next": {
                            "type": ["string", "null"],
                            "description": "Give it back as `cursor` for the next page; null on the last."
                        }
                    }
                }),
            );
        }
        Shape::Object | Shape::Text | Shape::Bytes => {}
    }
}

fn page_name(name: &str) -> String {
    format!("{name}Page")
}

fn operation(route: &Route) -> Value {
    let mut parameters: Vec<Value> = path_parameters(route.path).map(|name| path_parameter(route.path, name)).collect();
    parameters.extend(route.query.iter().map(|parameter| described(parameter, "query")));
    parameters.extend(route.headers.iter().map(|parameter| described(parameter, "header")));
    let mut responses: Map<String, Value> = Map::new();
    for answer in &route.answers {
        let mut response = json!({ "description": answer.about });
        if !answer.content.is_empty() {
            response["content"] = contents(&answer.content);
        }
        responses.insert(answer.status.to_string(), response);
    }
    responses.insert("default".to_owned(), json!({ "$ref": "#/components/responses/Problem" }));
    let mut operation = json!({
        "operationId": route.id(),
        "tags": [route.tag],
        "summary": route.summary,
        "description": who(route.access),
        "parameters": parameters,
        "responses": responses,
        "security": security(route.access)
    });
    if !route.takes.is_empty() {
        operation["requestBody"] = json!({ "required": route.body_required, "content": contents(&route.takes) });
    }
    operation
}

fn who(access: Access) -> String {
    match access {
        Access::Anyone => "Anyone may call this.".to_owned(),
        Access::Metrics => "Role `viewer`, or anyone where `metrics.open` is set.".to_owned(),
        Access::JoinToken => "Needs a join token in the body.".to_owned(),
        Access::Role(role) => format!("Role `{}` or a higher one.", role.as_str()),
        Access::Machine => "Machines only, by their certificate.".to_owned(),
        Access::ExpiredMachine => {
            "Machines only, by their certificate, also one that expired less than 90 days ago.".to_owned()
        }
    }
}

fn security(access: Access) -> Value {
    match access {
        Access::Anyone | Access::JoinToken => json!([]),
        Access::Metrics => json!([{ "token": [] }, {}]),
        Access::Role(_) => json!([{ "token": [] }]),
        Access::Machine | Access::ExpiredMachine => json!([{ "machine": [] }]),
    }
}

fn path_parameters(path: &str) -> impl Iterator<Item = &str> {
    path.split('{').skip(1).filter_map(|rest| rest.split('}').next())
}

fn path_parameter(path: &str, name: &str) -> Value {
    json!({ "name": name, "in": "path", "required": true, "schema": form_in_path(path, name) })
}

/// What a part of a path may look like follows from what it names.
fn form_in_path(path: &str, name: &str) -> Value {
    let collection = path.split('/').nth(2).unwrap_or_default();
    match (collection, name) {
        (_, "version" | "attempt") => json!({ "type": "integer", "minimum": 1, "maximum": u32::MAX }),
        (_, "sha256") => form_of::<Digest>(),
        ("jobs", "id") => form_of::<JobId>(),
        ("batches", "id") => form_of::<BatchId>(),
        ("tokens", "id") => form_of::<TokenId>(),
        ("join-tokens", "id") => form_of::<JoinTokenId>(),
        ("machines", "name") => form_of::<MachineName>(),
        // Names of artifacts are those the workflow gives.
        ("jobs", _) => json!({ "type": "string" }),
        (_, "name") => form_of::<Name>(),
        _ => json!({ "type": "string" }),
    }
}

fn form_of<T: PartialSchema>() -> Value {
    serde_json::to_value(T::schema()).unwrap_or_default()
}

fn described(parameter: &Parameter, place: &str) -> Value {
    let schema = match parameter.form {
        Form::Text | Form::List => json!({ "type": "string" }),
        Form::Integer => json!({ "type": "integer", "minimum": 0 }),
        Form::Count { most } => json!({ "type": "integer", "minimum": 1, "maximum": most }),
        Form::Shaped(pattern) => json!({ "type": "string", "pattern": pattern }),
        Form::Flag => json!({ "type": "boolean" }),
        Form::Duration => json!({ "type": "string", "pattern": "^([0-9]{1,9}(ms|s|m|h|d))?$" }),
    };
    // A family of names has no place in the standard but as an object spread over the query.
    match parameter.name.strip_suffix('.') {
        Some(family) => json!({
            "name": family, "in": place, "style": "deepObject", "explode": true, "description": parameter.about,
            "schema": { "type": "object", "additionalProperties": { "type": "string" } }
        }),
        None => json!({ "name": parameter.name, "in": place, "description": parameter.about, "schema": schema }),
    }
}

fn contents(contents: &[Content]) -> Value {
    let mut by_type: Map<String, Value> = Map::new();
    for content in contents {
        let described = match &content.schema {
            Shape::Type { name, .. } => json!({ "schema": reference_to(name) }),
            Shape::Page { name, .. } => json!({ "schema": reference_to(&page_name(name)) }),
            Shape::Form { name, .. } => json!({
                "schema": {
                    "type": "object",
                    "required": ["job"],
                    "properties": { "job": reference_to(name) },
                    "additionalProperties": { "type": "string", "contentMediaType": "application/octet-stream" }
                },
                "encoding": { "job": { "contentType": "application/json" } }
            }),
            Shape::Object => json!({ "schema": { "type": "object" } }),
            Shape::Text => json!({ "schema": { "type": "string" } }),
            Shape::Bytes => json!({}),
        };
        by_type.insert(content.media_type.to_owned(), described);
    }
    Value::Object(by_type)
}

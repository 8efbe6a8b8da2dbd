//! JSON Schemas as data: what in them would be ignored, lead out of them, or take for ever.

use std::collections::BTreeSet;

use serde_json::Value;

use super::input::InputFault;
use super::limits;

/// Keywords of JSON Schema 2020-12, without those that lead out of the schema.
const KEYWORDS: [&str; 52] = [
    "$schema",
    "$ref",
    "$defs",
    "$comment",
    "$anchor",
    "definitions",
    "type",
    "enum",
    "const",
    "title",
    "description",
    "default",
    "examples",
    "deprecated",
    "readOnly",
    "writeOnly",
    "multipleOf",
    "maximum",
    "exclusiveMaximum",
    "minimum",
    "exclusiveMinimum",
    "maxLength",
    "minLength",
    "pattern",
    "format",
    "contentEncoding",
    "contentMediaType",
    "maxItems",
    "minItems",
    "uniqueItems",
    "items",
    "prefixItems",
    "contains",
    "maxContains",
    "minContains",
    "unevaluatedItems",
    "maxProperties",
    "minProperties",
    "required",
    "properties",
    "patternProperties",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "dependentRequired",
    "dependentSchemas",
    "allOf",
    "anyOf",
    "oneOf",
    "not",
    "if",
    "then",
];
const ELSE: &str = "else";
/// Keywords whose value is a schema.
const ONE: [&str; 11] = [
    "items",
    "contains",
    "unevaluatedItems",
    "additionalProperties",
    "unevaluatedProperties",
    "propertyNames",
    "not",
    "if",
    "then",
    ELSE,
    "contentSchema",
];
/// Keywords whose value is a list of schemas.
const LISTS: [&str; 4] = ["allOf", "anyOf", "oneOf", "prefixItems"];
/// Keywords whose value is a mapping from names to schemas.
const MAPS: [&str; 5] = ["properties", "patternProperties", "$defs", "definitions", "dependentSchemas"];
/// Keywords whose schemas hold for the same value, not for a part of it.
const IN_PLACE: [&str; 7] = ["allOf", "anyOf", "oneOf", "not", "if", "then", ELSE];

/// The mark of a property whose value is masked everywhere but in the job.
pub(super) const SENSITIVE: &str = "x-sensitive";
/// How many references may lead from one schema to another for the same value.
const REFERENCES: usize = 100;

/// Everything in a schema that would be ignored, or leads out of it.
pub(super) fn check(schema: &Value) -> Vec<InputFault> {
    let mut faults = Vec::new();
    if let Some(kind) = schema.get("type").filter(|kind| *kind != "object") {
        faults.push(fault("/type", format!("the input is an object: write `type: object` in place of {kind}")));
    }
    walk(schema, schema, "", &mut faults);
    let patterns = patterns(schema);
    if patterns > limits::SCHEMA_PATTERNS {
        faults.push(fault("", format!("{patterns} patterns in the schema, more than {}", limits::SCHEMA_PATTERNS)));
    }
    faults
}

/// How many regular expressions a schema has, or what looks like one.
fn patterns(schema: &Value) -> usize {
    match schema {
        Value::Object(keywords) => keywords
            .iter()
            .map(|(keyword, value)| match (keyword.as_str(), value) {
                ("pattern", Value::String(_)) => 1,
                ("patternProperties", Value::Object(entries)) => entries.len() + patterns(value),
                _ => patterns(value),
            })
            .sum(),
        Value::Array(items) => items.iter().map(patterns).sum(),
        _ => 0,
    }
}

fn walk(root: &Value, schema: &Value, pointer: &str, faults: &mut Vec<InputFault>) {
    let Value::Object(keywords) = schema else {
        if !schema.is_boolean() {
            faults.push(fault(pointer, "a schema is a mapping, or true or false".to_owned()));
        }
        return;
    };
    for (keyword, value) in keywords {
        let at = format!("{pointer}/{}", escape(keyword));
        match keyword.as_str() {
            "$ref" => reference(root, value, &at, faults),
            "type" => types(value, &at, faults),
            "$id" | "$dynamicRef" | "$dynamicAnchor" | "$vocabulary" | "$recursiveRef" => {
                faults.push(fault(&at, format!("`{keyword}` is not taken: keep to `$ref: \"#/$defs/…\"`")));
            }
            SENSITIVE if !value.is_boolean() => faults.push(fault(&at, format!("`{SENSITIVE}` is true or false"))),
            word if word.starts_with("x-") => {}
            word if ONE.contains(&word) => walk(root, value, &at, faults),
            word if LISTS.contains(&word) => {
                for (index, part) in value.as_array().into_iter().flatten().enumerate() {
                    walk(root, part, &format!("{at}/{index}"), faults);
                }
            }
            word if MAPS.contains(&word) => {
                for (name, part) in value.as_object().into_iter().flatten() {
                    walk(root, part, &format!("{at}/{}", escape(name)), faults);
                }
            }
            word if KEYWORDS.contains(&word) => {}
            word => faults.push(fault(&at, unknown(word, value))),
        }
    }
    if circular(root, schema, &mut Vec::new(), &mut BTreeSet::new()) {
        faults.push(fault(
            pointer,
            "this schema refers to itself without end, or through too many references".to_owned(),
        ));
    } else if branches(root, schema) > limits::SCHEMA_BRANCHES {
        faults.push(fault(pointer, format!("more than {} branches hold for one value", limits::SCHEMA_BRANCHES)));
    }
}

/// The compiler of schemas would find a wrong type too, but say it in the words of the meta-schema.
fn types(value: &Value, at: &str, faults: &mut Vec<InputFault>) {
    const TYPES: [&str; 7] = ["string", "integer", "number", "boolean", "object", "array", "null"];
    let (one, several) = (std::slice::from_ref(value), value.as_array());
    for word in several.map_or(one, Vec::as_slice) {
        if !word.as_str().is_some_and(|word| TYPES.contains(&word)) {
            faults.push(fault(at, format!("{word} is no type: there are {}", TYPES.join(", "))));
        }
    }
}

fn unknown(word: &str, value: &Value) -> String {
    if value.is_object() {
        return format!("`{word}` is no keyword of JSON Schema: properties stand under `properties`");
    }
    format!("`{word}` is no keyword of JSON Schema: own ones begin with x-")
}

fn reference(root: &Value, value: &Value, at: &str, faults: &mut Vec<InputFault>) {
    let detail = match value.as_str() {
        Some(text) if target(root, text).is_some() => return,
        Some(text) if text.starts_with('#') => format!("`{text}` leads nowhere in this schema"),
        _ => "`$ref` may lead into this schema only: \"#/$defs/…\"".to_owned(),
    };
    faults.push(fault(at, detail));
}

/// Whether following references at the same value comes back to one on the way. `done` are those that do not.
fn circular<'schema>(
    root: &'schema Value,
    schema: &'schema Value,
    way: &mut Vec<&'schema str>,
    done: &mut BTreeSet<&'schema str>,
) -> bool {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        if way.contains(&reference) || way.len() > REFERENCES {
            return true;
        }
        if done.insert(reference) {
            way.push(reference);
            let closed = target(root, reference).is_some_and(|next| circular(root, next, way, done));
            way.pop();
            if closed {
                return true;
            }
        }
    }
    IN_PLACE.iter().filter_map(|keyword| schema.get(keyword)).any(|value| match value {
        Value::Array(parts) => parts.iter().any(|part| circular(root, part, way, done)),
        part => circular(root, part, way, done),
    })
}

/// How many schemas a value is held against at one place, those counted twice that stand in two branches; at most one more than
/// the limit.
fn branches(root: &Value, schema: &Value) -> usize {
    let mut count = 0;
    let mut open = vec![schema];
    while let Some(schema) = open.pop().filter(|_| count <= limits::SCHEMA_BRANCHES) {
        count += 1;
        let referred = schema.get("$ref").and_then(Value::as_str).and_then(|reference| target(root, reference));
        for next in IN_PLACE.iter().filter_map(|keyword| schema.get(keyword)).chain(referred) {
            match next {
                Value::Array(parts) => open.extend(parts),
                part => open.push(part),
            }
        }
    }
    count
}

/// What a local reference leads to.
pub(super) fn target<'schema>(root: &'schema Value, reference: &str) -> Option<&'schema Value> {
    root.pointer(reference.strip_prefix('#')?)
}

pub(super) fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn fault(pointer: &str, detail: String) -> InputFault {
    InputFault { pointer: pointer.to_owned(), detail }
}

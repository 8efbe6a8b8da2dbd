//! JSON Schemas as data: what in them this product does not take, where defaults and sensitive properties are.

use std::collections::BTreeSet;

use serde_json::Value;

use super::input::InputFault;

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
/// How deep references are followed.
const DEPTH: usize = 32;

/// Everything in a schema that would be ignored, or leads out of it.
pub(super) fn check(schema: &Value) -> Vec<InputFault> {
    let mut faults = Vec::new();
    if let Some(kind) = schema.get("type").filter(|kind| *kind != "object") {
        faults.push(fault("/type", format!("the input is an object: write `type: object` in place of {kind}")));
    }
    walk(schema, schema, "", &mut faults);
    faults
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
    if circular(root, schema, &mut Vec::new()) {
        faults.push(fault(pointer, "this schema refers to itself without end".to_owned()));
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

fn target<'schema>(root: &'schema Value, reference: &str) -> Option<&'schema Value> {
    root.pointer(reference.strip_prefix('#')?)
}

/// Whether following references at the same value comes back to one on the way.
fn circular(root: &Value, schema: &Value, way: &mut Vec<String>) -> bool {
    if let Some(reference) = schema.get("$ref").and_then(Value::as_str) {
        if way.iter().any(|passed| passed == reference) {
            return true;
        }
        way.push(reference.to_owned());
        let closed = target(root, reference).is_some_and(|next| circular(root, next, way));
        way.pop();
        if closed {
            return true;
        }
    }
    IN_PLACE.iter().filter_map(|keyword| schema.get(keyword)).any(|value| match value {
        Value::Array(parts) => parts.iter().any(|part| circular(root, part, way)),
        part => circular(root, part, way),
    })
}

/// Schemas that may hold for a value: by `$ref` and any branch.
const ANY: &[&str] = &["allOf", "anyOf", "oneOf", "if", "then", ELSE];
/// Schemas that certainly hold: by `$ref` and `allOf`.
const CERTAIN: &[&str] = &["allOf"];

/// The schemas for the same value as this one, itself first, references and the given branches followed.
fn holding<'schema>(root: &'schema Value, schema: &'schema Value, branches: &[&str]) -> Vec<&'schema Value> {
    let mut found = Vec::new();
    let mut open = vec![(schema, 0)];
    while let Some((schema, depth)) = open.pop() {
        if depth > DEPTH || found.len() > 1000 {
            continue;
        }
        found.push(schema);
        let referred = schema.get("$ref").and_then(Value::as_str).and_then(|reference| target(root, reference));
        let parts = branches.iter().filter_map(|keyword| schema.get(keyword));
        for next in parts.chain(referred) {
            match next {
                Value::Array(parts) => open.extend(parts.iter().rev().map(|part| (part, depth + 1))),
                part => open.push((part, depth + 1)),
            }
        }
    }
    found
}

/// The names of the properties, when the schema names them all; `None` where others may come.
pub(super) fn properties(root: &Value) -> Option<BTreeSet<String>> {
    let mut names = BTreeSet::new();
    for schema in holding(root, root, ANY) {
        let open = |keyword: &str| schema.get(keyword).is_some_and(|value| *value != Value::Bool(false));
        if open("additionalProperties") || open("patternProperties") || open("unevaluatedProperties") {
            return None;
        }
        names.extend(
            schema.get("properties").and_then(Value::as_object).into_iter().flat_map(|map| map.keys().cloned()),
        );
    }
    Some(names)
}

/// Pointers of sensitive values, `*` for any item or any other property. In order, each once.
pub(super) fn sensitive(root: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    mark(root, root, "", 0, &mut found);
    found.into_iter().collect()
}

fn mark(root: &Value, schema: &Value, pointer: &str, depth: usize, found: &mut BTreeSet<String>) {
    if depth > 16 || found.len() > 1000 {
        return;
    }
    for schema in holding(root, schema, ANY) {
        if schema.get(SENSITIVE) == Some(&Value::Bool(true)) {
            found.insert(pointer.to_owned());
        }
        for (name, part) in schema.get("properties").and_then(Value::as_object).into_iter().flatten() {
            mark(root, part, &format!("{pointer}/{}", escape(name)), depth + 1, found);
        }
        for keyword in ["items", "additionalProperties", "unevaluatedProperties", "contains"] {
            if let Some(part) = schema.get(keyword) {
                mark(root, part, &format!("{pointer}/*"), depth + 1, found);
            }
        }
        let lists = schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten();
        let maps = schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|map| map.values());
        for part in lists.chain(maps) {
            mark(root, part, &format!("{pointer}/*"), depth + 1, found);
        }
    }
}

/// Replaces every sensitive value.
pub(super) fn mask(root: &Value, value: &mut Value) {
    let pointers: Vec<Vec<String>> = sensitive(root)
        .iter()
        .map(|pointer| pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
        .collect();
    for tokens in &pointers {
        mask_at(value, tokens);
    }
}

fn mask_at(value: &mut Value, tokens: &[String]) {
    let Some((first, rest)) = tokens.split_first() else {
        *value = Value::from("***");
        return;
    };
    match value {
        Value::Array(items) if first == "*" => items.iter_mut().for_each(|item| mask_at(item, rest)),
        Value::Object(entries) if first == "*" => entries.values_mut().for_each(|item| mask_at(item, rest)),
        Value::Object(entries) => entries.get_mut(first).into_iter().for_each(|item| mask_at(item, rest)),
        _ => {}
    }
}

/// Puts defaults where properties are absent; with `nulls`, null where there is no default either.
pub(super) fn fill(root: &Value, schema: &Value, value: &mut Value, nulls: bool, depth: usize) {
    if depth > DEPTH {
        return;
    }
    if let Value::Object(object) = value {
        for (name, property) in properties_of(root, schema, CERTAIN) {
            let default = || holding(root, property, CERTAIN).into_iter().find_map(|schema| schema.get("default"));
            if !object.contains_key(name)
                && let Some(default) = default()
            {
                object.insert(name.clone(), default.clone());
            }
        }
        for (name, property) in properties_of(root, schema, ANY) {
            match object.get_mut(name) {
                Some(inner) => fill(root, property, inner, nulls, depth + 1),
                None if nulls => {
                    object.insert(name.clone(), Value::Null);
                }
                None => {}
            }
        }
    }
    if let Value::Array(items) = value {
        for part in holding(root, schema, CERTAIN).iter().filter_map(|schema| schema.get("items")) {
            items.iter_mut().for_each(|item| fill(root, part, item, nulls, depth + 1));
        }
    }
}

fn properties_of<'schema>(
    root: &'schema Value,
    schema: &'schema Value,
    branches: &[&str],
) -> Vec<(&'schema String, &'schema Value)> {
    let maps = holding(root, schema, branches).into_iter().filter_map(|schema| schema.get("properties")?.as_object());
    maps.flatten().collect()
}

fn escape(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

fn fault(pointer: &str, detail: String) -> InputFault {
    InputFault { pointer: pointer.to_owned(), detail }
}

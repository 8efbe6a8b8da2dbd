//! What a JSON Schema says beside right and wrong: names, defaults, and what is sensitive.
//!
//! Values are walked with the set of schemas that speak of them, each schema once, so that the work is bounded by the sizes of
//! value and schema however often a schema refers to itself.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::schema::{SENSITIVE, escape, target};

/// Branches by which a schema may speak of a value.
const ANY: &[&str] = &["allOf", "anyOf", "oneOf", "if", "then", "else"];
/// Branches by which it certainly does.
const CERTAIN: &[&str] = &["allOf"];
/// Keywords for the items of a list, or for properties without a name of their own.
const PARTS: [&str; 4] = ["items", "additionalProperties", "unevaluatedProperties", "contains"];
/// How deep [`sensitive`] lists, and how many schemas it looks at.
const DEPTH: usize = 16;
const LOOKS: usize = 5_000;

/// The schemas that speak of the same value as these, themselves first, references and the given branches followed.
fn holding<'schema>(root: &'schema Value, schemas: &[&'schema Value], branches: &[&str]) -> Vec<&'schema Value> {
    let mut found = Vec::new();
    let mut seen = BTreeSet::new();
    let mut open: Vec<&Value> = schemas.iter().rev().copied().collect();
    while let Some(schema) = open.pop() {
        if !seen.insert(std::ptr::from_ref(schema)) {
            continue;
        }
        found.push(schema);
        let referred = schema.get("$ref").and_then(Value::as_str).and_then(|reference| target(root, reference));
        for next in branches.iter().filter_map(|keyword| schema.get(keyword)).chain(referred) {
            match next {
                Value::Array(parts) => open.extend(parts.iter().rev()),
                part => open.push(part),
            }
        }
        if branches.len() > CERTAIN.len() {
            open.extend(
                schema.get("dependentSchemas").and_then(Value::as_object).into_iter().flat_map(|map| map.values()),
            );
        }
    }
    found
}

type Named<'schema> = BTreeMap<&'schema str, Vec<&'schema Value>>;

/// The schemas of each property that these name.
fn named<'schema>(schemas: &[&'schema Value]) -> Named<'schema> {
    let mut names = Named::new();
    for (name, schema) in schemas.iter().filter_map(|schema| schema.get("properties")?.as_object()).flatten() {
        names.entry(name).or_default().push(schema);
    }
    names
}

/// The schemas of items and of properties that are not named.
fn unnamed<'schema>(schemas: &[&'schema Value]) -> Vec<&'schema Value> {
    let mut parts = Vec::new();
    for schema in schemas {
        parts.extend(PARTS.iter().filter_map(|keyword| schema.get(keyword)));
        parts.extend(schema.get("prefixItems").and_then(Value::as_array).into_iter().flatten());
        parts.extend(
            schema.get("patternProperties").and_then(Value::as_object).into_iter().flat_map(|map| map.values()),
        );
    }
    parts
}

/// The names of the properties, when the schema names them all; `None` where others may come.
pub(super) fn properties(root: &Value) -> Option<BTreeSet<String>> {
    let schemas = holding(root, &[root], ANY);
    let open = ["additionalProperties", "patternProperties", "unevaluatedProperties"];
    let others = schemas
        .iter()
        .any(|schema| open.iter().any(|keyword| schema.get(keyword).is_some_and(|value| *value != Value::Bool(false))));
    (!others).then(|| named(&schemas).into_keys().map(str::to_owned).collect())
}

/// Puts defaults where properties are absent. A default is taken as it stands.
pub(super) fn defaults(root: &Value, schemas: &[&Value], value: &mut Value) {
    let certain = holding(root, schemas, CERTAIN);
    match value {
        Value::Object(object) => {
            for (name, parts) in named(&certain) {
                if let Some(inner) = object.get_mut(name) {
                    defaults(root, &parts, inner);
                } else if let Some(default) = holding(root, &parts, CERTAIN).iter().find_map(|part| part.get("default"))
                {
                    object.insert(name.to_owned(), default.clone());
                }
            }
        }
        Value::Array(items) => {
            let parts: Vec<&Value> = certain.iter().filter_map(|schema| schema.get("items")).collect();
            for item in items {
                defaults(root, &parts, item);
            }
        }
        _ => {}
    }
}

/// Puts null where a property that is named anywhere is absent.
pub(super) fn nulls(root: &Value, schemas: &[&Value], value: &mut Value) {
    let any = holding(root, schemas, ANY);
    match value {
        Value::Object(object) => {
            for (name, parts) in named(&any) {
                match object.get_mut(name) {
                    Some(inner) => nulls(root, &parts, inner),
                    None => {
                        object.insert(name.to_owned(), Value::Null);
                    }
                }
            }
        }
        Value::Array(items) => {
            let parts = unnamed(&any);
            for item in items {
                nulls(root, &parts, item);
            }
        }
        _ => {}
    }
}

fn is_sensitive(schemas: &[&Value]) -> bool {
    schemas.iter().any(|schema| schema.get(SENSITIVE) == Some(&Value::Bool(true)))
}

/// Replaces every sensitive value. Where it is not certain which schema speaks of a value, any of them is enough.
pub(super) fn mask(root: &Value, schemas: &[&Value], value: &mut Value) {
    let any = holding(root, schemas, ANY);
    if is_sensitive(&any) {
        *value = Value::from("***");
        return;
    }
    let others = unnamed(&any);
    match value {
        Value::Object(object) => {
            let mut names = named(&any);
            for (name, inner) in object {
                let mut parts = names.remove(name.as_str()).unwrap_or_default();
                parts.extend(&others);
                mask(root, &parts, inner);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|item| mask(root, &others, item)),
        _ => {}
    }
}

/// Pointers of sensitive values, `*` for any item or any other property; in order, each once. A schema too tangled to be listed
/// counts as sensitive as a whole: the pointer is empty.
pub(super) fn sensitive(root: &Value) -> Vec<String> {
    let mut found = BTreeSet::new();
    let mut looks = LOOKS;
    mark(root, &[root], "", DEPTH, &mut |pointer, seen| {
        if let Some(pointer) = pointer {
            found.insert(pointer.to_owned());
        }
        looks = looks.saturating_sub(seen);
        looks > 0
    });
    if looks == 0 { vec![String::new()] } else { found.into_iter().collect() }
}

/// Calls `visit` with the pointer of what is sensitive, and with how many schemas were looked at; goes on while it says so.
fn mark(
    root: &Value,
    schemas: &[&Value],
    pointer: &str,
    depth: usize,
    visit: &mut dyn FnMut(Option<&str>, usize) -> bool,
) {
    let any = holding(root, schemas, ANY);
    let hit = is_sensitive(&any);
    if !visit(hit.then_some(pointer), any.len()) || hit || depth == 0 {
        return;
    }
    for (name, parts) in named(&any) {
        mark(root, &parts, &format!("{pointer}/{}", escape(name)), depth - 1, visit);
    }
    let others = unnamed(&any);
    if !others.is_empty() {
        mark(root, &others, &format!("{pointer}/*"), depth - 1, visit);
    }
}

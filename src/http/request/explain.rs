//! Says everything that is wrong with a JSON value, by the schema its type has in the API description.

use jsonschema::{ValidationError, error::ValidationErrorKind, paths::Location};
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::{
    http::{openapi, problem::fault},
    wire::problem::Fault,
};

/// Nobody mends more than this at once.
const MAX_FAULTS: usize = 100;

/// Empty where the schema finds nothing.
pub(super) fn against<T: ToSchema>(value: &Value) -> Vec<Fault> {
    let mut schema = openapi::reference::<T>();
    schema["components"] = json!({ "schemas": openapi::components_of::<T>() });
    let Ok(validator) = jsonschema::options().build(&schema) else {
        return Vec::new();
    };
    let mut faults: Vec<Fault> =
        validator.iter_errors(value).take(MAX_FAULTS).flat_map(|error| explain(&error, &schema)).collect();
    faults.sort_by(|a, b| a.pointer.cmp(&b.pointer));
    faults.dedup();
    faults
}

fn explain(error: &ValidationError<'_>, schema: &Value) -> Vec<Fault> {
    let at = error.instance_path();
    match error.kind() {
        ValidationErrorKind::AdditionalProperties { unexpected } => unexpected
            .iter()
            .map(|name| fault(child(at, name), unknown_field(name, &known_fields(error.schema_path(), schema))))
            .collect(),
        ValidationErrorKind::Required { property } => {
            let name = property.as_str().unwrap_or_default();
            vec![fault(child(at, name), "is missing")]
        }
        ValidationErrorKind::Pattern { pattern } => {
            vec![fault(at.as_str(), format!("{} does not have the form {pattern}", shown(error.instance())))]
        }
        // An optional field is `null` or something; what the something should be is told by its own schema.
        ValidationErrorKind::OneOfNotValid { .. } | ValidationErrorKind::AnyOf { .. } => {
            vec![fault(at.as_str(), format!("{} fits none of the forms allowed here", shown(error.instance())))]
        }
        _ => vec![fault(at.as_str(), error.to_string())],
    }
}

fn child(at: &Location, name: &str) -> String {
    format!("{}/{}", at.as_str(), name.replace('~', "~0").replace('/', "~1"))
}

/// Bad values are quoted, but not at any length.
fn shown(value: &Value) -> String {
    const SHOWN_CHARS: usize = 80;
    let text = value.to_string();
    match text.char_indices().nth(SHOWN_CHARS) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

/// The fields the schema has beside the keyword that refused.
fn known_fields(keyword: &Location, schema: &Value) -> Vec<String> {
    let Some((object, _)) = keyword.as_str().rsplit_once('/') else { return Vec::new() };
    // The path names the references it went through; each stands for the place it points at.
    let mut place = schema;
    for part in object.split('/').skip(1) {
        let Some(next) = place.get(part.replace("~1", "/").replace("~0", "~")) else { return Vec::new() };
        place = match next.as_str().and_then(|text| text.strip_prefix('#')) {
            Some(pointer) => schema.pointer(pointer).unwrap_or(&Value::Null),
            None => next,
        };
    }
    let fields = place.get("properties").and_then(Value::as_object);
    fields.into_iter().flat_map(|fields| fields.keys().cloned()).collect()
}

fn unknown_field(name: &str, known: &[String]) -> String {
    let near = known.iter().map(|field| (strsim::damerau_levenshtein(name, field), field)).min();
    match near {
        Some((distance, field)) if distance <= 2 => format!("is no field here; did you mean `{field}`?"),
        _ if known.is_empty() => "is no field here".to_owned(),
        _ => format!("is no field here; there are {}", known.join(", ")),
    }
}

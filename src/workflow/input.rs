//! The `input` of a workflow: its JSON Schema, and values held against it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};

use super::{limits, schema};

/// A JSON Schema 2020-12 of the input object, compiled.
#[derive(Clone)]
pub struct InputSchema {
    schema: Arc<Value>,
    validator: Arc<Validator>,
}

/// What is wrong with an input, or with the schema itself. Values are never repeated: they may be secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputFault {
    /// JSON pointer into the input (or into the schema).
    pub pointer: String,
    pub detail: String,
}

impl fmt::Debug for InputSchema {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("InputSchema").field(&self.schema).finish()
    }
}

impl InputSchema {
    /// Compiles a schema. `$ref` may point into the schema itself only; what JSON Schema would silently ignore is refused.
    pub fn new(schema: Value) -> Result<Self, Vec<InputFault>> {
        let faults = schema::check(&schema);
        if !faults.is_empty() {
            return Err(faults);
        }
        let options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(limits::PATTERN_COMPILED_BYTES))
            .should_validate_formats(true);
        let validator = options.build(&schema).map_err(|error| {
            vec![InputFault {
                pointer: error.instance_path().to_string(),
                detail: format!("the schema is wrong: {error}"),
            }]
        })?;
        Ok(Self { schema: Arc::new(schema), validator: Arc::new(validator) })
    }

    /// The schema of a workflow that declares no input: an object without properties.
    pub fn none() -> Result<Self, Vec<InputFault>> {
        Self::new(json!({"type": "object", "additionalProperties": false}))
    }

    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// Everything that is wrong with an input, after defaults. Null stands for `{}`.
    pub fn check(&self, input: &Value) -> Vec<InputFault> {
        let input = self.with_defaults(input);
        if !input.is_object() {
            return vec![InputFault { pointer: String::new(), detail: "the input is an object".to_owned() }];
        }
        self.validator
            .iter_errors(&input)
            .take(limits::FAULTS)
            .map(|error| InputFault {
                pointer: error.instance_path().to_string(),
                detail: error.masked_with("the value").to_string(),
            })
            .collect()
    }

    /// The input with the schema's defaults where properties are absent. This is what is stored with a job.
    pub fn with_defaults(&self, input: &Value) -> Value {
        self.filled(input, false)
    }

    /// What templates see as `input`: with defaults, and null where an optional property is absent.
    pub fn complete(&self, input: &Value) -> Value {
        self.filled(input, true)
    }

    fn filled(&self, input: &Value, nulls: bool) -> Value {
        let mut filled = if input.is_null() { Value::Object(Map::new()) } else { input.clone() };
        schema::fill(&self.schema, &self.schema, &mut filled, nulls, 0);
        filled
    }

    /// The properties, when the schema names them all; `None` where others may come.
    pub fn properties(&self) -> Option<BTreeSet<String>> {
        schema::properties(&self.schema)
    }

    /// JSON pointers of the values marked `x-sensitive`, `*` for any item or property.
    pub fn sensitive(&self) -> Vec<String> {
        schema::sensitive(&self.schema)
    }

    /// A copy to be shown: what is sensitive is `***`.
    pub fn masked(&self, input: &Value) -> Value {
        let mut masked = input.clone();
        schema::mask(&self.schema, &mut masked);
        masked
    }
}

//! The `input` of a workflow: its JSON Schema, and values held against it.

use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};

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
    /// Compiles a schema. `$ref` may point into the schema itself only.
    pub fn new(schema: Value) -> Result<Self, Vec<InputFault>> {
        let mut options = jsonschema::options()
            .with_draft(Draft::Draft202012)
            .with_pattern_options(PatternOptions::regex().size_limit(super::limits::PATTERN_COMPILED_BYTES));
        options = options.should_validate_formats(true);
        let validator = options.build(&schema).map_err(|error| {
            vec![InputFault { pointer: error.instance_path().to_string(), detail: error.to_string() }]
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

    /// Everything that is wrong with an input, after defaults.
    pub fn check(&self, input: &Value) -> Vec<InputFault> {
        let input = self.with_defaults(input);
        self.validator
            .iter_errors(&input)
            .map(|error| InputFault {
                pointer: error.instance_path().to_string(),
                detail: error.masked_with("the value").to_string(),
            })
            .collect()
    }

    /// The input with the schema's defaults where properties are absent.
    pub fn with_defaults(&self, input: &Value) -> Value {
        let mut completed = if input.is_null() { Value::Object(Map::new()) } else { input.clone() };
        fill(&mut completed, &self.schema, false);
        completed
    }

    /// What templates see as `input`: with defaults, and null where an optional property is absent.
    pub fn complete(&self, input: &Value) -> Value {
        let mut completed = self.with_defaults(input);
        fill(&mut completed, &self.schema, true);
        completed
    }
}

fn fill(value: &mut Value, schema: &Value, nulls: bool) {
    let (Value::Object(object), Some(Value::Object(properties))) = (value, schema.get("properties")) else { return };
    for (name, property) in properties {
        match object.get_mut(name) {
            Some(inner) => fill(inner, property, nulls),
            None => {
                if let Some(default) = property.get("default") {
                    object.insert(name.clone(), default.clone());
                } else if nulls {
                    object.insert(name.clone(), Value::Null);
                }
            }
        }
    }
}

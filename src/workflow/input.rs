//! The `input` of a workflow: its JSON Schema, and values held against it.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use jsonschema::{Draft, PatternOptions, Validator};
use serde_json::{Map, Value, json};

use super::{annotations, limits, schema};

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
        let mut filled = if input.is_null() { Value::Object(Map::new()) } else { input.clone() };
        annotations::defaults(&self.schema, &[&self.schema], &mut filled);
        filled
    }

    /// What templates see as `input`: with defaults, and null where an optional property is absent.
    pub fn complete(&self, input: &Value) -> Value {
        let mut filled = self.with_defaults(input);
        annotations::nulls(&self.schema, &[&self.schema], &mut filled);
        filled
    }

    /// The properties, when the schema names them all; `None` where others may come.
    pub fn properties(&self) -> Option<BTreeSet<String>> {
        annotations::properties(&self.schema)
    }

    /// JSON pointers of the values marked `x-sensitive`, `*` for any item or property.
    pub fn sensitive(&self) -> Vec<String> {
        annotations::sensitive(&self.schema)
    }

    /// A copy to be shown: what is sensitive is `***`.
    pub fn masked(&self, input: &Value) -> Value {
        let mut masked = input.clone();
        annotations::mask(&self.schema, &[&self.schema], &mut masked);
        masked
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schema(schema: Value) -> InputSchema {
        InputSchema::new(schema).unwrap_or_else(|faults| panic!("{faults:?}"))
    }

    fn patient() -> InputSchema {
        schema(json!({
            "type": "object",
            "required": ["mrn", "copies"],
            "additionalProperties": false,
            "properties": {
                "mrn": {"type": "string", "pattern": "^\\d{4,}$"},
                "pin": {"type": "string", "x-sensitive": true, "maxLength": 4},
                "copies": {"type": "integer", "default": 1},
                "address": {"$ref": "#/$defs/address"},
                "visits": {"type": "array", "items": {"$ref": "#/$defs/visit"}},
            },
            "$defs": {
                "address": {"type": "object", "properties": {"street": {"x-sensitive": true}, "city": {"default": "Berlin"}}},
                "visit": {"type": "object", "properties": {"day": {"type": "string", "format": "date"}, "why": {"x-sensitive": true}}},
            },
        }))
    }

    #[test]
    fn an_input_is_told_everything_that_is_wrong_with_it_and_no_value_of_it() {
        let faults =
            patient().check(&json!({"mrn": "x12", "pin": "hunter2", "other": 1, "visits": [{"day": "yesterday"}]}));
        let mut pointers: Vec<&str> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
        pointers.sort_unstable();
        assert_eq!(pointers, ["", "/mrn", "/pin", "/visits/0/day"]);
        assert!(faults.iter().all(|fault| !fault.detail.contains("hunter2") && !fault.detail.contains("yesterday")));
    }

    #[test]
    fn defaults_are_put_in_before_the_input_is_checked() {
        let schema = patient();
        assert_eq!(schema.check(&json!({"mrn": "0042"})), []);
        assert_eq!(
            schema.with_defaults(&json!({"mrn": "0042", "address": {}})),
            json!({"mrn": "0042", "copies": 1, "address": {"city": "Berlin"}})
        );
        assert_eq!(schema.check(&json!(null)).len(), 1);
        assert_eq!(schema.check(&json!([])).len(), 1);
        assert_eq!(InputSchema::none().map(|none| none.check(&json!(null))), Ok(vec![]));
        assert_eq!(InputSchema::none().map(|none| none.check(&json!({"x": 1})).len()), Ok(1));
    }

    #[test]
    fn templates_see_null_where_an_optional_property_is_absent() {
        let seen = patient().complete(&json!({"mrn": "0042", "visits": [{}]}));
        assert_eq!(
            seen,
            json!({"mrn": "0042", "copies": 1, "pin": null, "address": null, "visits": [{"day": null, "why": null}]})
        );
    }

    #[test]
    fn what_is_sensitive_is_masked_wherever_it_stands() {
        let schema = patient();
        assert_eq!(schema.sensitive(), ["/address/street", "/pin", "/visits/*/why"]);
        let masked = schema.masked(
            &json!({"mrn": "0042", "pin": "1", "address": {"street": "a", "city": "b"}, "visits": [{"why": ["x"]}, 5]}),
        );
        assert_eq!(
            masked,
            json!({"mrn": "0042", "pin": "***", "address": {"street": "***", "city": "b"}, "visits": [{"why": "***"}, 5]})
        );
        let whole = InputSchema::new(json!({"x-sensitive": true})).expect("a schema");
        assert_eq!(whole.masked(&json!({"a": 1})), json!("***"));
    }

    #[test]
    fn a_schema_may_refer_to_itself_where_the_value_goes_deeper() {
        let tree = schema(json!({
            "properties": {"tree": {"$ref": "#/$defs/tree"}},
            "$defs": {"tree": {"properties": {"name": {"default": "x"}, "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}}}}},
        }));
        assert_eq!(tree.check(&json!({"tree": {"children": [{"children": [{}]}]}})), []);
        assert_eq!(tree.check(&json!({"tree": {"children": [{"children": 1}]}})).len(), 1);
        assert_eq!(tree.properties().map(|names| names.len()), Some(1));
    }

    #[test]
    fn branches_and_defaults_do_not_mix() {
        let either = schema(json!({
            "anyOf": [{"properties": {"a": {"default": 1}}}, {"properties": {"b": {"x-sensitive": true}}}],
            "allOf": [{"properties": {"c": {"default": 3}}}],
        }));
        assert_eq!(either.with_defaults(&json!({})), json!({"c": 3}));
        assert_eq!(either.complete(&json!({})), json!({"a": null, "b": null, "c": 3}));
        assert_eq!(either.sensitive(), ["/b"]);
    }

    #[test]
    fn a_schema_that_would_take_for_ever_is_refused() {
        let mut definitions = Map::new();
        for level in 0..40 {
            let next = json!({"$ref": format!("#/$defs/l{}", level + 1)});
            definitions.insert(format!("l{level}"), json!({"allOf": [next, next]}));
        }
        definitions.insert("l40".to_owned(), json!({}));
        let faults =
            InputSchema::new(json!({"$ref": "#/$defs/l0", "$defs": definitions})).expect_err("too many branches");
        assert!(faults[0].detail.contains("branches"), "{}", faults[0].detail);
        let both = json!({"a": {"$ref": "#/$defs/t"}, "b": {"$ref": "#/$defs/t"}});
        let tangled = schema(json!({"$ref": "#/$defs/t", "$defs": {"t": {"default": {}, "properties": both}}}));
        assert_eq!(tangled.sensitive(), [""]);
        assert_eq!(tangled.complete(&json!({})), json!({"a": {"a": null, "b": null}, "b": {"a": null, "b": null}}));
        assert_eq!(tangled.masked(&json!({"a": {"b": 1}})), json!({"a": {"b": 1}}));
        let looped = InputSchema::new(json!({"$ref": "#"})).expect_err("a loop");
        assert!(looped[0].detail.contains("without end"));
        let patterns: Map<String, Value> = (0..300).map(|n| (format!("p{n}"), json!({"pattern": "a"}))).collect();
        assert!(InputSchema::new(json!({"properties": patterns})).is_err());
    }
}

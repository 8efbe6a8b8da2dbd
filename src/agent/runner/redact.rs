//! Keeps secret texts out of everything that is said about a run.

use serde_json::Value;

const HIDDEN: &str = "•••";

/// Shorter texts would blot out half of every message.
const MIN_CHARS: usize = 3;

/// The texts that must not be repeated, longest first.
#[derive(Debug, Default)]
pub(super) struct Redactor(Vec<String>);

impl Redactor {
    /// Everything in `input` that its schema marks `x-sensitive`.
    pub(super) fn for_input(schema: &Value, input: &Value) -> Self {
        let mut redactor = Self::default();
        redactor.collect(schema, input);
        redactor
    }

    pub(super) fn add(&mut self, secret: &str) {
        let secret = secret.trim();
        if secret.chars().count() >= MIN_CHARS && !self.0.iter().any(|known| known == secret) {
            self.0.push(secret.to_owned());
            self.0.sort_by_key(|known| std::cmp::Reverse(known.len()));
        }
    }

    pub(super) fn clean(&self, text: &str) -> String {
        self.0.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), HIDDEN))
    }

    fn collect(&mut self, schema: &Value, value: &Value) {
        if schema.get("x-sensitive") == Some(&Value::Bool(true)) {
            self.add_all(value);
            return;
        }
        match value {
            Value::Object(entries) => {
                for (name, value) in entries {
                    if let Some(property) = schema.get("properties").and_then(|all| all.get(name)) {
                        self.collect(property, value);
                    }
                }
            }
            Value::Array(items) => {
                if let Some(schema) = schema.get("items") {
                    for item in items {
                        self.collect(schema, item);
                    }
                }
            }
            _ => {}
        }
    }

    fn add_all(&mut self, value: &Value) {
        match value {
            Value::String(text) => self.add(text),
            Value::Number(number) => self.add(&number.to_string()),
            Value::Array(items) => items.iter().for_each(|item| self.add_all(item)),
            Value::Object(entries) => entries.values().for_each(|value| self.add_all(value)),
            Value::Null | Value::Bool(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sensitive_input_is_hidden_wherever_it_turns_up() {
        let schema = json!({"properties": {
            "name": {"type": "string", "x-sensitive": true},
            "codes": {"items": {"properties": {"pin": {"x-sensitive": true}}}},
            "ward": {"type": "string"}
        }});
        let input = json!({"name": "Ada Lovelace", "codes": [{"pin": 4711}], "ward": "north"});
        let mut redactor = Redactor::for_input(&schema, &input);
        redactor.add("x");
        assert_eq!(redactor.clean("Ada Lovelace, 4711, north, x"), "•••, •••, north, x");
    }
}

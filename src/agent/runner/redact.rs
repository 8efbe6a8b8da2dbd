//! Keeps secret texts out of everything that is said about a run.

use serde_json::Value;

const HIDDEN: &str = "•••";

/// Shorter texts would blot out half of every message.
const MIN_CHARS: usize = 3;

/// The texts that must not be repeated, longest first.
#[derive(Debug, Default)]
pub(super) struct Redactor(Vec<String>);

impl Redactor {
    /// Everything in `input` that is not in `masked`, the same input as it may be shown.
    pub(super) fn for_input(input: &Value, masked: &Value) -> Self {
        let mut redactor = Self::default();
        redactor.collect(input, masked);
        redactor
    }

    pub(super) fn extend(&mut self, other: &Self) {
        other.0.iter().for_each(|secret| self.add(secret));
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

    fn collect(&mut self, value: &Value, masked: &Value) {
        match (value, masked) {
            (Value::Object(entries), Value::Object(shown)) => {
                for (name, value) in entries {
                    self.collect(value, shown.get(name).unwrap_or(&Value::Null));
                }
            }
            (Value::Array(items), Value::Array(shown)) => {
                items.iter().zip(shown).for_each(|(item, shown)| self.collect(item, shown));
            }
            (value, masked) if value != masked => self.add_all(value),
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
        let schema = crate::workflow::InputSchema::new(json!({
            "properties": {
                "name": {"type": "string", "x-sensitive": true},
                "codes": {"items": {"properties": {"pin": {"x-sensitive": true}}}},
                "address": {"$ref": "#/$defs/address"},
                "ward": {"type": "string"}
            },
            "allOf": [{"properties": {"mother": {"x-sensitive": true}}}],
            "$defs": {"address": {"properties": {"street": {"x-sensitive": true}}}}
        }))
        .unwrap();
        let input = json!({
            "name": "Ada Lovelace", "codes": [{"pin": 4711}], "ward": "north", "mother": "Anne Byron",
            "address": {"street": "St James's Square"}
        });
        let mut redactor = Redactor::for_input(&input, &schema.masked(&input));
        redactor.add("x");
        assert_eq!(redactor.clean("Ada Lovelace, 4711, north, x"), "•••, •••, north, x");
        assert_eq!(redactor.clean("Anne Byron, St James's Square"), "•••, •••");
    }
}

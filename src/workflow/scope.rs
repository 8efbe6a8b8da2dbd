//! What templates and expressions can see while a job runs.

use std::collections::BTreeMap;

use minijinja::Value as EngineValue;
use serde_json::{Map, Value};

use super::engine::NOW;

/// The roots `input`, `vars`, `files`, `job` and `machine`, and the time that the `date` filter calls now.
#[derive(Clone, Debug)]
pub struct Scope {
    fixed: BTreeMap<&'static str, EngineValue>,
    vars: Map<String, Value>,
    vars_seen: BTreeMap<String, EngineValue>,
}

/// What a scope is made of, `vars` apart.
#[derive(Clone, Debug, Default)]
pub struct ScopeParts {
    /// As [`super::InputSchema::complete`] returns it: defaults applied, absent optional properties null.
    pub input: Value,
    /// By file name: `{"referral.pdf": {"path": "…"}}`.
    pub files: Value,
    /// What a workflow may know of its job: `id`, `attempt`, `workflow`, `version`, `labels`, …
    pub job: Value,
    /// What a workflow may know of its machine: `name`, `pool`, `labels`, `facts`, …
    pub machine: Value,
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub now_ms: i64,
}

impl Scope {
    pub fn new(parts: &ScopeParts) -> Self {
        let object = |value: &Value| match value {
            Value::Null => EngineValue::from(minijinja::value::Serde(Map::new())),
            value => EngineValue::from(minijinja::value::Serde(value)),
        };
        let fixed = BTreeMap::from([
            ("input", object(&parts.input)),
            ("files", object(&parts.files)),
            ("job", object(&parts.job)),
            ("machine", object(&parts.machine)),
            (NOW, EngineValue::from(parts.now_ms)),
        ]);
        Self { fixed, vars: Map::new(), vars_seen: BTreeMap::new() }
    }

    /// Moves the time that `date` calls now.
    pub fn set_now_ms(&mut self, now_ms: i64) {
        self.fixed.insert(NOW, EngineValue::from(now_ms));
    }

    pub fn set_var(&mut self, name: &str, value: Value) {
        self.vars_seen.insert(name.to_owned(), EngineValue::from(minijinja::value::Serde(&value)));
        self.vars.insert(name.to_owned(), value);
    }

    /// The variables as they are now, to be journaled.
    pub fn vars(&self) -> &Map<String, Value> {
        &self.vars
    }

    pub(super) fn context(&self) -> EngineValue {
        let vars = EngineValue::from_pairs(self.vars_seen.iter().map(|(name, value)| (name.clone(), value.clone())));
        let roots = self.fixed.iter().map(|(name, value)| (*name, value.clone()));
        EngineValue::from_pairs(roots.chain([("vars", vars)]))
    }
}

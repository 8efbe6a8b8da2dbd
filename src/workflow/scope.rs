//! What templates and expressions can see while a job runs.

use std::collections::BTreeMap;

use minijinja::Value as EngineValue;
use serde_json::{Map, Value};

use super::engine::NOW;

const ITEM: &str = "item";
const LOOP: &str = "loop";

/// The roots `input`, `vars`, `files`, `job`, `machine`, in and after loops `item` and `loop`, and the time that the `date` filter
/// calls now.
#[derive(Clone, Debug)]
pub struct Scope {
    fixed: BTreeMap<&'static str, EngineValue>,
    vars: Map<String, Value>,
    vars_seen: BTreeMap<String, EngineValue>,
    /// `item` and `loop`, where they are known.
    looping: BTreeMap<&'static str, Value>,
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
        Self { fixed, vars: Map::new(), vars_seen: BTreeMap::new(), looping: BTreeMap::new() }
    }

    /// Moves the time that `date` calls now.
    pub fn set_now_ms(&mut self, now_ms: i64) {
        self.fixed.insert(NOW, EngineValue::from(now_ms));
    }

    pub fn set_var(&mut self, name: &str, value: Value) {
        self.vars_seen.insert(name.to_owned(), EngineValue::from(minijinja::value::Serde(&value)));
        self.vars.insert(name.to_owned(), value);
    }

    /// What `item` is from now on; what it was. `None`: not known.
    pub fn set_item(&mut self, item: Option<Value>) -> Option<Value> {
        self.set_root(ITEM, item)
    }

    /// What `loop` is from now on; what it was. `None`: not known.
    pub fn set_loop(&mut self, state: Option<Value>) -> Option<Value> {
        self.set_root(LOOP, state)
    }

    fn set_root(&mut self, root: &'static str, value: Option<Value>) -> Option<Value> {
        match &value {
            Some(value) => self.fixed.insert(root, EngineValue::from(minijinja::value::Serde(value))),
            None => self.fixed.remove(root),
        };
        match value {
            Some(value) => self.looping.insert(root, value),
            None => self.looping.remove(root),
        }
    }

    /// The variables as they are now.
    pub fn vars(&self) -> &Map<String, Value> {
        &self.vars
    }

    /// What a later attempt needs to go on from here: the variables, and beside them `item` and `loop`, which no variable is called.
    pub fn journal(&self) -> Map<String, Value> {
        let mut journal = self.vars.clone();
        journal.extend(self.looping.iter().map(|(root, value)| ((*root).to_owned(), value.clone())));
        journal
    }

    /// As it was when the journal was written: nothing from now stays.
    pub fn restore(&mut self, journal: Map<String, Value>) {
        self.vars.clear();
        self.vars_seen.clear();
        self.set_item(None);
        self.set_loop(None);
        for (name, value) in journal {
            match name.as_str() {
                ITEM => drop(self.set_item(Some(value))),
                LOOP => drop(self.set_loop(Some(value))),
                name => self.set_var(name, value),
            }
        }
    }

    pub(super) fn context(&self) -> EngineValue {
        let vars = EngineValue::from_pairs(self.vars_seen.iter().map(|(name, value)| (name.clone(), value.clone())));
        let roots = self.fixed.iter().map(|(name, value)| (*name, value.clone()));
        EngineValue::from_pairs(roots.chain([("vars", vars)]))
    }
}

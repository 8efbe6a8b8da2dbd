//! Reader of `kind: workflow`.

use std::collections::BTreeMap;

use super::Reader;
use super::fields::Fields;
use super::target::transpose;
use crate::workflow::input::InputSchema;
use crate::workflow::limits;
use crate::workflow::model::{Category, Name, RetryPolicy, Workflow};
use crate::workflow::node::{Node, Tree, json_bytes};
use crate::workflow::value::ValueTemplate;

impl Reader {
    pub(super) fn workflow(&mut self, mut fields: Fields<'_>, name: Option<Name>) -> Option<Workflow> {
        let description = fields.take("description").and_then(|node| self.prose(node));
        let owner = fields.take("owner").and_then(|node| self.name(node));
        let apps = self.workflow_apps(&mut fields);
        self.apps = apps.len();
        let pool = fields.take("pool").map(|node| self.name(node));
        let input = self.input(fields.take("input"));
        let concurrency = fields.take("concurrency").map(|node| self.concurrency(node, input.as_ref()));
        let vars = fields.take("vars").and_then(|node| self.initial_vars(node));
        let timeout = fields.take("timeout").map(|node| self.duration(node));
        self.timeout = timeout.flatten().unwrap_or(Workflow::DEFAULT_TIMEOUT);
        let retry = fields.take("retry").map(|node| self.retry(node));
        let steps = fields.require("steps", "a workflow", self).and_then(|node| self.steps(node, "steps", 0));
        let output = fields.take("output").map(|node| self.output(node));
        let images = self.digests(&mut fields);
        fields.finish("a workflow", &[], self);
        Some(Workflow {
            name: name?,
            description,
            owner: owner.map(|owner| owner.to_string()),
            apps,
            pool: transpose(pool)?,
            input: input?,
            vars: vars.unwrap_or_default(),
            steps: steps?,
            output: transpose(output)?,
            timeout: transpose(timeout)?.unwrap_or(Workflow::DEFAULT_TIMEOUT),
            retry: transpose(retry)?.unwrap_or_default(),
            concurrency: transpose(concurrency)?,
            images: images?,
        })
    }

    fn workflow_apps(&mut self, fields: &mut Fields<'_>) -> Vec<Name> {
        let several = fields.take("apps").and_then(|node| self.app_names(node));
        let one = fields.take("app").and_then(|node| self.name(node));
        match (several, one) {
            (Some(_), Some(_)) => {
                self.fault(fields.node, "a workflow has `apps` or `app`, not both");
                Vec::new()
            }
            (several, one) => several.unwrap_or_else(|| one.into_iter().collect()),
        }
    }

    fn input(&mut self, node: Option<&Node>) -> Option<InputSchema> {
        let Some(node) = node else {
            self.inputs = Some(std::collections::BTreeSet::new());
            return InputSchema::none().ok();
        };
        let Some(node) = Some(node).filter(|node| matches!(node.tree, Tree::Map(_))) else {
            self.fault(node, format!("`input` is a JSON Schema, a mapping; this is {}", node.describe()));
            return None;
        };
        let schema = node.to_json();
        if json_bytes(&schema) > limits::SCHEMA_BYTES {
            self.fault(node, format!("the schema has more than {} bytes", limits::SCHEMA_BYTES));
            return None;
        }
        match InputSchema::new(schema) {
            Ok(schema) => {
                self.inputs = schema.properties();
                Some(schema)
            }
            Err(faults) => {
                for fault in faults {
                    self.fault(node.at_pointer(&fault.pointer), fault.detail);
                }
                None
            }
        }
    }

    /// The initial values cannot see one another: their order in the document has no meaning.
    fn initial_vars(&mut self, node: &Node) -> Option<BTreeMap<String, ValueTemplate>> {
        let Tree::Map(entries) = &node.tree else {
            self.fault(node, format!("`vars` is a mapping from names to values, this is {}", node.describe()));
            return None;
        };
        if entries.len() > limits::ENTRIES {
            self.fault(node, format!("`vars` has more than {} entries", limits::ENTRIES));
            return None;
        }
        let mut vars = BTreeMap::new();
        for entry in entries {
            let name = self.variable(&entry.value, &entry.key);
            let value = self.value(&entry.value);
            vars.extend(name.zip(value));
        }
        self.vars.extend(entries.iter().map(|entry| entry.key.clone()));
        Some(vars)
    }

    fn output(&mut self, node: &Node) -> Option<ValueTemplate> {
        if !matches!(node.tree, Tree::Map(_)) {
            self.fault_with(
                node,
                format!("`output` is a mapping, this is {}", node.describe()),
                "such as { result: \"{{ vars.result }}\" }",
            );
            return None;
        }
        self.value(node)
    }

    fn retry(&mut self, node: &Node) -> Option<RetryPolicy> {
        let mut fields = Fields::new(node, "`retry`", self)?;
        let default = RetryPolicy::default();
        let attempts = fields.take("attempts").and_then(|node| self.count(node, 1, limits::ATTEMPTS));
        let backoff = fields.take("backoff").and_then(|node| self.duration(node));
        let max_backoff = fields.take("max_backoff").and_then(|node| self.duration(node));
        let other_machine = fields.take("other_machine").and_then(|node| self.boolean(node));
        let words = Category::RETRYABLE.map(|category| (category.as_str(), category));
        let read = |reader: &mut Self, item: &Node| reader.choice(item, &words, &[]);
        let categories = fields.take("categories").and_then(|node| self.each(node, "`categories`", words.len(), read));
        fields.finish("`retry`", &[], self);
        let backoff = backoff.unwrap_or(default.backoff);
        let policy = RetryPolicy {
            attempts: attempts.unwrap_or(default.attempts),
            backoff,
            max_backoff: max_backoff.unwrap_or_else(|| default.max_backoff.max(backoff)),
            other_machine: other_machine.unwrap_or(default.other_machine),
            categories: categories.map_or(default.categories, |categories| categories.into_iter().collect()),
        };
        if policy.max_backoff < policy.backoff {
            self.fault(node, "`max_backoff` is shorter than `backoff`");
        }
        Some(policy)
    }
}

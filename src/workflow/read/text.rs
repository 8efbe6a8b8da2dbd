//! Readers of text that is computed: templates, expressions, and values with templates in them.

use std::collections::BTreeMap;

use super::Reader;
use super::names::{nearest, one_of};
use super::unavailable;
use crate::workflow::expression::Expression;
use crate::workflow::limits;
use crate::workflow::model::Kind;
use crate::workflow::node::{Node, Tree};
use crate::workflow::template::{Reference, Template, TemplateError};
use crate::workflow::value::{SetValue, ValueTemplate};

const ROOTS: [&str; 5] = ["input", "vars", "files", "job", "machine"];

impl Reader {
    pub(super) fn template(&mut self, node: &Node) -> Option<Template> {
        let text = self.text(node)?;
        let template = self.compiled(node, Template::new(text))?;
        self.references(node, template.references());
        Some(template)
    }

    /// A template that is not empty.
    pub(super) fn filled(&mut self, node: &Node) -> Option<Template> {
        if node.as_text() == Some("") {
            self.fault(node, "this may not be empty");
            return None;
        }
        self.template(node)
    }

    pub(super) fn expression(&mut self, node: &Node) -> Option<Expression> {
        let text = match &node.tree {
            Tree::Text(text) => text.clone(),
            // `if: true` and `assert: 1` mean what they say.
            Tree::Bool(value) => value.to_string(),
            _ => return self.text(node).and(None),
        };
        let trimmed = text.trim();
        if let Some(inside) = trimmed.strip_prefix("{{").and_then(|rest| rest.strip_suffix("}}")) {
            self.fault_with(
                node,
                "this is an expression already",
                format!("write it without braces: \"{}\"", inside.trim()),
            );
            return None;
        }
        let expression = self.compiled(node, Expression::new(trimmed))?;
        self.references(node, expression.references());
        Some(expression)
    }

    fn compiled<T>(&mut self, node: &Node, result: Result<T, TemplateError>) -> Option<T> {
        let error = match result {
            Ok(value) => return Some(value),
            Err(error) => error,
        };
        match error {
            TemplateError::Syntax(reason) => self.fault(node, format!("this does not compile: {reason}")),
            TemplateError::UnknownFilter { name, nearest } => match nearest {
                Some(right) => {
                    self.fault_with(node, format!("unknown filter `{name}`"), format!("did you mean `{right}`?"));
                }
                None => self.fault(node, format!("unknown filter `{name}`")),
            },
            other => self.fault(node, other.to_string()),
        }
        None
    }

    /// Refuses names that can have no value when the document runs.
    fn references(&mut self, node: &Node, references: &[Reference]) {
        for Reference { root, property } in references {
            match root.as_str() {
                root if unavailable::ROOTS.contains(&root) => self.unavailable(node, root),
                root @ ("input" | "files" | "job") if self.kind == Kind::App => {
                    self.fault(node, format!("`{root}` is known in workflows only: an app serves every job"));
                }
                "input" => self.input_property(node, property.as_deref()),
                "vars" => self.variable_is_set(node, property.as_deref()),
                "item" => self.item_is_known(node),
                "loop" => self.loop_is_known(node, property.as_deref()),
                root if ROOTS.contains(&root) => {}
                root => self.unknown_root(node, root),
            }
        }
    }

    fn unknown_root(&mut self, node: &Node, root: &str) {
        let detail = format!("unknown name `{root}`");
        let known: Vec<&str> = if self.kind == Kind::App { vec!["vars", "machine"] } else { ROOTS.to_vec() };
        let in_vars = self.vars.contains(root).then(|| format!("vars.{root}"));
        let in_input =
            self.inputs.as_ref().is_some_and(|inputs| inputs.contains(root)).then(|| format!("input.{root}"));
        let suggestion = match (in_input.or(in_vars), nearest(root, known.iter().copied())) {
            (Some(name), _) => format!("did you mean `{name}`?"),
            (None, Some(name)) => format!("did you mean `{name}`?"),
            (None, None) => {
                format!("known are {}; text inside an expression stands in quotes of its own", one_of(&known))
            }
        };
        self.fault_with(node, detail, suggestion);
    }

    fn input_property(&mut self, node: &Node, property: Option<&str>) {
        let (Some(inputs), Some(property)) = (&self.inputs, property) else { return };
        if inputs.contains(property) {
            return;
        }
        let suggestion = match nearest(property, inputs.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `input.{name}`?"),
            None => "declare it in the `properties` of `input`".to_owned(),
        };
        self.fault_with(node, format!("`input.{property}` is not declared"), suggestion);
    }

    fn variable_is_set(&mut self, node: &Node, property: Option<&str>) {
        let Some(property) = property else { return };
        if self.vars.contains(property) {
            return;
        }
        let suggestion = match nearest(property, self.vars.iter().map(String::as_str)) {
            Some(name) => format!("did you mean `vars.{name}`?"),
            None => "set it before, with `as`, `set` or `vars`".to_owned(),
        };
        self.fault_with(node, format!("`vars.{property}` is set nowhere before this"), suggestion);
    }

    /// A value of `output` or `vars`.
    pub(super) fn value(&mut self, node: &Node) -> Option<ValueTemplate> {
        match &node.tree {
            Tree::Text(_) => self.template(node).map(ValueTemplate::Text),
            Tree::List(items) => {
                let values: Vec<_> = items.iter().map(|item| self.value(item)).collect();
                values.into_iter().collect::<Option<_>>().map(ValueTemplate::List)
            }
            Tree::Map(entries) => {
                let values: Vec<_> =
                    entries.iter().map(|entry| Some((entry.key.clone(), self.value(&entry.value)?))).collect();
                values.into_iter().collect::<Option<_>>().map(ValueTemplate::Map)
            }
            _ => Some(ValueTemplate::Constant(node.to_json())),
        }
    }

    /// The right side of `set`.
    pub(super) fn set_value(&mut self, node: &Node) -> Option<SetValue> {
        match &node.tree {
            Tree::Text(_) => self.expression(node).map(SetValue::Expression),
            Tree::List(_) | Tree::Map(_) => {
                let detail = format!("the right side of `set` is an expression, this is {}", node.describe());
                self.fault_with(node, detail, "write it as one, in quotes: \"[1, 2]\" or \"{'a': 1}\"");
                None
            }
            _ => Some(SetValue::Constant(node.to_json())),
        }
    }

    /// A mapping from free names to templates, as `env`.
    pub(super) fn templates(&mut self, node: &Node, what: &str) -> Option<BTreeMap<String, Template>> {
        let Tree::Map(entries) = &node.tree else {
            self.fault(node, format!("{what} is a mapping, this is {}", node.describe()));
            return None;
        };
        if entries.len() > limits::ARGUMENTS {
            self.fault(node, format!("{what} has more than {} entries", limits::ARGUMENTS));
            return None;
        }
        Some(entries.iter().filter_map(|entry| Some((entry.key.clone(), self.template(&entry.value)?))).collect())
    }
}

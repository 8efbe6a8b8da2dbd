//! Values with templates in them: `output`, `vars`, and the right side of `set`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::expression::Expression;
use super::scope::Scope;
use super::template::{Template, TemplateError};

/// A value any text of which is a template.
#[derive(Clone, Debug)]
pub enum ValueTemplate {
    /// Null, true, false or a number.
    Constant(Value),
    Text(Template),
    List(Vec<ValueTemplate>),
    Map(BTreeMap<String, ValueTemplate>),
}

impl ValueTemplate {
    /// A text that is one whole template keeps the type of its value.
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, TemplateError> {
        match self {
            Self::Constant(value) => Ok(value.clone()),
            Self::Text(template) => template.evaluate(scope),
            Self::List(items) => {
                items.iter().map(|item| item.evaluate(scope)).collect::<Result<_, _>>().map(Value::Array)
            }
            Self::Map(entries) => {
                let pairs = entries.iter().map(|(key, value)| Ok((key.clone(), value.evaluate(scope)?)));
                pairs.collect::<Result<_, _>>().map(Value::Object)
            }
        }
    }

    /// Every template in it.
    pub fn templates(&self) -> Vec<&Template> {
        match self {
            Self::Constant(_) => Vec::new(),
            Self::Text(template) => vec![template],
            Self::List(items) => items.iter().flat_map(Self::templates).collect(),
            Self::Map(entries) => entries.values().flat_map(Self::templates).collect(),
        }
    }
}

/// The right side of `set`: text is an expression, anything else stands for itself.
#[derive(Clone, Debug)]
pub enum SetValue {
    Expression(Expression),
    Constant(Value),
}

impl SetValue {
    pub fn evaluate(&self, scope: &Scope) -> Result<Value, TemplateError> {
        match self {
            Self::Expression(expression) => expression.evaluate(scope),
            Self::Constant(value) => Ok(value.clone()),
        }
    }
}

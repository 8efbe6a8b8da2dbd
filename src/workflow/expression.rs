//! Expressions: `vars.found.count == 1`, in `when`, `if`, `assert` and `set`.

use std::sync::Arc;

use serde_json::Value;

use super::engine;
use super::scope::Scope;
use super::template::{Reference, TemplateError};

/// An expression that compiles.
#[derive(Clone, Debug)]
pub struct Expression {
    source: Arc<str>,
    references: Arc<[Reference]>,
}

impl Expression {
    pub fn new(source: &str) -> Result<Self, TemplateError> {
        let references = engine::check_expression(source)?;
        Ok(Self { source: Arc::from(source), references: Arc::from(references) })
    }

    pub fn source(&self) -> &str {
        &self.source
    }

    /// The names it reads.
    pub fn references(&self) -> &[Reference] {
        &self.references
    }

    pub fn evaluate(&self, scope: &Scope) -> Result<Value, TemplateError> {
        engine::evaluate(&self.source, scope)
    }

    /// Whether it is true in the sense of Jinja: false, 0, null and what is empty are not.
    pub fn holds(&self, scope: &Scope) -> Result<bool, TemplateError> {
        engine::holds(&self.source, scope)
    }
}

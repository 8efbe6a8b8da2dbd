//! What is wrong with a document, where, and what to write instead.

use std::fmt;

use super::node::Node;

/// One fault. A document with any is refused; all are reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// JSON pointer into its document; empty for the whole.
    pub pointer: String,
    /// From 1; 0 where unknown.
    pub line: u32,
    /// In characters, from 1; 0 where unknown.
    pub column: u32,
    pub detail: String,
    /// What to write instead.
    pub suggestion: Option<String>,
}

impl Fault {
    pub(crate) fn at(node: &Node, detail: impl Into<String>) -> Self {
        Self {
            pointer: node.pointer.to_string(),
            line: node.line,
            column: node.column,
            detail: detail.into(),
            suggestion: None,
        }
    }

    pub(crate) fn suggest(mut self, suggestion: impl Into<String>) -> Self {
        self.suggestion = Some(suggestion.into());
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.line > 0 {
            write!(f, "{}:{}: ", self.line, self.column)?;
        }
        if !self.pointer.is_empty() {
            write!(f, "{}: ", self.pointer)?;
        }
        f.write_str(&self.detail)?;
        match &self.suggestion {
            Some(suggestion) => write!(f, "; {suggestion}"),
            None => Ok(()),
        }
    }
}

//! The documents people write: parsed, checked, templated, linted.
//!
//! Bytes come in and typed documents or faults go out; faults are collected, all of them, each with its place and what to write
//! instead. The controller stores a document as [`Document::to_json`] and the agent reads that back through the same readers.
//!
//! It must not know files, clocks, randomness, the network, nor anything of ours but `ids`: what a step means on a desktop is the
//! agent's, what a workflow means for placement is `fleet`'s.

mod annotations;
mod calls;
mod date;
mod engine;
mod expression;
mod fault;
mod filters;
mod input;
mod json;
pub mod limits;
mod lint;
mod markup;
#[cfg(test)]
mod meaning;
mod model;
mod node;
mod read;
mod scalar;
mod schema;
mod scope;
mod source;
mod table;
mod template;
#[cfg(test)]
mod tests;
mod value;
mod yaml;

pub use calls::{Called, MissingWorkflow, called};
pub use expression::Expression;
pub use fault::Fault;
pub use input::{InputFault, InputSchema};
pub use lint::{Diagnostic, FileSource, ImageFault, Severity, lint, lint_set};
pub use model::*;
pub use node::{Entry, Node, Pointer, Style, Tree};
pub use scope::{Scope, ScopeParts};
pub use source::{Source, parse, parse_one};
pub use template::{Reference, Template, TemplateError};
pub use value::{SetValue, ValueTemplate};

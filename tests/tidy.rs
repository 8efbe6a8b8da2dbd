//! The rules of the house, as an ordinary test: who may import whom, how long a file may be, which words are used, and
//! whether the documents still tell the truth. Each rule is tried on a bad sample too, so that it is known to bite.

#[path = "tidy/commands.rs"]
mod commands;
#[path = "tidy/docs.rs"]
mod docs;
#[path = "tidy/forbidden.rs"]
mod forbidden;
#[path = "tidy/imports.rs"]
mod imports;
#[path = "tidy/lexer.rs"]
mod lexer;
#[path = "tidy/limits.rs"]
mod limits;
#[path = "tidy/routes.rs"]
mod routes;
#[path = "tidy/settings.rs"]
mod settings;
#[path = "tidy/shape.rs"]
mod shape;
#[path = "tidy/source.rs"]
mod source;
#[path = "tidy/words.rs"]
mod words;

/// Fails with every finding, one a line.
fn assert_clean(findings: &[String]) {
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

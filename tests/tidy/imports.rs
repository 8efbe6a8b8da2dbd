//! Who may import whom.

use std::collections::BTreeSet;

use crate::{
    assert_clean,
    source::{Source, rust_files},
};

/// A module, the siblings it may use, and what of other crates it must not. `*` allows every sibling.
struct Rule {
    module: &'static str,
    may_use: &'static [&'static str],
    never: &'static [&'static str],
}

const IO: &[&str] = &["tokio", "reqwest", "redb", "std::fs", "std::net", "std::process", "std::thread", "std::env"];

const RULES: &[Rule] = &[
    Rule { module: "lib", may_use: &["*"], never: &[] },
    Rule { module: "main", may_use: &["*"], never: &[] },
    Rule { module: "cli", may_use: &["*"], never: &[] },
    Rule { module: "ids", may_use: &[], never: IO },
    Rule { module: "time", may_use: &[], never: &["tokio", "reqwest", "redb"] },
    Rule { module: "mutant", may_use: &[], never: IO },
    Rule {
        module: "config",
        may_use: &["ids", "time"],
        never: &["tokio", "redb", "std::net::TcpStream", "std::thread"],
    },
    Rule {
        module: "fleet",
        may_use: &["ids", "time", "mutant"],
        never: &[
            "tokio",
            "redb",
            "serde_json",
            "rand",
            "getrandom",
            "reqwest",
            "axum",
            "hyper",
            "tracing",
            "std::fs",
            "std::net",
            "std::thread",
            "std::time",
            "std::process",
            "std::env",
            "std::collections::HashMap",
            "std::collections::HashSet",
        ],
    },
    Rule { module: "workflow", may_use: &["ids", "time"], never: IO },
    Rule { module: "wire", may_use: &["ids", "time"], never: IO },
    Rule {
        module: "recorder",
        may_use: &["desktop"],
        never: &["tokio", "reqwest", "redb", "std::fs", "std::net", "std::env"],
    },
    Rule { module: "report", may_use: &["wire", "ids", "time"], never: IO },
    Rule { module: "store", may_use: &["fleet", "ids", "time", "mutant"], never: &["axum", "hyper", "reqwest"] },
    Rule {
        module: "controller",
        may_use: &["fleet", "store", "time", "ids", "mutant"],
        never: &["axum", "hyper", "redb"],
    },
    Rule {
        module: "http",
        may_use: &["wire", "workflow", "fleet", "controller", "config", "ids", "time", "report"],
        never: &["redb", "enigo", "x11rb"],
    },
    Rule {
        module: "agent",
        may_use: &["wire", "workflow", "desktop", "ids", "time", "config", "mutant"],
        never: &["redb", "axum"],
    },
    Rule { module: "desktop", may_use: &["time"], never: &["reqwest", "axum", "hyper", "redb"] },
];

/// Paths below a forbidden one that do no harm: a `Duration` reads no clock.
const HARMLESS: &[&str] = &["std::time::Duration"];

fn findings(sources: &[Source]) -> Vec<String> {
    sources.iter().flat_map(of_file).collect()
}

fn of_file(source: &Source) -> Vec<String> {
    let Some(module) = source.module() else { return Vec::new() };
    let Some(rule) = RULES.iter().find(|rule| rule.module == module) else {
        return vec![format!("{}: `{module}` has no row in the table of tests/tidy/imports.rs", source.path)];
    };
    let mut found = BTreeSet::new();
    for (offset, path) in paths(&source.code) {
        let place = format!("{}:{}", source.path, source.line_of(offset));
        if let Some(sibling) = sibling(source, &path)
            && sibling != module
            && RULES.iter().any(|rule| rule.module == sibling)
            && !rule.may_use.iter().any(|&allowed| allowed == "*" || allowed == sibling)
        {
            found.insert(format!("{place}: {module} must not use {sibling}"));
        }
        let below = |forbidden: &&&str| path == **forbidden || path.starts_with(&format!("{forbidden}::"));
        let harmless = HARMLESS
            .iter()
            .any(|harmless| path.strip_prefix(harmless).is_some_and(|rest| rest.is_empty() || rest.starts_with("::")));
        if !harmless && let Some(forbidden) = rule.never.iter().find(below) {
            found.insert(format!("{place}: {module} must not use {forbidden}"));
        }
    }
    found.into_iter().collect()
}

/// The module of ours that a path reaches, by `crate::` or by enough `super::`.
fn sibling<'a>(source: &Source, path: &'a str) -> Option<&'a str> {
    let mut parts = path.split("::").peekable();
    if parts.peek() == Some(&"crate") {
        return parts.nth(1);
    }
    let inside = source.path.strip_prefix("src/")?.trim_end_matches(".rs").trim_end_matches("/mod");
    let depth = inside.split('/').count();
    let supers = path.split("::").take_while(|&part| part == "super").count();
    (supers > 0 && supers == depth).then(|| path.split("::").nth(supers))?
}

/// Every path of the code with two parts or more, groups spelt out: `use a::{b, c::d}` gives `a::b` and `a::c::d`.
fn paths(code: &str) -> Vec<(usize, String)> {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(start) = code[at..].find(is_ident).map(|offset| at + offset) {
        let mut leaves = Vec::new();
        at = leaf(code, start, "", &mut leaves);
        found.extend(leaves.into_iter().filter(|path| path.contains("::")).map(|path| (start, path)));
    }
    found
}

/// Reads one path or tree at `start`; returns where it ends, always beyond `start`.
fn leaf(code: &str, start: usize, prefix: &str, out: &mut Vec<String>) -> usize {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    let word = code[start..].split(|c| !is_ident(c)).next().unwrap_or_default();
    let path = format!("{prefix}{word}");
    let mut at = start + word.len();
    let after = code[at..].trim_start();
    let Some(after) = after.strip_prefix("::") else {
        out.push(path);
        return at.max(start + 1);
    };
    let after = after.trim_start();
    at = code.len() - after.len();
    if after.starts_with(is_ident) {
        return leaf(code, at, &format!("{path}::"), out);
    }
    out.push(path.clone());
    if !after.starts_with('{') {
        return at;
    }
    at += 1;
    loop {
        at = code.len() - code[at..].trim_start_matches(|c: char| c.is_whitespace() || c == ',').len();
        match code[at..].chars().next() {
            Some(c) if is_ident(c) => at = leaf(code, at, &format!("{path}::"), out),
            Some('*') => at += 1,
            Some('}') => return at + 1,
            _ => return at,
        }
    }
}

#[test]
fn modules_import_only_what_the_table_allows() {
    assert_clean(&findings(&rust_files(&["src"])));
}

#[test]
fn a_forbidden_import_is_found_however_it_is_written() {
    let bad = [
        ("src/fleet/job.rs", "use crate::store::Store;"),
        ("src/fleet/job.rs", "use crate::{ids::JobId, wire::{Job, Machine}};"),
        ("src/fleet/job.rs", "fn f() { crate::http::serve() }"),
        ("src/fleet/job.rs", "use super::super::store::Store;"),
        ("src/fleet/mod.rs", "use super::store::Store;"),
        ("src/fleet/job.rs", "use std::{fmt, collections::{BTreeMap, HashMap}};"),
        ("src/fleet/job.rs", "fn f() { std::time::SystemTime::now(); }"),
        ("src/desktop/mod.rs", "use crate::ids::JobId;"),
        ("src/novelty/mod.rs", "//! A module nobody thought of."),
    ];
    for (path, text) in bad {
        assert_eq!(findings(&[Source::new(path, text)]).len(), 1, "{path}: {text}");
    }
}

#[test]
fn an_allowed_import_is_let_be() {
    let good = [
        ("src/fleet/job.rs", "use crate::{ids::JobId, time::Timestamp}; use std::time::Duration; use super::lease;"),
        ("src/fleet/job.rs", "// crate::store is told of this\nfn f() -> &'static str { \"crate::store\" }"),
        ("src/fleet/job.rs", "const A: std::time::Duration = std::time::Duration::from_millis(1);"),
        ("src/cli/mod.rs", "use crate::{agent, controller, http};"),
    ];
    for (path, text) in good {
        assert_clean(&findings(&[Source::new(path, text)]));
    }
}

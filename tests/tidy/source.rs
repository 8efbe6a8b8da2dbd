//! The files of the project, read once and cut into what the rules look at.

use std::{
    fs,
    path::{Path, PathBuf},
};

use crate::lexer::{Lexed, lex};

/// What is made, not written.
const SKIPPED: [&str; 5] = ["target", ".git", "deskfleet-data", "demo-out", "proptest-regressions"];

/// A Rust file.
#[derive(Debug)]
pub(crate) struct Source {
    /// From the project's root, with `/`.
    pub(crate) path: String,
    pub(crate) text: String,
    /// Without comments, strings and the test module at the end.
    pub(crate) code: String,
    /// With their offsets in `text`, those of the test module left out.
    pub(crate) strings: Vec<(usize, String)>,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let Lexed { mut code, mut strings } = lex(text);
        // A file of nothing but tests has no code in the sense of the rules.
        let is_test = path.ends_with("/tests.rs") || path.starts_with("tests/") || path.contains("/tests/");
        let end = if is_test { 0 } else { test_module(&code).unwrap_or(code.len()) };
        code.truncate(end);
        strings.retain(|(offset, _)| *offset < end);
        Self { path: path.to_owned(), text: text.to_owned(), code, strings }
    }

    pub(crate) fn line_of(&self, offset: usize) -> usize {
        1 + self.code.get(..offset).unwrap_or(&self.code).matches('\n').count()
    }

    /// `fleet` of `src/fleet/job.rs` and `time` of `src/time.rs`; `None` outside `src`.
    pub(crate) fn module(&self) -> Option<&str> {
        let inside = self.path.strip_prefix("src/")?;
        Some(inside.split_once('/').map_or(inside.trim_end_matches(".rs"), |(module, _)| module))
    }
}

/// Where `#[cfg(test)] mod … {` begins.
fn test_module(code: &str) -> Option<usize> {
    code.match_indices("#[cfg(test)]").map(|(at, _)| at).find(|&at| {
        let after = code[at..].trim_start_matches("#[cfg(test)]").trim_start();
        let head = after.split(['{', ';']).next().unwrap_or_default();
        head.split_whitespace().any(|word| word == "mod") && after[head.len()..].starts_with('{')
    })
}

pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every Rust file under the folders.
pub(crate) fn rust_files(folders: &[&str]) -> Vec<Source> {
    let is_rust = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "rs");
    let read = |path: PathBuf| {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        Source::new(&relative(&path), &text)
    };
    folders.iter().flat_map(|folder| walk(&root().join(folder))).filter(is_rust).map(read).collect()
}

/// Every file of the project that is text, with its path.
pub(crate) fn text_files() -> Vec<(String, String)> {
    let read = |path: PathBuf| Some((relative(&path), fs::read_to_string(&path).ok()?));
    walk(root()).into_iter().filter_map(read).collect()
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).to_string_lossy().replace('\\', "/")
}

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
        let skipped = path.file_name().is_some_and(|name| SKIPPED.iter().any(|skipped| name == *skipped));
        match path.is_dir() {
            true if !skipped => found.extend(walk(&path)),
            false if !skipped => found.push(path),
            _ => {}
        }
    }
    found.sort();
    found
}

#[test]
fn the_test_module_at_the_end_is_cut_off() {
    let source = Source::new("src/x/y.rs", "fn a() {}\n#[cfg(test)]\nmod tests {\n    use crate::z;\n}\n");
    assert_eq!(source.code.trim(), "fn a() {}");
    let declared = Source::new("src/x/mod.rs", "#[cfg(test)]\nmod tests;\nmod b;\n");
    assert!(declared.code.contains("mod b;"));
    assert_eq!(Source::new("src/x/tests.rs", "use crate::z;").code, "");
}

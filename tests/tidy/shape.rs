//! Sizes and first lines of files. Function length and argument counts are clippy's (`clippy.toml`).

use crate::{
    assert_clean,
    source::{Source, root, rust_files},
};

const MAX_LINES: usize = 600;
const FOLDERS: &[&str] = &["src", "tests", "benches"];

fn findings(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        let lines = counted_lines(source);
        if lines > MAX_LINES {
            found.push(format!("{}: {lines} lines; a file is one idea, {MAX_LINES} lines are the limit", source.path));
        }
        if !source.text.starts_with("//!") {
            found.push(format!("{}: begins without `//!` and a line on what the file is", source.path));
        }
        let doc =
            source.text.lines().take_while(|line| line.starts_with("//!")).collect::<Vec<_>>().join(" ").to_lowercase();
        let says_limits = ["must not", "never", "no i/o", "nothing of"].iter().any(|words| doc.contains(words));
        // Modules within a module share its limits.
        let top = source.path.starts_with("src/") && source.path.matches('/').count() == 2;
        if top && source.path.ends_with("/mod.rs") && !says_limits {
            found.push(format!("{}: does not say what the module must not know", source.path));
        }
    }
    found
}

/// Inline tests do not count; a file of tests counts whole.
fn counted_lines(source: &Source) -> usize {
    let text = if source.code.is_empty() { &source.text } else { &source.code };
    text.trim_end().lines().count()
}

#[test]
fn files_are_small_and_say_what_they_are() {
    assert_clean(&findings(&rust_files(FOLDERS)));
}

#[test]
fn clippy_counts_the_lines_of_functions() {
    let limits = std::fs::read_to_string(root().join("clippy.toml")).unwrap();
    assert!(limits.contains("too-many-lines-threshold = 70"), "clippy.toml must limit functions to 70 lines");
    let manifest = std::fs::read_to_string(root().join("Cargo.toml")).unwrap();
    assert!(manifest.contains("pedantic = "), "too_many_lines is one of clippy's pedantic lints");
    assert!(!manifest.contains("too_many_lines"), "too_many_lines must stay on");
}

#[test]
fn a_file_out_of_shape_is_found() {
    let long = format!("//! Long.\n{}", "fn f() {}\n".repeat(MAX_LINES));
    let bad =
        [("src/fleet/job.rs", long.as_str()), ("src/fleet/job.rs", "use x;"), ("src/fleet/mod.rs", "//! The fleet.")];
    for (path, text) in bad {
        assert_eq!(findings(&[Source::new(path, text)]).len(), 1, "{path}");
    }
    let tested =
        format!("//! Short.\nfn f() {{}}\n#[cfg(test)]\nmod tests {{\n{}}}\n", "fn f() {}\n".repeat(MAX_LINES));
    assert_clean(&findings(&[Source::new("src/fleet/job.rs", &tested)]));
}

//! One word for one thing: what the vocabulary calls machine, agent, step or job has no second name.

use crate::{
    assert_clean,
    source::{Source, rust_files},
};

/// The banned word and ours.
const BANNED: &[(&str, &str)] = &[
    ("task", "job or step"),
    ("worker", "agent or machine"),
    ("node", "machine"),
    ("bot", "agent or machine"),
    ("robot", "machine"),
    ("device", "machine"),
    ("slave", "machine"),
    ("workitem", "job"),
];

/// Foreign words that stay: where, which identifier (or any, `*`), and why.
const EXCEPTIONS: &[(&str, &str, &str)] = &[
    ("src/workflow/", "node", "a place in the tree of a YAML document"),
    ("src/", "worker_threads", "tokio's name"),
    ("src/desktop/", "node", "a place in the accessibility tree"),
    ("src/desktop/x11/", "device_events", "x11rb's name for what mouse and keyboard do"),
    ("src/desktop/windows/", "WorkerW", "a window class of the system's shell"),
];

fn findings(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        for (line, identifier) in identifiers(source) {
            if let Some(word) = banned(&identifier).filter(|word| !excepted(&source.path, &identifier, word.0)) {
                found.push(format!("{}:{line}: `{identifier}`: {} is called {} here", source.path, word.0, word.1));
            }
        }
    }
    found
}

fn excepted(path: &str, identifier: &str, word: &str) -> bool {
    EXCEPTIONS.iter().any(|(folder, name, _)| path.starts_with(folder) && (*name == identifier || *name == word))
}

/// Names in code, parts of the file's own path, and strings that are names themselves: routes, fields, flags.
fn identifiers(source: &Source) -> Vec<(usize, String)> {
    let is_ident = |c: char| c.is_alphanumeric() || c == '_';
    let mut names = vec![(1, source.path.clone())];
    let mut at = 0;
    while let Some(start) = source.code[at..].find(is_ident).map(|offset| at + offset) {
        let name = source.code[start..].split(|c| !is_ident(c)).next().unwrap_or_default();
        at = start + name.len();
        // `task::` is a module of std or tokio; a module of ours would show in a file's name.
        let foreign_module = name == "task" && source.code[at..].starts_with("::");
        if !foreign_module {
            names.push((source.line_of(start), name.to_owned()));
        }
    }
    let is_name = |text: &str| !text.is_empty() && text.chars().all(|c| is_ident(c) || "/{}.-".contains(c));
    let strings = source.strings.iter().filter(|(_, text)| is_name(text));
    names.extend(strings.map(|(offset, text)| (source.text[..*offset].matches('\n').count() + 1, text.clone())));
    names
}

fn banned(identifier: &str) -> Option<&'static (&'static str, &'static str)> {
    let words = words(identifier);
    BANNED.iter().find(|(banned, _)| words.iter().any(|word| word == banned || word.strip_suffix('s') == Some(banned)))
}

/// `stepTaskList`, `STEP_TASK` and `/step-task` all have the word `task`.
fn words(identifier: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut previous = ' ';
    for c in identifier.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && previous.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        previous = c;
    }
    words
}

#[test]
fn names_keep_to_the_vocabulary() {
    assert_clean(&findings(&rust_files(&["src"])));
}

#[test]
fn a_synonym_is_found_in_types_fields_routes_and_file_names() {
    let bad = [
        ("src/fleet/job.rs", "struct TaskState;"),
        ("src/wire/job.rs", "struct Job { worker_name: String }"),
        ("src/http/routes.rs", "const R: &str = \"/v1/robots/{name}\";"),
        ("src/cli/mod.rs", "const F: &str = \"all-nodes\";"),
        ("src/fleet/task.rs", "struct Job;"),
    ];
    for (path, text) in bad {
        assert_eq!(findings(&[Source::new(path, text)]).len(), 1, "{path}: {text}");
    }
    assert_clean(&findings(&[Source::new("src/http/mod.rs", "use tokio::task::JoinSet; struct Bottom; // a worker")]));
}

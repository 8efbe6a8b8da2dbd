//! Documents in step with the code.

use std::{collections::BTreeSet, fs, path::Path};

use deskfleet::{
    config::{CLIENT_VARIABLES, SETTINGS, Setting},
    workflow::{Diagnostic, FileSource, lint},
};
use regex::Regex;

use crate::{
    assert_clean,
    source::{root, text_files},
};

type Document = (String, String);

pub(crate) fn documents() -> Vec<Document> {
    text_files()
        .into_iter()
        .filter(|(path, _)| Path::new(path).extension().is_some_and(|extension| extension == "md"))
        .collect()
}

fn findings_by(pattern: &str, documents: &[Document], wrong: impl Fn(&str, &str) -> Option<String>) -> Vec<String> {
    let pattern = Regex::new(pattern).unwrap_or_else(|error| panic!("{error}"));
    let mut found = Vec::new();
    for (path, text) in documents {
        for (index, line) in text.lines().enumerate() {
            let hits = pattern.captures_iter(line).filter_map(|captures| wrong(path, &captures[1]));
            found.extend(hits.map(|reason| format!("{path}:{}: {reason}", index + 1)));
        }
    }
    found
}

/// `make x` in a code span or at the start of a line of a code block.
fn make_targets(documents: &[Document], makefile: &str) -> Vec<String> {
    let targets: BTreeSet<&str> =
        makefile.lines().filter_map(|line| line.split_once(':')).map(|(target, _)| target).collect();
    findings_by(r"(?:^|`)make ([a-z][a-z-]*)", documents, |_, target| {
        (!targets.contains(target)).then(|| format!("the Makefile has no target `{target}`"))
    })
}

fn variables(documents: &[Document]) -> Vec<String> {
    let mut known: BTreeSet<String> = SETTINGS.iter().map(Setting::variable).collect();
    known.extend(CLIENT_VARIABLES.iter().map(|&name| name.to_owned()));
    findings_by(r"\b(DESKFLEET_[A-Z_]*[A-Z])\b", documents, |_, name| {
        (!known.contains(name)).then(|| format!("there is no variable {name}"))
    })
}

/// Links to files, and paths of the source named in code spans.
fn files(documents: &[Document]) -> Vec<String> {
    let exists = |document: &str, target: &str| {
        let folder = root().join(document).parent().map(Path::to_path_buf).unwrap_or_default();
        folder.join(target).exists()
    };
    let mut found = findings_by(r"\]\(([^)#]+)[^)]*\)", documents, |document, target| {
        let local = !target.contains("://");
        (local && !exists(document, target)).then(|| format!("the link to {target} leads nowhere"))
    });
    found.extend(findings_by(r"`((?:src|tests|docs|assets|benches)/[A-Za-z0-9_./-]+)`", documents, |_, path| {
        (!root().join(path).exists()).then(|| format!("there is no {path}"))
    }));
    found
}

/// Documents of the workflow language in code blocks must be ones that lint would accept.
fn examples(documents: &[Document]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in documents {
        for (offset, _) in text.match_indices("```yaml\n") {
            let block = text[offset + "```yaml\n".len()..].split("```").next().unwrap_or_default();
            let before = text[..offset].matches('\n').count() + 1;
            let name = format!("{path}: in the block at line {before}");
            let file = FileSource { name: &name, bytes: block.as_bytes() };
            found.extend(lint(file, &|_| None).iter().map(Diagnostic::to_string));
        }
    }
    found
}

#[test]
fn examples_in_documents_lint_clean() {
    assert_clean(&examples(&documents()));
}

#[test]
fn documents_name_only_make_targets_that_exist() {
    assert_clean(&make_targets(&documents(), &fs::read_to_string(root().join("Makefile")).unwrap()));
}

#[test]
fn documents_name_only_variables_that_exist() {
    assert_clean(&variables(&documents()));
}

#[test]
fn documents_name_only_files_that_exist() {
    assert_clean(&files(&documents()));
}

#[test]
fn a_document_out_of_step_is_found() {
    let document = |text: &str| vec![("docs/x.md".to_owned(), text.to_owned())];
    assert_eq!(
        make_targets(&document("type `make tea`\nor make haste\nmake test"), "test: needs\n\t@cargo test").len(),
        1
    );
    assert_eq!(variables(&document("set DESKFLEET_LISTN=1 or DESKFLEET_LISTEN=1")).len(), 1);
    assert_eq!(
        files(&document("[this](absent.md), [that](https://example.org/), `src/absent.rs`, `src/lib.rs`")).len(),
        2
    );
    assert_eq!(examples(&document("```yaml\nkind: workflow\nname: x\nsteps: [ { clck: {} } ]\n```\n")).len(), 1);
}

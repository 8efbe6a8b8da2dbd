//! `deskfleet lint`: every fault of documents with its place and what to write instead.

use std::{io::IsTerminal as _, path::PathBuf};

use clap::Args;
use serde_json::{Value, json};

use crate::{
    cli::{
        documents_on_disk::{self, DocumentFile},
        exit::Exit,
        output::{self, OutputFlag},
    },
    workflow::{Diagnostic, Severity},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet lint clinic/\n  deskfleet lint clinic/register.yaml -o json | jq '.[].message'"
)]
pub(crate) struct LintArgs {
    /// A file, or a folder: then every .yaml and .yml file in it and below, taken together
    path: PathBuf,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) fn run(args: &LintArgs) -> anyhow::Result<Exit> {
    let files = documents_on_disk::read(&args.path)?;
    let findings = documents_on_disk::lint(&files);
    if args.output.is_json() {
        output::json(&findings.iter().map(finding_json).collect::<Vec<_>>())?;
    } else {
        print(&findings, &files, std::io::stdout().is_terminal())?;
        output::remark(summary(&findings, files.len()));
    }
    Ok(if documents_on_disk::has_errors(&findings) { Exit::Unsuccessful } else { Exit::Done })
}

/// On a terminal with an excerpt; elsewhere a finding is one line, as compilers write it.
pub(crate) fn print(findings: &[Diagnostic], files: &[DocumentFile], terminal: bool) -> anyhow::Result<()> {
    for finding in findings {
        let excerpt = if terminal { documents_on_disk::excerpt(finding, files) } else { String::new() };
        output::line(format!("{}{excerpt}", output::clean(&finding.to_string())))?;
    }
    Ok(())
}

fn finding_json(finding: &Diagnostic) -> Value {
    json!({
        "severity": finding.severity.to_string(),
        "file": finding.file,
        "line": finding.line,
        "column": finding.column,
        "pointer": finding.pointer,
        "message": finding.message,
        "suggestion": finding.suggestion,
    })
}

pub(crate) fn summary(findings: &[Diagnostic], files: usize) -> String {
    let errors = findings.iter().filter(|finding| finding.severity == Severity::Error).count();
    let counted = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let warnings = findings.len() - errors;
    format!("{}: {}, {}", counted(files, "file"), counted(errors, "error"), counted(warnings, "warning"))
}

//! The list of limits says what the code does.

use std::fs;

use deskfleet::config::SETTINGS;
use regex::Regex;

use crate::{assert_clean, source::root};

/// Rows of the list whose limit is no setting: the file and the name of each number in them.
const FIXED: &[(&str, &str, &str)] = &[
    ("path and query of a request", "src/http/bounds.rs", "MAX_ADDRESS_BYTES"),
    ("headers of a request, names and values", "src/http/bounds.rs", "MAX_HEADERS"),
    ("headers of a request, names and values", "src/http/bounds.rs", "MAX_HEADER_BYTES"),
    ("headers far beyond that", "src/http/server/mod.rs", "MAX_HEADERS"),
    ("headers far beyond that", "src/http/server/mod.rs", "MAX_HEADER_BYTES"),
    ("connections at once", "src/http/server/mod.rs", "MAX_CONNECTIONS"),
    ("requests of one HTTP/2 connection at once", "src/http/server/mod.rs", "MAX_STREAMS"),
    ("polls of one machine at once", "src/controller/poll.rs", "MAX_POLLS"),
    ("items on a page", "src/wire/page.rs", "MAX_LIMIT"),
    ("jobs or machines of a bulk request", "src/http/handlers/bulk.rs", "MAX_ITEMS"),
    ("jobs of one concurrency key at once", "src/workflow/limits.rs", "CONCURRENT"),
    ("labels of a job or machine, required labels, files of a job", "src/fleet/settings.rs", "max_entries"),
    ("parts of a form that are files", "src/http/handlers/multipart.rs", "MAX_FILES"),
    ("a key, an idempotency key, a label, a reason", "src/fleet/settings.rs", "max_text_chars"),
    ("a key, an idempotency key, a label, a reason", "src/http/handlers/submit.rs", "MAX_KEY_CHARS"),
    ("name of a file", "src/fleet/limits.rs", "FILE_NAME_BYTES"),
    ("priority", "src/fleet/limits.rs", "PRIORITY_MAX"),
    ("levels of an input", "src/http/submit/job.rs", "MAX_INPUT_DEPTH"),
    ("addresses in `notify` of a job", "src/fleet/decide/submit.rs", "MAX_NOTIFY"),
    ("steps, pictures or items in one report", "src/fleet/settings.rs", "max_steps_per_report"),
    ("keyed loops of a job", "src/fleet/settings.rs", "max_entries"),
    ("commits of a job outside of keyed loops", "src/fleet/decide/effect.rs", "MAX_COMMITS"),
    ("attempts of a job", "src/workflow/limits.rs", "ATTEMPTS"),
    ("attempts beyond those that only find out what became of a commit", "src/fleet/retry.rs", "MAX_SETTLE_TRIES"),
    ("run time of an attempt", "src/workflow/model/workflow.rs", "DEFAULT_TIMEOUT"),
    ("run time of an attempt", "src/workflow/limits.rs", "LONGEST"),
    ("a file that `save_artifact` stores", "src/workflow/limits.rs", "ARTIFACT_BYTES"),
    ("steps of a document, nested ones counted", "src/workflow/limits.rs", "STEPS"),
    ("images of a document", "src/workflow/limits.rs", "IMAGES"),
    ("workflows that call one another, one within the other", "src/workflow/limits.rs", "CALL_DEPTH"),
    ("workflows that call one another, one within the other", "src/fleet/decide/calls.rs", "MAX_CALL_DEPTH"),
    ("workflows that one calls, by others too", "src/workflow/limits.rs", "CALLED"),
    ("workflows that one calls, by others too", "src/fleet/decide/calls.rs", "MAX_CALLED"),
    ("a document's file", "src/workflow/limits.rs", "SOURCE_BYTES"),
];

const UNITS: [(&str, u64); 5] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("s", 1), ("min", 60), ("d", 86_400)];

struct Row {
    what: String,
    /// All numbers in it, those with a unit in bytes or seconds.
    numbers: Vec<u64>,
    settings: Vec<String>,
}

fn rows(document: &str) -> Vec<Row> {
    let cells = |line: &str| line.trim_matches('|').split(" |").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let lines = document.lines().filter(|line| line.starts_with("| ")).skip(1).map(cells);
    let row = |cells: Vec<String>| {
        let settings = cells[2].split('`').filter(|part| part.contains('.') && !part.contains(' '));
        Row {
            what: cells[0].clone(),
            numbers: numbers(&format!("{} {}", cells[1], cells[2])),
            settings: settings.map(str::to_owned).collect(),
        }
    };
    lines.map(row).collect()
}

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).unwrap_or_else(|error| panic!("{error}"))
}

fn numbers(text: &str) -> Vec<u64> {
    let number = |found: regex::Captures<'_>| {
        let number: u64 = found[1].replace([',', '_'], "").parse().ok()?;
        Some(number * UNITS.iter().find(|(unit, _)| *unit == &found[2]).map_or(1, |(_, factor)| *factor))
    };
    regex(r"([0-9][0-9,_]*) ?([A-Za-z]*)").captures_iter(text).filter_map(number).collect()
}

/// What a constant, or the default of a field, is worth: numbers multiplied or shifted.
fn value_of(source: &str, name: &str) -> Option<u64> {
    let pattern = format!(r"\b{name}: (?:[A-Za-z0-9]+ = )?([^;\n]+?)[;,]\n");
    let pattern = regex(&pattern);
    // The declaration of a field has the same form as its default, and a type instead of a number.
    pattern.captures_iter(source).find_map(|found| evaluate(&found[1]))
}

fn evaluate(text: &str) -> Option<u64> {
    let text = text.trim_start_matches("Duration::from_secs(").trim_end_matches(')');
    let number = |part: &str| part.trim().replace('_', "").parse::<u64>().ok();
    if let Some((number_of, by)) = text.split_once("<<") {
        return Some(number(number_of)? << number(by)?);
    }
    text.split('*').map(number).product()
}

fn findings(document: &str, fixed: &[(&str, &str, &str)], read: impl Fn(&str) -> String) -> Vec<String> {
    let rows = rows(document);
    let mut found = Vec::new();
    for &(what, path, name) in fixed {
        let value = value_of(&read(path), name);
        match (rows.iter().find(|row| row.what == what), value) {
            (None, _) => found.push(format!("the list has no row `{what}`")),
            (_, None) => found.push(format!("{path} has no number {name}")),
            (Some(row), Some(value)) if !row.numbers.contains(&value) => {
                found.push(format!("`{what}`: {name} of {path} is {value}"));
            }
            _ => {}
        }
    }
    for row in &rows {
        let known: Vec<_> =
            row.settings.iter().filter_map(|key| SETTINGS.iter().find(|setting| setting.key == key)).collect();
        for setting in &known {
            let default = numbers(setting.default.unwrap_or_default());
            if !default.iter().all(|number| row.numbers.contains(number)) {
                found.push(format!("`{}`: {} is {:?}", row.what, setting.key, setting.default));
            }
        }
        if known.is_empty() && !fixed.iter().any(|(what, ..)| *what == row.what) {
            found.push(format!("`{}`: nothing says where its limit comes from", row.what));
        }
    }
    let listed = |key: &str| rows.iter().any(|row| row.settings.iter().any(|listed| listed == key));
    let missing = SETTINGS.iter().filter(|setting| setting.section() == "limits" && !listed(setting.key));
    found.extend(missing.map(|setting| format!("the list lacks {}", setting.key)));
    found
}

#[test]
fn the_list_of_limits_is_what_the_code_has() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    assert_clean(&findings(&read("docs/limits.md"), FIXED, read));
}

#[test]
fn a_list_out_of_step_is_found() {
    let table = |rows: &str| format!("| what | limit | setting | code |\n|---|---|---|---|\n{rows}");
    let fixed = [("a", "x.rs", "MOST"), ("b", "x.rs", "least")];
    let source = |_: &str| "const MOST: usize = 4 * 1_024;\n    least: 2 << 10,\n".to_owned();
    let wrong = |rows: &str| {
        let found = findings(&table(rows), &fixed, source);
        found.into_iter().filter(|finding| !finding.starts_with("the list lacks")).collect::<Vec<_>>()
    };
    assert_eq!(wrong("| a | 4 KiB | | x |\n| b | 2,048 | | x |\n"), [""; 0]);
    assert_eq!(wrong("| a | 5 KiB | | x |\n| b | 2,048 | | x |\n").len(), 1);
    assert_eq!(wrong("| a | 4 KiB | | x |\n| c | 1 | | x |\n").len(), 2);
    assert_eq!(wrong("| a | 4 KiB | | x |\n| b | 2 KiB | | x |\n| q | 9 | `limits.queue` | x |\n").len(), 1);
}

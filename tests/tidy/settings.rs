//! No setting is read and then ignored.

use deskfleet::config::SETTINGS;

use crate::{
    assert_clean,
    source::{Source, rust_files},
};

/// Settings whose field has another name than their key's last part.
const RENAMED: &[(&str, &str)] = &[("metrics.open", "metrics_open")];

/// Names, beside the section's own, of what a field is read from.
const HOLDERS: &[&str] = &["settings", "files", "limits()"];

fn findings<'a>(keys: impl Iterator<Item = &'a str>, sources: &[Source]) -> Vec<String> {
    let others: Vec<&Source> = sources.iter().filter(|source| source.module() != Some("config")).collect();
    let unused = |key: &&str| {
        let renamed = RENAMED.iter().find(|(renamed, _)| renamed == key).map(|(_, field)| *field);
        let field = renamed.or_else(|| key.rsplit('.').next()).unwrap_or(key);
        let section = key.split('.').next().unwrap_or(key);
        let is_read = |source: &&Source| {
            source.code.match_indices(&format!(".{field}")).any(|(at, found)| {
                let before = &source.code[..at];
                let held = before.ends_with(section) || HOLDERS.iter().any(|holder| before.ends_with(holder));
                held && !source.code[at + found.len()..]
                    .starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '(')
            })
        };
        !others.iter().any(is_read)
    };
    keys.filter(unused).map(|key| format!("nothing outside src/config reads the setting {key}")).collect()
}

#[test]
fn every_setting_is_used() {
    assert_clean(&findings(SETTINGS.iter().map(|setting| setting.key), &rust_files(&["src"])));
}

#[test]
fn a_setting_that_is_ignored_is_found() {
    let sources = [
        Source::new("src/config/controller.rs", "fn f(settings: S) { settings.ttl }"),
        Source::new("src/http/app.rs", "fn f(s: S) { leases.ttl_margin; s.leases.margin; leases.ttl(); lease.ttl }"),
    ];
    assert_eq!(findings(["leases.ttl", "leases.margin"].into_iter(), &sources).len(), 1);
}

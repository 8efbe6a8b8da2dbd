//! What is printed: tables for people, JSON for programs, times and durations short enough for a column.

use std::{
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use clap::{Args, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use crate::time::{Timestamp, duration_ms};

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// For people.
    #[default]
    Table,
    /// As the controller answered.
    Json,
}

#[derive(Debug, Clone, Copy, Default, Args)]
pub(crate) struct OutputFlag {
    /// How to print
    #[arg(short, long, value_enum, default_value = "table", value_name = "FORMAT")]
    pub(crate) output: Format,
}

impl OutputFlag {
    pub(crate) fn is_json(self) -> bool {
        self.output == Format::Json
    }
}

pub(crate) fn line(text: impl AsRef<str>) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{}", text.as_ref())?;
    Ok(out.flush()?)
}

/// For progress and remarks: never what a program would read. That nobody reads them is no error.
pub(crate) fn remark(text: impl AsRef<str>) {
    let _ = writeln!(std::io::stderr().lock(), "{}", text.as_ref());
}

pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    line(serde_json::to_string_pretty(value)?)
}

/// Columns without rules. Fits the terminal where there is one; elsewhere a row is one line.
pub(crate) fn table<const N: usize>(
    head: [&str; N],
    rows: impl IntoIterator<Item = [String; N]>,
) -> anyhow::Result<()> {
    line(render(head, rows, std::io::stdout().is_terminal()))
}

fn render<const N: usize>(head: [&str; N], rows: impl IntoIterator<Item = [String; N]>, fit: bool) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(head.map(str::to_uppercase));
    if fit {
        table.set_content_arrangement(ContentArrangement::Dynamic);
    } else {
        table.force_no_tty();
    }
    for row in rows {
        table.add_row(row.map(|cell| clean(&cell)));
    }
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

/// Names and values below one another.
pub(crate) fn fields(pairs: &[(&str, String)]) -> anyhow::Result<()> {
    let width = pairs.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        let indented = value.lines().map(clean).collect::<Vec<_>>().join(&format!("\n{:width$}  ", ""));
        line(format!("{name:width$}  {indented}"))?;
    }
    Ok(())
}

/// What others wrote may hold escape sequences; a terminal must not obey them.
pub(crate) fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

pub(crate) fn optional(value: Option<impl ToString>) -> String {
    value.map_or_else(String::new, |value| value.to_string())
}

/// `0.42s`, `12.3s`, `4m05s`, `3h07m`, `2d04h`.
pub(crate) fn duration(duration: Duration) -> String {
    let ms = duration_ms(duration);
    let seconds = ms / 1_000;
    match seconds {
        0..10 => format!("{}.{:02}s", seconds, ms % 1_000 / 10),
        10..60 => format!("{}.{}s", seconds, ms % 1_000 / 100),
        60..3_600 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_600..86_400 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}d{:02}h", seconds / 86_400, seconds / 3_600 % 24),
    }
}

pub(crate) fn took(from: Option<Timestamp>, to: Option<Timestamp>) -> String {
    match (from, to) {
        (Some(from), Some(to)) => duration(to.since(from)),
        _ => String::new(),
    }
}

/// `2026-12-01 06:00:00`, in UTC.
pub(crate) fn moment(time: Timestamp) -> String {
    time.to_string().chars().take(19).map(|c| if c == 'T' { ' ' } else { c }).collect()
}

/// The name an enum of the contract travels under.
pub(crate) fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(serde_json::Value::String(word)) => word,
        _ => String::new(),
    }
}

/// One line of JSON, cut for a column.
pub(crate) fn short_json(value: &serde_json::Value, most_chars: usize) -> String {
    shorten(&value.to_string(), most_chars)
}

pub(crate) fn shorten(text: &str, most_chars: usize) -> String {
    match text.char_indices().nth(most_chars) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_for_a_pipe_is_one_line_a_row_and_carries_no_escapes() {
        let rows = [["vm-07".to_owned(), "idle".to_owned()], ["x".to_owned(), "a\u{1b}[31mred".to_owned()]];
        assert_eq!(render(["name", "status"], rows, false), "NAME   STATUS\nvm-07  idle\nx      a [31mred");
    }

    #[test]
    fn durations_fit_a_column() {
        let texts =
            [420, 9_990, 12_345, 245_000, 11_220_000, 187_200_000].map(|ms| duration(Duration::from_millis(ms)));
        assert_eq!(texts, ["0.42s", "9.99s", "12.3s", "4m05s", "3h07m", "2d04h"]);
    }

    #[test]
    fn a_moment_is_shown_without_fractions() {
        let time: Timestamp = "2026-12-01T06:00:00.123Z".parse().unwrap();
        assert_eq!(moment(time), "2026-12-01 06:00:00");
    }
}

//! Filters for what applications give: tables from the clipboard, and numbers as people write them.

#![expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]

use std::collections::BTreeMap;

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Error, Value};

use super::filters::{refuse, text};

/// `tsv`: rows of cells, as a spreadsheet copies them. `tsv(header=true)`: the first row names the columns, each row an object.
pub(super) fn tsv(value: Value, options: Kwargs) -> Result<Value, Error> {
    let header: bool = options.get::<Option<bool>>("header")?.unwrap_or(false);
    options.assert_all_used()?;
    let value = text("tsv", &value)?;
    let mut reader =
        csv::ReaderBuilder::new().delimiter(b'\t').has_headers(false).flexible(true).from_reader(value.as_bytes());
    let mut rows = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|_| refuse("tsv: this is no table of text"))?;
        rows.push(record.iter().map(str::to_owned).collect::<Vec<_>>());
    }
    if !header {
        return Ok(rows.into());
    }
    let mut rows = rows.into_iter();
    let names = rows.next().unwrap_or_default();
    let objects = rows.map(|row| {
        let cells = row.into_iter().map(Value::from).chain(std::iter::repeat(Value::from(())));
        Value::from(names.iter().cloned().zip(cells).collect::<BTreeMap<String, Value>>())
    });
    Ok(objects.collect::<Vec<_>>().into())
}

/// Text to a number: `"1.234,50" | number(decimal=",")` is 1234.5. With `places` a number to text: `12.5 | number(places=2)` is
/// `12.50`; `decimal` and `group` say how it is written.
pub(super) fn number(value: Value, options: Kwargs) -> Result<Value, Error> {
    let places: Option<usize> = options.get("places")?;
    let decimal: String = options.get::<Option<String>>("decimal")?.unwrap_or_else(|| ".".to_owned());
    let group: String = options.get::<Option<String>>("group")?.unwrap_or_default();
    options.assert_all_used()?;
    let number = match value.kind() {
        ValueKind::Number => value,
        _ => parse(&text("number", &value)?, &decimal)?,
    };
    let Some(places) = places else { return Ok(number) };
    if places > 15 {
        return Err(refuse("number: at most 15 places"));
    }
    let number = f64::try_from(number).map_err(|_| refuse("number: this is too large"))?;
    Ok(Value::from(written(number, places, &decimal, &group)))
}

/// Blanks, apostrophes and whichever of `.` and `,` is not the decimal mark group the digits.
fn parse(text: &str, decimal: &str) -> Result<Value, Error> {
    let kept: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '\'' | '’'))
        .map(|c| if c == '−' { '-' } else { c })
        .collect();
    let grouping = if decimal == "," { "." } else { "," };
    let plain = kept.replace(grouping, "").replace(decimal, ".");
    let shaped = plain.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'.' | b'-' | b'+' | b'e' | b'E'))
        && plain.bytes().any(|byte| byte.is_ascii_digit());
    if let Some(whole) = plain.parse::<i64>().ok().filter(|_| shaped) {
        return Ok(Value::from(whole));
    }
    match plain.parse::<f64>() {
        Ok(number) if shaped && number.is_finite() => Ok(Value::from(number)),
        _ => Err(refuse("number: this text is no number; name its decimal mark with decimal=\",\" if it has another")),
    }
}

fn written(number: f64, places: usize, decimal: &str, group: &str) -> String {
    let text = format!("{number:.places$}");
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let mut grouped = String::new();
    for (at, digit) in whole.chars().enumerate() {
        if at > 0 && (whole.len() - at).is_multiple_of(3) {
            grouped.push_str(group);
        }
        grouped.push(digit);
    }
    let zero = whole.chars().chain(fraction.chars()).all(|digit| digit == '0');
    let sign = if zero { "" } else { sign };
    if fraction.is_empty() { format!("{sign}{grouped}") } else { format!("{sign}{grouped}{decimal}{fraction}") }
}

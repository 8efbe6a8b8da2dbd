//! The filters of templates: the engine's, made strict where they would print null as a word, and our own.

#![expect(clippy::needless_pass_by_value, reason = "the engine hands arguments over by value")]

use minijinja::value::{Kwargs, ValueKind};
use minijinja::{Environment, Error, ErrorKind, Value};

use super::engine::text_of;
use super::{date, table};

/// All filters there are.
pub(super) const NAMES: [&str; 47] = [
    "abs",
    "attr",
    "batch",
    "bool",
    "capitalize",
    "chain",
    "count",
    "d",
    "date",
    "default",
    "default_if_null",
    "dictsort",
    "first",
    "float",
    "groupby",
    "indent",
    "int",
    "items",
    "join",
    "last",
    "length",
    "lines",
    "list",
    "lower",
    "map",
    "max",
    "min",
    "number",
    "regex",
    "reject",
    "rejectattr",
    "replace",
    "reverse",
    "round",
    "select",
    "selectattr",
    "slice",
    "sort",
    "split",
    "string",
    "sum",
    "title",
    "tojson",
    "trim",
    "tsv",
    "unique",
    "upper",
];

/// Begins the detail of our own errors, which never repeat a value.
const OWN: &str = "\u{1}";

pub(super) fn is_known(name: &str) -> bool {
    NAMES.contains(&name)
}

pub(super) fn nearest(name: &str) -> Option<&'static str> {
    let scored = NAMES.iter().map(|known| (strsim::normalized_damerau_levenshtein(known, name), *known));
    scored.filter(|(score, _)| *score >= 0.5).max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, known)| known)
}

/// The reason in an error of our own.
pub(super) fn reason(detail: &str) -> Option<&str> {
    detail.strip_prefix(OWN)
}

pub(super) fn refuse(reason: impl std::fmt::Display) -> Error {
    Error::new(ErrorKind::InvalidOperation, format!("{OWN}{reason}"))
}

pub(super) fn install(environment: &mut Environment<'static>) {
    use minijinja::filters as built_in;
    for name in ["format", "pprint", "safe", "escape", "e", "zip"] {
        environment.remove_filter(name);
    }
    environment.add_filter("lower", |value: Value| Ok::<_, Error>(text("lower", &value)?.to_lowercase()));
    environment.add_filter("upper", |value: Value| Ok::<_, Error>(text("upper", &value)?.to_uppercase()));
    environment.add_filter("title", |value: Value| Ok::<_, Error>(built_in::title(text("title", &value)?.into())));
    environment.add_filter("capitalize", |value: Value| {
        let value = text("capitalize", &value)?.to_lowercase();
        let mut characters = value.chars();
        let first: String = characters.next().into_iter().flat_map(char::to_uppercase).collect();
        Ok::<_, Error>(first + characters.as_str())
    });
    environment.add_filter("string", |value: Value| text("string", &value));
    environment.add_filter("trim", |value: Value, characters: Option<String>| {
        let value = text("trim", &value)?;
        let trimmed = match characters {
            Some(characters) => value.trim_matches(|c| characters.contains(c)),
            None => value.trim(),
        };
        Ok::<_, Error>(trimmed.to_owned())
    });
    environment.add_filter("replace", |value: Value, from: Value, to: Value| {
        let (value, from, to) = (text("replace", &value)?, text("replace", &from)?, text("replace", &to)?);
        Ok::<_, Error>(value.replace(&from, &to))
    });
    environment.add_filter("join", join);
    environment.add_filter("default_if_null", |value: Value, other: Value| {
        if matches!(value.kind(), ValueKind::None | ValueKind::Undefined) { other } else { value }
    });
    environment.add_filter("split", split);
    environment.add_filter("lines", |value: Value| {
        Ok::<_, Error>(text("lines", &value)?.lines().map(str::to_owned).collect::<Vec<_>>())
    });
    // The engine's own escapes what is special in HTML, which no field wants.
    environment.add_filter("tojson", |value: Value| {
        serde_json::to_string(&value).map_err(|_| refuse("tojson: this value has no JSON form"))
    });
    environment.add_filter("regex", regex);
    environment.add_filter("tsv", table::tsv);
    environment.add_filter("number", table::number);
    environment.add_filter("date", date::date);
}

/// The text of a value, strictly: null, lists and objects are refused with the filter's name.
pub(super) fn text(filter: &str, value: &Value) -> Result<String, Error> {
    text_of(value).map_err(|kind| refuse(format!("{filter} needs text, this is {}; {}", kind.name(), kind.advice())))
}

fn join(list: Value, separator: Option<String>) -> Result<String, Error> {
    let separator = separator.unwrap_or_default();
    if !matches!(list.kind(), ValueKind::Seq | ValueKind::Iterable) {
        return Err(refuse("join needs a list"));
    }
    let parts: Vec<String> = list.try_iter()?.map(|item| text("join", &item)).collect::<Result<_, _>>()?;
    Ok(parts.join(&separator))
}

/// `split` at every blank run, `split(",")` at a separator; `split(",", 1)` at the first only.
fn split(value: Value, separator: Option<String>, times: Option<usize>) -> Result<Vec<String>, Error> {
    let value = text("split", &value)?;
    let parts = match (separator.filter(|separator| !separator.is_empty()), times) {
        (None, _) => value.split_whitespace().map(str::to_owned).collect(),
        (Some(separator), None) => value.split(&separator).map(str::to_owned).collect(),
        (Some(separator), Some(times)) => {
            value.splitn(times.saturating_add(1), &separator).map(str::to_owned).collect()
        }
    };
    Ok(parts)
}

/// `regex('R-(\d+)')`: the first group of the first match, or the whole match; null without one. `all=true`: a list of all.
fn regex(value: Value, pattern: String, options: Kwargs) -> Result<Value, Error> {
    let all: bool = options.get::<Option<bool>>("all")?.unwrap_or(false);
    options.assert_all_used()?;
    let value = text("regex", &value)?;
    let pattern = regex::RegexBuilder::new(&pattern)
        .size_limit(super::limits::PATTERN_COMPILED_BYTES)
        .build()
        .map_err(|_| refuse("regex: this is no regular expression, or one too large"))?;
    let mut found = pattern
        .captures_iter(&value)
        .filter_map(|captures| captures.get(1).or_else(|| captures.get(0)).map(|part| Value::from(part.as_str())));
    if all { Ok(found.collect::<Vec<_>>().into()) } else { Ok(found.next().unwrap_or(Value::from(()))) }
}

//! What the engine finds out only while rendering, found when the document is read: unknown filters and tests, and `~`.

use super::filters;
use super::template::TemplateError;

const TESTS: [&str; 38] = [
    "defined",
    "undefined",
    "none",
    "boolean",
    "odd",
    "even",
    "divisibleby",
    "number",
    "integer",
    "int",
    "float",
    "string",
    "sequence",
    "iterable",
    "mapping",
    "startingwith",
    "endingwith",
    "lower",
    "upper",
    "sameas",
    "eq",
    "equalto",
    "ne",
    "lt",
    "lessthan",
    "le",
    "gt",
    "greaterthan",
    "ge",
    "in",
    "true",
    "false",
    "filter",
    "test",
    "safe",
    "escaped",
    "not",
    "callable",
];

pub(super) fn check_expression(source: &str) -> Result<(), TemplateError> {
    expression(source, None).map(|_| ())
}

/// Checks what stands in `{{ … }}` and `{% … %}`.
pub(super) fn check_template(source: &str) -> Result<(), TemplateError> {
    let mut rest = source;
    while let Some(at) = rest.find("{{").into_iter().chain(rest.find("{%")).chain(rest.find("{#")).min() {
        let (mark, inside) = rest[at..].split_at(2);
        rest = match mark {
            "{{" => expression(inside, Some("}}"))?,
            "{%" if inside.trim_start_matches(['-', '+']).trim_start().starts_with("raw") => {
                inside.find("endraw").map_or("", |end| &inside[end..])
            }
            "{%" => expression(inside, Some("%}"))?,
            _ => inside.find("#}").map_or("", |end| &inside[end + 2..]),
        };
    }
    Ok(())
}

/// Walks one expression up to its end mark, and returns what follows.
fn expression<'source>(source: &'source str, end: Option<&str>) -> Result<&'source str, TemplateError> {
    let mut rest = source;
    let mut depth = 0_usize;
    while let Some(character) = rest.chars().next() {
        if depth == 0
            && let Some(after) = end.and_then(|end| rest.strip_prefix(end))
        {
            return Ok(after);
        }
        let after = &rest[character.len_utf8()..];
        rest = match character {
            '"' | '\'' => after_string(after, character),
            '{' => {
                depth += 1;
                after
            }
            '}' => {
                depth = depth.saturating_sub(1);
                after
            }
            '|' => filter(after)?,
            '~' => {
                let advice = "`~` would print null as a word: write \"{{ a }}{{ b }}\", or join a list: [a, b] | join";
                return Err(TemplateError::Syntax(advice.to_owned()));
            }
            c if c.is_alphabetic() || c == '_' => word(rest)?,
            _ => after,
        };
    }
    Ok(rest)
}

fn after_string(rest: &str, quote: char) -> &str {
    let mut escaped = false;
    for (at, character) in rest.char_indices() {
        match character {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == quote => return &rest[at + c.len_utf8()..],
            _ => {}
        }
    }
    ""
}

fn identifier(rest: &str) -> (&str, &str) {
    let end = rest.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(rest.len());
    rest.split_at(end)
}

fn filter(rest: &str) -> Result<&str, TemplateError> {
    let (name, after) = identifier(rest.trim_start());
    if name.is_empty() || filters::is_known(name) {
        return Ok(after);
    }
    Err(TemplateError::UnknownFilter { name: name.to_owned(), nearest: filters::nearest(name).map(str::to_owned) })
}

/// A word; after `is` comes the name of a test.
fn word(rest: &str) -> Result<&str, TemplateError> {
    let (name, after) = identifier(rest);
    if name != "is" {
        return Ok(after);
    }
    let (test, after) = identifier(after.trim_start());
    if test.is_empty() || TESTS.contains(&test) {
        return Ok(after);
    }
    Err(TemplateError::Syntax(format!("there is no test `is {test}`")))
}

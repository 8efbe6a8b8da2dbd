//! Just enough of Rust's grammar to tell code from comments and strings.

/// Code with comments and the insides of strings blanked out (so that offsets and lines stay), and the strings.
#[derive(Debug, Default)]
pub(crate) struct Lexed {
    pub(crate) code: String,
    pub(crate) strings: Vec<(usize, String)>,
}

pub(crate) fn lex(text: &str) -> Lexed {
    let mut out = Lexed::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let offset = text.len() - rest.len();
        let length = if rest.starts_with("//") {
            rest.find('\n').unwrap_or(rest.len())
        } else if rest.starts_with("/*") {
            block_comment(rest)
        } else if let Some((open, close, raw)) = string_at(&out.code, rest) {
            let length = open + string_length(&rest[open..], &close, raw);
            let inside = rest[open..length].strip_suffix(close.as_str()).unwrap_or_default();
            out.strings.push((offset, inside.to_owned()));
            length
        } else if let Some(length) = char_literal(rest) {
            length
        } else {
            out.code.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        };
        // Byte by byte, so that an offset in the code is one in the text.
        out.code.extend(rest[..length].bytes().map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        rest = &rest[length..];
    }
    out
}

fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with("/*") {
            (depth, at) = (depth + 1, at + 2);
        } else if rest[at..].starts_with("*/") {
            (depth, at) = (depth - 1, at + 2);
            if depth == 0 {
                return at;
            }
        } else {
            at += rest[at..].chars().next().map_or(1, char::len_utf8);
        }
    }
    rest.len()
}

/// Length of the opening delimiter, text of the closing one, and whether the string is raw, if one begins here.
fn string_at(before: &str, rest: &str) -> Option<(usize, String, bool)> {
    if before.ends_with(|c: char| c.is_alphanumeric() || c == '_') {
        return None;
    }
    let unprefixed = rest.strip_prefix('b').unwrap_or(rest);
    let prefix = rest.len() - unprefixed.len();
    if unprefixed.starts_with('"') {
        return Some((prefix + 1, "\"".to_owned(), false));
    }
    let hashes = unprefixed.strip_prefix('r')?.chars().take_while(|&c| c == '#').count();
    let open = prefix + 1 + hashes + 1;
    rest.get(..open)?.ends_with('"').then(|| (open, format!("\"{}", "#".repeat(hashes)), true))
}

/// Up to and with the closing delimiter.
fn string_length(inside: &str, close: &str, raw: bool) -> usize {
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        if !escaped && inside[at..].starts_with(close) {
            return at + close.len();
        }
        escaped = !raw && c == '\\' && !escaped;
    }
    inside.len()
}

/// `'x'` or `'\n'`, but not the lifetime `'a`.
fn char_literal(rest: &str) -> Option<usize> {
    let inside = rest.strip_prefix('\'')?;
    let end = match inside.strip_prefix('\\') {
        Some(escape) => 2 + escape.char_indices().skip(1).find(|&(_, c)| c == '\'')?.0,
        None => 1 + inside.char_indices().nth(1).filter(|&(_, c)| c == '\'')?.0,
    };
    Some(end + 1)
}

#[test]
fn code_is_told_from_comments_strings_and_characters() {
    let lexed = lex(
        "let a = 'x'; // no\nlet b: &'static str = r#\"s \"1\"\"#; /* n /* n */ */ let c = \"t\\\"2\"; let d = '\\'';",
    );
    let words: Vec<&str> = lexed.code.split_whitespace().collect();
    assert_eq!(words.join(" "), "let a = ; let b: &'static str = ; let c = ; let d = ;");
    let strings: Vec<&str> = lexed.strings.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(strings, ["s \"1\"", "t\\\"2"]);
}

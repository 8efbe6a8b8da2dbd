//! Words as one line, the way programs on Windows take it apart again.

/// Each word comes out as it went in, whatever is in it: quoted where it must be, with the backslashes doubled that stand before a quote.
#[cfg_attr(not(windows), expect(unreachable_pub, reason = "the command line uses it on Windows"))]
pub fn command_line<W: AsRef<str>>(words: &[W]) -> String {
    words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ")
}

fn quoted(word: &str) -> String {
    if !word.is_empty() && !word.contains([' ', '\t', '"']) {
        return word.to_owned();
    }
    let mut line = String::from('"');
    let mut backslashes = 0;
    for char in word.chars() {
        if char == '"' {
            line.extend(std::iter::repeat_n('\\', backslashes + 1));
        }
        backslashes = if char == '\\' { backslashes + 1 } else { 0 };
        line.push(char);
    }
    line.extend(std::iter::repeat_n('\\', backslashes));
    line.push('"');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_only_where_they_must_be() {
        let line = |words: &[&str]| command_line(words);
        assert_eq!(line(&[r"C:\a.exe", "--name", "{host}/{user}"]), r"C:\a.exe --name {host}/{user}");
        assert_eq!(line(&[r"C:\Program Files\a.exe", ""]), r#""C:\Program Files\a.exe" """#);
        assert_eq!(line(&[r"C:\my data\"]), r#""C:\my data\\""#, "the quote at the end stays one");
        assert_eq!(line(&[r#"say "a\"b"#]), r#""say \"a\\\"b""#);
        assert_eq!(line(&[r"\\server\share"]), r"\\server\share");
    }
}

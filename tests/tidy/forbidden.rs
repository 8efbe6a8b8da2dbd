//! What must not be in the project at all.

use crate::{
    assert_clean,
    source::{Source, rust_files, text_files},
};

/// In code, outside comments and strings.
const CODE: &[(&str, &str)] = &[
    ("#[allow(", "use #[expect(lint, reason = \"…\")]"),
    ("#![allow(", "use #[expect(lint, reason = \"…\")]"),
    ("todo!(", "finish it or leave it out"),
    ("unimplemented!(", "finish it or leave it out"),
    ("dbg!(", "use tracing, or nothing"),
    ("#[ignore", "a test runs or goes"),
];

/// Anywhere in a text file.
const TEXT: &[(&str, &str)] = &[
    ("TODO", "finish it or leave it out"),
    ("FIXME", "finish it or leave it out"),
    ("/home/", "a path of one person's machine"),
    ("/root/", "a path of one person's machine"),
    ("/Users/", "a path of one person's machine"),
    ("C:\\Users\\", "a path of one person's machine"),
];

/// Made by tools, or this list itself.
const EXEMPT: &[&str] = &["Cargo.lock", "tests/tidy/forbidden.rs"];

fn in_code(sources: &[Source]) -> Vec<String> {
    let mut found = Vec::new();
    for source in sources {
        // Tests are code too here, so the whole text is looked at, not the part the other rules see.
        let code = crate::lexer::lex(&source.text).code;
        for (index, line) in code.lines().enumerate() {
            let hits = CODE.iter().filter(|(pattern, _)| line.contains(pattern));
            found.extend(hits.map(|(pattern, advice)| format!("{}:{}: `{pattern}`: {advice}", source.path, index + 1)));
        }
    }
    found
}

fn in_text(files: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in files.iter().filter(|(path, _)| !EXEMPT.contains(&path.as_str())) {
        for (index, line) in text.lines().enumerate() {
            let hits = TEXT.iter().filter(|(pattern, _)| line.contains(pattern));
            found.extend(hits.map(|(pattern, advice)| format!("{path}:{}: `{pattern}`: {advice}", index + 1)));
        }
    }
    found
}

#[test]
fn nothing_unfinished_or_private_is_left_in() {
    assert_clean(&in_code(&rust_files(&["src", "tests", "benches"])));
    assert_clean(&in_text(&text_files()));
}

#[test]
fn what_is_forbidden_is_found() {
    let code =
        "//! X.\nfn f() {\n    todo!()\n}\n#[cfg(test)]\nmod tests {\n    #[test]\n    #[ignore]\n    fn g() {}\n}\n";
    assert_eq!(in_code(&[Source::new("src/x.rs", code)]).len(), 2);
    assert_clean(&in_code(&[Source::new("src/x.rs", "// todo!() is forbidden\nconst A: &str = \"dbg!(\";")]));
    let text = ("docs/x.md".to_owned(), "see /home/me/x\nand TODO".to_owned());
    assert_eq!(in_text(&[text]).len(), 2);
}

//! Command lines in documents name only commands and flags that exist.

use clap::Command;

use crate::{assert_clean, docs::documents};

fn findings(documents: &[(String, String)]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in documents {
        let joined = text.replace("\\\n", " ");
        for line in command_lines(&joined) {
            if let Err(reason) = check(&line) {
                found.push(format!("{path}: `{line}`: {reason}"));
            }
        }
    }
    found
}

/// What stands after `deskfleet` in code: in a line of a block, also after variables and options, or in a code span.
fn command_lines(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (index, part) in text.split("```").enumerate() {
        let is_block = index % 2 == 1;
        let pieces: Vec<&str> =
            if is_block { part.lines().collect() } else { part.split('`').skip(1).step_by(2).collect() };
        for piece in pieces {
            let words: Vec<&str> = piece.split_whitespace().collect();
            let is_ours = |word: &&str| *word == "deskfleet" || word.ends_with("/deskfleet");
            let Some(at) = words.iter().position(is_ours) else { continue };
            // Before it only variables may stand, else it is an argument of something else.
            if words[..at].iter().all(|word| word.contains('=')) {
                // After `--` stands the command of something else.
                let end = |word: &&&str| !["#", "|", "&", ">", "&&", "(once", "--"].contains(*word);
                found.push(words[at + 1..].iter().take_while(end).copied().collect::<Vec<_>>().join(" "));
            }
        }
    }
    found
}

fn check(line: &str) -> Result<(), String> {
    let root = deskfleet::cli::command();
    let mut command = &root;
    for word in line.split_whitespace() {
        if let Some(flag) = word.strip_prefix("--") {
            let flag = flag.split('=').next().unwrap_or_default();
            if !has_flag(command, flag) {
                return Err(format!("{} has no --{flag}", command.get_name()));
            }
        } else if let Some(short) = word.strip_prefix('-') {
            if !command.get_arguments().any(|arg| arg.get_short() == short.chars().next()) {
                return Err(format!("{} has no -{short}", command.get_name()));
            }
        } else if let Some(next) = command.find_subcommand(word) {
            command = next;
        } else if command.has_subcommands() && command.get_arguments().all(|arg| !line.contains(&long(arg))) {
            return Err(format!("{} has no command {word}", command.get_name()));
        }
    }
    Ok(())
}

fn has_flag(command: &Command, flag: &str) -> bool {
    ["help", "version"].contains(&flag) || command.get_arguments().any(|arg| arg.get_long() == Some(flag))
}

fn long(arg: &clap::Arg) -> String {
    format!("--{}", arg.get_long().unwrap_or("-"))
}

#[test]
fn documents_name_only_commands_and_flags_that_exist() {
    assert_clean(&findings(&documents()));
}

#[test]
fn a_command_or_flag_that_does_not_exist_is_found() {
    let document = |text: &str| vec![("docs/x.md".to_owned(), text.to_owned())];
    assert_eq!(findings(&document("use `deskfleet frobnicate x`")).len(), 1);
    assert_eq!(findings(&document("```\nA=b deskfleet job explode 7\n```")).len(), 1);
    assert_eq!(findings(&document("```\ndeskfleet --listn 0.0.0.0:1\n```")).len(), 1);
    assert_clean(&findings(&document(
        "`deskfleet` alone, `deskfleet lint PATH`, ```\ndeskfleet --agent --name x &\n```",
    )));
}

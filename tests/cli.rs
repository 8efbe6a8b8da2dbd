//! The command line as the built executable: help, lint, settings, and the exit codes of what needs no controller.

#![expect(clippy::expect_used, reason = "what a test needs and has not ends it")]

#[path = "cli/client.rs"]
mod client;
#[path = "cli/find.rs"]
mod find;
#[path = "cli/session.rs"]
mod session;

use std::{
    path::Path,
    process::{Command, Output},
};

/// Away from the settings, tokens and data of whoever runs the tests.
fn command(folder: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_deskfleet"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DESKFLEET_") {
            command.env_remove(name);
        }
    }
    let data = folder.join("absent-data");
    // No session of whoever runs the tests either.
    command.env_remove("DISPLAY").env("XDG_CONFIG_HOME", folder);
    command.current_dir(folder).env("DESKFLEET_DATA_DIR", data).args(args);
    command
}

fn deskfleet(folder: &Path, args: &[&str]) -> Output {
    command(folder, args).output().expect("the executable starts")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("it ends by itself")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Every command without commands below it, with its path.
fn leaves(command: &clap::Command, path: &str) -> Vec<(String, clap::Command)> {
    let path = format!("{path} {}", command.get_name());
    if command.has_subcommands() {
        command.get_subcommands().flat_map(|below| leaves(below, &path)).collect()
    } else {
        vec![(path, command.clone())]
    }
}

#[test]
fn every_command_has_an_example_in_its_help_and_the_exit_codes_in_its_long_help() {
    for (path, mut command) in leaves(&deskfleet::cli::command(), "") {
        let help = command.render_long_help().to_string();
        assert!(help.contains("Example"), "{path}: no example\n{help}");
        assert!(help.contains("Exit codes:"), "{path}: no exit codes");
        assert!(command.get_about().is_some(), "{path}: no word about what it does");
    }
}

#[test]
fn no_secret_is_asked_for_on_a_command_line() {
    for (path, command) in leaves(&deskfleet::cli::command(), "") {
        for argument in command.get_arguments() {
            let id = argument.get_id().as_str();
            let last = id.rsplit(['-', '_']).next().unwrap_or(id);
            assert!(!["token", "password", "secret"].contains(&last), "{path}: {id}");
        }
    }
}

#[test]
fn what_this_version_has_not_is_not_in_the_tree() {
    let all: Vec<String> = leaves(&deskfleet::cli::command(), "").into_iter().map(|(path, _)| path).collect();
    for absent in ["question", "credential"] {
        assert!(!all.iter().any(|path| path.split(' ').any(|word| word == absent)), "{absent}");
    }
}

#[test]
fn the_documented_exit_codes_are_those_of_the_help() {
    let help = deskfleet::cli::command().render_long_help().to_string();
    let page = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/command-line.md")).expect("the page");
    let codes: Vec<&str> = help.lines().skip_while(|line| *line != "Exit codes:").skip(1).collect();
    assert_eq!(codes.len(), 8);
    for line in codes {
        assert!(page.contains(line.trim_end()), "docs/command-line.md lacks: {line}");
    }
}

#[test]
fn completions_are_made_for_each_shell() {
    let folder = folder();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = deskfleet(folder.path(), &["completions", shell]);
        assert_eq!(code(&output), 0, "{shell}");
        assert!(stdout(&output).contains("quarantine"), "{shell}");
    }
}

#[test]
fn a_wrong_command_line_is_2_and_says_what_was_meant() {
    let folder = folder();
    let output = deskfleet(folder.path(), &["machin", "list"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("'machine'"), "{}", stderr(&output));
    let output = deskfleet(folder.path(), &["--label", "site=north"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--agent"), "{}", stderr(&output));
    assert_eq!(code(&deskfleet(folder.path(), &["job", "list", "--label", "x", "--url", "https://127.0.0.1:1"])), 2);
}

#[test]
fn lint_names_file_line_and_column_and_is_1_where_there_are_errors() {
    let folder = folder();
    std::fs::write(folder.path().join("good.yaml"), "kind: pool\nname: a\n").expect("written");
    assert_eq!(code(&deskfleet(folder.path(), &["lint", "good.yaml"])), 0);

    std::fs::write(folder.path().join("bad.yaml"), "kind: workflow\nname: b\nsteps:\n  - clik: { image: x.png }\n")
        .expect("written");
    let output = deskfleet(folder.path(), &["lint", "."]);
    assert_eq!(code(&output), 1);
    assert!(stdout(&output).lines().any(|line| line.contains("bad.yaml:4:") && line.contains("click")), "{output:?}");
    assert!(stderr(&output).contains("2 files"), "{}", stderr(&output));

    let findings: serde_json::Value =
        serde_json::from_str(&stdout(&deskfleet(folder.path(), &["lint", "bad.yaml", "-o", "json"]))).expect("JSON");
    assert_eq!((&findings[0]["severity"], &findings[0]["line"]), (&"error".into(), &4.into()));

    assert_eq!(code(&deskfleet(folder.path(), &["lint", "absent"])), 3);
}

#[test]
fn the_demo_and_its_documents_are_without_findings() {
    let folder = folder();
    let demo = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/demo");
    let output = deskfleet(folder.path(), &["lint", demo]);
    assert_eq!((code(&output), stdout(&output).as_str()), (0, ""));
}

#[test]
fn a_document_with_faults_is_not_sent_and_not_tried() {
    let folder = folder();
    std::fs::write(folder.path().join("bad.yaml"), "kind: workflow\nname: b\n").expect("written");
    // No controller is asked: it would be 5.
    let output = deskfleet(folder.path(), &["apply", "-f", "bad.yaml"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("Nothing was sent"), "{}", stderr(&output));
    assert_eq!(code(&deskfleet(folder.path(), &["try", "bad.yaml"])), 1);
}

#[test]
fn config_check_names_every_fault_and_is_1() {
    let folder = folder();
    assert_eq!(code(&deskfleet(folder.path(), &["config", "check"])), 0);
    let text = "[controller]\nlisten = \"nowhere\"\n[leases]\nttll = \"30s\"\n";
    std::fs::write(folder.path().join("config.toml"), text).expect("written");
    let output = deskfleet(folder.path(), &["config", "check", "--config", "config.toml"]);
    assert_eq!(code(&output), 1);
    assert_eq!(stdout(&output).lines().count(), 2, "{}", stdout(&output));
    assert!(stdout(&output).contains("config.toml:2") && stdout(&output).contains("config.toml:4"));
    // The controller itself refuses to start with it.
    assert_eq!(code(&deskfleet(folder.path(), &["--config", "config.toml"])), 2);
    assert_eq!(code(&deskfleet(folder.path(), &["--config", "absent.toml"])), 2);
}

#[test]
fn no_controller_is_5_and_says_what_to_set() {
    let folder = folder();
    // A port that was free a moment ago.
    let free = std::net::TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a port");
    let url = format!("https://{free}");
    let output = deskfleet(folder.path(), &["machine", "list", "--url", &url]);
    assert_eq!(code(&output), 5);
    assert!(stderr(&output).contains("DESKFLEET_URL"), "{}", stderr(&output));
}

#[test]
fn an_agent_that_has_not_joined_says_what_it_needs() {
    let folder = folder();
    let output = deskfleet(folder.path(), &["--agent", "--data-dir", "agent"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--join-token-file") || stderr(&output).contains("--controller"), "{output:?}");
}

//! `try --step` and `--slow` with answers from a script, as a person would give them.

use std::{
    io::Write as _,
    path::Path,
    process::{Command, Output, Stdio},
    time::Duration,
};

use deskfleet::time::Clock;

use crate::xvfb::VirtualDesktop;

const WORKFLOW: &str = "kind: workflow
name: touch
steps:
  - { id: one, run: { command: [touch, one] } }
  - { if: 'true', then: [ { run: { command: [touch, two] } } ] }
  - { run: { command: [touch, three] }, commit: true }
output: { done: true }
";

fn try_with(desktop: &VirtualDesktop, folder: &Path, answers: &str, flags: &[&str]) -> Output {
    std::fs::write(folder.join("touch.yaml"), WORKFLOW).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_deskfleet"))
        .current_dir(folder)
        .env("DISPLAY", desktop.display())
        .arg("try")
        .arg("touch.yaml")
        .args(flags)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the executable starts");
    child.stdin.take().expect("a pipe").write_all(answers.as_bytes()).ok();
    child.wait_with_output().expect("it ends")
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
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

fn made(folder: &Path) -> Vec<&'static str> {
    ["one", "two", "three"].into_iter().filter(|name| folder.join(name).exists()).collect()
}

#[test]
fn steps_are_run_skipped_and_gone_on_with_as_the_answers_say() {
    let desktop = VirtualDesktop::start();
    let folder = folder();
    let output = try_with(&desktop, folder.path(), "?\nwhat\n\ns\ng\n", &["--step", "--report", "touch.html"]);
    let said = stderr(&output);
    assert_eq!(code(&output), 0, "{said}");
    assert_eq!(made(folder.path()), ["one", "three"]);
    assert!(said.contains("next  steps/0        run          `touch one`  (one)"), "{said}");
    assert!(said.contains("`touch three`  (commit)"), "{said}");
    assert!(said.contains("\"what\" is no answer") && said.contains("s         skip it"), "{said}");
    assert!(said.lines().any(|line| line.starts_with('-') && line.contains("steps/1")), "{said}");
    assert_eq!(stdout(&output).trim(), "{\n  \"done\": true\n}");
    let report = std::fs::read_to_string(folder.path().join("touch.html")).expect("a report");
    assert!(report.contains("skipped"), "the report says what was skipped");
}

#[test]
fn a_stop_and_the_end_of_the_answers_end_the_run_before_the_step() {
    let desktop = VirtualDesktop::start();
    for answers in ["\nq\n", "\n", "\nquit"] {
        let folder = folder();
        let output = try_with(&desktop, folder.path(), answers, &["--step", "-o", "json"]);
        assert_eq!(code(&output), 1);
        assert_eq!(made(folder.path()), ["one"], "{answers:?}");
        assert!(stderr(&output).contains("stopped before steps/1"), "{}", stderr(&output));
        assert!(stdout(&output).contains("\"cancelled\""), "{}", stdout(&output));
    }
}

#[test]
fn slow_waits_between_steps_and_takes_a_duration() {
    let desktop = VirtualDesktop::start();
    let folder = folder();
    let before = Clock::System.now().mono;
    let output = try_with(&desktop, folder.path(), "", &["--slow=200ms"]);
    let took = Clock::System.now().mono.since(before);
    assert_eq!((code(&output), made(folder.path()).len()), (0, 3), "{}", stderr(&output));
    assert!(took >= Duration::from_millis(600), "three waits between four steps, in {took:?}");
    let output = try_with(&desktop, folder.path(), "", &["--slow", "touch.yaml"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("--slow=2s"), "{}", stderr(&output));
    let output = try_with(&desktop, folder.path(), "{}", &["--step", "--input", "-"]);
    assert_eq!(code(&output), 2);
    assert!(stderr(&output).contains("name a file"), "{}", stderr(&output));
}

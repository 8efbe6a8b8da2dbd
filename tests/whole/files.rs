//! Files of a job: sent with it, at hand on the machine while it runs, and gone afterwards.

use std::{fs, path::Path, process::Command, time::Duration};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    admin_token, deskfleet,
    fleet::{Agent, Controller, is_executing, is_settled},
    xvfb::{VirtualDesktop, until_within},
};

const CONTENT: &str = "Überweisung of Ada\n";

/// Says what the file holds, who may read it, and where it is.
fn reading(rest: &str) -> Value {
    let look = r#"cat "$1"; stat -c %a "$1" "$(dirname "$1")""#;
    json!({
        "kind": "workflow", "name": "reading", "retry": {"attempts": 2, "backoff": "100ms", "categories": ["machine_lost", "agent"]},
        "steps": [
            {"run": {"command": ["sh", "-c", look, "sh", "{{ files['referral.pdf'].path }}"]}, "as": "seen"},
            {"sleep": rest}
        ],
        "output": {"seen": "{{ vars.seen.stdout }}", "path": "{{ files['referral.pdf'].path }}"}
    })
}

fn file(folder: &TempDir) -> String {
    let path = folder.path().join("scan 7.pdf");
    fs::write(&path, CONTENT).expect("it can be written");
    path.display().to_string()
}

/// Everything that lies in the folders of attempts.
fn left(agent: &Agent) -> Vec<String> {
    let Ok(attempts) = fs::read_dir(agent.data().join("work")) else { return Vec::new() };
    let files = attempts.flatten().filter_map(|attempt| fs::read_dir(attempt.path()).ok()).flatten();
    files.flatten().map(|file| file.path().display().to_string()).collect()
}

#[test]
fn a_file_comes_with_a_form_is_read_by_a_program_and_is_gone_with_the_attempt() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let agent = Agent::join(&controller, &desktop, "desk-1");
    let folder = TempDir::new().unwrap();
    controller.put("/v1/workflows/reading", &reading("10ms"));
    let output = Command::new("curl")
        .args(["-sSf", "--cacert"])
        .arg(controller.data().join("ca.pem"))
        .args(["-H", &format!("Authorization: Bearer {}", admin_token(&controller))])
        .args(["-F", "job={\"workflow\": \"reading\"}", "-F", &format!("referral.pdf=@{}", file(&folder))])
        .arg(format!("{}/v1/jobs?wait=45s", controller.url()))
        .output()
        .expect("curl must be installed");
    let job: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(job["state"], "succeeded", "{job:#}");
    assert_eq!(job["output"]["seen"], format!("{CONTENT}600\n700\n"), "{job:#}");
    let path = job["output"]["path"].as_str().expect("a path");
    assert!(path.starts_with(agent.data().to_str().expect("UTF-8")) && path.ends_with("/referral.pdf"), "{path}");
    assert!(!Path::new(path).exists() && left(&agent).is_empty());
}

#[test]
fn the_client_sends_a_file_and_what_a_killed_agent_leaves_is_erased_when_it_starts() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let mut agent = Agent::join(&controller, &desktop, "desk-1");
    let folder = TempDir::new().unwrap();
    controller.put("/v1/workflows/reading", &reading("3s"));
    let named = format!("referral.pdf={}", file(&folder));
    let told = deskfleet(&controller, &["job", "submit", "reading", "-o", "json", "--file"], Path::new(&named));
    let job: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
    let id = job["id"].as_str().expect("a job has an id");
    controller.job_when(id, "executing", is_executing);
    let of_the_first = left(&agent);
    assert_eq!(of_the_first.len(), 1);

    agent.kill();
    assert_eq!(left(&agent), of_the_first, "nobody was there to erase it");
    agent.start_again();
    until_within(Duration::from_secs(20), "what was left to be erased", || {
        left(&agent).iter().all(|file| !of_the_first.contains(file)).then_some(())
    });
    let settled = controller.job_when(id, "settled", is_settled);
    assert_eq!(settled["output"]["seen"], format!("{CONTENT}600\n700\n"), "the next attempt had it anew: {settled:#}");
    assert!(left(&agent).is_empty());
}

#[test]
fn a_trial_has_a_copy_and_leaves_the_original_alone() {
    let desktop = VirtualDesktop::start();
    let folder = TempDir::new().unwrap();
    let workflow = folder.path().join("spoil.yaml");
    let text = "kind: workflow\nname: spoil\nsteps:\n  - { run: { command: [sh, -c, 'cat \"$1\"; echo spoilt > \"$1\"', sh, \"{{ \
                files['referral.pdf'].path }}\"] }, as: seen }\n  - { set: { other: \"'other.pdf' in files\" } }\noutput: { other: \"{{ vars.other }}\", seen: \"{{ vars.seen.stdout }}\", path: \"{{ \
                files['referral.pdf'].path }}\" }\n";
    fs::write(&workflow, text).unwrap();
    let path = file(&folder);
    let attempt = |name: &str, path: &str| {
        let output = Command::new(crate::fleet::executable())
            .args(["try", "-o", "json", "--file", &format!("{name}={path}")])
            .arg(&workflow)
            .current_dir(folder.path())
            .env("DISPLAY", desktop.display())
            .output()
            .expect("the client starts");
        (output.status.code(), String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, told, said) = attempt("referral.pdf", &path);
    assert_eq!(code, Some(0), "{said}");
    let told: Value = serde_json::from_str(&told).unwrap_or_else(|error| panic!("{error}: {told}"));
    assert_eq!((&told["output"]["seen"], &told["output"]["other"]), (&json!(CONTENT), &json!(false)));
    assert_eq!(fs::read_to_string(&path).unwrap(), CONTENT, "the original is as it was");
    let copy = told["output"]["path"].as_str().expect("a path");
    assert!(copy.ends_with("/referral.pdf") && !Path::new(copy).exists(), "{copy}");

    let (code, _, said) = attempt("../referral.pdf", &path);
    assert!(code != Some(0) && said.contains("plain name"), "{said}");
    let (code, told, said) = attempt("other.pdf", &path);
    assert_eq!(code, Some(1), "{said}");
    assert!(told.contains("referral.pdf") && told.contains("invalid_workflow"), "{told}");
}

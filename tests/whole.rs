//! The whole product as a newcomer meets it: real processes, real TLS, a real desktop with a real application, `curl`.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "tests say what they expect")]

#[path = "whole/files.rs"]
mod files;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/xvfb.rs"]
mod xvfb;

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use fleet::{Agent, Controller, is_executing, is_settled};
use serde_json::{Value, json};
use tempfile::TempDir;
use xvfb::{VirtualDesktop, until_within};

/// The documents the README has its reader write, in a file of their own.
fn readme_documents(folder: &TempDir) -> PathBuf {
    let readme = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/README.md")).expect("the README is there");
    let block = readme.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    let path = folder.path().join("reverse.yaml");
    fs::write(&path, block.expect("the README has a block of YAML")).expect("the documents can be written");
    path
}

fn deskfleet(controller: &Controller, arguments: &[&str], file: &Path) -> String {
    let output = Command::new(fleet::executable())
        .args(arguments)
        .arg(file)
        .env("DESKFLEET_URL", controller.url())
        .env("DESKFLEET_CA", controller.data().join("ca.pem"))
        .env("DESKFLEET_TOKEN_FILE", controller.data().join("admin.token"))
        .output()
        .expect("the client starts");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "deskfleet {arguments:?}: {text}");
    text
}

/// Leaves a line in `log` before and after a rest, so that a test can count how often it was begun and ended.
fn slow_workflow(name: &str, rest: &str, log: &str) -> Value {
    let note = |word: &str| json!({"run": {"command": ["sh", "-c", format!("echo {word} >> {log}")]}});
    json!({
        "kind": "workflow", "name": name, "timeout": "1m",
        "retry": {"attempts": 3, "backoff": "100ms", "max_backoff": "200ms", "categories": ["machine_lost", "agent"]},
        "steps": [note("begun"), {"sleep": rest}, note("ended")],
        "output": {"done": true}
    })
}

fn notes(folder: &TempDir) -> Vec<String> {
    let text = fs::read_to_string(folder.path().join("log")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

fn log_path(folder: &TempDir) -> String {
    folder.path().join("log").display().to_string()
}

#[test]
fn the_readme_is_true_one_curl_types_into_a_real_editor_and_prints_the_output() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let folder = TempDir::new().unwrap();
    let documents = readme_documents(&folder);
    deskfleet(&controller, &["lint"], &documents);
    deskfleet(&controller, &["apply", "-f"], &documents);

    for (text, reversed) in [("hello", "olleh"), ("Grüße", "eßürG")] {
        let request = json!({"workflow": "reverse", "input": {"text": text}});
        let job = controller.post("/v1/jobs?wait=45s", &request);
        assert_eq!(job["state"], "succeeded", "{job:#}");
        assert_eq!(job["output"]["reversed"], reversed, "computed by the editor: {job:#}");
    }
    let jobs = controller.get("/v1/jobs?workflow=reverse&state=succeeded");
    let id = jobs["items"][0]["id"].as_str().expect("a job has an id");
    let steps = controller.get(&format!("/v1/jobs/{id}/steps"));
    let typed = steps["items"].as_array().expect("a list").iter().find(|step| step["action"] == "type");
    assert!(typed.is_some_and(|step| step["path"] == "steps/2"), "{steps:#}");
    let artifacts = controller.get(&format!("/v1/jobs/{id}/artifacts"));
    assert_eq!(artifacts["items"][0]["name"], "result.webp", "{artifacts:#}");
}

#[test]
fn a_target_that_is_not_there_fails_with_its_category_and_a_picture() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let workflow = json!({
        "kind": "workflow", "name": "absent",
        "steps": [{"click": {"window": "No such window"}, "timeout": "500ms"}]
    });
    controller.put("/v1/workflows/absent", &workflow);

    let job = controller.post("/v1/jobs?wait=45s", &json!({"workflow": "absent"}));
    assert_eq!(job["state"], "failed", "{job:#}");
    assert_eq!(job["failure"]["category"], "target_not_found", "{job:#}");
    assert_eq!(job["failure"]["step"]["path"], "steps/0");
    let picture = &job["failure"]["artifacts"][0];
    let url = picture["url"].as_str().expect("the failure has a picture");
    let digest = picture["sha256"].as_str().expect("a digest");
    let stored = until_within(Duration::from_secs(20), "the picture to be stored", || {
        let output = Command::new("curl")
            .args(["-sSf", "--cacert"])
            .arg(controller.data().join("ca.pem"))
            .args(["-H", &format!("Authorization: Bearer {}", admin_token(&controller))])
            .arg(format!("{}{url}", controller.url()))
            .output()
            .expect("curl must be installed");
        output.status.success().then_some(output.stdout)
    });
    assert_eq!(deskfleet::ids::Digest::of(&stored).to_string(), digest);
}

#[test]
fn a_file_that_a_workflow_saves_is_downloaded_over_the_api_and_a_page_is_no_page_of_ours() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("receipt.html").display().to_string();
    let page = "<script>fetch('/v1/tokens')</script>";
    let write = json!({"run": {"command": ["sh", "-c", "printf %s \"$1\" > \"$2\"", "sh", page, path]}});
    let workflow = json!({
        "kind": "workflow", "name": "receipt",
        "steps": [write, {"save_artifact": {"path": path, "name": "receipt of {{ job.attempt }}.html"}, "as": "saved"}],
        "output": {"saved": "{{ vars.saved }}"}
    });
    controller.put("/v1/workflows/receipt", &workflow);

    let job = controller.post("/v1/jobs?wait=45s", &json!({"workflow": "receipt"}));
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let digest = deskfleet::ids::Digest::of(page.as_bytes()).to_string();
    let saved = json!({"name": "receipt of 1.html", "size": page.len(), "digest": digest});
    assert_eq!(job["output"]["saved"], saved, "{job:#}");
    let id = job["id"].as_str().expect("a job has an id");
    let listed = until_within(Duration::from_secs(20), "the file to be stored", || {
        let mut listed = controller.get(&format!("/v1/jobs/{id}/artifacts"))["items"].take();
        let found = listed.as_array_mut()?.iter().position(|one| one["name"] == "receipt of 1.html")?;
        (listed[found]["stored"] == true).then(|| listed[found].take())
    });
    let output = Command::new("curl")
        .args(["-sSf", "-i", "--cacert"])
        .arg(controller.data().join("ca.pem"))
        .args(["-H", &format!("Authorization: Bearer {}", admin_token(&controller))])
        .arg(format!("{}{}", controller.url(), listed["url"].as_str().expect("an address")))
        .output()
        .expect("curl must be installed");
    let answer = String::from_utf8(output.stdout).expect("text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert_eq!(body, page);
    let head = head.to_lowercase();
    for header in [
        "content-type: text/html",
        "content-disposition: attachment; filename=\"receipt of 1.html\"",
        "x-content-type-options: nosniff",
        "content-security-policy: sandbox;",
    ] {
        assert!(head.contains(header), "{header}\n{head}");
    }
}

fn admin_token(controller: &Controller) -> String {
    let token = fs::read_to_string(controller.data().join("admin.token")).expect("the token is there");
    token.trim().to_owned()
}

#[test]
fn of_two_jobs_for_one_machine_one_waits() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let folder = TempDir::new().unwrap();
    controller.put("/v1/workflows/slow", &slow_workflow("slow", "1s", &log_path(&folder)));

    let request = json!({"workflow": "slow", "machine": "desk-1"});
    let jobs = [controller.submit(&request), controller.submit(&request)];
    let settled = jobs.map(|id| controller.job_when(&id, "settled", is_settled));
    assert!(settled.iter().all(|job| job["state"] == "succeeded"), "{settled:#?}");
    let mut spans = settled.map(|job| (job["started_at"].to_string(), job["finished_at"].to_string()));
    spans.sort();
    assert!(spans[0].1 <= spans[1].0, "they overlap: {spans:?}");
    assert_eq!(notes(&folder), ["begun", "ended", "begun", "ended"]);
}

#[test]
fn a_job_whose_machine_dies_is_told_lost_and_runs_on_another() {
    let controller = Controller::start();
    let desktops = [VirtualDesktop::start(), VirtualDesktop::start()];
    let folder = TempDir::new().unwrap();
    controller.put("/v1/workflows/slow", &slow_workflow("slow", "2s", &log_path(&folder)));
    let mut first = Agent::join(&controller, &desktops[0], "desk-1");
    let job = controller.submit(&json!({"workflow": "slow"}));
    controller.job_when(&job, "executing", is_executing);
    let _second = Agent::join(&controller, &desktops[1], "desk-2");

    first.kill();
    let settled = controller.job_when(&job, "settled", is_settled);
    assert_eq!(settled["state"], "succeeded", "{settled:#}");
    let attempts = settled["attempts"].as_array().expect("attempts");
    assert_eq!(attempts[0]["outcome"], "lost");
    assert_eq!(attempts[0]["failure"]["category"], "machine_lost");
    assert_eq!(attempts.last().unwrap()["outcome"], "succeeded");
    assert_eq!(settled["machine"], "desk-2");
    assert_eq!(controller.get("/v1/machines/desk-1")["status"], "offline");
}

#[test]
fn an_agent_that_comes_back_at_once_does_not_go_on_with_the_old_attempt() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let folder = TempDir::new().unwrap();
    controller.put("/v1/workflows/slow", &slow_workflow("slow", "2s", &log_path(&folder)));
    let mut agent = Agent::join(&controller, &desktop, "desk-1");
    let job = controller.submit(&json!({"workflow": "slow"}));
    controller.job_when(&job, "executing", is_executing);

    agent.kill();
    agent.start_again();
    let settled = controller.job_when(&job, "settled", is_settled);
    assert_eq!(settled["state"], "succeeded", "{settled:#}");
    let outcomes: Vec<_> = settled["attempts"].as_array().unwrap().iter().map(|a| a["outcome"].clone()).collect();
    assert_eq!(outcomes, ["lost", "succeeded"]);
}

#[test]
fn a_job_goes_on_through_a_kill_of_the_controller() {
    let mut controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let folder = TempDir::new().unwrap();
    controller.put("/v1/workflows/slow", &slow_workflow("slow", "3s", &log_path(&folder)));
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let running = controller.submit(&json!({"workflow": "slow"}));
    let queued = controller.submit(&json!({"workflow": "slow"}));
    controller.job_when(&running, "executing", is_executing);

    controller.kill();
    controller.start_again();
    let settled = controller.job_when(&running, "settled", is_settled);
    assert_eq!(settled["state"], "succeeded", "{settled:#}");
    assert_eq!(settled["attempts"].as_array().unwrap().len(), 1, "the same attempt went on: {settled:#}");
    let next = controller.job_when(&queued, "settled", is_settled);
    assert_eq!(next["state"], "succeeded", "{next:#}");
    assert_eq!(notes(&folder), ["begun", "ended", "begun", "ended"]);
}

#[test]
fn a_running_job_stops_between_two_steps_when_it_is_cancelled() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let folder = TempDir::new().unwrap();
    controller.put("/v1/workflows/slow", &slow_workflow("slow", "30s", &log_path(&folder)));
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let job = controller.submit(&json!({"workflow": "slow"}));
    controller.job_when(&job, "executing", is_executing);

    let (status, _) = controller.call("POST", &format!("/v1/jobs/{job}/cancel"), None);
    assert_eq!(status, 202);
    let settled = controller.job_when(&job, "settled", is_settled);
    assert_eq!(settled["state"], "cancelled", "{settled:#}");
    assert!(!notes(&folder).contains(&"ended".to_owned()));
    let (status, _) = controller.call("POST", &format!("/v1/jobs/{job}/cancel"), None);
    assert_eq!(status, 200, "cancelled twice is cancelled");
}

#[test]
fn a_fresh_screenshot_is_a_picture_of_the_desktop() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let output = Command::new("curl")
        .args(["-sSf", "--cacert"])
        .arg(controller.data().join("ca.pem"))
        .args(["-H", &format!("Authorization: Bearer {}", admin_token(&controller))])
        .arg(format!("{}/v1/machines/desk-1/screenshot?fresh=true", controller.url()))
        .output()
        .expect("curl must be installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let picture = image::load_from_memory(&output.stdout).expect("a picture");
    assert_eq!((picture.width(), picture.height()), (1280, 800));
}

#[test]
fn the_executable_needs_the_c_library_and_nothing_else() {
    let output = Command::new("ldd").arg(fleet::executable()).output().expect("ldd must be installed");
    let text = String::from_utf8_lossy(&output.stdout);
    // libc6 itself (with its loader and libm) and libgcc_s, which libc6 depends on in Debian.
    let of_the_system = ["linux-vdso", "libc.so.6", "libm.so.6", "libgcc_s.so.1", "ld-linux"];
    let others: Vec<&str> =
        text.lines().filter(|line| !of_the_system.iter().any(|library| line.contains(library))).collect();
    assert_eq!(others, Vec::<&str>::new());
}

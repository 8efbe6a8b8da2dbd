//! What a person sees of a failure: an absent target, an application, a display and an agent that hang.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "tests say what they expect")]

#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/xvfb.rs"]
mod xvfb;

use std::{
    fs,
    process::{Command, Output},
    time::Duration,
};

use deskfleet::{
    desktop::{Color, Frame, Rect},
    ids::Digest,
};
use fleet::{Agent, Controller, is_executing, is_settled, signal};
use serde_json::{Value, json};
use tempfile::TempDir;
use xvfb::{VirtualDesktop, until_within};

fn client(controller: &Controller, arguments: &[&str]) -> Output {
    Command::new(fleet::executable())
        .args(arguments)
        .env("DESKFLEET_URL", controller.url())
        .env("DESKFLEET_CA", controller.data().join("ca.pem"))
        .env("DESKFLEET_TOKEN_FILE", controller.data().join("admin.token"))
        .output()
        .expect("the client starts")
}

/// Puts a workflow, runs it, and gives the job once it is settled.
fn run(controller: &Controller, workflow: &Value) -> Value {
    let name = workflow["name"].as_str().expect("a workflow has a name");
    controller.put(&format!("/v1/workflows/{name}"), workflow);
    controller.post("/v1/jobs?wait=60s", &json!({"workflow": name}))
}

#[test]
fn a_failed_job_says_what_happened_on_which_screen_and_what_to_do() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let workflow = json!({
        "kind": "workflow", "name": "absent",
        "steps": [
            {"launch": {"command": ["xterm", "-T", "Front desk"]}},
            {"wait": {"window": "Front desk"}},
            {"id": "save", "click": {"window": "No such window"}, "timeout": "1s"}
        ]
    });
    let job = run(&controller, &workflow);
    let failure = &job["failure"];
    assert_eq!(failure["category"], "target_not_found", "{job:#}");
    assert_eq!(failure["step"]["id"], "save");
    assert!(failure["help"].as_str().is_some_and(|help| help.contains("raise `timeout`")), "{failure:#}");
    let titles = failure["windows"].as_array().expect("a list of windows");
    assert!(titles.iter().any(|window| window["title"] == "Front desk"), "{failure:#}");
    assert!(failure["facts"]["os"].as_str().is_some_and(|os| !os.is_empty()), "{failure:#}");
    assert!(failure["standstill"]["step_ms"].as_u64().is_some_and(|ms| ms >= 1_000), "{failure:#}");
    let id = job["id"].as_str().expect("a job has an id");
    for picture in ["before", "at_failure"] {
        let url = failure["pictures"][picture].as_str().unwrap_or_else(|| panic!("no picture {picture}: {failure:#}"));
        until_within(Duration::from_secs(20), "the picture to arrive", || {
            (controller.call("GET", url, None).0 == 200).then_some(())
        });
    }
    assert_eq!(failure["log"], format!("/v1/jobs/{id}/logs?attempt=1"));
    let log = until_within(Duration::from_secs(20), "the log to arrive", || {
        let output = client(&controller, &["job", "logs", id]);
        output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
    });
    assert!(log.contains("steps/2 click failed after") && log.contains("steps/1 wait succeeded"), "{log}");
    let shown = String::from_utf8_lossy(&client(&controller, &["job", "show", id]).stdout).into_owned();
    for part in ["what to do", "Front desk", "no step for "] {
        assert!(shown.contains(part), "`{part}` is not in:\n{shown}");
    }
}

#[test]
fn an_application_that_hangs_is_told_as_such_within_the_time_of_its_step() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let folder = TempDir::new().unwrap();
    let pid = folder.path().join("pid").display().to_string();
    let stop = format!("kill -STOP $(cat {pid})");
    let workflow = json!({
        "kind": "workflow", "name": "hang",
        "steps": [
            {"launch": {"command": ["sh", "-c", format!("echo $$ > {pid}; exec mousepad --disable-server")]}},
            {"wait": {"window": {"process": "mousepad"}}, "timeout": "30s"},
            {"sleep": "1s"},
            {"run": {"command": ["sh", "-c", stop]}},
            {"wait": {"window": "Saved"}, "timeout": "3s"}
        ]
    });
    let job = run(&controller, &workflow);
    signal("-KILL", fs::read_to_string(&pid).expect("the editor was started").trim());
    let failure = &job["failure"];
    assert_eq!(failure["category"], "app_not_ready", "{job:#}");
    assert!(
        failure["message"].as_str().is_some_and(|message| message.contains("hangs: it did not answer")),
        "{failure:#}"
    );
    assert_eq!(failure["standstill"]["window_answers"], false, "{failure:#}");
    assert!(failure["help"].as_str().is_some_and(|help| help.contains("does not answer")), "{failure:#}");
}

/// The X server's process: who listens at its socket.
fn server_of(desktop: &VirtualDesktop) -> String {
    let path = format!("/X{}", desktop.display().trim_start_matches(':'));
    let sockets = fs::read_to_string("/proc/net/unix").expect("the system lists its sockets");
    let listening: Vec<String> = sockets
        .lines()
        .filter(|line| line.ends_with(&path))
        .filter_map(|line| Some(format!("socket:[{}]", line.split_whitespace().nth(6)?)))
        .collect();
    let holds = |process: &std::path::Path| {
        let files = fs::read_dir(process.join("fd")).into_iter().flatten().filter_map(Result::ok);
        let links = files.filter_map(|file| fs::read_link(file.path()).ok());
        links.into_iter().any(|link| listening.iter().any(|socket| link.to_str() == Some(socket)))
    };
    let is_server = |process: &std::path::Path| {
        fs::read_to_string(process.join("comm")).is_ok_and(|name| name.trim() == "Xvfb") && holds(process)
    };
    let processes =
        fs::read_dir("/proc").expect("there are processes").filter_map(Result::ok).map(|entry| entry.path());
    let found = processes
        .filter(|process| is_server(process))
        .find_map(|process| process.file_name().and_then(|name| name.to_str()).map(str::to_owned));
    found.expect("the X server runs")
}

/// A step first takes a picture of what it finds. Of two pictures of one desktop the second comes later, whoever asked.
fn has_looked(controller: &Controller, job: &str) {
    until_within(Duration::from_secs(30), "the step to start", || {
        let steps = controller.get(&format!("/v1/jobs/{job}/steps"));
        steps["items"].as_array()?.iter().any(|step| step["state"] == "started").then_some(())
    });
    let (status, _) = controller.call("GET", "/v1/machines/desk-1/screenshot?fresh=true", None);
    assert_eq!(status, 200);
}

#[test]
fn a_display_that_stops_is_told_and_worked_on_again_when_it_goes_on() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let _agent = Agent::join(&controller, &desktop, "desk-1");
    let workflow = json!({
        "kind": "workflow", "name": "look", "timeout": "1m",
        "retry": {"attempts": 1},
        "steps": [{"wait": {"window": "Never there"}, "timeout": "50s"}]
    });
    controller.put("/v1/workflows/look", &workflow);
    let id = controller.submit(&json!({"workflow": "look"}));
    has_looked(&controller, &id);
    let server = server_of(&desktop);
    signal("-STOP", &server);
    let job = controller.job_when(&id, "to have failed", is_settled);
    signal("-CONT", &server);
    let failure = &job["failure"];
    assert_eq!(failure["category"], "desktop", "{job:#}");
    let hangs = failure["standstill"]["hangs"].as_str().unwrap_or_default();
    assert!(hangs.starts_with("the desktop did not answer"), "{failure:#}");
    assert!(failure["pictures"]["before"].is_string(), "what was seen before it stopped: {failure:#}");

    let workflow = json!({"kind": "workflow", "name": "after", "steps": [{"screenshot": {"name": "after"}}]});
    let job = run(&controller, &workflow);
    assert_eq!(job["state"], "succeeded", "{job:#}");
}

#[test]
fn what_an_agent_did_before_it_lost_its_lease_is_kept_and_marked_late() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let agent = Agent::join(&controller, &desktop, "desk-1");
    let workflow = json!({
        "kind": "workflow", "name": "paused", "retry": {"attempts": 1},
        "steps": [{"id": "long", "sleep": "5m"}]
    });
    controller.put("/v1/workflows/paused", &workflow);
    let id = controller.submit(&json!({"workflow": "paused"}));
    controller.job_when(&id, "to sleep", is_executing);
    signal("-STOP", agent.pid());
    let job = controller.job_when(&id, "to be lost", is_settled);
    assert_eq!(job["attempts"][0]["outcome"], "lost", "{job:#}");
    signal("-CONT", agent.pid());
    let late = until_within(Duration::from_secs(30), "what the agent still knows", || {
        let steps = controller.get(&format!("/v1/jobs/{id}/steps"));
        let late = steps["items"].as_array()?.iter().find(|step| step["late"] == true).cloned();
        let (status, job) = controller.call("GET", &format!("/v1/jobs/{id}"), None);
        let log = job["failure"]["log"].is_string() && status == 200;
        late.filter(|_| log)
    });
    assert_eq!((&late["id"], &late["state"]), (&json!("long"), &json!("failed")), "{late:#}");
    let artifacts = controller.get(&format!("/v1/jobs/{id}/artifacts"));
    let log = artifacts["items"].as_array().expect("a list").iter().find(|artifact| artifact["name"] == "agent.log");
    assert!(log.is_some_and(|log| log["late"] == true), "{artifacts:#}");
}

/// A file of the agent's own that is never read to its end: its thread stands still, whatever the desktop does.
#[test]
fn an_agents_thread_that_hangs_is_given_up_with_a_picture_of_the_desktop() {
    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let agent = Agent::join_with(&[("DESKFLEET_HANG_LIMIT", "30s")], &controller, &desktop, "desk-1");
    let documents = TempDir::new().expect("a folder for documents");
    let mut image = Frame::filled(20, 10, Color::new(1, 200, 3));
    image.fill(Rect::new(0, 0, 10, 10), Color::new(200, 1, 3));
    let image = image.to_png().expect("a picture");
    fs::create_dir(documents.path().join("images")).expect("a folder for images");
    fs::write(documents.path().join("images/green.png"), &image).expect("the image can be written");
    let workflow = json!({
        "kind": "workflow", "name": "stands", "timeout": "3m", "retry": {"attempts": 1},
        "steps": [{"sleep": "4s"}, {"id": "green", "wait": {"image": "images/green.png"}, "timeout": "2m"}]
    });
    let file = documents.path().join("stands.yaml");
    fs::write(&file, workflow.to_string()).expect("the document can be written");
    let applied = client(&controller, &["apply", "--file", &file.to_string_lossy()]);
    assert!(applied.status.success(), "{applied:?}");

    let id = controller.submit(&json!({"workflow": "stands"}));
    controller.job_when(&id, "its steps run", is_executing);
    let kept = agent.data().join("blobs").join(Digest::of(&image).to_string());
    fs::remove_file(&kept).expect("the agent has the image");
    let made = Command::new("mkfifo").arg(&kept).status().expect("mkfifo is there");
    assert!(made.success(), "{made}");

    let job = until_within(Duration::from_secs(90), "the thread to be given up", || {
        Some(controller.get(&format!("/v1/jobs/{id}"))).filter(is_settled)
    });
    let failure = &job["failure"];
    assert_eq!((&failure["category"], &failure["step"]["id"]), (&json!("agent"), &json!("green")), "{job:#}");
    let hangs = failure["standstill"]["hangs"].as_str().unwrap_or_default();
    assert!(hangs.starts_with("the agent's thread did not come back from steps/1"), "{failure:#}");
    assert!(failure["pictures"]["at_failure"].is_string(), "what the desktop shows meanwhile: {failure:#}");
    assert!(failure["log"].is_string(), "{failure:#}");
    fs::remove_file(&kept).expect("the pipe can be removed");
    let next = json!({"kind": "workflow", "name": "after", "steps": [{"screenshot": {"name": "after"}}]});
    assert_eq!(run(&controller, &next)["state"], "succeeded", "the machine works on");
}

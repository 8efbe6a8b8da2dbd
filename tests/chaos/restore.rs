//! An older backup is restored while an agent holds a lease of the newer history.

use std::{fs, path::Path, process::Command};

use serde_json::{Value, json};

use crate::{
    fleet::{Agent, Controller, executable},
    xvfb::{VirtualDesktop, until},
};

fn back_up(controller: &Controller, archive: &Path) {
    let made = Command::new(executable())
        .arg("backup")
        .arg(archive)
        .env("DESKFLEET_URL", controller.url())
        .env("DESKFLEET_CA", controller.data().join("ca.pem"))
        .env("DESKFLEET_TOKEN_FILE", controller.data().join("admin.token"))
        .output()
        .expect("the executable starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn restore(archive: &Path, data: &Path) {
    let made = Command::new(executable()).arg("restore").arg(archive).arg("--data-dir").arg(data).output();
    let made = made.expect("the executable starts");
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
}

fn sleeps(name: &str, time: &str) -> Value {
    json!({ "kind": "workflow", "name": name, "steps": [ { "sleep": time } ], "output": { "done": true } })
}

#[test]
fn what_was_open_at_a_backup_waits_for_a_person_and_newer_leases_are_void() {
    let mut controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let agent = Agent::join(&controller, &desktop, "desk-1");
    controller.put("/v1/workflows/long", &sleeps("long", "10m"));
    controller.put("/v1/workflows/slow", &sleeps("slow", "3s"));
    let ran = controller.submit(&json!({ "workflow": "long" }));
    controller.job_when(&ran, "running", |job| job["phase"] == "executing");
    let waited = controller.submit(&json!({ "workflow": "slow" }));
    let folder = tempfile::TempDir::new().expect("a folder");
    let archive = folder.path().join("backup.tar");
    back_up(&controller, &archive);

    // The history goes on: the agent gets a lease that the backup knows nothing of.
    controller.post(&format!("/v1/jobs/{ran}/cancel"), &Value::Null);
    let newer = controller.submit(&json!({ "workflow": "long" }));
    controller.job_when(&waited, "done in the newer history", |job| job["state"] == "succeeded");
    controller.job_when(&newer, "running in the newer history", |job| job["phase"] == "executing");
    controller.kill();
    fs::rename(controller.data(), folder.path().join("lost")).expect("the data is moved away");
    restore(&archive, &controller.data());
    controller.start_again();

    let doubtful = controller.get(&format!("/v1/jobs/{ran}"));
    assert_eq!(doubtful["state"], "needs_review", "it may have gone on: {doubtful:#}");
    let blocked = controller.get(&format!("/v1/jobs/{waited}"));
    assert_eq!(blocked["state"], "blocked", "it may have been done since: {blocked:#}");
    assert_eq!(controller.call("GET", &format!("/v1/jobs/{newer}"), None).0, 404, "nobody knows of it any more");
    until("the agent to give up what it held", || {
        let machine = controller.get("/v1/machines/desk-1");
        (machine["status"] == "idle" && machine["lease"].is_null()).then_some(())
    });
    let fresh = controller.submit(&json!({ "workflow": "slow" }));
    controller.job_when(&fresh, "done by the same agent", |job| job["state"] == "succeeded");
    let still = controller.get(&format!("/v1/jobs/{waited}"));
    assert_eq!(still["state"], "blocked", "an idle machine is no reason: {still:#}");

    controller.post(&format!("/v1/jobs/{waited}/release"), &Value::Null);
    controller.job_when(&waited, "done once it is released", |job| job["state"] == "succeeded");
    drop(agent);
}

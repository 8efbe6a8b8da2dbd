//! A stranger takes the controller at its word: schemathesis (`PyPI`) reads `/openapi.json` and asks for everything in it, rightly and
//! wrongly. No answer is a failure of the controller's own, each is as described, what is wrong is refused and what is right taken.
//!
//! `EXAMPLES` says how many requests a route is tried with at random, beside those that cover the description systematically.
//! Routes of agents, which want a certificate, are left to `tests/it` and to fuzzing.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "tests say what they expect")]

#[path = "support/fleet.rs"]
mod fleet;
#[path = "support/xvfb.rs"]
#[expect(dead_code, reason = "a controller alone needs no desktop")]
mod xvfb;

use std::{path::Path, process::Command};

use fleet::Controller;
use serde_json::json;

const SETTINGS: &str = "[limits]\nwait_max = \"1s\"\n[log]\nlevel = \"warn\"\n";
const PROGRAM: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/tools/schemathesis/bin/schemathesis");
const CONFIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/schemathesis/schemathesis.toml");
/// Of the token that asks, and of others: what it revokes it cannot ask with.
const REVOKE_TOKEN: &str = "delete_v1_tokens_id";

#[test]
fn every_route_answers_as_described_whatever_it_is_asked() {
    let program = std::env::var("SCHEMATHESIS").unwrap_or_else(|_| PROGRAM.to_owned());
    assert!(Path::new(&program).exists(), "{program} is not there: run assets/install-needs.sh schemathesis");
    let controller = Controller::start_with(SETTINGS);
    let workflow = json!({
        "kind": "workflow", "name": "echo", "input": { "type": "object" }, "steps": [{ "set": { "n": "1" } }]
    });
    controller.put("/v1/workflows/echo", &workflow);
    let token = controller.file("admin.token");
    run(&program, &controller, &token, &["--exclude-operation-id", REVOKE_TOKEN]);
    let other = controller.post("/v1/tokens", &json!({ "name": "stranger", "role": "admin" }));
    let other = other["token"].as_str().expect("it is shown once");
    run(&program, &controller, other, &["--include-operation-id", REVOKE_TOKEN]);
}

fn run(program: &str, controller: &Controller, token: &str, which: &[&str]) {
    let examples = std::env::var("EXAMPLES").unwrap_or_else(|_| "3".to_owned());
    let output = Command::new(program)
        .args(["--config-file", CONFIG, "run", &format!("{}/openapi.json", controller.url())])
        .args(["--checks", "all", "--exclude-path-regex", "^/agent/", "--max-examples", &examples])
        .args(which)
        .env("DESKFLEET_CA", controller.data().join("ca.pem"))
        .env("DESKFLEET_TOKEN", token)
        .env_remove("HTTPS_PROXY")
        .env_remove("https_proxy")
        // It leaves its notes where it runs.
        .current_dir(controller.data())
        .output()
        .expect("schemathesis starts");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{text}\n{}", String::from_utf8_lossy(&output.stderr));
    let summary = text.rsplit_once("SUMMARY").map_or(&*text, |(_, summary)| summary);
    println!("schemathesis: {summary}");
}

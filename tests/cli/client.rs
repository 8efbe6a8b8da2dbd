//! The client against a real controller, both the built executable.

use std::{
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use super::{code, folder, stderr, stdout};

/// A controller on a port of its own. Ended when it goes out of scope.
struct Controller {
    process: Child,
    url: String,
    folder: tempfile::TempDir,
}

impl Drop for Controller {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Controller {
    fn start() -> Self {
        let folder = folder();
        let data = folder.path().join("data");
        let process = Command::new(env!("CARGO_BIN_EXE_deskfleet"))
            .args(["--listen", "127.0.0.1:0", "--data-dir"])
            .arg(&data)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the controller starts");
        // From here on it is ended with the test, whatever becomes of that.
        let mut controller = Self { process, url: String::new(), folder };
        let output = controller.process.stdout.take().expect("its stdout is a pipe");
        let is_url = |line: &String| line.contains("  curl ") || line.trim_start().starts_with("curl ");
        let call = BufReader::new(output).lines().map_while(Result::ok).find(is_url).expect("it says how to call it");
        let url = call.split_whitespace().last().and_then(|url| url.strip_suffix("/v1/machines")).expect("an address");
        url.clone_into(&mut controller.url);
        controller
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    /// With no variable but the address: what else is needed lies in the data directory.
    fn deskfleet(&self, args: &[&str]) -> Output {
        self.with(&[("DESKFLEET_DATA_DIR", "data")], args)
    }

    fn with(&self, variables: &[(&str, &str)], args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deskfleet"));
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("DESKFLEET_") {
                command.env_remove(name);
            }
        }
        command.current_dir(self.path()).env("DESKFLEET_URL", &self.url).envs(variables.iter().copied());
        command.args(args).stdin(Stdio::null()).output().expect("the client starts")
    }

    fn json(&self, args: &[&str]) -> serde_json::Value {
        let output = self.deskfleet(&[args, &["-o", "json"]].concat());
        assert_eq!(code(&output), 0, "{args:?}: {}", stderr(&output));
        serde_json::from_str(&stdout(&output)).expect("JSON")
    }

    fn apply_greeting(&self) -> Output {
        let text = "kind: workflow\nname: greet\npool: lobby\ninput: { type: object, required: [name], properties: \
            { name: { type: string } } }\nsteps: [ { sleep: 1s } ]\n---\nkind: pool\nname: lobby\n";
        std::fs::write(self.path().join("greet.yaml"), text).expect("written");
        self.deskfleet(&["apply", "-f", "greet.yaml"])
    }
}

#[test]
fn documents_are_created_then_unchanged_shown_and_deleted() {
    let controller = Controller::start();
    let first = controller.apply_greeting();
    assert_eq!(code(&first), 0, "{}", stderr(&first));
    let rows: Vec<String> = stdout(&first).lines().map(|line| line.split_whitespace().take(4).collect()).collect();
    assert_eq!(rows, ["KINDNAMEVERSIONRESULT", "poollobby1created", "workflowgreet1created"]);
    assert!(stdout(&controller.apply_greeting()).contains("unchanged"));
    assert_eq!(controller.json(&["get", "workflow", "greet"])["content"]["pool"], "lobby");
    assert_eq!(code(&controller.deskfleet(&["delete", "workflow", "greet"])), 0);
    assert_eq!(code(&controller.deskfleet(&["get", "workflow", "greet"])), 3);
}

#[test]
fn refusals_say_all_faults_and_each_kind_has_its_exit_code() {
    let controller = Controller::start();
    controller.apply_greeting();
    let broken = controller.deskfleet(&["job", "submit", "greet", "--set", "name=1", "--priority", "500"]);
    assert_eq!(code(&broken), 4);
    assert!(stderr(&broken).contains("/input/name"), "{}", stderr(&broken));
    assert_eq!(code(&controller.deskfleet(&["machine", "show", "absent"])), 3);
    assert_eq!(code(&controller.deskfleet(&["job", "show", "no-id"])), 3);

    let ca = ("DESKFLEET_CA", "data/ca.pem");
    let no_token = controller.with(&[ca], &["machine", "list"]);
    assert_eq!(code(&no_token), 4);
    assert!(stderr(&no_token).contains("DESKFLEET_TOKEN"), "{}", stderr(&no_token));
    // Without the CA only the system's roots are trusted, and they don't know this controller.
    let no_ca = controller.with(&[("DESKFLEET_TOKEN", "dft_x")], &["machine", "list"]);
    assert_eq!(code(&no_ca), 5);
    assert!(stderr(&no_ca).contains("DESKFLEET_CA"), "{}", stderr(&no_ca));
    let other = Controller::start();
    let other_ca = other.path().join("data/ca.pem");
    let wrong = controller.with(&[("DESKFLEET_CA", &other_ca.to_string_lossy())], &["machine", "list"]);
    assert_eq!(code(&wrong), 5);
    assert!(stderr(&wrong).contains("not made by the CA"), "{}", stderr(&wrong));
}

#[test]
fn a_job_that_nothing_can_take_is_told_as_unsettled_and_can_be_cancelled() {
    let controller = Controller::start();
    controller.apply_greeting();
    let waited = controller.deskfleet(&["job", "submit", "greet", "--set", "name=Ann", "--wait", "--timeout", "2s"]);
    assert_eq!(code(&waited), 6, "{}", stderr(&waited));
    let jobs = controller.json(&["job", "list", "--workflow", "greet"]);
    assert_eq!(jobs["items"].as_array().map(Vec::len), Some(1));
    let id = jobs["items"][0]["id"].as_str().expect("an id");
    assert_eq!(code(&controller.deskfleet(&["job", "cancel", id])), 0);
    assert_eq!(code(&controller.deskfleet(&["job", "watch", id])), 1);
    let again = controller.json(&["job", "retry", id]);
    assert_eq!(again["retry_of"], id);
}

#[test]
fn a_batch_is_submitted_from_lines() {
    let controller = Controller::start();
    controller.apply_greeting();
    let line = |name: &str| format!("{{\"workflow\": \"greet\", \"input\": {{\"name\": \"{name}\"}}}}\n");
    std::fs::write(controller.path().join("all.ndjson"), line("Ann") + &line("Bob")).expect("written");
    let batch = controller.json(&["batch", "submit", "all.ndjson", "--max-running", "1"]);
    assert_eq!((&batch["total"], &batch["max_running"]), (&2.into(), &1.into()));
    let id = batch["id"].as_str().expect("an id");
    assert_eq!(controller.json(&["job", "list", "--batch", id])["items"].as_array().map(Vec::len), Some(2));
    assert_eq!(code(&controller.deskfleet(&["batch", "cancel", id])), 0);
    assert_eq!(code(&controller.deskfleet(&["batch", "watch", id])), 1);
}

#[test]
fn a_secret_is_alone_on_stdout_and_void_once_revoked() {
    let controller = Controller::start();
    let made = controller.deskfleet(&["token", "create", "--name", "look", "--role", "viewer"]);
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let secret = stdout(&made);
    assert!(secret.starts_with("dft_") && secret.lines().count() == 1);
    let variables = [("DESKFLEET_TOKEN", secret.trim()), ("DESKFLEET_CA", "data/ca.pem")];
    assert_eq!(code(&controller.with(&variables, &["machine", "list"])), 0);
    assert_eq!(code(&controller.with(&variables, &["token", "list"])), 4);
    let tokens = controller.json(&["token", "list"]);
    let items = tokens["items"].as_array().expect("a list");
    let id = items.iter().find(|token| token["name"] == "look").and_then(|token| token["id"].as_str());
    assert_eq!(code(&controller.deskfleet(&["token", "revoke", id.expect("its id")])), 0);
    assert_eq!(code(&controller.with(&variables, &["machine", "list"])), 4);

    let join = controller.deskfleet(&["join-token", "create", "--uses", "1"]);
    assert!(stdout(&join).starts_with("dfj_") && stdout(&join).lines().count() == 1, "{}", stderr(&join));
}

#[test]
fn the_fleet_is_paused_and_resumed() {
    let controller = Controller::start();
    assert_eq!(code(&controller.deskfleet(&["fleet", "pause", "--reason", "network"])), 0);
    assert_eq!(controller.json(&["fleet"])["paused"], "network");
    assert_eq!(code(&controller.deskfleet(&["fleet", "resume"])), 0);
    assert!(controller.json(&["fleet"])["paused"].is_null());
}

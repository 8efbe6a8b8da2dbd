//! A fleet of real processes: the executable as controller and as agents, asked by `curl` as any caller would.
#![expect(dead_code, reason = "each test binary that includes this uses its own part of it")]

use std::{
    fmt::Display,
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;
use tempfile::TempDir;

use crate::xvfb::{VirtualDesktop, until, until_within};

const EXECUTABLE: &str = env!("CARGO_BIN_EXE_deskfleet");

/// Short enough that a lost machine is noticed within a test, long enough for a busy computer.
pub(crate) const TTL: Duration = Duration::from_secs(5);
pub(crate) const MARGIN: Duration = Duration::from_millis(500);

fn settings() -> String {
    let (ttl_ms, margin_ms) = (TTL.as_millis(), MARGIN.as_millis());
    format!("[leases]\nttl = \"{ttl_ms}ms\"\nmargin = \"{margin_ms}ms\"\noffline_after = \"6s\"\n")
}

pub(crate) struct Controller {
    process: Option<Child>,
    folder: TempDir,
    data: PathBuf,
    port: u16,
}

impl Controller {
    pub(crate) fn start() -> Self {
        Self::start_with(&settings())
    }

    /// With other settings, as in the file.
    pub(crate) fn start_with(settings: &str) -> Self {
        let folder = TempDir::new().expect("a folder for the test");
        let data = folder.path().join("data");
        Self::start_in(folder, data, settings)
    }

    /// With its data in a place of the caller's choice; settings and log are in the folder.
    pub(crate) fn start_in(folder: TempDir, data: PathBuf, settings: &str) -> Self {
        fs::write(folder.path().join("config.toml"), settings).expect("the settings can be written");
        let mut controller = Self { process: None, folder, data, port: free_port() };
        controller.start_again();
        controller
    }

    /// After `kill`, on the same folder and port.
    pub(crate) fn start_again(&mut self) {
        self.spawn();
        until("the controller to answer /readyz", || {
            let ready = self.data().join("admin.token").exists() && self.call("GET", "/readyz", None).0 == 200;
            ready.then_some(())
        });
    }

    /// The same without waiting until it serves.
    pub(crate) fn spawn(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.folder.path().join("controller.log"));
        let log = log.expect("the log can be written");
        let process = Command::new(EXECUTABLE)
            .arg("--config")
            .arg(self.folder.path().join("config.toml"))
            .arg("--data-dir")
            .arg(self.data())
            .args(["--listen", &format!("127.0.0.1:{}", self.port)])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the controller starts");
        self.process = Some(process);
    }

    /// Like a power cut: SIGKILL.
    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the controller was running");
            process.wait().expect("the controller can be waited for");
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("the controller runs").id()
    }

    pub(crate) fn is_running(&mut self) -> bool {
        self.process.as_mut().is_some_and(|process| process.try_wait().is_ok_and(|ended| ended.is_none()))
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port)
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.data.clone()
    }

    /// The trimmed text of a file in the data directory.
    pub(crate) fn file(&self, name: &str) -> String {
        let path = self.data.join(name);
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())).trim().to_owned()
    }

    /// One `curl` with the admin's token: status and JSON body. Status 0 where there was no answer.
    pub(crate) fn call(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, Value) {
        let (status, text) = self.curl(method, path, body);
        (status, serde_json::from_str(&text).unwrap_or(Value::Null))
    }

    pub(crate) fn get(&self, path: &str) -> Value {
        let (status, body) = self.call("GET", path, None);
        assert_eq!(status, 200, "GET {path}: {body:#}");
        body
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call("PUT", path, Some(body));
        assert!((200..300).contains(&status), "PUT {path}: {status} {answer:#}");
        answer
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> Value {
        let (status, answer) = self.call("POST", path, Some(body));
        assert!((200..300).contains(&status), "POST {path}: {status} {answer:#}");
        answer
    }

    /// The job's id.
    pub(crate) fn submit(&self, request: &Value) -> String {
        let job = self.post("/v1/jobs", request);
        job["id"].as_str().expect("a job has an id").to_owned()
    }

    /// Waits until the job is in a state that satisfies `is`, and returns it.
    pub(crate) fn job_when(&self, id: &str, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        until_within(Duration::from_secs(60), &format!("{id}: {what}"), || {
            let (status, job) = self.call("GET", &format!("/v1/jobs/{id}"), None);
            (status == 200 && is(&job)).then_some(job)
        })
    }

    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("controller.log")).unwrap_or_default()
    }

    fn curl(&self, method: &str, path: &str, body: Option<&Value>) -> (u16, String) {
        let token = fs::read_to_string(self.data().join("admin.token")).unwrap_or_default();
        let mut curl = Command::new("curl");
        curl.args(["-sS", "--max-time", "90", "-X", method, "-w", "\n%{http_code}", "--cacert"])
            .arg(self.data().join("ca.pem"))
            .args(["-H", &format!("Authorization: Bearer {}", token.trim())]);
        if let Some(body) = body {
            curl.args(["-H", "Content-Type: application/json", "-d", &body.to_string()]);
        }
        let output = curl.arg(format!("{}{path}", self.url())).output().expect("curl must be installed");
        let text = String::from_utf8_lossy(&output.stdout);
        let (text, status) = text.rsplit_once('\n').unwrap_or(("", "0"));
        (status.parse().unwrap_or(0), text.to_owned())
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.len().saturating_sub(4_000);
            eprintln!("the end of the controller's log:\n{}", log.get(tail..).unwrap_or(&log));
        }
    }
}

pub(crate) struct Agent {
    process: Option<Child>,
    command: AgentCommand,
    log: PathBuf,
}

struct AgentCommand {
    name: String,
    display: String,
    data: TempDir,
    controller_url: String,
    join_token: PathBuf,
    /// Further variables of its environment.
    settings: &'static [(&'static str, &'static str)],
}

impl Agent {
    /// Joins, and comes back when the controller calls the machine idle.
    pub(crate) fn join(controller: &Controller, desktop: &VirtualDesktop, name: &str) -> Self {
        Self::join_by(&controller.url(), controller, desktop, name)
    }

    /// One whose data directory is filled first; it is started and not waited for.
    pub(crate) fn with_data(
        controller: &Controller,
        desktop: &VirtualDesktop,
        name: &str,
        fill: impl FnOnce(&Path),
    ) -> Self {
        let mut agent = Self::new(&controller.url(), controller, desktop, name);
        fill(&agent.data());
        agent.start_again();
        agent
    }

    fn new(url: &str, controller: &Controller, desktop: &VirtualDesktop, name: &str) -> Self {
        let data = TempDir::new().expect("a folder for the agent");
        Self {
            process: None,
            log: data.path().join("agent.log"),
            command: AgentCommand {
                name: name.to_owned(),
                display: desktop.display().to_owned(),
                data,
                controller_url: url.to_owned(),
                join_token: controller.data().join("join.token"),
                settings: &[],
            },
        }
    }

    /// The same by another way to the controller.
    pub(crate) fn join_by(url: &str, controller: &Controller, desktop: &VirtualDesktop, name: &str) -> Self {
        Self::new(url, controller, desktop, name).started(controller)
    }

    /// With other settings than the usual ones, as variables.
    pub(crate) fn join_with(
        settings: &'static [(&'static str, &'static str)],
        controller: &Controller,
        desktop: &VirtualDesktop,
        name: &str,
    ) -> Self {
        let mut agent = Self::new(&controller.url(), controller, desktop, name);
        agent.command.settings = settings;
        agent.started(controller)
    }

    fn started(mut self, controller: &Controller) -> Self {
        self.start_again();
        let name = &self.command.name;
        until(&format!("machine {name} to be idle"), || {
            let (status, machine) = controller.call("GET", &format!("/v1/machines/{name}"), None);
            (status == 200 && machine["status"] == "idle").then_some(())
        });
        self
    }

    pub(crate) fn start_again(&mut self) {
        let log = fs::File::options().create(true).append(true).open(&self.log).expect("the log can be written");
        let process = Command::new(EXECUTABLE)
            .args(["--agent", "--controller", &self.command.controller_url, "--name", &self.command.name])
            .arg("--join-token-file")
            .arg(&self.command.join_token)
            .arg("--data-dir")
            .arg(self.data())
            .env("DISPLAY", &self.command.display)
            .envs(self.command.settings.iter().copied())
            // Applications keep their settings and unsaved files there: none may be left from another test.
            .env("HOME", self.command.data.path())
            .env_remove("XDG_CONFIG_HOME")
            .env_remove("XDG_DATA_HOME")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .expect("the agent starts");
        self.process = Some(process);
    }

    pub(crate) fn kill(&mut self) {
        if let Some(mut process) = self.process.take() {
            process.kill().expect("the agent was running");
            process.wait().expect("the agent can be waited for");
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.as_ref().expect("the agent runs").id()
    }

    pub(crate) fn data(&self) -> PathBuf {
        self.command.data.path().join("data")
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = fs::read_to_string(&self.log).unwrap_or_default();
            let tail = log.len().saturating_sub(3_000);
            eprintln!("the end of {}'s log:\n{}", self.command.name, log.get(tail..).unwrap_or(&log));
        }
    }
}

pub(crate) fn is_executing(job: &Value) -> bool {
    job["state"] == "running" && job["phase"] == "executing"
}

pub(crate) fn is_settled(job: &Value) -> bool {
    ["succeeded", "failed", "cancelled", "needs_review"].iter().any(|state| job["state"] == *state)
}

/// Such as `-STOP`.
pub(crate) fn signal(name: &str, pid: impl Display) {
    let sent = Command::new("kill").args([name, &pid.to_string()]).status().expect("kill is there");
    assert!(sent.success(), "kill {name} {pid}");
}

/// Of the executable under test.
pub(crate) fn executable() -> &'static Path {
    Path::new(EXECUTABLE)
}

/// Free a moment ago: the listener that found it is closed again.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    listener.local_addr().expect("a bound address").port()
}

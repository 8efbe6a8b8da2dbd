//! An agent that does what the story says: joins, polls, accepts, reports.

use std::collections::BTreeMap;

use deskfleet::ids::Incarnation;
use serde_json::{Value, json};

use super::{Answer, Client, Site, client::Certificate};

pub(crate) struct Agent {
    pub(crate) name: String,
    pub(crate) client: Client,
    pub(crate) certificate: String,
    pub(crate) key: String,
    incarnation: Incarnation,
    polls: u64,
    /// Number of the last report of each attempt.
    reports: BTreeMap<String, u64>,
    apps_digest: Option<String>,
}

/// A key and a request for its certificate, PEM.
pub(crate) fn key_and_request() -> (String, String) {
    let key = rcgen::KeyPair::generate().unwrap();
    let request = rcgen::CertificateParams::default().serialize_request(&key).unwrap();
    (key.serialize_pem(), request.pem().unwrap())
}

pub(crate) fn join_request(token: &str, name: &str, request: &str) -> Value {
    json!({
        "token": token, "name": name, "pool": null, "labels": {}, "certificate_request": request,
        "identity": format!("identity of {name}"), "facts": facts()
    })
}

fn facts() -> Value {
    json!({
        "os": "Debian GNU/Linux 12", "os_build": "6.1", "host": "vm", "user": "clerk",
        "display": { "width": 1280, "height": 800, "scale": 1.0 }, "locale": "C.UTF-8", "time_zone": "UTC",
        "boot_id": "b", "agent_version": "0.1.0", "session": "active", "apps": {}
    })
}

impl Agent {
    /// With the join token of the data directory: into the default pool.
    pub(crate) async fn join(site: &Site, name: &str) -> Self {
        let (key, request) = key_and_request();
        let body = join_request(&site.file("join.token"), name, &request);
        let joined = site.nobody().post("/agent/v1/join").json(&body).send().await.is(201).json();
        let certificate = joined["certificate"].as_str().unwrap().to_owned();
        let client = machine_client(site, &certificate, &key);
        Self {
            name: name.to_owned(),
            client,
            certificate,
            key,
            incarnation: Incarnation::new(1, fresh()),
            polls: 0,
            reports: BTreeMap::new(),
            apps_digest: None,
        }
    }

    /// The same certificate on another machine, where the agent is started by itself.
    pub(crate) fn cloned(&self, site: &Site) -> Self {
        Self {
            name: self.name.clone(),
            client: machine_client(site, &self.certificate, &self.key),
            certificate: self.certificate.clone(),
            key: self.key.clone(),
            incarnation: Incarnation::new(1, fresh()),
            polls: 0,
            reports: BTreeMap::new(),
            apps_digest: None,
        }
    }

    /// A new start of its process, which remembers nothing.
    pub(crate) fn start_again(&mut self) {
        self.incarnation = Incarnation::new(1, fresh());
        self.polls = 0;
        self.apps_digest = None;
    }

    /// Speaks to the same controller at another port, or with another certificate.
    pub(crate) fn reconnect(&mut self, site: &Site) {
        self.client = machine_client(site, &self.certificate, &self.key);
    }

    pub(crate) async fn poll(&mut self, wait_ms: u64) -> Value {
        self.try_poll(wait_ms, None).await.is(200).json()
    }

    /// `held`: the offer whose lease it believes to have.
    pub(crate) async fn try_poll(&mut self, wait_ms: u64, held: Option<&Value>) -> Answer {
        let answer = self.poll_call(wait_ms, held).send().await;
        if answer.status.is_success()
            && let Some(digest) = answer.json()["apps"]["digest"].as_str()
        {
            self.apps_digest = Some(digest.to_owned());
        }
        answer
    }

    /// The next poll, to be sent.
    pub(crate) fn poll_call(&mut self, wait_ms: u64, held: Option<&Value>) -> super::client::Call {
        self.polls += 1;
        let first = self.polls == 1;
        let body = json!({
            "incarnation": self.incarnation.to_string(), "number": self.polls, "wait_ms": wait_ms,
            "facts": if first { facts() } else { Value::Null }, "readiness": {},
            "held": held.map(|offer| json!({ "attempt": offer["attempt"], "epoch": offer["epoch"] })),
            "apps_digest": self.apps_digest
        });
        self.client.post("/agent/v1/poll").json(&body)
    }

    /// Polls until a job is offered.
    pub(crate) async fn offer(&mut self) -> Value {
        for _ in 0..20 {
            let answer = self.poll(5_000).await;
            if answer["offer"].is_object() {
                return answer["offer"].clone();
            }
        }
        panic!("{} gets no offer", self.name);
    }

    pub(crate) fn report(&mut self, offer: &Value, body: &Value) -> super::client::Call {
        let number = self.reports.entry(offer["attempt"].to_string()).or_default();
        *number += 1;
        let number = *number;
        self.report_numbered(offer, number, body)
    }

    /// Number of the last report of this attempt.
    pub(crate) fn last_report(&self, offer: &Value) -> u64 {
        self.reports.get(&offer["attempt"].to_string()).copied().unwrap_or_default()
    }

    pub(crate) fn report_numbered(&self, offer: &Value, number: u64, body: &Value) -> super::client::Call {
        self.client.post("/agent/v1/report").json(&json!({
            "job": offer["job"], "attempt": offer["attempt"], "epoch": offer["epoch"],
            "incarnation": self.incarnation.to_string(), "number": number, "body": body
        }))
    }

    pub(crate) async fn accept(&mut self, offer: &Value) {
        self.report(offer, &json!({ "kind": "accept" })).send().await.is(200);
    }

    /// Accepts, and says that the desktop is ready: steps may begin.
    pub(crate) async fn begin(&mut self, offer: &Value) {
        self.accept(offer).await;
        self.report(offer, &json!({ "kind": "ready", "readiness": {} })).send().await.is(200);
    }

    pub(crate) async fn steps(&mut self, offer: &Value, steps: Vec<Value>) {
        self.report(offer, &json!({ "kind": "steps", "steps": steps })).send().await.is(200);
    }

    pub(crate) async fn succeed(&mut self, offer: &Value, output: Value) -> Value {
        let body = json!({
            "kind": "complete", "result": { "outcome": "succeeded", "output": output }, "steps": [], "readiness": {}
        });
        self.report(offer, &body).send().await.is(200).json()
    }

    pub(crate) async fn fail(&mut self, offer: &Value, category: &str, artifacts: Value) -> Value {
        let result = json!({
            "outcome": "failed", "category": category, "message": "no image save.png on the screen",
            "step": { "path": "steps/0", "id": "save", "action": "click" }, "artifacts": artifacts
        });
        let body = json!({ "kind": "complete", "result": result, "steps": [], "readiness": {} });
        self.report(offer, &body).send().await.is(200).json()
    }

    /// Takes the next job and ends it well.
    pub(crate) async fn work(&mut self, output: Value) -> Value {
        let offer = self.offer().await;
        self.begin(&offer).await;
        self.succeed(&offer, output).await;
        offer
    }
}

pub(crate) fn machine_client(site: &Site, certificate: &str, key: &str) -> Client {
    Client::new(&site.url(), &site.file("ca.pem"), Some(&Certificate { certificate, key }))
}

/// A report of a step that went well.
pub(crate) fn step(number: u64, path: &str, artifacts: &Value) -> Value {
    json!({
        "number": number, "path": path, "id": null, "name": null, "action": "click", "state": "succeeded",
        "started_at": "2026-12-01T06:00:00.000Z", "finished_at": "2026-12-01T06:00:01.000Z", "finds": [],
        "error": null, "artifacts": artifacts
    })
}

fn fresh() -> u128 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed).into()
}

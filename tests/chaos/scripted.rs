//! An agent that speaks the protocol over real TLS and has no desktop. It keeps to the rules, and some of what may befall an agent
//! befalls it: it declines, falls silent past its lease and then reports all the same, starts anew in the middle of a job, says
//! things twice.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::{Duration, Instant},
};

use deskfleet::ids::Incarnation;
use serde_json::{Value, json};

use crate::{
    dice::Dice,
    line::{Answer, Certificate, Line},
    records::{Hold, Records, Success, now},
};

const PAUSE: Duration = Duration::from_millis(15);
/// What an agent that fell silent adds to its TTL before it speaks again: more than the controller's margin.
const OVERSLEEP: Duration = Duration::from_millis(900);

/// In percent of jobs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Mishaps {
    pub(crate) declines: u64,
    pub(crate) silences: u64,
    pub(crate) restarts: u64,
    pub(crate) fails: u64,
    /// Of reports.
    pub(crate) repeats: u64,
}

impl Mishaps {
    pub(crate) const SOME: Self = Self { declines: 2, silences: 2, restarts: 3, fails: 2, repeats: 10 };
}

pub(crate) struct Scripted {
    name: String,
    line: Line,
    incarnation: Incarnation,
    starts: u64,
    polls: u64,
    apps_digest: Value,
    dice: Dice,
    mishaps: Mishaps,
    records: Arc<Records>,
    working: Arc<AtomicBool>,
}

/// What became of a report.
enum Told {
    Yes(Value),
    LeaseLost,
    /// The run is over.
    Never,
}

impl Scripted {
    /// Joins by a line that is up.
    pub(crate) async fn join(url: &str, ca: &str, join_token: &str, name: &str) -> (Certificate, Value) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let request = rcgen::CertificateParams::default().serialize_request(&key).expect("a request");
        let body = json!({
            "token": join_token, "name": name, "pool": null, "labels": {}, "facts": facts(name),
            "certificate_request": request.pem().expect("PEM"), "identity": format!("identity of {name}")
        });
        let answer = Line::new(url, ca, None).post("/agent/v1/join", &body).await.expect("the controller is up");
        assert_eq!(answer.status, 201, "{}", answer.body);
        let certificate = answer.body["certificate"].as_str().expect("a certificate").to_owned();
        (Certificate { certificate, key: key.serialize_pem() }, answer.body)
    }

    pub(crate) fn new(
        name: &str,
        line: Line,
        (dice, mishaps): (Dice, Mishaps),
        records: Arc<Records>,
        working: Arc<AtomicBool>,
    ) -> Self {
        Self {
            name: name.to_owned(),
            line,
            incarnation: incarnation(1),
            starts: 1,
            polls: 0,
            apps_digest: Value::Null,
            dice,
            mishaps,
            records,
            working,
        }
    }

    /// Until the run is over.
    pub(crate) async fn run(mut self) {
        while self.working.load(Relaxed) {
            let mut next = self.poll().await;
            while let Some(offer) = next {
                next = self.job(&offer).await;
            }
        }
    }

    async fn poll(&mut self) -> Option<Value> {
        self.polls += 1;
        let first = self.polls == 1;
        let body = json!({
            "incarnation": self.incarnation.to_string(), "number": self.polls, "wait_ms": 1_000,
            "facts": if first { facts(&self.name) } else { Value::Null }, "readiness": {}, "held": null,
            "apps_digest": self.apps_digest
        });
        match self.line.post("/agent/v1/poll", &body).await {
            Some(answer) if answer.is_success() => {
                if answer.body["apps"].is_object() {
                    self.apps_digest = answer.body["apps"]["digest"].clone();
                }
                Some(answer.body["offer"].clone()).filter(Value::is_object)
            }
            Some(answer) if answer.status != 503 => {
                self.records.fault(format!("{}: a poll was answered {} {}", self.name, answer.status, answer.body));
                tokio::time::sleep(PAUSE).await;
                None
            }
            _ => {
                self.records.unanswered();
                tokio::time::sleep(PAUSE).await;
                None
            }
        }
    }

    /// From the offer to the end. The answer to the end may bring the next offer.
    async fn job(&mut self, offer: &Value) -> Option<Value> {
        let ttl = Duration::from_millis(offer["ttl_ms"].as_u64().expect("a TTL"));
        if self.dice.percent(self.mishaps.declines) {
            let body = json!({ "kind": "decline", "reason": "not now", "artifacts": [] });
            return offer_in(self.report(offer, 1, &body).await);
        }
        let sent = now();
        let Told::Yes(answer) = self.report(offer, 1, &json!({ "kind": "accept" })).await else { return None };
        let mut until = sent + ttl;
        let sent = now();
        let ready = json!({ "kind": "ready", "readiness": {} });
        match self.report(offer, 2, &ready).await {
            Told::Yes(begun) if answer["revoke"] != true && begun["revoke"] != true => {}
            Told::Yes(_) => return self.stop(offer, 3).await,
            Told::LeaseLost | Told::Never => return None,
        }
        until = until.max(sent + ttl);
        if now() >= until {
            return self.lapsed(offer).await;
        }
        self.work(offer, until, ttl).await
    }

    /// The time at the desktop.
    async fn work(&mut self, offer: &Value, mut until: Instant, ttl: Duration) -> Option<Value> {
        let from = now();
        if self.dice.percent(self.mishaps.silences) {
            tokio::time::sleep_until((until + OVERSLEEP).into()).await;
            self.hold(offer, from, until);
            return self.succeed(offer, 3).await;
        }
        let done = from + if self.dice.percent(5) { self.dice.ms(200, 900) } else { self.dice.ms(0, 60) };
        let restarts = self.dice.percent(self.mishaps.restarts);
        let mut revoked = false;
        while now() < done.min(until) && !revoked {
            let renew_at = until.checked_sub(ttl * 2 / 3).unwrap_or(from);
            tokio::time::sleep_until(done.min(until).min(renew_at.max(now() + PAUSE)).into()).await;
            if now() >= renew_at && now() < until && !restarts {
                let sent = now();
                match self.attempt_report(offer, 3, &json!({ "kind": "renew" })).await {
                    Some(answer) if answer.is_success() => {
                        until = until.max(sent + Duration::from_millis(answer.body["ttl_ms"].as_u64().unwrap_or(0)));
                        revoked = answer.body["revoke"] == true;
                    }
                    Some(answer) if answer.code() == "lease_lost" => {
                        self.hold(offer, from, now().min(until));
                        return None;
                    }
                    _ => self.records.unanswered(),
                }
            }
        }
        self.hold(offer, from, now().min(until));
        if restarts {
            self.starts += 1;
            self.incarnation = incarnation(self.starts);
            self.polls = 0;
            return None;
        }
        match (now() < until, revoked) {
            (false, _) => self.lapsed(offer).await,
            (true, true) => self.stop(offer, 3).await,
            (true, false) if self.dice.percent(self.mishaps.fails) => self.fail(offer, 3, "it did not work").await,
            (true, false) => self.succeed(offer, 3).await,
        }
    }

    fn hold(&self, offer: &Value, from: Instant, to: Instant) {
        let text = |field: &str| offer[field].as_str().unwrap_or_default().to_owned();
        self.records.lock().holds.push(Hold {
            machine: self.name.clone(),
            job: text("job"),
            attempt: text("attempt"),
            epoch: offer["epoch"].as_u64().expect("an epoch"),
            from,
            to,
        });
    }

    /// The controller did not answer for a TTL: the desktop is let go, which may still be told.
    async fn lapsed(&mut self, offer: &Value) -> Option<Value> {
        self.records.lock().lapsed += 1;
        self.fail(offer, 3, "the lease lapsed").await
    }

    async fn fail(&mut self, offer: &Value, number: u64, message: &str) -> Option<Value> {
        let result = json!({
            "outcome": "failed", "category": "agent", "message": message, "step": null, "artifacts": []
        });
        let body = json!({ "kind": "complete", "result": result, "steps": [], "readiness": {} });
        offer_in(self.report(offer, number, &body).await)
    }

    async fn stop(&mut self, offer: &Value, number: u64) -> Option<Value> {
        let result = json!({ "outcome": "cancelled" });
        let body = json!({ "kind": "complete", "result": result, "steps": [], "readiness": {} });
        offer_in(self.report(offer, number, &body).await)
    }

    async fn succeed(&mut self, offer: &Value, number: u64) -> Option<Value> {
        let output = json!({ "n": offer["input"]["n"], "by": offer["attempt"] });
        let result = json!({ "outcome": "succeeded", "output": output });
        let body = json!({ "kind": "complete", "result": result, "steps": [], "readiness": {} });
        let text = |field: &str| offer[field].as_str().unwrap_or_default().to_owned();
        let success = Success { job: text("job"), attempt: text("attempt") };
        match self.report(offer, number, &body).await {
            Told::Yes(answer) => {
                self.records.lock().successes.insert(success);
                offer_in(Told::Yes(answer))
            }
            Told::LeaseLost => {
                self.records.lock().refused_successes.insert(success);
                None
            }
            Told::Never => None,
        }
    }

    /// Until it is answered; now and then once more, which must bring the same answer.
    async fn report(&mut self, offer: &Value, number: u64, body: &Value) -> Told {
        let mut again = self.dice.percent(self.mishaps.repeats);
        let mut first: Option<Value> = None;
        while self.working.load(Relaxed) {
            let Some(answer) = self.attempt_report(offer, number, body).await else {
                self.records.unanswered();
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            match (answer.status, answer.code()) {
                (503, _) => {
                    self.records.unanswered();
                    tokio::time::sleep(PAUSE).await;
                }
                // A lease may end between an answer and the same report again: only what is answered is compared.
                (409, "lease_lost") => return first.map_or(Told::LeaseLost, Told::Yes),
                (200, _) if again => {
                    again = false;
                    first = Some(answer.body);
                }
                (200, _) => {
                    if let Some(first) = first {
                        self.compare(offer, &first, &answer.body);
                    }
                    return Told::Yes(answer.body);
                }
                (status, _) => {
                    self.records.fault(format!("{}: {body} was answered {status} {}", self.name, answer.body));
                    return Told::LeaseLost;
                }
            }
        }
        Told::Never
    }

    fn compare(&self, offer: &Value, first: &Value, again: &Value) {
        self.records.lock().repeated_reports += 1;
        let same = ["number", "ttl_ms", "revoke"].iter().all(|field| first[field] == again[field]);
        if !same {
            let job = &offer["job"];
            self.records.fault(format!("{}: {job}: the answer was {first}, and {again} when repeated", self.name));
        }
    }

    async fn attempt_report(&self, offer: &Value, number: u64, body: &Value) -> Option<Answer> {
        let report = json!({
            "job": offer["job"], "attempt": offer["attempt"], "epoch": offer["epoch"],
            "incarnation": self.incarnation.to_string(), "number": number, "body": body
        });
        self.line.post("/agent/v1/report", &report).await
    }
}

fn offer_in(told: Told) -> Option<Value> {
    match told {
        Told::Yes(mut answer) => Some(answer["offer"].take()).filter(Value::is_object),
        Told::LeaseLost | Told::Never => None,
    }
}

fn incarnation(start: u64) -> Incarnation {
    use std::sync::atomic::AtomicU64;
    static NEXT: AtomicU64 = AtomicU64::new(1);
    Incarnation::new(start, NEXT.fetch_add(1, Relaxed).into())
}

fn facts(name: &str) -> Value {
    json!({
        "os": "Debian GNU/Linux 12", "os_build": "6.1", "host": name, "user": "clerk",
        "display": { "width": 1280, "height": 800, "scale": 1.0 }, "locale": "C.UTF-8", "time_zone": "UTC",
        "boot_id": "b", "agent_version": "0.1.0", "session": "active", "apps": {}
    })
}

//! A fleet under load: clients that submit and retry, agents that work, a reader of the log; and the reckoning at the end.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};
use tokio::{runtime::Runtime, task::JoinHandle};

use crate::{
    clients::{Submitter, follow},
    dice::Dice,
    fleet::Controller,
    history::{Figures, History},
    line::Line,
    records::{Records, Seen},
    scripted::{Mishaps, Scripted},
    xvfb::until_within,
};

/// Leases short enough that a lost one comes back within a run.
pub(crate) const SETTINGS: &str = r#"
[leases]
ttl = "5s"
margin = "500ms"
offer_timeout = "1s"
offline_after = "6s"
decline_cool_down = "1s"
[jobs]
max_declines = 1000
[log]
level = "warn"
"#;

/// How long a fleet may take to finish what it has once nothing disturbs it any more.
const QUIET_LIMIT: Duration = Duration::from_secs(120);

#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) clients: usize,
    pub(crate) agents: usize,
    pub(crate) mishaps: Mishaps,
    /// Bytes each job's input has beside its number.
    pub(crate) ballast: usize,
}

pub(crate) struct Load {
    runtime: Runtime,
    records: Arc<Records>,
    submitting: Arc<AtomicBool>,
    working: Arc<AtomicBool>,
    submitters: Vec<JoinHandle<()>>,
    others: Vec<JoinHandle<()>>,
    /// Straight to the controller, whatever way the others take.
    line: Line,
}

impl Load {
    /// `url`: the way of clients and agents to the controller, which need not be the straight one.
    pub(crate) fn start(controller: &Controller, url: &str, size: Size, dice: &Dice) -> Self {
        let (ca, token) = (controller.file("ca.pem"), controller.file("admin.token"));
        let mut load = Self {
            runtime: Runtime::new().expect("a runtime"),
            records: Arc::default(),
            submitting: Arc::new(AtomicBool::new(true)),
            working: Arc::new(AtomicBool::new(true)),
            submitters: Vec::new(),
            others: Vec::new(),
            line: Line::with_token(&controller.url(), &ca, &token),
        };
        controller.put("/v1/workflows/echo", &echo());
        for index in 0..size.agents {
            let (name, join_token) = (format!("scripted-{index}"), controller.file("join.token"));
            let straight = controller.url();
            let joined = Scripted::join(&straight, &ca, &join_token, &name);
            let (certificate, _) = load.runtime.block_on(joined);
            let line = Line::new(url, &ca, Some(&certificate));
            let chance = (dice.split(), size.mishaps);
            let agent = Scripted::new(&name, line, chance, Arc::clone(&load.records), Arc::clone(&load.working));
            load.others.push(load.runtime.spawn(agent.run()));
        }
        let reader = follow(Line::with_token(url, &ca, &token), Arc::clone(&load.records), Arc::clone(&load.working));
        load.others.push(load.runtime.spawn(reader));
        for index in 0..size.clients {
            let submitter = Submitter {
                name: format!("client-{index}"),
                line: Line::with_token(url, &ca, &token),
                dice: dice.split(),
                records: Arc::clone(&load.records),
                submitting: Arc::clone(&load.submitting),
                working: Arc::clone(&load.working),
                ballast: size.ballast,
            };
            load.submitters.push(load.runtime.spawn(submitter.run()));
        }
        load
    }

    pub(crate) fn acknowledged(&self) -> usize {
        self.records.lock().submissions.len()
    }

    pub(crate) fn line(&self) -> &Line {
        &self.line
    }

    pub(crate) fn block_on<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }

    /// No more submissions; waits until all that were acknowledged are settled, reads the whole history and checks it.
    pub(crate) fn finish(mut self) -> (Figures, Seen) {
        self.submitting.store(false, Relaxed);
        for submitter in self.submitters.drain(..) {
            self.runtime.block_on(submitter).expect("a client does not panic");
        }
        until_within(QUIET_LIMIT, "all jobs to be settled and all machines to be free", || {
            let fleet = self.runtime.block_on(self.line.get("/v1/fleet"))?.body;
            let open = ["scheduled", "queued", "blocked", "running", "waiting"];
            let open: u64 = open.iter().map(|state| fleet["jobs"][*state].as_u64().unwrap_or(0)).sum();
            (fleet["jobs"].is_object() && open == 0 && fleet["machines"]["busy"] == 0).then_some(())
        });
        self.working.store(false, Relaxed);
        for other in self.others.drain(..) {
            self.runtime.block_on(other).expect("an agent does not panic");
        }
        let history = self.runtime.block_on(History::read(&self.line));
        let seen = std::mem::take(&mut *self.records.lock());
        let (figures, faults) = history.check(&seen);
        let shown: Vec<&String> = faults.iter().take(20).collect();
        assert!(faults.is_empty(), "{} faults, the first: {shown:#?}", faults.len());
        assert!(figures.jobs > 0 && !seen.events.is_empty(), "there was no load: {figures:?}");
        (figures, seen)
    }
}

/// Gives back the number it was given; may be repeated as often as it takes.
fn echo() -> Value {
    json!({
        "kind": "workflow", "name": "echo", "timeout": "1m",
        "input": {
            "type": "object", "required": ["n"], "additionalProperties": false,
            "properties": { "n": { "type": "integer" }, "ballast": { "type": "string" } }
        },
        "retry": {
            "attempts": 20, "backoff": "20ms", "max_backoff": "50ms", "categories": ["machine_lost", "agent"]
        },
        "steps": [{ "set": { "n": "input.n" } }],
        "output": { "n": "{{ vars.n }}" }
    })
}

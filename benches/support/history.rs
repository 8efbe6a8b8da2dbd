//! A data directory with a long past: one real job's rows, many times over.

use std::time::Duration;

use deskfleet::{
    fleet::{Job, Write},
    ids::JobId,
    store::{EventFilter, LoggedEvent, NewEvent, Store, Transaction},
};
use serde_json::json;

use crate::{
    fleet::{Agent, Controller},
    xvfb::VirtualDesktop,
};

const JOBS_A_COMMIT: usize = 1_000;
/// As the controller's own setting.
const KEEP_EVENTS: usize = 1_000_000;

pub(crate) struct Made {
    pub(crate) database_bytes: u64,
}

/// Leaves the controller running.
pub(crate) fn make(controller: &mut Controller, finished: usize, open: usize) -> Made {
    let workflow = json!({"kind": "workflow", "name": "nothing", "steps": [{"set": {"done": "true"}}]});
    controller.put("/v1/workflows/nothing", &workflow);
    let desktop = VirtualDesktop::start();
    let agent = Agent::join(controller, &desktop, "bench-1");
    let done = controller.post("/v1/jobs?wait=30s", &json!({"workflow": "nothing"}));
    assert_eq!(done["state"], "succeeded", "{done:#}");
    drop(agent);
    let queued = controller.post("/v1/jobs", &json!({"workflow": "nothing"}));
    let id = queued["id"].as_str().expect("a job has an id");
    // Until the controller notices that the agent is gone, it may offer the job there.
    let queued = controller.job_when(id, "it waits", |job| job["state"] == "queued");
    controller.kill();
    multiply(controller, &done["id"], finished, KEEP_EVENTS);
    multiply(controller, &queued["id"], open, 0);
    let database = controller.data().join("deskfleet.redb");
    let database_bytes = std::fs::metadata(database).expect("the database is there").len();
    controller.start_again();
    Made { database_bytes }
}

fn multiply(controller: &Controller, id: &serde_json::Value, times: usize, keep_events: usize) {
    let id: JobId = id.as_str().expect("a job has an id").parse().expect("an id");
    let mut store = Store::open(&controller.data(), KEEP_EVENTS as u64).expect("the database opens");
    let reader = store.reader();
    let job = reader.job(id).expect("the database is read").expect("the job is there");
    let filter = EventFilter { about: Some(id.to_string()), ..EventFilter::default() };
    let events = reader.events(0, &filter, 100).expect("the log is read").events;
    let with_events = keep_events / events.len().max(1);
    let mut made = 0;
    while made < times {
        let count = JOBS_A_COMMIT.min(times - made);
        let mut batch = Transaction::default();
        for number in made..made + count {
            let copy = again(&job, number);
            if number + with_events >= times {
                batch.events.extend(events.iter().map(|event| told_again(event, (job.id, copy.id))));
            }
            batch.writes.push(Write::Job(Box::new(copy)));
        }
        store.commit(&batch).expect("the disk takes it");
        made += count;
    }
}

/// The same job a moment earlier, under another id.
fn again(job: &Job, number: usize) -> Job {
    let earlier = Duration::from_millis(u64::try_from(number).expect("a small number") + 1);
    let earlier_ms = u64::try_from(earlier.as_millis()).expect("a small number");
    let id = JobId::new(job.created_at.as_ms().saturating_sub(earlier_ms), job.id.raw().wrapping_mul(31));
    Job { id, ..job.clone() }
}

/// The same event about another job.
fn told_again(logged: &LoggedEvent, (from, to): (JobId, JobId)) -> NewEvent {
    let LoggedEvent { at, by, kind, data, .. } = logged;
    let text = json!({"at": at, "by": by, "kind": kind, "data": data}).to_string();
    let text = text.replace(&from.to_string(), &to.to_string());
    NewEvent { subject: to.to_string(), event: serde_json::from_str(&text).expect("an event reads back") }
}

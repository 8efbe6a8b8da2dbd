//! What one fleet costs: size of the executable, idle memory of controller and agent, time from submit to first step.
//!
//! Prints every sample it took, and a probe of the disk taken between the samples: the write path waits for it.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why")]

#[path = "../tests/support/fleet.rs"]
mod fleet;
#[path = "support/samples.rs"]
mod samples;
#[path = "../tests/support/xvfb.rs"]
mod xvfb;

use std::{
    fs,
    time::{Duration, Instant},
};

use fleet::{Agent, Controller};
use samples::{fsync_once_ms, milliseconds, print_samples, resident_kib};
use serde_json::{Value, json};
use xvfb::{VirtualDesktop, until_within};

const SAMPLES: usize = 20;
/// Enough for the agent to be done with the job before.
const REST: Duration = Duration::from_secs(1);

fn main() {
    let size = fs::metadata(fleet::executable()).expect("the executable is built").len();
    println!("executable_bytes {size}");

    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let agent = Agent::join(&controller, &desktop, "bench-1");
    println!("controller_idle_rss_kib {}", resident_kib(controller.pid()));
    println!("agent_idle_rss_kib {}", resident_kib(agent.pid()));

    let workflow = json!({"kind": "workflow", "name": "nothing", "steps": [{"set": {"done": "true"}}]});
    controller.put("/v1/workflows/nothing", &workflow);
    measure(&controller, "idle", REST);
    measure(&controller, "back_to_back", Duration::ZERO);
    println!("controller_rss_after_kib {}", resident_kib(controller.pid()));
    println!("agent_rss_after_kib {}", resident_kib(agent.pid()));
}

/// `rest` before each submit: an agent tidies up after an attempt, which a job right behind it waits for.
fn measure(controller: &Controller, name: &str, rest: Duration) {
    let probe = controller.data().join("fsync-probe");
    let mut to_first_step = Vec::new();
    let mut to_answer = Vec::new();
    let mut fsyncs = Vec::new();
    for _ in 0..SAMPLES {
        std::thread::sleep(rest);
        fsyncs.push(fsync_once_ms(&probe));
        let (first_step, answer) = run_once(controller);
        to_first_step.push(first_step);
        to_answer.push(answer);
    }
    print_samples(&format!("{name}_submit_to_first_step_ms"), &mut to_first_step);
    print_samples(&format!("{name}_curl_wait_round_trip_ms"), &mut to_answer);
    print_samples(&format!("{name}_fsync_4k_ms"), &mut fsyncs);
}

/// By the records' own times (both processes are on one computer), and by the clock beside `curl`, its start included.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn run_once(controller: &Controller) -> (f64, f64) {
    let start = Instant::now();
    let job = controller.post("/v1/jobs?wait=30s", &json!({"workflow": "nothing"}));
    let answer = milliseconds(start.elapsed());
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let id = job["id"].as_str().expect("a job has an id");
    let first = until_within(Duration::from_secs(10), "the first step's report", || {
        controller.get(&format!("/v1/jobs/{id}/steps"))["items"].get(0).cloned()
    });
    (timestamp_ms(&first["started_at"]) - timestamp_ms(&job["created_at"]), answer)
}

fn timestamp_ms(value: &Value) -> f64 {
    let time: deskfleet::time::Timestamp = value.as_str().expect("a time").parse().expect("RFC 3339");
    Duration::from_millis(time.as_ms()).as_secs_f64() * 1_000.0
}

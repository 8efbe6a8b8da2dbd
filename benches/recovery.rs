//! How long work stands still: after a machine's death, and after `kill -9` of the controller with a long history.
//!
//! Prints every sample it took, and a probe of the disk beside them. `cargo bench --bench recovery [-- FINISHED [OPEN]]`:
//! how many finished and open jobs the killed controller has; 1,000,000 and 10,000 unless given.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "a benchmark that cannot go on says why")]

#[path = "../tests/support/fleet.rs"]
mod fleet;
#[path = "support/history.rs"]
mod history;
#[path = "support/samples.rs"]
mod samples;
#[path = "../tests/support/xvfb.rs"]
mod xvfb;

use std::time::{Duration, Instant};

use fleet::{Agent, Controller};
use samples::{fsync_once_ms, milliseconds, print_samples, resident_kib};
use serde_json::{Value, json};
use xvfb::{VirtualDesktop, until_within};

const DEATHS: usize = 5;
const KILLS: usize = 7;
/// Far more than any of it should take.
const LIMIT: Duration = Duration::from_secs(120);

fn main() {
    // cargo bench adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let mut number = |default| arguments.next().map_or(default, |text| text.parse().expect("a number of jobs"));
    let (finished, open) = (number(1_000_000), number(10_000));
    machine_death();
    controller_kill(finished, open);
}

/// From SIGKILL of the agent to the acceptance of its job on another machine, by the clock of this computer.
fn machine_death() {
    let controller = Controller::start();
    let (one, other) = (VirtualDesktop::start(), VirtualDesktop::start());
    let mut agents = [Agent::join(&controller, &one, "bench-1"), Agent::join(&controller, &other, "bench-2")];
    let workflow = json!({
        "kind": "workflow", "name": "long", "steps": [{"sleep": "10m"}],
        "retry": {"attempts": 2, "backoff": "0s", "categories": ["machine_lost"]},
    });
    controller.put("/v1/workflows/long", &workflow);
    let mut samples = Vec::new();
    for _ in 0..DEATHS {
        samples.push(one_death(&controller, &mut agents));
    }
    println!("lease_ttl_ms {} lease_margin_ms {}", fleet::TTL.as_millis(), fleet::MARGIN.as_millis());
    print_samples("machine_death_to_running_elsewhere_ms", &mut samples);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn one_death(controller: &Controller, agents: &mut [Agent; 2]) -> f64 {
    let job = controller.post("/v1/jobs", &json!({"workflow": "long"}));
    let id = job["id"].as_str().expect("a job has an id").to_owned();
    let job = controller.job_when(&id, "its steps run", |job| job["phase"] == "executing");
    let victim = usize::from(job["machine"] == "bench-2");
    let start = Instant::now();
    agents[victim].kill();
    until_within(LIMIT, "the job to run elsewhere", || {
        let job = controller.get(&format!("/v1/jobs/{id}"));
        (job["attempts"].as_array().is_some_and(|attempts| attempts.len() == 2) && job["phase"] == "executing")
            .then_some(())
    });
    let elapsed = milliseconds(start.elapsed());
    controller.post(&format!("/v1/jobs/{id}/cancel"), &Value::Null);
    controller.job_when(&id, "it is cancelled", |job| job["state"] == "cancelled");
    agents[victim].start_again();
    let machine = format!("/v1/machines/bench-{}", victim + 1);
    until_within(LIMIT, "the machine to be back", || (controller.get(&machine)["status"] == "idle").then_some(()));
    elapsed
}

/// From the start of the process to its first answer, after SIGKILL in the middle of commits.
fn controller_kill(finished: usize, open: usize) {
    let mut controller = Controller::start();
    let made = history::make(&mut controller, finished, open);
    println!("finished_jobs {finished} open_jobs {open} database_bytes {}", made.database_bytes);
    let probe = controller.data().join("fsync-probe");
    let (mut answering, mut fsyncs) = (Vec::new(), Vec::new());
    for _ in 0..KILLS {
        // Something is always being written when it dies.
        for _ in 0..20 {
            controller.post("/v1/jobs", &json!({"workflow": "nothing"}));
        }
        controller.kill();
        fsyncs.push(fsync_once_ms(&probe));
        answering.push(one_start(&mut controller));
    }
    print_samples("controller_kill_to_serving_ms", &mut answering);
    print_samples("fsync_4k_ms", &mut fsyncs);
    println!("controller_rss_kib {}", resident_kib(controller.pid()));
    let fleet = controller.get("/v1/fleet");
    println!("queued_after {}", fleet["jobs"]["queued"]);
}

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn one_start(controller: &mut Controller) -> f64 {
    let start = Instant::now();
    controller.start_again();
    milliseconds(start.elapsed())
}

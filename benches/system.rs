//! What one fleet costs: size of the executable, idle memory and processor time of controller and agent, time from submit to first
//! step, what a step costs beside what it does, and a picture of the screen.
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

use deskfleet::desktop::open_display;
use fleet::{Agent, Controller};
use samples::{fsync_once_ms, milliseconds, print_samples, resident_kib};
use serde_json::{Value, json};
use xvfb::{VirtualDesktop, until_within};

const SAMPLES: usize = 20;
/// Enough for the agent to be done with the job before.
const REST: Duration = Duration::from_secs(1);
/// For processor time of those who have nothing to do.
const IDLE: Duration = Duration::from_secs(30);
/// Steps of the workflow whose steps do next to nothing.
const STEPS: usize = 100;

fn main() {
    let size = fs::metadata(fleet::executable()).expect("the executable is built").len();
    println!("executable_bytes {size}");

    let controller = Controller::start();
    let desktop = VirtualDesktop::start();
    let agent = Agent::join(&controller, &desktop, "bench-1");
    println!("controller_idle_rss_kib {}", resident_kib(controller.pid()));
    println!("agent_idle_rss_kib {}", resident_kib(agent.pid()));
    for (name, percent) in idle_percent([("controller", controller.pid()), ("agent", agent.pid())]) {
        println!("{name}_idle_cpu_percent {percent:.2}");
    }

    let workflow = json!({"kind": "workflow", "name": "nothing", "steps": [{"set": {"done": "true"}}]});
    controller.put("/v1/workflows/nothing", &workflow);
    measure(&controller, "idle", REST);
    measure(&controller, "back_to_back", Duration::ZERO);
    println!("controller_rss_after_kib {}", resident_kib(controller.pid()));
    println!("agent_rss_after_kib {}", resident_kib(agent.pid()));

    let moves: Vec<Value> = (0..STEPS).map(|at| json!({"move": {"at": [300 + at, 300]}})).collect();
    controller.put("/v1/workflows/moves", &json!({"kind": "workflow", "name": "moves", "steps": moves}));
    let mut overheads: Vec<f64> = (0..SAMPLES).map(|_| step_ms(&controller)).collect();
    print_samples("step_that_moves_the_pointer_ms", &mut overheads);
    capture();
}

/// Of one processor, since the start of the wait.
fn idle_percent<const N: usize>(processes: [(&'static str, u32); N]) -> [(&'static str, f64); N] {
    let used = || processes.map(|(_, pid)| processor_ms(pid));
    let before = used();
    std::thread::sleep(IDLE);
    let after = used();
    std::array::from_fn(|at| (processes[at].0, 100.0 * (after[at] - before[at]) / milliseconds(IDLE)))
}

/// What it has used of processors since its start.
fn processor_ms(pid: u32) -> f64 {
    // Linux counts in hundredths of a second for everybody who reads this.
    const TICK_MS: f64 = 10.0;
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name before it may hold blanks; user and system time are the 12th and 13th after it.
    let (_, after) = stat.rsplit_once(')').expect("Linux tells a name");
    let ticks = after.split_ascii_whitespace().skip(11).take(2).map(|word| word.parse::<u32>().expect("a number"));
    ticks.map(f64::from).sum::<f64>() * TICK_MS
}

/// The mean of a job's steps, from the first one's start to the last one's end: evidence, reports and the step itself.
fn step_ms(controller: &Controller) -> f64 {
    let job = controller.post("/v1/jobs?wait=30s", &json!({"workflow": "moves"}));
    assert_eq!(job["state"], "succeeded", "{job:#}");
    let id = job["id"].as_str().expect("a job has an id");
    let steps = until_within(Duration::from_secs(10), "the last step's report", || {
        let steps = controller.get(&format!("/v1/jobs/{id}/steps?limit=500"))["items"].clone();
        steps.as_array().filter(|steps| steps.len() == STEPS).cloned()
    });
    let (first, last) = (&steps[0], &steps[STEPS - 1]);
    #[expect(clippy::cast_precision_loss, reason = "a hundred")]
    let count = STEPS as f64;
    (timestamp_ms(&last["finished_at"]) - timestamp_ms(&first["started_at"])) / count
}

/// A whole screen, as the search for a picture takes it, and in gray.
#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
fn capture() {
    let desktop = VirtualDesktop::start_sized(1920, 1080);
    let mut eyes = open_display(desktop.display()).expect("the desktop is there");
    let (mut frames, mut grays) = (Vec::new(), Vec::new());
    for _ in 0..SAMPLES {
        let start = Instant::now();
        let frame = eyes.capture().expect("a picture");
        frames.push(milliseconds(start.elapsed()));
        let gray = frame.to_gray();
        grays.push(milliseconds(start.elapsed()));
        assert_eq!(gray.len(), 1920 * 1080);
    }
    print_samples("capture_1080p_ms", &mut frames);
    print_samples("capture_1080p_and_gray_ms", &mut grays);
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

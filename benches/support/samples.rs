//! What several benchmarks share: samples and their print, a probe of the disk, the memory of a process.

use std::{
    fs::{self, File},
    io::Write as _,
    path::Path,
    time::{Duration, Instant},
};

const PROBE_BYTES: usize = 4_096;

#[expect(clippy::disallowed_methods, reason = "a benchmark measures real time")]
pub(crate) fn fsync_once_ms(path: &Path) -> f64 {
    let mut file = File::create(path).expect("the probe can be written");
    file.write_all(&[7; PROBE_BYTES]).expect("the probe can be written");
    let start = Instant::now();
    file.sync_data().expect("the probe can be synced");
    milliseconds(start.elapsed())
}

pub(crate) fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1_000.0
}

pub(crate) fn resident_kib(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("the process runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("Linux tells VmRSS");
    line.trim().trim_end_matches("kB").trim().parse().expect("a number")
}

/// Sorted, with the median and the far end first.
pub(crate) fn print_samples(name: &str, samples: &mut [f64]) {
    samples.sort_by(f64::total_cmp);
    let at = |percent: usize| samples[(samples.len() - 1) * percent / 100];
    let all: Vec<String> = samples.iter().map(|sample| format!("{sample:.2}")).collect();
    println!("{name} p50 {:.2} p90 {:.2} max {:.2} of {}: {}", at(50), at(90), at(100), samples.len(), all.join(" "));
}

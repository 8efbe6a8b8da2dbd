//! `/metrics`, in the text form of Prometheus.

use std::fmt::Write as _;

use axum::{
    extract::State,
    http::header,
    response::{IntoResponse as _, Response},
};

use crate::{
    controller::{EngineStats, Kept, LATENCY_BOUNDS_US, Room, Storage},
    fleet::{OutboxCounts, Summary},
    http::{app::App, problem::ApiResult},
    time::duration_ms,
};

const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

pub(crate) async fn show(State(app): State<App>) -> ApiResult<Response> {
    let mut text = Text::default();
    text.metric("deskfleet_info", "gauge", "The version that runs.");
    text.sample("deskfleet_info", &[("version", env!("CARGO_PKG_VERSION"))], "1");
    fleet(&mut text, &app.handle().summary().await?);
    outbox(&mut text, app.handle().outbox_counts().await?);
    engine(&mut text, &app.handle().stats());
    storage(&mut text, app.handle().storage());
    kept(&mut text, app.handle().kept());
    text.metric("deskfleet_http_requests_total", "counter", "Requests answered, by method, route and status.");
    for ((method, route, status), count) in app.counters().read() {
        let labels = [("method", method.as_str()), ("route", route.as_str()), ("status", &status.to_string())];
        text.sample("deskfleet_http_requests_total", &labels, count);
    }
    Ok(([(header::CONTENT_TYPE, CONTENT_TYPE)], text.0).into_response())
}

fn fleet(text: &mut Text, summary: &Summary) {
    text.metric("deskfleet_jobs", "gauge", "Open jobs by state.");
    for (state, count) in &summary.jobs {
        text.sample("deskfleet_jobs", &[("state", state.as_str())], count);
    }
    text.metric("deskfleet_machines", "gauge", "Machines by status.");
    for (status, count) in &summary.machines {
        text.sample("deskfleet_machines", &[("status", status.as_str())], count);
    }
    text.metric("deskfleet_pool_jobs", "gauge", "Jobs queued and running, by pool.");
    for (pool, group) in &summary.pools {
        text.sample("deskfleet_pool_jobs", &[("pool", pool.as_str()), ("state", "queued")], group.queued);
        text.sample("deskfleet_pool_jobs", &[("pool", pool.as_str()), ("state", "running")], group.running);
    }
    text.metric(
        "deskfleet_oldest_queued_seconds",
        "gauge",
        "How long the oldest queued job has waited; 0 where none does.",
    );
    text.sample("deskfleet_oldest_queued_seconds", &[], seconds(summary.oldest_queued.map_or(0, duration_ms) * 1_000));
    text.metric("deskfleet_paused", "gauge", "1 while all new leases are stopped.");
    text.sample("deskfleet_paused", &[], u8::from(summary.paused));
}

fn storage(text: &mut Text, storage: Storage) {
    if let Some(free_bytes) = storage.free_bytes {
        text.metric("deskfleet_storage_free_bytes", "gauge", "Free on the disk of the data directory.");
        text.sample("deskfleet_storage_free_bytes", &[], free_bytes);
    }
    text.metric("deskfleet_storage_room", "gauge", "1 at what the disk has room for: enough, low or full.");
    for room in Room::ALL {
        text.sample("deskfleet_storage_room", &[("room", room.as_str())], u8::from(room == storage.room));
    }
    text.metric("deskfleet_storage_ballast", "gauge", "1 while there is a ballast file to give up.");
    text.sample("deskfleet_storage_ballast", &[], u8::from(storage.ballast));
}

fn outbox(text: &mut Text, counts: OutboxCounts) {
    text.metric("deskfleet_notifications_pending", "gauge", "Messages that wait to be delivered.");
    text.sample("deskfleet_notifications_pending", &[], counts.pending);
    let counters = [
        ("deskfleet_notifications_delivered_total", "Messages delivered.", counts.delivered),
        ("deskfleet_notifications_failed_total", "Attempts at a message that failed.", counts.failed),
        ("deskfleet_notifications_parked_total", "Messages given up.", counts.parked),
    ];
    for (name, help, value) in counters {
        text.metric(name, "counter", help);
        text.sample(name, &[], value);
    }
}

fn kept(text: &mut Text, kept: Kept) {
    let name = "deskfleet_retention_removed_total";
    text.metric(name, "counter", "What was past its time and is gone, by kind.");
    let pruned = kept.pruned;
    let kinds = [
        ("job", pruned.jobs),
        ("batch", pruned.batches),
        ("artifact", pruned.artifacts),
        ("key", pruned.keys),
        ("event", pruned.events),
        ("blob", kept.blobs),
    ];
    for (kind, count) in kinds {
        text.sample(name, &[("kind", kind)], count);
    }
    let counters = [
        ("deskfleet_retention_blob_bytes_total", "Content removed, in bytes.", kept.blob_bytes),
        ("deskfleet_retention_failures_total", "Rounds of removing that ended early.", kept.failures),
    ];
    for (name, help, value) in counters {
        text.metric(name, "counter", help);
        text.sample(name, &[], value);
    }
    text.metric("deskfleet_blob_bytes", "gauge", "All content together, as of the last round of removing.");
    text.sample("deskfleet_blob_bytes", &[], kept.stored_bytes);
}

fn engine(text: &mut Text, stats: &EngineStats) {
    let counters = [
        ("deskfleet_engine_commands_total", "Commands and looks answered, refusals included.", stats.commands),
        ("deskfleet_engine_refusals_total", "Commands refused.", stats.refusals),
        ("deskfleet_engine_overloaded_total", "Commands turned away because the queue was full.", stats.overloaded),
        ("deskfleet_engine_batches_total", "Rounds of the engine.", stats.batches),
        ("deskfleet_engine_storage_full_total", "Rounds dropped because the disk was full.", stats.storage_full),
        ("deskfleet_events_total", "Number of the newest committed event.", stats.newest_event),
    ];
    for (name, help, value) in counters {
        text.metric(name, "counter", help);
        text.sample(name, &[], value);
    }
    let gauges = [
        ("deskfleet_engine_queue_depth", "Commands waiting for the engine.", stats.queue_depth),
        ("deskfleet_engine_queue_capacity", "Commands that may wait.", stats.queue_capacity),
        ("deskfleet_parked_polls", "Polls of agents held back.", stats.parked_polls),
        ("deskfleet_waiting_requests", "Requests that wait for a job, a batch, steps or a picture.", stats.waiters),
    ];
    for (name, help, value) in gauges {
        text.metric(name, "gauge", help);
        text.sample(name, &[], value);
    }
    let name = "deskfleet_commit_duration_seconds";
    text.metric(name, "histogram", "From the first write of a transaction to its durability.");
    let bucket = format!("{name}_bucket");
    let mut so_far = 0;
    for (bound_us, count) in LATENCY_BOUNDS_US.iter().zip(stats.commit_latency.buckets) {
        so_far += count;
        text.sample(&bucket, &[("le", &seconds(*bound_us))], so_far);
    }
    text.sample(&bucket, &[("le", "+Inf")], stats.commit_latency.count);
    text.sample(&format!("{name}_sum"), &[], seconds(stats.commit_latency.sum_us));
    text.sample(&format!("{name}_count"), &[], stats.commit_latency.count);
}

/// From microseconds, without the rounding of floats.
fn seconds(us: u64) -> String {
    let text = format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[derive(Default)]
struct Text(String);

impl Text {
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string can't fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        let labels: Vec<String> = labels.iter().map(|(key, text)| format!("{key}=\"{}\"", escaped(text))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }
}

fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_labels_are_as_prometheus_reads_them() {
        assert_eq!([0, 100, 1_000_000, 2_500_000].map(seconds), ["0", "0.0001", "1", "2.5"]);
        let mut text = Text::default();
        text.metric("m", "gauge", "Help.");
        text.sample("m", &[("pool", "a\"b\\")], 3);
        assert_eq!(text.0, "# HELP m Help.\n# TYPE m gauge\nm{pool=\"a\\\"b\\\\\"} 3\n");
    }
}

//! The controller's settings.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    HttpsUrl, LogFormat,
    reader::Reader,
    value::{
        address, boolean, bytes_between, count_between, duration_between, https_url, list, log_filter, log_format, path,
    },
};

const SECOND_MS: u64 = 1_000;
const MINUTE_MS: u64 = 60 * SECOND_MS;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControllerSettings {
    pub data_dir: PathBuf,
    pub listen: SocketAddr,
    /// How others reach the controller; the listening address and the host's name unless set.
    pub public_url: Option<HttpsUrl>,
    /// Further names and addresses for the own certificate.
    pub server_names: Vec<String>,
    /// The operator's certificate, served instead of the own one.
    pub tls: Option<TlsFiles>,
    pub leases: LeaseSettings,
    pub limits: LimitSettings,
    pub jobs: JobSettings,
    pub retention: RetentionSettings,
    pub disk: DiskSettings,
    pub notifications: NotificationSettings,
    /// `/metrics` answers without a token.
    pub metrics_open: bool,
    pub log: LogSettings,
}

/// PEM files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseSettings {
    pub ttl: Duration,
    pub margin: Duration,
    pub offer_timeout: Duration,
    pub offline_after: Duration,
    /// After it renewals no longer lengthen a revoked lease.
    pub stop_grace: Duration,
    pub decline_cool_down: Duration,
    /// From accepting an offer until the apps are ready.
    pub prepare_limit: Duration,
    /// What an attempt gets beyond its limit before the controller stops it.
    pub timeout_grace: Duration,
    /// What a step gets beyond its own time before its attempt counts as stuck.
    pub stuck_grace: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LimitSettings {
    pub body_bytes: u64,
    pub batch_bytes: u64,
    pub blob_bytes: u64,
    pub batch_items: usize,
    /// Open jobs.
    pub queue: usize,
    /// Commands waiting for the writer thread.
    pub command_queue: usize,
    pub wait_max: Duration,
    /// Requests that wait for something at once.
    pub waiting: usize,
    /// Streams of events at once.
    pub streams: usize,
    pub machines: usize,
    pub documents: usize,
    pub tokens: usize,
    pub artifacts_per_attempt: u32,
    /// Of the variables kept with a commit.
    pub vars_bytes: u64,
    /// Items of all keyed loops of a job.
    pub loop_items: u32,
    /// Of the result of one item.
    pub result_bytes: u64,
    /// Of all keys and results of a job.
    pub results_bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// Waiting through so many placements is worth one level of priority.
    pub ageing_placements: u64,
    pub max_declines: u32,
    pub unique_for: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetentionSettings {
    /// From when the job settled.
    pub idempotency: Duration,
    pub events: u64,
    pub events_age: Duration,
    /// From when the job ended.
    pub jobs_age: Duration,
    pub jobs: u64,
    pub artifacts_age: Duration,
    /// Of all blobs together.
    pub artifacts_bytes: u64,
    /// What a blob may wait for the row that names it.
    pub blob_grace: Duration,
    /// Between two passes.
    pub interval: Duration,
}

/// Free space on the file system of the data directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiskSettings {
    /// Below it new requests are refused and running work is finished.
    pub low_bytes: u64,
    /// Below it nothing is written.
    pub floor_bytes: u64,
    pub ballast_bytes: u64,
}

/// Of webhooks on their way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotificationSettings {
    /// Loopback and link-local addresses too.
    pub allow_local: bool,
    /// `http://` too.
    pub allow_http: bool,
    /// PEM; trusted beside the system's.
    pub ca: Option<PathBuf>,
    pub concurrency: usize,
    pub timeout: Duration,
    pub first_retry: Duration,
    pub longest_retry: Duration,
    pub give_up: Duration,
    /// Messages of one receiver.
    pub pending: usize,
    pub body_bytes: usize,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogSettings {
    /// A filter of `tracing`, known to parse.
    pub level: String,
    pub format: LogFormat,
    /// Instead of stderr.
    pub file: Option<PathBuf>,
}

impl ControllerSettings {
    pub(super) fn read(reader: &mut Reader<'_>, default_data_dir: &Path) -> Self {
        Self {
            data_dir: reader.take_optional("controller.data_dir", path).unwrap_or_else(|| default_data_dir.to_owned()),
            listen: reader.take("controller.listen", address),
            public_url: reader.take_optional("controller.public_url", https_url),
            server_names: reader.take("controller.server_names", list),
            tls: TlsFiles::read(reader),
            leases: LeaseSettings::read(reader),
            limits: LimitSettings::read(reader),
            jobs: JobSettings::read(reader),
            retention: RetentionSettings::read(reader),
            disk: DiskSettings::read(reader),
            notifications: NotificationSettings::read(reader),
            metrics_open: reader.take("metrics.open", boolean),
            log: LogSettings::read(reader),
        }
    }
}

impl TlsFiles {
    fn read(reader: &mut Reader<'_>) -> Option<Self> {
        let certificate = reader.take_optional("tls.certificate", path);
        let key = reader.take_optional("tls.key", path);
        match (certificate, key) {
            (Some(certificate), Some(key)) => Some(Self { certificate, key }),
            (None, None) => None,
            (Some(_), None) => {
                reader.refuse(&["tls.certificate"], "tls.certificate stands alone; set tls.key to its private key");
                None
            }
            (None, Some(_)) => {
                reader.refuse(&["tls.key"], "tls.key stands alone; set tls.certificate to its certificate chain");
                None
            }
        }
    }
}

impl LeaseSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        let leases = Self {
            ttl: reader.take("leases.ttl", duration_between(5 * SECOND_MS, 10 * MINUTE_MS)),
            margin: reader.take("leases.margin", duration_between(SECOND_MS / 2, MINUTE_MS)),
            offer_timeout: reader.take("leases.offer_timeout", duration_between(SECOND_MS, MINUTE_MS)),
            offline_after: reader.take("leases.offline_after", duration_between(5 * SECOND_MS, HOUR_MS)),
            stop_grace: reader.take("leases.stop_grace", duration_between(SECOND_MS, HOUR_MS)),
            decline_cool_down: reader.take("leases.decline_cool_down", duration_between(SECOND_MS, HOUR_MS)),
            prepare_limit: reader.take("leases.prepare_limit", duration_between(MINUTE_MS, DAY_MS)),
            timeout_grace: reader.take("leases.timeout_grace", duration_between(SECOND_MS, HOUR_MS)),
            stuck_grace: reader.take("leases.stuck_grace", duration_between(10 * SECOND_MS, DAY_MS)),
        };
        // A machine must not count as gone while its lease may still be live.
        if leases.offline_after < leases.ttl + leases.margin {
            let message = "leases.offline_after is shorter than leases.ttl and leases.margin together; make it longer";
            reader.refuse(&["leases.offline_after", "leases.ttl", "leases.margin"], message);
        }
        leases
    }
}

impl LimitSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            body_bytes: reader.take("limits.body_bytes", bytes_between("64KiB", "64MiB")),
            batch_bytes: reader.take("limits.batch_bytes", bytes_between("64KiB", "1GiB")),
            blob_bytes: reader.take("limits.blob_bytes", bytes_between("1MiB", "4GiB")),
            batch_items: reader.take("limits.batch_items", count_between(1, 10_000)),
            queue: reader.take("limits.queue", count_between(1, 10_000_000)),
            command_queue: reader.take("limits.command_queue", count_between(16, 65_536)),
            wait_max: reader.take("limits.wait_max", duration_between(SECOND_MS, MINUTE_MS)),
            waiting: reader.take("limits.waiting", count_between(1, 100_000)),
            streams: reader.take("limits.streams", count_between(1, 100_000)),
            machines: reader.take("limits.machines", count_between(1, 100_000)),
            documents: reader.take("limits.documents", count_between(1, 1_000_000)),
            tokens: reader.take("limits.tokens", count_between(2, 1_000_000)),
            artifacts_per_attempt: reader.take("limits.artifacts_per_attempt", count_between(1, 100_000)),
            vars_bytes: reader.take("limits.vars_bytes", bytes_between("1KiB", "2MiB")),
            loop_items: reader.take("limits.loop_items", count_between(1, 10_000)),
            result_bytes: reader.take("limits.result_bytes", bytes_between("1KiB", "1MiB")),
            results_bytes: reader.take("limits.results_bytes", bytes_between("64KiB", "16MiB")),
        }
    }
}

impl JobSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            ageing_placements: reader.take("jobs.ageing_placements", count_between(1, 100_000)),
            max_declines: reader.take("jobs.max_declines", count_between(1, 1_000)),
            unique_for: reader.take("jobs.unique_for", duration_between(0, 3_650 * DAY_MS)),
        }
    }
}

impl RetentionSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            idempotency: reader.take("retention.idempotency", duration_between(MINUTE_MS, 30 * DAY_MS)),
            events: reader.take("retention.events", count_between(1_000, 100_000_000)),
            events_age: reader.take("retention.events_age", duration_between(HOUR_MS, 3_650 * DAY_MS)),
            jobs_age: reader.take("retention.jobs_age", duration_between(HOUR_MS, 3_650 * DAY_MS)),
            jobs: reader.take("retention.jobs", count_between(1_000, 100_000_000)),
            artifacts_age: reader.take("retention.artifacts_age", duration_between(HOUR_MS, 3_650 * DAY_MS)),
            artifacts_bytes: reader.take("retention.artifacts_bytes", bytes_between("1MiB", "1024TiB")),
            blob_grace: reader.take("retention.blob_grace", duration_between(HOUR_MS, 30 * DAY_MS)),
            interval: reader.take("retention.interval", duration_between(SECOND_MS, DAY_MS)),
        }
    }
}

impl DiskSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        let disk = Self {
            low_bytes: reader.take("disk.low_bytes", bytes_between("64KiB", "64TiB")),
            floor_bytes: reader.take("disk.floor_bytes", bytes_between("64KiB", "64TiB")),
            ballast_bytes: reader.take("disk.ballast_bytes", bytes_between("0", "64GiB")),
        };
        if disk.floor_bytes > disk.low_bytes {
            let message = "disk.floor_bytes is above disk.low_bytes; make it smaller: the floor comes last";
            reader.refuse(&["disk.floor_bytes", "disk.low_bytes"], message);
        }
        disk
    }
}

impl NotificationSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        let body_bytes = reader.take("notifications.body_bytes", bytes_between("16KiB", "4MiB"));
        Self {
            allow_local: reader.take("notifications.allow_local", boolean),
            allow_http: reader.take("notifications.allow_http", boolean),
            ca: reader.take_optional("notifications.ca", path),
            concurrency: reader.take("notifications.concurrency", count_between(1, 1_000)),
            timeout: reader.take("notifications.timeout", duration_between(SECOND_MS, 5 * MINUTE_MS)),
            first_retry: reader.take("notifications.first_retry", duration_between(SECOND_MS / 10, HOUR_MS)),
            longest_retry: reader.take("notifications.longest_retry", duration_between(SECOND_MS, DAY_MS)),
            give_up: reader.take("notifications.give_up", duration_between(SECOND_MS, 30 * DAY_MS)),
            pending: reader.take("notifications.pending", count_between(100, 1_000_000)),
            body_bytes: usize::try_from(body_bytes).unwrap_or(usize::MAX),
        }
    }
}

impl LogSettings {
    fn read(reader: &mut Reader<'_>) -> Self {
        Self {
            level: reader.take("log.level", log_filter),
            format: reader.take("log.format", log_format),
            file: reader.take_optional("log.file", path),
        }
    }
}

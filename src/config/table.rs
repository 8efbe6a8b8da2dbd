//! The table of settings: key, default and help. Flags and variables follow from the key.

/// Whose command line has the flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Controller,
    Agent,
    Both,
}

#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// `section.key` of the file.
    pub key: &'static str,
    pub side: Side,
    /// As it would be written in a variable; `None` where there is none and the setting is optional.
    pub default: Option<&'static str>,
    /// May be given several times on the command line.
    pub repeated: bool,
    /// Shown as the flag's value in `--help`.
    pub value_name: &'static str,
    pub help: &'static str,
}

impl Setting {
    pub fn section(&self) -> &'static str {
        self.split().0
    }

    pub fn name(&self) -> &'static str {
        self.split().1
    }

    /// Without the dashes: `listen`, `leases-ttl`, `label`.
    pub fn flag(&self) -> String {
        match self.key {
            "agent.labels" => "label".to_owned(),
            "controller.server_names" => "server-name".to_owned(),
            _ => self.short_key('-').replace('_', "-"),
        }
    }

    /// `DESKFLEET_LISTEN`, `DESKFLEET_LEASES_TTL`.
    pub fn variable(&self) -> String {
        format!("DESKFLEET_{}", self.short_key('_').to_uppercase())
    }

    /// The sections `controller` and `agent` are left out of flags and variables: a process is one or the other.
    fn short_key(&self, joint: char) -> String {
        match self.split() {
            ("controller" | "agent", name) => name.to_owned(),
            (section, name) => format!("{section}{joint}{name}"),
        }
    }

    fn split(&self) -> (&'static str, &'static str) {
        self.key.split_once('.').unwrap_or(("", self.key))
    }
}

/// `DESKFLEET_*` variables that are no settings of this module: the command line and the client read them.
pub const CLIENT_VARIABLES: &[&str] =
    &["DESKFLEET_CONFIG", "DESKFLEET_URL", "DESKFLEET_TOKEN", "DESKFLEET_TOKEN_FILE", "DESKFLEET_CA"];

const fn row(
    side: Side,
    key: &'static str,
    default: Option<&'static str>,
    value_name: &'static str,
    help: &'static str,
) -> Setting {
    Setting { key, side, default, repeated: false, value_name, help }
}

const fn repeated(setting: Setting) -> Setting {
    Setting { repeated: true, ..setting }
}

use Side::{Agent, Both, Controller};

pub const SETTINGS: &[Setting] = &[
    row(Controller, "controller.data_dir", None, "DIR", "Where the controller keeps its database, keys and artifacts"),
    row(Controller, "controller.listen", Some("0.0.0.0:8443"), "ADDR", "Address and port of the HTTPS server"),
    row(Controller, "controller.public_url", None, "URL", "How machines and people reach the controller"),
    repeated(row(
        Controller,
        "controller.server_names",
        Some(""),
        "NAME",
        "Further names or addresses for the controller's own certificate",
    )),
    row(Controller, "tls.certificate", None, "FILE", "Certificate chain (PEM) to serve instead of the own one"),
    row(Controller, "tls.key", None, "FILE", "Private key (PEM) of that certificate"),
    row(Controller, "leases.ttl", Some("30s"), "TIME", "How long a machine may go on without a renewal"),
    row(Controller, "leases.margin", Some("2s"), "TIME", "What the controller waits beyond the TTL"),
    row(Controller, "leases.offer_timeout", Some("5s"), "TIME", "How long an offer waits to be accepted"),
    row(Controller, "leases.offline_after", Some("45s"), "TIME", "Silence after which a machine counts as offline"),
    row(
        Controller,
        "leases.prepare_limit",
        Some("15m"),
        "TIME",
        "How long a machine may take from accepting a job until its apps are ready",
    ),
    row(
        Controller,
        "leases.timeout_grace",
        Some("30s"),
        "TIME",
        "What an attempt gets beyond its limit before the controller stops it",
    ),
    row(
        Controller,
        "leases.stuck_grace",
        Some("2m"),
        "TIME",
        "What a step gets beyond its own time before its attempt counts as stuck",
    ),
    row(Controller, "leases.stop_grace", Some("60s"), "TIME", "How long a cancelled job may take to stop its machine"),
    row(Controller, "leases.decline_cool_down", Some("60s"), "TIME", "How long a declined job stays off that machine"),
    row(Controller, "limits.body_bytes", Some("4MiB"), "SIZE", "Largest request body, batches and blobs excepted"),
    row(Controller, "limits.batch_bytes", Some("64MiB"), "SIZE", "Largest body of a batch"),
    row(Controller, "limits.blob_bytes", Some("256MiB"), "SIZE", "Largest image, file or artifact"),
    row(Controller, "limits.batch_items", Some("10000"), "COUNT", "Most jobs in one batch"),
    row(Controller, "limits.queue", Some("100000"), "COUNT", "Most open jobs"),
    row(Controller, "limits.command_queue", Some("4096"), "COUNT", "Commands waiting for the writer before 503"),
    row(Controller, "limits.wait_max", Some("60s"), "TIME", "Longest `?wait=` of a request"),
    row(Controller, "limits.waiting", Some("10000"), "COUNT", "Most requests held back by `?wait=` at once"),
    row(Controller, "limits.streams", Some("1000"), "COUNT", "Most event streams at once"),
    row(Controller, "limits.machines", Some("10000"), "COUNT", "Most machines"),
    row(Controller, "limits.documents", Some("10000"), "COUNT", "Most documents of all kinds, versions not counted"),
    row(Controller, "limits.tokens", Some("10000"), "COUNT", "Most API and join tokens"),
    row(Controller, "limits.artifacts_per_attempt", Some("2000"), "COUNT", "Most pictures and files of one attempt"),
    row(Controller, "limits.vars_bytes", Some("256KiB"), "SIZE", "Largest variables kept with a commit"),
    row(Controller, "limits.loop_items", Some("10000"), "COUNT", "Most items of a job's keyed loops"),
    row(Controller, "limits.result_bytes", Some("16KiB"), "SIZE", "Largest result kept for an item of a keyed loop"),
    row(Controller, "limits.results_bytes", Some("4MiB"), "SIZE", "Most results kept for a job's keyed loops in all"),
    row(Controller, "jobs.ageing_placements", Some("10"), "COUNT", "Placements that are worth one level of priority"),
    row(Controller, "jobs.max_declines", Some("5"), "COUNT", "Declines after which a job is blocked"),
    row(Controller, "jobs.unique_for", Some("365d"), "TIME", "How long a job's key stays taken after it succeeded"),
    row(Controller, "retention.idempotency", Some("24h"), "TIME", "How long a settled job's Idempotency-Key is known"),
    row(Controller, "retention.events", Some("1000000"), "COUNT", "Events kept; the oldest go first"),
    row(Controller, "retention.events_age", Some("90d"), "TIME", "How long events are kept"),
    row(
        Controller,
        "retention.jobs_age",
        Some("90d"),
        "TIME",
        "How long jobs are kept after their end, with their steps",
    ),
    row(Controller, "retention.jobs", Some("2000000"), "COUNT", "Jobs kept; those that ended first go first"),
    row(Controller, "retention.artifacts_age", Some("30d"), "TIME", "How long pictures and files of jobs are kept"),
    row(
        Controller,
        "retention.artifacts_bytes",
        Some("20GiB"),
        "SIZE",
        "Most content kept; the oldest jobs' goes first",
    ),
    row(Controller, "retention.blob_grace", Some("24h"), "TIME", "How long content waits for what names it"),
    row(Controller, "retention.interval", Some("10m"), "TIME", "How often it is looked what is past its time"),
    row(Controller, "disk.low_bytes", Some("256MiB"), "SIZE", "Free space below which only running work is finished"),
    row(Controller, "disk.floor_bytes", Some("64MiB"), "SIZE", "Free space below which nothing is written"),
    row(Controller, "disk.ballast_bytes", Some("64MiB"), "SIZE", "A file given up when the disk is full; 0 for none"),
    row(Controller, "notifications.allow_local", Some("false"), "BOOL", "Let webhooks reach loopback and link-local"),
    row(Controller, "notifications.allow_http", Some("false"), "BOOL", "Let webhooks go without TLS"),
    row(Controller, "notifications.ca", None, "FILE", "Further CA certificates (PEM) that receivers may have"),
    row(Controller, "notifications.concurrency", Some("32"), "COUNT", "Receivers that are sent to at the same time"),
    row(Controller, "notifications.timeout", Some("15s"), "TIME", "How long a receiver may take to answer"),
    row(Controller, "notifications.first_retry", Some("5s"), "TIME", "Wait after a first failure; doubled with each"),
    row(Controller, "notifications.longest_retry", Some("1h"), "TIME", "Longest wait between two attempts"),
    row(Controller, "notifications.give_up", Some("3d"), "TIME", "How long a message is tried before it is parked"),
    row(Controller, "notifications.pending", Some("10000"), "COUNT", "Messages that may wait for one receiver"),
    row(Controller, "notifications.body_bytes", Some("256KiB"), "SIZE", "Largest message; a larger job is left out"),
    row(Controller, "metrics.open", Some("false"), "BOOL", "Serve /metrics without a token"),
    row(Both, "log.level", Some("info"), "FILTER", "error, warn, info, debug, trace, or a filter by module"),
    row(Both, "log.format", Some("text"), "FORMAT", "text or json"),
    row(Both, "log.file", None, "FILE", "Log there and not to stderr; a file a day, the last 14 are kept"),
    row(Agent, "agent.controller", None, "URL", "The controller; remembered after the first join"),
    row(Agent, "agent.name", None, "NAME", "Name of the machine, {host} unless given; {user} is whose session it is"),
    row(Agent, "agent.pool", None, "POOL", "Pool to join; the join token's unless given"),
    repeated(row(Agent, "agent.labels", Some(""), "K=V", "Labels of the machine, for selectors")),
    row(Agent, "agent.data_dir", None, "DIR", "Where the agent keeps its identity and its spool"),
    row(Agent, "agent.join_token_file", None, "FILE", "File with the join token, read once"),
    row(Agent, "agent.spool_bytes", Some("512MiB"), "SIZE", "Reports and pictures kept while the controller is away"),
    row(
        Agent,
        "agent.hang_limit",
        Some("2m"),
        "TIME",
        "How long the work on the desktop may give no sign of life until it is given up",
    ),
    row(Agent, "agent.probe_interval", Some("5s"), "TIME", "How often an idle machine looks at its desktop"),
    row(
        Agent,
        "agent.recording",
        Some("false"),
        "BOOL",
        "Record the screen once a second; kept where an attempt fails",
    ),
    row(Agent, "agent.proxy", None, "URL", "HTTP proxy to the controller; the environment's unless given"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn flags_and_variables_follow_from_keys() {
        let of = |key: &str| SETTINGS.iter().find(|setting| setting.key == key).unwrap();
        assert_eq!(of("controller.data_dir").flag(), "data-dir");
        assert_eq!(of("leases.offer_timeout").flag(), "leases-offer-timeout");
        assert_eq!(of("agent.labels").flag(), "label");
        assert_eq!(of("agent.data_dir").variable(), "DESKFLEET_DATA_DIR");
        assert_eq!(of("leases.ttl").variable(), "DESKFLEET_LEASES_TTL");
    }

    #[test]
    fn no_flag_means_two_things_on_one_side() {
        for side in [Controller, Agent] {
            let flags: Vec<String> =
                SETTINGS.iter().filter(|s| s.side == side || s.side == Both).map(Setting::flag).collect();
            assert_eq!(flags.iter().collect::<BTreeSet<_>>().len(), flags.len(), "{flags:?}");
        }
    }
}

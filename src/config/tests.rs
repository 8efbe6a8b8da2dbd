//! The settings as people meet them: layers, faults with their places, and the example file.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use super::{ConfigError, FileText, SETTINGS, Settings, layers::Layers};

const EXAMPLE: &str = include_str!("../../config.example.toml");

fn layers() -> Layers {
    Layers { default_data_dir: PathBuf::from("data"), ..Layers::default() }
}

fn with_file(text: &str) -> Layers {
    Layers { file: Some(FileText { path: PathBuf::from("config.toml"), text: text.to_owned() }), ..layers() }
}

fn faults(layers: &Layers) -> Vec<String> {
    match Settings::load(layers) {
        Err(ConfigError::Faults(faults)) => faults.iter().map(ToString::to_string).collect(),
        other => panic!("expected faults, got {other:?}"),
    }
}

/// The example with its commented settings made live.
fn example_with_optional_settings() -> String {
    let is_setting = |line: &str| {
        line.strip_prefix("# ")
            .and_then(|rest| rest.split_once(" = "))
            .is_some_and(|(key, _)| SETTINGS.iter().any(|setting| setting.name() == key))
    };
    let live = |line: &str| if is_setting(line) { line[2..].to_owned() } else { line.to_owned() };
    EXAMPLE.lines().map(live).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_example_parses_to_exactly_the_defaults() {
    assert_eq!(Settings::load(&with_file(EXAMPLE)).unwrap(), Settings::load(&layers()).unwrap());
}

#[test]
fn the_example_names_every_setting() {
    let text = example_with_optional_settings();
    let flattened = super::file::flatten(&FileText { path: PathBuf::new(), text: text.clone() });
    let named: Vec<&str> = flattened.values.keys().copied().collect();
    for setting in SETTINGS {
        assert!(named.contains(&setting.key), "config.example.toml does not name {}", setting.key);
    }
    let settings = Settings::load(&with_file(&text)).unwrap();
    assert_eq!(settings.agent.name.as_deref(), Some("vm-07"));
    assert_eq!(settings.controller.tls.unwrap().key, PathBuf::from("/etc/deskfleet/server.key"));
}

#[test]
fn a_flag_wins_over_a_variable_and_a_variable_over_the_file() {
    let mut layers = with_file("[leases]\nttl = \"20s\"\nmargin = \"1s\"\noffer_timeout = \"3s\"");
    layers.env.insert("DESKFLEET_LEASES_TTL".to_owned(), "25s".to_owned());
    layers.env.insert("DESKFLEET_LEASES_MARGIN".to_owned(), "4s".to_owned());
    layers.flags.insert("leases.ttl".to_owned(), vec!["28s".to_owned()]);
    let leases = Settings::load(&layers).unwrap().controller.leases;
    assert_eq!(leases.ttl, Duration::from_secs(28));
    assert_eq!(leases.margin, Duration::from_secs(4));
    assert_eq!(leases.offer_timeout, Duration::from_secs(3));
    assert_eq!(leases.offline_after, Duration::from_secs(45));
}

#[test]
fn lists_and_labels_can_be_given_in_every_layer() {
    let north = BTreeMap::from([("rack".to_owned(), "2".to_owned()), ("site".to_owned(), "north".to_owned())]);
    let mut by_flag = layers();
    by_flag.flags.insert("agent.labels".to_owned(), vec!["site=north".to_owned(), "rack=2".to_owned()]);
    assert_eq!(Settings::load(&by_flag).unwrap().agent.labels, north);
    let mut by_variable = layers();
    by_variable.env.insert("DESKFLEET_LABELS".to_owned(), "site=north, rack=2".to_owned());
    assert_eq!(Settings::load(&by_variable).unwrap().agent.labels, north);
    let by_file = with_file("[agent]\nlabels = { site = \"north\", rack = \"2\" }");
    assert_eq!(Settings::load(&by_file).unwrap().agent.labels, north);
}

#[test]
fn all_faults_are_told_at_once_with_their_lines() {
    let text = "listen = \"0.0.0.0:1\"\n\
                [controler]\n\
                [controller]\n\
                listn = \"0.0.0.0:1\"\n\
                ttl = \"30s\"\n\
                server_names = \"one\"\n\
                [leases]\n\
                ttl = 30\n\
                [limits]\n\
                batch_items = 20000\n\
                [metrics]\n\
                colour = 1\n";
    let faults = faults(&with_file(text));
    let expected = [
        "config.toml:1: `listen` stands outside a section; it belongs to [controller]",
        "config.toml:2: there is no section [controler]; did you mean [controller]?",
        "config.toml:4: [controller] has no setting `listn`; did you mean `listen`?",
        "config.toml:5: `ttl` belongs to [leases], not to [controller]",
        "config.toml:6: controller.server_names: \"one\" does not fit; write a list of texts, such as [\"fleet.example.org\"]",
        "config.toml:8: leases.ttl: 30 does not fit; write a time from 5s to 10m in quotes",
        "config.toml:10: limits.batch_items: 20000 does not fit; write a whole number from 1 to 10000",
        "config.toml:12: [metrics] has no setting `colour`; it has open",
    ];
    assert_eq!(faults, expected);
}

#[test]
fn what_is_not_toml_is_told_with_its_line_and_the_rest_is_still_checked() {
    let faults = faults(&with_file("[leases]\nttl = \nmargn = \"1s\"\n"));
    assert!(faults.iter().any(|fault| fault.starts_with("config.toml:2: this is not TOML")), "{faults:?}");
    assert!(faults.iter().any(|fault| fault.contains("did you mean `margin`?")), "{faults:?}");
}

#[test]
fn a_misspelt_variable_is_refused_and_a_foreign_one_is_let_be() {
    let mut layers = layers();
    layers.env.insert("DESKFLEET_LEASE_TTL".to_owned(), "9s".to_owned());
    layers.env.insert("DESKFLEET_PORT_8443_TCP_ADDR".to_owned(), "10.0.0.1".to_owned());
    layers.env.insert("DESKFLEET_TOKEN".to_owned(), "dft_x".to_owned());
    assert_eq!(faults(&layers), ["DESKFLEET_LEASE_TTL: there is no such variable; did you mean DESKFLEET_LEASES_TTL?"]);
}

#[test]
fn faults_of_flags_and_variables_name_them() {
    let mut layers = layers();
    layers.flags.insert("controller.listen".to_owned(), vec!["8443".to_owned()]);
    layers.env.insert("DESKFLEET_LOG_LEVEL".to_owned(), "loud".to_owned());
    let faults = faults(&layers);
    assert!(faults[0].starts_with("--listen: controller.listen: \"8443\" does not fit"), "{faults:?}");
    assert!(faults[1].starts_with("DESKFLEET_LOG_LEVEL: log.level: \"loud\" does not fit"), "{faults:?}");
}

#[test]
fn settings_that_contradict_each_other_are_refused() {
    let alone = faults(&with_file("[tls]\ncertificate = \"a.pem\""));
    assert_eq!(alone, ["config.toml:2: tls.certificate stands alone; set tls.key to its private key"]);
    let short = faults(&with_file("[leases]\noffline_after = \"10s\""));
    assert!(short[0].starts_with("config.toml:2: leases.offline_after is shorter"), "{short:?}");
    let long = faults(&with_file("[leases]\nttl = \"2m\""));
    assert!(long[0].starts_with("config.toml:2: leases.offline_after is shorter"), "{long:?}");
}

#[test]
fn a_password_in_a_proxy_is_never_printed() {
    let text = "[agent]\nproxy = \"http://user:hunter2@proxy.example.org:3128\"";
    let settings = Settings::load(&with_file(text)).unwrap();
    assert!(!format!("{settings:?}").contains("hunter2"));
    let wrong = faults(&with_file("[agent]\nproxy = \"htp://user:hunter2@proxy\""));
    assert!(!wrong[0].contains("hunter2"), "{wrong:?}");
}

#[test]
fn sizes_are_plain_bytes_or_carry_a_unit() {
    let of = |text: &str| Settings::load(&with_file(text)).unwrap().controller.limits.body_bytes;
    assert_eq!(of("[limits]\nbody_bytes = \"2 MiB\""), 2 << 20);
    assert_eq!(of("[limits]\nbody_bytes = 1_000_000"), 1_000_000);
    assert!(faults(&with_file("[limits]\nbody_bytes = \"2 megs\""))[0].contains("in KiB, MiB, GiB or plain bytes"));
}

/// What is just too little, the least, the most, and what is just too much.
const RANGES: &[(&str, [&str; 4])] = &[
    ("leases.ttl", ["4999ms", "5s", "10m", "600001ms"]),
    ("leases.margin", ["499ms", "500ms", "1m", "60001ms"]),
    ("leases.offer_timeout", ["999ms", "1s", "1m", "60001ms"]),
    ("leases.offline_after", ["4999ms", "5s", "1h", "3600001ms"]),
    ("leases.stop_grace", ["999ms", "1s", "1h", "3600001ms"]),
    ("leases.decline_cool_down", ["999ms", "1s", "1h", "3600001ms"]),
    ("leases.prepare_limit", ["59999ms", "1m", "1d", "86400001ms"]),
    ("leases.timeout_grace", ["999ms", "1s", "1h", "3600001ms"]),
    ("leases.stuck_grace", ["9999ms", "10s", "1d", "86400001ms"]),
    ("limits.body_bytes", ["65535", "64KiB", "64MiB", "67108865"]),
    ("limits.batch_bytes", ["65535", "64KiB", "1GiB", "1073741825"]),
    ("limits.blob_bytes", ["1048575", "1MiB", "4GiB", "4294967297"]),
    ("limits.batch_items", ["0", "1", "10000", "10001"]),
    ("limits.queue", ["0", "1", "10000000", "10000001"]),
    ("limits.command_queue", ["15", "16", "65536", "65537"]),
    ("limits.wait_max", ["999ms", "1s", "60s", "60001ms"]),
    ("limits.waiting", ["0", "1", "100000", "100001"]),
    ("limits.streams", ["0", "1", "100000", "100001"]),
    ("limits.machines", ["0", "1", "100000", "100001"]),
    ("limits.documents", ["0", "1", "1000000", "1000001"]),
    ("limits.tokens", ["1", "2", "1000000", "1000001"]),
    ("limits.artifacts_per_attempt", ["0", "1", "100000", "100001"]),
    ("limits.vars_bytes", ["1023", "1KiB", "2MiB", "2097153"]),
    ("limits.loop_items", ["0", "1", "10000", "10001"]),
    ("limits.result_bytes", ["1023", "1KiB", "1MiB", "1048577"]),
    ("limits.results_bytes", ["65535", "64KiB", "16MiB", "16777217"]),
    ("jobs.ageing_placements", ["0", "1", "100000", "100001"]),
    ("jobs.max_declines", ["0", "1", "1000", "1001"]),
    ("jobs.unique_for", ["-1s", "0s", "3650d", "315360001s"]),
    ("retention.idempotency", ["59999ms", "1m", "30d", "2592001s"]),
    ("retention.events", ["999", "1000", "100000000", "100000001"]),
    ("retention.events_age", ["3599s", "1h", "3650d", "315360001s"]),
    ("retention.jobs_age", ["3599s", "1h", "3650d", "315360001s"]),
    ("retention.jobs", ["999", "1000", "100000000", "100000001"]),
    ("retention.artifacts_age", ["3599s", "1h", "3650d", "315360001s"]),
    ("retention.artifacts_bytes", ["1048575", "1MiB", "1024TiB", "1125899906842625"]),
    ("retention.blob_grace", ["3599s", "1h", "30d", "2592001s"]),
    ("retention.interval", ["999ms", "1s", "1d", "86400001ms"]),
    ("disk.low_bytes", ["65535", "64KiB", "64TiB", "70368744177665"]),
    ("disk.floor_bytes", ["65535", "64KiB", "64TiB", "70368744177665"]),
    ("disk.ballast_bytes", ["-1", "0", "64GiB", "68719476737"]),
    ("notifications.concurrency", ["0", "1", "1000", "1001"]),
    ("notifications.timeout", ["999ms", "1s", "5m", "300001ms"]),
    ("notifications.first_retry", ["99ms", "100ms", "1h", "3600001ms"]),
    ("notifications.longest_retry", ["999ms", "1s", "1d", "86400001ms"]),
    ("notifications.give_up", ["999ms", "1s", "30d", "2592001s"]),
    ("notifications.pending", ["99", "100", "1000000", "1000001"]),
    ("notifications.body_bytes", ["16383", "16KiB", "4MiB", "4194305"]),
    ("agent.spool_bytes", ["16777215", "16MiB", "1TiB", "1099511627777"]),
    ("agent.hang_limit", ["29999ms", "30s", "1h", "3600001ms"]),
    ("agent.probe_interval", ["499ms", "500ms", "10m", "600001ms"]),
];

/// The faults of the value itself: that it does not go with another setting is not meant.
fn unfit(key: &str, value: &str) -> Vec<String> {
    let mut layers = layers();
    layers.flags.insert(key.to_owned(), vec![value.to_owned()]);
    let Err(ConfigError::Faults(faults)) = Settings::load(&layers) else { return Vec::new() };
    faults.iter().map(ToString::to_string).filter(|fault| fault.contains("does not fit")).collect()
}

#[test]
fn every_range_holds_at_both_its_ends() {
    for (key, [too_little, least, most, too_much]) in RANGES {
        for within in [least, most] {
            assert_eq!(unfit(key, within), [""; 0], "{key} = {within}");
        }
        for beyond in [too_little, too_much] {
            let told = unfit(key, beyond);
            assert!(
                told.len() == 1 && told[0].contains(&format!("{key}: \"{beyond}\" does not fit")),
                "{key}: {told:?}"
            );
        }
    }
}

#[test]
fn every_setting_with_a_range_has_its_ends_tried() {
    let has_range = |key: &str| unfit(key, "?").iter().any(|fault| fault.contains(" from ") && fault.contains(" to "));
    let bounded = SETTINGS.iter().map(|setting| setting.key).filter(|key| has_range(key));
    let tried: Vec<&str> = RANGES.iter().map(|(key, _)| *key).collect();
    assert_eq!(bounded.filter(|key| !tried.contains(key)).collect::<Vec<_>>(), [""; 0]);
}

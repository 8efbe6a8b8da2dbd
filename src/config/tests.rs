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

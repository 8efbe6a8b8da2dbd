//! A flag for each setting, made from the table of settings, so that the two cannot drift apart.

use std::{collections::BTreeMap, marker::PhantomData, path::PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};

use crate::config::{ConfigError, Layers, SETTINGS, Setting, Settings, Side, default_data_dir};

/// Which settings a command line offers, and which of them its help shows.
pub(crate) trait Offer {
    fn offers(setting: &Setting) -> bool;
    fn shows(setting: &Setting) -> bool;
}

#[derive(Debug, Clone)]
pub(crate) struct ControllerSide;
#[derive(Debug, Clone)]
pub(crate) struct AgentSide;
/// The bare `deskfleet`, which is either side. Its help shows the few flags one starts with.
#[derive(Debug, Clone)]
pub(crate) struct EitherSide;

impl Offer for ControllerSide {
    fn offers(setting: &Setting) -> bool {
        setting.side != Side::Agent
    }
    fn shows(_: &Setting) -> bool {
        true
    }
}

impl Offer for AgentSide {
    fn offers(setting: &Setting) -> bool {
        setting.side != Side::Controller
    }
    fn shows(_: &Setting) -> bool {
        true
    }
}

impl Offer for EitherSide {
    fn offers(_: &Setting) -> bool {
        true
    }
    fn shows(setting: &Setting) -> bool {
        const FIRST: [&str; 7] = ["data-dir", "listen", "controller", "join-token-file", "name", "pool", "label"];
        FIRST.contains(&setting.flag().as_str())
    }
}

/// What was given, by flag; which key a flag means depends on the side.
#[derive(Debug, Clone)]
pub(crate) struct SettingsFlags<O> {
    config: Option<PathBuf>,
    given: BTreeMap<String, Vec<String>>,
    offer: PhantomData<O>,
}

/// The way a process reads its settings, as the layers below the flags see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum As {
    Controller,
    Agent,
}

impl As {
    const fn reads(self, side: Side) -> bool {
        !matches!((self, side), (Self::Controller, Side::Agent) | (Self::Agent, Side::Controller))
    }
}

const CONFIG: &str = "config";

impl<O: Offer> SettingsFlags<O> {
    /// A flag that was given and that `role` doesn't read.
    pub(crate) fn foreign(&self, role: As) -> Option<&str> {
        let reads = |flag: &str| SETTINGS.iter().any(|setting| setting.flag() == flag && role.reads(setting.side));
        self.given.keys().map(String::as_str).find(|flag| !reads(flag))
    }

    pub(crate) fn layers(&self, role: As) -> Result<Layers, ConfigError> {
        let mut layers = environment_layers();
        for setting in SETTINGS.iter().filter(|setting| role.reads(setting.side)) {
            if let Some(values) = self.given.get(&setting.flag()) {
                layers.flags.insert(setting.key.to_owned(), values.clone());
            }
        }
        let from_environment = || layers.env.get("DESKFLEET_CONFIG").filter(|path| !path.is_empty()).map(PathBuf::from);
        if let Some(path) = self.config.clone().or_else(from_environment) {
            layers.read_file(&path)?;
        }
        Ok(layers)
    }

    pub(crate) fn settings(&self, role: As) -> Result<Settings, ConfigError> {
        Settings::load(&self.layers(role)?)
    }
}

pub(crate) fn environment_layers() -> Layers {
    let text = |(key, value): (std::ffi::OsString, std::ffi::OsString)| {
        let key = key.into_string().ok().filter(|key| key.starts_with("DESKFLEET_"))?;
        Some((key, value.to_string_lossy().into_owned()))
    };
    Layers {
        env: std::env::vars_os().filter_map(text).collect(),
        default_data_dir: default_data_dir(),
        ..Layers::default()
    }
}

/// One flag a name: `--data-dir` is a setting of both sides.
fn flags<O: Offer>() -> BTreeMap<String, Vec<&'static Setting>> {
    let mut flags: BTreeMap<String, Vec<&Setting>> = BTreeMap::new();
    for setting in SETTINGS.iter().filter(|setting| O::offers(setting)) {
        flags.entry(setting.flag()).or_default().push(setting);
    }
    flags
}

fn argument<O: Offer>(flag: &str, settings: &[&'static Setting], order: usize) -> Arg {
    let first = settings[0];
    let mut help = settings.iter().map(|setting| setting.help).collect::<Vec<_>>().join("; or: ");
    if let Some(default) = first.default.filter(|default| !default.is_empty()) {
        help = format!("{help} [default: {default}]");
    }
    Arg::new(flag.to_owned())
        .long(flag.to_owned())
        .value_name(first.value_name)
        .help(format!("{help} [env: {}]", first.variable()))
        .action(if first.repeated { ArgAction::Append } else { ArgAction::Set })
        .help_heading("Settings")
        .display_order(order)
        .hide(!settings.iter().any(|setting| O::shows(setting)))
}

impl<O: Offer> SettingsFlags<O> {
    /// Of words that are not this process's own.
    pub(crate) fn of_words(program: &'static str, words: &[String]) -> Result<Self, clap::Error> {
        let command = Self::augment_args(Command::new(program).no_binary_name(true));
        Self::from_arg_matches(&command.try_get_matches_from(words)?)
    }

    /// The file with settings that was given.
    pub(crate) fn file(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }

    pub(crate) fn has(&self, flag: &str) -> bool {
        self.given.contains_key(flag)
    }
}

impl<O: Offer> Args for SettingsFlags<O> {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new(CONFIG)
            .long(CONFIG)
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("File with settings; config.example.toml names them all [env: DESKFLEET_CONFIG]")
            .help_heading("Settings")
            .display_order(0);
        let order = |flag: &str| SETTINGS.iter().position(|setting| setting.flag() == flag).unwrap_or(0) + 1;
        flags::<O>().iter().fold(command.arg(config), |command, (flag, settings)| {
            command.arg(argument::<O>(flag, settings, order(flag)))
        })
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl<O: Offer> FromArgMatches for SettingsFlags<O> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let given = flags::<O>()
            .into_keys()
            .filter_map(|flag| {
                let values: Vec<String> = matches.get_many::<String>(&flag)?.cloned().collect();
                Some((flag, values))
            })
            .collect();
        Ok(Self { config: matches.get_one::<PathBuf>(CONFIG).cloned(), given, offer: PhantomData })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse<O: Offer>(args: &[&str]) -> SettingsFlags<O> {
        let words: Vec<String> = args.iter().map(ToString::to_string).collect();
        SettingsFlags::of_words("deskfleet", &words).unwrap()
    }

    #[test]
    fn the_same_flag_sets_the_data_directory_of_the_side_that_runs() {
        let flags = parse::<EitherSide>(&["--data-dir", "/d"]);
        assert_eq!(flags.layers(As::Controller).unwrap().flags["controller.data_dir"], ["/d"]);
        assert_eq!(flags.layers(As::Agent).unwrap().flags["agent.data_dir"], ["/d"]);
    }

    #[test]
    fn labels_repeat_and_are_foreign_to_a_controller() {
        let flags = parse::<EitherSide>(&["--label", "a=1", "--label", "b=2"]);
        assert_eq!(flags.layers(As::Agent).unwrap().flags["agent.labels"], ["a=1", "b=2"]);
        assert_eq!(flags.foreign(As::Controller), Some("label"));
        assert_eq!(flags.foreign(As::Agent), None);
    }
}

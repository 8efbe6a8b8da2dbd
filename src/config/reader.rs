//! Takes each setting from its strongest layer and gathers what is wrong.

use std::collections::BTreeMap;

use super::{
    CLIENT_VARIABLES, ConfigError, Fault, Layers, Place, SETTINGS, Setting,
    fault::nearest,
    file::{self, Flattened},
    value::{Parsed, Raw},
};

pub(super) struct Reader<'a> {
    flags: &'a BTreeMap<String, Vec<String>>,
    env: &'a BTreeMap<String, String>,
    file: Flattened,
    faults: Vec<Fault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(layers: &'a Layers) -> Self {
        let mut file = layers.file.as_ref().map(file::flatten).unwrap_or_default();
        let mut faults = std::mem::take(&mut file.faults);
        faults.extend(layers.env.keys().filter_map(|name| misspelt_variable(name)));
        Self { flags: &layers.flags, env: &layers.env, file, faults }
    }

    /// A setting that has a default. A faulty value is noted, and the default stands in until `finish` refuses it all.
    pub(super) fn take<T>(&mut self, key: &str, parse: impl Fn(&Raw) -> Parsed<T>) -> T {
        if let Some(value) = self.take_optional(key, &parse) {
            return value;
        }
        let default = setting(key).default.unwrap_or_default();
        match parse(&Raw::Untyped(vec![default.to_owned()])) {
            Ok(value) => value,
            Err(reason) => unreachable!("the default of {key} is parsed by a test: {reason}"),
        }
    }

    /// A setting that may be absent.
    pub(super) fn take_optional<T>(&mut self, key: &str, parse: impl Fn(&Raw) -> Parsed<T>) -> Option<T> {
        let (place, raw) = self.strongest(setting(key))?;
        match parse(&raw) {
            Ok(value) => Some(value),
            Err(reason) => {
                self.faults.push(Fault { place, message: format!("{key}: {reason}") });
                None
            }
        }
    }

    /// Notes a fault between settings at the place where the first of `keys` that anybody wrote was written.
    pub(super) fn refuse(&mut self, keys: &[&str], message: &str) {
        let written = keys.iter().find_map(|key| self.strongest(setting(key)));
        let place = written.map_or(Place::Default, |(place, _)| place);
        let message = message.to_owned();
        self.faults.push(Fault { place, message });
    }

    pub(super) fn finish(mut self) -> Result<(), ConfigError> {
        self.faults.sort_by_key(|fault| match fault.place {
            Place::File { line, .. } => line,
            _ => usize::MAX,
        });
        if self.faults.is_empty() { Ok(()) } else { Err(ConfigError::Faults(self.faults)) }
    }

    fn strongest(&self, setting: &Setting) -> Option<(Place, Raw)> {
        let flag = || {
            let texts = self.flags.get(setting.key).filter(|texts| !texts.is_empty())?;
            Some((Place::Flag(setting.flag()), Raw::Untyped(texts.clone())))
        };
        let variable = || {
            let name = setting.variable();
            let text = self.env.get(&name).filter(|text| !text.trim().is_empty())?;
            Some((Place::Variable(name), Raw::Untyped(vec![text.clone()])))
        };
        flag().or_else(variable).or_else(|| self.file.values.get(setting.key).cloned())
    }
}

fn setting(key: &str) -> &'static Setting {
    match SETTINGS.iter().find(|setting| setting.key == key) {
        Some(setting) => setting,
        None => unreachable!("{key} has no row in the table of settings"),
    }
}

/// A variable so near to one of ours that it must have been meant. Others are let be: container platforms set
/// `<SERVICE>_PORT` and the like for a service of this name.
fn misspelt_variable(name: &str) -> Option<Fault> {
    let rest = name.strip_prefix("DESKFLEET_")?;
    let known: Vec<String> =
        SETTINGS.iter().map(Setting::variable).chain(CLIENT_VARIABLES.iter().map(|&name| name.to_owned())).collect();
    if known.iter().any(|known| known == name) {
        return None;
    }
    let near = nearest(rest, known.iter().filter_map(|known| known.strip_prefix("DESKFLEET_")))?;
    let message = format!("there is no such variable; did you mean DESKFLEET_{near}?");
    Some(Fault { place: Place::Variable(name.to_owned()), message })
}

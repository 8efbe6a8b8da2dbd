//! Settings: flags over `DESKFLEET_*` over the file over defaults, parsed once into types that cannot be wrong.
//!
//! A setting is one row of [`SETTINGS`], one field of [`ControllerSettings`] or [`AgentSettings`] and one line of
//! `config.example.toml`; tests hold the three together. All faults are told at once, each with its place.
//!
//! This module must not know what a setting is used for. It never reads the environment or the command line itself:
//! they come in as [`Layers`]. The only I/O is [`Layers::read_file`] and [`default_data_dir`].

mod agent;
mod controller;
mod data_dir;
mod fault;
mod file;
mod layers;
mod reader;
mod table;
#[cfg(test)]
mod tests;
mod value;

pub use agent::AgentSettings;
pub use controller::{
    ControllerSettings, DiskSettings, JobSettings, LeaseSettings, LimitSettings, LogSettings, NotificationSettings,
    RetentionSettings, TlsFiles,
};
pub use data_dir::default_data_dir;
pub use fault::{ConfigError, Fault, Place};
pub use layers::{FileText, Layers};
pub use table::{CLIENT_VARIABLES, SETTINGS, Setting, Side};
pub use value::{HttpsUrl, LogFormat, ProxyUrl};

/// Both sides of one file. A controller reads its half, an agent the other; faults in either are told to both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    pub controller: ControllerSettings,
    pub agent: AgentSettings,
}

impl Settings {
    pub fn load(layers: &Layers) -> Result<Self, ConfigError> {
        let mut reader = reader::Reader::new(layers);
        let controller = ControllerSettings::read(&mut reader, &layers.default_data_dir);
        let agent = AgentSettings::read(&mut reader, &layers.default_data_dir, &controller.log);
        reader.finish()?;
        Ok(Self { controller, agent })
    }
}

//! What the settings are made of, as it comes from outside.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use super::ConfigError;

/// A file that was read. The path is only for messages.
#[derive(Debug, Clone)]
pub struct FileText {
    pub path: PathBuf,
    pub text: String,
}

/// The layers, strongest first; below them are the defaults.
#[derive(Debug, Clone, Default)]
pub struct Layers {
    /// By the setting's key (`leases.ttl`), in the order given.
    pub flags: BTreeMap<String, Vec<String>>,
    /// The environment; only `DESKFLEET_*` is looked at, and an empty value counts as absent.
    pub env: BTreeMap<String, String>,
    pub file: Option<FileText>,
    /// The data directory where no layer names one: see [`super::default_data_dir`].
    pub default_data_dir: PathBuf,
}

impl Layers {
    /// Reads the file of `--config` into its layer.
    pub fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|error| ConfigError::Unreadable { path: path.to_owned(), reason: error.to_string() })?;
        self.file = Some(FileText { path: path.to_owned(), text });
        Ok(())
    }
}

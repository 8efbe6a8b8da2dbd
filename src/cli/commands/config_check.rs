//! `deskfleet config check`: the settings as both sides would read them, nothing started.

use std::path::{Path, PathBuf};

use crate::{
    cli::{client, exit::Exit, output, settings_flags::environment_layers},
    config::{ConfigError, Settings},
};

pub(crate) fn run(config: Option<&Path>) -> anyhow::Result<Exit> {
    let path = config.map(Path::to_owned).or_else(|| client::variable("DESKFLEET_CONFIG").map(PathBuf::from));
    let mut layers = environment_layers();
    if let Some(path) = &path {
        layers.read_file(path)?;
    }
    match Settings::load(&layers) {
        Ok(settings) => {
            let file =
                path.map_or_else(|| "no file, defaults and variables".to_owned(), |path| path.display().to_string());
            output::line(format!("{file}: good"))?;
            output::line(format!("controller data in {}", settings.controller.data_dir.display()))?;
            output::line(format!("agent data in {}", settings.agent.data_dir.display()))?;
            Ok(Exit::Done)
        }
        Err(ConfigError::Faults(faults)) => {
            for fault in &faults {
                output::line(fault.to_string())?;
            }
            Ok(Exit::Unsuccessful)
        }
        Err(error) => Err(error.into()),
    }
}

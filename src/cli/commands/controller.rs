//! `deskfleet` and `deskfleet controller`: the controller, until it is asked to stop.

use crate::{
    cli::{
        exit::{Exit, Stop},
        logging, output, runtime,
    },
    config::ControllerSettings,
    http::{self, ServeError},
};

pub(crate) fn run(settings: &ControllerSettings) -> anyhow::Result<Exit> {
    logging::start(&settings.log)?;
    let runtime = runtime::server("controller")?;
    runtime.block_on(http::serve(settings, announce)).map_err(refused)?;
    Ok(Exit::Done)
}

/// On stdout, so that it stands apart from the log; nobody reading it is no reason not to serve.
fn announce(introduction: &str) {
    let _ = output::line(introduction.trim_end());
}

fn refused(error: ServeError) -> anyhow::Error {
    match error {
        // What a setting names can't be had.
        ServeError::DataDir { .. } | ServeError::Listen { .. } => Stop::new(Exit::Usage, error.to_string()).into(),
        other => other.into(),
    }
}

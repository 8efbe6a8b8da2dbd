//! `deskfleet --agent` and `deskfleet agent run`: a machine of the fleet, until it is asked to stop.

use crate::{
    agent::{self, AgentError},
    cli::{
        exit::{Exit, Stop},
        logging, runtime,
    },
    config::AgentSettings,
    time::Clock,
};

pub(crate) fn run(settings: AgentSettings) -> anyhow::Result<Exit> {
    logging::start(&settings.log)?;
    let runtime = runtime::server("agent")?;
    runtime.block_on(agent::run(settings, Clock::System)).map_err(refused)?;
    Ok(Exit::Done)
}

fn refused(error: AgentError) -> anyhow::Error {
    let exit = match &error {
        AgentError::NoToken
        | AgentError::NoController
        | AgentError::Token { .. }
        | AgentError::Setting(..)
        | AgentError::Locked(_) => Exit::Usage,
        AgentError::Link(_) => Exit::Unreachable,
        _ => return error.into(),
    };
    Stop::new(exit, error.to_string()).into()
}

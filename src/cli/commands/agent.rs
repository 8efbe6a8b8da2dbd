//! `deskfleet --agent` and `deskfleet agent run`: a machine of the fleet, until it is asked to stop.

use serde_json::json;

use crate::{
    agent::{self, AgentError},
    cli::{
        exit::{Exit, Stop},
        logging,
        output::{self, OutputFlag},
        runtime,
    },
    config::AgentSettings,
    time::Clock,
};

pub(crate) fn run(settings: AgentSettings) -> anyhow::Result<Exit> {
    logging::start(&settings.log)?;
    let runtime = runtime::server("agent")?;
    let has_no_terminal = settings.log.file.is_some();
    let ended = runtime.block_on(agent::run(settings, Clock::System)).map_err(refused);
    if let Err(error) = &ended
        && has_no_terminal
    {
        tracing::error!("{error:#}");
    }
    ended.map(|()| Exit::Done)
}

/// Before a disk is copied: what is on it is nobody's afterwards.
pub(crate) fn prepare_image(settings: &AgentSettings) -> anyhow::Result<Exit> {
    let prepared = agent::prepare_image(&settings.data_dir).map_err(refused)?;
    let folder = settings.data_dir.display();
    match &prepared.machine {
        Some(machine) => output::line(format!("{folder}: machine `{machine}` has no identity any more."))?,
        None => output::line(format!("{folder}: this machine had not joined."))?,
    }
    if prepared.untold > 0 {
        output::remark(format!("{} attempts were not told to the controller whole; they are gone.", prepared.untold));
    }
    output::line(
        "Shut the system down now, without starting the agent, and take the image. Each copy joins as a machine of its own \
         when its agent is started with --join-token-file.",
    )?;
    if let Some(machine) = prepared.machine {
        output::remark(format!("If `{machine}` itself does not come back, delete it at the controller."));
    }
    Ok(Exit::Done)
}

pub(crate) fn status(settings: &AgentSettings, format: OutputFlag) -> anyhow::Result<Exit> {
    let status = agent::status(&settings.data_dir).map_err(refused)?;
    let joined = status.joined;
    if format.is_json() {
        let joined = joined.map(|joined| {
            json!({
                "controller": joined.controller, "machine": joined.machine, "name": joined.name, "pool": joined.pool,
                "expires_at": joined.expires_at, "ours": joined.ours
            })
        });
        output::json(&json!({ "data_dir": settings.data_dir, "running": status.running, "joined": joined }))?;
        return Ok(Exit::Done);
    }
    let folder = settings.data_dir.display().to_string();
    let Some(joined) = joined else {
        output::fields(&[("data directory", folder), ("joined", "no".to_owned())])?;
        return Ok(Exit::Done);
    };
    let ours = if joined.ours { "yes" } else { "no: it was made on another machine or by another user" };
    output::fields(&[
        ("data directory", folder),
        ("running", if status.running { "yes" } else { "no" }.to_owned()),
        ("machine", format!("{} ({})", joined.name, joined.machine)),
        ("pool", joined.pool.to_string()),
        ("controller", joined.controller),
        ("certificate", format!("until {}", output::moment(joined.expires_at))),
        ("this machine's", ours.to_owned()),
    ])?;
    Ok(Exit::Done)
}

fn refused(error: AgentError) -> anyhow::Error {
    let exit = match &error {
        AgentError::NoToken
        | AgentError::NoController
        | AgentError::Token { .. }
        | AgentError::Setting(..)
        | AgentError::Foreign(_)
        | AgentError::Locked(_) => Exit::Usage,
        AgentError::Link(_) => Exit::Unreachable,
        _ => return error.into(),
    };
    Stop::new(exit, error.to_string()).into()
}

/// What the service manager starts: agents in the sessions of this host, until it says to stop.
#[cfg(windows)]
pub(crate) fn serve(users: Vec<String>, flags: Vec<String>) -> anyhow::Result<Exit> {
    use anyhow::Context as _;

    use crate::config::{LogFormat, LogSettings};

    // Where administrators alone may write, since nobody else may change the executable.
    let program = std::env::current_exe().context("the executable does not know its own path")?;
    let file = program.with_file_name("logs").join("service.log");
    logging::start(&LogSettings { level: "info".to_owned(), format: LogFormat::Text, file: Some(file) })?;
    agent::service::run(users, flags).map_err(|error| {
        Stop::new(Exit::Usage, format!("{error}; this is for the service manager: `deskfleet agent install --service`"))
    })?;
    Ok(Exit::Done)
}

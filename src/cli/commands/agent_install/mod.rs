//! `deskfleet agent install` and `uninstall`: the agent starts with its user's session. A user unit of systemd on Linux; on Windows a
//! task at log-on, or a service that starts an agent in each session.

use std::{path::Path, process::Command};

use anyhow::Context as _;
use clap::Args;

use crate::cli::{
    exit::{Exit, Stop},
    settings_flags::{AgentSide, As, SettingsFlags},
};

#[cfg(windows)]
mod logon;
#[cfg(windows)]
mod service;
#[cfg(not(windows))]
mod unit;

/// The unit and the task are called so.
const NAME: &str = "deskfleet-agent";

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet agent install --dry-run -- --controller https://fleet.example.org:8443 --join-token-file /etc/deskfleet/join.token\n  \
    deskfleet agent install      # once it has joined: it remembers the rest\n  \
    deskfleet agent install --service --user bot1 --user bot2 -- --controller https://fleet.example.org:8443 --join-token-file C:\\deskfleet\\join.token\n\n\
    What stands after -- is given to the agent at each start; `deskfleet agent run --help` has it all."
)]
pub(crate) struct InstallArgs {
    /// Show what would be done
    #[arg(long)]
    dry_run: bool,
    /// Windows: a service of the system that starts an agent in each session and takes closed ones back to the console
    #[arg(long)]
    service: bool,
    /// Only in the sessions of this user; may be repeated [default: everybody who is logged on]
    #[arg(long = "user", value_name = "NAME", requires = "service")]
    users: Vec<String>,
    /// Flags of the agent
    #[arg(last = true, value_name = "FLAGS")]
    flags: Vec<String>,
}

pub(crate) fn install(args: &InstallArgs) -> anyhow::Result<Exit> {
    let program = std::env::current_exe().context("the executable does not know its own path")?;
    let program = program.to_str().context("the executable's path is no text")?;
    let given = SettingsFlags::<AgentSide>::of_words("deskfleet agent run", &args.flags)
        .map_err(|error| Stop::new(Exit::Usage, format!("the agent would not start with these flags: {error}")))?;
    let settings = given.settings(As::Agent)?.agent;
    // Whatever starts it does so in another folder than this one.
    let token = settings.join_token_file.iter().map(|path| ("--join-token-file", path));
    let data_dir = given.has("data-dir").then_some(("--data-dir", &settings.data_dir));
    let config = given.file().map(|path| ("--config", path));
    let log = settings.log.file.iter().map(|path| ("--log-file", path));
    for (flag, path) in token.chain(data_dir).chain(config).chain(log) {
        if !path.is_absolute() {
            let message = format!("{flag} {}: the agent starts elsewhere, so give the whole path", path.display());
            return Err(Stop::new(Exit::Usage, message).into());
        }
    }
    if args.service {
        return as_service(program, args, &given);
    }
    let mut flags = args.flags.clone();
    let data_dir = std::path::absolute(&settings.data_dir).context("the data directory")?;
    if !given.has("data-dir") {
        flags.extend(["--data-dir".to_owned(), text(&data_dir)?]);
    }
    #[cfg(windows)]
    if settings.log.file.is_none() {
        // It has no terminal.
        flags.extend(["--log-file".to_owned(), text(&data_dir.join("logs").join("agent.log"))?]);
    }
    in_session(program, &flags, args.dry_run)
}

fn text(path: &Path) -> anyhow::Result<String> {
    path.to_str().map(ToOwned::to_owned).with_context(|| format!("{} is no text", path.display()))
}

#[cfg(not(windows))]
fn as_service(_: &str, _: &InstallArgs, _: &SettingsFlags<AgentSide>) -> anyhow::Result<Exit> {
    let message =
        "--service is for Windows: on Linux the unit of the session's user does all of it, so leave --service out";
    Err(Stop::new(Exit::Usage, message).into())
}

#[cfg(windows)]
fn as_service(program: &str, args: &InstallArgs, given: &SettingsFlags<AgentSide>) -> anyhow::Result<Exit> {
    if args.users.len() != 1 {
        let shared = ["data-dir", "log-file"].into_iter().find(|flag| given.has(flag));
        if let Some(flag) = shared {
            let message = format!(
                "--{flag}: agents of several users cannot share it; name one --user, or leave it out: each has its own in %LOCALAPPDATA%\\deskfleet"
            );
            return Err(Stop::new(Exit::Usage, message).into());
        }
    }
    service::install(program, &args.users, &args.flags, args.dry_run)
}

#[cfg(not(windows))]
fn in_session(program: &str, flags: &[String], dry_run: bool) -> anyhow::Result<Exit> {
    unit::install(program, flags, dry_run)
}

#[cfg(windows)]
fn in_session(program: &str, flags: &[String], dry_run: bool) -> anyhow::Result<Exit> {
    logon::install(program, flags, dry_run)
}

#[cfg(not(windows))]
pub(crate) fn uninstall() -> anyhow::Result<Exit> {
    unit::uninstall()
}

/// Both, where both are there.
#[cfg(windows)]
pub(crate) fn uninstall() -> anyhow::Result<Exit> {
    let (service, at_logon) = (service::uninstall()?, logon::uninstall()?);
    if !service && !at_logon {
        return Err(Stop::new(Exit::NotFound, format!("there is neither a service nor a task `{NAME}`")).into());
    }
    crate::cli::output::line("The agents' identities stay in their data directories.")?;
    Ok(Exit::Done)
}

/// Runs a command of the system, which says by itself what is wrong.
fn ask(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program).args(arguments).status();
    let shown = format!("{program} {}", arguments.join(" "));
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Stop::new(Exit::Broken, format!("`{shown}` ended with {status}")).into()),
        Err(error) => Err(Stop::new(Exit::Broken, format!("`{shown}` cannot be run: {error}")).into()),
    }
}

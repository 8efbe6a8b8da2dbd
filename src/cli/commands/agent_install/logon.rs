//! A task of Windows that starts the agent when its user logs on.

use std::process::{Command, Stdio};

use super::{Exit, NAME, ask};
use crate::{agent::service::command_line, cli::output};

pub(super) fn install(program: &str, flags: &[String], dry_run: bool) -> anyhow::Result<Exit> {
    let words: Vec<&str> = [program, "--agent"].into_iter().chain(flags.iter().map(String::as_str)).collect();
    let command = command_line(&words);
    // In the session of this user, with this user's rights and no more: input to windows with more is swallowed, and said.
    let arguments = ["/create", "/f", "/tn", NAME, "/sc", "onlogon", "/it", "/rl", "limited", "/tr", &command];
    if dry_run {
        output::line(format!("schtasks {}", command_line(&arguments)))?;
        return Ok(Exit::Done);
    }
    ask("schtasks", &arguments)?;
    output::line("It starts at this user's next log-on; `schtasks /run /tn deskfleet-agent` starts it now.")?;
    Ok(Exit::Done)
}

/// Whether there was one.
pub(super) fn uninstall() -> anyhow::Result<bool> {
    let mut query = Command::new("schtasks");
    query.args(["/query", "/tn", NAME]).stderr(Stdio::null());
    let told =
        query.output().is_ok_and(|told| told.status.success() && String::from_utf8_lossy(&told.stdout).contains(NAME));
    if !told {
        return Ok(false);
    }
    ask("schtasks", &["/delete", "/f", "/tn", NAME])?;
    output::line("The task is gone.")?;
    Ok(true)
}

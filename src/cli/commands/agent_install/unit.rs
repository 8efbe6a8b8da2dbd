//! A unit of systemd that starts the agent with its user's session.

use std::{fs, path::PathBuf};

use anyhow::Context as _;

use super::{Exit, NAME, Stop, ask};
use crate::cli::output;

/// What a program of a desktop session needs to find it, taken over from the session `install` runs in.
const SESSION: [&str; 3] = ["DISPLAY", "XAUTHORITY", "LANG"];

pub(super) fn install(program: &str, flags: &[String], dry_run: bool) -> anyhow::Result<Exit> {
    let session: Vec<(&str, String)> =
        SESSION.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?))).collect();
    if !session.iter().any(|(name, _)| *name == "DISPLAY") {
        let message = "DISPLAY is not set: run this inside the desktop session that the agent is to drive";
        return Err(Stop::new(Exit::Usage, message).into());
    }
    let (unit, path) = (unit(program, flags, &session)?, path()?);
    if dry_run {
        output::remark(format!("would be written to {}:", path.display()));
        output::line(unit.trim_end())?;
        return Ok(Exit::Done);
    }
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    }
    fs::write(&path, unit).with_context(|| path.display().to_string())?;
    output::line(format!("Wrote {}.", path.display()))?;
    let by_hand = format!("by hand: systemctl --user daemon-reload && systemctl --user enable --now {NAME}");
    ask("systemctl", &["--user", "daemon-reload"]).context(by_hand.clone())?;
    ask("systemctl", &["--user", "enable", "--now", NAME]).context(by_hand)?;
    output::line(format!("It runs, and starts with each session; `journalctl --user -u {NAME}` has its log."))?;
    Ok(Exit::Done)
}

pub(super) fn uninstall() -> anyhow::Result<Exit> {
    let path = path()?;
    if !path.exists() {
        return Err(Stop::new(Exit::NotFound, format!("there is no {}", path.display())).into());
    }
    // A system without systemd has a unit file all the same, once it was written.
    if let Err(error) = ask("systemctl", &["--user", "disable", "--now", NAME]) {
        output::remark(format!("{error:#}"));
    }
    fs::remove_file(&path).with_context(|| path.display().to_string())?;
    output::line(format!("Removed {}. The agent's identity stays in its data directory.", path.display()))?;
    Ok(Exit::Done)
}

fn path() -> anyhow::Result<PathBuf> {
    let config = std::env::var_os("XDG_CONFIG_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".config"));
    let config = config.filter(|path| path.is_absolute()).or_else(home).context("HOME is not set")?;
    Ok(config.join("systemd/user").join(format!("{NAME}.service")))
}

fn unit(program: &str, flags: &[String], session: &[(&str, String)]) -> anyhow::Result<String> {
    let words = [program, "--agent"].into_iter().chain(flags.iter().map(String::as_str));
    let start: Vec<String> = words.map(quoted).collect::<anyhow::Result<_>>()?;
    let environment: Vec<String> = session
        .iter()
        .map(|(name, value)| Ok(format!("Environment={}\n", quoted(&format!("{name}={value}"))?)))
        .collect::<anyhow::Result<_>>()?;
    Ok(format!(
        "[Unit]\nDescription=deskfleet agent of this desktop\nAfter=graphical-session.target\n\
         PartOf=graphical-session.target\n\n[Service]\nExecStart={}\n{}Restart=always\nRestartSec=5\n\
         # It tells the controller what it was doing before it ends.\nTimeoutStopSec=60\n\n\
         [Install]\nWantedBy=graphical-session.target default.target\n",
        start.join(" "),
        environment.concat(),
    ))
}

/// As systemd reads it: in double quotes, with nothing that it would put something else for.
fn quoted(word: &str) -> anyhow::Result<String> {
    anyhow::ensure!(!word.contains(['\n', '\0']), "a line break cannot stand in a unit file: {word:?}");
    let word = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    Ok(format!("\"{word}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_unit_says_what_to_start_and_where() {
        let flags = [
            "--controller".to_owned(),
            "https://f.example.org".to_owned(),
            "--label".to_owned(),
            "a=\"100%\"".to_owned(),
        ];
        let unit = unit("/opt/desk fleet/deskfleet", &flags, &[("DISPLAY", ":7".to_owned())]).unwrap();
        assert!(unit.contains(
            "ExecStart=\"/opt/desk fleet/deskfleet\" \"--agent\" \"--controller\" \"https://f.example.org\" \"--label\" \"a=\\\"100%%\\\"\"\n"
        ));
        assert!(unit.contains("\nEnvironment=\"DISPLAY=:7\"\nRestart=always\n"));
        assert!(quoted("a\nb").is_err());
    }
}

//! `deskfleet agent doctor`: whether this session is fit for an agent, and what to do where it is not.

use std::{
    net::{TcpStream, ToSocketAddrs as _},
    time::Duration,
};

use serde_json::json;

use crate::{
    agent,
    cli::{
        exit::Exit,
        output::{self, OutputFlag},
    },
    config::AgentSettings,
    desktop::{
        self, Color, Desktop, Frame, Pass, Point,
        process::{self, Exit as Ended, Program, RunLimits},
    },
};

/// How long the controller may take to take a connection.
const CONNECT: Duration = Duration::from_secs(5);

/// How long a program may take to say its version.
const ASK: Duration = Duration::from_secs(10);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Fit,
    /// Some workflows will not run here.
    Lacks,
    /// No job will.
    Unfit,
}

struct Finding {
    what: &'static str,
    mark: Mark,
    detail: String,
}

impl Finding {
    fn fit(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, mark: Mark::Fit, detail: detail.into() }
    }

    fn lacks(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, mark: Mark::Lacks, detail: detail.into() }
    }

    fn unfit(what: &'static str, detail: impl Into<String>) -> Self {
        Self { what, mark: Mark::Unfit, detail: detail.into() }
    }
}

pub(crate) fn run(settings: &AgentSettings, format: OutputFlag) -> anyhow::Result<Exit> {
    let mut findings = session();
    findings.push(text());
    findings.push(identity(settings));
    findings.extend(controller(settings));
    let is_unfit = findings.iter().any(|finding| finding.mark == Mark::Unfit);
    let exit = if is_unfit { Exit::Unsuccessful } else { Exit::Done };
    if format.is_json() {
        let checks: Vec<_> = findings
            .iter()
            .map(|finding| json!({ "check": finding.what, "result": word(finding.mark), "detail": finding.detail }))
            .collect();
        output::json(&json!({ "fit": !is_unfit, "checks": checks }))?;
        return Ok(exit);
    }
    let rows =
        findings.into_iter().map(|finding| [finding.what.to_owned(), word(finding.mark).to_owned(), finding.detail]);
    output::table(["CHECK", "RESULT", "DETAIL"], rows)?;
    Ok(exit)
}

const fn word(mark: Mark) -> &'static str {
    match mark {
        Mark::Fit => "ok",
        Mark::Lacks => "lacks",
        Mark::Unfit => "unfit",
    }
}

/// The desktop of this session; nothing on it is changed.
fn session() -> Vec<Finding> {
    let mut desktop = match desktop::open() {
        Ok(desktop) => desktop,
        Err(error) => return vec![Finding::unfit("desktop", error.to_string())],
    };
    let mut findings = Vec::new();
    findings.push(match desktop.attest() {
        Ok(attested) => {
            let display = attested.display;
            let manager = display.window_manager.unwrap_or_default();
            Finding::fit(
                "desktop",
                format!("{} {}x{}, scale {}, {manager}", display.name, display.width, display.height, display.scale),
            )
        }
        Err(error) => Finding::unfit("desktop", error.to_string()),
    });
    findings.push(controls(&mut *desktop));
    findings.push(match desktop.read_clipboard() {
        Ok(_) => Finding::fit("clipboard", "it can be read"),
        Err(error) => Finding::lacks("clipboard", error.to_string()),
    });
    findings
}

/// Whether applications tell of their controls. Which do shows only where some run.
fn controls(desktop: &mut dyn Desktop) -> Finding {
    let windows = desktop.windows().unwrap_or_default();
    let mut pids: Vec<u32> = windows.iter().filter_map(|window| window.pid).collect();
    pids.sort_unstable();
    pids.dedup();
    match desktop.elements(&pids) {
        Ok(_) if pids.is_empty() => Finding::fit("controls (ui)", "they can be asked for; no application runs"),
        Ok(elements) => {
            let telling = pids.iter().filter(|pid| elements.iter().any(|element| element.pid == **pid)).count();
            Finding::fit(
                "controls (ui)",
                format!("{telling} of {} applications tell of {} controls", pids.len(), elements.len()),
            )
        }
        Err(error) => Finding::lacks("controls (ui)", error.to_string()),
    }
}

/// What reads text off the screen.
fn text() -> Finding {
    let blank = Frame::filled(64, 32, Color::new(255, 255, 255));
    let own = desktop::open().and_then(|mut desktop| desktop.read_text(&blank, Point::default(), "eng"));
    if let Ok(Some(_)) = own {
        return Finding::fit("text (ocr)", "the system's own reader, for English");
    }
    let Some(program) = Program::from_words(["tesseract", "--version"].map(str::to_owned)) else {
        return Finding::lacks("text (ocr)", "tesseract cannot be asked");
    };
    let limits = RunLimits { timeout: ASK, ..RunLimits::default() };
    match process::run(&program, &[], &limits, &Pass::unfenced()) {
        Ok(told) if told.exit == Ended::Code(0) => {
            // Some versions tell it on the one stream, some on the other.
            let said = format!("{}{}", told.stdout.text(), told.stderr.text());
            Finding::fit("text (ocr)", said.lines().next().unwrap_or_default().trim())
        }
        Ok(told) => {
            Finding::lacks("text (ocr)", format!("tesseract ended with {:?}: {}", told.exit, told.stderr.text().trim()))
        }
        Err(error) => Finding::lacks("text (ocr)", format!("{error} (Debian: apt-get install tesseract-ocr)")),
    }
}

fn identity(settings: &AgentSettings) -> Finding {
    const WHAT: &str = "identity";
    match agent::status(&settings.data_dir) {
        Ok(status) => match status.joined {
            Some(joined) if !joined.ours => Finding::unfit(
                WHAT,
                format!("{} was made on another machine or by another user", settings.data_dir.display()),
            ),
            Some(joined) => {
                let runs = if status.running { "its agent runs" } else { "its agent does not run" };
                Finding::fit(
                    WHAT,
                    format!(
                        "{} in pool {}, until {}; {runs}",
                        joined.name,
                        joined.pool,
                        output::moment(joined.expires_at)
                    ),
                )
            }
            None => Finding::lacks(
                WHAT,
                "this machine has not joined: start the agent with --controller and --join-token-file",
            ),
        },
        Err(error) => Finding::unfit(WHAT, error.to_string()),
    }
}

/// Whether the controller takes a connection. Who it is, the agent itself finds out.
fn controller(settings: &AgentSettings) -> Option<Finding> {
    const WHAT: &str = "controller";
    let remembered =
        agent::status(&settings.data_dir).ok().and_then(|status| status.joined).map(|joined| joined.controller);
    let address = settings.controller.as_ref().map(ToString::to_string).or(remembered)?;
    if settings.proxy.is_some() {
        return Some(Finding::fit(WHAT, format!("{address}, behind a proxy: not tried")));
    }
    let authority = address.trim_start_matches("https://").split('/').next().unwrap_or_default();
    let authority = if authority.contains(':') { authority.to_owned() } else { format!("{authority}:443") };
    let places = match authority.to_socket_addrs() {
        Ok(places) => places,
        Err(error) => return Some(Finding::unfit(WHAT, format!("{address} has no address: {error}"))),
    };
    let mut refusal = "it has no address".to_owned();
    for place in places {
        match TcpStream::connect_timeout(&place, CONNECT) {
            Ok(_) => return Some(Finding::fit(WHAT, format!("{address} takes connections at {place}"))),
            Err(error) => refusal = format!("{place}: {error}"),
        }
    }
    Some(Finding::unfit(WHAT, format!("{address} cannot be reached: {refusal}")))
}

//! What is true of this machine: collected when the agent starts and when something of it may have changed.

use std::{collections::BTreeMap, fs, path::Path};

use crate::{
    desktop::{self, DesktopError},
    wire::machine::{Display, Facts},
};

/// Everything but the versions of apps.
pub(super) fn collect(display: &Result<desktop::Display, DesktopError>) -> Facts {
    Facts {
        os: os_name(),
        os_build: os_build(),
        host: host_name(),
        user: user_name(),
        display: display.as_ref().ok().map(wire_display),
        locale: locale(),
        time_zone: time_zone(),
        boot_id: boot_id(),
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        session: session(display).to_owned(),
        apps: BTreeMap::new(),
    }
}

pub(super) fn wire_display(display: &desktop::Display) -> Display {
    #[expect(clippy::cast_possible_truncation, reason = "a scale is a small number with two digits")]
    let scale = display.scale as f32;
    Display { width: display.width, height: display.height, scale }
}

/// The X11 back end sees a session that cannot be worked on only when it attests; a display that answers counts as active.
fn session(display: &Result<desktop::Display, DesktopError>) -> &'static str {
    match display {
        Ok(_) => "active",
        Err(DesktopError::Unavailable(_) | DesktopError::Unsupported { .. }) => "none",
        Err(_) => "disconnected",
    }
}

#[cfg(unix)]
pub(super) fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
pub(super) fn host_name() -> String {
    first_variable(&["COMPUTERNAME", "HOSTNAME"])
}

#[cfg(unix)]
fn os_build() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

#[cfg(not(unix))]
fn os_build() -> String {
    String::new()
}

/// `Debian GNU/Linux 12 (bookworm)`, else the kind of system.
fn os_name() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    pretty.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned())
}

pub(super) fn user_name() -> String {
    let named = first_variable(&["USER", "LOGNAME", "USERNAME"]);
    if named.is_empty() { user_number() } else { named }
}

#[cfg(unix)]
fn user_number() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

#[cfg(not(unix))]
fn user_number() -> String {
    String::new()
}

fn locale() -> String {
    let named = first_variable(&["LC_ALL", "LC_CTYPE", "LANG"]);
    if named.is_empty() { "C".to_owned() } else { named }
}

fn time_zone() -> String {
    let named = first_variable(&["TZ"]);
    if !named.is_empty() {
        return named;
    }
    let linked = fs::read_link("/etc/localtime").ok();
    let zone = linked.as_deref().and_then(Path::to_str).and_then(|path| path.split_once("zoneinfo/"));
    match zone {
        Some((_, zone)) => zone.to_owned(),
        None => fs::read_to_string("/etc/timezone").map_or_else(|_| "UTC".to_owned(), |zone| zone.trim().to_owned()),
    }
}

fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").map(|id| id.trim().to_owned()).unwrap_or_default()
}

fn first_variable(names: &[&str]) -> String {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty())).unwrap_or_default()
}

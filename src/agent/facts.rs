//! What is true of this machine: collected when the agent starts and when something of it may have changed.

use std::collections::BTreeMap;
#[cfg(unix)]
use std::{fs, path::Path};

use super::boot;
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
        boot_id: boot::id(),
        boot_reason: boot::reason(),
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

/// A display that answers counts as active: the X11 back end sees a session that cannot be worked on only when it attests.
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

#[cfg(windows)]
pub(super) fn host_name() -> String {
    first_variable(&["COMPUTERNAME", "HOSTNAME"])
}

#[cfg(unix)]
fn os_build() -> String {
    rustix::system::uname().release().to_string_lossy().into_owned()
}

/// `22631.4317`: the build and its update.
#[cfg(windows)]
fn os_build() -> String {
    let build = registry(VERSION, |key| key.get_string("CurrentBuildNumber"));
    match (build, registry(VERSION, |key| key.get_u32("UBR"))) {
        (Some(build), Some(update)) => format!("{build}.{update}"),
        (build, _) => build.unwrap_or_default(),
    }
}

/// Where Windows says which one it is.
#[cfg(windows)]
const VERSION: &str = r"SOFTWARE\Microsoft\Windows NT\CurrentVersion";

/// A value of this machine's registry; `None` where it is not there.
#[cfg(windows)]
fn registry<T>(path: &str, read: impl FnOnce(&windows_registry::Key) -> windows_registry::Result<T>) -> Option<T> {
    windows_registry::LOCAL_MACHINE.open(path).and_then(|key| read(&key)).ok()
}

/// `Windows 10 Pro`.
#[cfg(windows)]
fn os_name() -> String {
    registry(VERSION, |key| key.get_string("ProductName")).unwrap_or_else(|| "Windows".to_owned())
}

/// `Debian GNU/Linux 12 (bookworm)`, else the kind of system.
#[cfg(unix)]
fn os_name() -> String {
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let pretty = release.lines().find_map(|line| line.strip_prefix("PRETTY_NAME="));
    pretty.map_or_else(|| std::env::consts::OS.to_owned(), |name| name.trim_matches('"').to_owned())
}

/// The number that this installation of the system was given; a copy of the disk has the same until its maker sees to it.
#[cfg(windows)]
pub(super) fn system_id() -> Option<String> {
    registry(r"SOFTWARE\Microsoft\Cryptography", |key| key.get_string("MachineGuid"))
}

/// The number that this installation of the system was given.
#[cfg(unix)]
pub(super) fn system_id() -> Option<String> {
    let read = |path: &&str| fs::read_to_string(path).ok().filter(|id| !id.trim().is_empty());
    ["/etc/machine-id", "/var/lib/dbus/machine-id"].iter().find_map(read)
}

pub(super) fn user_name() -> String {
    let named = first_variable(&["USER", "LOGNAME", "USERNAME"]);
    if named.is_empty() { user_number() } else { named }
}

#[cfg(unix)]
fn user_number() -> String {
    format!("uid {}", rustix::process::getuid().as_raw())
}

#[cfg(windows)]
fn user_number() -> String {
    String::new()
}

/// `de-DE`: of the person whose session it is.
#[cfg(windows)]
fn locale() -> String {
    let named = windows_registry::CURRENT_USER.open(r"Control Panel\International");
    named.and_then(|key| key.get_string("LocaleName")).unwrap_or_default()
}

#[cfg(unix)]
fn locale() -> String {
    let named = first_variable(&["LC_ALL", "LC_CTYPE", "LANG"]);
    if named.is_empty() { "C".to_owned() } else { named }
}

/// By its name of the time zone database, as on every other system.
#[cfg(windows)]
fn time_zone() -> String {
    jiff::tz::TimeZone::system().iana_name().unwrap_or("UTC").to_owned()
}

#[cfg(unix)]
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

fn first_variable(names: &[&str]) -> String {
    names.iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty())).unwrap_or_default()
}

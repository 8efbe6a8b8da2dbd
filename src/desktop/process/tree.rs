//! The process table of Linux: who is called what, and who belongs to a program that was started here.

use std::{fs, path::Path};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};

use super::{Found, ProcessError};

/// Set in the environment of every program started here. Descendants inherit it, so that those that left the group are found too.
pub(super) const MARK: &str = "DESKFLEET_TREE";

/// The X display a process belongs to.
const DISPLAY: &str = "DISPLAY";

/// All live processes whose program is called `name` (without path; `.exe` at its end does not count). Those that are known to
/// belong to another display of this computer are left out: they are another machine's.
pub fn find(name: &str) -> Result<Vec<Found>, ProcessError> {
    let wanted = plain(name);
    Ok(pids()?
        .into_iter()
        .filter_map(|pid| {
            let stat = Stat::read(pid)?;
            let called = called(pid, &stat);
            let found = stat.is_alive() && called.iter().any(|name| plain(name) == wanted) && !is_elsewhere(pid);
            found.then(|| Found {
                pid,
                name: called.into_iter().next().unwrap_or_default(),
                resident_bytes: resident_bytes(pid).unwrap_or_default(),
            })
        })
        .collect())
}

/// Whether a process lives; a zombie does not.
pub fn is_alive(pid: u32) -> bool {
    Stat::read(pid).is_some_and(|stat| stat.is_alive())
}

/// Whether a process is stopped (by a signal or a debugger), so that it does nothing at all.
pub fn is_stopped(pid: u32) -> bool {
    Stat::read(pid).is_some_and(|stat| stat.is_stopped())
}

/// Who started it, as far as that one still lives.
pub fn parent_of(pid: u32) -> Option<u32> {
    Stat::read(pid).map(|stat| stat.parent).filter(|parent| *parent != 0)
}

/// The program's name without path, as windows show it.
pub(in super::super) fn name_of(pid: u32) -> Option<String> {
    let stat = Stat::read(pid)?;
    called(pid, &stat).into_iter().next()
}

/// Kills the group of `leader`, its descendants, and whoever carries its mark, until none is left (bounded).
pub(super) fn kill(leader: u32, mark: &str) {
    for _round in 0..20 {
        if let Some(group) = pid_of(leader) {
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
        let members = members(leader, mark);
        if members.is_empty() {
            return;
        }
        for pid in members {
            kill_if(pid, leader, mark);
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Asks the group to end.
pub(super) fn ask_to_end(leader: u32) {
    if let Some(group) = pid_of(leader) {
        let _ = rustix::process::kill_process_group(group, Signal::TERM);
    }
}

/// Live members of the tree but the leader, which is reaped by who started it.
pub(super) fn members(leader: u32, mark: &str) -> Vec<u32> {
    let stats: Vec<Stat> = pids().unwrap_or_default().into_iter().filter_map(Stat::read).collect();
    let mut tree = vec![leader];
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        tree.extend(stats.iter().filter(|stat| stat.parent == parent && stat.pid != leader).map(|stat| stat.pid));
        next += 1;
    }
    stats
        .iter()
        .filter(|stat| stat.is_alive() && stat.pid != leader)
        .filter(|stat| stat.group == leader || tree.contains(&stat.pid) || carries(stat.pid, mark))
        .map(|stat| stat.pid)
        .collect()
}

/// Kills one process through a handle, so that a number that went to another process meanwhile is not hit.
fn kill_if(pid: u32, leader: u32, mark: &str) {
    let Some(handle) = pid_of(pid).and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok()) else { return };
    if members(leader, mark).contains(&pid) {
        let _ = pidfd_send_signal(&handle, Signal::KILL);
    }
}

fn carries(pid: u32, mark: &str) -> bool {
    variable(pid, MARK).is_some_and(|value| value == mark)
}

/// A variable of the environment a process was started with.
fn variable(pid: u32, name: &str) -> Option<String> {
    let environ = fs::read(format!("/proc/{pid}/environ")).ok()?;
    let prefix = format!("{name}=");
    let entry = environ.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(prefix.as_bytes()))?;
    Some(String::from_utf8_lossy(entry).into_owned())
}

/// Without a display of its own, or with an unknown one, a process counts as being here.
fn is_elsewhere(pid: u32) -> bool {
    let here = std::env::var(DISPLAY).unwrap_or_default();
    let there = variable(pid, DISPLAY).unwrap_or_default();
    !here.is_empty() && !there.is_empty() && !same_display(&here, &there)
}

/// `:7` and `:7.0` name the same display.
fn same_display(one: &str, other: &str) -> bool {
    let without_screen = |name: &str| match name.rsplit_once('.') {
        Some((display, screen)) if display.contains(':') && screen.bytes().all(|byte| byte.is_ascii_digit()) => {
            display.to_owned()
        }
        _ => name.to_owned(),
    };
    without_screen(one) == without_screen(other)
}

fn pid_of(pid: u32) -> Option<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw)
}

pub(super) fn pids() -> Result<Vec<u32>, ProcessError> {
    let entries = fs::read_dir("/proc")
        .map_err(|error| ProcessError::Lost { program: "/proc".into(), reason: error.to_string() })?;
    Ok(entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect())
}

/// All names a process goes by: its executable, its first argument, its own short name.
pub(super) fn called(pid: u32, stat: &Stat) -> Vec<String> {
    let base = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned());
    let executable = fs::read_link(format!("/proc/{pid}/exe")).ok().and_then(|path| base(&path));
    let argument = fs::read(format!("/proc/{pid}/cmdline")).ok().and_then(|line| {
        let first = line.split(|byte| *byte == 0).next().unwrap_or_default();
        base(Path::new(String::from_utf8_lossy(first).as_ref()))
    });
    // A deleted or replaced executable says so after its name.
    let executable = executable.map(|name| name.trim_end_matches(" (deleted)").to_owned());
    // A script's executable is its interpreter; the short name is the script's then.
    let mut names: Vec<String> = [executable, argument].into_iter().flatten().collect();
    if !names.iter().any(|name| name.starts_with(&stat.short_name)) {
        names.insert(0, stat.short_name.clone());
    }
    names.dedup();
    names
}

fn resident_bytes(pid: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

fn plain(name: &str) -> String {
    let lower = name.to_lowercase();
    lower.strip_suffix(".exe").map_or(lower.clone(), str::to_owned)
}

/// What `/proc/<pid>/stat` tells.
pub(super) struct Stat {
    pub(super) pid: u32,
    short_name: String,
    state: char,
    pub(super) parent: u32,
    group: u32,
}

impl Stat {
    fn read(pid: u32) -> Option<Self> {
        Self::parse(pid, &fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    /// The name stands in parentheses and may itself hold spaces and parentheses.
    pub(super) fn parse(pid: u32, line: &str) -> Option<Self> {
        let short_name = line[line.find('(')? + 1..line.rfind(')')?].to_owned();
        let mut fields = line[line.rfind(')')? + 1..].split_ascii_whitespace();
        let state = fields.next()?.chars().next()?;
        let parent = fields.next()?.parse().ok()?;
        let group = fields.next()?.parse().ok()?;
        Some(Self { pid, short_name, state, parent, group })
    }

    fn is_alive(&self) -> bool {
        !matches!(self.state, 'Z' | 'X' | 'x')
    }

    fn is_stopped(&self) -> bool {
        matches!(self.state, 'T' | 't')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_with_spaces_and_parentheses_does_not_shift_the_fields() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194560 1";
        let stat = Stat::parse(42, line).unwrap();
        assert_eq!((stat.short_name.as_str(), stat.parent, stat.group), ("a) b (c", 7, 42));
        assert!(stat.is_alive());
        assert!(Stat::parse(42, "42 (x").is_none());
    }

    #[test]
    fn a_display_may_be_named_with_its_screen() {
        assert!(same_display(":7", ":7.0"));
        assert!(same_display("host.example.org:7", "host.example.org:7.1"));
        assert!(!same_display(":7", ":8"));
        assert!(!same_display(":7", ":70"));
    }

    #[test]
    fn this_process_is_alive_and_has_a_name() {
        let me = std::process::id();
        assert!(is_alive(me));
        let name = name_of(me).unwrap();
        let found = find(&name).unwrap();
        assert!(found.iter().any(|process| process.pid == me && process.resident_bytes > 0), "{found:?}");
        assert!(find("no-such-program-anywhere").unwrap().is_empty());
    }
}

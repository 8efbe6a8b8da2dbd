//! Which processes belong to this desktop: a machine may have several, each with its own agent and its own copy of an application.

#[cfg(target_os = "linux")]
use crate::desktop::process;

/// Whether a process may be taken for one of this desktop: what shows its windows on another display, or belongs to another person,
/// is none. What has no display (a service) is everybody's.
#[cfg(target_os = "linux")]
pub(super) fn is_here(pid: u32, display: Option<&str>) -> bool {
    use std::{fs, os::unix::fs::MetadataExt as _};

    let Ok(owner) = fs::metadata(format!("/proc/{pid}")).map(|metadata| metadata.uid()) else { return false };
    let own = rustix::process::getuid().as_raw();
    if owner != own {
        return !is_person(owner);
    }
    let Some(named) = display_of(pid) else { return false };
    match display {
        Some(display) if !named.is_empty() => plain(&named) == plain(display),
        _ => true,
    }
}

/// The display a process was started for, empty if it was for none; `None` where it has ended. For a moment after its start and while it ends, a
/// program has no environment or a part of one, and must not be taken for one of every display then.
#[cfg(target_os = "linux")]
fn display_of(pid: u32) -> Option<String> {
    use std::{fs, thread, time::Duration};

    const LOOKS: u32 = 40;
    const LOOK_AGAIN: Duration = Duration::from_millis(5);

    let mut before = Vec::new();
    for _ in 0..LOOKS {
        let environ = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
        let named = environ.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"DISPLAY="));
        if let Some(named) = named {
            return Some(String::from_utf8_lossy(named).into_owned());
        }
        if !process::is_alive(pid) {
            return None;
        }
        if !environ.is_empty() && environ == before {
            break;
        }
        before = environ;
        thread::sleep(LOOK_AGAIN);
    }
    Some(String::new())
}

/// Elsewhere a session sees its own processes only.
#[cfg(not(target_os = "linux"))]
pub(super) fn is_here(_pid: u32, _display: Option<&str>) -> bool {
    true
}

/// By the usual division of user numbers.
#[cfg(target_os = "linux")]
fn is_person(user: u32) -> bool {
    (1_000..65_534).contains(&user)
}

/// `:1`, `unix:1` and `:1.0` are one display.
#[cfg(target_os = "linux")]
fn plain(display: &str) -> &str {
    let display = display.strip_prefix("unix").unwrap_or(display);
    match display.rsplit_once('.') {
        Some((before, screen)) if before.contains(':') && screen.bytes().all(|byte| byte.is_ascii_digit()) => before,
        _ => display,
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn a_program_on_another_display_is_not_here() {
        let mut child = Command::new("sleep").arg("60").env("DISPLAY", ":77.0").stdin(Stdio::null()).spawn().unwrap();
        assert!(is_here(child.id(), Some(":77")));
        assert!(!is_here(child.id(), Some(":78")));
        assert!(is_here(child.id(), None));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_here(child.id(), None), "it has gone");
    }

    #[test]
    fn nor_is_one_that_is_just_starting_or_ending_there() {
        for _ in 0..100 {
            let mut child = Command::new("sleep").arg("60").env("DISPLAY", ":77").stdin(Stdio::null()).spawn().unwrap();
            assert!(!is_here(child.id(), Some(":78")), "it starts");
            child.kill().unwrap();
            assert!(!is_here(child.id(), Some(":78")), "it ends");
            child.wait().unwrap();
        }
        let mut bare = Command::new("sleep").arg("60").env_clear().stdin(Stdio::null()).spawn().unwrap();
        assert!(is_here(bare.id(), Some(":78")), "what has no display is everybody's");
        bare.kill().unwrap();
        bare.wait().unwrap();
    }
}

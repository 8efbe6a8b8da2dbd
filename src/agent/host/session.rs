//! Which processes belong to this desktop: a machine may have several, each with its own agent and its own copy of an application.

/// Whether a process may be taken for one of this desktop: what shows its windows on another display, or belongs to another person,
/// is none. What has no display (a service) is everybody's.
#[cfg(target_os = "linux")]
pub(super) fn is_here(pid: u32, display: Option<&str>) -> bool {
    use std::{fs, os::unix::fs::MetadataExt as _};

    let folder = format!("/proc/{pid}");
    let Ok(owner) = fs::metadata(&folder).map(|metadata| metadata.uid()) else { return false };
    let own = rustix::process::getuid().as_raw();
    if owner != own {
        return !is_person(owner);
    }
    let environ = fs::read(format!("{folder}/environ")).unwrap_or_default();
    let named = environ.split(|byte| *byte == 0).find_map(|entry| entry.strip_prefix(b"DISPLAY="));
    match (named, display) {
        (Some(named), Some(display)) => plain(&String::from_utf8_lossy(named)) == plain(display),
        _ => true,
    }
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
        // A program that has just been started has no environment for a moment.
        while std::fs::read(format!("/proc/{}/environ", child.id())).is_ok_and(|environ| environ.is_empty()) {
            std::thread::yield_now();
        }
        assert!(is_here(child.id(), Some(":77")));
        assert!(!is_here(child.id(), Some(":78")));
        assert!(is_here(child.id(), None));
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(!is_here(child.id(), None), "it has gone");
    }
}

//! Whether input arrives: the session's state, the desktop that gets it, and the rights of the window in front.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::sync::OnceLock;

use windows::Win32::{
    Foundation::{CloseHandle, HANDLE},
    Security::{
        GetSidSubAuthority, GetSidSubAuthorityCount, GetTokenInformation, TOKEN_MANDATORY_LABEL, TOKEN_QUERY,
        TokenIntegrityLevel,
    },
    System::{
        RemoteDesktop::{
            ProcessIdToSessionId, WTS_CONNECTSTATE_CLASS, WTSActive, WTSConnectState, WTSFreeMemory,
            WTSQuerySessionInformationW,
        },
        StationsAndDesktops::{
            CloseDesktop, DESKTOP_CONTROL_FLAGS, DESKTOP_READOBJECTS, GetUserObjectInformationW, HDESK, OpenDesktopW,
            OpenInputDesktop, SetThreadDesktop, UOI_NAME,
        },
        Threading::{
            GetCurrentProcess, GetCurrentProcessId, OpenProcess, OpenProcessToken, PROCESS_QUERY_LIMITED_INFORMATION,
        },
    },
};

use windows::core::w;

use super::shown::pid_of;
use crate::desktop::{DesktopError, Foreground};

/// The one that applications run on. Others are the log-on screen, the screen saver, and the question for an administrator.
const APPLICATIONS: &str = "Default";

/// All rights that the desktop gives.
const MAXIMUM_ALLOWED: u32 = 0x0200_0000;

/// Puts this thread onto the desktop of the applications. Threads are there by themselves, but under Wine, where of a program that a
/// service has started in the session only the first one is.
pub(super) fn enter() {
    static DESKTOP: OnceLock<Option<usize>> = OnceLock::new();
    // SAFETY: the desktop stays open as long as this process.
    unsafe {
        let open = || OpenDesktopW(w!("Default"), DESKTOP_CONTROL_FLAGS(0), false, MAXIMUM_ALLOWED).ok();
        if let Some(desktop) = DESKTOP.get_or_init(|| open().map(|desktop| desktop.0 as usize)) {
            // Refused to a thread that has windows: then it is on it already.
            let _ = SetThreadDesktop(HDESK(*desktop as *mut core::ffi::c_void));
        }
    }
}

/// Refuses where pictures are black and input goes nowhere, and says why.
pub(super) fn check() -> Result<(), DesktopError> {
    let session = id();
    if session == Some(0) {
        return Err(unavailable(
            "this process runs in session 0, which has no desktop; run the agent in a person's session (docs/windows.md)",
        ));
    }
    if session.and_then(state).is_some_and(|state| state != WTSActive) {
        return Err(unavailable(
            "the session is disconnected: what is done in it arrives nowhere; reconnect it, or move it to the console with tscon",
        ));
    }
    match input_desktop() {
        Some(name) if name == APPLICATIONS => Ok(()),
        Some(name) => Err(unavailable(&format!(
            "the desktop \"{name}\" has the input, not the applications': unlock the session"
        ))),
        None => Err(unavailable(
            "the session is locked, or Windows asks for an administrator: input cannot be given until that is answered",
        )),
    }
}

/// Refuses where the window in front has more rights than this process: the system swallows input to it.
pub(super) fn check_rights(front: Option<&Foreground>) -> Result<(), DesktopError> {
    let Some(front) = front else { return Ok(()) };
    let Some(pid) = pid_of(front.id) else { return Ok(()) };
    // SAFETY: the handles are closed by `level`.
    let (own, theirs) = unsafe {
        let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, false, pid);
        (level(GetCurrentProcess()), process.ok().and_then(|process| level(process)))
    };
    match (own, theirs) {
        (Some(own), Some(theirs)) if theirs > own => Err(unavailable(&format!(
            "the window {front} runs with higher rights than the agent, so that Windows swallows input to it: close it, or run \
             the application without administrator rights"
        ))),
        _ => Ok(()),
    }
}

/// Such as `console` or `rdp-tcp#3`, as the session calls itself.
pub(super) fn name() -> String {
    let named = std::env::var("SESSIONNAME").unwrap_or_default();
    if named.is_empty() { id().map_or_else(String::new, |id| format!("session {id}")) } else { named }
}

/// Of this process.
pub(in crate::desktop) fn id() -> Option<u32> {
    session_of(
        // SAFETY: gives a number.
        unsafe { GetCurrentProcessId() },
    )
}

/// The session a process runs in; `None` where it is gone.
pub(in crate::desktop) fn session_of(pid: u32) -> Option<u32> {
    let mut session = 0;
    // SAFETY: the pointer is to a local that outlives the call.
    unsafe { ProcessIdToSessionId(pid, &raw mut session) }.ok()?;
    Some(session)
}

/// `None` where the system does not tell.
fn state(session: u32) -> Option<WTS_CONNECTSTATE_CLASS> {
    let mut buffer = windows::core::PWSTR::null();
    let mut bytes = 0;
    // SAFETY: the buffer is the system's, read as far as it says and given back.
    unsafe {
        WTSQuerySessionInformationW(None, session, WTSConnectState, &raw mut buffer, &raw mut bytes).ok()?;
        let known = !buffer.is_null() && bytes as usize >= size_of::<i32>();
        let state = known.then(|| WTS_CONNECTSTATE_CLASS(buffer.0.cast::<i32>().read_unaligned()));
        WTSFreeMemory(buffer.0.cast());
        state
    }
}

/// The name of the desktop that gets the input; `None` where this process may not know.
fn input_desktop() -> Option<String> {
    // SAFETY: the desktop is closed again.
    unsafe {
        let desktop = OpenInputDesktop(DESKTOP_CONTROL_FLAGS(0), false, DESKTOP_READOBJECTS).ok()?;
        let name = desktop_name(desktop);
        let _ = CloseDesktop(desktop);
        name
    }
}

fn desktop_name(desktop: HDESK) -> Option<String> {
    let mut units = [0_u16; 128];
    let length = u32::try_from(size_of_val(&units)).unwrap_or_default();
    let mut needed = 0;
    // SAFETY: the buffer is as long as it is said to be.
    unsafe {
        GetUserObjectInformationW(
            HANDLE(desktop.0),
            UOI_NAME,
            Some(units.as_mut_ptr().cast()),
            length,
            Some(&raw mut needed),
        )
        .ok()?;
    }
    let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
    Some(String::from_utf16_lossy(&units[..end]))
}

/// How much a process may do, by its integrity level. Closes the handle.
///
/// # Safety
/// The handle must be one of a process.
unsafe fn level(process: HANDLE) -> Option<u32> {
    // SAFETY: as the caller promised; the token is closed again, the label read where the system has written it.
    unsafe {
        let mut token = HANDLE::default();
        let opened = OpenProcessToken(process, TOKEN_QUERY, &raw mut token);
        let _ = CloseHandle(process);
        opened.ok()?;
        // Room for the label and the number it points to, aligned for both.
        let mut label = [0_u64; 16];
        let length = u32::try_from(size_of_val(&label)).unwrap_or_default();
        let mut needed = 0;
        let told =
            GetTokenInformation(token, TokenIntegrityLevel, Some(label.as_mut_ptr().cast()), length, &raw mut needed);
        let _ = CloseHandle(token);
        told.ok()?;
        let sid = (*label.as_ptr().cast::<TOKEN_MANDATORY_LABEL>()).Label.Sid;
        let last = (*GetSidSubAuthorityCount(sid)).checked_sub(1)?;
        Some(*GetSidSubAuthority(sid, last.into()))
    }
}

fn unavailable(why: &str) -> DesktopError {
    DesktopError::Unavailable(why.to_owned())
}

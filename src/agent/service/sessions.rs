//! The sessions of this host, and programs inside of them.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::{collections::BTreeMap, slice, time::Duration};

use windows::{
    Win32::{
        Foundation::{CloseHandle, ERROR_NO_TOKEN, HANDLE, WAIT_OBJECT_0},
        Security::{GetTokenInformation, LookupAccountSidW, SID_NAME_USE, TOKEN_USER, TokenUser},
        System::{
            Environment::{CreateEnvironmentBlock, DestroyEnvironmentBlock},
            JobObjects::{
                AssignProcessToJobObject, CreateJobObjectW, JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE,
                JOBOBJECT_EXTENDED_LIMIT_INFORMATION, JobObjectExtendedLimitInformation, SetInformationJobObject,
            },
            RemoteDesktop::{
                WTS_SESSION_INFOW, WTSConnectSessionW, WTSDisconnected, WTSEnumerateSessionsW, WTSFreeMemory,
                WTSGetActiveConsoleSessionId, WTSQueryUserToken,
            },
            Threading::{
                CREATE_NO_WINDOW, CREATE_SUSPENDED, CREATE_UNICODE_ENVIRONMENT, CreateProcessAsUserW,
                PROCESS_INFORMATION, ResumeThread, STARTUPINFOW, TerminateProcess, WaitForSingleObject,
            },
        },
    },
    core::{HRESULT, HSTRING, PCWSTR, PWSTR, Result, w},
};

use super::keeper::Seen;

/// Of the session that has the console while nobody has it.
const NO_SESSION: u32 = u32::MAX;

/// Those that somebody is logged on to.
pub(super) fn list() -> Result<Vec<Seen>> {
    let mut first: *mut WTS_SESSION_INFOW = std::ptr::null_mut();
    let mut count = 0;
    // SAFETY: the list is the system's, read as far as it says and given back.
    let mut sessions: Vec<(u32, bool)> = unsafe {
        WTSEnumerateSessionsW(None, 0, 1, &raw mut first, &raw mut count)?;
        let listed = if first.is_null() { &[] } else { slice::from_raw_parts(first, count as usize) };
        let sessions = listed.iter().map(|session| (session.SessionId, session.State == WTSDisconnected)).collect();
        WTSFreeMemory(first.cast());
        sessions
    };
    // Where the terminal services do not run nothing is listed, and there is the console all the same.
    sessions.extend(console().filter(|_| sessions.is_empty()).map(|console| (console, false)));
    let seen = |(session, is_disconnected)| Some(Seen { session, user: user_of(session)?, is_disconnected });
    Ok(sessions.into_iter().filter_map(seen).collect())
}

/// `DOMAIN\name`; `None` where nobody is logged on.
fn user_of(session: u32) -> Option<String> {
    // SAFETY: all pointers are to locals that outlive the calls and are as long as it is said.
    unsafe {
        let token = token_of(session).ok()?;
        // Room for the identity and what it points to, aligned for both.
        let mut told = [0_u64; 32];
        let length = u32::try_from(size_of_val(&told)).unwrap_or_default();
        let mut needed = 0;
        GetTokenInformation(token.0, TokenUser, Some(told.as_mut_ptr().cast()), length, &raw mut needed).ok()?;
        let id = (*told.as_ptr().cast::<TOKEN_USER>()).User.Sid;
        let (mut name, mut domain) = ([0_u16; 257], [0_u16; 257]);
        let (mut name_length, mut domain_length) = (257, 257);
        let mut kind = SID_NAME_USE::default();
        LookupAccountSidW(
            None,
            id,
            Some(PWSTR(name.as_mut_ptr())),
            &raw mut name_length,
            Some(PWSTR(domain.as_mut_ptr())),
            &raw mut domain_length,
            &raw mut kind,
        )
        .ok()?;
        let text =
            |units: &[u16], length: u32| String::from_utf16_lossy(units.get(..length as usize).unwrap_or_default());
        let (name, domain) = (text(&name, name_length), text(&domain, domain_length));
        Some(if domain.is_empty() { name } else { format!(r"{domain}\{name}") })
    }
}

/// Of the user who is logged on there. The system alone may ask.
fn token_of(session: u32) -> Result<Opened> {
    let mut token = HANDLE::default();
    // SAFETY: the pointer is to a local that outlives the call.
    unsafe { WTSQueryUserToken(session, &raw mut token) }?;
    Ok(Opened(token))
}

/// The session that has screen and keyboard of the host itself.
pub(super) fn console() -> Option<u32> {
    // SAFETY: gives a number.
    Some(unsafe { WTSGetActiveConsoleSessionId() }).filter(|session| *session != NO_SESSION)
}

/// Whether the system says that nobody is logged on at the console, and not only that it cannot say who.
pub(super) fn console_is_free() -> bool {
    let nobody = HRESULT::from_win32(ERROR_NO_TOKEN.0);
    console().is_none_or(|console| token_of(console).is_err_and(|error| error.code() == nobody))
}

pub(super) fn take_to_console(session: u32) -> Result<()> {
    let console = console().unwrap_or(NO_SESSION);
    // SAFETY: takes numbers and a text that outlives the call.
    unsafe { WTSConnectSessionW(session, console, w!(""), true) }
}

/// What is in it ends when this process ends, however it does.
pub(super) struct Job(HANDLE);

impl Job {
    pub(super) fn new() -> Result<Self> {
        let mut limits = JOBOBJECT_EXTENDED_LIMIT_INFORMATION::default();
        limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
        let length = u32::try_from(size_of_val(&limits)).unwrap_or_default();
        // SAFETY: the limits outlive the call.
        unsafe {
            let job = Self(CreateJobObjectW(None, None)?);
            SetInformationJobObject(job.0, JobObjectExtendedLimitInformation, (&raw const limits).cast(), length)?;
            Ok(job)
        }
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: opened in `new`, closed once.
        let _ = unsafe { CloseHandle(self.0) };
    }
}

/// A program in a session.
pub(super) struct Child {
    process: HANDLE,
    pub(super) pid: u32,
}

impl Child {
    pub(super) fn has_ended_within(&self, limit: Duration) -> bool {
        let ms = u32::try_from(limit.as_millis()).unwrap_or(u32::MAX - 1);
        // SAFETY: the handle is open as long as this lives.
        unsafe { WaitForSingleObject(self.process, ms) == WAIT_OBJECT_0 }
    }

    pub(super) fn end(&self) {
        // SAFETY: as above.
        let _ = unsafe { TerminateProcess(self.process, 1) };
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // SAFETY: opened by `start`, closed once.
        let _ = unsafe { CloseHandle(self.process) };
    }
}

/// Starts a program as the user of the session, on the desktop that applications have there. `command` makes its command line of the user's
/// own variables.
pub(super) fn start(
    session: u32,
    job: &Job,
    command: impl FnOnce(&BTreeMap<String, String>) -> String,
) -> Result<Child> {
    // SAFETY: all pointers are to locals that outlive the calls; what was opened is closed.
    unsafe {
        let token = token_of(session)?;
        let mut block = std::ptr::null_mut();
        CreateEnvironmentBlock(&raw mut block, Some(token.0), false)?;
        let variables = variables(block.cast());
        let folder = variables.get("USERPROFILE").map_or_else(|| HSTRING::from(r"C:\"), HSTRING::from);
        let mut line: Vec<u16> = command(&variables).encode_utf16().chain([0]).collect();
        let mut desktop: Vec<u16> = r"winsta0\default".encode_utf16().chain([0]).collect();
        let startup = STARTUPINFOW {
            cb: u32::try_from(size_of::<STARTUPINFOW>()).unwrap_or_default(),
            lpDesktop: PWSTR(desktop.as_mut_ptr()),
            ..STARTUPINFOW::default()
        };
        let mut begun = PROCESS_INFORMATION::default();
        let started = CreateProcessAsUserW(
            Some(token.0),
            None,
            Some(PWSTR(line.as_mut_ptr())),
            None,
            None,
            false,
            CREATE_UNICODE_ENVIRONMENT | CREATE_NO_WINDOW | CREATE_SUSPENDED,
            Some(block),
            &folder,
            &raw const startup,
            &raw mut begun,
        );
        let _ = DestroyEnvironmentBlock(block);
        started?;
        let thread = Opened(begun.hThread);
        let child = Child { process: begun.hProcess, pid: begun.dwProcessId };
        if let Err(error) = AssignProcessToJobObject(job.0, child.process) {
            child.end();
            return Err(error);
        }
        ResumeThread(thread.0);
        Ok(child)
    }
}

struct Opened(HANDLE);

impl Drop for Opened {
    fn drop(&mut self) {
        // SAFETY: whoever made this has opened it, and nobody else closes it.
        let _ = unsafe { CloseHandle(self.0) };
    }
}

/// Of a block of `NAME=value`, each with a zero at its end, and a zero after the last. Names in upper case.
///
/// # Safety
/// It must be such a block.
unsafe fn variables(mut at: *const u16) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    // SAFETY: as the caller promised: read up to each zero, and no further than the empty one.
    unsafe {
        while !at.is_null() && *at != 0 {
            let text = PCWSTR(at);
            let units = text.as_wide();
            let line = String::from_utf16_lossy(units);
            if let Some((name, value)) = line.split_once('=') {
                variables.insert(name.to_uppercase(), value.to_owned());
            }
            at = at.add(units.len() + 1);
        }
    }
    variables
}

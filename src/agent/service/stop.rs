//! How the service asks the agent of a session to stop: an event of the system, named after the session.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::thread;

use tokio::sync::oneshot;
use windows::{
    Win32::{
        Foundation::{CloseHandle, HANDLE, HLOCAL, LocalFree, WAIT_OBJECT_0},
        Security::{
            Authorization::{ConvertStringSecurityDescriptorToSecurityDescriptorW, SDDL_REVISION_1},
            PSECURITY_DESCRIPTOR, SECURITY_ATTRIBUTES,
        },
        System::Threading::{
            CreateEventW, INFINITE, OpenEventW, ResetEvent, SYNCHRONIZATION_SYNCHRONIZE, SetEvent, WaitForSingleObject,
        },
    },
    core::{HSTRING, w},
};

fn name_of(session: u32) -> HSTRING {
    HSTRING::from(format!(r"Global\deskfleet-agent-stop-{session}"))
}

/// The service's end.
pub(super) struct Bell(HANDLE);

impl Bell {
    /// Silent, whatever became of the one before it.
    pub(super) fn hang(session: u32) -> windows::core::Result<Self> {
        let mut rights = PSECURITY_DESCRIPTOR::default();
        // SAFETY: the pointers are to locals that outlive the calls; what the system made is given back.
        unsafe {
            // All rights for the system, waiting for those who are logged on.
            let told = w!("D:(A;;GA;;;SY)(A;;GA;;;BA)(A;;0x00100000;;;IU)(A;;0x00100000;;;RD)");
            ConvertStringSecurityDescriptorToSecurityDescriptorW(told, SDDL_REVISION_1, &raw mut rights, None)?;
            let attributes = SECURITY_ATTRIBUTES {
                nLength: u32::try_from(size_of::<SECURITY_ATTRIBUTES>()).unwrap_or_default(),
                lpSecurityDescriptor: rights.0,
                bInheritHandle: false.into(),
            };
            let made = CreateEventW(Some(&raw const attributes), true, false, &name_of(session));
            LocalFree(Some(HLOCAL(rights.0)));
            let bell = Self(made?);
            ResetEvent(bell.0)?;
            Ok(bell)
        }
    }

    pub(super) fn ring(&self) -> windows::core::Result<()> {
        // SAFETY: the handle is open as long as this lives.
        unsafe { SetEvent(self.0) }
    }
}

impl Drop for Bell {
    fn drop(&mut self) {
        // SAFETY: opened in `hang`, closed once.
        let _ = unsafe { CloseHandle(self.0) };
    }
}

/// The agent's end: told once the service asks. `None` where no service keeps this session.
pub(in crate::agent) fn asked() -> Option<oneshot::Receiver<()>> {
    let session = crate::desktop::session()?;
    let (sender, receiver) = oneshot::channel();
    // SAFETY: the handle is closed by the thread, which alone has it.
    let bell = unsafe { OpenEventW(SYNCHRONIZATION_SYNCHRONIZE, false, &name_of(session)) }.ok()?;
    let bell = bell.0 as usize;
    let wait = move || {
        let bell = HANDLE(bell as *mut core::ffi::c_void);
        // SAFETY: as above.
        unsafe {
            let is_rung = WaitForSingleObject(bell, INFINITE) == WAIT_OBJECT_0;
            let _ = CloseHandle(bell);
            if is_rung {
                sender.send(()).ok();
            }
        }
    };
    thread::Builder::new().name("stop-event".into()).spawn(wait).ok()?;
    Some(receiver)
}

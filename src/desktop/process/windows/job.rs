//! Job objects: the system keeps account of everything that belongs to a program.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::{os::windows::io::AsRawHandle, process::Child};

use windows::Win32::{
    Foundation::{CloseHandle, HANDLE},
    System::{
        Diagnostics::ToolHelp::{
            CreateToolhelp32Snapshot, TH32CS_SNAPTHREAD, THREADENTRY32, Thread32First, Thread32Next,
        },
        JobObjects::{
            AssignProcessToJobObject, CreateJobObjectW, JOBOBJECT_BASIC_ACCOUNTING_INFORMATION,
            JobObjectBasicAccountingInformation, QueryInformationJobObject, TerminateJobObject,
        },
        Threading::{
            OpenProcess, OpenThread, PROCESS_TERMINATE, ResumeThread, THREAD_SUSPEND_RESUME, TerminateProcess,
        },
    },
};

/// Exit code of what was killed.
const KILLED: u32 = 1;

/// What a program and everything it starts belong to.
#[derive(Debug)]
pub(super) struct Job(HANDLE);

// SAFETY: a handle is good on every thread of its process.
unsafe impl Send for Job {}

impl Job {
    pub(super) fn new() -> windows::core::Result<Self> {
        // SAFETY: closed in `drop`.
        unsafe { CreateJobObjectW(None, None) }.map(Self)
    }

    /// Takes in a program that was started suspended, and lets it go on.
    pub(super) fn take_in(&self, child: &Child) -> windows::core::Result<()> {
        // SAFETY: the child's handle lives as long as it does.
        unsafe { AssignProcessToJobObject(self.0, HANDLE(child.as_raw_handle())) }?;
        resume(child.id())
    }

    pub(super) fn kill(&self) {
        // SAFETY: the handle is the job's. What is gone need not be killed.
        let _ = unsafe { TerminateJobObject(self.0, KILLED) };
    }

    /// Whether anything in it is alive.
    pub(super) fn is_alive(&self) -> bool {
        let mut told = JOBOBJECT_BASIC_ACCOUNTING_INFORMATION::default();
        let size = u32::try_from(size_of_val(&told)).unwrap_or_default();
        // SAFETY: the structure is as long as it is said to be.
        let asked = unsafe {
            QueryInformationJobObject(
                Some(self.0),
                JobObjectBasicAccountingInformation,
                (&raw mut told).cast(),
                size,
                None,
            )
        };
        asked.is_ok() && told.ActiveProcesses > 0
    }
}

impl Drop for Job {
    fn drop(&mut self) {
        // SAFETY: opened in `new`. Without a handle the job goes on until its programs are gone.
        let _ = unsafe { CloseHandle(self.0) };
    }
}

/// Of a process that was started suspended its only thread.
fn resume(pid: u32) -> windows::core::Result<()> {
    let size = u32::try_from(size_of::<THREADENTRY32>()).unwrap_or_default();
    let mut entry = THREADENTRY32 { dwSize: size, ..THREADENTRY32::default() };
    // SAFETY: the entry names its size; what is opened is closed again.
    unsafe {
        let threads = CreateToolhelp32Snapshot(TH32CS_SNAPTHREAD, 0)?;
        let mut next = Thread32First(threads, &raw mut entry);
        while next.is_ok() {
            if entry.th32OwnerProcessID == pid {
                let thread = OpenThread(THREAD_SUSPEND_RESUME, false, entry.th32ThreadID)?;
                ResumeThread(thread);
                let _ = CloseHandle(thread);
            }
            next = Thread32Next(threads, &raw mut entry);
        }
        CloseHandle(threads)
    }
}

pub(super) fn kill(pid: u32) {
    // SAFETY: the process is closed again. One that has gone, or is another's, stays as it is.
    unsafe {
        if let Ok(process) = OpenProcess(PROCESS_TERMINATE, false, pid) {
            let _ = TerminateProcess(process, KILLED);
            let _ = CloseHandle(process);
        }
    }
}

//! The process table: who is called what in this session, how much memory and processor time they take.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::time::Duration;

use windows::Win32::{
    Foundation::{CloseHandle, FILETIME, HANDLE, WAIT_TIMEOUT},
    System::{
        Diagnostics::ToolHelp::{
            CreateToolhelp32Snapshot, PROCESSENTRY32W, Process32FirstW, Process32NextW, TH32CS_SNAPPROCESS,
        },
        ProcessStatus::{GetProcessMemoryInfo, PROCESS_MEMORY_COUNTERS},
        Threading::{
            GetProcessTimes, OpenProcess, PROCESS_QUERY_LIMITED_INFORMATION, PROCESS_SYNCHRONIZE, WaitForSingleObject,
        },
    },
};

use crate::desktop::{
    process::{Found, ProcessError, Spent},
    windows::session_of,
};

/// Of a second in the system's count of time.
const TICKS: u64 = 10_000_000;

struct Entry {
    pid: u32,
    parent: u32,
    name: String,
}

/// All live processes of this session whose program is called `name` (without path; neither case nor `.exe` at its end counts).
pub fn find(name: &str) -> Result<Vec<Found>, ProcessError> {
    let (wanted, own) = (plain(name), session_of(std::process::id()));
    let fits = |entry: &Entry| plain(&entry.name) == wanted && session_of(entry.pid) == own;
    let found = entries(name)?.into_iter().filter(fits);
    Ok(found
        .map(|entry| Found { pid: entry.pid, resident_bytes: resident_bytes(entry.pid), name: entry.name })
        .collect())
}

/// Of these processes and all their descendants. Those that are gone are left out.
pub fn spent(roots: &[u32]) -> Result<Vec<Spent>, ProcessError> {
    let all = entries("processes")?;
    let mut tree = roots.to_vec();
    let mut next = 0;
    while let Some(parent) = tree.get(next).copied() {
        let children = all.iter().filter(|entry| entry.parent == parent && entry.pid != parent);
        let new: Vec<u32> = children.map(|entry| entry.pid).filter(|pid| !tree.contains(pid)).collect();
        tree.extend(new);
        next += 1;
    }
    let of_tree = all.into_iter().filter(|entry| tree.contains(&entry.pid));
    // The time of those that have ended is nobody's here.
    let spent =
        |entry: Entry| Some(Spent { pid: entry.pid, own: time(entry.pid)?, name: entry.name, ended: Duration::ZERO });
    Ok(of_tree.filter_map(spent).collect())
}

/// Who started it. That one may have ended, and its number be another's by now.
pub fn parent_of(pid: u32) -> Option<u32> {
    entries("processes").ok()?.into_iter().find(|entry| entry.pid == pid).map(|entry| entry.parent)
}

pub fn is_alive(pid: u32) -> bool {
    with_process(pid, |process| {
        // SAFETY: the handle is open.
        (unsafe { WaitForSingleObject(process, 0) } == WAIT_TIMEOUT).then_some(())
    })
    .is_some()
}

/// Nothing on this system stops a process from outside but a debugger.
pub fn is_stopped(_pid: u32) -> bool {
    false
}

fn entries(what: &str) -> Result<Vec<Entry>, ProcessError> {
    let size = u32::try_from(size_of::<PROCESSENTRY32W>()).unwrap_or_default();
    let mut entry = PROCESSENTRY32W { dwSize: size, ..PROCESSENTRY32W::default() };
    let mut entries = Vec::new();
    // SAFETY: the entry names its size; the snapshot is closed again.
    unsafe {
        let table = CreateToolhelp32Snapshot(TH32CS_SNAPPROCESS, 0)
            .map_err(|error| ProcessError::Lost { program: what.to_owned(), reason: error.message() })?;
        let mut next = Process32FirstW(table, &raw mut entry);
        while next.is_ok() {
            let end = entry.szExeFile.iter().position(|unit| *unit == 0).unwrap_or(entry.szExeFile.len());
            let name = String::from_utf16_lossy(&entry.szExeFile[..end]);
            entries.push(Entry { pid: entry.th32ProcessID, parent: entry.th32ParentProcessID, name });
            next = Process32NextW(table, &raw mut entry);
        }
        let _ = CloseHandle(table);
    }
    Ok(entries)
}

fn plain(name: &str) -> String {
    let name = name.to_lowercase();
    name.strip_suffix(".exe").map(ToOwned::to_owned).unwrap_or(name)
}

fn resident_bytes(pid: u32) -> u64 {
    let bytes = with_process(pid, |process| {
        let mut told = PROCESS_MEMORY_COUNTERS::default();
        let size = u32::try_from(size_of_val(&told)).ok()?;
        // SAFETY: the structure is as long as it is said to be.
        unsafe { GetProcessMemoryInfo(process, &raw mut told, size) }.ok()?;
        u64::try_from(told.WorkingSetSize).ok()
    });
    bytes.unwrap_or_default()
}

fn time(pid: u32) -> Option<Duration> {
    with_process(pid, |process| {
        let [mut made, mut ended, mut kernel, mut user] = [FILETIME::default(); 4];
        // SAFETY: the pointers are to locals that outlive the call.
        unsafe { GetProcessTimes(process, &raw mut made, &raw mut ended, &raw mut kernel, &raw mut user) }.ok()?;
        let ticks = |time: FILETIME| u64::from(time.dwHighDateTime) << 32 | u64::from(time.dwLowDateTime);
        let spent = ticks(kernel).saturating_add(ticks(user));
        Some(Duration::from_millis(spent.saturating_mul(1_000) / TICKS))
    })
}

fn with_process<T>(pid: u32, ask: impl FnOnce(HANDLE) -> Option<T>) -> Option<T> {
    // SAFETY: the process is closed again.
    unsafe {
        let process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION | PROCESS_SYNCHRONIZE, false, pid).ok()?;
        let told = ask(process);
        let _ = CloseHandle(process);
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_found_and_takes_memory_and_time() {
        let own = std::process::id();
        let name = std::env::current_exe().unwrap().file_name().unwrap().to_string_lossy().to_uppercase();
        let found = find(&name).unwrap();
        assert!(found.iter().any(|found| found.pid == own && found.resident_bytes > 0), "{found:?}");
        assert!(is_alive(own) && !is_alive(u32::MAX - 3));
        assert!(spent(&[own]).unwrap().iter().any(|spent| spent.pid == own));
    }
}

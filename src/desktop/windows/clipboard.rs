//! The clipboard's text.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::{ptr, slice, thread, time::Duration};

use windows::{
    Win32::{
        Foundation::{GlobalFree, HANDLE, HGLOBAL},
        System::{
            DataExchange::{
                CloseClipboard, CountClipboardFormats, EmptyClipboard, GetClipboardData, IsClipboardFormatAvailable,
                OpenClipboard, RegisterClipboardFormatW, SetClipboardData,
            },
            Memory::{GMEM_MOVEABLE, GlobalAlloc, GlobalLock, GlobalSize, GlobalUnlock},
            Ole::CF_UNICODETEXT,
        },
    },
    core::w,
};

use crate::desktop::{DesktopError, Stopwatch};

/// Another program may hold it for a moment.
const OPEN: Duration = Duration::from_secs(1);

/// Longest text that is read.
const MAX_READ_BYTES: usize = 16 << 20;

/// Held open from its making to its end.
struct Held;

impl Held {
    fn open() -> Result<Self, DesktopError> {
        let watch = Stopwatch::start();
        loop {
            // SAFETY: closed in `drop`.
            match unsafe { OpenClipboard(None) } {
                Ok(()) => return Ok(Self),
                Err(error) if watch.left(OPEN).is_none() => {
                    return Err(failed(&format!("another program holds it open ({})", error.message())));
                }
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        // SAFETY: opened in `open`.
        let _ = unsafe { CloseClipboard() };
    }
}

/// What the clipboard holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Empty,
    Text(String),
    /// A picture, files, or whatever cannot be had as text.
    Other,
}

pub(super) fn read() -> Result<Content, DesktopError> {
    let _held = Held::open()?;
    // SAFETY: the memory belongs to the clipboard and stays while it is held open; it is read as far as it is long.
    let text = unsafe {
        if IsClipboardFormatAvailable(CF_UNICODETEXT.0.into()).is_err() {
            return Ok(if CountClipboardFormats() == 0 { Content::Empty } else { Content::Other });
        }
        let data = GetClipboardData(CF_UNICODETEXT.0.into()).map_err(|error| failed(&error.message()))?;
        let memory = HGLOBAL(data.0);
        let start = GlobalLock(memory).cast::<u16>();
        if start.is_null() {
            return Err(failed("its memory cannot be read"));
        }
        let units = GlobalSize(memory).min(MAX_READ_BYTES) / size_of::<u16>();
        let units = slice::from_raw_parts(start, units);
        let end = units.iter().position(|unit| *unit == 0).unwrap_or(units.len());
        let text = String::from_utf16_lossy(&units[..end]);
        let _ = GlobalUnlock(memory);
        text
    };
    Ok(if text.is_empty() { Content::Empty } else { Content::Text(text.replace("\r\n", "\n")) })
}

/// Lines end as the system's programs end them.
pub(super) fn write(text: &str, secret: bool) -> Result<(), DesktopError> {
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let _held = Held::open()?;
    // SAFETY: the memory is as long as what is copied to it, and is the clipboard's once it was taken.
    unsafe {
        EmptyClipboard().map_err(|error| failed(&error.message()))?;
        let memory =
            GlobalAlloc(GMEM_MOVEABLE, units.len() * size_of::<u16>()).map_err(|error| failed(&error.message()))?;
        let start = GlobalLock(memory).cast::<u16>();
        if start.is_null() {
            let _ = GlobalFree(Some(memory));
            return Err(failed("there is no memory for it"));
        }
        ptr::copy_nonoverlapping(units.as_ptr(), start, units.len());
        let _ = GlobalUnlock(memory);
        if let Err(error) = SetClipboardData(CF_UNICODETEXT.0.into(), Some(HANDLE(memory.0))) {
            let _ = GlobalFree(Some(memory));
            return Err(failed(&error.message()));
        }
        if secret {
            // Histories leave out what carries this; that it stands there is enough.
            let mark = RegisterClipboardFormatW(w!("ExcludeClipboardContentFromMonitorProcessing"));
            if let Ok(memory) = GlobalAlloc(GMEM_MOVEABLE, 1)
                && SetClipboardData(mark, Some(HANDLE(memory.0))).is_err()
            {
                let _ = GlobalFree(Some(memory));
            }
        }
    }
    Ok(())
}

pub(super) fn clear() -> Result<(), DesktopError> {
    let _held = Held::open()?;
    // SAFETY: held open.
    unsafe { EmptyClipboard() }.map_err(|error| failed(&error.message()))
}

fn failed(reason: &str) -> DesktopError {
    DesktopError::Clipboard(reason.to_owned())
}

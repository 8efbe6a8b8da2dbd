//! What can go wrong on a desktop, told apart by what to do about it.

use std::{fmt, time::Duration};

use super::{KeyError, Point, ProcessError, WindowId};

/// A window named in an error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Foreground {
    pub id: WindowId,
    pub title: String,
}

impl fmt::Display for Foreground {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\" ({})", self.title, self.id)
    }
}

/// Why the desktop could not do it.
///
/// `Unavailable`, `Hung`, `Capture` and `Input` speak of the desktop, `FocusLost`, `WindowGone`, `NotActivated` and `Refused` of the application,
/// `Fenced` of a lease that ended, `Key`, `Untypable` and `OutsideDesktop` of the request.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum DesktopError {
    /// No display, a locked or black screen, no window manager.
    #[error("the desktop cannot be worked on: {0}")]
    Unavailable(String),
    /// Nothing more was typed when this was noticed.
    #[error("the focus went from {expected} to {}: nothing more was typed; activate the window first", found_name(.found.as_ref()))]
    FocusLost { expected: Foreground, found: Option<Foreground> },
    /// No window has the focus, so that keys would go nowhere.
    #[error("no window has the focus: activate or click one first")]
    NoFocus,
    #[error("the window {0} is gone")]
    WindowGone(WindowId),
    #[error("{window} did not come to the front within {} ms; {} is there", .waited.as_millis(), found_name(.found.as_ref()))]
    NotActivated { window: Foreground, found: Option<Foreground>, waited: Duration },
    #[error("{at} is outside the desktop of {width}x{height} pixels")]
    OutsideDesktop { at: Point, width: u32, height: u32 },
    #[error("{what} is not available here: {instead}")]
    Unsupported { what: String, instead: String },
    /// An application would not do what it was asked, or did not answer.
    #[error("{0}")]
    Refused(String),
    #[error(transparent)]
    Key(#[from] KeyError),
    #[error("the keyboard has no key for {0}: use `via: paste`")]
    Untypable(String),
    #[error("input failed: {0}")]
    Input(String),
    #[error("capture failed: {0}")]
    Capture(String),
    #[error("the clipboard failed: {0}")]
    Clipboard(String),
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The pass of the call was withdrawn: its lease lapsed or was cancelled. Keys and buttons are released.
    #[error("input was stopped: the lease ended or was cancelled; keys and buttons are released")]
    Fenced,
    /// The call is past its limit. Its thread was given up; the next call gets a fresh one.
    #[error("the desktop did not answer {call} within {} ms; a fresh connection is opened for the next call", .limit.as_millis())]
    Hung { call: &'static str, limit: Duration },
}

fn found_name(found: Option<&Foreground>) -> String {
    found.map_or_else(|| "no window".to_owned(), ToString::to_string)
}

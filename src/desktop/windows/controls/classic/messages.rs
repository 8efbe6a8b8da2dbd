//! Questions to windows of other processes, none of which may keep us.

use std::collections::HashSet;

use windows::Win32::{
    Foundation::{HWND, LPARAM, WPARAM},
    UI::WindowsAndMessaging::{
        BM_GETCHECK, GetWindowThreadProcessId, SMTO_ABORTIFHUNG, SendMessageTimeoutW, WM_GETTEXT, WM_GETTEXTLENGTH,
    },
};

/// For one answer.
const ANSWER_MS: u32 = 300;

/// Longer texts are cut: what a whole document holds is asked of the application itself.
const MAX_TEXT: usize = 4_000;

/// What texts have grown by between two questions.
const ROOM: usize = 256;

/// Asks, and remembers who did not answer.
#[derive(Default)]
pub(super) struct Ear {
    /// Threads whose windows are asked nothing more.
    deaf: HashSet<u32>,
}

impl Ear {
    /// `None`: it did not answer, or may not be asked.
    pub(super) fn ask(&mut self, window: HWND, message: u32, first: usize, second: isize) -> Option<usize> {
        // SAFETY: asks only.
        let thread = unsafe { GetWindowThreadProcessId(window, None) };
        if self.deaf.contains(&thread) {
            return None;
        }
        let mut answer = 0;
        // SAFETY: the messages asked here carry numbers, or a buffer of the caller that outlives the call and is long enough.
        let told = unsafe {
            SendMessageTimeoutW(
                window,
                message,
                WPARAM(first),
                LPARAM(second),
                SMTO_ABORTIFHUNG,
                ANSWER_MS,
                Some(&raw mut answer),
            )
        };
        if told.0 == 0 {
            self.deaf.insert(thread);
            return None;
        }
        Some(answer)
    }

    /// A number that is negative where there is none.
    pub(super) fn count(&mut self, window: HWND, message: u32, first: usize) -> Option<usize> {
        self.ask(window, message, first, 0).filter(|count| isize::try_from(*count).is_ok())
    }

    /// The text of the window itself.
    pub(super) fn text(&mut self, window: HWND) -> Option<String> {
        let length = self.count(window, WM_GETTEXTLENGTH, 0)?.min(MAX_TEXT);
        let mut units = vec![0_u16; length + 1];
        let written = self.ask(window, WM_GETTEXT, units.len(), units.as_mut_ptr() as isize)?;
        Some(String::from_utf16_lossy(&units[..written.min(length)]))
    }

    /// The text of one of its items; `length_of` and `text_of` are the messages that ask for it.
    pub(super) fn item(&mut self, window: HWND, (length_of, text_of): (u32, u32), item: usize) -> Option<String> {
        let length = self.count(window, length_of, item)?;
        if length > MAX_TEXT {
            return None;
        }
        let mut units = vec![0_u16; length + ROOM];
        let written = self.ask(window, text_of, item, units.as_mut_ptr() as isize)?;
        let written = isize::try_from(written).ok().and_then(|written| usize::try_from(written).ok())?;
        Some(String::from_utf16_lossy(&units[..written.min(units.len())]))
    }

    pub(super) fn checked(&mut self, window: HWND) -> Option<bool> {
        const CHECKED: usize = 1;
        self.ask(window, BM_GETCHECK, 0, 0).map(|state| state == CHECKED)
    }
}

//! What is asked of a control by messages, without mouse or keyboard.

use std::ffi::c_void;

use windows::Win32::{
    Foundation::{HWND, LPARAM, WPARAM},
    System::Threading::{AttachThreadInput, GetCurrentThreadId},
    UI::{
        Input::KeyboardAndMouse::SetFocus,
        WindowsAndMessaging::{
            BM_CLICK, CB_SETCURSEL, CBN_SELCHANGE, GA_PARENT, GWL_STYLE, GetAncestor, GetDlgCtrlID, GetWindowLongPtrW,
            GetWindowThreadProcessId, IsWindow, LB_SETCURSEL, LB_SETSEL, LBN_SELCHANGE, LBS_EXTENDEDSEL,
            LBS_MULTIPLESEL, PostMessageW, WM_COMMAND, WM_SETTEXT,
        },
    },
};

use super::{Ear, Kind, real_class};
use crate::desktop::{
    DesktopError,
    ui::{Act, ElementId},
};

pub(in crate::desktop::windows::controls) fn act(id: &ElementId, act: &Act) -> Result<(), DesktopError> {
    let (window, item) = parse(id).ok_or_else(|| refused("the element is none of a window"))?;
    // SAFETY: any value may be asked.
    if !unsafe { IsWindow(Some(window)) }.as_bool() {
        return Err(refused("the element is gone"));
    }
    // SAFETY: asks only.
    let style = u32::try_from(unsafe { GetWindowLongPtrW(window, GWL_STYLE) } & 0xffff_ffff).unwrap_or_default();
    let kind = Kind::of(&real_class(window), style);
    let is_button = matches!(kind, Kind::Button | Kind::CheckBox | Kind::Radio);
    match (act, item) {
        (Act::Invoke | Act::Select, Some(item)) => choose(window, kind, style, item),
        (Act::Invoke, None) if is_button => click(window),
        (Act::Select, None) if kind == Kind::Radio => click(window),
        (Act::Focus, None) => focus(window),
        (Act::SetValue(text), None) if matches!(kind, Kind::Field | Kind::ComboBox) => set_text(window, text),
        _ => Err(refused(&format!("the element cannot {}", act.name()))),
    }
}

fn parse(id: &ElementId) -> Option<(HWND, Option<usize>)> {
    let (window, item) = match id.object.split_once('/') {
        Some((window, item)) => (window, Some(item.parse().ok()?)),
        None => (id.object.as_str(), None),
    };
    let address = usize::from_str_radix(window.strip_prefix("0x")?, 16).ok()?;
    Some((HWND(address as *mut c_void), item))
}

/// Sent behind: what it does may show a dialog and take its time.
fn click(window: HWND) -> Result<(), DesktopError> {
    // SAFETY: the message carries nothing.
    unsafe { PostMessageW(Some(window), BM_CLICK, WPARAM(0), LPARAM(0)) }
        .map_err(|error| refused(&format!("the button cannot be pressed: {}", error.message())))
}

fn set_text(window: HWND, text: &str) -> Result<(), DesktopError> {
    // Lines end in the system's way.
    let text = text.replace("\r\n", "\n").replace('\n', "\r\n");
    let units: Vec<u16> = text.encode_utf16().chain([0]).collect();
    let answer = Ear::default().ask(window, WM_SETTEXT, 0, units.as_ptr() as isize);
    match answer {
        Some(1..) => Ok(()),
        Some(0) => Err(refused("the field does not take this text")),
        None => Err(silent()),
    }
}

/// The list is told, and then its owner, as if a person had chosen.
fn choose(window: HWND, kind: Kind, style: u32, item: usize) -> Result<(), DesktopError> {
    let has = |bit: i32| style & bit.cast_unsigned() != 0;
    let mut ear = Ear::default();
    let number = isize::try_from(item).unwrap_or_default();
    let (chosen, changed) = match kind {
        Kind::ComboBox => (ear.count(window, CB_SETCURSEL, item), CBN_SELCHANGE),
        Kind::ListBox if has(LBS_MULTIPLESEL) || has(LBS_EXTENDEDSEL) => {
            (ear.ask(window, LB_SETSEL, 1, number), LBN_SELCHANGE)
        }
        Kind::ListBox => (ear.count(window, LB_SETCURSEL, item), LBN_SELCHANGE),
        _ => return Err(refused("the element cannot be selected")),
    };
    if chosen.is_none() {
        return Err(silent());
    }
    // SAFETY: asks only.
    let (owner, own) = unsafe { (GetAncestor(window, GA_PARENT), GetDlgCtrlID(window)) };
    let what = (own.cast_unsigned() & 0xffff) | (changed << 16);
    let told = ear.ask(owner, WM_COMMAND, what as usize, window.0 as isize);
    told.map(|_| ()).ok_or_else(silent)
}

/// Only the thread of a window may give it the focus: for a moment we are one with it.
fn focus(window: HWND) -> Result<(), DesktopError> {
    // SAFETY: what is joined is parted again.
    let given = unsafe {
        let (own, theirs) = (GetCurrentThreadId(), GetWindowThreadProcessId(window, None));
        let joined = AttachThreadInput(own, theirs, true).as_bool();
        let given = SetFocus(Some(window));
        if joined {
            let _ = AttachThreadInput(own, theirs, false);
        }
        given
    };
    given.map(|_| ()).map_err(|error| refused(&format!("the focus cannot go there: {}", error.message())))
}

fn silent() -> DesktopError {
    refused("its application did not answer, or runs with higher rights than the agent")
}

fn refused(why: &str) -> DesktopError {
    DesktopError::Refused(why.to_owned())
}

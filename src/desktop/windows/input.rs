//! Input as the system takes it: keys and mouse events in one call, none of them half.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use windows::Win32::UI::Input::KeyboardAndMouse::{
    GetAsyncKeyState, INPUT, INPUT_0, INPUT_KEYBOARD, INPUT_MOUSE, KEYBD_EVENT_FLAGS, KEYBDINPUT,
    KEYEVENTF_EXTENDEDKEY, KEYEVENTF_KEYUP, KEYEVENTF_UNICODE, MAPVK_VK_TO_VSC, MOUSE_EVENT_FLAGS, MOUSEEVENTF_LEFTUP,
    MOUSEEVENTF_MIDDLEUP, MOUSEEVENTF_RIGHTUP, MOUSEINPUT, MapVirtualKeyW, SendInput, VIRTUAL_KEY, VK_APPS, VK_DELETE,
    VK_DIVIDE, VK_DOWN, VK_END, VK_HOME, VK_INSERT, VK_LBUTTON, VK_LEFT, VK_LWIN, VK_MBUTTON, VK_NEXT, VK_NUMLOCK,
    VK_PRIOR, VK_RBUTTON, VK_RCONTROL, VK_RIGHT, VK_RMENU, VK_RWIN, VK_SNAPSHOT, VK_UP,
};

use crate::desktop::DesktopError;

/// Keys on the right and in the middle of the keyboard, which have a second half of their scan code.
const EXTENDED: [VIRTUAL_KEY; 18] = [
    VK_INSERT,
    VK_DELETE,
    VK_HOME,
    VK_END,
    VK_PRIOR,
    VK_NEXT,
    VK_LEFT,
    VK_RIGHT,
    VK_UP,
    VK_DOWN,
    VK_RMENU,
    VK_RCONTROL,
    VK_LWIN,
    VK_RWIN,
    VK_APPS,
    VK_SNAPSHOT,
    VK_NUMLOCK,
    VK_DIVIDE,
];

/// All of it or nothing. That the system took it is not that a window got it.
pub(super) fn send(inputs: &[INPUT]) -> Result<(), DesktopError> {
    let size = i32::try_from(size_of::<INPUT>()).unwrap_or_default();
    // SAFETY: the slice and the size of its elements are what the call takes.
    let sent = unsafe { SendInput(inputs, size) };
    if sent as usize == inputs.len() {
        return Ok(());
    }
    let reason = windows::core::Error::from_thread().message();
    Err(DesktopError::Input(format!("the system took {sent} of {} events: {reason}", inputs.len())))
}

pub(super) fn key(key: VIRTUAL_KEY, down: bool) -> INPUT {
    let mut flags = if down { KEYBD_EVENT_FLAGS(0) } else { KEYEVENTF_KEYUP };
    if EXTENDED.contains(&key) {
        flags |= KEYEVENTF_EXTENDEDKEY;
    }
    // SAFETY: takes and gives numbers.
    let scan = unsafe { MapVirtualKeyW(key.0.into(), MAPVK_VK_TO_VSC) };
    keyboard(KEYBDINPUT {
        wVk: key,
        wScan: u16::try_from(scan).unwrap_or_default(),
        dwFlags: flags,
        ..KEYBDINPUT::default()
    })
}

/// A character that need not be on the keyboard, half of one beyond 0xffff.
pub(super) fn unicode(unit: u16, down: bool) -> INPUT {
    let up = if down { KEYBD_EVENT_FLAGS(0) } else { KEYEVENTF_KEYUP };
    keyboard(KEYBDINPUT { wScan: unit, dwFlags: KEYEVENTF_UNICODE | up, ..KEYBDINPUT::default() })
}

fn keyboard(event: KEYBDINPUT) -> INPUT {
    INPUT { r#type: INPUT_KEYBOARD, Anonymous: INPUT_0 { ki: event } }
}

pub(super) fn mouse(flags: MOUSE_EVENT_FLAGS, dx: i32, dy: i32, data: i32) -> INPUT {
    let event = MOUSEINPUT { dx, dy, mouseData: data.cast_unsigned(), dwFlags: flags, ..MOUSEINPUT::default() };
    INPUT { r#type: INPUT_MOUSE, Anonymous: INPUT_0 { mi: event } }
}

/// Releases whatever the system holds for down.
pub(super) fn release_all() -> Result<(), DesktopError> {
    let buttons =
        [(VK_LBUTTON, MOUSEEVENTF_LEFTUP), (VK_RBUTTON, MOUSEEVENTF_RIGHTUP), (VK_MBUTTON, MOUSEEVENTF_MIDDLEUP)];
    let mut inputs: Vec<INPUT> = Vec::new();
    inputs.extend(buttons.into_iter().filter(|(button, _)| is_down(*button)).map(|(_, up)| mouse(up, 0, 0, 0)));
    // From the first key behind those of the mouse on.
    inputs.extend((8..=254).map(VIRTUAL_KEY).filter(|code| is_down(*code)).map(|code| key(code, false)));
    if inputs.is_empty() { Ok(()) } else { send(&inputs) }
}

fn is_down(key: VIRTUAL_KEY) -> bool {
    // SAFETY: takes and gives numbers.
    let state = unsafe { GetAsyncKeyState(key.0.into()) };
    state < 0
}

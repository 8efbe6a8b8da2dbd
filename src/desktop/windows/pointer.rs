//! The pointer over all monitors, the wheel, and the pointer's picture.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use windows::{
    Win32::{
        Foundation::POINT,
        UI::{
            Input::KeyboardAndMouse::{
                INPUT, MOUSE_EVENT_FLAGS, MOUSEEVENTF_ABSOLUTE, MOUSEEVENTF_HWHEEL, MOUSEEVENTF_LEFTDOWN,
                MOUSEEVENTF_LEFTUP, MOUSEEVENTF_MIDDLEDOWN, MOUSEEVENTF_MIDDLEUP, MOUSEEVENTF_MOVE,
                MOUSEEVENTF_RIGHTDOWN, MOUSEEVENTF_RIGHTUP, MOUSEEVENTF_VIRTUALDESK, MOUSEEVENTF_WHEEL,
            },
            WindowsAndMessaging::{
                CURSORINFO, GetCursorInfo, GetCursorPos, GetSystemMetrics, IDC_APPSTARTING, IDC_WAIT, LoadCursorW,
                SM_SWAPBUTTON,
            },
        },
    },
    core::PCWSTR,
};

use super::{Win32, capture, input, keyboard};
use crate::desktop::{
    Button, DesktopError, Modifier, Pass, Point, Rect,
    pointing::{Mouse, Presses},
};

/// Of a notch of the wheel.
const NOTCH: i32 = 120;

/// Absolute places go from 0 to here over the whole desktop.
const ABSOLUTE: i64 = 65_536;

pub(super) fn place() -> Result<Point, DesktopError> {
    let mut point = POINT::default();
    // SAFETY: the pointer is to a local that outlives the call.
    unsafe { GetCursorPos(&raw mut point) }
        .map_err(|error| DesktopError::Unavailable(format!("the pointer cannot be asked for: {}", error.message())))?;
    Ok(capture::screen()?.place_of(point.x, point.y))
}

/// The name of the pointer's picture, where it asks to wait.
pub(super) fn busy() -> Option<String> {
    let size = u32::try_from(size_of::<CURSORINFO>()).unwrap_or_default();
    let mut info = CURSORINFO { cbSize: size, ..CURSORINFO::default() };
    // SAFETY: the structure names its size and outlives the call; the system's own cursors are never destroyed.
    unsafe {
        GetCursorInfo(&raw mut info).ok()?;
        let shows = |cursor: PCWSTR| LoadCursorW(None, cursor).is_ok_and(|cursor| cursor == info.hCursor);
        let waits = [(IDC_WAIT, "wait"), (IDC_APPSTARTING, "progress")];
        waits.into_iter().find(|(cursor, _)| shows(*cursor)).map(|(_, name)| name.to_owned())
    }
}

impl Mouse for Win32 {
    fn pass(&self) -> &Pass {
        &self.pass
    }

    fn screen(&mut self) -> Result<Rect, DesktopError> {
        Ok(capture::screen()?.rect())
    }

    fn place(&mut self) -> Result<Point, DesktopError> {
        place()
    }

    fn put(&mut self, to: Point) -> Result<(), DesktopError> {
        self.aim = Some(to);
        input::send(&[at(to, &capture::screen()?, MOUSE_EVENT_FLAGS(0))])
    }

    fn button(&mut self, button: Button, down: bool) -> Result<(), DesktopError> {
        // SAFETY: takes and gives numbers.
        let swapped = unsafe { GetSystemMetrics(SM_SWAPBUTTON) } != 0;
        // For a left-handed person the system swaps them again.
        let button = match (button, swapped) {
            (Button::Left, true) => Button::Right,
            (Button::Right, true) => Button::Left,
            (button, _) => button,
        };
        let flags = match (button, down) {
            (Button::Left, true) => MOUSEEVENTF_LEFTDOWN,
            (Button::Left, false) => MOUSEEVENTF_LEFTUP,
            (Button::Middle, true) => MOUSEEVENTF_MIDDLEDOWN,
            (Button::Middle, false) => MOUSEEVENTF_MIDDLEUP,
            (Button::Right, true) => MOUSEEVENTF_RIGHTDOWN,
            (Button::Right, false) => MOUSEEVENTF_RIGHTUP,
        };
        match self.aim {
            Some(aim) => input::send(&[at(aim, &capture::screen()?, flags)]),
            None => input::send(&[input::mouse(flags, 0, 0, 0)]),
        }
    }

    fn notch(&mut self, dx: i32, dy: i32) -> Result<(), DesktopError> {
        // Away from the person is up for the system.
        let event = if dx == 0 {
            input::mouse(MOUSEEVENTF_WHEEL, 0, 0, -dy * NOTCH)
        } else {
            input::mouse(MOUSEEVENTF_HWHEEL, 0, 0, dx * NOTCH)
        };
        input::send(&[event])
    }

    fn hold(&mut self, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        modifiers.iter().try_for_each(|modifier| input::send(&[input::key(keyboard::modifier(*modifier), true)]))
    }

    fn let_go(&mut self, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        modifiers.iter().rev().try_for_each(|modifier| input::send(&[input::key(keyboard::modifier(*modifier), false)]))
    }

    fn presses(&mut self) -> &mut Presses {
        &mut self.presses
    }
}

/// The pointer goes there, and what else is asked for happens there.
fn at(point: Point, screen: &capture::Screen, what: MOUSE_EVENT_FLAGS) -> INPUT {
    let flags = MOUSEEVENTF_MOVE | MOUSEEVENTF_ABSOLUTE | MOUSEEVENTF_VIRTUALDESK | what;
    input::mouse(flags, absolute(point.x, screen.width), absolute(point.y, screen.height), 0)
}

/// The middle of the pixel, so that rounding does not lead to its neighbour.
fn absolute(at: i32, length: u32) -> i32 {
    let length = i64::from(length.max(1));
    i32::try_from((i64::from(at) * 2 + 1) * ABSOLUTE / (length * 2)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pixel_has_a_place_that_leads_back_to_it() {
        for length in [1, 800, 1280, 1920, 3840, 5760] {
            for at in 0..length {
                let there = i64::from(absolute(at, length.cast_unsigned()));
                assert_eq!(there * i64::from(length) / ABSOLUTE, i64::from(at), "{at} of {length}");
            }
        }
    }
}

//! The pointer: moves that are read back, clicks with a pace of their own, drags in small steps.

use std::{thread, time::Duration};

use enigo::{Axis, Coordinate, Direction, Enigo, InputError, Mouse, NewConError, Settings};
use x11rb::protocol::xproto::{ConnectionExt as _, KeyButMask};

use super::{X11, capture};
use crate::desktop::{Button, DesktopError, Modifier, Point, Stopwatch};

/// How long a move may take to show.
const MOVE: Duration = Duration::from_millis(500);

/// Between press and release, and between the clicks of a double click.
const CLICK_PAUSE: Duration = Duration::from_millis(25);

/// Two clicks nearer in time and place than this would be taken for a double click.
const DOUBLE_CLICK: Duration = Duration::from_millis(450);
const DOUBLE_CLICK_PIXELS: u32 = 6;

/// Between the steps of a drag.
const DRAG_PAUSE: Duration = Duration::from_millis(8);

/// Between the notches of the wheel.
const SCROLL_PAUSE: Duration = Duration::from_millis(12);

/// Most notches of one call.
const MAX_NOTCHES: u32 = 1000;

pub(super) fn connect(display: &str) -> Result<Enigo, DesktopError> {
    let settings = Settings { x11_display: Some(display.into()), ..Settings::default() };
    Enigo::new(&settings)
        .map_err(|error: NewConError| DesktopError::Unavailable(format!("input cannot be given ({error})")))
}

impl X11 {
    pub(super) fn pointer_place(&self) -> Result<Point, DesktopError> {
        let reply = self.link.connection.query_pointer(self.link.root)?.reply()?;
        Ok(Point::new(reply.root_x.into(), reply.root_y.into()))
    }

    /// Moves and reads back; checks the pass.
    pub(super) fn move_to(&mut self, to: Point) -> Result<(), DesktopError> {
        self.pass.check()?;
        let screen = capture::screen(&self.link)?;
        if !screen.contains(to) {
            return Err(DesktopError::OutsideDesktop { at: to, width: screen.width, height: screen.height });
        }
        self.enigo.move_mouse(to.x, to.y, Coordinate::Abs)?;
        let watch = Stopwatch::start();
        loop {
            let at = self.pointer_place()?;
            if at == to {
                return Ok(());
            }
            if watch.left(MOVE).is_none() {
                let held = "something holds it; is another program using the mouse?";
                return Err(DesktopError::Input(format!("the pointer was moved to {to} and is at {at}: {held}")));
            }
            thread::sleep(Duration::from_millis(2));
        }
    }

    pub(super) fn click_at(
        &mut self,
        at: Point,
        button: Button,
        count: u8,
        modifiers: &[Modifier],
    ) -> Result<(), DesktopError> {
        if !(1..=3).contains(&count) {
            return Err(DesktopError::Input(format!("{count} clicks at once are not possible: 1 to 3")));
        }
        self.move_to(at)?;
        self.keep_clicks_apart(at);
        self.with_modifiers(modifiers, |desktop| {
            for _ in 0..count {
                desktop.pass.check()?;
                desktop.hold_button(button, |_| {
                    thread::sleep(CLICK_PAUSE);
                    Ok(())
                })?;
                thread::sleep(CLICK_PAUSE);
            }
            Ok(())
        })?;
        self.last_press = Some((Stopwatch::start(), Some(at)));
        Ok(())
    }

    /// A click meant by itself must not become the second half of a double click. After a drag the place does not matter: toolkits go
    /// on counting from its press.
    fn keep_clicks_apart(&self, at: Point) {
        let Some((when, before)) = &self.last_press else { return };
        let near = |before: Point| {
            before.x.abs_diff(at.x) <= DOUBLE_CLICK_PIXELS && before.y.abs_diff(at.y) <= DOUBLE_CLICK_PIXELS
        };
        if let Some(left) = when.left(DOUBLE_CLICK).filter(|_| before.is_none_or(near)) {
            thread::sleep(left);
        }
    }

    pub(super) fn drag_along(
        &mut self,
        from: Point,
        to: Point,
        button: Button,
        modifiers: &[Modifier],
    ) -> Result<(), DesktopError> {
        self.move_to(from)?;
        self.keep_clicks_apart(from);
        self.with_modifiers(modifiers, |desktop| {
            desktop.hold_button(button, |desktop| {
                thread::sleep(CLICK_PAUSE);
                for step in drag_steps(from, to) {
                    desktop.move_to(step)?;
                    thread::sleep(DRAG_PAUSE);
                }
                // Targets that light up need a moment before they take the drop.
                thread::sleep(2 * CLICK_PAUSE);
                Ok(())
            })
        })?;
        self.last_press = Some((Stopwatch::start(), None));
        Ok(())
    }

    /// Holds a button while `act` goes on; releases it whatever happens.
    fn hold_button(
        &mut self,
        button: Button,
        act: impl FnOnce(&mut Self) -> Result<(), DesktopError>,
    ) -> Result<(), DesktopError> {
        self.pass.check()?;
        self.enigo.button(name(button), Direction::Press)?;
        let result = act(self);
        self.enigo.button(name(button), Direction::Release)?;
        result
    }

    pub(super) fn scroll_at(&mut self, at: Point, dx: i32, dy: i32) -> Result<(), DesktopError> {
        if dx.unsigned_abs().saturating_add(dy.unsigned_abs()) > MAX_NOTCHES {
            return Err(DesktopError::Input(format!("scrolling is limited to {MAX_NOTCHES} notches at once")));
        }
        self.move_to(at)?;
        for (axis, notches) in [(Axis::Vertical, dy), (Axis::Horizontal, dx)] {
            for _ in 0..notches.unsigned_abs() {
                self.pass.check()?;
                self.enigo.scroll(notches.signum(), axis)?;
                thread::sleep(SCROLL_PAUSE);
            }
        }
        Ok(())
    }

    /// Releases every button the server holds for down.
    pub(super) fn release_buttons(&mut self) -> Result<(), DesktopError> {
        let mask = self.link.connection.query_pointer(self.link.root)?.reply()?.mask;
        let buttons = [
            (KeyButMask::BUTTON1, Button::Left),
            (KeyButMask::BUTTON2, Button::Middle),
            (KeyButMask::BUTTON3, Button::Right),
        ];
        for (bit, button) in buttons {
            if mask.contains(bit) {
                self.enigo.button(name(button), Direction::Release)?;
            }
        }
        Ok(())
    }
}

/// Small at first, because applications take a move for a drag only after some pixels; then larger.
fn drag_steps(from: Point, to: Point) -> Vec<Point> {
    let (dx, dy) = (i64::from(to.x) - i64::from(from.x), i64::from(to.y) - i64::from(from.y));
    let distance = dx.abs().max(dy.abs());
    let steps = (distance / 12).clamp(6, 60);
    let along =
        |start: i32, whole: i64, step: i64| i32::try_from(i64::from(start) + whole * step / steps).unwrap_or(start);
    (1..=steps).map(|step| Point::new(along(from.x, dx, step), along(from.y, dy, step))).collect()
}

fn name(button: Button) -> enigo::Button {
    match button {
        Button::Left => enigo::Button::Left,
        Button::Middle => enigo::Button::Middle,
        Button::Right => enigo::Button::Right,
    }
}

impl From<InputError> for DesktopError {
    fn from(error: InputError) -> Self {
        Self::Input(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drag_ends_where_it_should_in_steps_an_application_notices() {
        for (from, to) in [((10, 10), (400, 30)), ((5, 5), (5, 5)), ((300, 200), (290, 1))] {
            let (from, to) = (Point::new(from.0, from.1), Point::new(to.0, to.1));
            let steps = drag_steps(from, to);
            assert_eq!(steps.last(), Some(&to));
            assert!((6..=60).contains(&steps.len()));
        }
    }
}

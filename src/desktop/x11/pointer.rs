//! The pointer and the wheel, by XTEST.

use enigo::{Axis, Coordinate, Direction, Enigo, InputError, Mouse as _, NewConError, Settings};
use x11rb::protocol::xproto::{ConnectionExt as _, KeyButMask};

use super::{X11, capture};
use crate::desktop::{
    Button, DesktopError, Modifier, Pass, Point, Rect,
    pointing::{Mouse, Presses},
};

pub(super) fn connect(display: &str) -> Result<Enigo, DesktopError> {
    let settings = Settings { x11_display: Some(display.into()), ..Settings::default() };
    Enigo::new(&settings)
        .map_err(|error: NewConError| DesktopError::Unavailable(format!("input cannot be given ({error})")))
}

impl Mouse for X11 {
    fn pass(&self) -> &Pass {
        &self.pass
    }

    fn screen(&mut self) -> Result<Rect, DesktopError> {
        capture::screen(&self.link)
    }

    fn place(&mut self) -> Result<Point, DesktopError> {
        let reply = self.link.connection.query_pointer(self.link.root)?.reply()?;
        Ok(Point::new(reply.root_x.into(), reply.root_y.into()))
    }

    fn put(&mut self, to: Point) -> Result<(), DesktopError> {
        Ok(self.enigo.move_mouse(to.x, to.y, Coordinate::Abs)?)
    }

    fn button(&mut self, button: Button, down: bool) -> Result<(), DesktopError> {
        let direction = if down { Direction::Press } else { Direction::Release };
        Ok(self.enigo.button(name(button), direction)?)
    }

    fn notch(&mut self, dx: i32, dy: i32) -> Result<(), DesktopError> {
        let (length, axis) = if dx == 0 { (dy, Axis::Vertical) } else { (dx, Axis::Horizontal) };
        Ok(self.enigo.scroll(length, axis)?)
    }

    fn hold(&mut self, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        self.press_modifiers(modifiers)
    }

    fn let_go(&mut self, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        self.release_modifiers(modifiers)
    }

    fn presses(&mut self) -> &mut Presses {
        &mut self.presses
    }
}

impl X11 {
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
                self.button(button, false)?;
            }
        }
        Ok(())
    }
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

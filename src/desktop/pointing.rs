//! How the pointer is moved, clicked, dragged and scrolled, the same on every system: moves that are read back, clicks with a pace of
//! their own, drags in small steps.

use std::{thread, time::Duration};

use super::{Button, DesktopError, Modifier, Pass, Point, Rect, Stopwatch};

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

/// What pointing needs from a back end.
pub(super) trait Mouse {
    fn pass(&self) -> &Pass;

    /// The whole desktop.
    fn screen(&mut self) -> Result<Rect, DesktopError>;

    /// Where the pointer is.
    fn place(&mut self) -> Result<Point, DesktopError>;

    /// Sends the pointer there, without looking whether it comes.
    fn put(&mut self, to: Point) -> Result<(), DesktopError>;

    fn button(&mut self, button: Button, down: bool) -> Result<(), DesktopError>;

    /// One notch of the wheel; one of the two is 1 or -1.
    fn notch(&mut self, dx: i32, dy: i32) -> Result<(), DesktopError>;

    /// Presses these keys, one after the other.
    fn hold(&mut self, modifiers: &[Modifier]) -> Result<(), DesktopError>;

    /// Releases them, the last one first.
    fn let_go(&mut self, modifiers: &[Modifier]) -> Result<(), DesktopError>;

    fn presses(&mut self) -> &mut Presses;
}

/// When and where a button was pressed last; without a place after a drag.
#[derive(Debug, Default)]
pub(super) struct Presses(Option<(Stopwatch, Option<Point>)>);

/// Moves and reads back; checks the pass.
pub(super) fn move_to(mouse: &mut dyn Mouse, to: Point) -> Result<(), DesktopError> {
    mouse.pass().check()?;
    let screen = mouse.screen()?;
    if !screen.contains(to) {
        return Err(DesktopError::OutsideDesktop { at: to, width: screen.width, height: screen.height });
    }
    mouse.put(to)?;
    let watch = Stopwatch::start();
    loop {
        let at = mouse.place()?;
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

pub(super) fn click(
    mouse: &mut dyn Mouse,
    at: Point,
    button: Button,
    count: u8,
    modifiers: &[Modifier],
) -> Result<(), DesktopError> {
    if !(1..=3).contains(&count) {
        return Err(DesktopError::Input(format!("{count} clicks at once are not possible: 1 to 3")));
    }
    move_to(mouse, at)?;
    keep_clicks_apart(mouse, at);
    holding(mouse, modifiers, |mouse| {
        for _ in 0..count {
            mouse.pass().check()?;
            pressed(mouse, button, |_| {
                thread::sleep(CLICK_PAUSE);
                Ok(())
            })?;
            thread::sleep(CLICK_PAUSE);
        }
        Ok(())
    })?;
    mouse.presses().0 = Some((Stopwatch::start(), Some(at)));
    Ok(())
}

pub(super) fn drag(
    mouse: &mut dyn Mouse,
    from: Point,
    to: Point,
    button: Button,
    modifiers: &[Modifier],
) -> Result<(), DesktopError> {
    move_to(mouse, from)?;
    keep_clicks_apart(mouse, from);
    holding(mouse, modifiers, |mouse| {
        pressed(mouse, button, |mouse| {
            thread::sleep(CLICK_PAUSE);
            for step in drag_steps(from, to) {
                move_to(mouse, step)?;
                thread::sleep(DRAG_PAUSE);
            }
            // Targets that light up need a moment before they take the drop.
            thread::sleep(2 * CLICK_PAUSE);
            Ok(())
        })
    })?;
    mouse.presses().0 = Some((Stopwatch::start(), None));
    Ok(())
}

pub(super) fn scroll(mouse: &mut dyn Mouse, at: Point, dx: i32, dy: i32) -> Result<(), DesktopError> {
    if dx.unsigned_abs().saturating_add(dy.unsigned_abs()) > MAX_NOTCHES {
        return Err(DesktopError::Input(format!("scrolling is limited to {MAX_NOTCHES} notches at once")));
    }
    move_to(mouse, at)?;
    for (dx, dy) in [(0, dy), (dx, 0)] {
        for _ in 0..dx.unsigned_abs().max(dy.unsigned_abs()) {
            mouse.pass().check()?;
            mouse.notch(dx.signum(), dy.signum())?;
            thread::sleep(SCROLL_PAUSE);
        }
    }
    Ok(())
}

/// Proves that the pointer can be had: moves it by a pixel and back. Whatever pass there is.
pub(super) fn nudge(mouse: &mut dyn Mouse) -> Result<Point, DesktopError> {
    let screen = mouse.screen()?;
    let from = mouse.place()?;
    let aside = if from.x > 0 { from.offset(-1, 0) } else { from.offset(1, 0) };
    let moved = if screen.width > 1 { move_to(mouse, aside) } else { Ok(()) };
    let back = moved.and_then(|()| move_to(mouse, from));
    back.map_err(|error| DesktopError::Unavailable(error.to_string())).map(|()| from)
}

/// A click meant by itself must not become the second half of a double click. After a drag the place does not matter: toolkits go
/// on counting from its press.
fn keep_clicks_apart(mouse: &mut dyn Mouse, at: Point) {
    let Some((when, before)) = &mouse.presses().0 else { return };
    let near = |before: Point| {
        before.x.abs_diff(at.x) <= DOUBLE_CLICK_PIXELS && before.y.abs_diff(at.y) <= DOUBLE_CLICK_PIXELS
    };
    if let Some(left) = when.left(DOUBLE_CLICK).filter(|_| before.is_none_or(near)) {
        thread::sleep(left);
    }
}

/// Holds a button while `act` goes on; releases it whatever happens.
fn pressed(
    mouse: &mut dyn Mouse,
    button: Button,
    act: impl FnOnce(&mut dyn Mouse) -> Result<(), DesktopError>,
) -> Result<(), DesktopError> {
    mouse.pass().check()?;
    mouse.button(button, true)?;
    let result = act(mouse);
    mouse.button(button, false)?;
    result
}

/// Holds modifiers while `act` goes on; releases them whatever happens.
fn holding(
    mouse: &mut dyn Mouse,
    modifiers: &[Modifier],
    act: impl FnOnce(&mut dyn Mouse) -> Result<(), DesktopError>,
) -> Result<(), DesktopError> {
    mouse.pass().check()?;
    let result = mouse.hold(modifiers).and_then(|()| act(mouse));
    mouse.let_go(modifiers)?;
    result
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

//! What there was to be seen right before something was done.

use std::{collections::VecDeque, rc::Rc, time::Duration};

use crate::desktop::{Frame, Point, Rect, Window, ui::Scene};

/// Pictures older than this tell nothing of now.
const KEPT: Duration = Duration::from_secs(4);

/// Memory for pictures that differ.
const MAX_BYTES: u64 = 256 << 20;

/// What was done shows on a picture that was taken this soon before it was told.
const BEFORE: Duration = Duration::from_millis(10);

/// One picture, and where the pointer was.
#[derive(Clone)]
pub(super) struct Sight {
    /// When it had been taken.
    pub(super) at: Duration,
    pub(super) pointer: Point,
    pub(super) frame: Frame,
    /// Topmost first.
    pub(super) windows: Rc<Vec<Window>>,
}

/// What applications told of their controls.
pub(super) struct View {
    pub(super) asked: Duration,
    pub(super) told: Duration,
    /// The screen when they were asked.
    pub(super) frame: Frame,
    pub(super) scene: Scene,
}

pub(super) struct Moment {
    /// Newest first, all from before; at least one.
    pub(super) sights: Vec<Sight>,
    pub(super) view: Option<Rc<View>>,
    /// When the screen last changed much while the pointer rested.
    pub(super) changed: Duration,
}

impl Moment {
    pub(super) fn frame(&self) -> &Frame {
        &self.sights[0].frame
    }

    pub(super) fn windows(&self) -> &[Window] {
        &self.sights[0].windows
    }

    /// The newest picture without the pointer near this place: pointed at, controls look otherwise.
    pub(super) fn without_pointer(&self, rect: Rect) -> Option<&Frame> {
        let around = rect.grown(4);
        self.sights.iter().find(|sight| !around.contains(sight.pointer)).map(|sight| &sight.frame)
    }

    pub(super) fn window_at(&self, point: Point) -> Option<&Window> {
        self.windows().iter().find(|window| !window.minimised && window.rect.contains(point))
    }

    pub(super) fn focused(&self) -> Option<&Window> {
        self.windows().iter().find(|window| window.focused)
    }
}

/// The last pictures.
#[derive(Default)]
pub(super) struct Sights {
    /// Oldest first.
    kept: VecDeque<Sight>,
}

impl Sights {
    /// Takes a picture in; returns what changed since the last.
    pub(super) fn add(&mut self, mut sight: Sight) -> Option<Rect> {
        let at = sight.at;
        let changed = match self.kept.back() {
            Some(last) => sight.frame.changed_since(&last.frame),
            None => Some(sight.frame.rect()),
        };
        if let (None, Some(last)) = (changed, self.kept.back()) {
            // The pixels are shared from then on.
            sight.frame = last.frame.clone();
        }
        self.kept.push_back(sight);
        while self.kept.len() > 1
            && (self.kept.front().is_some_and(|oldest| oldest.at + KEPT < at) || self.bytes() > MAX_BYTES)
        {
            self.kept.pop_front();
        }
        changed
    }

    pub(super) fn last(&self) -> Option<&Sight> {
        self.kept.back()
    }

    /// Those that show nothing yet of what was done at this time, newest first; the oldest where all do.
    pub(super) fn before(&self, at: Duration) -> Vec<Sight> {
        let before: Vec<Sight> = self.kept.iter().rev().filter(|sight| sight.at + BEFORE <= at).cloned().collect();
        if before.is_empty() { self.kept.front().into_iter().cloned().collect() } else { before }
    }

    fn bytes(&self) -> u64 {
        // Shared pixels have one address.
        let differs = |(one, next): &(&Sight, &Sight)| one.frame.bytes().as_ptr() != next.frame.bytes().as_ptr();
        let differing = self.kept.iter().zip(self.kept.iter().skip(1)).filter(differs);
        let frames = differing.count() + 1;
        self.kept.back().map_or(0, |last| last.frame.bytes().len() as u64 * frames as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::Color;

    fn sight(ms: u64, x: i32, gray: u8) -> Sight {
        let frame = Frame::filled(20, 20, Color::new(gray, gray, gray));
        Sight { at: Duration::from_millis(ms), pointer: Point::new(x, 0), frame, windows: Rc::default() }
    }

    fn sights(of: &[(u64, i32, u8)]) -> Sights {
        let mut sights = Sights::default();
        for (ms, x, gray) in of {
            sights.add(sight(*ms, *x, *gray));
        }
        sights
    }

    #[test]
    fn a_moment_shows_nothing_of_what_was_done_in_it() {
        let sights = sights(&[(0, 0, 1), (30, 0, 2), (60, 0, 3)]);
        let shades = |ms| -> Vec<u8> {
            let before = sights.before(Duration::from_millis(ms));
            before.iter().map(|sight| sight.frame.pixel(Point::new(0, 0)).unwrap().red).collect()
        };
        assert_eq!(shades(65), [2, 1], "the last was taken too close to it");
        assert_eq!(shades(70), [3, 2, 1]);
        assert_eq!(shades(5), [1], "better than nothing");
    }

    #[test]
    fn what_is_old_is_dropped_and_equal_pictures_are_held_once() {
        let mut sights = sights(&[(0, 0, 1), (30, 0, 2), (60, 0, 2)]);
        assert_eq!(sights.bytes(), 2 * 20 * 20 * 4);
        assert_eq!(sights.add(sight(4031, 0, 2)), None);
        assert_eq!(sights.kept.len(), 2, "60 and 4031");
        assert_eq!(sights.add(sight(4032, 0, 9)), Some(Rect::new(0, 0, 20, 20)));
    }

    #[test]
    fn a_control_is_pictured_while_nothing_points_at_it() {
        let sights = sights(&[(0, 0, 1), (30, 15, 2), (60, 16, 3)]).before(Duration::from_secs(1));
        let moment = Moment { sights, view: None, changed: Duration::ZERO };
        let shade = |rect| moment.without_pointer(rect).map(|frame| frame.pixel(Point::new(0, 0)).unwrap().red);
        assert_eq!(shade(Rect::new(10, 0, 10, 10)), Some(1));
        assert_eq!(shade(Rect::new(0, 15, 4, 4)), Some(3), "the pointer is elsewhere");
        assert_eq!(shade(Rect::new(0, 0, 20, 20)), None);
    }
}

//! Makes sure that input goes where it is meant: the right window in front, with the focus.

use std::time::Duration;

use super::{
    fault::{Break, Fault, fault},
    find::Hit,
    run::Runner,
};
use crate::{
    desktop::{Button, Point, Window, WindowId},
    wire::job::Category,
    workflow::Target,
};

/// How long a clicked window may take to get the focus.
const FOCUS_WITHIN: Duration = Duration::from_secs(3);

impl Runner<'_> {
    /// Brings the window that a place belongs to to the front, where the place is known to belong to one.
    pub(super) fn bring_forward(&mut self, hit: &Hit) -> Result<(), Break> {
        if let Some(window) = &hit.window
            && (!window.focused || window.minimised)
        {
            self.go_on()?;
            self.world.desktop().activate(window.id)?;
        }
        Ok(())
    }

    /// Finds a place to act on, its window in front.
    pub(super) fn reach(&mut self, target: &Target, timeout: Duration) -> Result<Hit, Break> {
        let mut hit = self.seek(target, timeout)?;
        let behind = hit.window.as_ref().is_some_and(|window| !window.focused || window.minimised);
        if behind {
            self.bring_forward(&hit)?;
            // What is in front now may stand elsewhere than what was looked at.
            hit = self.seek(target, timeout)?;
        }
        if hit.window.as_ref().is_some_and(|window| window.minimised) {
            return fault(
                Category::TargetNotFound,
                format!("{} is minimised: nothing of it is on the screen", hit.what),
            );
        }
        self.go_on()?;
        Ok(hit)
    }

    /// Clicks into a field and waits until the window it lies in has the focus, so that no key goes to another.
    pub(super) fn click_into(&mut self, target: &Target, timeout: Duration) -> Result<Option<WindowId>, Break> {
        let hit = self.reach(target, timeout)?;
        self.world.desktop().click(hit.point, Button::Left, 1, &[])?;
        let Some(window) = self.window_at(hit.point)? else { return Ok(None) };
        let focused = self.until(FOCUS_WITHIN, |runner| {
            let focused = runner.world.desktop().focused_window()?;
            Ok(focused.filter(|focused| focused.id == window.id))
        })?;
        if let Some(focused) = focused {
            return Ok(Some(focused.id));
        }
        let found = self.world.desktop().focused_window()?;
        let found = found.map_or_else(|| "no window".to_owned(), |found| format!("\"{}\"", found.title));
        let message = format!(
            "a click into {} did not give \"{}\" the focus: {found} has it; nothing was typed",
            hit.what, window.title
        );
        Err(Fault::new(Category::Desktop, message).seen(None, vec![hit.rect]).into())
    }

    /// The topmost window at a place.
    pub(super) fn window_at(&mut self, point: Point) -> Result<Option<Window>, Break> {
        let windows = self.world.desktop().windows()?;
        Ok(windows.into_iter().find(|window| !window.minimised && window.rect.contains(point)))
    }
}

//! One look at the desktop: what it showed at one moment.

use super::{fault::Break, run::Runner};
use crate::desktop::{Frame, Rect, Window};

/// The picture and the windows, each taken when first asked for and then kept, so that one question is answered from one moment.
#[derive(Debug, Default)]
pub(super) struct Look {
    frame: Option<Frame>,
    windows: Option<Vec<Window>>,
    display: Option<Rect>,
}

impl Look {
    /// At a picture that was taken before.
    pub(super) fn of(frame: Frame) -> Self {
        Self { frame: Some(frame), ..Self::default() }
    }

    pub(super) fn frame(&mut self, runner: &mut Runner<'_>) -> Result<Frame, Break> {
        if let Some(frame) = &self.frame {
            return Ok(frame.clone());
        }
        let frame = runner.world.desktop().capture()?;
        let now = runner.world.now().mono;
        runner.sights.saw(&frame, now);
        self.frame = Some(frame.clone());
        Ok(frame)
    }

    /// The whole desktop.
    pub(super) fn display(&mut self, runner: &mut Runner<'_>) -> Result<Rect, Break> {
        if let Some(display) = self.display.or_else(|| self.frame.as_ref().map(Frame::rect)) {
            return Ok(display);
        }
        let display = runner.world.desktop().display()?;
        let rect = Rect::new(0, 0, display.width, display.height);
        self.display = Some(rect);
        Ok(rect)
    }

    /// Topmost first.
    pub(super) fn windows(&mut self, runner: &mut Runner<'_>) -> Result<&[Window], Break> {
        if self.windows.is_none() {
            let windows = runner.world.desktop().windows()?;
            runner.sights.saw_windows(&windows);
            self.windows = Some(windows);
        }
        Ok(self.windows.as_deref().unwrap_or_default())
    }

    /// The picture if one was needed.
    pub(super) fn into_frame(self) -> Option<Frame> {
        self.frame
    }
}

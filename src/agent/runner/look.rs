//! One look at the desktop: what it showed at one moment.

use std::sync::Arc;

use super::{fault::Break, run::Runner};
use crate::desktop::{Frame, Rect, Window, ui::Element};

/// The picture and the windows, each taken when first asked for and then kept, so that one question is answered from one moment.
#[derive(Debug, Default)]
pub(super) struct Look {
    frame: Option<Frame>,
    windows: Option<Vec<Window>>,
    display: Option<Rect>,
    elements: Option<Arc<[Element]>>,
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

    /// What the applications of all windows tell of their controls.
    pub(super) fn elements(&mut self, runner: &mut Runner<'_>) -> Result<Arc<[Element]>, Break> {
        if let Some(elements) = &self.elements {
            return Ok(Arc::clone(elements));
        }
        let mut pids: Vec<u32> = self.windows(runner)?.iter().filter_map(|window| window.pid).collect();
        pids.sort_unstable();
        pids.dedup();
        let elements: Arc<[Element]> = runner.world.desktop().elements(&pids)?.into();
        self.elements = Some(Arc::clone(&elements));
        Ok(elements)
    }

    /// The same; nothing where this desktop has no control trees.
    pub(super) fn elements_if_any(&mut self, runner: &mut Runner<'_>) -> Result<Arc<[Element]>, Break> {
        let pids = self.windows(runner)?.iter().any(|window| window.pid.is_some());
        if !pids {
            return Ok(Arc::default());
        }
        match self.elements(runner) {
            Err(Break::Fault(_)) => {
                self.elements = Some(Arc::default());
                Ok(Arc::default())
            }
            other => other,
        }
    }

    /// The picture if one was needed so far.
    pub(super) fn taken(&self) -> Option<Frame> {
        self.frame.clone()
    }

    /// The picture if one was needed.
    pub(super) fn into_frame(self) -> Option<Frame> {
        self.frame
    }
}

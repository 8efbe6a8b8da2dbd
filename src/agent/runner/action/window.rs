//! Windows: activate and close.

use std::time::Duration;

use serde_json::Value;

use super::pointer::place;
use crate::{
    agent::runner::{
        fault::{Break, fault},
        run::Runner,
    },
    desktop::WindowId,
    time::format_duration,
    wire::job::Category,
    workflow::{Subject, Target},
};

impl Runner<'_> {
    pub(in crate::agent::runner) fn activate(&mut self, target: &Target, timeout: Duration) -> Result<Value, Break> {
        let hit = self.seek(target, timeout)?;
        let Some(window) = &hit.window else {
            return fault(Category::InvalidWorkflow, format!("{} is no window", hit.what));
        };
        self.go_on()?;
        self.world.desktop().activate(window.id)?;
        Ok(place(&hit))
    }

    pub(in crate::agent::runner) fn close(&mut self, subject: &Subject, timeout: Duration) -> Result<Value, Break> {
        match subject {
            Subject::Window(target) => self.close_window(target, timeout)?,
            Subject::App(name) => {
                let app = self.app_of(name.as_ref())?;
                self.close_app(&app, timeout)?;
            }
        }
        Ok(Value::Null)
    }

    fn close_window(&mut self, target: &Target, timeout: Duration) -> Result<(), Break> {
        let hit = self.seek(target, timeout)?;
        let Some(window) = &hit.window else {
            return fault(Category::InvalidWorkflow, format!("{} is no window", hit.what));
        };
        self.go_on()?;
        self.world.desktop().close(window.id)?;
        let gone = self.until(timeout, |runner| Ok((!runner.has_window(window.id)?).then_some(())))?;
        if gone.is_some() {
            return Ok(());
        }
        let limit = format_duration(timeout);
        let message = format!("{} is still open {limit} after it was asked to close: does it ask something?", hit.what);
        fault(Category::Timeout, message)
    }

    fn has_window(&mut self, id: WindowId) -> Result<bool, Break> {
        Ok(self.world.desktop().windows()?.iter().any(|window| window.id == id))
    }
}

//! What each action does, a file a group.

mod artifact;
mod control;
mod idle;
mod keyboard;
mod pointer;
mod program;
mod read;
mod see;
mod window;

use serde_json::Value;

use super::{
    fault::{Break, category, fault},
    run::Runner,
};
use crate::workflow::Fail;

pub(super) use program::ProgramError;

impl Runner<'_> {
    /// The workflow itself says that it failed.
    pub(super) fn fail(&mut self, fail: &Fail) -> Result<Value, Break> {
        let message = fail.message.text(&self.scope)?;
        fault(category(fail.category), message)
    }
}

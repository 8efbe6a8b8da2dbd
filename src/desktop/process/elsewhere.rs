//! Systems whose processes this build cannot drive say so.

use std::time::Duration;

use super::{Exit, Finished, Found, ProcessError, Program, RunLimits, Spent};
use crate::desktop::Pass;

/// Never made on this system.
#[derive(Debug)]
pub enum Running {}

impl Running {
    pub fn pid(&self) -> u32 {
        match *self {}
    }

    pub fn exit(&self) -> Option<Exit> {
        match *self {}
    }

    pub fn end(self, _grace: Duration) {
        match self {}
    }
}

pub fn start(_program: &Program, _pass: &Pass) -> Result<Running, ProcessError> {
    Err(ProcessError::Unsupported { what: "started" })
}

pub fn run(_program: &Program, _stdin: &[u8], _limits: &RunLimits, _pass: &Pass) -> Result<Finished, ProcessError> {
    Err(ProcessError::Unsupported { what: "run" })
}

pub fn find(_name: &str) -> Result<Vec<Found>, ProcessError> {
    Err(ProcessError::Unsupported { what: "listed" })
}

pub fn spent(_roots: &[u32]) -> Result<Vec<Spent>, ProcessError> {
    Err(ProcessError::Unsupported { what: "measured" })
}

pub fn is_alive(_pid: u32) -> bool {
    false
}

pub fn is_stopped(_pid: u32) -> bool {
    false
}

pub fn parent_of(_pid: u32) -> Option<u32> {
    None
}

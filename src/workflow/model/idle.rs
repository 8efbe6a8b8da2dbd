//! `wait_idle`: an application has done what it was asked to do.

use std::time::Duration;

use crate::workflow::template::Template;

#[derive(Clone, Debug)]
pub struct Idleness {
    /// A program's file name, without directory, `.exe` optional. `None`: that of the window in front.
    pub process: Option<Template>,
    /// `for`: how long it must have been idle.
    pub duration: Duration,
}

impl Idleness {
    pub const DEFAULT_DURATION: Duration = Duration::from_millis(500);

    /// Processor time is counted in steps of 10 ms: in less time nothing is measured.
    pub const SHORTEST: Duration = Duration::from_millis(200);
}

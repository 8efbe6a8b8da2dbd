//! A program with its arguments, as `launch`, `run`, `version` and the `command` probe write it.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::workflow::template::Template;

/// Never a shell line: the program and its arguments stand apart, so nothing in a template can be taken for syntax.
#[derive(Clone, Debug)]
pub struct CommandLine {
    /// The program first; at least one.
    pub command: Vec<Template>,
    pub cwd: Option<Template>,
    /// Added to the agent's own environment.
    pub env: BTreeMap<String, Template>,
    pub stdin: Option<Template>,
    /// `None`: [`CommandLine::DEFAULT_TIMEOUT`].
    pub timeout: Option<Duration>,
    /// What counts as success; `[0]` when not written.
    pub exit_codes: Vec<i32>,
}

impl CommandLine {
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Self::DEFAULT_TIMEOUT)
    }
}

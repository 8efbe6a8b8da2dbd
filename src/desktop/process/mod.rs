//! Programs: found by name, started in a group of their own, run to their end with limits, and ended with everything they started.
//!
//! It must not know: screens, steps, which application a name belongs to. No shell is involved: a command is a program and its
//! arguments. A program that is started is never left a zombie.

use std::{path::PathBuf, time::Duration};

#[cfg(any(target_os = "linux", windows))]
mod child;
#[cfg(target_os = "linux")]
mod run;
#[cfg(target_os = "linux")]
mod spent;
#[cfg(target_os = "linux")]
mod tree;

#[cfg(target_os = "linux")]
pub use run::{Running, run, start};
#[cfg(target_os = "linux")]
pub use spent::spent;
#[cfg(target_os = "linux")]
pub(super) use tree::name_of;
#[cfg(target_os = "linux")]
pub use tree::{find, is_alive, is_stopped, parent_of};

#[cfg(windows)]
mod windows;
#[cfg(windows)]
pub use windows::{Running, ask_to_end, end_now, find, is_alive, is_stopped, parent_of, run, spent, start};

#[cfg(not(any(target_os = "linux", windows)))]
mod elsewhere;
#[cfg(not(any(target_os = "linux", windows)))]
pub use elsewhere::{Running, find, is_alive, is_stopped, parent_of, run, spent, start};

/// What to start. The environment is the agent's own plus `env`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Program {
    /// A path, or a name looked up in `PATH`.
    pub program: String,
    pub arguments: Vec<String>,
    pub cwd: Option<PathBuf>,
    pub env: Vec<(String, String)>,
}

impl Program {
    /// From a list whose first element is the program. `None` where it is empty.
    pub fn from_words(words: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut words = words.into_iter();
        let program = words.next().filter(|program| !program.is_empty())?;
        Some(Self { program, arguments: words.collect(), ..Self::default() })
    }
}

/// How far a run may go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunLimits {
    /// Past it the whole tree is killed.
    pub timeout: Duration,
    /// Kept of each stream; what comes after is read, counted and thrown away.
    pub stdout_bytes: usize,
    pub stderr_bytes: usize,
}

impl Default for RunLimits {
    fn default() -> Self {
        Self { timeout: Duration::from_mins(1), stdout_bytes: 1 << 20, stderr_bytes: 1 << 20 }
    }
}

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Code(i32),
    /// Killed by a signal, such as 9 or 11.
    Signal(i32),
}

/// One output stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    pub bytes: Vec<u8>,
    /// Beyond the limit, not kept.
    pub excess_bytes: u64,
}

impl Captured {
    /// As text; what is not UTF-8 is replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }
}

/// A program that ran to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finished {
    pub exit: Exit,
    pub stdout: Captured,
    pub stderr: Captured,
    pub took: Duration,
}

/// A process found by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    pub pid: u32,
    /// The program's name without path.
    pub name: String,
    pub resident_bytes: u64,
}

/// Processor time of one process since it began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spent {
    pub pid: u32,
    pub name: String,
    pub own: Duration,
    /// Of those it started that have ended.
    pub ended: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProcessError {
    #[error("there is no program `{program}`: install it, or give its whole path")]
    NotFound { program: String },
    #[error("`{program}` may not be executed: check its permissions")]
    Forbidden { program: String },
    #[error("the working directory {} does not exist", .0.display())]
    NoDirectory(PathBuf),
    #[error("`{program}` cannot be started: {reason}")]
    NotStarted { program: String, reason: String },
    /// Carries what it had said until then.
    #[error("`{program}` ran longer than {} ms and was killed with everything it had started", .limit.as_millis())]
    TimedOut { program: String, limit: Duration, stdout: Captured, stderr: Captured },
    #[error("`{program}` was killed with everything it had started: the lease ended or was cancelled")]
    Fenced { program: String },
    #[error("`{program}` cannot be watched: {reason}")]
    Lost { program: String, reason: String },
    #[error("processes cannot be {what} on {} yet: run the agent on Linux or Windows", std::env::consts::OS)]
    Unsupported { what: &'static str },
}

//! Programs on Windows: each in a job of its own, which nothing that it starts can leave.

mod job;
mod run;
mod table;

pub use run::{Running, run, start};
pub use table::{find, is_alive, is_stopped, parent_of, spent};

use job::kill;

/// Asks the windows of a process to close.
pub fn ask_to_end(pid: u32) {
    crate::desktop::windows::close_of(pid);
}

/// Ends a process at once.
pub fn end_now(pid: u32) {
    kill(pid);
}

//! An agent in each session of a Windows host, kept by a service of the system.
//!
//! The service runs in session 0, which has no desktop: it starts the agents inside the sessions of their users, with their users' plain
//! rights, starts them again when they end, takes a session whose remote desktop was closed back to the console, and asks the agents to
//! stop when it is stopped. Its agents end with it, whatever ends it.
//!
//! It must not know the controller, jobs or desktops: those are the agents'.

#[cfg(any(windows, test))]
mod keeper;
#[cfg(any(windows, test))]
mod line;
#[cfg(windows)]
mod run;
#[cfg(windows)]
mod sessions;
#[cfg(windows)]
mod stop;

#[cfg(windows)]
pub use line::command_line;
#[cfg(windows)]
pub use run::{SERVICE_NAME, run};
#[cfg(windows)]
pub(super) use stop::asked as asked_to_stop;

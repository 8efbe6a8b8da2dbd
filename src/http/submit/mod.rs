//! From what a client sent to a job the fleet can take: every fault of it at once.

mod job;
mod table;

pub(crate) use job::{checked, checked_all};
pub(crate) use table::{from_csv, from_lines};

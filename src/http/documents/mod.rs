//! Documents between `workflow`, which reads them, and `fleet`, which keeps what it decides by.

mod channel;
mod check;
mod diff;
mod library;
mod spec;

pub(crate) use channel::unknown_events;
pub(crate) use check::{Checked, check};
pub(crate) use diff::changes;
pub(crate) use library::{Entry, Library};

use crate::{fleet::DocumentKind, workflow::Kind};

pub(crate) fn kind_of(kind: Kind) -> DocumentKind {
    match kind {
        Kind::Workflow => DocumentKind::Workflow,
        Kind::App => DocumentKind::App,
        Kind::Pool => DocumentKind::Pool,
        Kind::Channel => DocumentKind::Channel,
    }
}

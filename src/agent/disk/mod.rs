//! What the agent keeps on disk: who it is, what it has not told yet, and what it would otherwise fetch again.
//!
//! ```text
//! identity/   key, certificate, CA, who this machine is, the highest store generation seen
//! spool/      one folder an attempt: its steps, its result, its pictures, files it saved
//! blobs/      images and files by digest, bounded
//! work/       one folder an attempt: the job's files; erased afterwards
//! ```
//!
//! It must not know: the controller's address book, leases in flight, the desktop.

mod blobs;
mod files;
mod identity;
mod image;
mod seal;
mod spool;
mod work;

pub(super) use blobs::Blobs;
#[expect(unreachable_pub, reason = "AgentError, which is public, carries it")]
pub use files::DiskError;
pub(super) use identity::{Binding, Found, Identity, IdentityDir, Joined};
pub(super) use image::wipe_work;
pub(super) use spool::{AttemptSpool, Label, Leftover, Pending, Spool};
pub(super) use work::WorkDir;

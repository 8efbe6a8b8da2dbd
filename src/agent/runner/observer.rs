//! Who is told what happens, and asked whether it may go on.

use super::fault::Stop;
use crate::{
    ids::Name,
    wire::{
        machine::Readiness,
        step::{ArtifactRef, StepReport},
    },
};

/// Told of everything, in order. Its methods return at once: what takes time (network, disk) is done elsewhere.
pub trait Observer {
    /// Asked between two actions and while waiting.
    fn go_on(&mut self) -> Result<(), Stop> {
        Ok(())
    }

    /// A step began or ended; the number is the same both times.
    fn step(&mut self, report: StepReport);

    /// A picture or other blob was made. `bytes` is `None` where the same content was given before.
    fn artifact(&mut self, artifact: &ArtifactRef, bytes: Option<Vec<u8>>);

    /// An app's state changed while it is brought to ready.
    fn readiness(&mut self, app: &Name, readiness: &Readiness) {
        let _ = (app, readiness);
    }

    /// Whether somebody wants to see the desktop now.
    fn picture_wanted(&mut self) -> bool {
        false
    }

    /// The picture that was wanted, masked, as WebP; or why there is none.
    fn picture(&mut self, picture: Result<Vec<u8>, String>) {
        drop(picture);
    }
}

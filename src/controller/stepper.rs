//! The engine without its thread: stepped by whoever holds it, one round at a time, in one order. For simulation.
//!
//! It is the engine itself (decide, commit, publish, answer, wake); what differs is who calls it, what its clock says, and that
//! reads of the store happen on the asking thread.

use std::{path::Path, time::Duration};

use super::{
    Handle, Opener, Settings, StartError, Surroundings,
    engine::{Ended, Engine},
    handle::Blocking,
    open,
};
use crate::{fleet::Fleet, store::free_bytes_at, time::Clock};

/// The engine has ended: what it had not committed is gone, and nobody got an answer to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the engine has ended; open it again to go on from what is on disk")]
pub struct Halted;

pub struct Stepper {
    engine: Engine,
}

/// As `start_on`, but nothing happens unless `step` is called. `pause` lets time pass while the disk is full.
pub fn open_to_step(
    dir: &Path,
    settings: Settings,
    clock: Clock,
    opener: Opener,
    pause: Box<dyn Fn(Duration) + Send>,
) -> Result<(Stepper, Handle), StartError> {
    let fatal = Box::new(|why: &str| tracing::debug!(why, "the engine ends"));
    let free = free_bytes_at(dir);
    let (engine, handle) = open(dir, settings, Surroundings { clock, opener, free, fatal, pause }, Blocking::Here)?;
    Ok((Stepper { engine }, handle))
}

impl Stepper {
    /// Decides, commits and answers what was asked since the last step, and what is due.
    pub fn step(&mut self) -> Result<(), Halted> {
        self.engine.step().map_err(|Ended| Halted)
    }

    /// How long nothing need be done unless something is asked. None: for ever.
    pub fn due_in(&self) -> Option<Duration> {
        self.engine.due_in()
    }

    /// The live state, as committed between two steps.
    pub fn fleet(&self) -> &Fleet {
        &self.engine.fleet
    }
}

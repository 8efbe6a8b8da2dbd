//! What the runner needs of the machine, so that a test can be one.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    desktop::{
        Desktop,
        image::{Finder, Template},
        process::{Finished, ProcessError, Program, RunLimits},
    },
    ids::Digest,
    time::Now,
};

/// An image of a document, made ready to be looked for.
pub type Image = Arc<Template>;

/// How a process is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Asked to end; it may take its time.
    End,
    /// Ended by the system at once.
    Kill,
}

/// One machine: its desktop, clock, programs and files.
pub trait World {
    fn desktop(&mut self) -> &mut dyn Desktop;

    fn now(&self) -> Now;

    /// Short: the runner sleeps in slices and asks in between whether it may go on.
    fn sleep(&mut self, duration: Duration);

    /// Remembers where things were, for as long as the machine lives.
    fn finder(&mut self) -> &mut Finder;

    /// The image with this digest. The error says why it cannot be had.
    fn image(&mut self, digest: &Digest) -> Result<Image, String>;

    fn file_exists(&mut self, path: &Path) -> bool;

    /// Numbers of the live processes of a program, by its file name without directory. Not those that show their windows on
    /// another desktop of the same machine.
    fn processes(&mut self, name: &str) -> Result<Vec<u32>, ProcessError>;

    fn end_process(&mut self, pid: u32, ask: Ask);

    /// Starts a program that is to go on by itself.
    fn start(&mut self, program: &Program) -> Result<(), ProcessError>;

    /// Runs a program to its end. It is ended with everything it started once `go_on` is false.
    fn run(
        &mut self,
        program: &Program,
        stdin: &str,
        limits: &RunLimits,
        go_on: &mut dyn FnMut() -> bool,
    ) -> Result<Finished, ProcessError>;
}

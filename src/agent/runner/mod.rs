//! The step engine: carries out a workflow on a desktop and says what happened.
//!
//! [`Runner`] drives steps through a [`World`] (desktop, clock, programs, image bytes) and tells an [`Observer`], which it asks before
//! every action whether it may go on. It is synchronous and deterministic: with a scripted desktop and a manual clock every run is
//! the same.
//!
//! It must not know: the controller, leases, sockets, the spool, the system clock, threads.

mod action;
mod announce;
mod apps;
mod beside;
mod call;
mod commit;
mod context;
mod describe;
mod effect;
mod evidence;
mod fault;
mod film;
mod find;
mod flow;
mod focus;
mod look;
mod loops;
mod observer;
mod plan;
mod popup;
mod probe;
mod quiet;
mod redact;
mod resume;
mod run;
mod seek;
mod step;
mod table;
#[cfg(test)]
mod tests;
mod text;
mod ui;
mod witness;
mod world;

pub use apps::{Prepared, Survey, versions};
pub use fault::Stop;
pub use observer::{NextStep, NoIntent, Observer, Permit};
pub use plan::{Ending, Plan};
pub use run::Runner;
pub use world::{Ask, Image, NoFile, ProgramRun, Secrets, World};

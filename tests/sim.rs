//! The whole in virtual time: the real engine, store, router and handlers, and the real sessions of agents, in a world that loses,
//! doubles and delays messages, stops and kills processes, sets clocks, and fills, tears and breaks disks.
//!
//! A history is a seed. `make sim SEEDS=1000 FIRST=500` plays a thousand; a failure prints the command that plays it again.
//! Mutants (rules broken on purpose, by a feature that no release has) show that the checker bites.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "tests say what they expect")]

#[path = "sim/agent.rs"]
mod agent;
#[path = "sim/books.rs"]
mod books;
#[path = "sim/disk.rs"]
mod disk;
#[path = "sim/errands.rs"]
mod errands;
#[path = "sim/faults.rs"]
mod faults;
#[path = "sim/history.rs"]
mod history;
#[cfg(feature = "mutants")]
#[path = "sim/mutants.rs"]
mod mutants;
#[path = "sim/network.rs"]
mod network;
#[path = "sim/plan.rs"]
mod plan;
#[path = "sim/rng.rs"]
mod rng;
#[path = "sim/scene.rs"]
mod scene;
#[path = "sim/seeds.rs"]
mod seeds;
#[path = "sim/site.rs"]
mod site;
#[path = "sim/world.rs"]
mod world;

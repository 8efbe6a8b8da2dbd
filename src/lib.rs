//! deskfleet as a library, for its own executable, tests and benchmarks.
//!
//! `fleet` decides, `store` keeps, `controller` runs the one writer thread, `http` speaks to people and agents; `agent` drives a
//! `desktop` by the rules of a `workflow`. ARCHITECTURE.md has the map and says who may import whom.

pub mod agent;
pub mod cli;
pub mod config;
pub mod controller;
pub mod desktop;
pub mod fleet;
pub mod http;
pub mod ids;
pub mod mutant;
pub mod recorder;
pub mod report;
pub mod store;
pub mod time;
pub mod wire;
pub mod workflow;

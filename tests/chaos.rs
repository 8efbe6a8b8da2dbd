//! Proof from outside: real processes, a real disk and a real network, and what befalls them. Nothing is lost, nothing is done twice.
//!
//! `make chaos` runs the long form, `make test` a short one. The seed a run prints is given back as `SEED`.

#![cfg(target_os = "linux")]
#![expect(clippy::expect_used, reason = "tests say what they expect")]

#[path = "chaos/clients.rs"]
mod clients;
#[path = "chaos/clone.rs"]
mod clone;
#[path = "chaos/commit.rs"]
mod commit;
#[path = "chaos/dice.rs"]
mod dice;
#[path = "chaos/disk.rs"]
mod disk;
#[path = "support/fleet.rs"]
mod fleet;
#[path = "chaos/frozen.rs"]
mod frozen;
#[path = "chaos/history.rs"]
mod history;
#[path = "chaos/kill.rs"]
mod kill;
#[path = "chaos/line.rs"]
mod line;
#[path = "chaos/load.rs"]
mod load;
#[path = "chaos/network.rs"]
mod network;
#[path = "chaos/proxy.rs"]
mod proxy;
#[path = "chaos/records.rs"]
mod records;
#[path = "chaos/restore.rs"]
mod restore;
#[path = "chaos/scripted.rs"]
mod scripted;
#[path = "support/xvfb.rs"]
mod xvfb;

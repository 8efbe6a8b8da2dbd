//! The HTTP contract as types: what clients, agents and the controller say to each other. No logic.
//!
//! It must not know the fleet, the store or a socket: only ids, timestamps and serde. Field names are the contract; see
//! `docs/api.md` for people and `docs/protocol.md` for the agent's half.

pub mod agent;
pub mod batch;
pub mod bulk;
pub mod channel;
pub mod document;
pub mod effect;
pub mod event;
pub mod explain;
pub mod failure;
pub mod fleet;
pub mod job;
pub mod machine;
pub mod page;
pub mod problem;
mod schema;
pub mod step;
pub mod token;
pub mod upkeep;

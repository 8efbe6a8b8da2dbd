//! What the stories need: a controller, a client, an agent that does as it is told, and documents.

pub mod agent;
pub mod client;
mod controller;
mod described;
pub mod documents;

pub use agent::Agent;
pub use client::{Answer, Client};
pub use controller::Site;

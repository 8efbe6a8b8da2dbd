//! What the stories need: a controller, a client, an agent that does as it is told, and documents.

pub(crate) mod agent;
pub(crate) mod client;
mod controller;
mod described;
pub(crate) mod documents;
mod receiver;

pub(crate) use agent::Agent;
pub(crate) use client::{Answer, Client};
pub(crate) use controller::Site;
pub(crate) use receiver::{Received, Receiver};

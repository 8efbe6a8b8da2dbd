//! Messages: what is told to one subscriber of one event, and what became of it.

use serde::{Deserialize, Serialize};

use super::subscriber::{SubscriberId, Target};
use crate::time::Timestamp;

/// A message that was written to the outbox: the event of this number, for this subscriber.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posted {
    pub subscriber: SubscriberId,
    pub seq: u64,
    /// The type under which it is told.
    pub told_as: &'static str,
    /// Of the store: after a restore the same number means another event.
    pub generation: u32,
}

/// What became of a message so far. Key: subscriber and number. One that was never tried has none.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeliveryRow {
    pub subscriber: SubscriberId,
    pub seq: u64,
    pub state: DeliveryState,
    pub attempts: u32,
    /// What the last attempt was answered with.
    pub status: Option<u16>,
    pub error: Option<String>,
    pub tried_at: Option<Timestamp>,
    pub next_try: Option<Timestamp>,
    /// Of the replay that made it pending anew: from then on its days count.
    #[serde(default)]
    pub replayed_at: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up, and told so. It can be sent again by a replay.
    Parked,
}

/// A message that a start finds not delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingRow {
    pub subscriber: SubscriberId,
    pub seq: u64,
    pub attempts: u32,
    pub replayed_at: Option<Timestamp>,
}

/// What is known at the end of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub seq: u64,
    pub state: DeliveryState,
    pub attempts: u32,
    pub status: Option<u16>,
    pub error: Option<String>,
}

/// An attempt that failed, and when the next one follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failed {
    pub seq: u64,
    pub status: Option<u16>,
    pub error: String,
    pub next_try: Timestamp,
}

/// Messages given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parked {
    /// Number of the event; of the first one where there are several.
    pub seq: u64,
    pub messages: u64,
    /// Its type, where it is one message.
    pub told_as: Option<String>,
    pub reason: String,
}

/// Messages to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replayed {
    pub from: u64,
    pub to: Option<u64>,
    pub messages: u64,
    #[serde(skip)]
    pub seqs: Vec<u64>,
}

/// A subscriber with something to send now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Due {
    pub subscriber: SubscriberId,
    /// None where only the row of a settled job has it.
    pub target: Option<Target>,
    /// Numbers of the next messages, in order.
    pub seqs: Vec<u64>,
    /// Of the first of them, so far.
    pub attempts: u32,
}

/// Since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    pub pending: u64,
    pub delivered: u64,
    /// Attempts, not messages.
    pub failed: u64,
    pub parked: u64,
}

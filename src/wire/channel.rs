//! Notifications: who is told of one job, what became of messages, and what is sent again.

use std::fmt;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::time::Timestamp;

/// A secret on its way in. It prints as nothing and is in no answer.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = String)]
pub struct WriteOnly(pub String);

impl fmt::Debug for WriteOnly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WriteOnly(…)")
    }
}

/// An address that is told of one job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NotifyRequest {
    pub url: String,
    /// `whsec_` and 24 to 64 bytes in base64; signs every message. Never shown.
    #[schema(write_only)]
    pub secret: WriteOnly,
    /// Types such as `job.failed` or `job.*`; unless given the ends of a job, and that it needs a review.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub events: Option<Vec<String>>,
}

/// The same as shown with the job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Notify {
    pub url: String,
    pub events: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Given up. A replay sends it again.
    Parked,
}

/// A message and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Delivery {
    /// Number of the event.
    pub seq: u64,
    /// `channel/NAME`, or a job's id and the number of the address, from 0.
    pub subscriber: String,
    /// Such as `job.failed`.
    #[serde(rename = "type")]
    pub kind: String,
    pub subject: String,
    /// When the event happened.
    pub at: Timestamp,
    pub state: DeliveryState,
    pub attempts: u32,
    /// What the receiver answered last.
    pub last_status: Option<u16>,
    pub last_error: Option<String>,
    pub last_tried_at: Option<Timestamp>,
    pub next_try_at: Option<Timestamp>,
}

/// Messages from this event on, up to `to`, are sent again, those that arrived too.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayRequest {
    pub from: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// So many are sent again.
    pub messages: u64,
}

//! Which start of a machine's agent is heard, how far it has counted, and which ones came before.
//!
//! Of this run of the controller: after a restart whoever polls goes on.

use std::collections::VecDeque;

use crate::{ids::Incarnation, time::Mono};

/// Starts of the agent that are remembered.
const MAX_PAST: usize = 16;

#[derive(Debug, Clone, Default)]
pub(super) struct Presence {
    /// Of the last poll of the present start; 0 before the first.
    pub(super) number: u64,
    /// When the present start was first heard.
    pub(super) since: Mono,
    /// Starts that were replaced by a later one.
    pub(super) past: VecDeque<Incarnation>,
    /// How often one of those came back.
    pub(super) returns: u32,
    /// The last eight polls of the present start, one bit each: whether its number had been passed already.
    stale: u8,
}

impl Presence {
    pub(super) fn heard(&mut self, number: u64) {
        self.number = number;
        self.stale <<= 1;
    }

    /// Another start is heard instead.
    pub(super) fn replaced(&mut self, before: Option<Incarnation>, now: Mono) {
        self.number = 0;
        self.since = now;
        self.stale = 0;
        self.past.extend(before);
        if self.past.len() > MAX_PAST {
            self.past.pop_front();
        }
    }

    pub(super) fn stale(&mut self, incarnation: Incarnation) {
        if self.past.contains(&incarnation) {
            self.returns = self.returns.saturating_add(1);
        } else {
            self.stale = (self.stale << 1) | 1;
        }
    }

    pub(super) fn recent_stale(&self) -> u32 {
        self.stale.count_ones()
    }
}

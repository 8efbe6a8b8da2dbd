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
    /// An unknown start that began before the present one, and the number of its poll: believed with the next.
    doubted: Option<(Incarnation, u64)>,
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
        self.doubted = None;
        self.past.extend(before);
        if self.past.len() > MAX_PAST {
            self.past.pop_front();
        }
    }

    /// `present`: the start that is heard.
    pub(super) fn stale(&mut self, incarnation: Incarnation, number: u64, present: Option<Incarnation>) {
        if self.past.contains(&incarnation) {
            self.returns = self.returns.saturating_add(1);
        } else if present == Some(incarnation) {
            self.stale = (self.stale << 1) | 1;
        } else {
            self.doubted = Some((incarnation, number));
        }
    }

    pub(super) fn has_doubted(&self, incarnation: Incarnation, number: u64) -> bool {
        self.doubted.is_some_and(|(doubted, before)| doubted == incarnation && before < number)
    }

    pub(super) fn recent_stale(&self) -> u32 {
        self.stale.count_ones()
    }
}

//! Whose turn it is: each team moves on by one stride per lease it gets, and the team that has moved least goes first.

use std::collections::BTreeMap;

use crate::ids::Name;

/// What a team of weight one moves on per lease. All teams have that weight.
const STRIDE: u64 = 1 << 16;

/// Of this run of the controller: after a restart all teams are even.
#[derive(Debug, Clone, Default)]
pub(super) struct Turns {
    passes: BTreeMap<Name, u64>,
    /// Where the team that was served last stood. Who was idle starts from here: turns cannot be saved up.
    current: u64,
}

impl Turns {
    /// Lower goes first.
    pub(super) fn pass(&self, team: &Name) -> u64 {
        self.passes.get(team).copied().unwrap_or(0).max(self.current)
    }

    pub(super) fn served(&mut self, team: &Name) {
        let pass = self.pass(team);
        self.current = pass;
        self.passes.insert(team.clone(), pass + STRIDE);
        let current = self.current;
        self.passes.retain(|_, pass| *pass > current);
    }
}

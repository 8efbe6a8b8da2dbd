//! How long attempts hold a machine, from those that ended lately: what expected start times are estimated from.

use std::collections::{BTreeMap, VecDeque};

use super::{attempt::Outcome, state::Fleet};
use crate::{
    ids::{AttemptId, JobId, Name},
    time::Timestamp,
};

/// So many attempts of a workflow are remembered.
const REMEMBERED: usize = 20;
const MAX_WORKFLOWS: usize = 10_000;

/// Of this run of the controller: after a restart it is learnt anew.
#[derive(Debug, Clone, Default)]
pub(super) struct Pace {
    recent_ms: BTreeMap<Name, VecDeque<u64>>,
}

impl Pace {
    fn note(&mut self, workflow: &Name, took_ms: u64) {
        if self.recent_ms.len() >= MAX_WORKFLOWS && !self.recent_ms.contains_key(workflow) {
            self.recent_ms.pop_first();
        }
        let recent = self.recent_ms.entry(workflow.clone()).or_default();
        if recent.len() >= REMEMBERED {
            recent.pop_front();
        }
        recent.push_back(took_ms);
    }

    /// The median, as one attempt that hung says nothing of the next.
    pub(super) fn typical_ms(&self, workflow: &Name) -> Option<u64> {
        let mut recent: Vec<u64> = self.recent_ms.get(workflow)?.iter().copied().collect();
        recent.sort_unstable();
        recent.get(recent.len() / 2).copied()
    }
}

impl Fleet {
    /// Only of attempts that went their way: what was lost or stopped says nothing of how long the work takes.
    pub(super) fn note_pace(&mut self, job: JobId, attempt: AttemptId, outcome: Outcome, at: Timestamp) {
        if !matches!(outcome, Outcome::Succeeded | Outcome::Failed) {
            return;
        }
        let Some(job) = self.jobs.get(&job) else { return };
        if let Some(attempt) = job.attempt(attempt) {
            let took = at.since(attempt.offered_at);
            self.pace.note(&job.spec.workflow, crate::time::duration_ms(took));
        }
    }
}

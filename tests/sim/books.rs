//! The application's own books: for which job Save was pressed, by whom, and whether it was kept. Held against what the controller
//! believes of it.

use std::collections::{BTreeMap, BTreeSet};

use deskfleet::{
    controller::LoggedEvent,
    ids::{AttemptId, JobId},
    wire::job::{Effect, Job, JobState},
};

use crate::errands::SAVING;

#[derive(Debug, Default)]
pub(crate) struct Books {
    /// What was kept, by whom.
    kept: BTreeMap<JobId, Vec<AttemptId>>,
    /// Intents in the log that nobody has settled.
    open: BTreeMap<JobId, AttemptId>,
    /// Told to stop.
    stopped_jobs: BTreeSet<JobId>,
    stopped_attempts: BTreeSet<AttemptId>,
    wrong: Vec<String>,
    wound_back: bool,
}

impl Books {
    /// From now on the store is an older one, whose log is another.
    pub(crate) fn wound_back(&mut self) {
        self.wound_back = true;
    }

    pub(crate) fn take_wrong(&mut self) -> Vec<String> {
        std::mem::take(&mut self.wrong)
    }

    /// Save is pressed. The application loses some of what is pressed.
    pub(crate) fn press(&mut self, job: JobId, attempt: AttemptId, kept: bool) {
        if self.wound_back {
            return;
        }
        if self.open.get(&job) != Some(&attempt) {
            self.wrong.push(format!("{attempt} saves for {job} without an intent in the log"));
        }
        if kept {
            let by = self.kept.entry(job).or_default();
            by.push(attempt);
            if by.len() > 1 {
                self.wrong.push(format!("{job} is saved twice: by {by:?}"));
            }
        }
    }

    pub(crate) fn has(&self, job: JobId) -> bool {
        self.kept.contains_key(&job)
    }

    pub(crate) fn event(&mut self, event: &LoggedEvent) {
        if self.wound_back {
            return;
        }
        let LoggedEvent { seq, kind, about, .. } = event;
        let Some(job) = about.job else { return };
        match (kind.as_str(), about.attempt) {
            ("job.cancel_requested", _) => {
                self.stopped_jobs.insert(job);
            }
            ("attempt.revoked", Some(attempt)) => {
                self.stopped_attempts.insert(attempt);
            }
            ("attempt.intent_recorded", Some(attempt)) => {
                if self.stopped_jobs.contains(&job) || self.stopped_attempts.contains(&attempt) {
                    self.wrong.push(format!("event {seq} takes an intent of {attempt}, which was told to stop before"));
                }
                if let Some(before) = self.open.insert(job, attempt) {
                    self.wrong.push(format!("event {seq} takes an intent of {attempt} while that of {before} is open"));
                }
            }
            ("attempt.effect_settled", _) => {
                self.open.remove(&job);
            }
            _ => {}
        }
    }

    /// What the controller says of each job at the end is what the books say.
    pub(crate) fn end(&mut self, jobs: &[Job]) {
        for job in jobs {
            let saved = self.has(job.id);
            let effect = job.failure.as_ref().map(|failure| failure.effect);
            let believed = match job.state {
                JobState::Succeeded => Some(SAVING.contains(&job.workflow.as_str())),
                JobState::Cancelled => Some(false),
                JobState::Failed => match effect {
                    Some(Effect::None) => Some(false),
                    Some(Effect::Committed) => Some(true),
                    Some(Effect::Unknown) | None => {
                        self.wrong.push(format!("{} failed with the effect {effect:?}", job.id));
                        None
                    }
                },
                JobState::NeedsReview => {
                    if !self.open.contains_key(&job.id) {
                        self.wrong.push(format!("{} needs a review, and nothing about it is unknown", job.id));
                    }
                    None
                }
                _ => None,
            };
            if let Some(believed) = believed.filter(|believed| *believed != saved) {
                let (id, state) = (job.id, job.state);
                self.wrong
                    .push(format!("{id} is {state:?} with the effect {effect:?}; saved: {saved}, not {believed}"));
            }
        }
    }
}

//! The application's own books: for which job Save was pressed, by whom, and whether it was kept. Held against what the controller
//! believes of it.

use std::collections::{BTreeMap, BTreeSet};

use deskfleet::{
    controller::LoggedEvent,
    ids::{AttemptId, JobId},
    wire::{
        agent::{LoopItemState, LoopState},
        job::{Effect, Job, JobState, ReviewDecision},
    },
};
use serde_json::Value;

use crate::errands::SAVING;

/// Save, pressed once.
#[derive(Debug)]
pub(crate) struct Pressed {
    pub(crate) by: AttemptId,
    /// Of the round of a loop.
    pub(crate) key: Option<String>,
    /// From when on it can be seen.
    pub(crate) from_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Books {
    /// What was kept.
    kept: BTreeMap<JobId, Vec<Pressed>>,
    /// What rounds of loops were worth, as it was told.
    results: BTreeMap<(JobId, String), Value>,
    /// Intents in the log that nobody has settled.
    open: BTreeMap<JobId, AttemptId>,
    /// Told to stop.
    stopped_jobs: BTreeSet<JobId>,
    stopped_attempts: BTreeSet<AttemptId>,
    /// Waiting for a person.
    unknown: BTreeSet<JobId>,
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
    pub(crate) fn press(&mut self, job: JobId, pressed: Pressed, kept: bool) {
        if self.wound_back {
            return;
        }
        if self.open.get(&job) != Some(&pressed.by) {
            self.wrong.push(format!("{} saves for {job} without an intent in the log", pressed.by));
        }
        if kept {
            let all = self.kept.entry(job).or_default();
            if let Some(before) = all.iter().find(|before| before.key == pressed.key) {
                self.wrong.push(format!("{job} is saved twice: {before:?} and {pressed:?}"));
            }
            all.push(pressed);
        }
    }

    /// What the application shows to whoever looks.
    pub(crate) fn shows(&self, job: JobId, key: Option<&str>, now_ms: u64) -> bool {
        let mut kept = self.kept.get(&job).into_iter().flatten();
        kept.any(|pressed| pressed.key.as_deref() == key && pressed.from_ms <= now_ms)
    }

    /// Whether what is unknown of a job was kept: of a loop, all that was begun so far.
    pub(crate) fn has_all_of(&self, job: &Job, now_ms: u64) -> bool {
        let kept = self.kept.get(&job.id).into_iter().flatten().filter(|pressed| pressed.from_ms <= now_ms).count();
        kept > job.progress.map_or(0, |progress| usize::try_from(progress.done).unwrap())
    }

    pub(crate) fn result(&mut self, job: JobId, key: &str, result: &Value) {
        self.results.insert((job, key.to_owned()), result.clone());
    }

    /// What a later attempt is told of loops: everything that was kept, nothing else, and what it was worth.
    pub(crate) fn resumed(&mut self, job: JobId, loops: &[LoopState]) {
        if self.wound_back {
            return;
        }
        let items: BTreeMap<&str, _> =
            loops.iter().flat_map(|known| &known.items).map(|item| (item.key.as_str(), item)).collect();
        let kept: BTreeSet<&str> =
            self.kept.get(&job).into_iter().flatten().filter_map(|pressed| pressed.key.as_deref()).collect();
        for key in &kept {
            let state = items.get(key).map(|item| item.state);
            if !matches!(state, Some(LoopItemState::Done | LoopItemState::Committing)) {
                self.wrong.push(format!("{job} has saved for {key}, and its next attempt is told {state:?} of it"));
            }
        }
        for (key, item) in items.iter().filter(|(_, item)| item.state == LoopItemState::Done) {
            let result = self.results.get(&(job, (*key).to_owned()));
            if !kept.contains(key) {
                self.wrong.push(format!("{job} has not saved for {key}, and its next attempt is told that it has"));
            } else if !item.result.is_null() && Some(&item.result) != result {
                let told = &item.result;
                self.wrong
                    .push(format!("the result of {key} of {job} was {result:?}, and the next attempt gets {told}"));
            }
        }
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
            ("job.needs_review", _) => {
                self.unknown.insert(job);
            }
            ("job.reviewed", _) => {
                if !self.unknown.remove(&job) {
                    self.wrong.push(format!("event {seq} takes a decision on {job}, which needs none"));
                }
                self.open.remove(&job);
                self.stopped_jobs.remove(&job);
            }
            _ => {}
        }
    }

    /// What the controller says of each job at the end is what the books say.
    pub(crate) fn end(&mut self, jobs: &[Job]) {
        for job in jobs {
            let wrong = self.wrong_of(job);
            self.wrong.extend(wrong);
        }
    }

    fn wrong_of(&self, job: &Job) -> Option<String> {
        let saved = self.kept.get(&job.id).map_or(0, Vec::len);
        let effect = job.failure.as_ref().map(|failure| failure.effect);
        let decided = job.reviews.last().map(|review| review.decision);
        let (id, state) = (job.id, job.state);
        let rounds = job.progress.map(|progress| usize::try_from(progress.done).unwrap());
        let believed = match (state, effect) {
            // Whoever decides so has seen to the rest by hand.
            (JobState::Succeeded, _) if decided == Some(ReviewDecision::Succeed) => return None,
            (JobState::Succeeded, _) => rounds.unwrap_or(usize::from(SAVING.contains(&job.workflow.as_str()))),
            (JobState::Cancelled, _) | (JobState::Failed, Some(Effect::None)) => 0,
            (JobState::Failed, Some(Effect::Committed)) => rounds.unwrap_or(1),
            (JobState::Failed, Some(Effect::Unknown)) if decided == Some(ReviewDecision::Fail) => rounds.unwrap_or(0),
            (JobState::Failed, _) => return Some(format!("{id} failed with the effect {effect:?}")),
            (JobState::NeedsReview, _) if !self.open.contains_key(&id) => {
                return Some(format!("{id} needs a review, and nothing about it is unknown"));
            }
            _ => return None,
        };
        let wrong = || format!("{id} is {state:?} with the effect {effect:?}; saved: {saved} times, not {believed}");
        (believed != saved).then(wrong)
    }
}

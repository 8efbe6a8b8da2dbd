//! Intents, what became of them, keyed loops, and jobs that come back from a review.

use std::time::Duration;

use crate::{
    fleet::{
        attempt::Effect,
        batch::Batch,
        event::{Event, Fact},
        job::{Job, Phase, StateName},
        journal::LoopItemRow,
        state::Fleet,
    },
    ids::JobId,
    mutant::{Mutant, is_on},
    time::Timestamp,
};

pub(super) fn apply(fleet: &mut Fleet, event: &Event) {
    note_progress(fleet, event);
    match &event.fact {
        Fact::AttemptIntentRecorded { job, machine, attempt, number, answer, intent, vars } => {
            fleet.note_report(*machine, *number, answer);
            fleet.change_phase(*job, event.at, Phase::Committing);
            fleet.change_attempt(*job, *attempt, |attempt| attempt.effect = Effect::Unknown);
            fleet.change_open_job(*job, |job| {
                job.journal.vars.clone_from(vars);
                job.journal.intent = Some((**intent).clone());
            });
        }
        Fact::AttemptEffectSettled { .. } => fleet.effect_settled(event),
        Fact::JobProgressed { job, machine, number, answer, path, counts, items, .. } => {
            fleet.note_report(*machine, *number, answer);
            fleet.change_open_job(*job, |job| {
                job.journal.loops.insert(path.clone(), *counts);
            });
            for row in items {
                fleet.keep_item(row);
            }
        }
        Fact::JobReviewed { row: Some(row), batch, .. } => fleet.reviewed(row, batch.as_deref(), event.at),
        _ => {}
    }
}

/// Whoever tells of a commit or a loop gets on: the step it is in has its time anew.
fn note_progress(fleet: &mut Fleet, event: &Event) {
    let (Fact::AttemptIntentRecorded { job, attempt, .. }
    | Fact::AttemptEffectSettled { job, attempt, .. }
    | Fact::JobProgressed { job, attempt, .. }) = &event.fact
    else {
        return;
    };
    let quiet_ms = fleet.jobs.get(job).and_then(|job| job.attempt(*attempt)).map_or(0, |own| own.quiet_ms);
    fleet.expect_progress(*job, Duration::from_millis(quiet_ms), event.mono);
}

impl Fleet {
    fn effect_settled(&mut self, event: &Event) {
        let Fact::AttemptEffectSettled {
            job, machine, number, answer, intent, done, effect, vars, item, counts, ..
        } = &event.fact
        else {
            return;
        };
        self.note_report(*machine, *number, answer);
        self.unsettled.remove(job);
        self.change_phase(*job, event.at, Phase::Executing);
        self.change_attempt(*job, intent.attempt, |attempt| attempt.effect = *effect);
        self.change_open_job(*job, |job| {
            let journal = &mut job.journal;
            journal.close();
            journal.vars.clone_from(vars);
            journal.settle_only &= !done;
            if *done && intent.key.is_none() {
                journal.done.push(intent.step.clone());
            }
            if let (Some(row), Some(counts)) = (item, counts) {
                journal.loops.insert(row.round.path.clone(), *counts);
            }
        });
        if let Some(row) = item {
            self.keep_item(row);
        }
    }

    fn keep_item(&mut self, row: &LoopItemRow) {
        if !is_on(Mutant::ForgetRounds) {
            self.dirty.loop_items.insert((row.job, row.round.clone()), row.clone());
        }
    }

    /// It was settled, and so was its batch, perhaps. `batch`: as it was.
    fn reviewed(&mut self, job: &Job, batch: Option<&Batch>, at: Timestamp) {
        let state = job.name_of_state();
        if let Some(batch) = batch {
            self.recount(batch, state);
        }
        self.forget_settled(job.id);
        if state.is_settled() {
            self.settle_job(job.clone(), at);
        } else {
            self.dirty.jobs.insert(job.id);
            self.insert_job(job.clone());
        }
    }

    /// What was to be written of it in this very commit is out of date.
    fn forget_settled(&mut self, job: JobId) {
        self.dirty.settled.jobs.remove(&job);
    }

    fn recount(&mut self, batch: &Batch, state: StateName) {
        let move_to = |batch: &mut Batch| {
            batch.counts.remove(StateName::NeedsReview);
            batch.counts.add(state);
        };
        if self.batches.contains_key(&batch.id) {
            self.change_batch(batch.id, move_to);
            return;
        }
        let mut row = batch.clone();
        move_to(&mut row);
        self.dirty.settled.batches.remove(&row.id);
        if row.is_settled() {
            self.dirty.settled.batches.insert(row.id, row);
            return;
        }
        row.finished_at = None;
        self.remember_batch(&row);
        self.dirty.batches.insert(row.id);
        self.batches.insert(row.id, row);
    }
}

//! Which free machine gets which queued job.
//!
//! Cost grows with the number of classes that wait and of machines that are free, not with the length of the queue. A class that
//! no free machine fits is passed over, so it never stands in front of another. Within what fits: the team whose turn it is, then
//! the order of its jobs; ageing bounds how many placements can overtake a job.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    attempt::Outcome,
    draft::Draft,
    event::{Event, Fact, QueuedWhy},
    fit::{can_be_ready, has_labels, is_all_ready, is_at},
    job::{BlockedReason, Job, JobState},
    queue::{Class, Order},
    state::Fleet,
    token::Principal,
};
use crate::mutant::{Mutant, is_on};
use crate::{
    ids::{AttemptId, BatchId, Epoch, JobId, MachineId},
    time::{Now, Timestamp},
};

/// Free machines a class may use. Shrinks as they are taken.
type Candidates = BTreeMap<Class, BTreeSet<MachineId>>;

impl Fleet {
    /// Gives free machines to queued jobs, blocks what can no longer be placed, and applies that. Once per batch of commands.
    pub fn place(&mut self, now: Now) -> Vec<Event> {
        let mut events = self.check_fit(now);
        if self.index.free.is_empty() || self.queue.classes.is_empty() {
            return events;
        }
        let mut candidates = self.candidates();
        let wall = self.steady(now).wall;
        while let Some((class, machine, job)) = self.next_placement(&candidates, wall) {
            let event = self.offer(now, machine, job);
            self.apply_all(std::slice::from_ref(&event));
            events.push(event);
            for machines in candidates.values_mut() {
                machines.remove(&machine);
            }
            if !self.queue.classes.contains_key(&class) {
                candidates.remove(&class);
            }
            candidates.retain(|_, machines| !machines.is_empty());
        }
        events
    }

    /// After machines or documents have changed: blocks classes nothing fits any more, frees those something fits again.
    fn check_fit(&mut self, now: Now) -> Vec<Event> {
        if !self.fit.structure && self.fit.machines.is_empty() {
            return Vec::new();
        }
        let mut draft = Draft::new(self, now, Principal::System);
        let queued = self.queue.classes.iter().chain(&self.queue.held).filter(|_| self.fit.structure);
        for (class, teams) in queued {
            if let Some(reason) = self.blocked_reason(class) {
                for order in teams.values().flatten() {
                    draft.push(Fact::JobBlocked { job: order.job, reason: reason.clone() });
                }
            }
        }
        for (class, jobs) in &self.queue.blocked {
            let reason = self.blocked_reason(class);
            let changed = self.fit.machines.iter().filter_map(|id| self.machines.get(id));
            let fresh = changed.into_iter().any(|machine| is_at(machine, class) && has_labels(machine, class));
            for job in jobs.iter().filter_map(|id| self.jobs.get(id)) {
                draft.look_again(job, reason.as_ref(), fresh);
            }
        }
        draft.push(Fact::FitChecked {});
        let events = draft.into_events();
        self.apply_all(&events);
        events
    }

    fn candidates(&self) -> Candidates {
        let mut candidates = Candidates::new();
        for class in self.queue.classes.keys() {
            let free = self.index.free.iter().filter_map(|id| self.machines.get(id));
            let fitting = free
                .filter(|machine| is_at(machine, class) && has_labels(machine, class) && can_be_ready(machine, class));
            let machines: BTreeSet<MachineId> = fitting.map(|machine| machine.id).collect();
            if !machines.is_empty() {
                candidates.insert(class.clone(), machines);
            }
        }
        candidates
    }

    fn next_placement(&self, candidates: &Candidates, now: Timestamp) -> Option<(Class, MachineId, JobId)> {
        let mut best: Option<(u64, Order, &Class, MachineId)> = None;
        for (class, machines) in candidates {
            if class.limited_by.is_some_and(|batch| self.is_batch_full(batch)) {
                continue;
            }
            for (team, orders) in self.queue.classes.get(class).into_iter().flatten() {
                let pass = self.turns.pass(team);
                let first = orders.iter().find_map(|order| {
                    let machine = self.choose_machine(order.job, class, machines, now)?;
                    Some((pass, *order, class, machine))
                });
                if let Some(first) = first
                    && best.as_ref().is_none_or(|best| (first.0, first.1) < (best.0, best.1))
                {
                    best = Some(first);
                }
            }
        }
        best.map(|(_, order, class, machine)| (class.clone(), machine, order.job))
    }

    pub(super) fn is_batch_full(&self, batch: BatchId) -> bool {
        let batch = self.batches.get(&batch).filter(|_| !is_on(Mutant::IgnoreLimitsOfBatches));
        batch.is_some_and(|batch| batch.max_running.is_some_and(|max| batch.counts.running() >= max))
    }

    /// Where the job has not failed yet (if it minds), then ready as it is, then least recently used.
    fn choose_machine(
        &self,
        job: JobId,
        class: &Class,
        machines: &BTreeSet<MachineId>,
        now: Timestamp,
    ) -> Option<MachineId> {
        let job = self.jobs.get(&job)?;
        // Where the clock has passed start time and deadline at once, the tick that starts it leaves its end to the next one.
        let too_late = job.cancel.is_none() && job.spec.deadline.is_some_and(|deadline| deadline <= now);
        if too_late && !is_on(Mutant::IgnoreDeadlines) {
            return None;
        }
        let cooling = self.cooling.get(&job.id);
        let allowed = machines.iter().filter(|id| cooling.is_none_or(|cooling| !cooling.contains(id)));
        let known = allowed.filter_map(|id| self.machines.get(id));
        known
            .min_by_key(|machine| {
                let failed_here = job.spec.retry.other_machine && has_failed_on(job, machine.id);
                (failed_here, !is_all_ready(machine, class), machine.last_epoch, machine.id)
            })
            .map(|machine| machine.id)
    }

    fn offer(&self, now: Now, machine: MachineId, job: JobId) -> Event {
        let mut draft = Draft::new(self, now, Principal::System);
        let attempt = AttemptId::new(draft.wall_ms(), draft.unique());
        let epoch = Epoch { generation: self.meta.generation, counter: self.meta.epoch + 1 };
        let number = self.jobs[&job].attempts.last().map_or(1, |last| last.number + 1);
        let machine_name = self.machines[&machine].name.clone();
        draft.push(Fact::JobOffered { job, machine, machine_name, attempt, number, epoch });
        draft.into_events().swap_remove(0)
    }
}

fn has_failed_on(job: &Job, machine: MachineId) -> bool {
    let failed = |outcome| matches!(outcome, Some(Outcome::Failed | Outcome::Lost));
    job.attempts.iter().any(|attempt| attempt.machine_id == machine && failed(attempt.outcome))
}

impl Draft<'_> {
    /// What a look at its class means for a blocked job. `fresh`: a machine that fits it has changed for the better.
    fn look_again(&mut self, job: &Job, reason: Option<&BlockedReason>, fresh: bool) {
        let JobState::Blocked { reason: current } = &job.state else { return };
        // Only a person lets it go on.
        if matches!(current, BlockedReason::Restored { .. }) {
            return;
        }
        let declined = matches!(current, BlockedReason::Declined { .. });
        match reason {
            None if declined && !fresh => {}
            None => self.push(Fact::JobQueued { job: job.id, why: QueuedWhy::Fits }),
            // One that was declined has a new chance as soon as the other reason is gone.
            Some(reason) if reason != current && (!declined || fresh) => {
                self.push(Fact::JobBlocked { job: job.id, reason: reason.clone() });
            }
            Some(_) => {}
        }
    }

    pub(super) fn into_events(self) -> Vec<Event> {
        self.events
    }
}

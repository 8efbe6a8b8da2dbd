//! Leases are offered, accepted, revoked and given back, with the attempts they belong to.

use std::time::Duration;

use crate::mutant::{Mutant, is_on};
use crate::{
    fleet::{
        attempt::{Artifact, Attempt, Category, Effect, Outcome, StepRecord},
        event::{Event, Fact},
        job::{Job, JobState, Phase, Run},
        lease::{Answer, EndedLease, Holder, Lease, LeaseState},
        machine::{Machine, Stats},
        rows::{ArtifactRow, StepRow},
        state::Fleet,
        timers::MonoTimer,
    },
    ids::{AttemptId, Incarnation, JobId, MachineId},
    time::{Mono, Timestamp},
};

/// Attempts kept in a job's row. Older declined ones go first.
const MAX_ATTEMPTS_KEPT: usize = 64;

pub(super) fn apply(fleet: &mut Fleet, event: &Event) {
    let at = event.at;
    match &event.fact {
        Fact::JobOffered { .. } => fleet.offered(event),
        Fact::JobAccepted { .. } => fleet.accepted(event),
        Fact::JobStarted { .. } => fleet.started(event),
        Fact::CooledDown { job, machine } => fleet.cool_down_over(*job, *machine),
        Fact::AttemptProgressed { .. } => fleet.progressed(event),
        Fact::AttemptRevoked { job, machine, why, .. } => {
            fleet.clear_attempt_timers(*job);
            fleet.stops.insert(*machine, event.mono.saturating_add(fleet.settings.stop_grace));
            fleet.change_lease(*machine, |lease| {
                if let LeaseState::Held { incarnation } = lease.state {
                    lease.state = LeaseState::Revoking { incarnation, why: *why, since: at };
                }
            });
        }
        Fact::AttemptFinished { .. } => fleet.finished(event),
        Fact::AttemptDeclined { .. } => fleet.declined(event),
        Fact::AttemptMarked { machine, epoch, mark } => fleet.change_machine(*machine, |machine| {
            let (lease, ended) = (machine.lease.as_mut(), machine.ended_lease.as_mut());
            if let Some(lease) = lease.filter(|lease| lease.epoch == *epoch) {
                lease.mark = Some(*mark);
            } else if let Some(ended) = ended.filter(|ended| ended.epoch == *epoch) {
                ended.mark = Some(*mark);
            }
        }),
        Fact::AttemptLateReport { job, attempt, attempt_number, steps, artifacts, .. } => {
            let evidence = Evidence { job: *job, attempt: *attempt, attempt_number: *attempt_number, at, late: true };
            fleet.keep(evidence, steps, artifacts);
            let more = u32::try_from(artifacts.len()).unwrap_or(u32::MAX);
            if more > 0 {
                fleet.change_open_job(*job, |job| job.count_artifacts(*attempt, more));
            }
        }
        _ => {}
    }
}

fn count(stats: &mut Stats, outcome: Outcome, blameless: bool) {
    match outcome {
        Outcome::Succeeded => {
            stats.succeeded += 1;
            stats.failed_in_a_row = 0;
        }
        Outcome::Failed | Outcome::Lost => {
            stats.failed += 1;
            stats.failed_in_a_row = if blameless { 0 } else { stats.failed_in_a_row + 1 };
        }
        Outcome::Declined | Outcome::Cancelled => {}
    }
}

/// Where steps and artifacts belong.
#[derive(Clone, Copy)]
struct Evidence {
    job: JobId,
    attempt: AttemptId,
    attempt_number: u32,
    at: Timestamp,
    late: bool,
}

impl Fleet {
    fn accepted(&mut self, event: &Event) {
        let Fact::JobAccepted { job, machine, attempt, incarnation, number, answer } = &event.fact else { return };
        self.change_lease(*machine, |lease| lease.state = LeaseState::Held { incarnation: *incarnation });
        self.note_report(*machine, *number, answer);
        self.mono_timers.set(MonoTimer::Lease(*machine), self.lease_end(event.mono));
        self.change_phase(*job, event.at, Phase::Accepted);
        self.change_attempt(*job, *attempt, |attempt| attempt.accepted_at = Some(event.at));
        let until = event.mono.saturating_add(self.settings.prepare_limit);
        self.mono_timers.set(MonoTimer::Progress(*job), until);
    }

    fn started(&mut self, event: &Event) {
        let Fact::JobStarted { job, machine, attempt, number, answer } = &event.fact else { return };
        let at = event.at;
        self.note_report(*machine, *number, answer);
        self.change_phase(*job, at, Phase::Executing);
        self.change_attempt(*job, *attempt, |attempt| attempt.started_at = Some(at));
        self.change_open_job(*job, |job| {
            job.declines = 0;
            job.started_at = job.started_at.or(Some(at));
        });
        if let Some(limit) = self.jobs.get(job).map(|job| Duration::from_millis(job.spec.timeout_ms)) {
            let limit = limit.saturating_add(self.settings.timeout_grace);
            self.mono_timers.set(MonoTimer::Attempt(*job), event.mono.saturating_add(limit));
        }
        self.expect_progress(*job, Duration::ZERO, event.mono);
    }

    fn progressed(&mut self, event: &Event) {
        let Fact::AttemptProgressed {
            job,
            machine,
            attempt,
            number,
            answer,
            steps,
            artifacts,
            steps_done,
            steps_total,
            quiet_ms,
        } = &event.fact
        else {
            return;
        };
        self.note_report(*machine, *number, answer);
        let more = u32::try_from(artifacts.len()).unwrap_or(u32::MAX);
        self.change_attempt(*job, *attempt, |attempt| {
            // A last report may bring only pictures.
            if *steps_total > 0 {
                (attempt.steps_done, attempt.steps_total) = (*steps_done, *steps_total);
            }
            attempt.artifacts = attempt.artifacts.saturating_add(more);
            attempt.quiet_ms = quiet_ms.unwrap_or(attempt.quiet_ms);
        });
        if let Some(quiet_ms) = quiet_ms {
            self.expect_progress(*job, Duration::from_millis(*quiet_ms), event.mono);
        }
        let attempt_number = self.jobs.get(job).and_then(|job| job.attempt(*attempt)).map_or(0, |own| own.number);
        let evidence = Evidence { job: *job, attempt: *attempt, attempt_number, at: event.at, late: false };
        self.keep(evidence, steps, artifacts);
    }

    /// While steps run and nobody has told it to stop.
    pub(super) fn expect_progress(&mut self, job: JobId, quiet: Duration, now: Mono) {
        if self.mono_timers.get(MonoTimer::Attempt(job)).is_some() {
            let until = now.saturating_add(quiet).saturating_add(self.settings.stuck_grace);
            self.mono_timers.set(MonoTimer::Progress(job), until);
        }
    }

    pub(super) fn clear_attempt_timers(&mut self, job: JobId) {
        self.mono_timers.clear(MonoTimer::Attempt(job));
        self.mono_timers.clear(MonoTimer::Progress(job));
    }

    fn finished(&mut self, event: &Event) {
        let Fact::AttemptFinished { job, machine, attempt, outcome, effect, failure, report } = &event.fact else {
            return;
        };
        self.note_pace(*job, *attempt, *outcome, event.at);
        self.free_lease(*machine, report.map(|number| (number, None)));
        self.clear_attempt_timers(*job);
        if *outcome == Outcome::Succeeded {
            // The steps behind a commit that nothing verifies have worked.
            self.change_open_job(*job, |job| drop(job.journal.close()));
        }
        self.change_attempt(*job, *attempt, |attempt| {
            attempt.outcome = Some(*outcome);
            attempt.effect = *effect;
            attempt.finished_at = Some(event.at);
            attempt.failure = failure.as_deref().cloned();
        });
        self.note_unsettled(*job, event.mono);
        let blameless = failure.as_ref().is_some_and(|failure| failure.category == Category::Business);
        self.change_machine(*machine, |machine| count(&mut machine.stats, *outcome, blameless));
    }

    fn declined(&mut self, event: &Event) {
        let Fact::AttemptDeclined { job, machine, attempt, reason, report } = &event.fact else { return };
        self.free_lease(*machine, report.map(|report| (report.number, Some(report.incarnation))));
        self.clear_attempt_timers(*job);
        self.change_attempt(*job, *attempt, |attempt| {
            attempt.outcome = Some(Outcome::Declined);
            attempt.finished_at = Some(event.at);
            attempt.decline_reason = Some(reason.clone());
        });
        self.change_open_job(*job, |job| job.declines += 1);
        self.cooling.entry(*job).or_default().insert(*machine);
        let until = event.mono.saturating_add(self.settings.decline_cool_down);
        self.mono_timers.set(MonoTimer::CoolDown(*job, *machine), until);
        self.cooling_changed(*job);
    }

    pub(super) fn cool_down_over(&mut self, job: JobId, machine: MachineId) {
        self.mono_timers.clear(MonoTimer::CoolDown(job, machine));
        if let Some(machines) = self.cooling.get_mut(&job) {
            machines.remove(&machine);
            if machines.is_empty() {
                self.cooling.remove(&job);
            }
        }
        self.cooling_changed(job);
    }

    fn offered(&mut self, event: &Event) {
        let Fact::JobOffered { job: job_id, machine, machine_name, attempt, number, epoch } = &event.fact else {
            return;
        };
        let at = event.at;
        self.meta.epoch = self.meta.epoch.max(epoch.counter);
        let lease = Lease {
            epoch: *epoch,
            holder: Holder::Attempt { job: *job_id, attempt: *attempt },
            state: LeaseState::Offered,
            since: at,
            number: 0,
            answer: None,
            mark: None,
        };
        self.change_machine(*machine, |machine| {
            machine.lease = Some(lease);
            machine.last_epoch = epoch.counter;
        });
        let until = event.mono.saturating_add(self.settings.offer_timeout);
        self.mono_timers.set(MonoTimer::Lease(*machine), until);
        let row = Attempt {
            id: *attempt,
            number: *number,
            machine: machine_name.clone(),
            machine_id: *machine,
            epoch: *epoch,
            outcome: None,
            effect: Effect::None,
            offered_at: at,
            accepted_at: None,
            started_at: None,
            finished_at: None,
            failure: None,
            decline_reason: None,
            steps_done: 0,
            steps_total: 0,
            artifacts: 0,
            quiet_ms: 0,
        };
        let run = Run { phase: Phase::Offered, machine: *machine, attempt: *attempt, epoch: *epoch };
        if let Some(team) = self.jobs.get(job_id).map(|job| job.spec.team.clone()) {
            self.turns.served(&team);
        }
        self.change_job(*job_id, at, |job| {
            make_room(job);
            job.attempts.push(row);
            job.state = JobState::Running(run);
        });
    }

    pub(super) fn change_machine(&mut self, id: MachineId, change: impl FnOnce(&mut Machine)) {
        let Some(mut machine) = self.extract_machine(id) else { return };
        change(&mut machine);
        self.dirty.machines.insert(id);
        self.insert_machine(machine);
    }

    /// Where nothing changes that an index knows of.
    fn change_lease(&mut self, machine: MachineId, change: impl FnOnce(&mut Lease)) {
        if let Some(lease) = self.machines.get_mut(&machine).and_then(|machine| machine.lease.as_mut()) {
            change(lease);
            self.dirty.machines.insert(machine);
        }
    }

    pub(super) fn note_report(&mut self, machine: MachineId, number: u64, answer: &Answer) {
        self.change_lease(machine, |lease| {
            lease.number = number;
            lease.answer = Some(answer.clone());
            lease.mark = None;
        });
    }

    /// Where nothing changes that an index knows of.
    pub(super) fn change_open_job(&mut self, id: JobId, change: impl FnOnce(&mut Job)) {
        if let Some(job) = self.jobs.get_mut(&id) {
            change(job);
            self.dirty.jobs.insert(id);
        }
    }

    pub(super) fn change_attempt(&mut self, job: JobId, attempt: AttemptId, change: impl FnOnce(&mut Attempt)) {
        self.change_open_job(job, |job| {
            if let Some(attempt) = job.attempts.iter_mut().rev().find(|own| own.id == attempt) {
                change(attempt);
            }
        });
    }

    pub(super) fn change_phase(&mut self, job: JobId, at: Timestamp, phase: Phase) {
        self.change_job(job, at, |job| {
            if let JobState::Running(run) = &mut job.state {
                run.phase = phase;
            }
        });
    }

    /// `report`: the number of the report that ended it, and who sent it where the lease does not know.
    fn free_lease(&mut self, machine: MachineId, report: Option<(u64, Option<Incarnation>)>) {
        self.mono_timers.clear(MonoTimer::Lease(machine));
        self.stops.remove(&machine);
        self.change_machine(machine, |machine| {
            let Some(lease) = machine.lease.take() else { return };
            let answered = report.and_then(|(number, sender)| Some((number, lease.incarnation().or(sender)?)));
            // One that ended without a report has no answer to repeat: that of the lease before may still be wanted.
            if let Some((number, incarnation)) = answered {
                let (epoch, attempt) = (lease.epoch, lease.attempt());
                let answer = Answer::Done;
                machine.ended_lease = Some(EndedLease { epoch, attempt, incarnation, number, answer, mark: None });
            }
        });
    }

    fn keep(&mut self, evidence: Evidence, steps: &[StepRecord], artifacts: &[Artifact]) {
        let Evidence { job, attempt, attempt_number, at, late } = evidence;
        let steps = steps.iter().map(|step| StepRow { job, attempt, attempt_number, step: step.clone(), at, late });
        self.dirty.steps.extend(steps);
        let rows = artifacts.iter().cloned();
        let rows = rows.map(|artifact| ArtifactRow { job, attempt, attempt_number, artifact, at, late });
        self.dirty.artifacts.extend(rows);
    }

    /// Whether renewals still lengthen a lease that is being revoked.
    pub(in crate::fleet) fn may_renew(&self, machine: MachineId, lease: &Lease, now: Mono) -> bool {
        match lease.state {
            LeaseState::Offered => false,
            LeaseState::Held { .. } => true,
            LeaseState::Revoking { .. } if is_on(Mutant::RenewWhatIsRevoked) => true,
            LeaseState::Revoking { .. } => self.stops.get(&machine).is_some_and(|until| now < *until),
        }
    }

    pub(super) fn renew_lease(&mut self, machine: MachineId, event: &Event) {
        let lease = self.machines.get(&machine).and_then(|machine| machine.lease.as_ref());
        if lease.is_some_and(|lease| self.may_renew(machine, lease, event.mono)) {
            self.mono_timers.set(MonoTimer::Lease(machine), self.lease_end(event.mono));
        }
    }

    /// How long a lease being revoked lasts at the agent, if it is renewed now.
    pub(in crate::fleet) fn revoked_ttl(&self, machine: MachineId, lease: &Lease, now: Mono) -> Duration {
        if self.may_renew(machine, lease, now) {
            return self.settings.ttl;
        }
        let end = self.mono_timers.get(MonoTimer::Lease(machine)).unwrap_or(now);
        end.since(now).saturating_sub(self.settings.ttl_margin)
    }
}

const fn is_blameless(outcome: Option<Outcome>) -> bool {
    matches!(outcome, Some(Outcome::Declined | Outcome::Cancelled))
}

fn make_room(job: &mut Job) {
    if job.attempts.len() >= MAX_ATTEMPTS_KEPT {
        let blameless =
            job.attempts.iter().position(|attempt| attempt.effect == Effect::None && is_blameless(attempt.outcome));
        if let Some(oldest) = blameless {
            job.attempts.remove(oldest);
        }
    }
}

//! Reports, and how an attempt and its job come to an end.

use super::model::{
    ATTEMPT_MS, Answer, COOL_DOWN_MS, Cause, MAX_DECLINES, Model, Number, Outcome, Phase, Said, Says, State, TTL_MS,
    Which, Why,
};

impl Model {
    pub(super) fn report(&mut self, machine: usize, says: Says, number: Number, which: Which) -> Answer {
        let Some((epoch, number)) = self.fence(machine, says, number, which) else { return Answer::Nothing };
        let incarnation = self.machines[machine].incarnation;
        let own = &self.machines[machine];
        let repeats = own.last_words.is_some_and(|before| says.repeats(before));
        if repeats && own.ended == Some((epoch, incarnation, number)) {
            return Answer::Again(Said::Over);
        }
        let Some(lease) = self.machines[machine]
            .lease
            .clone()
            .filter(|lease| lease.epoch == epoch && lease.incarnation.is_none_or(|holder| holder == incarnation))
        else {
            return Answer::LeaseLost;
        };
        self.heard(machine, incarnation, true);
        let accepted = lease.incarnation.is_some();
        if says == Says::Renew {
            return if accepted { answer(self.go_on(machine)) } else { Answer::WrongOrder };
        }
        if let Some((said, _)) = lease.said.filter(|(_, before)| number == lease.number && says.repeats(*before)) {
            return Answer::Again(said);
        }
        if number != lease.number + 1 {
            return Answer::WrongNumber { expected: lease.number + 1 };
        }
        self.take(machine, lease.job, says, number)
    }

    /// Epoch and number as sent; none where the machine never had such a lease.
    pub(super) fn fence(&self, machine: usize, says: Says, number: Number, which: Which) -> Option<(u64, u64)> {
        let machine = &self.machines[machine];
        let back = if which == Which::Current { 1 } else { 2 };
        let (epoch, _) = *machine.epochs.get(machine.epochs.len().checked_sub(back)?)?;
        let live = machine.lease.as_ref().filter(|lease| lease.epoch == epoch).map(|lease| lease.number);
        let last = live.or(machine.ended.filter(|ended| ended.0 == epoch).map(|ended| ended.2)).unwrap_or(0);
        let number = match number {
            _ if says == Says::Renew => 0,
            Number::Next => last + 1,
            Number::Same => last,
            Number::Skipped => last + 2,
        };
        Some((epoch, number))
    }

    /// A report in time, in order, of the lease's holder.
    fn take(&mut self, machine: usize, job: usize, says: Says, number: u64) -> Answer {
        let State::Running { phase, .. } = self.jobs[job].state else { unreachable!("a lease is for a running job") };
        let revoked = self.machines[machine].lease.as_ref().and_then(|lease| lease.revoked).map(|(why, _)| why);
        let runs = matches!(phase, Phase::Executing | Phase::Committing);
        let fits = match says {
            Says::Accept => phase == Phase::Offered,
            Says::Ready => phase == Phase::Accepted,
            Says::Decline => !runs,
            Says::Succeeded => runs && self.may_succeed(job),
            Says::Intends(_) => runs && self.may_intend(machine, job),
            Says::Settled(_) => runs && self.jobs[job].commit.open.is_some(),
            _ => phase != Phase::Offered,
        };
        if !fits {
            return Answer::WrongOrder;
        }
        match says {
            Says::Accept => {
                let incarnation = self.machines[machine].incarnation;
                let ends = self.mono + TTL_MS;
                if let Some(lease) = &mut self.machines[machine].lease {
                    (lease.incarnation, lease.ends) = (Some(incarnation), ends);
                }
                self.set_phase(job, Phase::Accepted);
            }
            Says::Ready if revoked.is_none() => {
                self.set_phase(job, Phase::Executing);
                self.jobs[job].declines = 0;
                self.jobs[job].time_over = Some(self.mono + ATTEMPT_MS);
            }
            Says::Ready | Says::Steps => {}
            Says::Intends(can_settle) => self.intends(machine, job, can_settle),
            Says::Settled(done) => self.settled(job, done),
            Says::Decline if revoked.is_none() => {
                self.declined(job, Some(number));
                self.machines[machine].last_words = Some(says);
                return Answer::Over;
            }
            _ => {
                self.end(job, says, revoked, number);
                self.machines[machine].last_words = Some(says);
                return Answer::Over;
            }
        }
        let said = self.go_on(machine);
        if let Some(lease) = &mut self.machines[machine].lease {
            (lease.number, lease.said) = (number, Some((said, says)));
        }
        answer(said)
    }

    pub(super) fn go_on(&self, machine: usize) -> Said {
        let lease = self.machines[machine].lease.as_ref();
        let revoked = lease.and_then(|lease| lease.revoked).filter(|_| !self.waits_for_commit(machine));
        revoked.map_or(Said::GoOn, |(why, _)| Said::Stop(why))
    }

    pub(super) fn set_phase(&mut self, job: usize, now: Phase) {
        if let State::Running { phase, .. } = &mut self.jobs[job].state {
            *phase = now;
        }
    }

    /// By its own word. A stop that was asked for says why it ended, unless it succeeded in time.
    fn end(&mut self, job: usize, says: Says, revoked: Option<Why>, number: u64) {
        let told = match says {
            Says::Failed => Some(Cause::Technical),
            Says::Business => Some(Cause::Business),
            _ => None,
        };
        match (says, revoked, told) {
            (Says::Succeeded, ..) => {
                self.free(job, Outcome::Succeeded, Some(number));
                self.jobs[job].state = State::Succeeded;
                self.jobs[job].commit.open = None;
            }
            (_, Some(Why::Timeout), _) => self.failed(job, Outcome::Failed, Cause::Timeout, Some(number)),
            (.., Some(cause)) => self.failed(job, Outcome::Failed, cause, Some(number)),
            (_, Some(Why::Mode), None) if self.jobs[job].cancel.is_none() => self.withdrawn(job, Some(number)),
            (_, Some(_), None) => {
                self.free(job, Outcome::Cancelled, Some(number));
                self.as_asked(job);
            }
            (_, None, None) => self.failed(job, Outcome::Failed, Cause::Agent, Some(number)),
        }
    }

    /// The lease lapsed, or its agent was started anew.
    pub(super) fn lost(&mut self, job: usize) {
        self.failed(job, Outcome::Lost, Cause::MachineLost, None);
    }

    fn failed(&mut self, job: usize, outcome: Outcome, cause: Cause, report: Option<u64>) {
        self.free(job, outcome, report);
        self.jobs[job].commit.causes.push(cause);
        if self.ended_by_its_commit(job, cause) {
            return;
        }
        if self.policy_is_used_up(job, cause) {
            let commit = &self.jobs[job].commit;
            // One that only found out, and found nothing done, failed as the one before it.
            let before = commit.causes.iter().rev().nth(1).copied().filter(|_| commit.settle_only);
            self.jobs[job].state = State::Failed(before.unwrap_or(cause));
        } else {
            self.queue_again(job);
        }
    }

    /// An operator's doing: the attempt does not count.
    pub(super) fn withdrawn(&mut self, job: usize, report: Option<u64>) {
        let State::Running { phase, .. } = self.jobs[job].state else { unreachable!("only what runs is withdrawn") };
        self.free(job, Outcome::Cancelled, report);
        let commit = &self.jobs[job].commit;
        let begun = matches!(phase, Phase::Executing | Phase::Committing);
        match commit.open {
            Some((_, false)) if begun => self.jobs[job].state = State::NeedsReview(Cause::Cancelled),
            None if begun && commit.settle_only => {
                let before = commit.causes.last().copied();
                self.jobs[job].state = State::Failed(before.unwrap_or(Cause::Cancelled));
            }
            None if begun && commit.done => self.jobs[job].state = State::Failed(Cause::Cancelled),
            _ => self.queue_again(job),
        }
    }

    pub(super) fn declined(&mut self, job: usize, report: Option<u64>) {
        let State::Running { machine, .. } = self.jobs[job].state else { unreachable!("only what runs is declined") };
        self.free(job, Outcome::Declined, report);
        let until = self.mono + COOL_DOWN_MS;
        let own = &mut self.jobs[job];
        own.cooling.insert(machine, until);
        own.declines += 1;
        if own.declines >= MAX_DECLINES {
            own.state = State::Declined;
        } else {
            self.queue_again(job);
        }
    }

    pub(super) fn queue_again(&mut self, job: usize) {
        self.jobs[job].state = if self.paused { State::Paused } else { State::Queued };
    }

    /// As it was asked to end: cancelled, or too late; and what has done something is not simply cancelled.
    pub(super) fn as_asked(&mut self, job: usize) {
        let commit = &self.jobs[job].commit;
        let why = self.jobs[job].cancel.unwrap_or(Why::Cancel);
        if why != Why::Deadline && commit.done && commit.open.is_none() {
            self.jobs[job].state = State::Failed(Cause::Cancelled);
        } else {
            self.end_for(job, why);
        }
    }

    /// What nobody has settled is for a person.
    fn end_for(&mut self, job: usize, why: Why) {
        let open = self.jobs[job].commit.open.is_some();
        self.jobs[job].state = match (why == Why::Deadline, open) {
            (true, true) => State::NeedsReview(Cause::Deadline),
            (true, false) => State::Failed(Cause::Deadline),
            (false, true) => State::NeedsReview(Cause::Cancelled),
            (false, false) => State::Cancelled,
        };
    }

    /// A person's cancel, or the deadline.
    pub(super) fn ask_for_end(&mut self, job: usize, why: Why) {
        match self.jobs[job].state {
            State::Running { phase, .. } if phase != Phase::Offered => {
                if self.jobs[job].cancel.is_none() {
                    self.jobs[job].cancel = Some(why);
                    self.revoke(job, why);
                }
            }
            state => {
                if matches!(state, State::Running { .. }) {
                    self.free(job, Outcome::Cancelled, None);
                }
                self.end_for(job, why);
            }
        }
    }

    /// The first reason stays.
    pub(super) fn revoke(&mut self, job: usize, why: Why) {
        let State::Running { machine, .. } = self.jobs[job].state else { return };
        let wall = self.wall;
        if let Some(lease) = self.machines[machine].lease.as_mut().filter(|lease| lease.revoked.is_none()) {
            lease.revoked = Some((why, wall));
            self.jobs[job].time_over = None;
        }
    }

    fn free(&mut self, job: usize, outcome: Outcome, report: Option<u64>) {
        let State::Running { machine, .. } = self.jobs[job].state else { unreachable!("only what runs has a lease") };
        self.jobs[job].attempts.push((machine, outcome));
        self.jobs[job].time_over = None;
        let own = &mut self.machines[machine];
        let lease = own.lease.take();
        let sender = own.incarnation;
        // One that ended without a report leaves nothing to repeat: what may be is the report that ended the one before.
        if let Some((lease, number)) = lease.zip(report) {
            own.ended = Some((lease.epoch, lease.incarnation.unwrap_or(sender), number));
        }
    }
}

fn answer(said: Said) -> Answer {
    match said {
        Said::GoOn => Answer::GoOn,
        Said::Stop(why) => Answer::Stop(why),
        Said::Over => Answer::Over,
    }
}

//! What a job is about to do, what became of it, and who finds out: a later attempt, or a person.

use super::model::{ATTEMPTS, Answer, Cause, Decision, Model, Outcome, Phase, STOP_GRACE_MS, Said, State};

/// Attempts beyond the policy that only find out.
const SETTLE_TRIES: u32 = 3;

impl Model {
    /// Whether a stop is held back by a commit under way.
    pub(super) fn waits_for_commit(&self, machine: usize) -> bool {
        let lease = self.machines[machine].lease.as_ref();
        lease.is_some_and(|lease| {
            let commits = matches!(self.jobs[lease.job].state, State::Running { phase: Phase::Committing, .. });
            commits && lease.revoked.is_none_or(|(_, since)| self.wall < since + STOP_GRACE_MS)
        })
    }

    /// Where it is to stop it may ask, and is told so.
    pub(super) fn may_intend(&self, machine: usize, job: usize) -> bool {
        let commit = &self.jobs[job].commit;
        let free = commit.open.is_none() && !commit.settle_only && !commit.done;
        free || matches!(self.go_on(machine), Said::Stop(_))
    }

    pub(super) fn intends(&mut self, machine: usize, job: usize, can_settle: bool) {
        let State::Running { epoch, .. } = self.jobs[job].state else { unreachable!("only what runs intends") };
        if self.go_on(machine) == Said::GoOn {
            self.jobs[job].commit.open = Some((epoch, can_settle));
            self.set_phase(job, Phase::Committing);
        }
    }

    pub(super) fn settled(&mut self, job: usize, done: bool) {
        self.close(job);
        let commit = &mut self.jobs[job].commit;
        commit.settle_only &= !done;
        commit.done |= done;
        self.set_phase(job, Phase::Executing);
    }

    fn close(&mut self, job: usize) {
        let commit = &mut self.jobs[job].commit;
        (commit.open, commit.settle_tries) = (None, 0);
    }

    pub(super) fn may_succeed(&self, job: usize) -> bool {
        let State::Running { epoch: now, .. } = self.jobs[job].state else { return false };
        let commit = &self.jobs[job].commit;
        match commit.open {
            Some((epoch, _)) => epoch == now,
            None => !commit.settle_only,
        }
    }

    /// After an attempt failed or was lost: whether what it did, or a cancel, says already where the job stands.
    pub(super) fn ended_by_its_commit(&mut self, job: usize, cause: Cause) -> bool {
        let own = &self.jobs[job];
        match own.commit.open {
            Some((_, can_settle)) => self.unsettled(job, cause, can_settle),
            None if own.commit.done => self.jobs[job].state = State::Failed(cause),
            None if own.cancel.is_some() => self.as_asked(job),
            None if own.commit.settle_only => return false,
            None if self.is_late(job) => self.jobs[job].state = State::Failed(Cause::Deadline),
            None => return false,
        }
        true
    }

    fn unsettled(&mut self, job: usize, cause: Cause, can_settle: bool) {
        let only = self.jobs[job].commit.settle_only;
        let given_up = only || self.is_late(job) || self.policy_is_used_up(job, cause);
        let tries = self.jobs[job].commit.settle_tries;
        if !can_settle || self.jobs[job].cancel.is_some() {
            self.jobs[job].state = State::NeedsReview(cause);
        } else if !given_up {
            self.queue_again(job);
        } else if tries >= SETTLE_TRIES || self.is_late(job) {
            self.jobs[job].state = State::NeedsReview(cause);
        } else {
            (self.jobs[job].commit.settle_only, self.jobs[job].commit.settle_tries) = (true, tries + 1);
            self.jobs[job].state = State::Scheduled { due: self.wall };
        }
    }

    fn is_late(&self, job: usize) -> bool {
        self.jobs[job].deadline.is_some_and(|deadline| deadline <= self.wall)
    }

    pub(super) fn policy_is_used_up(&self, job: usize, cause: Cause) -> bool {
        let own = &self.jobs[job];
        let counted = |outcome: &Outcome| matches!(outcome, Outcome::Succeeded | Outcome::Failed | Outcome::Lost);
        let since = own.attempts.iter().skip(own.commit.counted_from);
        let used = since.filter(|(_, outcome)| counted(outcome)).count();
        let may = if own.wish.tried_again { ATTEMPTS } else { 1 };
        own.commit.settle_only || cause == Cause::Business || used >= may
    }

    pub(super) fn review(&mut self, job: usize, decision: Decision) -> Answer {
        let State::NeedsReview(cause) = self.jobs[job].state else { return Answer::WrongState };
        self.close(job);
        match decision {
            Decision::Succeed => self.jobs[job].state = State::Succeeded,
            Decision::Fail => self.jobs[job].state = State::Failed(cause),
            Decision::Retry => {
                let late = self.is_late(job);
                let own = &mut self.jobs[job];
                own.deadline = own.deadline.filter(|_| !late);
                own.commit.settle_only = false;
                own.commit.counted_from = own.attempts.len();
                (own.cancel, own.declines) = (None, 0);
                own.cooling.clear();
                self.queue_again(job);
            }
        }
        Answer::Done
    }
}

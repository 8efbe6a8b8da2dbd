//! What is said once placement has been: what each machine has to do, and replies brought up to date.

use super::{
    job::{Job, Phase},
    lease::{Lease, LeaseState},
    machine::Machine,
    reply::{Assignment, Offer, Reply},
    state::Fleet,
};
use crate::{
    ids::MachineId,
    mutant::{Mutant, is_on},
    time::{Mono, duration_ms},
};

impl Fleet {
    /// Brings a reply up to date with what happened after its command, placement above all. Call it after `place`.
    pub fn refresh(&self, reply: Reply) -> Reply {
        match reply {
            Reply::Job(mut reply) => {
                if let Some(job) = self.job(reply.job.id) {
                    reply.job = job.clone();
                }
                Reply::Job(reply)
            }
            Reply::Batch(mut reply) => {
                if let Some(batch) = self.batch(reply.batch.id) {
                    reply.batch = batch.clone();
                }
                Reply::Batch(reply)
            }
            Reply::Machine(machine) => Reply::Machine(self.machine(machine.id).cloned().map_or(machine, Box::new)),
            Reply::Poll(mut reply) => {
                if !matches!(reply.assignment, Assignment::Lost { .. }) {
                    reply.assignment = self.assignment(reply.machine);
                }
                Reply::Poll(reply)
            }
            Reply::Report(mut reply) => {
                if let Assignment::Offer(offer) = self.assignment(reply.machine) {
                    reply.next = Some(offer);
                }
                Reply::Report(reply)
            }
            Reply::Document(_)
            | Reply::Channel(_)
            | Reply::Token(_)
            | Reply::JoinToken(_)
            | Reply::Replayed { .. }
            | Reply::Done => reply,
        }
    }

    /// What a machine has to do now. For a parked poll that is woken.
    pub fn assignment(&self, machine: MachineId) -> Assignment {
        let Some(machine) = self.machines.get(&machine) else { return Assignment::Nothing };
        let Some(lease) = &machine.lease else { return Assignment::Nothing };
        let epoch = lease.epoch;
        match lease.state {
            LeaseState::Offered => match self.jobs.get(&lease.job()) {
                Some(job) => Assignment::Offer(Box::new(self.offer_of(machine, lease, job))),
                None => Assignment::Nothing,
            },
            LeaseState::Held { .. } => Assignment::Hold { epoch, ttl_ms: duration_ms(self.settings.ttl) },
            LeaseState::Revoking { why, .. } => {
                let ttl_ms = duration_ms(self.revoked_ttl(machine.id, lease, self.mono));
                if self.waits_for_commit(lease, self.mono) {
                    return Assignment::Hold { epoch, ttl_ms };
                }
                Assignment::Stop { epoch, why, ttl_ms }
            }
        }
    }

    /// Whether a stop is not told yet, because the commit that is under way goes first. Not longer than a machine may take to stop.
    pub(super) fn waits_for_commit(&self, lease: &Lease, now: Mono) -> bool {
        let run = self.jobs.get(&lease.job()).and_then(Job::run);
        run.is_some_and(|run| run.phase == Phase::Committing && self.may_renew(run.machine, lease, now))
    }

    fn unsettled_since(&self, job: &Job) -> Option<Mono> {
        if is_on(Mutant::SettleTooEarly) { Some(Mono::default()) } else { self.unsettled.get(&job.id).copied() }
    }

    fn offer_of(&self, machine: &Machine, lease: &Lease, job: &Job) -> Offer {
        Offer {
            machine: machine.id,
            epoch: lease.epoch,
            job: job.id,
            attempt: lease.attempt(),
            number: job.attempt(lease.attempt()).map_or(0, |attempt| attempt.number),
            spec: job.spec.clone(),
            ttl_ms: duration_ms(self.settings.ttl),
            unsettled: self.unsettled_since(job),
            journal: (!job.journal.is_empty()).then(|| job.journal.clone()),
        }
    }
}

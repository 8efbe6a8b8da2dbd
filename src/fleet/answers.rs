//! What is said once placement has been: what each machine has to do, and replies brought up to date.

use super::{
    job::Job,
    lease::{Lease, LeaseState},
    machine::Machine,
    reply::{Assignment, Offer, Reply},
    state::Fleet,
};
use crate::{ids::MachineId, time::duration_ms};

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
                let ttl_ms = duration_ms(self.revoked_ttl(machine.id, lease, self.latest()));
                Assignment::Stop { epoch, why, ttl_ms }
            }
        }
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
        }
    }
}

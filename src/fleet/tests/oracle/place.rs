//! Which free machine gets which job, by looking at all pairs.

use super::model::{AGEING, Lease, Machine, Mode, Model, OFFER_MS, Outcome, Phase, State};

/// How far one lease moves a team on, against which its turn is measured.
const STRIDE: u64 = 1 << 16;

impl Model {
    pub(super) fn place(&mut self) {
        self.look_at_what_fits();
        while let Some((job, machine)) = self.next_pair() {
            self.offer(job, machine);
        }
    }

    /// A pause blocks what is queued; its end, or a machine that came back, frees it.
    fn look_at_what_fits(&mut self) {
        for job in 0..self.jobs.len() {
            let fits = |machine: &usize| self.jobs[job].wish.machine.is_none_or(|wanted| wanted == *machine);
            let fresh = self.fresh.iter().any(fits);
            let own = &mut self.jobs[job];
            let looked = self.structure || !self.fresh.is_empty();
            match (own.state, self.paused) {
                (State::Queued, true) if self.structure => own.state = State::Paused,
                (State::Paused, false) if looked => (own.state, own.declines) = (State::Queued, 0),
                (State::Declined, false) if fresh => (own.state, own.declines) = (State::Queued, 0),
                (State::Declined, true) if fresh => own.state = State::Paused,
                _ => {}
            }
        }
        self.structure = false;
        self.fresh.clear();
    }

    fn next_pair(&self) -> Option<(usize, usize)> {
        let queued = (0..self.jobs.len()).filter(|job| self.jobs[*job].state == State::Queued);
        let pairs = queued.filter_map(|job| Some((job, self.machine_for(job)?)));
        pairs.min_by_key(|(job, _)| {
            let own = &self.jobs[*job];
            let level = i64::try_from(own.turn / AGEING).unwrap() - own.wish.priority;
            (self.pass(*job), level, own.deadline.unwrap_or(u64::MAX), own.queued_at, *job)
        })
    }

    fn pass(&self, job: usize) -> u64 {
        self.passes[usize::from(self.jobs[job].wish.other_team)].max(self.current_pass)
    }

    /// Not where it has failed, if there is a choice; then where there was no lease for longest.
    fn machine_for(&self, job: usize) -> Option<usize> {
        let own = &self.jobs[job];
        let may = |number: &usize| {
            is_free(&self.machines[*number])
                && own.wish.machine.is_none_or(|wanted| wanted == *number)
                && !own.cooling.contains_key(number)
        };
        let failed = |number: usize| {
            own.attempts.iter().any(|(at, how)| *at == number && matches!(how, Outcome::Failed | Outcome::Lost))
        };
        (0..self.machines.len()).filter(may).min_by_key(|number| {
            let last = self.machines[*number].epochs.last().map_or(0, |(epoch, _)| *epoch);
            (failed(*number), last, *number)
        })
    }

    fn offer(&mut self, job: usize, machine: usize) {
        self.epoch += 1;
        let (epoch, since, ends) = (self.epoch, self.wall, self.mono + OFFER_MS);
        let pass = self.pass(job);
        self.current_pass = pass;
        self.passes[usize::from(self.jobs[job].wish.other_team)] = pass + STRIDE;
        self.jobs[job].state = State::Running { phase: Phase::Offered, machine, epoch };
        let own = &mut self.machines[machine];
        own.epochs.push((epoch, job));
        own.lease = Some(Lease { epoch, job, since, ends, incarnation: None, revoked: None, number: 0, said: None });
    }
}

fn is_free(machine: &Machine) -> bool {
    machine.lease.is_none() && machine.mode == Mode::Active && machine.active && machine.online
}

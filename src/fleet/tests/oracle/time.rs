//! What happens by itself while time passes, and what a restart of the controller changes.

use std::collections::BTreeSet;

use super::model::{ATTEMPT_MS, Model, Phase, State, TTL_MS, Why};

/// In the order in which those of one moment are looked at. The first two go by the monotonic clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Lease(usize),
    Silent(usize),
    TimeOver(usize),
    Cooled(usize, usize),
}

impl Model {
    pub(super) fn wait(&mut self, wait: u64) {
        let end = self.mono + wait;
        loop {
            let left = end.saturating_sub(self.mono);
            let next = self.next_due().map_or(left, |due| due.min(left));
            self.mono += next;
            self.wall += next;
            if self.next_due() == Some(0) {
                self.tick();
                self.place();
            } else if self.mono >= end {
                return;
            }
        }
    }

    fn next_due(&self) -> Option<u64> {
        let mono = self.mono_dues().into_iter().map(|(at, _)| at.saturating_sub(self.mono)).min();
        let wall = self.wall_dues().into_iter().map(|(at, ..)| at.saturating_sub(self.wall)).min();
        [mono, wall].into_iter().flatten().min()
    }

    fn mono_dues(&self) -> BTreeSet<(u64, Due)> {
        let mut dues = BTreeSet::new();
        for (number, machine) in self.machines.iter().enumerate() {
            dues.extend(machine.lease.as_ref().map(|lease| (lease.ends, Due::Lease(number))));
            if machine.online {
                dues.insert((machine.silent_at, Due::Silent(number)));
            }
        }
        for (number, job) in self.jobs.iter().enumerate().filter(|(_, job)| is_open(job.state)) {
            dues.extend(job.time_over.map(|at| (at, Due::TimeOver(number))));
            dues.extend(job.cooling.iter().map(|(machine, at)| (*at, Due::Cooled(number, *machine))));
        }
        dues
    }

    /// Start times before deadlines.
    fn wall_dues(&self) -> BTreeSet<(u64, bool, usize)> {
        let mut dues = BTreeSet::new();
        for (number, job) in self.jobs.iter().enumerate().filter(|(_, job)| is_open(job.state)) {
            if let State::Scheduled { due } = job.state {
                dues.insert((due, false, number));
            }
            dues.extend(job.deadline.filter(|_| job.cancel.is_none()).map(|at| (at, true, number)));
        }
        dues
    }

    /// Everything that is due now, one thing a job; the rest is due again at once.
    fn tick(&mut self) {
        let (mut done, mut silent) = (BTreeSet::new(), BTreeSet::new());
        let now = self.mono;
        for (_, due) in self.mono_dues().into_iter().filter(|(at, _)| *at <= now) {
            match due {
                Due::Silent(machine) => drop(silent.insert(machine)),
                Due::Cooled(job, machine) => drop(self.jobs[job].cooling.remove(&machine)),
                Due::Lease(machine) => silent.extend(self.lapse(machine, &mut done)),
                Due::TimeOver(job) => {
                    if done.insert(job) {
                        self.revoke(job, Why::Timeout);
                    }
                }
            }
        }
        let dues: Vec<_> = self.wall_dues().into_iter().filter(|(at, ..)| *at <= self.wall).collect();
        for machine in silent {
            self.machines[machine].online = false;
        }
        for (_, deadline, job) in dues {
            if !done.insert(job) {
                continue;
            }
            if deadline {
                self.ask_for_end(job, Why::Deadline);
            } else {
                self.start(job);
            }
        }
    }

    /// The machine, if nothing was heard of it since the offer.
    fn lapse(&mut self, machine: usize, done: &mut BTreeSet<usize>) -> Option<usize> {
        let own = &self.machines[machine];
        let lease = own.lease.as_ref()?;
        let (job, offered) = (lease.job, lease.incarnation.is_none());
        let unheard = own.online && own.heard_at <= lease.since;
        if !done.insert(job) {
            return None;
        }
        if offered {
            self.declined(job, None);
            return unheard.then_some(machine);
        }
        self.lost(job);
        None
    }

    fn start(&mut self, job: usize) {
        let (wall, epoch, paused) = (self.wall, self.epoch, self.paused);
        let own = &mut self.jobs[job];
        if !matches!(own.state, State::Scheduled { .. }) {
            return;
        }
        if own.queued_at.is_none() {
            (own.queued_at, own.turn) = (Some(wall), epoch);
        }
        own.state = if paused { State::Paused } else { State::Queued };
        if !paused {
            own.declines = 0;
        }
    }

    /// The monotonic clock starts anew, machines are unheard, leases get a full TTL.
    pub(super) fn restart(&mut self) {
        let before = self.mono;
        self.mono = 100;
        for machine in &mut self.machines {
            machine.online = false;
            if let Some(lease) = &mut machine.lease {
                lease.ends = self.mono + TTL_MS;
            }
        }
        for job in &mut self.jobs {
            job.cooling.clear();
            // What is left of the attempt's time, by the wall clock.
            let executing = matches!(job.state, State::Running { phase: Phase::Executing | Phase::Committing, .. });
            job.time_over = job.time_over.filter(|_| executing).map(|at| self.mono + at.saturating_sub(before));
            debug_assert!(job.time_over.is_none_or(|at| at <= self.mono + ATTEMPT_MS));
        }
        (self.passes, self.current_pass) = ([0, 0], 0);
        self.structure = true;
        self.fresh.clear();
    }
}

pub(super) fn is_open(state: State) -> bool {
    !matches!(state, State::Succeeded | State::Failed(_) | State::Cancelled | State::NeedsReview(_))
}

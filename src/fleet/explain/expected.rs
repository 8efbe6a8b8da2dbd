//! When a job starts, estimated: the work before it, spread over the machines that could do it.
//!
//! Work is taken as the typical time of its workflow, the median of attempts that ended lately, and poured over the machines like
//! water over a floor that is not level: those that become free sooner take more. No promise: other jobs may come first, a human may not.

use super::Expected;
use crate::{
    fleet::{
        job::{Job, JobState},
        queue::Class,
        state::Fleet,
    },
    time::{Now, Timestamp},
};

const BASIS: &str = "estimated from how long attempts of these workflows took lately, the jobs before it and the machines \
                     that fit it; others may still come first";

impl Fleet {
    pub(super) fn expected_start(&self, now: Now, job: &Job, class: &Class) -> Expected {
        match &job.state {
            JobState::Scheduled { due } => {
                Expected::at(*due, "it enters the queue then, and starts once a machine is free")
            }
            JobState::Queued => self.expect_queued(now, job, class),
            JobState::Blocked { .. } => Expected::unknown("it is blocked: that has to be mended first"),
            _ => match job.started_at.or_else(|| job.attempts.last().map(|attempt| attempt.offered_at)) {
                Some(at) => Expected::at(at, "it has started"),
                None => Expected::unknown("it never started, and will not"),
            },
        }
    }

    fn expect_queued(&self, now: Now, job: &Job, class: &Class) -> Expected {
        let fitting = self.machines_at(&class.place).filter(|machine| self.fits(now, machine, job, class));
        let free_at: Option<Vec<u64>> = fitting
            .map(|machine| match &machine.lease {
                None => Some(now.wall.as_ms()),
                Some(lease) => self.ends_at(now, self.jobs.get(&lease.job())?),
            })
            .collect();
        let Some(free_at) = free_at else { return unknown_pace() };
        if free_at.is_empty() {
            return Expected::unknown("no machine fits it now, so there is nothing to estimate from");
        }
        let Some(work_ms) = self.work_before(job, class) else { return unknown_pace() };
        let mut start = level(free_at, work_ms);
        for group in self.limits_of(job, class) {
            let Some(own) = self.pace.typical_ms(&job.spec.workflow) else { return unknown_pace() };
            let ends: Option<Vec<u64>> = group.running.iter().map(|job| self.ends_at(now, job)).collect();
            let Some(mut ends) = ends else { return unknown_pace() };
            ends.resize(ends.len().max(group.limit), now.wall.as_ms());
            start = start.max(level(ends, group.before.saturating_mul(own)));
        }
        Expected::at(Timestamp::from_ms(start), BASIS)
    }

    fn ends_at(&self, now: Now, job: &Job) -> Option<u64> {
        let typical = self.pace.typical_ms(&job.spec.workflow)?;
        let since = job.attempts.last()?.offered_at;
        Some((since.as_ms().saturating_add(typical)).max(now.wall.as_ms()))
    }

    /// Machine time of queued jobs that want to run at the same place and come before it in order.
    fn work_before(&self, job: &Job, class: &Class) -> Option<u64> {
        let order = self.order_of(job);
        let mut work_ms = 0_u64;
        let classes = self.queue.classes.iter().chain(&self.queue.held).filter(|(other, _)| other.place == class.place);
        for (other, teams) in classes {
            let before: usize = teams.values().map(|orders| orders.range(..order).count()).sum();
            if before > 0 {
                let typical = self.pace.typical_ms(&other.workflow)?;
                work_ms = work_ms.saturating_add(typical.saturating_mul(before as u64));
            }
        }
        Some(work_ms)
    }

    /// The groups of jobs that only so many of run at once, and that this job belongs to.
    fn limits_of(&self, job: &Job, class: &Class) -> Vec<Group<'_>> {
        let mut groups = Vec::new();
        if let Some((_, limit)) = self.concurrency(job) {
            let of_workflow = self.index.workflow_jobs.get(&job.spec.workflow).into_iter().flatten();
            let members = of_workflow.filter_map(|id| self.jobs.get(id)).filter(|other| same_key(other, job));
            groups.push(self.group(job, members, limit));
        }
        if let Some(batch) = class.limited_by.and_then(|id| self.batches.get(&id))
            && let Some(limit) = batch.max_running
        {
            let of_batch = self.index.batch_jobs.get(&batch.id).into_iter().flatten();
            groups.push(self.group(job, of_batch.filter_map(|id| self.jobs.get(id)), limit));
        }
        groups
    }

    fn group<'a>(&self, job: &Job, members: impl Iterator<Item = &'a Job>, limit: u32) -> Group<'a> {
        let order = self.order_of(job);
        let (running, waiting): (Vec<_>, Vec<_>) = members.partition(|other| other.run().is_some());
        let before =
            waiting.iter().filter(|other| other.state == JobState::Queued && self.order_of(other) < order).count();
        Group { running, before: before as u64, limit: limit as usize }
    }
}

struct Group<'a> {
    running: Vec<&'a Job>,
    /// Queued members that come before the job in order.
    before: u64,
    limit: usize,
}

fn same_key(other: &Job, job: &Job) -> bool {
    let key = |job: &Job| job.spec.concurrency.as_ref().map(|own| own.key.clone());
    key(other) == key(job)
}

fn unknown_pace() -> Expected {
    Expected::unknown(
        "unknown: too few attempts of these workflows have ended since the controller started to estimate from",
    )
}

/// When all of the work is under way, where each of these starts to take it when it becomes free.
fn level(mut free_at_ms: Vec<u64>, work_ms: u64) -> u64 {
    free_at_ms.sort_unstable();
    let mut left = work_ms;
    let mut at = free_at_ms.first().copied().unwrap_or_default();
    for (taking, next) in free_at_ms.iter().skip(1).enumerate() {
        let room = (next - at).saturating_mul(taking as u64 + 1);
        if room >= left {
            return at + left / (taking as u64 + 1);
        }
        left -= room;
        at = *next;
    }
    at.saturating_add(left / (free_at_ms.len().max(1) as u64))
}

#[cfg(test)]
mod tests {
    use super::level;

    #[test]
    fn work_goes_to_who_is_free_first_until_all_are() {
        assert_eq!(level(vec![100], 0), 100);
        assert_eq!(level(vec![300, 100], 0), 100);
        assert_eq!(level(vec![100, 300], 150), 250);
        assert_eq!(level(vec![100, 300], 200), 300);
        assert_eq!(level(vec![100, 300], 400), 400);
        assert_eq!(level(vec![100, 100, 100, 100], 400), 200);
    }
}

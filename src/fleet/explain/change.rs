//! What would have to change for a job to start.

use super::{Condition, ConditionName, Explanation};
use crate::fleet::job::{BlockedReason, Job, JobState, Place};

/// Names in one sentence.
const NAMED: usize = 3;

/// What machines that fail a condition are.
pub(super) const fn lack(name: ConditionName) -> &'static str {
    match name {
        ConditionName::Online => "offline",
        ConditionName::ModeActive => "taken out of work",
        ConditionName::SessionActive => "without an open desktop session",
        ConditionName::Labels => "without the labels it requires",
        ConditionName::Apps => "without an app it needs",
        ConditionName::NotCoolingDown => "resting after they turned it down",
        ConditionName::Idle => "busy",
        ConditionName::Place => "elsewhere",
        _ => "held back",
    }
}

pub(super) fn changes(job: &Job, explanation: &Explanation) -> Vec<String> {
    match &job.state {
        JobState::Scheduled { .. } => vec!["nothing: it starts by itself when its time comes".to_owned()],
        JobState::Queued => {
            let mut failing = explanation.conditions.iter().filter(|one| one.failing > 0).collect::<Vec<_>>();
            // What holds the job itself holds it on every machine.
            failing.sort_by_key(|one| !one.name.is_of_the_job());
            let only_busy = explanation.fitting > 0;
            let tell = |one: &&Condition| one.name.is_of_the_job() || !only_busy || one.name == ConditionName::Idle;
            failing.into_iter().filter(tell).filter_map(|one| change(job, one)).collect()
        }
        JobState::Blocked { reason } => vec![unblock(reason)],
        JobState::Running(_) => vec!["nothing: it runs".to_owned()],
        JobState::Waiting(_) => vec!["somebody has to answer its question".to_owned()],
        JobState::NeedsReview { .. } => {
            vec!["look at what it did, then review it: `retry`, `succeed` or `fail`".to_owned()]
        }
        JobState::Failed { .. } | JobState::Cancelled => {
            vec!["to run it again, retry it: a new job is made".to_owned()]
        }
        JobState::Succeeded { .. } => Vec::new(),
    }
}

fn unblock(reason: &BlockedReason) -> String {
    // The message of a reason says it already.
    reason.message()
}

fn change(job: &Job, condition: &Condition) -> Option<String> {
    let named = named(condition);
    let place = match &job.spec.place {
        Place::Pool(pool) => format!("pool `{pool}`"),
        Place::Machine(machine) => format!("machine `{machine}`"),
    };
    let change = match condition.name {
        ConditionName::Online => {
            format!("start the agent of an offline machine ({named}), or see why it cannot connect")
        }
        ConditionName::ModeActive => format!("activate a machine ({named})"),
        ConditionName::SessionActive => format!("log on to, or unlock, the desktop of a machine ({named})"),
        ConditionName::Labels => {
            let wanted: Vec<String> = job.spec.require.iter().map(|(key, value)| format!("{key}={value}")).collect();
            format!("give a machine of {place} the labels {}", wanted.join(", "))
        }
        ConditionName::Apps => format!("open the app by hand on a machine ({named}), or give the app a `launch`"),
        ConditionName::NotCoolingDown => {
            format!("mend what made machines turn it down, told in its attempts ({named}); they are asked again soon")
        }
        ConditionName::Idle => match &job.spec.place {
            Place::Pool(_) => format!("a machine of {place} has to become free: wait, or add machines to it"),
            Place::Machine(_) => format!("{place} has to become free: wait, or submit the job to a pool"),
        },
        ConditionName::NotPaused => condition.detail.clone()?,
        ConditionName::Concurrency => format!("one of them has to end: {}", condition.detail.as_deref()?),
        ConditionName::BatchLimit => format!("one of its batch has to end: {}", condition.detail.as_deref()?),
        ConditionName::Turn => "those before it have to be placed; a higher priority goes sooner".to_owned(),
        ConditionName::Place => return None,
    };
    Some(change)
}

fn named(condition: &Condition) -> String {
    let names: Vec<String> = condition.machines.iter().take(NAMED).map(|note| note.machine.to_string()).collect();
    let more = condition.failing.saturating_sub(names.len() as u64);
    if more > 0 { format!("{} and {more} more", names.join(", ")) } else { names.join(", ") }
}

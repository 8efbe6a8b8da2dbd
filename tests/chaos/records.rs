//! What the clients and the agents of a run have seen with their own eyes: what the history is held against.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Mutex, MutexGuard},
    time::Instant,
};

use serde_json::Value;

use crate::fleet::is_settled;

/// A request with an Idempotency-Key, sent until it was acknowledged.
#[derive(Debug, Clone, Default)]
pub(crate) struct Submission {
    pub(crate) request: Value,
    /// Of the jobs in all acknowledgements; one, if all is well.
    pub(crate) ids: BTreeSet<String>,
    /// The job as first acknowledged.
    pub(crate) job: Value,
    pub(crate) acknowledgements: u64,
    pub(crate) replays: u64,
    /// A cancel was answered 200: it is cancelled, and stays so.
    pub(crate) cancelled: bool,
    /// A cancel was answered 202: it may end either way.
    pub(crate) cancel_asked: bool,
    /// State and output as soon as an answer called it settled.
    pub(crate) settled: Option<(Value, Value)>,
}

/// A stretch of time in which an agent held itself entitled to a desktop, by its own clock and the protocol's rules.
#[derive(Debug, Clone)]
pub(crate) struct Hold {
    pub(crate) machine: String,
    pub(crate) job: String,
    pub(crate) attempt: String,
    pub(crate) epoch: u64,
    pub(crate) from: Instant,
    pub(crate) to: Instant,
}

/// A success that was acknowledged to the agent which reported it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Success {
    pub(crate) job: String,
    pub(crate) attempt: String,
}

#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) submissions: BTreeMap<String, Submission>,
    pub(crate) holds: Vec<Hold>,
    /// More than one of a job is what must never be.
    pub(crate) successes: BTreeSet<Success>,
    /// Successes that were refused because the lease was over.
    pub(crate) refused_successes: BTreeSet<Success>,
    /// Events as a reader saw them, while the run went on.
    pub(crate) events: BTreeMap<u64, Value>,
    /// Calls that brought no answer, or 503.
    pub(crate) unanswered: u64,
    pub(crate) repeated_reports: u64,
    pub(crate) lapsed: u64,
    /// What was wrong at once, without the whole history.
    pub(crate) faults: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Records(Mutex<Seen>);

impl Records {
    pub(crate) fn lock(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("nobody panics while writing records")
    }

    pub(crate) fn fault(&self, fault: String) {
        self.lock().faults.push(fault);
    }

    pub(crate) fn unanswered(&self) {
        self.lock().unanswered += 1;
    }

    /// A job as an answer showed it: what was called settled once is never anything else.
    pub(crate) fn saw(&self, key: &str, job: &Value) {
        let mut seen = self.lock();
        let Some(submission) = seen.submissions.get_mut(key) else { return };
        let now = (job["state"].clone(), job["output"].clone());
        let fault = match &submission.settled {
            Some(before) if *before != now => Some(format!("{key}: was {before:?} and is {now:?} later")),
            _ => None,
        };
        if is_settled(job) {
            submission.settled.get_or_insert(now);
        }
        seen.faults.extend(fault);
    }
}

#[expect(clippy::disallowed_methods, reason = "agents' and clients' own clock")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

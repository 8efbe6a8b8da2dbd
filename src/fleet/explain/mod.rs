//! Why a job does not run, and what would have to change: the first thing people ask of a queue.
//!
//! Only looks. Where placement has said no, the same conditions are asked again, one by one and of every machine.

mod change;
mod expected;
mod machines;

use super::{
    document::{DocumentKind, Pause},
    job::{BlockedReason, Job, JobState, PausedThing, Phase, StateName},
    queue::Class,
    state::Fleet,
    token::Principal,
};
use crate::{
    ids::{JobId, MachineName},
    time::{Now, Timestamp},
};

/// Machines named for one condition; the number says how many there are.
const SHOWN_MACHINES: usize = 10;

#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    pub job: JobId,
    pub state: StateName,
    /// One sentence.
    pub summary: String,
    /// What a machine, and the job, must fulfil for it to start. Empty once it has.
    pub conditions: Vec<Condition>,
    /// Machines where the job may run.
    pub considered: u64,
    /// Those of them that fulfil everything but being idle.
    pub fitting: u64,
    /// How many jobs stand before it, as `Fleet::queue_position`.
    pub before: Option<u64>,
    pub expected: Expected,
    /// What would have to change, the most telling first.
    pub changes: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    pub name: ConditionName,
    /// How many machines do not fulfil it; of a condition of the job itself all or none.
    pub failing: u64,
    /// Some of them.
    pub machines: Vec<MachineNote>,
    /// Of a condition of the job itself: why it is not fulfilled.
    pub detail: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MachineNote {
    pub machine: MachineName,
    pub detail: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ConditionName {
    /// The machine is in the job's pool, or the one it names.
    Place,
    Online,
    ModeActive,
    SessionActive,
    Labels,
    /// Every app is ready, or can be launched.
    Apps,
    /// The machine has not turned the job down lately.
    NotCoolingDown,
    Idle,
    NotPaused,
    /// Fewer jobs with its concurrency key run than may.
    Concurrency,
    /// Fewer jobs of its batch run than may.
    BatchLimit,
    /// Nobody stands before it: jobs with the same needs, by team's turn, priority and arrival.
    Turn,
}

impl ConditionName {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Place => "place",
            Self::Online => "online",
            Self::ModeActive => "mode_active",
            Self::SessionActive => "session_active",
            Self::Labels => "labels",
            Self::Apps => "apps",
            Self::NotCoolingDown => "not_cooling_down",
            Self::Idle => "idle",
            Self::NotPaused => "not_paused",
            Self::Concurrency => "concurrency",
            Self::BatchLimit => "batch_limit",
            Self::Turn => "turn",
        }
    }

    /// Whether it is the job that has to fulfil it, not a machine.
    pub const fn is_of_the_job(self) -> bool {
        matches!(self, Self::NotPaused | Self::Concurrency | Self::BatchLimit | Self::Turn)
    }
}

/// When it starts, as far as can be said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    pub at: Option<Timestamp>,
    /// What the time is made from, or why there is none.
    pub basis: String,
}

impl Expected {
    fn at(at: Timestamp, basis: impl Into<String>) -> Self {
        Self { at: Some(at), basis: basis.into() }
    }

    fn unknown(basis: impl Into<String>) -> Self {
        Self { at: None, basis: basis.into() }
    }
}

impl Fleet {
    /// Of any job, settled ones too. Looks at the machines of its place and at the jobs before it.
    pub fn explain(&self, now: Now, job: &Job) -> Explanation {
        let now = self.steady(now);
        let class = self.class_of(job);
        let starts = matches!(job.state, JobState::Scheduled { .. } | JobState::Queued | JobState::Blocked { .. });
        let look = if starts { self.look_at_machines(now, job, &class) } else { machines::Look::default() };
        let mut conditions = look.conditions;
        let before = self.queue_position(job.id);
        if starts {
            conditions.extend(self.conditions_of_the_job(job, &class, look.considered, before));
        }
        let mut explanation = Explanation {
            job: job.id,
            state: job.name_of_state(),
            summary: String::new(),
            conditions,
            considered: look.considered,
            fitting: look.fitting,
            before,
            expected: self.expected_start(now, job, &class),
            changes: Vec::new(),
        };
        explanation.summary = self.summarize(job, &explanation);
        explanation.changes = change::changes(job, &explanation);
        explanation
    }

    fn conditions_of_the_job(
        &self,
        job: &Job,
        class: &Class,
        considered: u64,
        before: Option<u64>,
    ) -> impl Iterator<Item = Condition> {
        let paused = match self.blocked_reason(class) {
            Some(reason @ BlockedReason::Paused { .. }) => Some(self.pause_told(&reason)),
            _ => None,
        };
        let runs = job.run().is_some();
        let concurrency = self.concurrency(job).filter(|(running, limit)| !runs && running >= limit);
        let concurrency = concurrency.map(|(running, limit)| {
            let key = job.spec.concurrency.as_ref().and_then(|own| own.key.as_deref());
            let key = key.map_or_else(String::new, |key| format!(" with the key `{key}`"));
            format!("{running} jobs of workflow `{}`{key} run, and {limit} may", job.spec.workflow)
        });
        let batch = class.limited_by.filter(|batch| self.is_batch_full(*batch)).and_then(|id| {
            let batch = self.batches.get(&id)?;
            Some(format!("{} jobs of {id} run, and {} may", batch.counts.running(), batch.max_running?))
        });
        let turn = before.filter(|before| *before > 0);
        let turn = turn.map(|before| format!("{before} jobs that need the same stand before it"));
        let of_the_job = [
            (ConditionName::NotPaused, paused),
            (ConditionName::Concurrency, concurrency),
            (ConditionName::BatchLimit, batch),
            (ConditionName::Turn, turn),
        ];
        of_the_job.into_iter().map(move |(name, detail)| {
            let failing = if detail.is_some() { considered } else { 0 };
            Condition { name, failing, machines: Vec::new(), detail }
        })
    }

    /// Who has paused it, and why.
    fn pause_told(&self, reason: &BlockedReason) -> String {
        let BlockedReason::Paused { what } = reason else { return reason.message() };
        let told = self.pause_of(what).map(|Pause { reason, by, at }| {
            let why = reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            format!(" (by {} at {at}{why})", told(by))
        });
        format!("{}{}", reason.message(), told.unwrap_or_default())
    }

    fn pause_of(&self, what: &PausedThing) -> Option<&Pause> {
        let (kind, name) = match what {
            PausedThing::Fleet => return self.meta.paused.as_ref(),
            PausedThing::Workflow(name) => (DocumentKind::Workflow, name),
            PausedThing::App(name) => (DocumentKind::App, name),
            PausedThing::Pool(name) => (DocumentKind::Pool, name),
        };
        self.document(kind, name)?.paused.as_ref()
    }

    fn summarize(&self, job: &Job, explanation: &Explanation) -> String {
        match &job.state {
            JobState::Scheduled { due } => match job.attempts.iter().rev().find_map(|one| one.failure.as_ref()) {
                Some(failure) if job.spec.run_at != Some(*due) => {
                    format!("it waits until {due} before its next attempt, as the last one failed: {}", failure.message)
                }
                _ => format!("it is to start at {due}"),
            },
            JobState::Queued => summarize_queued(explanation),
            JobState::Blocked { reason } => self.pause_told(reason),
            JobState::Running(run) => {
                let machine = job.machine().map_or_else(String::new, |name| format!(" on machine `{name}`"));
                let stop = if job.cancel.is_some() { "; it is told to stop" } else { "" };
                let doing = if run.phase == Phase::Offered {
                    "it is offered to a machine, which has not accepted yet,"
                } else if run.phase == Phase::Accepted {
                    "a machine has accepted it and makes its apps ready,"
                } else if run.phase == Phase::Committing {
                    "it does what must not happen twice, and finds out what came of it,"
                } else {
                    "it runs"
                };
                format!("{doing}{machine}{stop}")
            }
            JobState::Waiting(_) => "it waits for an answer to its question".to_owned(),
            JobState::NeedsReview { failure } => {
                format!("nobody knows what it did, so a person has to decide: {}", failure.message)
            }
            JobState::Succeeded { .. } => "it is over: it succeeded".to_owned(),
            JobState::Failed { failure } => format!("it is over: it failed: {}", failure.message),
            JobState::Cancelled => "it is over: it was cancelled".to_owned(),
        }
    }
}

fn summarize_queued(explanation: &Explanation) -> String {
    let failing = |name| explanation.conditions.iter().find(|one| one.name == name && one.failing > 0);
    let own = [ConditionName::Concurrency, ConditionName::BatchLimit].into_iter().find_map(failing);
    if let Some(detail) = own.and_then(|condition| condition.detail.as_ref()) {
        return format!("it waits for one of its kind to end: {detail}");
    }
    let Explanation { considered, fitting, .. } = explanation;
    if *fitting == 0 {
        let machines = explanation
            .conditions
            .iter()
            .filter(|one| !one.name.is_of_the_job() && !matches!(one.name, ConditionName::Place | ConditionName::Idle));
        let reasons: Vec<String> = machines
            .filter(|one| one.failing > 0)
            .map(|one| format!("{} {}", one.failing, change::lack(one.name)))
            .collect();
        return format!("none of the {considered} machines it may run on can take it now: {}", reasons.join(", "));
    }
    let before = explanation.before.unwrap_or_default();
    format!("the {fitting} machines that fit it are busy, and {before} jobs that need the same stand before it")
}

fn told(by: &Principal) -> String {
    match by {
        Principal::System => "the controller".to_owned(),
        Principal::Token { name, .. } => name.clone(),
        Principal::Machine { id } => id.to_string(),
    }
}

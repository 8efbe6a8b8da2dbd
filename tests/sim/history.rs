//! The checker: what everybody saw, held against the rules. It knows nothing of how the controller decides.

use std::collections::{BTreeMap, BTreeSet};

use deskfleet::{
    controller::LoggedEvent,
    fleet::{Fleet, LeaseState},
    ids::{AttemptId, Epoch, JobId, MachineId, MachineName},
    time::Timestamp,
    wire::job::{Effect, Job, JobState, Outcome, ReviewDecision},
};

use crate::{agent::Touch, errands::SAVING, rng::mix};

/// Attempts each workflow of the simulation grants.
pub(crate) const ATTEMPTS: usize = 3;

/// Those that may follow only to find out.
const SETTLING_ATTEMPTS: usize = 3;

/// The grace to stop, a TTL and its margin, and as much again for restarts of the controller meanwhile.
const STOP_WITHIN_MS: u64 = 80_000;

/// How often leases are looked at.
pub(crate) const LOOKS_EVERY_MS: u64 = 500;

/// A job as an answer showed it, and when that arrived.
#[derive(Debug)]
struct Seen {
    job: Job,
    at_ms: u64,
}

#[derive(Debug, Default)]
pub(crate) struct History {
    /// What is against the rules, in sentences.
    pub(crate) wrong: Vec<String>,
    trace: u64,
    verbose: bool,
    /// Jobs whose making was acknowledged, as last seen.
    acknowledged: BTreeMap<JobId, Seen>,
    by_key: BTreeMap<String, JobId>,
    /// Acknowledged cancels, with the number of the newest event then, and the time.
    cancelled: BTreeMap<JobId, (u64, u64)>,
    /// Attempts whose result was acknowledged, and whether it was a success.
    settled: Vec<(AttemptId, bool)>,
    /// Attempts whose result was refused, sent by the process that had worked on them.
    refused: Vec<AttemptId>,
    /// Decisions of people that were acknowledged.
    reviewed: Vec<(JobId, ReviewDecision)>,
    modes: BTreeMap<MachineId, String>,
    wound_back: bool,
    touched_attempts: BTreeSet<AttemptId>,
    /// Leases that are being revoked, and since when by true time.
    revoking: BTreeMap<Epoch, u64>,
    looked_at_ms: u64,
    last_event: u64,
    last_event_at: Timestamp,
    last_epoch: Option<Epoch>,
    ended: BTreeMap<JobId, String>,
    deadlines: BTreeMap<JobId, Timestamp>,
    /// Numbers of the events that the channel is to be told of.
    to_tell: Vec<u64>,
    /// So many of them have arrived, and of these it was acknowledged that they have.
    told: usize,
    reported: BTreeSet<u64>,
    touched_jobs: BTreeMap<JobId, Epoch>,
    touched_machines: BTreeMap<MachineName, Epoch>,
}

impl History {
    pub(crate) fn new() -> Self {
        Self { verbose: std::env::var_os("SIM_TRACE").is_some(), ..Self::default() }
    }

    /// From now on the store is an older one: what it says of the past is not to be believed.
    pub(crate) fn wound_back(&mut self) {
        self.wound_back = true;
    }

    /// Everything that happens, in order: equal for equal seeds.
    pub(crate) fn note(&mut self, now_ms: u64, what: &str) {
        if self.verbose {
            println!("{now_ms:>9} {what}");
        }
        let of_text = what.bytes().fold(now_ms, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        self.trace = mix(self.trace ^ of_text);
    }

    pub(crate) fn trace(&self) -> u64 {
        self.trace
    }

    pub(crate) fn last_event(&self) -> u64 {
        self.last_event
    }

    pub(crate) fn acknowledged(&self) -> Vec<JobId> {
        self.acknowledged.keys().copied().collect()
    }

    fn fault(&mut self, what: String) {
        if self.verbose {
            println!("WRONG: {what}");
        }
        self.wrong.push(what);
    }

    /// Rules 1, 2 and 4, by true time: who touches a desktop holds its lease, as the controller sees it too.
    pub(crate) fn touched(&mut self, machine: &MachineName, touch: Touch, generation_seen: u32, fleet: Option<&Fleet>) {
        let Touch { job, attempt, epoch } = touch;
        let begins = self.touched_attempts.insert(attempt);
        if self.wound_back {
            if begins && epoch.generation < generation_seen {
                self.fault(format!("{machine} begins {attempt} for a store older than one it has worked for"));
            }
            return;
        }
        let newer = |seen: Option<Epoch>| seen.is_some_and(|seen| seen > epoch);
        if newer(self.touched_jobs.insert(job, epoch)) {
            self.fault(format!("{machine} touches for {job} in {attempt}, after another attempt of it has begun"));
        }
        if newer(self.touched_machines.insert(machine.clone(), epoch)) {
            self.fault(format!("{machine} is touched in {attempt}, after another attempt on it has begun"));
        }
        let Some(fleet) = fleet else { return };
        let lease = fleet.machine_named(machine).and_then(|row| row.lease.as_ref());
        match lease {
            Some(lease) if lease.epoch == epoch && lease.state == LeaseState::Offered => {
                self.fault(format!("{machine} is touched in {attempt}, which is offered and not accepted"));
            }
            Some(lease) if lease.epoch == epoch => {}
            _ => self.fault(format!("{machine} is touched in {attempt}, whose lease is over for the controller")),
        }
    }

    pub(crate) fn settled(&mut self, attempt: AttemptId, success: bool) {
        self.settled.push((attempt, success));
    }

    pub(crate) fn result_refused(&mut self, attempt: AttemptId) {
        self.refused.push(attempt);
    }

    /// Rule 4, now and then: who is gone has no lease for long, and who is told to stop does not keep it.
    pub(crate) fn leases(&mut self, now_ms: u64, fleet: &Fleet, gone: &[MachineName]) {
        if self.wound_back {
            return;
        }
        let away_ms = (now_ms - self.looked_at_ms).saturating_sub(LOOKS_EVERY_MS);
        self.looked_at_ms = now_ms;
        for name in gone {
            let lease = fleet.machine_named(name).and_then(|row| row.lease.as_ref());
            if let Some(lease) = lease {
                self.fault(format!("{name} is gone and still has the lease of {}", lease.attempt()));
            }
        }
        let revoking = |row: &deskfleet::fleet::MachineView| {
            let lease = row.row.lease.as_ref()?;
            matches!(lease.state, LeaseState::Revoking { .. }).then_some(lease.epoch)
        };
        // While the controller was away nobody could be told.
        self.revoking.values_mut().for_each(|since_ms| *since_ms += away_ms);
        let now_revoking: Vec<Epoch> = fleet.machines().iter().filter_map(revoking).collect();
        self.revoking.retain(|epoch, _| now_revoking.contains(epoch));
        for epoch in now_revoking {
            let since_ms = *self.revoking.entry(epoch).or_insert(now_ms);
            if now_ms > since_ms + STOP_WITHIN_MS {
                self.fault(format!("the lease of epoch {epoch} is being revoked since {} ms", now_ms - since_ms));
            }
        }
    }

    pub(crate) fn job_made(&mut self, key: &str, job: Job, (sent_ms, now_ms): (u64, u64)) {
        if self.wound_back {
            return;
        }
        match self.by_key.insert(key.to_owned(), job.id) {
            Some(before) if before != job.id => {
                self.fault(format!("the idempotency key {key} made {before} and then {}", job.id));
            }
            _ => {}
        }
        self.job_seen(job, (sent_ms, now_ms));
    }

    /// An answer that shows a job. It was asked for then: what was answered before that must still be so.
    pub(crate) fn job_seen(&mut self, job: Job, (sent_ms, now_ms): (u64, u64)) {
        if self.wound_back {
            return;
        }
        let id = job.id;
        let seen = self.acknowledged.get(&id);
        if seen.is_some_and(|seen| seen.at_ms >= sent_ms) {
            return;
        }
        if let Some(Seen { job: before, .. }) = seen {
            if is_terminal(before.state) && (before.state, &before.output) != (job.state, &job.output) {
                let before = before.state;
                self.fault(format!("{id} was {before:?} and is {:?}", job.state));
            } else if before.attempts.len() > job.attempts.len() {
                self.fault(format!("{id} had {} attempts and has {}", before.attempts.len(), job.attempts.len()));
            }
        }
        let cancelled = self.cancelled.get(&id).is_some_and(|(_, at_ms)| *at_ms < sent_ms);
        // What nobody knows the effect of is not cancelled but handed to a person.
        if cancelled && job.cancel_requested_at.is_none() && !job.state.is_settled() {
            self.fault(format!("the cancel of {id} was acknowledged and is forgotten"));
        }
        self.acknowledged.insert(id, Seen { job, at_ms: now_ms });
    }

    pub(crate) fn job_missing(&mut self, job: JobId) {
        if self.wound_back {
            return;
        }
        if self.acknowledged.contains_key(&job) {
            self.fault(format!("{job} was acknowledged and is gone"));
        }
    }

    pub(crate) fn reviewed(&mut self, job: JobId, decision: ReviewDecision) {
        self.reviewed.push((job, decision));
    }

    pub(crate) fn cancel_acknowledged(&mut self, job: JobId, now_ms: u64) {
        self.cancelled.entry(job).or_insert((self.last_event, now_ms));
    }

    /// The log, as far as it is committed.
    pub(crate) fn event(&mut self, event: &LoggedEvent) {
        if self.wound_back {
            return;
        }
        let LoggedEvent { seq, at, kind, about, data, .. } = event;
        if *seq != self.last_event + 1 {
            self.fault(format!("event {seq} follows event {}", self.last_event));
        }
        if *at < self.last_event_at {
            self.fault(format!("event {seq} is of {at}, before the one before it"));
        }
        (self.last_event, self.last_event_at) = (*seq, *at);
        if let (Some(machine), "machine.mode_changed") = (about.machine, kind.as_str()) {
            self.modes.insert(machine, data["mode"]["name"].as_str().unwrap().to_owned());
        }
        if let (Some(machine), "job.offered") = (about.machine, kind.as_str())
            && self.modes.get(&machine).is_some_and(|mode| mode != "active")
        {
            self.fault(format!("event {seq} offers a job to a machine that is {}", self.modes[&machine]));
        }
        if kind.starts_with("job.") {
            self.to_tell.push(*seq);
        }
        let Some(job) = about.job else { return };
        match kind.as_str() {
            // A person wants it now, whoever has cancelled it and however late it is.
            "job.reviewed" => {
                self.cancelled.remove(&job);
                self.deadlines.retain(|dated, deadline| *dated != job || *deadline > *at);
            }
            "job.submitted" => {
                let deadline = data["job"]["spec"]["deadline"].as_str().and_then(|text| text.parse().ok());
                self.deadlines.extend(deadline.map(|deadline| (job, deadline)));
            }
            "job.offered" => self.offered(job, *seq, *at, data),
            "job.succeeded" | "job.failed" | "job.cancelled" => {
                if let Some(before) = self.ended.insert(job, kind.clone()) {
                    self.fault(format!("{job} ended twice: {before}, then {kind}"));
                }
            }
            _ => {}
        }
    }

    fn offered(&mut self, job: JobId, seq: u64, at: Timestamp, data: &serde_json::Value) {
        let epoch = data["epoch"].as_u64().map(Epoch::from);
        if epoch <= self.last_epoch {
            self.fault(format!("{job} is offered with an epoch that is not new"));
        }
        self.last_epoch = epoch;
        if self.cancelled.get(&job).is_some_and(|(event, _)| *event < seq) {
            self.fault(format!("{job} is offered after its cancel was acknowledged"));
        }
        if self.deadlines.get(&job).is_some_and(|deadline| *deadline <= at) {
            self.fault(format!("{job} is offered after its deadline"));
        }
    }

    /// A message has come to the receiver, for the first time or again.
    pub(crate) fn arrived(&mut self, seq: u64) {
        if self.wound_back {
            return;
        }
        self.note(0, &format!("message {seq} arrives"));
        if self.reported.contains(&seq) {
            self.fault(format!("message {seq} comes again, and it was reported that it had arrived"));
        }
        if self.to_tell.get(self.told).is_some_and(|next| *next == seq) {
            self.told += 1;
        } else if !self.to_tell[..self.told].contains(&seq) {
            let next = self.to_tell.get(self.told);
            self.fault(format!("message {seq} arrives where {next:?} is next"));
        }
    }

    pub(crate) fn arrivals_reported(&mut self, seqs: &[u64]) {
        self.reported.extend(seqs);
    }

    /// Each event for the channel has one message, in order, and all of them have arrived.
    pub(crate) fn told(&mut self, listed: &[u64], waiting: usize) {
        let to_tell = self.to_tell.len();
        if listed != self.to_tell {
            let listed = listed.len();
            self.fault(format!(
                "the channel has {listed} messages, not those of the {to_tell} events it is to be told of"
            ));
        }
        if waiting > 0 || self.told < to_tell {
            self.fault(format!("{} messages of {to_tell} have arrived, and {waiting} wait", self.told));
        }
    }

    /// The log had more once.
    pub(crate) fn restarted(&mut self, newest_event: u64) {
        if self.wound_back {
            return;
        }
        if newest_event < self.last_event {
            self.fault(format!("event {} was seen, and the log ends with {newest_event}", self.last_event));
        }
    }

    pub(crate) fn invariants(&mut self, found: Vec<String>) {
        for wrong in found {
            self.fault(wrong);
        }
    }

    /// All jobs, once everything had time to come to an end.
    pub(crate) fn end(&mut self, jobs: &[Job]) {
        let mut wishes: BTreeMap<&str, JobId> = BTreeMap::new();
        let mut keys: BTreeMap<(&str, &str), JobId> = BTreeMap::new();
        let mut wrong = Vec::new();
        for job in jobs {
            let id = job.id;
            if let Some(wish) = job.labels.get("wish").filter(|_| job.retry_of.is_none())
                && let Some(before) = wishes.insert(wish, id)
            {
                wrong.push(format!("{before} and {id} were both made by the request {wish}"));
            }
            if let Some(key) = job.key.as_deref().filter(|_| job.state == JobState::Succeeded)
                && let Some(before) = keys.insert((job.workflow.as_str(), key), id)
            {
                wrong.push(format!("{before} and {id} have the key {key} and both succeeded"));
            }
            wrong.extend(check_job(job));
            if is_terminal(job.state) != self.ended.contains_key(&id) {
                wrong.push(format!("{id} is {:?}, which the log does not say", job.state));
            }
        }
        let outcomes: BTreeMap<AttemptId, Option<Outcome>> =
            jobs.iter().flat_map(|job| &job.attempts).map(|attempt| (attempt.id, attempt.outcome)).collect();
        for (attempt, success) in &self.settled {
            let outcome = outcomes.get(attempt).copied().flatten();
            if outcome.is_none_or(|outcome| outcome == Outcome::Lost || (*success && outcome != Outcome::Succeeded)) {
                wrong.push(format!("the end of {attempt} was acknowledged, and it counts as {outcome:?}"));
            }
        }
        for attempt in &self.refused {
            if matches!(outcomes.get(attempt), Some(Some(Outcome::Succeeded | Outcome::Failed))) {
                wrong.push(format!("the end of {attempt} counts, and who reported it was told that it does not"));
            }
        }
        for (id, decision) in &self.reviewed {
            let acknowledged = self.reviewed.iter().filter(|review| **review == (*id, *decision)).count();
            let reviews = jobs.iter().filter(|job| job.id == *id).flat_map(|job| &job.reviews);
            let found = reviews.filter(|review| review.decision == *decision).count();
            if found < acknowledged {
                wrong.push(format!(
                    "{acknowledged} times {decision:?} was acknowledged for {id}, which has it {found} times"
                ));
            }
        }
        for missing in self.acknowledged.keys().filter(|id| !jobs.iter().any(|job| job.id == **id)) {
            wrong.push(format!("{missing} was acknowledged and is gone"));
        }
        for wrong in wrong {
            self.fault(wrong);
        }
    }
}

fn is_terminal(state: JobState) -> bool {
    matches!(state, JobState::Succeeded | JobState::Failed | JobState::Cancelled)
}

/// What must be so of each job at the end, whatever happened to it.
fn check_job(job: &Job) -> Vec<String> {
    let id = job.id;
    let mut wrong = Vec::new();
    let blocked = job.state == JobState::Blocked && job.blocked_reason.is_some();
    if !job.state.is_settled() && !blocked {
        wrong.push(format!("{id} is {:?} long after the world has become kind", job.state));
    }
    let counts = |outcome| matches!(outcome, Some(Outcome::Succeeded | Outcome::Failed | Outcome::Lost));
    let counted = job.attempts.iter().filter(|attempt| counts(attempt.outcome)).count();
    let granted = 1 + job.reviews.iter().filter(|review| review.decision == ReviewDecision::Retry).count();
    // To find out what became of a commit more are granted, and each item of a loop is one.
    let commits = job.progress.map_or(1, |progress| usize::try_from(progress.total).unwrap());
    let settling = if SAVING.contains(&job.workflow.as_str()) { SETTLING_ATTEMPTS * commits } else { 0 };
    let most = (ATTEMPTS + settling) * granted;
    if counted > most {
        wrong.push(format!("{id} has had {counted} attempts of {most}"));
    }
    let last = job.attempts.last();
    let by_a_person = job.reviews.last().is_some_and(|review| review.decision == ReviewDecision::Succeed);
    if job.state == JobState::Succeeded
        && !by_a_person
        && last.is_none_or(|last| last.outcome != Some(Outcome::Succeeded))
    {
        wrong.push(format!("{id} succeeded without an attempt that did"));
    }
    let Some(failure) = job.failure.as_ref().filter(|_| job.state == JobState::Failed) else { return wrong };
    let may_follow = failure.retryable && failure.effect == Effect::None;
    if may_follow && counted < ATTEMPTS && job.cancel_requested_at.is_none() && job.deadline.is_none() {
        wrong.push(format!("{id} failed after {counted} attempts of {ATTEMPTS}: {}", failure.message));
    }
    wrong
}

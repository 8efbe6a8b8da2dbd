//! People and programs in the world: what they ask for, how often, and what they make of the answers.

use deskfleet::{
    ids::JobId,
    wire::{
        channel::Delivery,
        job::{Job, JobState, ReviewDecision},
        page::Page,
    },
};

use super::{CALL_PATIENCE_MS, Happening, Pending, World};
use crate::{
    errands::{Errand, Outcome},
    network::Caller,
    scene::{CHANNEL, LATE_MS},
    site::{Answer, Call, Who},
};

/// What nobody knows the effect of and a person looks into, in a thousand.
const PERSON_LOOKS: u64 = 800;
/// And a second person too, who does not know of the first.
const TWO_LOOK: u64 = 300;
/// Jobs that somebody cancels, in a thousand.
const CANCELLED: u64 = 250;

impl World {
    pub(super) fn new_work(&mut self) {
        self.orders += 1;
        let errand = if self.rng.per_mille(100) {
            Errand::submit_batch(self.orders, self.now_ms, &mut self.rng)
        } else {
            Errand::submit(self.orders, self.now_ms, &mut self.rng)
        };
        if self.rng.per_mille(150) {
            // Two at once, as after a hasty second click.
            self.begin_errand(errand.clone(), 0);
        }
        self.begin_errand(errand, 0);
    }

    pub(super) fn begin_errand(&mut self, errand: Errand, in_ms: u64) {
        self.errands.push(Pending { errand, tries: 0, sent_ms: 0, done: false });
        self.at(self.now_ms + in_ms, Happening::Errand(self.errands.len() - 1));
    }

    pub(super) fn run_errand(&mut self, number: usize) {
        let pending = &mut self.errands[number];
        if self.calm && matches!(pending.errand, Errand::Mode { mode, .. } if mode != "activate") {
            // Nobody wants that any more.
            pending.done = true;
            return;
        }
        pending.tries += 1;
        pending.sent_ms = self.now_ms;
        if let Errand::Review { job, decision: decision @ None } = &mut pending.errand {
            let found = if self.books.has_all_of(job, self.now_ms) {
                ReviewDecision::Succeed
            } else if self.rng.per_mille(600) {
                ReviewDecision::Retry
            } else {
                ReviewDecision::Fail
            };
            *decision = Some(found);
        }
        let call = pending.errand.call();
        self.history.note(self.now_ms, &format!("errand {number}: {:?}", self.errands[number].errand));
        self.send(Caller::Errand(number), &call, CALL_PATIENCE_MS);
    }

    pub(super) fn errand_answered(&mut self, number: usize, answer: Option<&Answer>) {
        let errand = self.errands[number].errand.clone();
        let outcome = errand.outcome(answer);
        if matches!(outcome, Outcome::Again) {
            let patient = !matches!(errand, Errand::Look { .. } | Errand::Cancel { .. }) || self.calm;
            if patient || self.errands[number].tries < 3 {
                let in_ms = self.rng.between(100, 1_000 * self.errands[number].tries.min(5));
                return self.at(self.now_ms + in_ms, Happening::Errand(number));
            }
        }
        self.errands[number].done = true;
        match outcome {
            Outcome::Job { status, job } => {
                let times = (self.errands[number].sent_ms, self.now_ms);
                self.saw_job(&errand, status, *job, times);
            }
            Outcome::Refused { status: 404 } => {
                if let Errand::Look { job } | Errand::Cancel { job } | Errand::Retry { job, .. } = errand {
                    self.history.job_missing(job);
                }
            }
            Outcome::Refused { status } if matches!(errand, Errand::Mode { .. }) => {
                self.history.invariants(vec![format!("{errand:?} is refused with {status}")]);
            }
            Outcome::Batch | Outcome::Refused { .. } | Outcome::Again | Outcome::Done => {}
        }
    }

    fn saw_job(&mut self, errand: &Errand, status: u16, job: Job, times: (u64, u64)) {
        let id: JobId = job.id;
        match errand {
            Errand::Submit { key, .. } | Errand::Retry { key, .. } => {
                self.history.job_made(key, job, times);
                let in_ms = self.rng.between(500, 30_000);
                self.begin_errand(Errand::Look { job: id }, in_ms);
                if self.rng.per_mille(CANCELLED) && !self.calm {
                    let in_ms = self.rng.between(0, 25_000);
                    self.begin_errand(Errand::Cancel { job: id }, in_ms);
                }
            }
            Errand::Cancel { .. } => {
                if status == 202 || status == 200 {
                    self.history.cancel_acknowledged(id, self.now_ms);
                }
            }
            Errand::Review { decision: Some(decision), .. } => {
                self.history.reviewed(id, *decision);
                self.history.job_seen(job, times);
                let in_ms = self.rng.between(5_000, 40_000);
                self.begin_errand(Errand::Look { job: id }, in_ms);
            }
            _ => {
                let again = !job.state.is_settled();
                let failed = job.state == JobState::Failed;
                let unknown = (job.state == JobState::NeedsReview).then(|| Box::new(job.clone()));
                self.history.job_seen(job, times);
                if let Some(job) = unknown.filter(|_| self.rng.per_mille(PERSON_LOOKS)) {
                    // Whoever looks waits until it would be there.
                    let in_ms = self.rng.between(LATE_MS, 60_000);
                    if self.rng.per_mille(TWO_LOOK) {
                        let in_ms = self.rng.between(in_ms, 80_000);
                        self.begin_errand(Errand::Review { job: job.clone(), decision: None }, in_ms);
                    }
                    self.begin_errand(Errand::Review { job, decision: None }, in_ms);
                } else if again && !self.calm {
                    let in_ms = self.rng.between(5_000, 40_000);
                    self.begin_errand(Errand::Look { job: id }, in_ms);
                } else if failed && !self.calm && self.rng.per_mille(300) {
                    self.begin_errand(Errand::Retry { job: id, key: format!("again {id}") }, 0);
                }
            }
        }
    }

    pub(super) fn look_at_the_end(&mut self) {
        let mut jobs: Vec<Job> = Vec::new();
        let mut path = "/v1/jobs?limit=500".to_owned();
        loop {
            let call = Call { who: Who::Person, method: "GET", path, key: None, body: Vec::new() };
            let answer = self.site.ask_now(call);
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
            let page: Page<Job> = serde_json::from_slice(&answer.body).unwrap();
            jobs.extend(page.items);
            let Some(next) = page.next else { break };
            path = format!("/v1/jobs?limit=500&cursor={next}");
        }
        self.history.note(self.now_ms, &format!("{} jobs at the end", jobs.len()));
        self.history.end(&jobs);
        self.books.end(&jobs);
        let wrong = self.books.take_wrong();
        self.history.invariants(wrong);
        self.look_at_messages();
    }

    /// By now everything that is to be told has been.
    fn look_at_messages(&mut self) {
        let (mut listed, mut path) = (Vec::new(), format!("/v1/channels/{CHANNEL}/deliveries?order=oldest&limit=500"));
        loop {
            let call = Call { who: Who::Person, method: "GET", path, key: None, body: Vec::new() };
            let answer = self.site.ask_now(call);
            assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
            let page: Page<Delivery> = serde_json::from_slice(&answer.body).unwrap();
            listed.extend(page.items.into_iter().map(|delivery| delivery.seq));
            let Some(next) = page.next else { break };
            path = format!("/v1/channels/{CHANNEL}/deliveries?order=oldest&limit=500&cursor={next}");
        }
        let waiting = self.site.fleet().map_or(0, |fleet| fleet.pending_messages(&super::post::channel()));
        self.history.told(&listed, waiting);
    }
}

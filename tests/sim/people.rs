//! People and programs in the world: what they ask for, how often, and what they make of the answers.

use deskfleet::{
    fleet::SubscriberId,
    ids::JobId,
    wire::{
        channel::Delivery,
        job::{Job, JobState},
        page::Page,
    },
};

use super::{CALL_PATIENCE_MS, Happening, Pending, World};
use crate::{
    errands::{Errand, Outcome},
    network::Caller,
    scene::CHANNEL,
    site::{Answer, Call, Who},
};

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
        pending.tries += 1;
        pending.sent_ms = self.now_ms;
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
                if self.rng.per_mille(150) && !self.calm {
                    let in_ms = self.rng.between(0, 25_000);
                    self.begin_errand(Errand::Cancel { job: id }, in_ms);
                }
            }
            Errand::Cancel { .. } => {
                if status == 202 || status == 200 {
                    self.history.cancel_acknowledged(id, self.now_ms);
                }
            }
            _ => {
                let again = !job.state.is_settled();
                let failed = job.state == JobState::Failed;
                self.history.job_seen(job, times);
                if again && !self.calm {
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

    /// Nobody delivers here, so that all that is to be told still waits.
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
        let subscriber = SubscriberId::Channel(CHANNEL.parse().unwrap());
        let waiting = self.site.fleet().map_or(0, |fleet| fleet.pending_messages(&subscriber));
        self.history.told(&listed, waiting);
    }
}

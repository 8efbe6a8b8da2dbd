//! Clients: one that submits and never gives up, one that reads the log of events as it grows.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::Relaxed},
    },
    time::Duration,
};

use serde_json::{Value, json};

use crate::{
    dice::Dice,
    line::{Answer, Line},
    records::{Records, Submission},
};

const PAUSE: Duration = Duration::from_millis(15);

pub(crate) struct Submitter {
    pub(crate) name: String,
    pub(crate) line: Line,
    pub(crate) dice: Dice,
    pub(crate) records: Arc<Records>,
    /// As long as new jobs are made.
    pub(crate) submitting: Arc<AtomicBool>,
    /// As long as the controller is there to answer in the end.
    pub(crate) working: Arc<AtomicBool>,
    /// Bytes each input has beside its number.
    pub(crate) ballast: usize,
}

impl Submitter {
    /// Every request it has begun is acknowledged before it returns, unless the run is over.
    pub(crate) async fn run(self) {
        let mut number = 0_u64;
        while self.submitting.load(Relaxed) {
            number += 1;
            let key = format!("{}-{number}", self.name);
            let mut request = json!({
                "workflow": "echo", "input": { "n": number, "ballast": "x".repeat(self.ballast) },
                "labels": { "by": self.name }
            });
            if self.dice.percent(20) {
                request["key"] = json!(format!("key of {key}"));
            }
            let Some(job) = self.submit(&key, &request).await else { return };
            if self.dice.percent(20) {
                self.submit(&key, &request).await;
            }
            if self.dice.percent(4) {
                self.cancel(&key, &job).await;
            }
            tokio::time::sleep(self.dice.ms(5, 40)).await;
        }
    }

    /// Sent until it is acknowledged; half of the time it waits for the job's end as well.
    async fn submit(&self, key: &str, request: &Value) -> Option<Value> {
        let path = if self.dice.percent(50) { "/v1/jobs?wait=2s" } else { "/v1/jobs" };
        while self.working.load(Relaxed) {
            match self.line.post_once(path, request, key).await {
                Some(answer) if matches!(answer.status, 200 | 201) => {
                    return Some(self.acknowledged(key, request, answer));
                }
                Some(answer) if answer.status != 503 => {
                    self.records.fault(format!("{key}: {request} was answered {} {}", answer.status, answer.body));
                    return None;
                }
                Some(answer) if !answer.retry_after => self.records.fault(format!("{key}: 503 without Retry-After")),
                _ => self.records.unanswered(),
            }
            tokio::time::sleep(PAUSE).await;
        }
        None
    }

    fn acknowledged(&self, key: &str, request: &Value, answer: Answer) -> Value {
        let job = answer.body;
        let mut seen = self.records.lock();
        let fresh = || Submission { request: request.clone(), job: job.clone(), ..Submission::default() };
        let submission = seen.submissions.entry(key.to_owned()).or_insert_with(fresh);
        submission.acknowledgements += 1;
        submission.replays += u64::from(answer.replayed);
        submission.ids.insert(job["id"].as_str().unwrap_or_default().to_owned());
        // Whatever has become of the job meanwhile: what was asked for, and when, is the same.
        let same = ["id", "workflow", "version", "input", "key", "labels", "created_at"];
        let first = &submission.job;
        let other: Vec<&str> = same.into_iter().filter(|field| first[*field] != job[*field]).collect();
        let fault = (!other.is_empty()).then(|| format!("{key}: {other:?} differ: first {first}, then {job}"));
        let unmarked = (answer.status == 200) != answer.replayed;
        seen.faults.extend(fault);
        if unmarked {
            seen.faults.push(format!("{key}: status {} with replayed {}", answer.status, answer.replayed));
        }
        drop(seen);
        self.records.saw(key, &job);
        job
    }

    async fn cancel(&self, key: &str, job: &Value) {
        let path = format!("/v1/jobs/{}/cancel", job["id"].as_str().unwrap_or_default());
        while self.working.load(Relaxed) {
            let Some(answer) = self.line.post(&path, &Value::Null).await else {
                self.records.unanswered();
                tokio::time::sleep(PAUSE).await;
                continue;
            };
            if answer.status != 503 {
                return self.cancel_answered(key, &answer);
            }
            self.records.unanswered();
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn cancel_answered(&self, key: &str, answer: &Answer) {
        let mut seen = self.records.lock();
        let Some(submission) = seen.submissions.get_mut(key) else { return };
        match answer.status {
            200 => submission.cancelled = true,
            202 => submission.cancel_asked = true,
            409 => {}
            status => seen.faults.push(format!("{key}: a cancel was answered {status} {}", answer.body)),
        }
    }
}

/// Reads the log as it grows. What it was shown once has to be in the log for ever: readers see only what is committed.
pub(crate) async fn follow(line: Line, records: Arc<Records>, working: Arc<AtomicBool>) {
    let mut after = 0;
    while working.load(Relaxed) {
        let answer = line.get(&format!("/v1/events?after={after}&limit=500")).await;
        let items = match &answer {
            Some(answer) if answer.status == 200 => {
                answer.body["items"].as_array().map(Vec::as_slice).unwrap_or_default()
            }
            _ => {
                records.unanswered();
                &[]
            }
        };
        after = note(&records, after, items);
        if items.len() < 500 {
            tokio::time::sleep(PAUSE).await;
        }
    }
}

/// Answers the last number there is.
fn note(records: &Records, mut after: u64, items: &[Value]) -> u64 {
    let mut seen = records.lock();
    for event in items {
        let seq = event["seq"].as_u64().unwrap_or(0);
        if seq != after + 1 {
            seen.faults.push(format!("after event {after} comes {seq}"));
        }
        after = seq;
        seen.events.insert(seq, event.clone());
    }
    after
}

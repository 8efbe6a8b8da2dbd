//! The whole history once all is quiet, held against what clients and agents saw: nothing lost, nothing twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

use serde_json::Value;

use crate::{fleet::is_settled, line::Line, records::Seen};

/// What the controller has in the end.
pub(crate) struct History {
    jobs: BTreeMap<String, Value>,
    events: Vec<Value>,
}

#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) jobs: usize,
    pub(crate) attempts: usize,
    pub(crate) lost: usize,
    pub(crate) cancelled: usize,
    pub(crate) events: usize,
    pub(crate) leases: usize,
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { jobs, attempts, lost, cancelled, events, leases } = self;
        write!(
            f,
            "{jobs} jobs ({cancelled} cancelled) in {attempts} attempts ({lost} lost) under {leases} leases, {events} events"
        )
    }
}

impl History {
    pub(crate) async fn read(line: &Line) -> Self {
        let jobs = pages(line, "/v1/jobs?limit=500").await;
        let jobs = jobs.into_iter().map(|job| (text(&job["id"]), job)).collect();
        Self { jobs, events: pages(line, "/v1/events?limit=500").await }
    }

    /// Every rule that is broken, in words.
    pub(crate) fn check(&self, seen: &Seen) -> (Figures, Vec<String>) {
        let mut faults = seen.faults.clone();
        self.check_submissions(seen, &mut faults);
        self.check_ends(seen, &mut faults);
        self.check_log(seen, &mut faults);
        let leases = self.check_leases(&mut faults);
        check_holds(seen, &mut faults);
        let attempts = self.jobs.values().flat_map(|job| job["attempts"].as_array().into_iter().flatten());
        let outcome = |wanted: &str| attempts.clone().filter(|attempt| attempt["outcome"] == wanted).count();
        let figures = Figures {
            jobs: self.jobs.len(),
            attempts: attempts.clone().count(),
            lost: outcome("lost"),
            cancelled: self.jobs.values().filter(|job| job["state"] == "cancelled").count(),
            events: self.events.len(),
            leases,
        };
        (figures, faults)
    }

    /// Each acknowledged request is one job, as it was asked for; and no job is there that nobody asked for.
    fn check_submissions(&self, seen: &Seen, faults: &mut Vec<String>) {
        let mut asked: BTreeSet<&str> = BTreeSet::new();
        for (key, submission) in &seen.submissions {
            if submission.ids.len() != 1 {
                faults.push(format!("{key}: acknowledged as {:?}", submission.ids));
            }
            for id in &submission.ids {
                asked.insert(id);
                let Some(job) = self.jobs.get(id) else {
                    faults.push(format!("{key}: {id} was acknowledged and is lost"));
                    continue;
                };
                for field in ["workflow", "input", "labels", "key"] {
                    if job[field] != submission.request[field] {
                        faults.push(format!("{key}: {id}: {field} is {} now", job[field]));
                    }
                }
                if let Some(settled) = &submission.settled
                    && *settled != (job["state"].clone(), job["output"].clone())
                {
                    faults.push(format!("{key}: {id} was shown as {settled:?} and is {}", job["state"]));
                }
                let may_be_cancelled = submission.cancelled || submission.cancel_asked;
                match job["state"].as_str() {
                    Some("succeeded") if !submission.cancelled => {}
                    Some("cancelled") if may_be_cancelled => {}
                    _ => faults.push(format!("{key}: {id} ended as {} {}", job["state"], job["failure"])),
                }
            }
        }
        let unasked = self.jobs.keys().filter(|id| !asked.contains(id.as_str()));
        faults.extend(unasked.map(|id| format!("{id} is there twice: no acknowledgement named it")));
    }

    /// Each job ended once, by one attempt, and with what that attempt brought.
    fn check_ends(&self, seen: &Seen, faults: &mut Vec<String>) {
        let mut ends: BTreeMap<String, usize> = BTreeMap::new();
        for event in self.of_kinds(&["job.succeeded", "job.failed", "job.cancelled"]) {
            *ends.entry(text(&event["data"]["job"])).or_default() += 1;
        }
        let mut successes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
        for success in &seen.successes {
            successes.entry(&success.job).or_default().insert(&success.attempt);
        }
        for (id, job) in &self.jobs {
            if ends.get(id) != Some(&1) || !is_settled(job) {
                faults.push(format!("{id} is {} and has ended {} times", job["state"], ends.get(id).unwrap_or(&0)));
            }
            let attempts = job["attempts"].as_array().map(Vec::as_slice).unwrap_or_default();
            let succeeded: Vec<&Value> = attempts.iter().filter(|a| a["outcome"] == "succeeded").collect();
            if succeeded.len() != usize::from(job["state"] == "succeeded") {
                faults.push(format!("{id} is {} by {} successful attempts", job["state"], succeeded.len()));
            }
            if let Some(by) = job["output"]["by"].as_str()
                && succeeded.first().is_none_or(|attempt| attempt["id"] != by)
            {
                faults.push(format!("{id}: the output is that of {by}, which did not succeed"));
            }
            if job["state"] == "succeeded" && job["output"]["n"] != job["input"]["n"] {
                faults.push(format!("{id}: the output {} is not that of its input", job["output"]));
            }
            let told = successes.remove(id.as_str()).unwrap_or_default();
            let counted: BTreeSet<&str> = succeeded.iter().filter_map(|attempt| attempt["id"].as_str()).collect();
            if !told.is_subset(&counted) {
                faults.push(format!("{id}: the successes {told:?} were acknowledged, {counted:?} counted"));
            }
            let refused = seen.refused_successes.iter().filter(|refused| refused.job == *id);
            for refused in refused.filter(|refused| counted.contains(refused.attempt.as_str())) {
                faults.push(format!("{id}: {} counts, although its success was refused", refused.attempt));
            }
        }
        faults.extend(successes.keys().map(|id| format!("{id} was acknowledged as succeeded and is lost")));
    }

    /// The log has no gaps, and everything a reader was ever shown.
    fn check_log(&self, seen: &Seen, faults: &mut Vec<String>) {
        for (index, event) in (1_u64..).zip(&self.events) {
            if event["seq"] != index {
                faults.push(format!("event {} stands at place {index} of the log", event["seq"]));
                break;
            }
        }
        for (seq, event) in &seen.events {
            let logged = usize::try_from(*seq).ok().and_then(|seq| self.events.get(seq.checked_sub(1)?));
            if logged != Some(event) {
                faults.push(format!("a reader was shown {event}, and the log has {}", logged.unwrap_or(&Value::Null)));
            }
        }
    }

    /// By the log: one live lease a machine, one a job, and no epoch twice or out of order.
    fn check_leases(&self, faults: &mut Vec<String>) -> usize {
        let mut of_machine: BTreeMap<String, String> = BTreeMap::new();
        let mut of_job: BTreeMap<String, String> = BTreeMap::new();
        let (mut newest_epoch, mut leases) = (0, 0);
        for event in self.of_kinds(&["job.offered", "attempt.finished", "attempt.declined"]) {
            let data = &event["data"];
            let (machine, job, attempt) = (text(&data["machine"]), text(&data["job"]), text(&data["attempt"]));
            if event["type"] == "job.offered" {
                leases += 1;
                let epoch = data["epoch"].as_u64().unwrap_or(0);
                if epoch <= newest_epoch {
                    faults.push(format!("epoch {epoch} was given after {newest_epoch}"));
                }
                newest_epoch = epoch;
                for other in [of_machine.insert(machine, attempt.clone()), of_job.insert(job, attempt.clone())] {
                    faults.extend(other.map(|other| format!("{attempt} got a lease while {other} had it: {event}")));
                }
            } else {
                for held in [of_machine.remove(&machine), of_job.remove(&job)] {
                    if held.as_deref() != Some(&attempt) {
                        faults.push(format!("{attempt} ended and {held:?} had the lease: {event}"));
                    }
                }
            }
        }
        faults
            .extend(of_machine.iter().map(|(machine, attempt)| format!("{machine} still has the lease of {attempt}")));
        leases
    }

    fn of_kinds<'a>(&'a self, kinds: &'a [&str]) -> impl Iterator<Item = &'a Value> {
        self.events.iter().filter(move |event| kinds.iter().any(|kind| event["type"] == *kind))
    }
}

/// By the agents' own clocks: no two of them at one job at once.
fn check_holds(seen: &Seen, faults: &mut Vec<String>) {
    let mut by_job: BTreeMap<&str, Vec<&crate::records::Hold>> = BTreeMap::new();
    for hold in &seen.holds {
        by_job.entry(&hold.job).or_default().push(hold);
    }
    for (job, mut holds) in by_job {
        holds.sort_by_key(|hold| hold.from);
        for pair in holds.windows(2) {
            let (first, second) = (pair[0], pair[1]);
            if first.attempt != second.attempt && second.from < first.to {
                faults.push(format!(
                    "{job}: {} worked under {} while {} did under {}",
                    second.machine, second.epoch, first.machine, first.epoch
                ));
            }
        }
    }
}

async fn pages(line: &Line, path: &str) -> Vec<Value> {
    let mut items = Vec::new();
    let mut cursor = String::new();
    loop {
        let answer = line.get(&format!("{path}{cursor}")).await.expect("the controller is up");
        assert_eq!(answer.status, 200, "{path}: {}", answer.body);
        items.extend(answer.body["items"].as_array().expect("a page").iter().cloned());
        match answer.body["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return items,
        }
    }
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

//! One machine: the real session in a process that can be stopped, killed and started, and a desktop's thread that acts by a script.
//!
//! What the thread does to the desktop is told as touches. It asks before each whether it may, as the real one does: by what the
//! session last shared (`touch_until`), by the stop it was told, and by its own clock.

#[path = "saving.rs"]
mod saving;

use std::collections::BTreeMap;

use deskfleet::{
    agent::{
        runner::Stop,
        session::{Beginning, CallFailure, Ended, Order, Session},
    },
    ids::{AttemptId, Digest, Epoch, Incarnation, JobId, MachineName},
    time::{Mono, Timestamp},
    wire::{
        agent::{AttemptResult, Offer, PollAnswer, PollRequest, Report, ReportAnswer, ReportBody},
        job::Category,
        machine::Facts,
        problem::Problem,
        step::StepReport,
    },
};
use serde_json::json;

use crate::{
    books::Books,
    rng::Rng,
    site::{Answer, START_MS},
};
use saving::{Save, Saving};

const POLL_WAIT_MS: u64 = 20_000;
/// Of a thousand steps: the application is at it for long.
const LONG_STEPS: u64 = 150;

/// What an attempt will come to, if nobody interferes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Script {
    Succeeds,
    Fails(Category),
    /// Before the first step.
    Declines,
    /// One step goes on far longer than anybody's patience: it tries again and again, or waits and hears nobody.
    Hangs,
}

#[derive(Debug)]
struct Desk {
    offer: Box<Offer>,
    script: Script,
    stage: Stage,
    /// When it next does something.
    at_ms: u64,
    steps: u64,
    step: u64,
    save: Option<Save>,
    saving: Saving,
    reports: u64,
    /// The step under way touches the desktop again and again until then.
    goes_on_until_ms: u64,
    stop: Option<Stop>,
    go: bool,
    touch_until: Option<Mono>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Preparing,
    /// For its readiness to be acknowledged.
    Waiting,
    Executing,
    /// It has said how it ended.
    Over,
}

/// Something done to a desktop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Touch {
    pub(crate) job: JobId,
    pub(crate) attempt: AttemptId,
    pub(crate) epoch: Epoch,
}

/// What survives the process.
#[derive(Debug, Default)]
struct OnDisk {
    generation: u32,
    /// When its last start began.
    start_ms: u64,
    /// The attempt it was in, with the number of its last report and its result, where there is one.
    spooled: Option<(Box<Offer>, Incarnation, u64, Option<AttemptResult>)>,
}

#[derive(Debug)]
pub(crate) struct Agent {
    pub(crate) name: MachineName,
    pub(crate) certificate: Digest,
    session: Option<Session>,
    incarnation: Incarnation,
    starts: u64,
    disk: OnDisk,
    desk: Option<Desk>,
    /// Calls under way, by number.
    pub(crate) poll: Option<u64>,
    pub(crate) report: Option<u64>,
    /// A report of the process before, as evidence.
    pub(crate) late: Option<Report>,
    /// It is told once the controller has heard of this process.
    heard: bool,
    pub(crate) stopped_until_ms: u64,
    off_since_ms: u64,
    /// Whose result the report under way is.
    ending: Option<AttemptId>,
    rng: Rng,
    /// How often attempts go well, in a thousand.
    luck: u64,
}

/// What the world should do for it.
pub(crate) enum Wish {
    Poll(Box<PollRequest>),
    Report(Box<Report>),
    /// Give up the poll under way.
    AbandonPoll,
    Touch(Touch),
    /// The answer to this result is known: it counts. Whether it is a success.
    Settled(AttemptId, bool),
}

impl Agent {
    pub(crate) fn new(number: usize, mut rng: Rng, luck: u64) -> Self {
        let name = format!("vm-{number}");
        let certificate = Digest::of(name.as_bytes());
        let incarnation = Incarnation::from_raw(0);
        rng.next();
        Self {
            name: name.parse().unwrap(),
            certificate,
            session: None,
            incarnation,
            starts: 0,
            disk: OnDisk::default(),
            desk: None,
            poll: None,
            report: None,
            late: None,
            heard: false,
            stopped_until_ms: 0,
            off_since_ms: 0,
            ending: None,
            rng,
            luck,
        }
    }

    pub(crate) fn is_on(&self) -> bool {
        self.session.is_some()
    }

    /// None: it is on.
    pub(crate) fn off_for_ms(&self, now_ms: u64) -> Option<u64> {
        self.session.is_none().then(|| now_ms - self.off_since_ms)
    }

    /// From now on attempts go well.
    pub(crate) fn become_lucky(&mut self) {
        self.luck = 1_000;
    }

    /// Somebody or something is at work on its desktop.
    pub(crate) fn is_busy(&self) -> bool {
        self.desk.as_ref().is_some_and(|desk| desk.stage == Stage::Executing)
    }

    pub(crate) fn generation_seen(&self) -> u32 {
        self.disk.generation
    }

    pub(crate) fn start(&mut self, now_ms: u64) {
        self.starts += 1;
        self.disk.start_ms = (START_MS + now_ms).max(self.disk.start_ms + 1);
        self.incarnation = Incarnation::new(self.disk.start_ms, u128::from(self.rng.next()));
        let beginning = Beginning {
            incarnation: self.incarnation,
            generation_seen: self.disk.generation,
            seed: self.rng.next(),
            poll_wait: std::time::Duration::from_millis(POLL_WAIT_MS),
        };
        let mut session = Session::new(beginning, Mono::from_ms(now_ms));
        session.set_facts(Facts { session: "active".to_owned(), ..Facts::default() });
        self.session = Some(session);
        self.heard = false;
        self.late = self.disk.spooled.take().map(|(offer, incarnation, number, result)| {
            let result = result.unwrap_or_else(|| failure(Category::Agent, "the agent was started anew", None));
            report_of(&offer, incarnation, number + 1, &result)
        });
    }

    /// The process is gone, whatever it was doing.
    pub(crate) fn kill(&mut self, now_ms: u64) {
        self.off_since_ms = now_ms;
        self.session = None;
        self.desk = None;
        self.poll = None;
        self.report = None;
        self.late = None;
        self.stopped_until_ms = 0;
    }

    /// When it next has something to do by itself.
    pub(crate) fn next_ms(&self) -> Option<u64> {
        let session = self.session.as_ref()?;
        let poll = session.next_timeout().map(Mono::as_ms);
        let desk = self.desk.as_ref().filter(|desk| desk.is_active()).map(|desk| desk.at_ms);
        [poll, desk].into_iter().flatten().min()
    }

    /// One round of the loop and of the desktop's thread, in either order: they are two threads.
    pub(crate) fn round(&mut self, now_ms: u64, books: &mut Books) -> Vec<Wish> {
        let mut wishes = Vec::new();
        if self.session.is_none() || now_ms < self.stopped_until_ms {
            return wishes;
        }
        if self.rng.per_mille(500) {
            self.act(now_ms, &mut wishes, books);
            self.loop_round(now_ms, &mut wishes, books);
        } else {
            self.loop_round(now_ms, &mut wishes, books);
            self.act(now_ms, &mut wishes, books);
            self.loop_round(now_ms, &mut wishes, books);
        }
        wishes
    }

    fn loop_round(&mut self, now_ms: u64, wishes: &mut Vec<Wish>, books: &mut Books) {
        let now = Mono::from_ms(now_ms);
        let Some(session) = &mut self.session else { return };
        session.handle_timeout(now);
        self.obey(now_ms, wishes, books);
        let Some(session) = &mut self.session else { return };
        if self.poll.is_none()
            && let Some(poll) = session.next_poll(now)
        {
            wishes.push(Wish::Poll(Box::new(poll)));
            // Its number follows.
            self.poll = Some(u64::MAX);
        }
        if self.report.is_none()
            && let Some((report, _)) = session.next_report(now)
        {
            if let Some((_, _, number, _)) = &mut self.disk.spooled {
                *number = report.number;
            }
            self.ending = matches!(report.body, ReportBody::Complete(_)).then_some(report.attempt);
            wishes.push(Wish::Report(Box::new(report)));
            self.report = Some(u64::MAX);
        }
    }

    fn obey(&mut self, now_ms: u64, wishes: &mut Vec<Wish>, books: &mut Books) {
        while let Some(order) = self.session.as_mut().and_then(Session::next_order) {
            match order {
                Order::RememberGeneration(generation) => self.disk.generation = generation,
                Order::Prepare(offer) => {
                    // Stopped in between, it may touch nothing any more, and what it knows is old.
                    let lapsed = self
                        .session
                        .as_ref()
                        .and_then(Session::may_touch_until)
                        .is_none_or(|until| now_ms >= until.as_ms());
                    if let Some(resume) = offer.resume.as_ref().filter(|_| !lapsed) {
                        books.resumed(offer.job, &resume.loops);
                    }
                    self.begin(offer, now_ms);
                }
                Order::Execute => {
                    if let Some(desk) = &mut self.desk {
                        desk.go = true;
                        desk.at_ms = now_ms;
                    }
                }
                Order::Stop(stop) => self.tell_stop(stop),
                Order::Fence => self.tell_stop(Stop::LeaseLost),
                Order::Settled(attempt) => {
                    self.desk = None;
                    let result = self.disk.spooled.take().and_then(|(_, _, _, result)| result);
                    let success = matches!(result, Some(AttemptResult::Succeeded { .. }));
                    wishes.push(Wish::Settled(attempt, success));
                }
                Order::Dropped(_) => {
                    self.desk = None;
                    self.disk.spooled = None;
                }
                Order::AbandonPoll => {
                    wishes.push(Wish::AbandonPoll);
                    self.poll = None;
                    if let Some(session) = &mut self.session {
                        session.poll_abandoned(Mono::from_ms(now_ms));
                    }
                }
                Order::Intent(answer) => self.intent_answered(answer, now_ms),
                Order::Screenshot { .. } | Order::Watch(_) => {}
            }
        }
        self.share_lease();
    }

    fn share_lease(&mut self) {
        if let (Some(desk), Some(session)) = (&mut self.desk, &self.session) {
            desk.touch_until = session.may_touch_until();
        }
    }

    fn tell_stop(&mut self, stop: Stop) {
        if let Some(desk) = &mut self.desk
            && (desk.stop.is_none() || stop == Stop::LeaseLost)
        {
            desk.stop = Some(stop);
        }
    }

    fn begin(&mut self, offer: Box<Offer>, now_ms: u64) {
        let steps = offer.workflow.content["steps"].as_array().map_or(1, Vec::len) as u64;
        let script = match self.rng.below(1_000) {
            chance if chance < self.luck => Script::Succeeds,
            chance => match chance % 10 {
                0..3 => Script::Hangs,
                3..5 => Script::Declines,
                5..8 => Script::Fails(Category::TargetNotFound),
                _ => Script::Fails(Category::Business),
            },
        };
        self.disk.spooled = Some((offer.clone(), self.incarnation, 1, None));
        let (save, saving) = (Save::of(&offer), Saving::at_first(&offer));
        let after = save.as_ref().filter(|_| saving == Saving::Over).map(|save| save.step + 1);
        self.desk = Some(Desk {
            offer,
            script,
            stage: Stage::Preparing,
            at_ms: now_ms + self.rng.between(10, 800),
            steps,
            step: after.unwrap_or(0),
            save,
            saving,
            reports: 0,
            goes_on_until_ms: 0,
            stop: None,
            go: false,
            touch_until: None,
        });
    }

    /// The desktop's thread, as far as it gets now.
    fn act(&mut self, now_ms: u64, wishes: &mut Vec<Wish>, books: &mut Books) {
        let Some(desk) = &mut self.desk else { return };
        if now_ms < desk.at_ms || !desk.is_active() {
            return;
        }
        if let Some(stop) = desk.may_not(now_ms) {
            desk.stage = Stage::Over;
            self.has_not_saved();
            let Some(session) = &mut self.session else { return };
            return session.ended(Ended::Stopped(stop), BTreeMap::new());
        }
        match desk.stage {
            Stage::Preparing => self.prepared(wishes),
            Stage::Waiting | Stage::Executing => self.step(now_ms, wishes, books),
            Stage::Over => {}
        }
    }

    fn prepared(&mut self, wishes: &mut Vec<Wish>) {
        let (Some(desk), Some(session)) = (&mut self.desk, &mut self.session) else { return };
        wishes.push(Wish::Touch(desk.touch()));
        if desk.script == Script::Declines {
            desk.stage = Stage::Over;
            session.prepared(Err(("the app does not come up".to_owned(), Vec::new())));
        } else {
            desk.stage = Stage::Waiting;
            session.prepared(Ok(BTreeMap::new()));
        }
    }

    fn step(&mut self, now_ms: u64, wishes: &mut Vec<Wish>, books: &mut Books) {
        let (Some(desk), Some(session)) = (&mut self.desk, &mut self.session) else { return };
        desk.stage = Stage::Executing;
        wishes.push(Wish::Touch(desk.touch()));
        if desk.is_saving() {
            return self.save(now_ms, books);
        }
        if now_ms < desk.goes_on_until_ms {
            desk.at_ms = now_ms + self.rng.between(50, 1_500);
            return;
        }
        let fails = desk.step + 1 == desk.steps;
        let result = match desk.script {
            Script::Fails(category) if fails => Some(failure(category, "it is not there", Some(desk.step))),
            Script::Succeeds | Script::Hangs if desk.step == desk.steps => {
                Some(AttemptResult::Succeeded { output: json!({ "by": desk.offer.attempt }) })
            }
            _ => None,
        };
        if let Some(result) = result {
            return self.end_with(result);
        }
        desk.reports += 1;
        session.steps(vec![step_report(desk.reports, desk.step, now_ms)]);
        desk.step += 1;
        let hangs = desk.script == Script::Hangs && desk.step == desk.steps;
        let (longest_ms, deaf) = if hangs {
            (400_000, self.rng.per_mille(400))
        } else if self.rng.per_mille(LONG_STEPS) {
            (35_000, false)
        } else {
            (4_000, false)
        };
        let takes_ms = self.rng.between(50, longest_ms);
        desk.goes_on_until_ms = now_ms + takes_ms;
        desk.at_ms = now_ms + if deaf { takes_ms } else { self.rng.between(50, 1_500) };
    }

    /// What is to be told of the process before, now that the controller knows that it is no more.
    pub(crate) fn poll_answered(&mut self, answer: Option<&Answer>, now_ms: u64) -> Option<Report> {
        self.poll = None;
        let answer = outcome::<PollAnswer>(answer);
        let first = answer.is_ok() && !self.heard;
        self.heard |= first;
        if let Some(session) = &mut self.session {
            session.handle_poll(answer, Mono::from_ms(now_ms));
        }
        self.share_lease();
        self.late.clone().filter(|_| first)
    }

    /// The attempt, where its result was refused because its lease is over.
    pub(crate) fn report_answered(&mut self, answer: Option<&Answer>, now_ms: u64) -> Option<AttemptId> {
        self.report = None;
        let answer = outcome::<ReportAnswer>(answer);
        let refused = self.ending.take().filter(|_| answer == Err(CallFailure::LeaseLost));
        if let Some(session) = &mut self.session {
            session.handle_report(answer, Mono::from_ms(now_ms));
        }
        self.share_lease();
        refused
    }
}

impl Desk {
    /// Waiting for the acknowledgement it looks again and again whether it may.
    fn is_active(&self) -> bool {
        match self.stage {
            Stage::Preparing => true,
            Stage::Executing => self.saving != Saving::Asked || self.stop == Some(Stop::LeaseLost),
            Stage::Waiting => self.go || self.stop.is_some(),
            Stage::Over => false,
        }
    }

    fn may_not(&self, now_ms: u64) -> Option<Stop> {
        let lapsed = self.touch_until.is_none_or(|until| Mono::from_ms(now_ms) >= until);
        let waits = self.stage == Stage::Executing && self.saving.goes_first();
        let stop = self.stop.filter(|stop| !waits || *stop == Stop::LeaseLost);
        stop.or(lapsed.then_some(Stop::LeaseLost))
    }

    fn touch(&self) -> Touch {
        Touch { job: self.offer.job, attempt: self.offer.attempt, epoch: self.offer.epoch }
    }
}

/// As the real link makes of an answer what the session understands.
fn outcome<T: serde::de::DeserializeOwned>(answer: Option<&Answer>) -> Result<T, CallFailure> {
    let Some(answer) = answer else { return Err(CallFailure::Unreachable { retry_after: None }) };
    if (200..300).contains(&answer.status) {
        return Ok(serde_json::from_slice(&answer.body).expect("an answer is as the contract says"));
    }
    let problem: Problem = serde_json::from_slice(&answer.body).expect("an error is a problem");
    if problem.code == "lease_lost" {
        return Err(CallFailure::LeaseLost);
    }
    if (400..500).contains(&answer.status) && !matches!(answer.status, 401 | 403 | 408 | 425 | 429) {
        return Err(CallFailure::Refused { detail: problem.detail });
    }
    Err(CallFailure::Unreachable { retry_after: None })
}

/// As the contract has it in JSON: what it knows beyond this has a default.
fn report_of(offer: &Offer, incarnation: Incarnation, number: u64, result: &AttemptResult) -> Report {
    let body = json!({ "kind": "complete", "result": result, "steps": [], "readiness": {} });
    let body: ReportBody = serde_json::from_value(body).unwrap();
    Report { job: offer.job, attempt: offer.attempt, epoch: offer.epoch, incarnation, number, body }
}

fn failure(category: Category, message: &str, step: Option<u64>) -> AttemptResult {
    let step = step.map(|step| json!({ "path": format!("steps/{step}"), "id": null, "action": "key" }));
    let failure =
        json!({ "outcome": "failed", "category": category, "message": message, "step": step, "artifacts": [] });
    serde_json::from_value(failure).unwrap()
}

fn step_report(number: u64, step: u64, now_ms: u64) -> StepReport {
    let at = Timestamp::from_ms(START_MS + now_ms);
    let report = json!({
        "number": number, "path": format!("steps/{step}"), "id": null, "name": null, "action": "key",
        "state": "succeeded", "started_at": at, "finished_at": at, "error": null,
    });
    serde_json::from_value(report).unwrap()
}

//! The lease table as an agent sees it, in virtual time.

mod effects;

use std::{collections::BTreeMap, time::Duration};

use serde_json::json;

use super::*;
use crate::{
    ids::{Digest, JobId},
    time::Timestamp,
    wire::{
        agent::{DocumentRef, MachineRef, PollAnswer, Report, ReportAnswer, ReportBody, Wanted},
        job::Category,
        machine::Mode,
        step::{StepReport, StepState},
    },
};

const TTL_MS: u64 = 30_000;
const UNREACHABLE: CallFailure = CallFailure::Unreachable { retry_after: None };

/// A session, its clock, and the network between it and a controller that does as the test says.
struct Desk {
    session: Session,
    now: Mono,
}

impl Desk {
    fn new() -> Self {
        let beginning = Beginning {
            incarnation: Incarnation::from_raw(7),
            generation_seen: 1,
            seed: 42,
            poll_wait: Duration::from_secs(20),
        };
        let now = Mono::from_ms(1_000);
        Self { session: Session::new(beginning, now), now }
    }

    fn pass(&mut self, ms: u64) {
        self.now = self.now.saturating_add(Duration::from_millis(ms));
    }

    /// As the shell does: what is due is done, then time moves on.
    fn wake(&mut self) -> Vec<Order> {
        self.session.handle_timeout(self.now);
        self.orders()
    }

    fn orders(&mut self) -> Vec<Order> {
        std::iter::from_fn(|| self.session.next_order()).collect()
    }

    fn polled(&mut self, answer: PollAnswer) -> Vec<Order> {
        self.pass(300);
        self.session.next_poll(self.now).expect("a poll is due");
        self.session.handle_poll(Ok(answer), self.now);
        self.orders()
    }

    fn report(&mut self) -> Report {
        self.session.next_report(self.now).expect("a report is due").0
    }

    fn answer(&mut self, number: u64) -> Vec<Order> {
        self.answer_with(ReportAnswer { number, ttl_ms: TTL_MS, revoke: false, offer: None })
    }

    fn answer_with(&mut self, answer: ReportAnswer) -> Vec<Order> {
        self.session.handle_report(Ok(answer), self.now);
        self.orders()
    }

    fn fail(&mut self, failure: CallFailure) -> Vec<Order> {
        self.session.handle_report(Err(failure), self.now);
        self.orders()
    }

    /// Up to the first step.
    fn executing(counter: u64) -> Self {
        let mut desk = Self::new();
        desk.polled(PollAnswer { offer: Some(offer(counter)), ..quiet() });
        assert_eq!(desk.report().body, ReportBody::Accept);
        assert!(matches!(desk.answer(1)[..], [Order::Prepare(_)]));
        desk.session.prepared(Ok(BTreeMap::new()));
        assert!(matches!(desk.report().body, ReportBody::Ready { .. }));
        assert_eq!(desk.answer(2), [Order::Execute]);
        desk
    }
}

fn quiet() -> PollAnswer {
    PollAnswer {
        generation: 1,
        mode: Mode::Active,
        pool: "default".parse().unwrap(),
        offer: None,
        revoke: None,
        lost: false,
        wanted: Vec::new(),
        apps: None,
    }
}

fn epoch(counter: u64) -> Epoch {
    Epoch { generation: 1, counter }
}

fn offer(counter: u64) -> Offer {
    let pool: crate::ids::Name = "default".parse().unwrap();
    Offer {
        attempt: AttemptId::from_raw(u128::from(counter)),
        number: 1,
        epoch: epoch(counter),
        ttl_ms: TTL_MS,
        accept_within_ms: 5_000,
        job: JobId::from_raw(3),
        workflow: DocumentRef { name: "w".parse().unwrap(), version: 1, content: json!({}) },
        workflows: Vec::new(),
        apps: Vec::new(),
        input: json!({}),
        files: BTreeMap::new(),
        labels: BTreeMap::new(),
        key: None,
        timeout_ms: 60_000,
        machine: MachineRef { name: "vm-07".parse().unwrap(), pool, labels: BTreeMap::new() },
        resume: None,
    }
}

fn step(number: u64) -> StepReport {
    StepReport {
        number,
        path: format!("steps/{number}"),
        id: None,
        name: None,
        action: "click".to_owned(),
        state: StepState::Succeeded,
        started_at: Timestamp::from_ms(1),
        finished_at: Some(Timestamp::from_ms(2)),
        finds: Vec::new(),
        error: None,
        artifacts: Vec::new(),
        quiet_ms: None,
    }
}

fn succeeded() -> Ended {
    Ended::Result(AttemptResult::Succeeded { output: json!({"sum": 3}) })
}

#[test]
fn an_offer_is_touched_only_after_its_accept_is_acknowledged() {
    let mut desk = Desk::new();
    assert_eq!(desk.polled(PollAnswer { offer: Some(offer(5)), ..quiet() }), []);
    let accept = desk.report();
    assert_eq!((accept.number, accept.epoch), (1, epoch(5)));
    // The same offer again, while the accept is on its way: nothing new.
    assert_eq!(desk.polled(PollAnswer { offer: Some(offer(5)), ..quiet() }), []);
    assert_eq!(desk.session.may_touch_until(), None);
    assert!(desk.session.next_report(desk.now).is_none(), "one report at a time");
    assert!(matches!(desk.answer(1)[..], [Order::Prepare(_)]));
    assert!(desk.session.may_touch_until().is_some());
}

#[test]
fn a_job_runs_from_the_offer_to_the_next_offer() {
    let mut desk = Desk::executing(5);
    desk.session.steps(vec![step(1)]);
    let first = desk.report();
    assert_eq!(first.number, 3);
    desk.session.steps(vec![step(2)]);
    desk.session.ended(succeeded(), BTreeMap::new());
    desk.answer(3);
    let last = desk.report();
    let ReportBody::Complete(completion) = &last.body else { panic!("{last:?}") };
    assert_eq!(completion.steps, [step(2)], "the end carries the last steps");
    assert_eq!(last.number, 4);
    let orders = desk.answer_with(ReportAnswer { number: 4, ttl_ms: TTL_MS, revoke: false, offer: Some(offer(6)) });
    assert_eq!(orders, [Order::Settled(AttemptId::from_raw(5))]);
    let accept = desk.report();
    assert_eq!((accept.body, accept.number, accept.epoch), (ReportBody::Accept, 1, epoch(6)));
}

#[test]
fn a_lost_answer_makes_the_same_report_come_again_with_the_same_number() {
    let mut desk = Desk::executing(5);
    desk.session.steps(vec![step(1)]);
    let first = desk.report();
    desk.fail(UNREACHABLE);
    desk.session.steps(vec![step(2)]);
    assert!(desk.session.next_report(desk.now).is_none(), "not before its pause");
    let (again, is_first) = loop {
        desk.pass(50);
        if let Some(sent) = desk.session.next_report(desk.now) {
            break sent;
        }
    };
    assert_eq!(again, first);
    assert!(!is_first);
    // Its first answer, twice: the second changes nothing.
    desk.answer(3);
    desk.answer(3);
    assert_eq!(desk.report().number, 4);
}

#[test]
fn a_lease_is_renewed_after_a_third_of_its_ttl() {
    let mut desk = Desk::executing(5);
    desk.pass(TTL_MS / 3 - 1);
    assert!(desk.session.next_report(desk.now).is_none());
    desk.pass(1);
    assert_eq!(desk.report().body, ReportBody::Renew);
    desk.answer(3);
    desk.pass(TTL_MS / 3 - 1);
    assert!(desk.session.next_report(desk.now).is_none());
    desk.pass(1);
    let again = desk.report();
    assert_eq!((again.body, again.number), (ReportBody::Renew, 3), "it takes no number from what must come in order");
}

#[test]
fn the_ttl_counts_from_the_first_sending_of_what_was_acknowledged() {
    let mut desk = Desk::executing(5);
    desk.pass(TTL_MS / 3);
    let sent = desk.now;
    desk.report();
    desk.fail(UNREACHABLE);
    desk.pass(5_000);
    desk.report();
    desk.answer(3);
    assert_eq!(desk.session.may_touch_until(), Some(sent.saturating_add(Duration::from_millis(TTL_MS))));
}

#[test]
fn a_controller_that_stays_away_past_the_ttl_ends_the_work_and_is_told_later() {
    let mut desk = Desk::executing(5);
    let mut fenced_at = None;
    let begun = desk.now;
    while fenced_at.is_none() {
        desk.now = desk.session.next_timeout().unwrap().max(desk.now);
        if desk.wake() == [Order::Fence] {
            fenced_at = Some(desk.now);
        }
        if desk.session.next_report(desk.now).is_some() {
            assert_eq!(desk.fail(UNREACHABLE), []);
        }
        if desk.session.next_poll(desk.now).is_some() {
            desk.session.handle_poll(Err(UNREACHABLE), desk.now);
        }
    }
    assert_eq!(fenced_at.unwrap().since(begun), Duration::from_millis(TTL_MS));
    assert_eq!(desk.session.may_touch_until(), None);
    desk.session.ended(Ended::Stopped(Stop::LeaseLost), BTreeMap::new());
    desk.pass(60_000);
    // Back again: first the renewal that was never answered, then how it ended.
    assert_eq!(desk.report().body, ReportBody::Renew);
    desk.answer(3);
    let ReportBody::Complete(completion) = desk.report().body else { panic!("no completion") };
    let AttemptResult::Failed(failure) = completion.result else { panic!("{completion:?}") };
    assert_eq!(failure.category, Category::Agent);
    assert!(failure.message.contains("30s"), "{}", failure.message);
    assert_eq!(desk.answer(3), [Order::Settled(AttemptId::from_raw(5))]);
    assert!(!desk.session.is_busy());
}

#[test]
fn a_process_stopped_past_its_ttl_lets_go_before_anything_else() {
    let mut desk = Desk::executing(5);
    desk.pass(10 * TTL_MS);
    assert_eq!(desk.wake(), [Order::Fence]);
    assert_eq!(desk.wake(), [], "once");
    assert_eq!(desk.session.may_touch_until(), None);
}

#[test]
fn an_answer_that_comes_after_the_lease_lapsed_does_not_bring_it_back() {
    let mut desk = Desk::executing(5);
    desk.pass(TTL_MS / 3);
    desk.report();
    desk.pass(TTL_MS);
    assert_eq!(desk.answer(3), [Order::Fence], "it was sent too long ago to be good still");
    assert_eq!(desk.session.may_touch_until(), None);
}

#[test]
fn an_accept_acknowledged_too_late_is_declined_untouched() {
    let mut desk = Desk::new();
    desk.polled(PollAnswer { offer: Some(offer(5)), ..quiet() });
    desk.report();
    desk.pass(TTL_MS + 1);
    assert_eq!(desk.answer(1), []);
    assert!(matches!(desk.report().body, ReportBody::Decline { .. }));
}

#[test]
fn a_controller_away_and_back_within_the_ttl_costs_nothing() {
    let mut desk = Desk::executing(5);
    desk.pass(TTL_MS / 3);
    desk.report();
    for _ in 0..4 {
        desk.fail(UNREACHABLE);
        desk.now = desk.session.next_timeout().unwrap();
        assert_eq!(desk.wake(), []);
        while desk.session.next_report(desk.now).is_none() {
            desk.pass(100);
        }
    }
    desk.answer(3);
    desk.session.ended(succeeded(), BTreeMap::new());
    assert!(matches!(desk.report().body, ReportBody::Complete(_)));
}

#[test]
fn a_stale_epoch_stops_at_once_and_what_was_done_is_told_as_evidence() {
    let mut desk = Desk::executing(5);
    desk.session.steps(vec![step(1)]);
    desk.report();
    assert_eq!(desk.fail(CallFailure::LeaseLost), [Order::Fence]);
    assert_eq!(desk.session.may_touch_until(), None);
    // Nothing new is begun while the old work is still letting go.
    assert_eq!(desk.polled(PollAnswer { offer: Some(offer(6)), ..quiet() }), []);
    assert!(desk.session.next_report(desk.now).is_none());
    desk.session.steps(vec![step(2)]);
    desk.session.ended(Ended::Stopped(Stop::LeaseLost), BTreeMap::new());
    assert!(matches!(desk.report().body, ReportBody::Complete(_)));
    assert_eq!(desk.fail(CallFailure::LeaseLost), [Order::Dropped(AttemptId::from_raw(5))]);
    desk.polled(PollAnswer { offer: Some(offer(6)), ..quiet() });
    assert_eq!(desk.report().body, ReportBody::Accept);
}

#[test]
fn a_poll_can_say_that_the_lease_is_lost_but_only_the_one_it_was_asked_about() {
    let mut desk = Desk::executing(5);
    assert_eq!(desk.polled(PollAnswer { lost: true, ..quiet() }), [Order::Fence]);

    let mut desk = Desk::new();
    desk.pass(300);
    desk.session.next_poll(desk.now).unwrap();
    // While that poll is parked a lease begins through a report's answer; its `lost` speaks of what was before.
    desk.session.consider(offer(5));
    desk.report();
    desk.answer(1);
    desk.session.handle_poll(Ok(PollAnswer { lost: true, ..quiet() }), desk.now);
    assert_eq!(desk.orders(), []);
    assert!(desk.session.may_touch_until().is_some());
}

#[test]
fn a_cancel_stops_between_two_actions_and_completes_as_cancelled() {
    for by_poll in [true, false] {
        let mut desk = Desk::executing(5);
        let orders = if by_poll {
            desk.polled(PollAnswer { revoke: Some(epoch(5)), ..quiet() })
        } else {
            desk.session.steps(vec![step(1)]);
            desk.report();
            desk.answer_with(ReportAnswer { number: 3, ttl_ms: TTL_MS, revoke: true, offer: None })
        };
        assert_eq!(orders, [Order::Stop(Stop::Cancelled)]);
        assert_eq!(desk.polled(PollAnswer { revoke: Some(epoch(5)), ..quiet() }), [], "told once");
        desk.session.ended(Ended::Stopped(Stop::Cancelled), BTreeMap::new());
        let ReportBody::Complete(completion) = desk.report().body else { panic!("no completion") };
        assert_eq!(completion.result, AttemptResult::Cancelled);
    }
}

#[test]
fn a_success_stays_one_even_if_a_cancel_is_on_its_way() {
    let mut desk = Desk::executing(5);
    assert_eq!(desk.polled(PollAnswer { revoke: Some(epoch(5)), ..quiet() }), [Order::Stop(Stop::Cancelled)]);
    desk.session.ended(succeeded(), BTreeMap::new());
    let ReportBody::Complete(completion) = desk.report().body else { panic!("no completion") };
    assert!(matches!(completion.result, AttemptResult::Succeeded { .. }));
}

#[test]
fn a_cancel_of_another_lease_is_none_of_ours() {
    let mut desk = Desk::executing(5);
    assert_eq!(desk.polled(PollAnswer { revoke: Some(epoch(4)), ..quiet() }), []);
}

#[test]
fn apps_that_are_not_ready_decline_the_job() {
    let mut desk = Desk::new();
    desk.polled(PollAnswer { offer: Some(offer(5)), ..quiet() });
    desk.report();
    desk.answer(1);
    desk.session.prepared(Err(("clinic shows `expired`".to_owned(), Vec::new())));
    assert!(matches!(desk.report().body, ReportBody::Decline { .. }));
    assert_eq!(desk.answer(2), [Order::Settled(AttemptId::from_raw(5))]);
}

#[test]
fn a_cancel_before_readiness_is_acknowledged_begins_no_step() {
    let mut desk = Desk::new();
    desk.polled(PollAnswer { offer: Some(offer(5)), ..quiet() });
    desk.report();
    desk.answer(1);
    desk.session.prepared(Ok(BTreeMap::new()));
    desk.report();
    let orders = desk.answer_with(ReportAnswer { number: 2, ttl_ms: TTL_MS, revoke: true, offer: None });
    assert_eq!(orders, [Order::Execute, Order::Stop(Stop::Cancelled)], "the stop is asked for before the first action");
}

#[test]
fn an_older_store_is_refused_and_a_newer_one_remembered_first() {
    let mut desk = Desk::new();
    let old = PollAnswer { generation: 0, offer: Some(offer(5)), ..quiet() };
    assert_eq!(desk.polled(old), []);
    assert!(!desk.session.is_busy());
    desk.pass(20_000);
    let mut newer = offer(5);
    newer.epoch.generation = 2;
    let wanted = vec![Wanted::Screenshot { request: "r1".to_owned() }];
    let orders = desk.polled(PollAnswer { generation: 2, wanted, offer: Some(newer), ..quiet() });
    assert_eq!(orders, [Order::RememberGeneration(2), Order::Screenshot { request: "r1".to_owned() }]);
    assert_eq!(desk.report().epoch.generation, 2);
}

#[test]
fn an_echo_of_an_offer_that_is_over_is_not_taken_again() {
    let mut desk = Desk::executing(5);
    desk.session.ended(succeeded(), BTreeMap::new());
    desk.report();
    desk.answer(3);
    desk.polled(PollAnswer { offer: Some(offer(5)), ..quiet() });
    assert!(desk.session.next_report(desk.now).is_none());
}

#[test]
fn a_stopping_agent_finishes_what_it_has_and_takes_nothing_new() {
    let mut desk = Desk::executing(5);
    desk.session.stop_taking();
    desk.session.ended(succeeded(), BTreeMap::new());
    desk.report();
    let orders = desk.answer_with(ReportAnswer { number: 3, ttl_ms: TTL_MS, revoke: false, offer: Some(offer(6)) });
    assert_eq!(orders, [Order::Settled(AttemptId::from_raw(5))]);
    assert!(matches!(desk.report().body, ReportBody::Decline { .. }));
    desk.answer(1);
    assert!(!desk.session.is_busy());
    assert!(desk.session.next_poll(desk.now).is_none());
}

#[test]
fn a_stop_after_the_grace_fails_the_attempt() {
    let mut desk = Desk::executing(5);
    desk.session.stop_now();
    assert_eq!(desk.orders(), [Order::Stop(Stop::Shutdown)]);
    desk.session.ended(Ended::Stopped(Stop::Shutdown), BTreeMap::new());
    let ReportBody::Complete(completion) = desk.report().body else { panic!("no completion") };
    assert!(matches!(completion.result, AttemptResult::Failed(failure) if failure.message.contains("stopped")));
}

#[test]
fn a_result_the_controller_refuses_is_replaced_by_one_it_takes() {
    let mut desk = Desk::executing(5);
    desk.session.ended(succeeded(), BTreeMap::new());
    desk.report();
    desk.fail(CallFailure::Refused { detail: "output is larger than 1 MiB".to_owned() });
    let again = desk.report();
    assert_eq!(again.number, 3, "a refused number was never used");
    let ReportBody::Complete(completion) = again.body else { panic!("no completion") };
    assert!(matches!(completion.result, AttemptResult::Failed(failure) if failure.message.contains("larger than")));
    assert_eq!(
        desk.fail(CallFailure::Refused { detail: "no".to_owned() }),
        [Order::Dropped(AttemptId::from_raw(5))],
        "given up for good"
    );
}

#[test]
fn the_poll_goes_on_while_a_job_runs_and_names_what_is_held() {
    let mut desk = Desk::executing(5);
    desk.pass(300);
    let poll = desk.session.next_poll(desk.now).unwrap();
    assert_eq!(poll.held.map(|held| held.epoch), Some(epoch(5)));
    assert!(desk.session.next_poll(desk.now).is_none(), "one at a time");
    desk.session.handle_poll(Err(UNREACHABLE), desk.now);
    desk.pass(4_000);
    assert_eq!(desk.session.next_poll(desk.now).unwrap().number, poll.number + 1);
}

#[test]
fn news_of_the_machine_end_a_parked_poll() {
    let mut desk = Desk::new();
    desk.pass(300);
    desk.session.set_facts(crate::wire::machine::Facts::default());
    let poll = desk.session.next_poll(desk.now).unwrap();
    assert!(poll.facts.is_some());
    assert_eq!(desk.orders(), []);
    let readiness = crate::wire::machine::Readiness {
        state: crate::wire::machine::ReadinessState::Ready,
        screen: None,
        since: Timestamp::from_ms(1),
        reason: None,
    };
    desk.session.set_readiness(BTreeMap::from([("clinic".parse().unwrap(), readiness)]));
    assert_eq!(desk.orders(), [Order::AbandonPoll]);
    desk.session.poll_abandoned(desk.now);
    let next = desk.session.next_poll(desk.now).unwrap();
    assert!(next.readiness.contains_key("clinic".parse::<crate::ids::Name>().as_ref().unwrap()));
    assert!(next.facts.is_some(), "nobody acknowledged them yet");
    desk.session.handle_poll(Ok(quiet()), desk.now);
    desk.pass(300);
    assert!(desk.session.next_poll(desk.now).unwrap().facts.is_none());
}

#[test]
fn the_apps_to_watch_are_asked_for_by_digest() {
    let mut desk = Desk::new();
    let apps = PoolApps { digest: Digest::of(b"apps"), apps: Vec::new(), display: None };
    let orders = desk.polled(PollAnswer { apps: Some(apps.clone()), ..quiet() });
    assert_eq!(orders, [Order::Watch(Box::new(apps.clone()))]);
    desk.pass(300);
    assert_eq!(desk.session.next_poll(desk.now).unwrap().apps_digest, Some(apps.digest));
}

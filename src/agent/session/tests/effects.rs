//! Intents between the runner that waits and the controller that records them.

use super::*;
use crate::wire::{
    agent::{IntentReport, LoopItem, LoopItemState, LoopReport, SettledReport},
    job::StepRef,
};

fn save() -> StepRef {
    StepRef { path: "steps/2".to_owned(), id: Some("save".to_owned()), action: "click".to_owned() }
}

fn intent() -> IntentReport {
    IntentReport { step: save(), key: None, vars: json!({"number": 7}), can_settle: true }
}

fn settled(done: bool) -> SettledReport {
    SettledReport { step: save(), key: None, done, vars: json!({"number": 7}) }
}

fn act(answer: IntentAnswer) -> Order {
    Order::Intent(answer)
}

#[test]
fn an_intent_comes_after_its_steps_and_before_the_end() {
    let mut desk = Desk::executing(5);
    desk.session.intend(intent());
    desk.session.steps(vec![step(1)]);
    assert!(matches!(desk.report().body, ReportBody::Steps { .. }));
    assert_eq!(desk.answer(3), []);
    let told = desk.report();
    assert_eq!((told.number, told.body), (4, ReportBody::Intent(intent())));
    assert_eq!(desk.answer(4), [act(IntentAnswer::Act)]);

    desk.session.settled(settled(true));
    desk.session.steps(vec![step(2)]);
    desk.session.ended(succeeded(), BTreeMap::new());
    assert!(matches!(desk.report().body, ReportBody::Steps { .. }));
    desk.answer(5);
    assert_eq!(desk.report().body, ReportBody::Settled(settled(true)));
    desk.answer(6);
    assert!(matches!(desk.report().body, ReportBody::Complete(_)));
}

#[test]
fn a_cancel_that_came_first_is_in_the_answer() {
    let mut desk = Desk::executing(5);
    desk.session.intend(intent());
    desk.report();
    let orders = desk.answer_with(ReportAnswer { number: 3, ttl_ms: TTL_MS, revoke: true, offer: None });
    assert_eq!(orders, [act(IntentAnswer::Stopped(Stop::Cancelled)), Order::Stop(Stop::Cancelled)]);
    desk.session.ended(Ended::Stopped(Stop::Cancelled), BTreeMap::new());
    let ReportBody::Complete(completion) = desk.report().body else { panic!("no completion") };
    assert_eq!(completion.result, AttemptResult::Cancelled);
}

#[test]
fn a_cancel_that_comes_while_it_is_asked_is_left_to_the_answer() {
    let mut desk = Desk::executing(5);
    desk.session.intend(intent());
    desk.report();
    assert_eq!(
        desk.polled(PollAnswer { revoke: Some(epoch(5)), ..quiet() }),
        [Order::Stop(Stop::Cancelled)],
        "whoever waits for the answer goes on waiting"
    );
    assert_eq!(desk.answer(3), [act(IntentAnswer::Act)], "it was recorded before the cancel");

    // One that is known is not even asked about.
    desk.session.intend(intent());
    assert_eq!(desk.orders(), [act(IntentAnswer::Stopped(Stop::Cancelled))]);
    assert!(desk.session.next_report(desk.now).is_none());
}

#[test]
fn a_lost_answer_is_asked_for_again_and_given_once() {
    let mut desk = Desk::executing(5);
    desk.session.intend(intent());
    let first = desk.report();
    desk.fail(UNREACHABLE);
    desk.pass(5_000);
    assert_eq!(desk.report(), first);
    assert_eq!(desk.answer(3), [act(IntentAnswer::Act)]);
    assert_eq!(desk.answer(3), []);
}

#[test]
fn an_intent_nobody_heard_of_is_forgotten_when_the_lease_lapses() {
    let mut desk = Desk::executing(5);
    desk.session.steps(vec![step(1)]);
    desk.report();
    desk.session.intend(intent());
    desk.fail(UNREACHABLE);
    desk.pass(TTL_MS);
    assert_eq!(desk.wake(), [Order::Fence]);
    desk.session.ended(Ended::Stopped(Stop::LeaseLost), BTreeMap::new());
    assert!(matches!(desk.report().body, ReportBody::Steps { .. }));
    desk.answer(3);
    assert!(matches!(desk.report().body, ReportBody::Complete(_)), "it would be recorded, and nobody acts on it");
}

#[test]
fn an_intent_recorded_too_late_is_told_as_not_done() {
    let mut desk = Desk::executing(5);
    desk.session.intend(intent());
    desk.report();
    desk.pass(TTL_MS);
    assert_eq!(desk.wake(), [Order::Fence]);
    desk.session.ended(Ended::Stopped(Stop::LeaseLost), BTreeMap::new());
    assert_eq!(desk.answer(3), []);
    assert_eq!(desk.report().body, ReportBody::Settled(settled(false)));
    desk.answer(4);
    assert!(matches!(desk.report().body, ReportBody::Complete(_)));

    // The answer is in time, and the runner has just given up.
    let mut desk = Desk::executing(6);
    desk.session.intend(intent());
    desk.report();
    assert_eq!(desk.answer(3), [act(IntentAnswer::Act)]);
    desk.session.not_acted();
    desk.session.not_acted();
    assert_eq!(desk.report().body, ReportBody::Settled(settled(false)));
    desk.answer(4);
    assert!(desk.session.next_report(desk.now).is_none(), "once");
}

#[test]
fn an_intent_the_controller_will_not_take_is_not_acted_on() {
    let mut desk = Desk::executing(5);
    desk.session.intend(intent());
    desk.report();
    let detail = "an intent is open already".to_owned();
    assert_eq!(desk.fail(CallFailure::Refused { detail: detail.clone() }), [act(IntentAnswer::Refused(detail))]);
    desk.session.steps(vec![step(1)]);
    assert_eq!(desk.report().number, 3, "its number is free again");
}

#[test]
fn without_a_lease_nobody_may_act() {
    let mut desk = Desk::new();
    desk.session.intend(intent());
    assert_eq!(desk.orders(), [act(IntentAnswer::Stopped(Stop::LeaseLost))]);
}

#[test]
fn items_of_a_loop_travel_together_and_never_two_states_of_one() {
    let looped = |key: &str, state| LoopReport {
        path: "steps/1".to_owned(),
        total: None,
        items: vec![LoopItem { key: key.to_owned(), state, result: json!(null) }],
    };
    let mut desk = Desk::executing(5);
    desk.session.looped(LoopReport { path: "steps/1".to_owned(), total: Some(900), items: Vec::new() });
    for number in 0..150 {
        desk.session.looped(looped(&number.to_string(), LoopItemState::Done));
    }
    desk.session.looped(looped("149", LoopItemState::Failed));
    let mut sizes = Vec::new();
    let mut number = 3;
    while let Some((report, _)) = desk.session.next_report(desk.now) {
        let ReportBody::Loop(report) = report.body else { panic!("{report:?}") };
        sizes.push((report.total, report.items.len()));
        desk.answer(number);
        number += 1;
    }
    assert_eq!(sizes, [(Some(900), 100), (None, 50), (None, 1)]);
}

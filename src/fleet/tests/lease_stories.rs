//! The lease of a machine: one story for each row of the table, and the fence.

use std::collections::BTreeMap;

use super::world::*;
use crate::{
    fleet::{
        CancelJob, Category, Command, End, LeaseState, ModeName, Outcome, Progress, ReadinessState, Refusal, Report,
        ReportBody, RevokeWhy, StateName,
        document::DocumentSpec,
        lease::{Answer, Lease},
        reply::Assignment,
    },
    ids::{Epoch, Incarnation},
};

fn lease<'a>(world: &'a World, agent: &Agent) -> &'a Lease {
    world.machine(agent).lease.as_ref().expect("the machine has a lease")
}

fn lost(refusal: &Refusal) {
    assert_eq!(refusal.code(), "lease_lost", "{refusal:?}");
}

#[test]
fn an_offer_is_repeated_on_every_poll_until_it_is_accepted() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let first = world.offer(&agents[0]);
    let second = world.offer(&agents[0]);
    assert_eq!(first, second);
    world.report(&agents[0], &first, 1, ReportBody::Accept).unwrap();
    assert!(matches!(world.poll_holding(&agents[0], &first), Assignment::Hold { .. }));
}

#[test]
fn a_machine_that_does_not_even_answer_an_offer_is_offline_until_it_is_heard() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    world.wait(seconds(5));
    assert_eq!(world.fleet.machine_view(agents[0].machine).unwrap().status, crate::fleet::Status::Offline);
    world.wait(seconds(300));
    assert_eq!(world.job(job).declines, 1, "so a dead machine uses up one offer, not all");
    assert_eq!(world.offer(&agents[0]).job, job);
}

#[test]
fn every_lease_has_a_new_epoch() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    world.submit(request("enter"));
    let first = world.start(&agents[0]);
    let reply = world.complete(&agents[0], &first, End::Succeeded { output: None });
    let next = reply.next.expect("the answer carries the next offer");
    assert!(next.epoch > first.epoch);
    assert_eq!(first.epoch, Epoch { generation: 0, counter: 1 });
}

#[test]
fn a_repeated_report_gets_its_first_answer_again_and_changes_nothing() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.accept(&agents[0]);
    let mark = world.events.len();
    let again = world.report(&agents[0], &offer, 1, ReportBody::Accept).unwrap();
    assert!(again.repeated && matches!(again.answer, Answer::Continue { .. }));
    assert!(world.kinds_since(mark).is_empty());
    world.report(&agents[0], &offer, 2, ReportBody::Ready).unwrap();
    let body = ReportBody::Steps(step(1));
    world.report(&agents[0], &offer, 3, body.clone()).unwrap();
    world.report(&agents[0], &offer, 3, body).unwrap();
    assert_eq!(world.disk.steps.len(), 1);
}

#[test]
fn a_repeated_completion_gets_its_answer_again_with_the_current_offer() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let body = ReportBody::Complete { progress: step(1), end: End::Succeeded { output: None } };
    let first = world.report(&agents[0], &offer, 3, body.clone()).unwrap();
    let again = world.report(&agents[0], &offer, 3, body.clone()).unwrap();
    assert_eq!((again.answer, again.repeated), (Answer::Done, true));
    assert_eq!(again.next, first.next);
    world.restart();
    let again = world.report(&agents[0], &offer, 3, body).unwrap();
    assert!(again.repeated, "also after a restart");
    assert_eq!(world.job(job).attempts.len(), 1);
    assert_eq!(world.disk.steps.len(), 1);
}

#[test]
fn a_repeated_completion_gets_its_answer_again_after_the_next_offer_has_run_out_too() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let body = ReportBody::Complete { progress: step(1), end: End::Succeeded { output: None } };
    let first = world.report(&agents[0], &offer, 3, body.clone()).unwrap();
    assert!(first.next.is_some(), "and the answer with it is lost on the way");
    world.wait(seconds(5));
    assert!(world.machine(&agents[0]).lease.is_none(), "nobody accepted it");
    let again = world.report(&agents[0], &offer, 3, body).unwrap();
    assert_eq!((again.answer, again.repeated), (Answer::Done, true));
}

#[test]
fn reports_are_numbered_without_gaps() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let refusal = world.report(&agents[0], &offer, 5, ReportBody::Steps(step(1))).unwrap_err();
    assert_eq!(refusal, Refusal::WrongNumber { got: 5, expected: 3 });
    let refusal = world.report(&agents[0], &offer, 1, ReportBody::Steps(step(1))).unwrap_err();
    assert_eq!(refusal, Refusal::WrongNumber { got: 1, expected: 3 });
}

#[test]
fn nothing_but_accept_or_decline_answers_an_offer() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.offer(&agents[0]);
    let complete = ReportBody::Complete { progress: Progress::default(), end: End::Succeeded { output: None } };
    for body in [ReportBody::Ready, ReportBody::Steps(step(1)), complete.clone()] {
        assert_eq!(world.report(&agents[0], &offer, 1, body).unwrap_err().code(), "conflict");
    }
    world.report(&agents[0], &offer, 1, ReportBody::Accept).unwrap();
    let early = world.report(&agents[0], &offer, 2, complete).unwrap_err();
    assert_eq!(early.code(), "conflict", "no success before readiness is acknowledged");
}

#[test]
fn a_renewed_lease_lasts_and_one_that_is_not_renewed_is_lost() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    for _ in 0..3 {
        world.wait(seconds(29));
        world.renew(&agents[0], &offer).unwrap();
    }
    world.wait(seconds(31));
    assert_eq!(world.state(job), StateName::Running, "the controller waits a little longer than the agent");
    world.wait(seconds(1));
    assert_eq!(world.job(job).attempts[0].outcome, Some(Outcome::Lost));
    assert_eq!(world.state(job), StateName::Scheduled, "another attempt follows");
    let failure = world.job(job).attempts[0].failure.as_ref().unwrap();
    assert_eq!(failure.category, Category::MachineLost);
    lost(&world.renew(&agents[0], &offer).unwrap_err());
}

#[test]
fn a_poll_that_names_its_lease_renews_it() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    for _ in 0..4 {
        world.wait(seconds(25));
        world.poll_holding(&agents[0], &offer);
    }
    assert_eq!(world.state(job), StateName::Running);
}

#[test]
fn a_late_report_is_refused_and_kept_as_evidence() {
    let (mut world, agents) = World::with_machines(2);
    let job = world.submit(request("enter"));
    let run = world.job(job).run().unwrap();
    let agent = agents.iter().find(|agent| agent.machine == run.machine).unwrap();
    let offer = world.start(agent);
    world.wait(seconds(60));
    let other = agents.iter().find(|other| other.machine != agent.machine).unwrap();
    world.poll(other);
    let before = world.job(job).clone();
    let complete = ReportBody::Complete { progress: step(7), end: End::Succeeded { output: None } };
    lost(&world.report(agent, &offer, 3, complete).unwrap_err());
    assert_eq!(*world.job(job), before, "it changes nothing");
    let kept = world.disk.steps.last().unwrap();
    assert!(kept.late && kept.attempt == offer.attempt && kept.step.number == 7);
}

#[test]
fn what_a_report_says_of_readiness_counts_behind_the_fence_only() {
    let (mut world, agents) = World::with_machines(1);
    let mut agent = agents[0].clone();
    let readiness = |state| BTreeMap::from([(name("clinic"), ready(state))]);
    let first = world.submit(request("enter"));
    let offer = world.accept(&agent);
    let seen = Report { readiness: readiness(ReadinessState::Ready), ..report(&agent, &offer, 2, ReportBody::Ready) };
    world.execute(Command::Report(seen)).unwrap();
    assert_eq!(world.machine(&agent).readiness[&name("clinic")].state, ReadinessState::Ready);

    let earlier = agent.clone();
    world.start_agent(&mut agent);
    world.execute(Command::CancelJob(CancelJob { job: first, by: person() })).unwrap();
    let second = world.submit(request("enter"));
    world.start(&agent);
    let before = world.machine(&agent).clone();
    let body = ReportBody::Complete { progress: Progress::default(), end: End::Cancelled };
    let stale = Report { readiness: readiness(ReadinessState::NotReady), ..report(&earlier, &offer, 3, body) };
    lost(&world.execute(Command::Report(stale)).unwrap_err());
    assert_eq!(*world.machine(&agent), before, "an earlier start of the agent changes nothing of the later one");
    assert_eq!(world.state(second), StateName::Running);
}

#[test]
fn evidence_of_a_settled_job_is_kept_too_but_not_from_another_machine() {
    let (mut world, agents) = World::with_machines(2);
    let job = world.submit(crate::fleet::JobRequest { machine: Some(agents[0].name.clone()), ..request("enter") });
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    world.restart();
    let late = |number| ReportBody::Steps(step(number));
    lost(&world.report(&agents[1], &offer, 4, late(1)).unwrap_err());
    assert!(world.disk.steps.is_empty(), "a report of {job} from a machine that never had it is no evidence");
    lost(&world.report(&agents[0], &offer, 4, late(2)).unwrap_err());
    assert_eq!(world.disk.steps.len(), 1);
}

#[test]
fn a_report_must_come_from_the_machine_the_attempt_and_the_start_that_hold_the_lease() {
    let (mut world, agents) = World::with_machines(2);
    let job = world.submit(crate::fleet::JobRequest { machine: Some(agents[0].name.clone()), ..request("enter") });
    let offer = world.start(&agents[0]);
    let stale_epoch = crate::fleet::Offer { epoch: Epoch { generation: 0, counter: 0 }, ..offer.clone() };
    lost(&world.renew(&agents[1], &offer).unwrap_err());
    lost(&world.renew(&agents[0], &stale_epoch).unwrap_err());
    let other_start = Agent { incarnation: Incarnation::from_raw(999), ..agents[0].clone() };
    lost(&world.renew(&other_start, &offer).unwrap_err());
    let stranger = Agent { certificate: crate::ids::Digest::of(b"stranger"), ..agents[0].clone() };
    assert_eq!(world.renew(&stranger, &offer).unwrap_err().code(), "unauthorized");
    assert_eq!(world.state(job), StateName::Running);
}

#[test]
fn a_new_start_of_the_agent_loses_the_attempt() {
    let (mut world, mut agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let before = agents[0].clone();
    world.start_agent(&mut agents[0]);
    assert_eq!(world.job(job).attempts[0].outcome, Some(Outcome::Lost));
    lost(&world.renew(&before, &offer).unwrap_err());
}

#[test]
fn an_offer_survives_a_new_start_of_the_agent() {
    let (mut world, mut agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.offer(&agents[0]);
    let before = agents[0].clone();
    assert_eq!(world.start_agent(&mut agents[0]), Assignment::Offer(Box::new(offer.clone())));
    lost(&world.report(&before, &offer, 1, ReportBody::Accept).unwrap_err());
    world.report(&agents[0], &offer, 1, ReportBody::Accept).unwrap();
}

#[test]
fn a_restart_of_the_controller_gives_every_lease_a_full_ttl() {
    let (mut world, agents) = World::with_machines(2);
    let held = world.submit(request("enter"));
    let machine = world.job(held).run().unwrap().machine;
    let holder = agents.iter().find(|agent| agent.machine == machine).unwrap();
    let offer = world.start(holder);
    world.wait(seconds(25));
    agents.iter().filter(|agent| agent.machine != machine).for_each(|agent| drop(world.poll(agent)));
    let offered = world.submit(request("enter"));
    assert_eq!(world.state(offered), StateName::Running);
    world.restart();
    world.wait(seconds(31));
    assert_eq!(world.state(held), StateName::Running);
    assert_eq!(world.state(offered), StateName::Running, "an offer is repeated to who comes back");
    assert!(matches!(world.poll_holding(holder, &offer), Assignment::Hold { .. }));
    world.wait(seconds(1));
    assert_eq!(world.state(held), StateName::Running);
    assert_eq!(world.state(offered), StateName::Queued);
}

#[test]
fn a_restart_does_not_lengthen_the_time_limit_of_an_attempt() {
    let (mut world, agents) = World::with_machines(1);
    world.store(DocumentSpec::Workflow(crate::fleet::WorkflowSpec { timeout_ms: 40_000, ..workflow_spec() }), "short");
    world.submit(request("short"));
    let offer = world.start(&agents[0]);
    world.wait(seconds(25));
    world.restart();
    world.poll_holding(&agents[0], &offer);
    world.wait(seconds(15));
    let assignment = world.poll_holding(&agents[0], &offer);
    assert!(matches!(assignment, Assignment::Stop { why: RevokeWhy::Timeout, .. }), "{assignment:?}");
    world.restart();
    world.wait(seconds(1));
}

#[test]
fn taking_a_machine_out_takes_its_offer_back() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.offer(&agents[0]);
    world.set_mode(&agents[0], ModeName::Draining, false).unwrap();
    assert_eq!(world.state(job), StateName::Queued);
    assert_eq!(world.job(job).declines, 0, "nobody declined it");
    lost(&world.report(&agents[0], &offer, 1, ReportBody::Accept).unwrap_err());
    world.set_mode(&agents[0], ModeName::Active, false).unwrap();
    assert_eq!(world.state(job), StateName::Running, "and it comes back without a cool-down");
}

#[test]
fn quarantine_with_now_stops_what_runs_and_the_job_goes_on_elsewhere() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.set_mode(&agents[0], ModeName::Quarantined, false).unwrap();
    assert!(matches!(lease(&world, &agents[0]).state, LeaseState::Held { .. }), "without `now` it is finished");
    world.set_mode(&agents[0], ModeName::Quarantined, true).unwrap();
    assert!(matches!(lease(&world, &agents[0]).state, LeaseState::Revoking { why: RevokeWhy::Mode, .. }));
    let reply = world.report(&agents[0], &offer, 3, ReportBody::Steps(step(1))).unwrap();
    assert!(matches!(reply.answer, Answer::Stop { .. }));
    let end = ReportBody::Complete { progress: Progress::default(), end: End::Cancelled };
    world.report(&agents[0], &offer, 4, end).unwrap();
    assert_eq!(world.state(job), StateName::Queued);
    assert_eq!(world.job(job).attempts[0].outcome, Some(Outcome::Cancelled), "which uses up no attempt");
}

#[test]
fn an_agent_that_does_not_stop_loses_its_lease_however_often_it_renews() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.execute(Command::CancelJob(CancelJob { job, by: person() })).unwrap();
    let mut waited = 0;
    while let Ok(reply) = world.renew(&agents[0], &offer) {
        let Answer::Stop { ttl_ms, .. } = reply.answer else { panic!("{reply:?}") };
        let machine = world.fleet.machine(agents[0].machine).unwrap();
        assert!(machine.lease.is_some() && ttl_ms <= 30_000);
        world.wait(seconds(5));
        waited += 5;
        assert!(waited < 120, "it is never over");
    }
    assert!(waited >= 60, "it has time to stop");
    assert_eq!(world.state(job), StateName::Cancelled);
}

#[test]
fn a_poll_that_names_a_lease_it_no_longer_has_is_told_so() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.wait(seconds(40));
    assert_eq!(world.poll_holding(&agents[0], &offer), Assignment::Lost { epoch: offer.epoch });
}

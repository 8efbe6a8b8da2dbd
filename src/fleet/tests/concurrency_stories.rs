//! No more jobs of one key at once than their workflow allows, and nobody who waits for that stands in the way of others.

use super::world::*;
use crate::{
    fleet::{CancelJob, Category, Command, Concurrency, End, FailureReport, JobRequest, RetryJob, StateName},
    ids::JobId,
};

fn limited(key: &str, max: u32) -> JobRequest {
    JobRequest { concurrency: Some(Concurrency { key: Some(key.to_owned()), max }), ..request("enter") }
}

fn running(world: &World, jobs: &[JobId]) -> Vec<bool> {
    jobs.iter().map(|job| world.state(*job) == StateName::Running).collect()
}

/// The machine that was offered the job finishes it.
fn finish(world: &mut World, agents: &[Agent], job: JobId) {
    let agent = agent_of(world, agents, job);
    let offer = world.start(agent);
    world.complete(agent, &offer, End::Succeeded { output: None });
}

fn agent_of<'a>(world: &World, agents: &'a [Agent], job: JobId) -> &'a Agent {
    let machine = world.job(job).run().unwrap().machine;
    agents.iter().find(|agent| agent.machine == machine).unwrap()
}

#[test]
fn one_patients_record_is_open_in_one_place_at_a_time() {
    let (mut world, agents) = World::with_machines(3);
    let ann = [world.submit(limited("ann", 1)), world.submit(limited("ann", 1)), world.submit(limited("ann", 1))];
    let bob = world.submit(limited("bob", 1));
    assert_eq!(running(&world, &[ann[0], ann[1], ann[2], bob]), [true, false, false, true]);
    assert_eq!((world.fleet.queue_position(ann[1]), world.fleet.queue_position(ann[2])), (Some(0), Some(1)));
    assert_eq!(world.fleet.concurrency(world.job(ann[1])), Some((1, 1)));
    // Free machines do not matter, the end of the one that runs does.
    world.wait(seconds(3));
    finish(&mut world, &agents, ann[0]);
    assert_eq!(running(&world, &ann), [false, true, false]);
}

#[test]
fn what_has_no_key_counts_with_all_of_its_workflow_and_no_other() {
    let (mut world, _agents) = World::with_machines(4);
    world.store(crate::fleet::DocumentSpec::Workflow(workflow_spec()), "short");
    let all = |workflow: &str| JobRequest { concurrency: Some(Concurrency { key: None, max: 2 }), ..request(workflow) };
    let jobs = [world.submit(all("enter")), world.submit(all("enter")), world.submit(all("enter"))];
    let other = world.submit(all("short"));
    assert_eq!(running(&world, &[jobs[0], jobs[1], jobs[2], other]), [true, true, false, true]);
}

#[test]
fn an_offer_takes_the_place_and_a_cancelled_or_declined_one_gives_it_back() {
    let (mut world, agents) = World::with_machines(2);
    let (first, second) = (world.submit(limited("ann", 1)), world.submit(limited("ann", 1)));
    assert_eq!(running(&world, &[first, second]), [true, false]);
    world.execute(Command::CancelJob(CancelJob { job: first, by: person() })).unwrap();
    assert_eq!(running(&world, &[second]), [true]);
    let third = world.submit(limited("ann", 1));
    // Nobody accepts the second: its place in the order is kept, and it goes to the other machine.
    let before = agent_of(&world, &agents, second).machine;
    world.poll(&agents[0]);
    world.poll(&agents[1]);
    world.wait(seconds(6));
    assert_eq!(running(&world, &[second, third]), [true, false]);
    assert_ne!(agent_of(&world, &agents, second).machine, before);
}

#[test]
fn one_that_rests_after_a_decline_lets_the_next_of_its_key_go_first() {
    let (mut world, agents) = World::with_machines(1);
    let (first, second) = (world.submit(limited("ann", 1)), world.submit(limited("ann", 1)));
    let offer = world.offer(&agents[0]);
    let decline = crate::fleet::ReportBody::Decline { reason: "a dialog is open".to_owned(), artifacts: vec![] };
    world.report(&agents[0], &offer, 1, decline).unwrap();
    assert_eq!((world.state(first), world.state(second)), (StateName::Queued, StateName::Running));
}

#[test]
fn the_first_in_order_gets_what_a_key_frees_whatever_its_team_and_requirements() {
    let (mut world, agents) = World::with_machines(2);
    let first = world.submit(limited("ann", 1));
    let there = JobRequest { machine: Some(agents[1].name.clone()), priority: 5, ..limited("ann", 1) };
    let plain = world.submit(limited("ann", 1));
    let there = world.submit(there);
    finish(&mut world, &agents, first);
    assert_eq!(running(&world, &[plain, there]), [false, true]);
}

#[test]
fn a_job_that_cannot_have_its_machine_does_not_hold_its_key_against_others() {
    let (mut world, agents) = World::with_machines(2);
    world.set_mode(&agents[1], crate::fleet::ModeName::Draining, false).unwrap();
    let stuck = JobRequest { machine: Some(agents[1].name.clone()), priority: 100, ..limited("ann", 1) };
    let stuck = world.submit(stuck);
    let other = world.submit(limited("ann", 1));
    assert_eq!((world.state(stuck), world.state(other)), (StateName::Queued, StateName::Running));
}

#[test]
fn a_stricter_limit_waits_for_room_and_is_not_overtaken_for_ever() {
    let (mut world, agents) = World::with_machines(3);
    let wide = [world.submit(limited("ann", 3)), world.submit(limited("ann", 3))];
    let strict = world.submit(limited("ann", 1));
    let late = world.submit(limited("ann", 3));
    assert_eq!(running(&world, &[wide[0], wide[1], strict, late]), [true, true, false, false]);
    for job in wide {
        finish(&mut world, &agents, job);
    }
    assert_eq!(running(&world, &[strict, late]), [true, false]);
    finish(&mut world, &agents, strict);
    assert_eq!(running(&world, &[late]), [true]);
}

#[test]
fn a_pause_blocks_those_who_wait_for_their_key_too_and_a_restart_keeps_them_apart() {
    let (mut world, agents) = World::with_machines(2);
    let jobs = [world.submit(limited("ann", 1)), world.submit(limited("ann", 1)), world.submit(limited("ann", 1))];
    world.execute(Command::PauseFleet(crate::fleet::PauseFleet { reason: None, by: person() })).unwrap();
    assert_eq!((world.blocked_code(jobs[1]), world.blocked_code(jobs[2])), ("paused", "paused"));
    world.execute(Command::ResumeFleet(crate::fleet::ResumeFleet { by: person() })).unwrap();
    assert_eq!(running(&world, &jobs), [true, false, false]);
    world.restart();
    for agent in &agents {
        world.poll(agent);
    }
    assert_eq!(running(&world, &jobs), [true, false, false]);
}

#[test]
fn a_retry_by_a_person_counts_under_the_same_key() {
    let (mut world, agents) = World::with_machines(2);
    let first = world.submit(limited("ann", 1));
    let agent = agent_of(&world, &agents, first);
    let offer = world.start(agent);
    let told = FailureReport {
        category: Category::Business,
        message: "no".to_owned(),
        step: None,
        artifacts: vec![],
        context: None,
    };
    world.complete(agent, &offer, End::Failed(told));
    let second = world.submit(limited("ann", 1));
    let retry = RetryJob { job: first, force: None, idempotency: None, by: person() };
    let crate::fleet::Reply::Job(retried) = world.execute(Command::RetryJob(retry)).unwrap() else { unreachable!() };
    assert_eq!(running(&world, &[second, retried.job.id]), [true, false]);
}

#[test]
fn however_many_wait_for_one_key_placement_looks_at_one_of_them() {
    let (mut world, agents) = World::with_machines(2);
    let mut first = world.submit(limited("ann", 1));
    let items = vec![limited("ann", 1); 2_000];
    let batch = crate::fleet::SubmitBatch {
        items,
        max_running: None,
        stop_after_failures: None,
        idempotency: None,
        by: person(),
    };
    world.execute(Command::SubmitBatch(batch)).unwrap();
    for _ in 0..3 {
        assert!(world.fleet.places_looked_at() <= 1, "placement looks at jobs whose key is full");
        finish(&mut world, &agents, first);
        first = world.placements().last().unwrap().0;
    }
    let other = world.submit(limited("bob", 1));
    assert_eq!(running(&world, &[other]), [true]);
}

#[test]
fn a_key_has_a_length_and_a_limit_is_not_zero() {
    let mut world = World::empty();
    let pointer = |world: &mut World, request: JobRequest| match world.submit_by(request, person(), None) {
        Err(crate::fleet::Refusal::Invalid { faults }) => faults[0].pointer.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(pointer(&mut world, limited("", 1)), "/input");
    assert_eq!(pointer(&mut world, limited(&"x".repeat(257), 1)), "/input");
    assert_eq!(pointer(&mut world, limited("ann", 0)), "/workflow");
    world.submit(limited(&"x".repeat(256), 1));
}

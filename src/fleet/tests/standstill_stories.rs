//! Liveness is not progress: an agent that renews its lease and does not get on.

use super::world::{Agent, World, failed, request, seconds, step};
use crate::fleet::{Answer, Category, End, Fleet, Offer, Outcome, Progress, ReportBody, RevokeWhy, Settings};

/// One idle machine, and a fleet with the patience it has by default.
fn world() -> (World, Agent) {
    let (mut world, mut agents) = World::with_machines(1);
    world.fleet = Fleet::load(Settings::default(), world.disk.rows(), world.now);
    let agent = agents.remove(0);
    world.poll(&agent);
    (world, agent)
}

/// Renews every ten seconds, as a live agent does, and gives the last answer.
fn renew_for(world: &mut World, agent: &Agent, offer: &Offer, whole_s: u64) -> Answer {
    let mut last = None;
    for _ in 0..whole_s / 10 {
        world.wait(seconds(10));
        last = Some(world.renew(agent, offer).unwrap().answer);
    }
    last.unwrap()
}

fn is_stuck(answer: &Answer) -> bool {
    matches!(answer, Answer::Stop { why: RevokeWhy::Stuck, .. })
}

#[test]
fn an_agent_that_renews_and_tells_of_no_step_is_stopped_and_the_failure_says_so() {
    let (mut world, agent) = world();
    let job = world.submit(request("enter"));
    let offer = world.start(&agent);
    assert!(!is_stuck(&renew_for(&mut world, &agent, &offer, 110)));
    let answer = renew_for(&mut world, &agent, &offer, 20);
    assert!(is_stuck(&answer), "{answer:?}");
    world.complete(&agent, &offer, End::Cancelled);
    let failure = world.job(job).attempts[0].failure.clone().unwrap();
    assert_eq!(failure.category, Category::Timeout);
    assert!(failure.message.contains("told of no step for 2m"), "{}", failure.message);
}

#[test]
fn what_the_agent_says_of_the_step_it_was_in_is_kept() {
    let (mut world, agent) = world();
    let job = world.submit(request("enter"));
    let offer = world.start(&agent);
    renew_for(&mut world, &agent, &offer, 130);
    world.complete(&agent, &offer, failed(Category::Agent));
    let failure = world.job(job).attempts[0].failure.clone().unwrap();
    assert_eq!(failure.category, Category::Timeout);
    assert!(failure.message.ends_with("it stopped with: it did not work"), "{}", failure.message);
}

#[test]
fn a_step_may_take_the_time_it_said_and_each_report_begins_anew() {
    let (mut world, agent) = world();
    world.submit(request("enter"));
    let offer = world.start(&agent);
    let long = Progress { quiet_ms: Some(30_000), ..step(1) };
    world.report(&agent, &offer, 3, ReportBody::Steps(long)).unwrap();
    assert!(!is_stuck(&renew_for(&mut world, &agent, &offer, 140)));
    let short = Progress { quiet_ms: Some(0), ..step(2) };
    world.report(&agent, &offer, 4, ReportBody::Steps(short)).unwrap();
    assert!(!is_stuck(&renew_for(&mut world, &agent, &offer, 110)));
    assert!(is_stuck(&renew_for(&mut world, &agent, &offer, 20)));
}

#[test]
fn an_agent_that_does_not_even_stop_loses_its_lease_for_its_own_fault() {
    let (mut world, agent) = world();
    let job = world.submit(request("enter"));
    let offer = world.start(&agent);
    renew_for(&mut world, &agent, &offer, 130);
    for _ in 0..20 {
        world.wait(seconds(5));
        if world.renew(&agent, &offer).is_err() {
            break;
        }
    }
    let attempt = &world.job(job).attempts[0];
    assert_eq!(attempt.outcome, Some(Outcome::Lost));
    let failure = attempt.failure.clone().unwrap();
    assert_eq!(failure.category, Category::Agent, "{}", failure.message);
    assert!(failure.message.contains("was told to stop, still answers, and did not"), "{}", failure.message);
}

#[test]
fn how_long_a_stop_may_take_follows_no_clock_that_is_set() {
    let (mut world, agent) = world();
    let job = world.submit(request("enter"));
    let offer = world.start(&agent);
    renew_for(&mut world, &agent, &offer, 130);
    // The system's clock is put right, far ahead: the agent has its minute all the same.
    world.now.wall = world.now.wall.saturating_add(seconds(3_600));
    for _ in 0..4 {
        let Answer::Stop { ttl_ms, .. } = world.renew(&agent, &offer).unwrap().answer else { panic!("it is to stop") };
        assert_eq!(ttl_ms, 30_000);
        world.wait(seconds(10));
    }
    world.now.wall = world.now.wall.saturating_add(seconds(3_600));
    world.wait(seconds(60));
    let failure = world.job(job).attempts[0].failure.clone().unwrap();
    assert_eq!(failure.category, Category::MachineLost, "silent since, though it was heard after it was told");
    assert!(failure.message.contains("did not renew it"), "{}", failure.message);
}

#[test]
fn after_a_restart_of_the_controller_a_stop_may_take_its_time_again() {
    let (mut world, agent) = world();
    world.submit(request("enter"));
    let offer = world.start(&agent);
    renew_for(&mut world, &agent, &offer, 180);
    world.now.wall = world.now.wall.saturating_add(seconds(3_600));
    world.restart();
    let Answer::Stop { ttl_ms, .. } = world.renew(&agent, &offer).unwrap().answer else { panic!("it is to stop") };
    assert_eq!(ttl_ms, 30_000);
    renew_for(&mut world, &agent, &offer, 80);
    world.wait(seconds(10));
    assert!(world.renew(&agent, &offer).is_err(), "and no longer than that");
}

#[test]
fn a_machine_that_never_gets_ready_gives_the_job_back() {
    let (mut world, agent) = world();
    let job = world.submit(request("enter"));
    let offer = world.accept(&agent);
    assert!(!is_stuck(&renew_for(&mut world, &agent, &offer, 890)));
    assert!(is_stuck(&renew_for(&mut world, &agent, &offer, 20)));
    let end = ReportBody::Complete { progress: Progress::default(), end: End::Cancelled };
    world.report(&agent, &offer, 2, end).unwrap();
    let failure = world.job(job).attempts[0].failure.clone().unwrap();
    assert!(failure.message.contains("not ready 15m after"), "{}", failure.message);
}

#[test]
fn after_a_restart_of_the_controller_a_long_step_is_known_as_one() {
    let (mut world, agent) = world();
    world.submit(request("enter"));
    let offer = world.start(&agent);
    let long = Progress { quiet_ms: Some(60_000), ..step(1) };
    world.report(&agent, &offer, 3, ReportBody::Steps(long)).unwrap();
    world.fleet = Fleet::load(Settings::default(), world.disk.rows(), world.now);
    world.poll_holding(&agent, &offer);
    assert!(!is_stuck(&renew_for(&mut world, &agent, &offer, 170)));
    assert!(is_stuck(&renew_for(&mut world, &agent, &offer, 20)));
}

#[test]
fn the_agent_ends_an_attempt_at_its_limit_before_the_controller_does() {
    let (mut world, agent) = world();
    world.submit(request("enter"));
    let offer = world.start(&agent);
    let long = Progress { quiet_ms: Some(600_000), ..step(1) };
    world.report(&agent, &offer, 3, ReportBody::Steps(long)).unwrap();
    let answer = renew_for(&mut world, &agent, &offer, 320);
    assert!(matches!(answer, Answer::Continue { .. }), "{answer:?}");
    let answer = renew_for(&mut world, &agent, &offer, 20);
    assert!(matches!(answer, Answer::Stop { why: RevokeWhy::Timeout, .. }), "{answer:?}");
}

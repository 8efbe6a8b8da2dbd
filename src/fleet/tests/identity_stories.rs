//! One certificate, one agent: a restart is nothing, a clone or a rolled-back machine is quarantined.

use super::world::*;
use crate::{
    fleet::{Answer, Command, End, JoinMachine, ModeName, Refusal, Reply, RevokeWhy, SetMode, StateName},
    ids::Incarnation,
};

/// A copy of the agent, started by itself.
fn started(agent: &Agent, incarnation: u64) -> Agent {
    Agent { incarnation: Incarnation::from_raw(u128::from(incarnation)), ..agent.clone() }
}

fn mode(world: &World, agent: &Agent) -> (ModeName, Option<String>) {
    let mode = &world.machine(agent).mode;
    (mode.name, mode.reason.clone())
}

fn quarantined() -> (ModeName, Option<String>) {
    (ModeName::Quarantined, Some("duplicate_identity".to_owned()))
}

fn active() -> (ModeName, Option<String>) {
    (ModeName::Active, None)
}

#[test]
fn an_agent_may_be_started_anew_as_often_as_it_likes() {
    let (mut world, mut agents) = World::with_machines(1);
    for _ in 0..20 {
        world.start_agent(&mut agents[0]);
        world.poll(&agents[0]);
    }
    assert_eq!(mode(&world, &agents[0]), active());
}

#[test]
fn a_clone_that_takes_turns_with_the_original_quarantines_the_machine() {
    let (mut world, agents) = World::with_machines(1);
    let (original, clone) = (agents[0].clone(), started(&agents[0], 900));
    world.wait(seconds(5));
    world.poll(&clone);
    world.wait(seconds(15));
    let mark = world.events.len();
    let refused = world.poll_with(&original, None).unwrap_err();
    assert_eq!((refused.code(), mode(&world, &original)), ("duplicate_identity", quarantined()));
    assert_eq!(world.kinds_since(mark), ["machine.mode_changed"]);
    // Neither gets work, and it is told once.
    let job = world.submit(request("enter"));
    world.poll(&clone);
    assert!(world.poll_with(&original, None).is_err());
    assert_eq!(world.state(job), StateName::Queued);
    assert_eq!(world.kinds_since(mark).iter().filter(|kind| **kind == "machine.mode_changed").count(), 1);
}

#[test]
fn one_late_poll_of_the_start_before_is_forgiven_a_second_is_not() {
    let (mut world, mut agents) = World::with_machines(1);
    let before = agents[0].clone();
    world.start_agent(&mut agents[0]);
    assert!(matches!(world.poll_with(&before, None), Err(Refusal::DuplicateIdentity { .. })));
    assert_eq!(mode(&world, &before), active());
    world.poll(&agents[0]);
    assert!(world.poll_with(&before, None).is_err());
    assert_eq!(mode(&world, &before), quarantined());
}

#[test]
fn a_late_poll_ends_no_lease_of_the_new_start() {
    let (mut world, mut agents) = World::with_machines(1);
    let before = agents[0].clone();
    world.start_agent(&mut agents[0]);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    assert!(world.poll_with(&before, None).is_err());
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    assert_eq!(world.state(job), StateName::Succeeded);
}

#[test]
fn the_first_poll_of_a_process_that_is_no_more_takes_nothing_from_the_one_after_it() {
    let (mut world, mut agents) = World::with_machines(1);
    world.start_agent(&mut agents[0]);
    let killed = Agent { incarnation: Incarnation::from_raw(900), ..agents[0].clone() };
    agents[0].incarnation = Incarnation::from_raw(1_000);
    world.poll(&agents[0]);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    // Twice the same: the network may do that.
    for _ in 0..2 {
        assert!(matches!(world.poll_numbered(&killed, 1), Err(Refusal::Conflict(_))));
    }
    // Nor before the one at work has polled again, when the controller was started anew in between.
    world.restart();
    assert!(matches!(world.poll_numbered(&killed, 1), Err(Refusal::Conflict(_))));
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    assert_eq!(world.state(job), StateName::Succeeded);
    assert_eq!(mode(&world, &agents[0]), active());
    // A start whose clock was set back polls on, and is the one.
    world.poll_numbered(&killed, 2).unwrap();
}

#[test]
fn who_activates_a_machine_that_is_active_brings_no_start_back() {
    let (mut world, mut agents) = World::with_machines(1);
    let before = agents[0].clone();
    world.start_agent(&mut agents[0]);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let (machine, reason) = (before.name.clone(), Some("fit again".to_owned()));
    let active = SetMode { machine, mode: ModeName::Active, reason, now: false, by: person() };
    world.execute(Command::SetMode(active)).unwrap();
    assert!(world.poll_with(&before, None).is_err(), "late, from the process before");
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    assert_eq!(world.state(job), StateName::Succeeded);
}

#[test]
fn a_machine_set_back_to_a_snapshot_counts_backwards_and_is_quarantined() {
    let (mut world, agents) = World::with_machines(1);
    for number in 2..60 {
        world.poll_numbered(&agents[0], number).unwrap();
        world.wait(seconds(1));
    }
    assert_eq!(mode(&world, &agents[0]), active());
    assert!(world.poll_numbered(&agents[0], 20).is_err());
    assert_eq!(mode(&world, &agents[0]), quarantined());
}

#[test]
fn what_a_machine_runs_that_is_alive_twice_as_one_start_is_stopped() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    for number in 3..60 {
        world.poll_numbered(&agents[0], number).unwrap();
    }
    assert!(world.poll_numbered(&agents[0], 20).is_err());
    assert_eq!(mode(&world, &agents[0]), quarantined());
    let told = world.renew(&agents[0], &offer).unwrap().answer;
    assert!(matches!(told, Answer::Stop { why: RevokeWhy::Mode, .. }), "{told:?}");
    world.complete(&agents[0], &offer, End::Cancelled);
    assert_eq!(world.state(job), StateName::Queued, "for a machine that is one");
}

#[test]
fn a_snapshot_of_a_moment_ago_is_noticed_after_a_few_polls() {
    let (mut world, agents) = World::with_machines(1);
    (2..10).for_each(|number| drop(world.poll_numbered(&agents[0], number)));
    assert!(world.poll_numbered(&agents[0], 7).is_err());
    assert!(world.poll_numbered(&agents[0], 8).is_err());
    assert_eq!(mode(&world, &agents[0]), active());
    assert!(world.poll_numbered(&agents[0], 9).is_err());
    assert_eq!(mode(&world, &agents[0]), quarantined());
}

#[test]
fn two_that_go_on_from_one_snapshot_side_by_side_are_noticed() {
    let (mut world, agents) = World::with_machines(1);
    for number in 2..5 {
        world.poll_numbered(&agents[0], number).unwrap();
        assert!(world.poll_numbered(&agents[0], number).is_err(), "the same number again is the other's");
    }
    assert_eq!(mode(&world, &agents[0]), quarantined());
}

#[test]
fn a_poll_overtaken_by_the_next_is_nothing() {
    let (mut world, agents) = World::with_machines(1);
    for round in 1..20 {
        world.poll_numbered(&agents[0], round * 10 + 1).unwrap();
        if round % 5 == 0 {
            assert!(world.poll_numbered(&agents[0], round * 10).is_err());
        }
        (2..6).for_each(|next| drop(world.poll_numbered(&agents[0], round * 10 + next).unwrap()));
    }
    assert_eq!(mode(&world, &agents[0]), active());
}

#[test]
fn what_the_machine_runs_is_finished_and_a_person_puts_it_back_to_work() {
    let (mut world, agents) = World::with_machines(1);
    let (original, clone) = (agents[0].clone(), started(&agents[0], 900));
    world.poll(&clone);
    let job = world.submit(request("enter"));
    let offer = world.start(&clone);
    world.wait(seconds(20));
    assert!(world.poll_with(&original, None).is_err());
    assert_eq!(mode(&world, &original), quarantined());
    world.complete(&clone, &offer, End::Succeeded { output: None });
    assert_eq!(world.state(job), StateName::Succeeded);
    // The clone is gone now: the original is a start like any other, though it began before the clone did.
    world.set_mode(&original, ModeName::Active, false).unwrap();
    assert!(matches!(world.poll_with(&original, None), Err(Refusal::Conflict(_))));
    world.poll(&original);
    assert_eq!(mode(&world, &original), active());
    world.wait(seconds(20));
    assert!(world.poll_with(&clone, None).is_err(), "and should the clone come back, it is noticed again");
    assert_eq!(mode(&world, &original), quarantined());
}

#[test]
fn after_a_restart_of_the_controller_whoever_polls_goes_on() {
    let (mut world, agents) = World::with_machines(1);
    world.poll_numbered(&agents[0], 40).unwrap();
    world.restart();
    world.poll_numbered(&agents[0], 41).unwrap();
    world.poll_numbered(&agents[0], 42).unwrap();
    assert_eq!(mode(&world, &agents[0]), active());
}

#[test]
fn joining_anew_under_the_name_replaces_an_offline_machine_and_its_past() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    world.start(&agents[0]);
    let token = world.join_token("default", None);
    let copy = world.join_command(token, "vm-1", &[]);
    let other = JoinMachine { identity: "another machine".to_owned(), ..copy };
    assert_eq!(world.join_with(other.clone()).unwrap_err().code(), "conflict", "it is alive");
    world.wait(seconds(60));
    let replaced = world.join_with(other).unwrap();
    assert_eq!(replaced.machine, agents[0].machine);
    assert_eq!(world.job(job).attempts[0].outcome, Some(crate::fleet::Outcome::Lost));
    assert_eq!(world.poll_with(&agents[0], None).unwrap_err().code(), "unauthorized", "the old certificate is void");
    let mut replaced = replaced;
    world.start_agent(&mut replaced);
    assert_eq!(mode(&world, &replaced), active());
}

#[test]
fn a_name_whose_machine_may_be_at_work_unheard_is_not_taken_from_it() {
    let (mut world, agents) = World::with_machines(2);
    let job = world.submit(request("enter"));
    let run = world.job(job).run().unwrap();
    let agent = agents.iter().find(|agent| agent.machine == run.machine).unwrap();
    let offer = world.start(agent);
    world.restart();
    let token = world.join_token("default", None);
    let same = world.join_command(token, agent.name.as_str(), &[]);
    let other = JoinMachine { identity: "another machine".to_owned(), ..same };
    let refused = world.join_with(other.clone()).unwrap_err();
    assert_eq!(refused.code(), "conflict");
    assert!(refused.to_string().contains("its lease lasts 33s more"), "{refused}");
    assert_eq!(world.state(job), StateName::Running, "no other machine begins what this one may be doing");
    world.renew(agent, &offer).unwrap();
    assert!(world.join_with(other.clone()).unwrap_err().to_string().contains("is online"));
    world.wait(seconds(60));
    assert_eq!(world.job(job).attempts[0].outcome, Some(crate::fleet::Outcome::Lost));
    assert_eq!(world.join_with(other).unwrap().machine, agent.machine);
}

#[test]
fn a_removed_machine_has_no_certificate_any_more() {
    let (mut world, agents) = World::with_machines(1);
    let remove = crate::fleet::RemoveMachine { machine: agents[0].name.clone(), by: person() };
    assert!(matches!(world.execute(Command::RemoveMachine(remove)), Ok(Reply::Done)));
    assert_eq!(world.poll_with(&agents[0], None).unwrap_err().code(), "unauthorized");
}

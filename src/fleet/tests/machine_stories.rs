//! Machines join, come back, fall silent, are moved and removed.

use super::world::*;
use crate::{
    fleet::{
        Certificate, Command, JoinMachine, ModeName, Outcome, PatchMachine, Refusal, RemoveMachine, RenewCertificate,
        Session, StateName, Status,
    },
    ids::Digest,
};

fn remove(world: &mut World, agent: &Agent) -> Result<crate::fleet::Reply, Refusal> {
    world.execute(Command::RemoveMachine(RemoveMachine { machine: agent.name.clone(), by: person() }))
}

fn status(world: &World, agent: &Agent) -> Status {
    world.fleet.machine_view(agent.machine).unwrap().status
}

#[test]
fn a_join_token_is_good_for_so_many_machines() {
    let mut world = World::empty();
    let token = world.join_token("default", Some(1));
    let first = world.join_command(token, "vm-1", &[]);
    world.join_with(first).unwrap();
    let second = world.join_command(token, "vm-2", &[]);
    assert_eq!(world.join_with(second).unwrap_err().code(), "unauthorized");
    let unknown = world.join_command(Digest::of(b"guess"), "vm-2", &[]);
    assert_eq!(world.join_with(unknown).unwrap_err().code(), "unauthorized");
}

#[test]
fn a_join_token_is_for_its_pool_only() {
    let mut world = World::empty();
    world.store_pool("clinic");
    let token = world.join_token("clinic", None);
    let command = world.join_command(token, "vm-1", &[]);
    let elsewhere = JoinMachine { pool: Some(name("default")), ..command.clone() };
    assert_eq!(world.join_with(elsewhere).unwrap_err().code(), "forbidden");
    let agent = world.join_with(command).unwrap();
    assert_eq!(world.machine(&agent).pool, name("clinic"));
}

#[test]
fn the_name_of_a_machine_that_is_online_cannot_be_taken() {
    let (mut world, agents) = World::with_machines(1);
    let token = world.join_token("default", None);
    let command = world.join_command(token, "vm-1", &[]);
    let stranger = JoinMachine { identity: "another uuid".to_owned(), ..command.clone() };
    assert_eq!(world.join_with(stranger.clone()).unwrap_err().code(), "conflict");
    let back = world.join_with(command).unwrap();
    assert_eq!(back.machine, agents[0].machine, "the same machine may always come back");
    world.wait(seconds(46));
    let command = JoinMachine { certificate: world.join_command(token, "vm-1", &[]).certificate, ..stranger };
    let replaced = world.join_with(command).unwrap();
    assert_eq!(replaced.machine, agents[0].machine, "and an offline one is replaced");
    assert_eq!(world.poll_with(&agents[0], None).unwrap_err().code(), "unauthorized", "its certificate is void");
}

#[test]
fn rejoining_loses_what_ran() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    world.start(&agents[0]);
    let token = world.join_token("default", None);
    let command = world.join_command(token, "vm-1", &[]);
    world.join_with(command).unwrap();
    assert_eq!(world.job(job).attempts[0].outcome, Some(Outcome::Lost));
}

#[test]
fn a_silent_machine_is_offline_until_it_is_heard() {
    let (mut world, agents) = World::with_machines(1);
    assert_eq!(status(&world, &agents[0]), Status::Idle);
    world.wait(seconds(44));
    assert_eq!(status(&world, &agents[0]), Status::Idle);
    world.wait(seconds(1));
    assert_eq!(status(&world, &agents[0]), Status::Offline);
    let job = world.submit(request("enter"));
    assert_eq!(world.state(job), StateName::Queued, "an offline machine gets nothing");
    world.poll(&agents[0]);
    assert_eq!((status(&world, &agents[0]), world.state(job)), (Status::Busy, StateName::Running));
    world.restart();
    assert_eq!(status(&world, &agents[0]), Status::Offline, "after a restart nobody has been heard");
}

#[test]
fn a_machine_whose_session_is_locked_gets_nothing() {
    let (mut world, mut agents) = World::with_machines(1);
    agents[0].session = Session::Locked;
    world.poll(&agents[0]);
    let job = world.submit(request("enter"));
    assert_eq!(world.state(job), StateName::Queued);
    agents[0].session = Session::Active;
    world.poll(&agents[0]);
    assert_eq!(world.state(job), StateName::Running);
}

#[test]
fn only_active_machines_get_work_and_draining_ones_finish_theirs() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.set_mode(&agents[0], ModeName::Draining, false).unwrap();
    let next = world.submit(request("enter"));
    world.complete(&agents[0], &offer, crate::fleet::End::Succeeded { output: None });
    assert_eq!(world.state(offer.job), StateName::Succeeded);
    assert_eq!(world.state(next), StateName::Queued);
    let refusal = world.set_mode(&agents[0], ModeName::Draining, true).unwrap_err();
    assert_eq!(refusal.code(), "invalid", "draining lets work finish");
    world.set_mode(&agents[0], ModeName::Active, false).unwrap();
    assert_eq!(world.state(next), StateName::Running);
}

#[test]
fn a_machine_with_a_lease_is_not_removed_and_a_removed_one_is_unknown() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    assert_eq!(remove(&mut world, &agents[0]).unwrap_err().code(), "conflict");
    let offer = world.start(&agents[0]);
    let next = world.submit(request("enter"));
    world.set_mode(&agents[0], ModeName::Draining, false).unwrap();
    world.complete(&agents[0], &offer, crate::fleet::End::Succeeded { output: None });
    remove(&mut world, &agents[0]).unwrap();
    assert_eq!(world.poll_with(&agents[0], None).unwrap_err().code(), "unauthorized");
    assert_eq!(world.blocked_code(next), "no_machine");
    assert_eq!(remove(&mut world, &agents[0]).unwrap_err().code(), "not_found");
}

#[test]
fn a_job_for_one_machine_blocks_when_that_is_gone_and_runs_when_it_is_back() {
    let (mut world, agents) = World::with_machines(1);
    world.set_mode(&agents[0], ModeName::Maintenance, false).unwrap();
    let job = world.submit(crate::fleet::JobRequest { machine: Some(agents[0].name.clone()), ..request("enter") });
    assert_eq!(world.state(job), StateName::Queued);
    remove(&mut world, &agents[0]).unwrap();
    assert_eq!(world.blocked_code(job), "no_machine");
    world.join("vm-1", "default", &[]);
    assert_eq!(world.state(job), StateName::Running);
}

#[test]
fn labels_and_pools_decide_and_can_be_changed() {
    let (mut world, agents) = World::with_machines(1);
    world.store_pool("clinic");
    let north = crate::fleet::JobRequest { require: labels(&[("site", "north")]), ..request("enter") };
    let job = world.submit(north);
    assert_eq!(world.blocked_code(job), "no_matching_labels");
    let patch = |pool: Option<&str>, pairs: &[(&str, Option<&str>)]| PatchMachine {
        machine: agents[0].name.clone(),
        pool: pool.map(name),
        labels: pairs.iter().map(|(label, value)| ((*label).to_owned(), value.map(str::to_owned))).collect(),
        by: person(),
    };
    world.execute(Command::PatchMachine(patch(None, &[("rack", Some("7")), ("old", Some("x"))]))).unwrap();
    world
        .execute(Command::PatchMachine(patch(None, &[("site", Some("north")), ("old", None), ("never", None)])))
        .unwrap();
    assert_eq!(world.machine(&agents[0]).labels, labels(&[("rack", "7"), ("site", "north")]));
    assert_eq!(world.state(job), StateName::Running);
    world.execute(Command::PatchMachine(patch(Some("clinic"), &[]))).unwrap();
    assert_eq!(world.blocked_code(job), "no_machine", "an offer goes back when its machine leaves the pool");
    let refusal = world.execute(Command::PatchMachine(patch(Some("moon"), &[]))).unwrap_err();
    assert_eq!(refusal.code(), "invalid");
}

#[test]
fn a_renewed_certificate_replaces_the_old_one_once_it_is_used() {
    let (mut world, agents) = World::with_machines(1);
    let not_after = world.now.wall.saturating_add(seconds(86_400));
    let new = Certificate { digest: Digest::of(b"new"), not_after };
    let renew = RenewCertificate { certificate: agents[0].certificate, new: new.clone() };
    world.execute(Command::RenewCertificate(renew.clone())).unwrap();
    world.poll(&agents[0]);
    let renewed = Agent { certificate: new.digest, ..agents[0].clone() };
    world.poll(&renewed);
    assert_eq!(world.machine(&renewed).certificates, [new]);
    assert_eq!(world.poll_with(&agents[0], None).unwrap_err().code(), "unauthorized");
    assert_eq!(world.execute(Command::RenewCertificate(renew)).unwrap_err().code(), "unauthorized");
}

#[test]
fn the_clock_of_an_agent_is_compared() {
    let (world, agents) = World::with_machines(1);
    assert_eq!(world.fleet.machine_view(agents[0].machine).unwrap().skew_ms, Some(0));
}

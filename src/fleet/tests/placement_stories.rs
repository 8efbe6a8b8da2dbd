//! Who gets a machine, and that everybody does in the end.

use super::world::*;
use crate::{
    fleet::{DocumentSpec, End, JobRequest, PoolSpec, ReadinessState, StateName, WorkflowSpec},
    ids::{JobId, MachineId},
};

/// The machine finishes what it was offered; says which job that was.
fn finish_one(world: &mut World, agent: &Agent) -> JobId {
    let offer = world.start(agent);
    world.complete(agent, &offer, End::Succeeded { output: None });
    offer.job
}

fn with_priority(priority: i32) -> JobRequest {
    JobRequest { priority, ..request("enter") }
}

#[test]
fn of_two_requests_for_one_machine_at_the_same_instant_one_waits() {
    let (mut world, agents) = World::with_machines(1);
    let submit = || {
        let request = JobRequest { machine: Some(agents[0].name.clone()), ..request("enter") };
        crate::fleet::Command::SubmitJob(crate::fleet::SubmitJob { request, idempotency: None, by: person() })
    };
    world.execute_together(vec![submit(), submit()]);
    let states: Vec<_> = world.disk.jobs.values().map(crate::fleet::Job::name_of_state).collect();
    assert_eq!(states, [StateName::Running, StateName::Queued]);
    assert_eq!(world.placements().len(), 1);
}

#[test]
fn within_a_team_priority_then_deadline_then_arrival_decide() {
    let (mut world, agents) = World::with_machines(1);
    let first = world.submit(request("enter"));
    let plain = world.submit(request("enter"));
    let late = JobRequest { deadline: Some(world.now.wall.saturating_add(seconds(900))), ..request("enter") };
    let soon = JobRequest { deadline: Some(world.now.wall.saturating_add(seconds(300))), ..request("enter") };
    let (late, soon) = (world.submit(late), world.submit(soon));
    let urgent = world.submit(with_priority(10));
    assert_eq!(world.fleet.queue_position(urgent), Some(0));
    assert_eq!(world.fleet.queue_position(plain), Some(3));
    let order: Vec<_> = (0..5).map(|_| finish_one(&mut world, &agents[0])).collect();
    assert_eq!(order, [first, urgent, soon, late, plain]);
}

#[test]
fn teams_take_turns_however_much_one_of_them_submits() {
    let (mut world, agents) = World::with_machines(1);
    for _ in 0..20 {
        world.submit_by(with_priority(50), team_member("greedy"), None).unwrap();
    }
    let modest: Vec<_> =
        (0..3).map(|_| world.submit_by(request("enter"), team_member("modest"), None).unwrap()).collect();
    let served: Vec<_> = (0..8).map(|_| finish_one(&mut world, &agents[0])).collect();
    let turns: Vec<_> = served.iter().map(|job| modest.contains(job)).collect();
    assert_eq!(turns, [false, true, false, true, false, true, false, false]);
}

#[test]
fn the_lowest_priority_is_placed_within_a_bound_of_placements() {
    let (mut world, agents) = World::with_machines(1);
    let humble = world.submit_by(with_priority(-2), team_member("front-desk"), None).unwrap();
    let mut placed_after = 0;
    // Somebody always comes with a higher priority.
    world.submit(with_priority(2));
    while finish_one(&mut world, &agents[0]) != humble {
        world.submit(with_priority(2));
        world.submit(with_priority(2));
        placed_after += 1;
        assert!(placed_after < 60, "it starves");
    }
}

#[test]
fn a_job_nothing_fits_stands_in_nobodys_way() {
    let (mut world, agents) = World::with_machines(2);
    world.set_mode(&agents[1], crate::fleet::ModeName::Maintenance, false).unwrap();
    let stuck = JobRequest { machine: Some(agents[1].name.clone()), priority: 100, ..request("enter") };
    let stuck = world.submit(stuck);
    let impossible = JobRequest { require: labels(&[("moon", "yes")]), priority: 100, ..request("enter") };
    let impossible = world.submit(impossible);
    let humble = world.submit(with_priority(-100));
    assert_eq!(world.state(humble), StateName::Running);
    assert_eq!((world.state(stuck), world.blocked_code(impossible)), (StateName::Queued, "no_matching_labels"));
}

#[test]
fn a_ready_machine_is_preferred_and_then_the_one_that_rested_longest() {
    let (mut world, agents) = World::with_machines(3);
    world.store_app("clinic", true);
    let spec = WorkflowSpec { apps: [name("clinic")].into(), ..workflow_spec() };
    world.store(DocumentSpec::Workflow(spec), "register");
    let mut third = agents[2].clone();
    third.ready.insert(name("clinic"), ready(ReadinessState::Ready));
    world.poll(&third);
    let machine_of = |world: &World, job: JobId| world.job(job).run().unwrap().machine;
    let job = world.submit(request("register"));
    assert_eq!(machine_of(&world, job), third.machine);
    let offer = world.start(&third);
    world.complete(&third, &offer, End::Succeeded { output: None });
    let rounds: Vec<MachineId> = (0..4)
        .map(|_| {
            let job = world.submit(request("enter"));
            let machine = machine_of(&world, job);
            let agent = [&agents[0], &agents[1], &third].into_iter().find(|agent| agent.machine == machine).unwrap();
            finish_one(&mut world, &agent.clone());
            machine
        })
        .collect();
    assert_eq!(rounds, [agents[0].machine, agents[1].machine, third.machine, agents[0].machine]);
}

#[test]
fn the_pool_of_the_request_goes_before_that_of_the_workflow() {
    let mut world = World::empty();
    world.store(DocumentSpec::Pool(PoolSpec::default()), "clinic");
    world.store(DocumentSpec::Pool(PoolSpec::default()), "night");
    let spec = WorkflowSpec { pool: Some(name("clinic")), ..workflow_spec() };
    world.store(DocumentSpec::Workflow(spec), "register");
    let clinic = world.join("vm-clinic", "clinic", &[]);
    let night = world.join("vm-night", "night", &[]);
    let (first, second) = (
        world.submit(request("register")),
        world.submit(JobRequest { pool: Some(name("night")), ..request("register") }),
    );
    assert_eq!(world.job(first).run().unwrap().machine, clinic.machine);
    assert_eq!(world.job(second).run().unwrap().machine, night.machine);
    let both = JobRequest { pool: Some(name("clinic")), machine: Some(night.name.clone()), ..request("register") };
    assert_eq!(world.submit_by(both, person(), None).unwrap_err().code(), "invalid");
}

#[test]
fn the_summary_counts_what_is_open() {
    let (mut world, _agents) = World::with_machines(2);
    for _ in 0..4 {
        world.submit(request("enter"));
    }
    world.pass(seconds(7));
    let summary = world.fleet.summary(world.now);
    assert_eq!((summary.jobs[&StateName::Running], summary.jobs[&StateName::Queued]), (2, 2));
    assert_eq!(summary.machines[&crate::fleet::Status::Busy], 2);
    assert_eq!(summary.oldest_queued, Some(seconds(7)));
    assert_eq!(summary.teams[&name("front-desk")].queued, 2);
    assert_eq!(summary.teams[&name("front-desk")].oldest_queued, Some(seconds(7)));
    assert_eq!(summary.pools[&name("default")].running, 2);
    assert_eq!(summary.pools[&name("default")].oldest_queued, Some(seconds(7)));
}

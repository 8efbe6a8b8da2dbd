//! Why a job does not run: every reason there is, told with the machines it is about.

use super::world::*;
use crate::{
    fleet::{
        BlockedReason, CancelJob, Command, Concurrency, ConditionName, DocumentSpec, End, Explanation, JobRequest,
        JobState, ModeName, PauseFleet, PausedThing, Session, SubmitBatch, WorkflowSpec,
    },
    ids::JobId,
};

fn explain(world: &World, job: JobId) -> Explanation {
    world.fleet.explain(world.now, world.job(job))
}

fn failing(explanation: &Explanation, name: ConditionName) -> (u64, Vec<String>) {
    let condition = explanation.conditions.iter().find(|one| one.name == name).unwrap();
    (condition.failing, condition.machines.iter().map(|note| note.machine.to_string()).collect())
}

fn here(pool: &str) -> JobRequest {
    JobRequest { pool: Some(name(pool)), ..request("enter") }
}

#[test]
fn each_machine_that_cannot_take_it_is_named_with_its_reason() {
    let mut world = World::empty();
    world.store_pool("clinic");
    world.store_app("registry", false);
    let spec = WorkflowSpec { apps: [name("registry")].into(), ..workflow_spec() };
    world.store(DocumentSpec::Workflow(spec), "register");
    world.join("vm-elsewhere", "default", &[]);
    world.join("vm-silent", "clinic", &[("site", "north")]);
    let drained = world.join("vm-drained", "clinic", &[("site", "north")]);
    let mut locked = world.join("vm-locked", "clinic", &[("site", "north")]);
    let south = world.join("vm-south", "clinic", &[("site", "south")]);
    world.wait(seconds(50));
    locked.session = Session::Locked;
    for agent in [&drained, &locked, &south] {
        world.poll(agent);
    }
    world.set_mode(&drained, ModeName::Draining, false).unwrap();
    let wanted =
        JobRequest { pool: Some(name("clinic")), require: labels(&[("site", "north")]), ..request("register") };
    let job = world.submit(wanted);
    let told = explain(&world, job);
    assert_eq!((told.considered, told.fitting), (4, 0));
    assert_eq!(failing(&told, ConditionName::Place).0, 1);
    assert_eq!(failing(&told, ConditionName::Online), (1, vec!["vm-silent".to_owned()]));
    assert_eq!(failing(&told, ConditionName::ModeActive), (1, vec!["vm-drained".to_owned()]));
    assert_eq!(failing(&told, ConditionName::SessionActive), (1, vec!["vm-locked".to_owned()]));
    assert_eq!(failing(&told, ConditionName::Labels), (1, vec!["vm-south".to_owned()]));
    assert_eq!(failing(&told, ConditionName::Apps).0, 4, "nobody has the app open");
    assert!(told.summary.contains("none of the 4 machines"), "{}", told.summary);
    assert!(told.changes.iter().any(|change| change == "activate a machine (vm-drained)"), "{:?}", told.changes);
    assert_eq!(told.expected.at, None);
    // What is told is what decides: with all of it mended the job runs.
    let mut south = south;
    south.ready.insert(name("registry"), ready(crate::fleet::ReadinessState::Ready));
    let patch = crate::fleet::PatchMachine {
        machine: south.name.clone(),
        pool: None,
        labels: [("site".to_owned(), Some("north".to_owned()))].into(),
        by: person(),
    };
    world.execute(Command::PatchMachine(patch)).unwrap();
    world.poll(&south);
    assert!(matches!(world.job(job).state, JobState::Running(_)));
}

#[test]
fn at_most_ten_machines_are_named_and_all_are_counted() {
    let (mut world, _agents) = World::with_machines(12);
    world.wait(seconds(60));
    let job = world.submit(request("enter"));
    let (count, named) = failing(&explain(&world, job), ConditionName::Online);
    assert_eq!((count, named.len()), (12, 10));
}

#[test]
fn who_waits_behind_others_is_told_their_number_and_when_it_starts() {
    let (mut world, agents) = World::with_machines(2);
    let first = world.submit(request("enter"));
    let unknown = explain(&world, first);
    assert_eq!((unknown.state, unknown.conditions.len()), (crate::fleet::StateName::Running, 0));
    // One attempt of a minute is what is known of this workflow.
    let offer = world.start(&agents[0]);
    for _ in 0..3 {
        world.wait(seconds(20));
        world.renew(&agents[0], &offer).unwrap();
        world.poll(&agents[1]);
        world.poll_holding(&agents[0], &offer);
    }
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    let start = world.now.wall;
    let jobs: Vec<JobId> = (0..6).map(|_| world.submit(request("enter"))).collect();
    let told: Vec<_> = jobs[2..].iter().map(|job| explain(&world, *job)).collect();
    assert_eq!(told.iter().map(|one| one.before).collect::<Vec<_>>(), [Some(0), Some(1), Some(2), Some(3)]);
    let minutes = |one: &Explanation| one.expected.at.unwrap().since(start).as_secs();
    assert_eq!(told.iter().map(minutes).collect::<Vec<_>>(), [60, 90, 120, 150]);
    assert_eq!((told[0].considered, told[0].fitting), (2, 2));
    assert!(told[1].summary.contains("2 machines that fit it are busy, and 1 jobs"), "{}", told[1].summary);
    assert!(told[0].changes[0].contains("has to become free"), "{:?}", told[0].changes);
}

#[test]
fn without_anything_to_go_by_no_time_is_made_up() {
    let (mut world, _agents) = World::with_machines(1);
    world.submit(request("enter"));
    let job = world.submit(request("enter"));
    let told = explain(&world, job);
    assert_eq!(told.expected.at, None);
    assert!(told.expected.basis.starts_with("unknown"), "{}", told.expected.basis);
}

#[test]
fn a_full_key_a_full_batch_and_a_rest_are_told() {
    let (mut world, agents) = World::with_machines(2);
    let limited =
        || JobRequest { concurrency: Some(Concurrency { key: Some("ann".to_owned()), max: 1 }), ..request("enter") };
    world.submit(limited());
    let second = world.submit(limited());
    let told = explain(&world, second);
    assert_eq!(failing(&told, ConditionName::Concurrency).0, 2);
    assert!(told.summary.contains("1 jobs of workflow `enter` with the key `ann` run, and 1 may"), "{}", told.summary);
    world.execute(Command::CancelJob(CancelJob { job: second, by: person() })).unwrap();
    let batch = SubmitBatch {
        items: vec![request("enter"); 2],
        max_running: Some(1),
        stop_after_failures: None,
        idempotency: None,
        by: person(),
    };
    world.execute(Command::SubmitBatch(batch)).unwrap();
    let waiting = *world.disk.jobs.iter().rev().find(|(_, job)| job.state == JobState::Queued).unwrap().0;
    assert_eq!(failing(&explain(&world, waiting), ConditionName::BatchLimit).0, 2);
    // One that was turned down by the only machine it may use.
    let there = world.submit(JobRequest { machine: Some(agents[1].name.clone()), priority: 9, ..request("enter") });
    let before = world.job(there).clone();
    let offer = world.offer(&agents[1]);
    let body = crate::fleet::ReportBody::Decline { reason: "a dialog is open".to_owned(), artifacts: vec![] };
    world.report(&agents[1], &offer, 1, body).unwrap();
    let next = world.offer(&agents[1]);
    let body = crate::fleet::ReportBody::Decline { reason: "a dialog is open".to_owned(), artifacts: vec![] };
    world.report(&agents[1], &next, 1, body).unwrap();
    if next.job == there || offer.job == there {
        let told = explain(&world, there);
        assert_eq!(failing(&told, ConditionName::NotCoolingDown), (1, vec!["vm-2".to_owned()]));
    } else {
        panic!("{before:?} was to be offered");
    }
}

#[test]
fn a_blocked_job_says_why_and_by_whom() {
    let (mut world, _agents) = World::with_machines(1);
    world.execute(Command::PauseFleet(PauseFleet { reason: Some("audit".to_owned()), by: person() })).unwrap();
    let job = world.submit(request("enter"));
    let told = explain(&world, job);
    assert_eq!(world.job(job).blocked_reason(), Some(&BlockedReason::Paused { what: PausedThing::Fleet }));
    assert!(told.summary.contains("front-desk's token") && told.summary.contains("audit"), "{}", told.summary);
    assert_eq!(failing(&told, ConditionName::NotPaused).0, 1);
    assert_eq!(told.changes.len(), 1);
    world.store_pool("clinic");
    let nowhere = world.submit(here("clinic"));
    assert_eq!(explain(&world, nowhere).considered, 0);
}

#[test]
fn scheduled_running_and_settled_jobs_have_an_answer_too() {
    let (mut world, agents) = World::with_machines(1);
    let at = world.now.wall.saturating_add(seconds(100));
    let later = world.submit(JobRequest { run_at: Some(at), ..request("enter") });
    assert_eq!(explain(&world, later).expected.at, Some(at));
    let job = world.submit(request("enter"));
    assert!(explain(&world, job).summary.contains("has not accepted yet"));
    let offer = world.start(&agents[0]);
    assert!(explain(&world, job).summary.starts_with("it runs on machine `vm-1`"));
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    let told = explain(&world, job);
    assert_eq!((told.summary.as_str(), told.changes.len()), ("it is over: it succeeded", 0));
    world.execute(Command::CancelJob(CancelJob { job: later, by: person() })).unwrap();
    assert!(explain(&world, later).changes[0].contains("retry"));
}

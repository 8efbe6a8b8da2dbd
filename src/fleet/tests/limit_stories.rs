//! At each limit everything goes, one beyond is refused with its code, and nothing has changed.

use super::world::*;
use crate::{
    fleet::{
        Artifact, Command, CreateJoinToken, CreateToken, DocumentSpec, End, FailedStep, IntentReport, JobRequest,
        LoopItem, LoopItemState, LoopReport, ModeName, PoolSpec, Progress, PutDocument, Refusal, Reply, ReportBody,
        ReportReply, Role, SetMode, SettledReport, StepRecord,
    },
    ids::{Digest, Json},
};

/// Refused with the code, and without an event.
#[track_caller]
fn refused(world: &mut World, code: &str, ask: impl FnOnce(&mut World) -> Result<Reply, Refusal>) {
    let mark = world.events.len();
    let refusal = ask(world).unwrap_err();
    assert_eq!(refusal.code(), code, "{refusal}");
    assert_eq!(world.kinds_since(mark), [] as [&str; 0]);
}

fn job(request: JobRequest) -> Command {
    Command::SubmitJob(crate::fleet::SubmitJob { request, idempotency: None, by: person() })
}

fn pool(name_of: &str) -> Command {
    let content = Json::new(format!("\"{name_of}\""));
    Command::PutDocument(PutDocument {
        name: name(name_of),
        digest: Digest::of(content.as_str().as_bytes()),
        content,
        spec: DocumentSpec::Pool(PoolSpec::default()),
        if_version: None,
        by: person(),
    })
}

fn join_token(number: usize) -> Command {
    let digest = Digest::of(format!("join {number}").as_bytes());
    Command::CreateJoinToken(CreateJoinToken {
        pool: name("default"),
        uses: None,
        digest,
        expires_at: None,
        by: person(),
    })
}

fn token(number: usize) -> Command {
    Command::CreateToken(CreateToken {
        name: format!("token {number}"),
        role: Role::Viewer,
        team: name("default"),
        digest: Digest::of(format!("token {number}").as_bytes()),
        expires_at: None,
        by: person(),
    })
}

#[test]
fn open_jobs() {
    let mut world = World::empty();
    world.fleet.settings.max_open_jobs = 2;
    world.execute(job(request("enter"))).unwrap();
    world.execute(job(request("enter"))).unwrap();
    refused(&mut world, "overloaded", |world| world.execute(job(request("enter"))));
}

#[test]
fn machines() {
    let mut world = World::empty();
    world.fleet.settings.max_machines = 2;
    world.join("vm-1", "default", &[]);
    world.join("vm-2", "default", &[]);
    let token = world.join_token("default", None);
    let third = world.join_command(token, "vm-3", &[]);
    refused(&mut world, "quota_exceeded", |world| world.execute(Command::JoinMachine(third)));
    world.wait(seconds(60));
    let again = world.join_command(token, "vm-2", &[]);
    world.join_with(again).expect("coming back is none more");
}

#[test]
fn documents() {
    let mut world = World::empty();
    world.fleet.settings.max_documents = 3;
    world.execute(pool("a")).unwrap();
    world.execute(pool("b")).unwrap();
    refused(&mut world, "quota_exceeded", |world| world.execute(pool("c")));
}

#[test]
fn tokens_of_either_kind() {
    let mut world = World::empty();
    world.fleet.settings.max_tokens = 2;
    for number in 0..2 {
        world.execute(token(number)).unwrap();
        world.execute(join_token(number)).unwrap();
    }
    refused(&mut world, "quota_exceeded", |world| world.execute(token(2)));
    refused(&mut world, "quota_exceeded", |world| world.execute(join_token(2)));
}

#[test]
fn labels_requirements_and_files() {
    let mut world = World::empty();
    let many = |count: usize| (0..count).map(|number| (format!("label {number}"), "x".to_owned())).collect();
    let files = |count: usize| (0..count).map(|number| (format!("{number}.pdf"), Digest::of(b"pdf"))).collect();
    world.execute(job(JobRequest { labels: many(64), ..request("enter") })).unwrap();
    world.execute(job(JobRequest { require: many(64), ..request("enter") })).unwrap();
    world.execute(job(JobRequest { files: files(64), ..request("enter") })).unwrap();
    refused(&mut world, "invalid", |world| world.execute(job(JobRequest { labels: many(65), ..request("enter") })));
    refused(&mut world, "invalid", |world| world.execute(job(JobRequest { require: many(65), ..request("enter") })));
    refused(&mut world, "invalid", |world| world.execute(job(JobRequest { files: files(65), ..request("enter") })));
}

#[test]
fn names_of_files() {
    let mut world = World::empty();
    let named =
        |chars: usize| JobRequest { files: [("n".repeat(chars), Digest::of(b"pdf"))].into(), ..request("enter") };
    world.execute(job(named(200))).unwrap();
    refused(&mut world, "invalid", |world| world.execute(job(named(201))));
}

#[test]
fn reasons() {
    let (mut world, agents) = World::with_machines(1);
    let mode = |reason: String| {
        let (machine, reason) = (agents[0].name.clone(), Some(reason));
        Command::SetMode(SetMode { machine, mode: ModeName::Draining, reason, now: false, by: person() })
    };
    world.execute(mode("r".repeat(256))).unwrap();
    refused(&mut world, "invalid", |world| world.execute(mode("r".repeat(257))));
}

/// Refused with `invalid`, and nothing but a sign of life has come of it.
#[track_caller]
fn untold(world: &mut World, answer: impl FnOnce(&mut World) -> Result<ReportReply, Refusal>) {
    let mark = world.events.len();
    assert_eq!(answer(world).unwrap_err().code(), "invalid");
    assert_eq!(world.kinds_since(mark), [] as [&str; 0]);
}

#[test]
fn steps_of_a_report_and_keyed_loops_of_a_job() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let steps = |count: u32| {
        let steps = (1..=count).map(|number| StepRecord { number, content: Json::new("{}") }).collect();
        ReportBody::Steps(Progress { steps, ..Progress::default() })
    };
    world.report(&agents[0], &offer, 3, steps(1_000)).unwrap();
    untold(&mut world, |world| world.report(&agents[0], &offer, 4, steps(1_001)));
    let of_loop = |number: u64| {
        let item = LoopItem { key: "a".to_owned(), state: LoopItemState::Failed, result: None };
        ReportBody::Loop(LoopReport { path: format!("steps/{number}"), total: Some(1), items: vec![item] })
    };
    for number in 0..64 {
        world.report(&agents[0], &offer, 4 + number, of_loop(number)).unwrap();
    }
    untold(&mut world, |world| world.report(&agents[0], &offer, 68, of_loop(64)));
    world.report(&agents[0], &offer, 68, of_loop(63)).expect("one that is there is none more");
}

#[test]
fn commits_of_a_job() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let at = |number: u64| FailedStep { path: format!("steps/{number}"), id: None, action: "click".to_owned() };
    let vars = || Json::new("{}");
    let intent =
        |number| ReportBody::Intent(IntentReport { step: at(number), key: None, vars: vars(), can_settle: false });
    let done = |number| ReportBody::Settled(SettledReport { step: at(number), key: None, done: true, vars: vars() });
    for number in 0..1_000 {
        world.report(&agents[0], &offer, 3 + 2 * number, intent(number)).unwrap();
        world.report(&agents[0], &offer, 4 + 2 * number, done(number)).unwrap();
    }
    untold(&mut world, |world| world.report(&agents[0], &offer, 2_003, intent(1_000)));
}

#[test]
fn texts_and_priorities() {
    let mut world = World::empty();
    let key = |chars: usize| JobRequest { key: Some("x".repeat(chars)), ..request("enter") };
    world.execute(job(key(256))).unwrap();
    refused(&mut world, "invalid", |world| world.execute(job(key(257))));
    refused(&mut world, "invalid", |world| world.execute(job(key(0))));
    world.execute(job(JobRequest { priority: -100, ..request("enter") })).unwrap();
    refused(&mut world, "invalid", |world| world.execute(job(JobRequest { priority: 101, ..request("enter") })));
}

#[test]
fn pictures_that_come_late_count_as_those_that_came_in_time() {
    let (mut world, mut agents) = World::with_machines(1);
    world.fleet.settings.max_artifacts_per_attempt = 5;
    let picture = |name: &str| Artifact {
        name: name.to_owned(),
        digest: Digest::of(name.as_bytes()),
        bytes: 1,
        content_type: "image/png".to_owned(),
    };
    let pictures = |first, second| {
        let artifacts = vec![picture(first), picture(second)];
        ReportBody::Steps(Progress { artifacts, ..step(1) })
    };
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.wait(seconds(40));
    let before = agents[0].clone();
    // The job is still open, then it has settled.
    world.report(&before, &offer, 3, pictures("1", "2")).unwrap_err();
    assert_eq!(world.job(job).attempts[0].artifacts, 2);
    world.start_agent(&mut agents[0]);
    let cancelled = Command::CancelJob(crate::fleet::CancelJob { job, by: person() });
    world.execute(cancelled).unwrap();
    assert!(world.job(job).is_settled());
    for _ in 0..3 {
        world.report(&before, &offer, 4, pictures("3", "4")).unwrap_err();
    }
    assert_eq!(world.disk.artifacts.len(), 5, "no more than in time");
    assert_eq!(world.job(job).attempts[0].artifacts, 5);

    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    world.report(&agents[0], &offer, 4, pictures("5", "6")).unwrap_err();
    assert_eq!(world.job(job).attempts[0].artifacts, 2);
}

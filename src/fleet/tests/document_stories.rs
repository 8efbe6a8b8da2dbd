//! Documents have versions, are pinned by jobs, cannot vanish under them, and can be paused. Tokens end.

use super::world::*;
use crate::{
    fleet::{
        Command, DeleteDocument, DocumentDid, DocumentKind, DocumentSpec, End, JobRequest, PauseDocument, PauseFleet,
        Refusal, Reply, ResumeDocument, ResumeFleet, RevokeToken, StateName, WorkflowSpec, reply::DocumentReply,
    },
    time::Now,
};

fn document(reply: Reply) -> DocumentReply {
    match reply {
        Reply::Document(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

fn delete(world: &mut World, kind: DocumentKind, document: &str) -> Result<Reply, Refusal> {
    let command = DeleteDocument { kind, name: name(document), if_version: None, by: person() };
    world.execute(Command::DeleteDocument(command))
}

fn pause(world: &mut World, kind: DocumentKind, document: &str) {
    let command = PauseDocument { kind, name: name(document), reason: None, by: person() };
    world.execute(Command::PauseDocument(command)).unwrap();
}

fn resume(world: &mut World, kind: DocumentKind, document: &str) {
    let command = ResumeDocument { kind, name: name(document), by: person() };
    world.execute(Command::ResumeDocument(command)).unwrap();
}

fn workflow(timeout_ms: u64) -> DocumentSpec {
    DocumentSpec::Workflow(WorkflowSpec { timeout_ms, ..workflow_spec() })
}

#[test]
fn new_content_is_a_new_version_and_the_same_content_is_not() {
    let mut world = World::empty();
    let first = document(world.store(workflow(1_000), "count"));
    assert_eq!((first.did, first.head.version), (DocumentDid::Stored, 1));
    let same = document(world.store(workflow(1_000), "count"));
    assert_eq!((same.did, same.head.version), (DocumentDid::Same, 1));
    let second = document(world.store(workflow(2_000), "count"));
    assert_eq!((second.did, second.head.version), (DocumentDid::Stored, 2));
    delete(&mut world, DocumentKind::Workflow, "count").unwrap();
    assert!(world.fleet.document(DocumentKind::Workflow, &name("count")).is_none());
    let third = document(world.store(workflow(2_000), "count"));
    assert_eq!(third.head.version, 3, "a name never has two contents under one version");
}

#[test]
fn a_writer_who_has_not_seen_the_newest_version_is_refused() {
    let mut world = World::empty();
    let put = |if_version| crate::fleet::PutDocument {
        name: name("enter"),
        content: crate::ids::Json::new("{}"),
        digest: crate::ids::Digest::of(b"other"),
        spec: workflow(5_000),
        if_version: Some(if_version),
        by: person(),
    };
    assert_eq!(world.execute(Command::PutDocument(put(0))).unwrap_err().code(), "conflict");
    assert_eq!(world.execute(Command::PutDocument(put(7))).unwrap_err().code(), "conflict");
    world.execute(Command::PutDocument(put(1))).unwrap();
}

#[test]
fn a_job_keeps_the_version_it_was_submitted_with_and_may_ask_for_an_older_one() {
    let (mut world, agents) = World::with_machines(1);
    world.store(workflow(1_000), "count");
    world.store(workflow(2_000), "count");
    let old = world.submit(JobRequest { version: Some(1), ..request("count") });
    assert_eq!((world.job(old).spec.version, world.job(old).spec.timeout_ms), (1, 1_000));
    world.store(workflow(3_000), "count");
    let offer = world.start(&agents[0]);
    assert_eq!(offer.spec.timeout_ms, 1_000);
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    let newest = world.submit(request("count"));
    assert_eq!(world.job(newest).spec.version, 3);
}

#[test]
fn apps_are_pinned_and_must_exist() {
    let (mut world, agents) = World::with_machines(1);
    let spec = WorkflowSpec { apps: [name("clinic")].into(), ..workflow_spec() };
    world.store(DocumentSpec::Workflow(spec), "register");
    let refusal = world.submit_by(request("register"), person(), None).unwrap_err();
    assert!(matches!(&refusal, Refusal::Invalid { faults } if faults[0].pointer == "/workflow"), "{refusal:?}");
    world.store_app("clinic", false);
    let job = world.submit(request("register"));
    assert_eq!(world.job(job).spec.apps[&name("clinic")].version, 1);
    assert_eq!(world.state(job), StateName::Queued, "nobody can open it and nobody has it open");
    let mut agent = agents[0].clone();
    agent.ready.insert(name("clinic"), ready(crate::fleet::ReadinessState::Ready));
    world.poll(&agent);
    assert_eq!(world.state(job), StateName::Running);
}

#[test]
fn what_is_in_use_is_not_deleted() {
    let mut world = World::empty();
    world.store_pool("clinic");
    world.store_app("records", true);
    let spec = WorkflowSpec { apps: [name("records")].into(), pool: Some(name("clinic")), ..workflow_spec() };
    world.store(DocumentSpec::Workflow(spec), "register");
    let job = world.submit(request("register"));
    assert_eq!(world.blocked_code(job), "no_machine");
    for (kind, used) in
        [(DocumentKind::Workflow, "register"), (DocumentKind::App, "records"), (DocumentKind::Pool, "clinic")]
    {
        assert_eq!(delete(&mut world, kind, used).unwrap_err().code(), "conflict", "{used}");
    }
    world.execute(Command::CancelJob(crate::fleet::CancelJob { job, by: person() })).unwrap();
    for (kind, unused) in
        [(DocumentKind::Workflow, "register"), (DocumentKind::App, "records"), (DocumentKind::Pool, "clinic")]
    {
        delete(&mut world, kind, unused).unwrap();
        assert_eq!(delete(&mut world, kind, unused).unwrap_err().code(), "not_found");
    }
}

#[test]
fn a_pause_blocks_what_needs_the_paused_thing_and_only_that() {
    let (mut world, agents) = World::with_machines(1);
    world.store(workflow(9_000), "other");
    pause(&mut world, DocumentKind::Workflow, "enter");
    let paused = world.submit(request("enter"));
    let free = world.submit(request("other"));
    assert_eq!(world.blocked_code(paused), "paused");
    assert_eq!(world.state(free), StateName::Running);
    let offer = world.start(&agents[0]);
    resume(&mut world, DocumentKind::Workflow, "enter");
    assert_eq!(world.state(paused), StateName::Queued);
    let reply = world.complete(&agents[0], &offer, End::Succeeded { output: None });
    assert_eq!(reply.next.map(|next| next.job), Some(paused));
}

#[test]
fn a_paused_fleet_gives_no_lease() {
    let (mut world, _agents) = World::with_machines(1);
    world.execute(Command::PauseFleet(PauseFleet { reason: Some("night".to_owned()), by: person() })).unwrap();
    let job = world.submit(request("enter"));
    assert_eq!(world.blocked_code(job), "paused");
    world.restart();
    assert!(world.fleet.meta().paused.is_some());
    world.execute(Command::ResumeFleet(ResumeFleet { by: person() })).unwrap();
    assert_eq!(world.state(job), StateName::Queued);
}

#[test]
fn a_token_ends_when_it_expires_or_is_revoked() {
    let mut world = World::empty();
    let token = world.create_token("nightly import");
    let found = |world: &World, now: Now| world.fleet.token_by_digest(&token.digest, now).is_some();
    assert!(found(&world, world.now));
    world.wait(seconds(3_600));
    assert!(!found(&world, world.now));
    let other = world.create_token("another");
    let revoke = Command::RevokeToken(RevokeToken { token: other.id, by: person() });
    world.execute(revoke.clone()).unwrap();
    assert!(world.fleet.token_by_digest(&other.digest, world.now).is_none());
    assert_eq!(world.execute(revoke).unwrap_err().code(), "not_found");
}

#[test]
fn wall_time_never_runs_backwards() {
    let mut world = World::empty();
    let early = world.submit(request("enter"));
    world.now.wall = crate::time::Timestamp::from_ms(START - 3_600_000);
    let late = world.submit(request("enter"));
    assert!(late > early && world.job(late).created_at >= world.job(early).created_at);
    world.restart();
    let later = world.submit(request("enter"));
    assert!(later > late, "nor after a restart");
}

#[test]
fn a_clock_that_is_set_back_does_not_hold_up_start_times() {
    let (mut world, _agents) = World::with_machines(1);
    world.submit(request("enter"));
    world.now.wall = crate::time::Timestamp::from_ms(START - 3_600_000);
    let run_at = Some(crate::time::Timestamp::from_ms(START + 10_000));
    let job = world.submit(JobRequest { run_at, ..request("enter") });
    world.wait(seconds(9));
    assert_eq!(world.state(job), StateName::Scheduled);
    world.wait(seconds(1));
    assert_ne!(world.state(job), StateName::Scheduled);
}

fn calling(callees: &[&str], apps: &[&str]) -> DocumentSpec {
    let calls = callees.iter().enumerate().map(|(at, callee)| (name(callee), format!("steps/{at}")));
    let apps = apps.iter().map(|app| name(app));
    DocumentSpec::Workflow(WorkflowSpec { calls: calls.collect(), apps: apps.collect(), ..workflow_spec() })
}

fn why_not(world: &mut World, workflow: &str) -> String {
    match world.submit_by(request(workflow), person(), None).unwrap_err() {
        Refusal::Invalid { faults } if faults.iter().all(|fault| fault.pointer == "/workflow") => {
            faults.into_iter().map(|fault| fault.detail).collect::<Vec<_>>().join("\n")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn workflows_that_are_called_are_pinned_too() {
    let (mut world, agents) = World::with_machines(1);
    world.store(calling(&["find"], &[]), "look");
    world.store(calling(&["look", "count"], &[]), "all");
    assert!(why_not(&mut world, "all").contains("steps/1 of `all` calls workflow `count`, which does not exist"));
    world.store(workflow(9_000), "count");
    assert!(why_not(&mut world, "all").contains("steps/0 of `look` calls workflow `find`"), "also what others call");
    world.store(workflow(9_000), "find");
    let job = world.submit(request("all"));
    let pinned = |version| [(name("count"), 1), (name("find"), version), (name("look"), 1)].into();
    assert_eq!(world.job(job).spec.calls, pinned(1));
    world.store(workflow(8_000), "find");
    let offer = world.start(&agents[0]);
    assert_eq!(offer.spec.calls, pinned(1), "what came later is for later jobs");
    assert_eq!(delete(&mut world, DocumentKind::Workflow, "find").unwrap_err().code(), "conflict", "in use by the job");
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    assert_eq!(delete(&mut world, DocumentKind::Workflow, "find").unwrap_err().code(), "conflict", "called by another");
    let job = world.submit(request("all"));
    assert_eq!(world.job(job).spec.calls, pinned(2));
}

#[test]
fn what_cannot_be_called_is_refused_with_the_way_to_it() {
    let mut world = World::empty();
    world.store_app("clinic", true);
    world.store(calling(&["b"], &[]), "a");
    world.store(calling(&["c"], &[]), "b");
    world.store(calling(&["b"], &[]), "c");
    assert!(why_not(&mut world, "a").contains("a → b → c → b (at steps/0)"));
    world.store(DocumentSpec::Workflow(WorkflowSpec { callable: false, ..workflow_spec() }), "c");
    assert!(why_not(&mut world, "a").contains("`c` (a → b → c), which has a commit"));
    world.store(calling(&[], &["clinic"]), "c");
    assert!(why_not(&mut world, "a").contains("needs app `clinic`: add `clinic`"));
    world.store(calling(&["b"], &["clinic"]), "a");
    world.submit(request("a"));
}

#[test]
fn calls_go_eight_deep_also_where_a_short_way_was_seen_first() {
    let mut world = World::empty();
    for at in 1..9 {
        world.store(calling(&[&format!("w{}", at + 1)], &[]), &format!("w{at}"));
    }
    world.store(workflow(9_000), "w9");
    world.store(calling(&["w1"], &[]), "deep");
    assert!(why_not(&mut world, "deep").contains("more than 8 deep"));
    world.submit(request("w1"));
    world.store(calling(&["w1"], &[]), "zz");
    world.store(calling(&["w5", "zz"], &[]), "short");
    assert!(why_not(&mut world, "short").contains("more than 8 deep"));
}

#[test]
fn a_paused_workflow_holds_up_those_that_call_it() {
    let (mut world, _agents) = World::with_machines(1);
    world.store(workflow(9_000), "find");
    world.store(calling(&["find"], &[]), "look");
    pause(&mut world, DocumentKind::Workflow, "find");
    let job = world.submit(request("look"));
    assert_eq!(world.blocked_code(job), "paused");
    resume(&mut world, DocumentKind::Workflow, "find");
    assert_eq!(world.state(job), StateName::Running);
}

#[test]
fn the_same_content_is_stored_anew_where_more_is_known_of_it() {
    let mut world = World::empty();
    let spec = |callable| DocumentSpec::Workflow(WorkflowSpec { callable, ..workflow_spec() });
    let put = |callable, if_version| crate::fleet::PutDocument {
        name: name("old"),
        content: crate::ids::Json::new("{}"),
        digest: crate::ids::Digest::of(b"same"),
        spec: spec(callable),
        if_version,
        by: person(),
    };
    world.execute(Command::PutDocument(put(false, Some(0)))).unwrap();
    world.store(calling(&["old"], &[]), "caller");
    why_not(&mut world, "caller");
    world.execute(Command::PutDocument(put(true, Some(1)))).unwrap();
    world.submit(request("caller"));
}

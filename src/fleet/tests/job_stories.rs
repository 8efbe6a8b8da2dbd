//! The life of a job: one story for each row of the table.

use super::world::*;
use crate::{
    fleet::{
        CancelJob, Category, Command, End, Idempotency, JobDid, JobState, Phase, Refusal, Reply, ReportBody, RetryJob,
        RevokeWhy, StateName,
        document::DocumentSpec,
        lease::Answer,
        reply::{Assignment, JobReply},
    },
    ids::{Digest, JobId, Json},
};

fn cancel(world: &mut World, job: JobId) -> Result<JobReply, Refusal> {
    let Reply::Job(reply) = world.execute(Command::CancelJob(CancelJob { job, by: person() }))? else { unreachable!() };
    Ok(*reply)
}

fn retry(world: &mut World, job: JobId) -> Result<JobId, Refusal> {
    retry_with(world, job, None)
}

fn retry_with(world: &mut World, job: JobId, note: Option<&str>) -> Result<JobId, Refusal> {
    let retry = RetryJob { job, force: note.map(str::to_owned), idempotency: None, by: person() };
    let Reply::Job(reply) = world.execute(Command::RetryJob(retry))? else { unreachable!() };
    Ok(reply.job.id)
}

fn decline(reason: &str) -> ReportBody {
    ReportBody::Decline { reason: reason.to_owned(), artifacts: vec![] }
}

fn key(text: &str, body: &str) -> Idempotency {
    Idempotency { route: "POST /v1/jobs".to_owned(), key: text.to_owned(), body: Digest::of(body.as_bytes()) }
}

#[test]
fn a_job_is_offered_accepted_started_and_succeeds_with_its_output() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    assert_eq!(world.job(job).run().unwrap().phase, Phase::Offered, "a parked machine gets it in the same commit");
    let offer = world.accept(&agents[0]);
    assert_eq!((offer.job, offer.number), (job, 1));
    assert_eq!(world.job(job).run().unwrap().phase, Phase::Accepted);
    world.report(&agents[0], &offer, 2, ReportBody::Ready).unwrap();
    assert_eq!(world.job(job).run().unwrap().phase, Phase::Executing);
    let output = Some(Json::new("{\"receipt\":\"R-118\"}"));
    let reply = world.complete(&agents[0], &offer, End::Succeeded { output: output.clone() });
    assert_eq!(reply.answer, Answer::Done);
    assert_eq!(world.job(job).output(), output.as_ref());
    assert!(world.job(job).finished_at.is_some() && world.fleet.jobs().count() == 0, "settled jobs leave memory");
    assert_eq!(world.machine(&agents[0]).stats.succeeded, 1);
}

#[test]
fn a_job_with_a_start_time_waits_for_it() {
    let (mut world, _agents) = World::with_machines(1);
    let run_at = Some(world.now.wall.saturating_add(seconds(60)));
    let job = world.submit(crate::fleet::JobRequest { run_at, ..request("enter") });
    assert_eq!(world.state(job), StateName::Scheduled);
    assert_eq!(world.job(job).queued_at, None);
    world.wait(seconds(20));
    assert_eq!(world.state(job), StateName::Scheduled);
}

#[test]
fn a_start_time_that_comes_queues_or_blocks_the_job() {
    let mut world = World::empty();
    let run_at = Some(world.now.wall.saturating_add(seconds(60)));
    let blocked = world.submit(crate::fleet::JobRequest { run_at, ..request("enter") });
    world.wait(seconds(60));
    assert_eq!(world.blocked_code(blocked), "no_machine");
    let queued_at = world.job(blocked).queued_at;
    assert_eq!(queued_at, run_at);
    let mut busy = world.join("vm-1", "default", &[]);
    assert_eq!(world.state(blocked), StateName::Running, "it is queued again when a machine joins");
    assert_eq!(world.job(blocked).queued_at, queued_at, "and keeps its place");
    world.start_agent(&mut busy);
    let run_at = Some(world.now.wall.saturating_add(seconds(1)));
    let queued = world.submit(crate::fleet::JobRequest { run_at, ..request("enter") });
    world.wait(seconds(1));
    assert_eq!(world.state(queued), StateName::Queued);
}

#[test]
fn a_declined_job_goes_back_to_its_place_and_that_machine_rests() {
    let (mut world, agents) = World::with_machines(1);
    let (first, second) = (world.submit(request("enter")), world.submit(request("enter")));
    let queued_at = world.job(first).queued_at;
    let offer = world.offer(&agents[0]);
    world.report(&agents[0], &offer, 1, decline("the app does not start")).unwrap();
    assert_eq!((world.state(first), world.job(first).queued_at), (StateName::Queued, queued_at));
    let attempt = &world.job(first).attempts[0];
    assert_eq!(attempt.decline_reason.as_deref(), Some("the app does not start"));
    let offer = world.start(&agents[0]);
    assert_eq!(offer.job, second, "the machine is not offered the same job at once");
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    assert_eq!(world.state(first), StateName::Queued);
    for _ in 0..3 {
        world.wait(seconds(20));
        world.poll(&agents[0]);
    }
    assert_eq!(world.offer(&agents[0]).job, first, "after the cool-down it is");
}

#[test]
fn an_offer_nobody_accepts_is_taken_back_after_five_seconds() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    world.wait(seconds(4));
    assert_eq!(world.state(job), StateName::Running);
    world.wait(seconds(1));
    assert_eq!(world.state(job), StateName::Queued);
    let attempt = &world.job(job).attempts[0];
    assert!(attempt.decline_reason.as_deref().unwrap().contains("within 5 s"));
    assert!(world.machine(&agents[0]).lease.is_none());
}

#[test]
fn the_fifth_decline_blocks_a_job_until_a_machine_that_fits_changes() {
    let (mut world, mut agents) = World::with_machines(5);
    let job = world.submit(request("enter"));
    for _ in 0..5 {
        let run = world.job(job).run().unwrap();
        let agent = agents.iter().find(|agent| agent.machine == run.machine).unwrap().clone();
        let offer = world.offer(&agent);
        world.report(&agent, &offer, 1, decline("no")).unwrap();
    }
    assert_eq!(world.blocked_code(job), "declined");
    assert_eq!(world.job(job).attempts.len(), 5);
    let agent = &mut agents[0];
    agent.ready.insert(name("clinic"), ready(crate::fleet::ReadinessState::Ready));
    world.poll(&agent.clone());
    world.wait(seconds(61));
    world.start_agent(agent);
    assert_eq!(world.state(job), StateName::Running, "an agent that starts anew may be mended");
}

#[test]
fn a_machine_that_is_mended_while_work_is_paused_frees_what_it_declined_when_work_goes_on() {
    let (mut world, mut agents) = World::with_machines(1);
    let settings = crate::fleet::Settings { max_declines: 1, ..world.fleet.settings().clone() };
    world.fleet = crate::fleet::Fleet::load(settings, world.disk.rows(), world.now);
    world.poll(&agents[0]);
    let job = world.submit(request("enter"));
    let offer = world.offer(&agents[0]);
    world.report(&agents[0], &offer, 1, decline("no")).unwrap();
    assert_eq!(world.blocked_code(job), "declined");
    world.execute(Command::PauseFleet(crate::fleet::PauseFleet { reason: None, by: person() })).unwrap();
    world.start_agent(&mut agents[0]);
    assert_eq!(world.blocked_code(job), "paused");
    world.execute(Command::ResumeFleet(crate::fleet::ResumeFleet { by: person() })).unwrap();
    assert_eq!(world.state(job), StateName::Queued);
}

#[test]
fn a_decline_after_the_first_step_is_refused() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let refusal = world.report(&agents[0], &offer, 3, decline("no")).unwrap_err();
    assert_eq!(refusal.code(), "conflict");
}

#[test]
fn a_failure_the_policy_retries_waits_and_runs_again_until_the_attempts_are_used_up() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    for (number, least, most) in [(1, 8, 12), (2, 16, 24)] {
        let offer = world.start(&agents[0]);
        assert_eq!(offer.number, number);
        world.complete(&agents[0], &offer, failed(Category::TargetNotFound));
        let JobState::Scheduled { due } = world.job(job).state else { panic!("{:?}", world.job(job).state) };
        let wait = due.since(world.now.wall);
        assert!(wait >= seconds(least) && wait <= seconds(most), "{wait:?}");
        world.wait(wait);
    }
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, failed(Category::TargetNotFound));
    assert_eq!(world.failure_category(job), Category::TargetNotFound);
    let failure = world.job(job).failure().unwrap();
    assert_eq!((failure.attempt, failure.retryable), (Some(3), true));
    assert_eq!(failure.machine.as_ref(), Some(&agents[0].name));
}

#[test]
fn a_failure_of_the_business_is_not_retried() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, failed(Category::Business));
    assert_eq!(world.failure_category(job), Category::Business);
    assert_eq!(world.machine(&agents[0]).stats.failed_in_a_row, 0, "the machine is not to blame");
}

#[test]
fn another_attempt_prefers_another_machine() {
    let (mut world, agents) = World::with_machines(2);
    world
        .store(DocumentSpec::Workflow(crate::fleet::WorkflowSpec { retry: retries(2, 0), ..workflow_spec() }), "twice");
    let job = world.submit(request("twice"));
    let first = world.job(job).run().unwrap().machine;
    let agent = agents.iter().find(|agent| agent.machine == first).unwrap();
    let offer = world.start(agent);
    world.complete(agent, &offer, failed(Category::Desktop));
    let second = world.job(job).run().unwrap().machine;
    assert_ne!(first, second);
}

#[test]
fn an_attempt_over_its_time_limit_is_told_to_stop_and_fails_as_a_timeout() {
    let (mut world, agents) = World::with_machines(1);
    world.store(
        DocumentSpec::Workflow(crate::fleet::WorkflowSpec {
            timeout_ms: 20_000,
            retry: retries(1, 0),
            ..workflow_spec()
        }),
        "short",
    );
    let job = world.submit(request("short"));
    let offer = world.start(&agents[0]);
    world.wait(seconds(20));
    let reply = world.renew(&agents[0], &offer).unwrap();
    assert!(matches!(reply.answer, Answer::Stop { why: RevokeWhy::Timeout, .. }), "{reply:?}");
    world.complete(&agents[0], &offer, End::Cancelled);
    assert_eq!(world.failure_category(job), Category::Timeout);
}

#[test]
fn jobs_that_do_not_run_are_cancelled_at_once_and_twice_is_as_once() {
    let mut world = World::empty();
    let run_at = Some(world.now.wall.saturating_add(seconds(60)));
    let scheduled = world.submit(crate::fleet::JobRequest { run_at, ..request("enter") });
    let blocked = world.submit(request("enter"));
    let _agent = world.join("vm-1", "default", &[]);
    let queued = world.submit(request("enter"));
    for job in [scheduled, queued, blocked] {
        let reply = cancel(&mut world, job).unwrap();
        assert_eq!((reply.did, reply.job.name_of_state()), (JobDid::Cancelled, StateName::Cancelled));
        assert_eq!(cancel(&mut world, job).unwrap().did, JobDid::Cancelled);
    }
}

#[test]
fn a_job_that_is_only_offered_is_cancelled_at_once_and_the_machine_is_free() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.offer(&agents[0]);
    assert_eq!(cancel(&mut world, job).unwrap().did, JobDid::Cancelled);
    let refusal = world.report(&agents[0], &offer, 1, ReportBody::Accept).unwrap_err();
    assert_eq!(refusal.code(), "lease_lost");
    assert!(world.machine(&agents[0]).lease.is_none());
}

#[test]
fn a_running_job_is_cancelled_when_its_agent_has_stopped() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let reply = cancel(&mut world, job).unwrap();
    assert_eq!((reply.did, world.state(job)), (JobDid::CancelRequested, StateName::Running));
    assert!(world.job(job).cancel_requested_at().is_some());
    assert_eq!(cancel(&mut world, job).unwrap().did, JobDid::CancelRequested);
    let assignment = world.poll_holding(&agents[0], &offer);
    assert!(matches!(assignment, Assignment::Stop { why: RevokeWhy::Cancel, .. }), "{assignment:?}");
    world.complete(&agents[0], &offer, End::Cancelled);
    assert_eq!(world.state(job), StateName::Cancelled);
    assert!(world.machine(&agents[0]).lease.is_none());
}

#[test]
fn success_is_success_even_if_a_cancel_is_pending() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    cancel(&mut world, job).unwrap();
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    assert_eq!(world.state(job), StateName::Succeeded);
    assert_eq!(cancel(&mut world, job).unwrap_err().code(), "wrong_state");
}

#[test]
fn a_failure_while_a_cancel_is_pending_is_a_cancel() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    cancel(&mut world, job).unwrap();
    world.complete(&agents[0], &offer, failed(Category::TargetNotFound));
    assert_eq!(world.state(job), StateName::Cancelled);
}

#[test]
fn a_deadline_fails_a_job_that_waits() {
    let mut world = World::empty();
    let deadline = Some(world.now.wall.saturating_add(seconds(10)));
    let job = world.submit(crate::fleet::JobRequest { deadline, ..request("enter") });
    world.wait(seconds(10));
    assert_eq!(world.failure_category(job), Category::Deadline);
}

#[test]
fn a_deadline_stops_a_job_that_runs_and_it_ends_failed() {
    let (mut world, agents) = World::with_machines(1);
    let deadline = Some(world.now.wall.saturating_add(seconds(10)));
    let job = world.submit(crate::fleet::JobRequest { deadline, ..request("enter") });
    let offer = world.start(&agents[0]);
    world.wait(seconds(10));
    assert_eq!(world.state(job), StateName::Running);
    let assignment = world.poll_holding(&agents[0], &offer);
    assert!(matches!(assignment, Assignment::Stop { why: RevokeWhy::Deadline, .. }), "{assignment:?}");
    world.complete(&agents[0], &offer, End::Cancelled);
    assert_eq!(world.failure_category(job), Category::Deadline);
}

#[test]
fn a_deadline_takes_back_an_offer() {
    let (mut world, agents) = World::with_machines(1);
    let deadline = Some(world.now.wall.saturating_add(seconds(3)));
    let job = world.submit(crate::fleet::JobRequest { deadline, ..request("enter") });
    world.wait(seconds(3));
    assert_eq!(world.failure_category(job), Category::Deadline);
    assert!(world.machine(&agents[0]).lease.is_none());
}

#[test]
fn no_attempt_follows_that_could_not_begin_before_the_deadline() {
    let (mut world, agents) = World::with_machines(1);
    let deadline = Some(world.now.wall.saturating_add(seconds(5)));
    let job = world.submit(crate::fleet::JobRequest { deadline, ..request("enter") });
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, failed(Category::TargetNotFound));
    assert_eq!(world.failure_category(job), Category::TargetNotFound);
}

#[test]
fn a_failed_job_is_retried_as_a_new_one() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(crate::fleet::JobRequest { key: Some("mrn-1".to_owned()), ..request("enter") });
    assert_eq!(retry(&mut world, job).unwrap_err().code(), "wrong_state");
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, failed(Category::Business));
    let again = retry(&mut world, job).unwrap();
    assert_eq!(world.job(again).spec.retry_of, Some(job));
    assert_eq!(world.job(again).spec.key.as_deref(), Some("mrn-1"));
    assert_eq!(retry_with(&mut world, job, Some("twice")).unwrap_err().code(), "duplicate_key");
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    let late = retry_with(&mut world, job, Some("twice")).unwrap_err();
    assert_eq!(late.code(), "duplicate_key", "its key has succeeded meanwhile");
    assert_eq!(retry(&mut world, again).unwrap_err().code(), "wrong_state");
}

#[test]
fn a_job_is_retried_once_and_then_what_was_made_of_it() {
    let mut world = World::empty();
    let first = world.submit(request("enter"));
    cancel(&mut world, first).unwrap();
    let command = |job| Command::RetryJob(RetryJob { job, force: None, idempotency: None, by: person() });
    let answers = world.execute_together(vec![command(first), command(first)]);
    let Ok(Reply::Job(made)) = &answers[0] else { panic!("{answers:?}") };
    let second = made.job.id;
    let told = |state| Refusal::Retried { job: first, state, retry: second };
    assert_eq!(answers[1], Err(told(StateName::Cancelled)), "also in the very same commit");
    cancel(&mut world, second).unwrap();
    world.restart();
    let refused = retry(&mut world, first).unwrap_err();
    assert_eq!((refused.code(), &refused), ("wrong_state", &told(StateName::Cancelled)));
    assert!(refused.to_string().contains(&second.to_string()), "{refused}");
    let third = retry(&mut world, second).unwrap();
    assert_eq!(world.job(third).spec.retry_of, Some(second));
    let fourth = retry_with(&mut world, first, Some("both are wanted")).unwrap();
    assert_eq!(
        retry(&mut world, first),
        Err(Refusal::Retried { job: first, state: StateName::Cancelled, retry: fourth })
    );
}

#[test]
fn the_same_request_twice_is_one_job_also_in_one_commit() {
    let mut world = World::empty();
    let submit = |body: &str| {
        let idempotency = Some(key("one", body));
        Command::SubmitJob(crate::fleet::SubmitJob { request: request("enter"), idempotency, by: person() })
    };
    let answers = world.execute_together(vec![submit("a"), submit("a"), submit("b")]);
    let (Ok(Reply::Job(first)), Ok(Reply::Job(second))) = (&answers[0], &answers[1]) else { panic!("{answers:?}") };
    assert_eq!((first.did, second.did), (JobDid::Created, JobDid::Replayed));
    assert_eq!(first.job.id, second.job.id);
    assert_eq!(answers[2], Err(Refusal::IdempotencyMismatch));
    let other = world.submit_by(request("enter"), team_member("warehouse"), Some(key("one", "a"))).unwrap();
    assert_ne!(other, first.job.id, "another token has keys of its own");
}

#[test]
fn an_idempotency_key_is_kept_for_a_day_after_the_job_settled() {
    let mut world = World::empty();
    let job = world.submit_by(request("enter"), person(), Some(key("one", "a"))).unwrap();
    world.wait(seconds(100_000));
    assert_eq!(world.submit_by(request("enter"), person(), Some(key("one", "a"))), Ok(job), "open for long");
    cancel(&mut world, job).unwrap();
    world.wait(seconds(86_399));
    assert_eq!(world.submit_by(request("enter"), person(), Some(key("one", "a"))), Ok(job));
    world.restart();
    assert_eq!(world.submit_by(request("enter"), person(), Some(key("one", "a"))), Ok(job));
    world.wait(seconds(2));
    assert_ne!(world.submit_by(request("enter"), person(), Some(key("one", "a"))), Ok(job));
}

#[test]
fn a_key_is_taken_while_its_job_is_open_or_has_succeeded() {
    let (mut world, agents) = World::with_machines(1);
    let keyed = || crate::fleet::JobRequest { key: Some("mrn-42".to_owned()), ..request("enter") };
    let job = world.submit(keyed());
    let refusal = world.submit_by(keyed(), person(), None).unwrap_err();
    assert!(matches!(refusal, Refusal::DuplicateKey { job: other, .. } if other == job), "{refusal:?}");
    cancel(&mut world, job).unwrap();
    let again = world.submit(keyed());
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    let refusal = world.submit_by(keyed(), person(), None).unwrap_err();
    assert!(matches!(refusal, Refusal::DuplicateKey { job: other, .. } if other == again), "{refusal:?}");
    world.restart();
    assert_eq!(world.submit_by(keyed(), person(), None).unwrap_err().code(), "duplicate_key");
    world.wait(365 * seconds(86_400));
    assert!(world.submit_by(keyed(), person(), None).is_ok(), "after a year it is free again");
}

#[test]
fn a_request_is_told_everything_that_is_wrong_with_it() {
    let mut world = World::empty();
    let past = Some(world.now.wall);
    let bad = crate::fleet::JobRequest {
        pool: Some(name("moon")),
        machine: Some(machine_name("vm-404")),
        priority: 101,
        deadline: past,
        key: Some(String::new()),
        ..request("enter")
    };
    let Err(Refusal::Invalid { faults }) = world.submit_by(bad, person(), None) else { panic!("it is not valid") };
    let mut pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    pointers.sort_unstable();
    assert_eq!(pointers, ["/deadline", "/key", "/machine", "/pool", "/priority"]);
    let unknown = world.submit_by(request("nothing"), person(), None).unwrap_err();
    assert_eq!(unknown.code(), "not_found");
    let version = crate::fleet::JobRequest { version: Some(7), ..request("enter") };
    assert_eq!(world.submit_by(version, person(), None).unwrap_err().code(), "invalid");
}

#[test]
fn the_queue_has_a_limit() {
    let mut world = World::empty();
    let settings = crate::fleet::Settings { max_open_jobs: 2, ..world.fleet.settings().clone() };
    world.fleet = crate::fleet::Fleet::load(settings, world.disk.rows(), world.now);
    world.submit(request("enter"));
    let job = world.submit(request("enter"));
    assert_eq!(world.submit_by(request("enter"), person(), None).unwrap_err().code(), "overloaded");
    cancel(&mut world, job).unwrap();
    world.submit(request("enter"));
}

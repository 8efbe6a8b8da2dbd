//! Review: nobody knows what a job has done, until a person has looked.

use super::world::*;
use crate::{
    fleet::{
        CancelJob, Category, Command, Decided, Effect, End, FailedStep, IntentReport, JobDid, JobRequest, Progress,
        Refusal, Reply, ReportBody, RetryJob, ReviewJob, SettledReport, StateName, SubmitBatch, WorkflowSpec,
        document::DocumentSpec, reply::JobReply,
    },
    ids::{BatchId, JobId, Json},
};

fn step() -> FailedStep {
    FailedStep { path: "steps/4".to_owned(), id: None, action: "click".to_owned() }
}

fn intent(world: &mut World, agent: &Agent, offer: &crate::fleet::Offer, number: u64) {
    let intent = IntentReport { step: step(), key: None, vars: Json::new("{}"), can_settle: false };
    world.report(agent, offer, number, ReportBody::Intent(intent)).unwrap();
}

fn complete(world: &mut World, agent: &Agent, offer: &crate::fleet::Offer, number: u64, end: End) {
    world.report(agent, offer, number, ReportBody::Complete { progress: Progress::default(), end }).unwrap();
}

/// Runs what is offered until nobody knows what it has done.
fn leave_in_doubt(world: &mut World, agent: &Agent) -> JobId {
    let offer = world.start(agent);
    intent(world, agent, &offer, 3);
    complete(world, agent, &offer, 4, failed(Category::AppCrashed));
    assert_eq!(world.state(offer.job), StateName::NeedsReview);
    offer.job
}

fn review(world: &mut World, job: JobId, decision: Decided) -> Result<JobReply, Refusal> {
    let note = Some("looked at the list of patients".to_owned());
    let review = ReviewJob { job, decision, attempt: None, note, by: person() };
    let Reply::Job(reply) = world.execute(Command::ReviewJob(review))? else { unreachable!() };
    Ok(*reply)
}

#[test]
fn a_decision_about_an_earlier_attempt_decides_nothing() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let job = leave_in_doubt(&mut world, &agents[0]);
    let note = Some("not in the list".to_owned());
    let retry = ReviewJob { job, decision: Decided::Retry, attempt: Some(1), note, by: person() };
    world.execute(Command::ReviewJob(retry.clone())).unwrap();
    let offer = world.start(&agents[0]);
    intent(&mut world, &agents[0], &offer, 3);
    complete(&mut world, &agents[0], &offer, 4, failed(Category::AppCrashed));
    assert_eq!(world.state(job), StateName::NeedsReview);
    // The same request, from a client that has waited for its answer all the while.
    let late = world.execute(Command::ReviewJob(retry.clone()));
    assert!(matches!(late, Err(Refusal::WrongState { .. })), "{late:?}");
    assert_eq!(world.state(job), StateName::NeedsReview);
    world.execute(Command::ReviewJob(ReviewJob { attempt: Some(2), ..retry })).unwrap();
    assert_eq!(world.state(job), StateName::Running);
}

fn keyed() -> JobRequest {
    JobRequest { key: Some("mrn-1".to_owned()), ..request("enter") }
}

#[test]
fn a_job_found_not_done_is_queued_again_and_does_it() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(keyed());
    let job = leave_in_doubt(&mut world, &agents[0]);
    world.restart();
    world.poll(&agents[0]);
    let mark = world.events.len();
    let reply = review(&mut world, job, Decided::Retry).unwrap();
    assert_eq!((reply.did, reply.job.name_of_state()), (JobDid::Reviewed, StateName::Running));
    assert!(world.kinds_since(mark).contains(&"job.reviewed"));
    assert_eq!(world.job(job).reviews[0].note.as_deref(), Some("looked at the list of patients"));
    let offer = world.start(&agents[0]);
    assert_eq!((offer.job, offer.number), (job, 2));
    assert!(offer.journal.as_ref().is_some_and(|journal| journal.intent.is_none()), "nothing is left to settle");
    assert_eq!(world.submit_by(keyed(), person(), None).unwrap_err().code(), "duplicate_key");
    intent(&mut world, &agents[0], &offer, 3);
    complete(&mut world, &agents[0], &offer, 4, End::Succeeded { output: None });
    assert_eq!(world.state(job), StateName::Succeeded);
    assert_eq!(world.submit_by(keyed(), person(), None).unwrap_err().code(), "duplicate_key");
}

#[test]
fn a_retry_goes_on_after_what_is_known_to_be_done_and_never_does_that_again() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let first = FailedStep { path: "steps/2".to_owned(), ..step() };
    let intended = IntentReport { step: first.clone(), key: None, vars: Json::new("{}"), can_settle: false };
    let settled = SettledReport { step: first, key: None, done: true, vars: Json::new("{}") };
    world.report(&agents[0], &offer, 3, ReportBody::Intent(intended.clone())).unwrap();
    world.report(&agents[0], &offer, 4, ReportBody::Settled(settled)).unwrap();
    intent(&mut world, &agents[0], &offer, 5);
    complete(&mut world, &agents[0], &offer, 6, failed(Category::AppCrashed));
    review(&mut world, job, Decided::Retry).unwrap();
    let offer = world.start(&agents[0]);
    let after = offer.journal.as_ref().and_then(|journal| journal.done.last()).map(|step| step.path.clone());
    assert_eq!(after.as_deref(), Some("steps/2"));
    let again = world.report(&agents[0], &offer, 3, ReportBody::Intent(intended)).unwrap_err();
    assert_eq!(again.code(), "conflict");
    complete(&mut world, &agents[0], &offer, 3, failed(Category::TargetNotFound));
    assert_eq!((world.state(job), world.job(job).failure().unwrap().effect), (StateName::Failed, Effect::Committed));
}

#[test]
fn an_offer_that_is_taken_back_costs_a_job_nothing_whatever_it_has_done_before() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    intent(&mut world, &agents[0], &offer, 3);
    let done = SettledReport { step: step(), key: None, done: true, vars: Json::new("{}") };
    world.report(&agents[0], &offer, 4, ReportBody::Settled(done)).unwrap();
    let other = FailedStep { path: "steps/6".to_owned(), ..step() };
    let again = IntentReport { step: other, key: None, vars: Json::new("{}"), can_settle: false };
    world.report(&agents[0], &offer, 5, ReportBody::Intent(again)).unwrap();
    complete(&mut world, &agents[0], &offer, 6, failed(Category::AppCrashed));
    review(&mut world, job, Decided::Retry).unwrap();
    assert_eq!(world.offer(&agents[0]).job, job);
    world.set_mode(&agents[0], crate::fleet::ModeName::Draining, false).unwrap();
    assert_eq!(world.state(job), StateName::Queued, "no machine has begun with it");
    world.set_mode(&agents[0], crate::fleet::ModeName::Active, false).unwrap();
    let offer = world.accept(&agents[0]);
    world.set_mode(&agents[0], crate::fleet::ModeName::Quarantined, true).unwrap();
    complete(&mut world, &agents[0], &offer, 2, End::Cancelled);
    assert_eq!(world.state(job), StateName::Queued, "and still none has");
}

#[test]
fn a_job_found_done_has_succeeded_and_one_left_undone_has_failed() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(keyed());
    let done = leave_in_doubt(&mut world, &agents[0]);
    review(&mut world, done, Decided::Succeed).unwrap();
    assert_eq!(world.state(done), StateName::Succeeded);
    assert_eq!(world.job(done).attempts[0].effect, Effect::Committed);
    assert!(world.job(done).finished_at.is_some());
    assert_eq!(world.submit_by(keyed(), person(), None).unwrap_err().code(), "duplicate_key");

    let other = || JobRequest { key: Some("mrn-2".to_owned()), ..request("enter") };
    world.submit(other());
    let undone = leave_in_doubt(&mut world, &agents[0]);
    let mark = world.events.len();
    review(&mut world, undone, Decided::Fail).unwrap();
    assert_eq!(world.kinds_since(mark), ["job.reviewed", "job.failed"]);
    let failure = world.job(undone).failure().unwrap();
    assert_eq!((failure.category, failure.effect), (Category::AppCrashed, Effect::Unknown));
    assert!(failure.message.contains("reviewed as failed: looked at"), "{}", failure.message);
    let retry = RetryJob { job: undone, force: None, idempotency: None, by: person() };
    assert_eq!(world.execute(Command::RetryJob(retry)).unwrap_err().code(), "wrong_state", "it may have been done");
    world.restart();
    assert!(world.submit_by(other(), person(), None).is_ok(), "its key is free");
}

#[test]
fn a_key_is_free_again_when_a_retried_job_fails_in_the_end() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(keyed());
    let job = leave_in_doubt(&mut world, &agents[0]);
    review(&mut world, job, Decided::Retry).unwrap();
    let offer = world.start(&agents[0]);
    complete(&mut world, &agents[0], &offer, 3, failed(Category::Business));
    assert_eq!(world.state(job), StateName::Failed);
    assert!(world.submit_by(keyed(), person(), None).is_ok());
}

#[test]
fn a_retry_needs_a_reason_and_only_a_job_in_doubt_is_reviewed() {
    let (mut world, agents) = World::with_machines(1);
    let open = world.submit(request("enter"));
    assert_eq!(review(&mut world, open, Decided::Succeed).unwrap_err().code(), "wrong_state");
    let job = leave_in_doubt(&mut world, &agents[0]);
    let bare = ReviewJob { job, decision: Decided::Retry, attempt: None, note: None, by: person() };
    let Err(Refusal::Invalid { faults }) = world.execute(Command::ReviewJob(bare.clone())) else { panic!("no note") };
    assert_eq!(faults[0].pointer, "/note");
    let cancel = Command::CancelJob(CancelJob { job, by: person() });
    assert_eq!(world.execute(cancel).unwrap_err().code(), "wrong_state", "a cancel cannot undo it");
    world.execute(Command::ReviewJob(ReviewJob { decision: Decided::Fail, ..bare })).unwrap();
    assert_eq!(review(&mut world, job, Decided::Fail).unwrap_err().code(), "wrong_state", "once");
    assert_eq!(review(&mut world, JobId::from_raw(7), Decided::Fail).unwrap_err().code(), "not_found");
}

#[test]
fn a_retry_has_the_attempts_of_its_policy_anew_and_no_deadline_that_is_over() {
    let (mut world, agents) = World::with_machines(1);
    world.store(DocumentSpec::Workflow(WorkflowSpec { retry: retries(2, 0), ..workflow_spec() }), "twice");
    let deadline = Some(world.now.wall.saturating_add(seconds(60)));
    world.submit(JobRequest { deadline, ..request("twice") });
    let job = leave_in_doubt(&mut world, &agents[0]);
    world.wait(seconds(60));
    world.poll(&agents[0]);
    review(&mut world, job, Decided::Retry).unwrap();
    for number in [2, 3] {
        let offer = world.start(&agents[0]);
        assert_eq!(offer.number, number);
        complete(&mut world, &agents[0], &offer, 3, failed(Category::Desktop));
    }
    assert_eq!((world.state(job), world.failure_category(job)), (StateName::Failed, Category::Desktop));
}

#[test]
fn a_review_reopens_the_batch_of_the_job_also_in_the_same_commit() {
    let (mut world, agents) = World::with_machines(1);
    let items = vec![request("enter")];
    let batch = SubmitBatch { items, max_running: None, stop_after_failures: None, idempotency: None, by: person() };
    let Ok(Reply::Batch(reply)) = world.execute(Command::SubmitBatch(batch)) else { panic!("it is stored") };
    let batch: BatchId = reply.batch.id;
    let offer = world.start(&agents[0]);
    intent(&mut world, &agents[0], &offer, 3);
    let job = offer.job;
    let end = ReportBody::Complete { progress: Progress::default(), end: failed(Category::AppCrashed) };
    let note = Some("not in the list".to_owned());
    let retry = ReviewJob { job, decision: Decided::Retry, attempt: None, note, by: person() };
    let answers = world
        .execute_together(vec![Command::Report(report(&agents[0], &offer, 4, end)), Command::ReviewJob(retry.clone())]);
    assert!(answers.iter().all(Result::is_ok), "{answers:?}");
    assert_eq!(world.disk.batches[&batch].finished_at, None);
    assert_eq!(world.disk.batches[&batch].counts.running(), 1);
    let offer = world.start(&agents[0]);
    intent(&mut world, &agents[0], &offer, 3);
    complete(&mut world, &agents[0], &offer, 4, failed(Category::AppCrashed));
    assert!(world.disk.batches[&batch].finished_at.is_some(), "all its jobs are settled");
    world.restart();
    world.poll(&agents[0]);
    world.execute(Command::ReviewJob(retry)).unwrap();
    assert_eq!(world.disk.batches[&batch].counts.running(), 1);
    let offer = world.start(&agents[0]);
    intent(&mut world, &agents[0], &offer, 3);
    complete(&mut world, &agents[0], &offer, 4, failed(Category::AppCrashed));
    review(&mut world, job, Decided::Succeed).unwrap();
    let done = &world.disk.batches[&batch];
    assert_eq!((done.counts.get(StateName::Succeeded), done.counts.total()), (1, 1));
    assert!(done.finished_at.is_some());
}

#[test]
fn a_retry_whose_pool_has_no_machine_is_blocked_and_one_whose_workflow_is_gone_refused() {
    let (mut world, agents) = World::with_machines(1);
    let first = world.submit(request("enter"));
    let job = leave_in_doubt(&mut world, &agents[0]);
    assert_eq!(first, job);
    world
        .execute(Command::RemoveMachine(crate::fleet::RemoveMachine { machine: agents[0].name.clone(), by: person() }))
        .unwrap();
    review(&mut world, job, Decided::Retry).unwrap();
    assert_eq!(world.blocked_code(job), "no_machine");
}

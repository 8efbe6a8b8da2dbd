//! Rule 7: what an attempt may have done is written ahead, found out before anything is done again, and else a person decides.

use super::world::*;
use crate::{
    fleet::{
        Answer, Assignment, CancelJob, Category, Command, Effect, End, FailedStep, IntentReport, JobState, LoopItem,
        LoopItemState, LoopKey, LoopReport, ModeName, Offer, Outcome, Phase, Progress, Refusal, ReportBody,
        ReportReply, RevokeWhy, SettledReport, StateName, WorkflowSpec, document::DocumentSpec,
    },
    ids::{JobId, Json},
};

fn at(path: &str) -> FailedStep {
    FailedStep { path: path.to_owned(), id: Some("save".to_owned()), action: "click".to_owned() }
}

fn round(key: &str) -> LoopKey {
    LoopKey { path: "steps/2".to_owned(), key: key.to_owned() }
}

fn intent(can_settle: bool) -> ReportBody {
    ReportBody::Intent(IntentReport { step: at("steps/4"), key: None, vars: Json::new("{\"mrn\":1}"), can_settle })
}

fn settled(done: bool) -> ReportBody {
    ReportBody::Settled(SettledReport { step: at("steps/4"), key: None, done, vars: Json::new("{\"mrn\":2}") })
}

fn round_intent(key: &str) -> ReportBody {
    let step = at("steps/2/steps/0");
    ReportBody::Intent(IntentReport { step, key: Some(round(key)), vars: Json::new("{}"), can_settle: true })
}

fn round_settled(key: &str, done: bool) -> ReportBody {
    ReportBody::Settled(SettledReport {
        step: at("steps/2/steps/0"),
        key: Some(round(key)),
        done,
        vars: Json::new("{}"),
    })
}

fn rounds(total: Option<u32>, items: &[(&str, LoopItemState)]) -> ReportBody {
    let items = items.iter().map(|(key, state)| LoopItem {
        key: (*key).to_owned(),
        state: *state,
        result: (*state != LoopItemState::Pending).then(|| Json::new(format!("\"result of {key}\""))),
    });
    ReportBody::Loop(LoopReport { path: "steps/2".to_owned(), total, items: items.collect() })
}

fn end(end: End) -> ReportBody {
    ReportBody::Complete { progress: Progress::default(), end }
}

/// A workflow whose failures are tried again at once.
fn twice(world: &mut World) {
    world.store(DocumentSpec::Workflow(WorkflowSpec { retry: retries(2, 0), ..workflow_spec() }), "twice");
}

fn once(world: &mut World) {
    world.store(DocumentSpec::Workflow(WorkflowSpec { retry: retries(1, 0), ..workflow_spec() }), "once");
}

fn says(reply: &Result<ReportReply, Refusal>, why: RevokeWhy) {
    let answer = reply.as_ref().map(|reply| &reply.answer);
    assert!(matches!(answer, Ok(Answer::Stop { why: told, .. }) if *told == why), "{reply:?}");
}

fn goes_on(reply: &Result<ReportReply, Refusal>) {
    assert!(matches!(reply.as_ref().map(|reply| &reply.answer), Ok(Answer::Continue { .. })), "{reply:?}");
}

fn cancel(world: &mut World, job: JobId) {
    world.execute(Command::CancelJob(CancelJob { job, by: person() })).unwrap();
}

fn effects(world: &World, job: JobId) -> Vec<Effect> {
    world.job(job).attempts.iter().map(|attempt| attempt.effect).collect()
}

/// The machine falls silent until its lease has lapsed, then comes back as a new start of its agent and takes what is offered.
fn lose(world: &mut World, agent: &mut Agent) {
    world.wait(seconds(33));
    world.start_agent(agent);
}

fn resumed(offer: &Offer) -> &crate::fleet::Journal {
    offer.journal.as_deref().expect("an attempt before it has left something")
}

#[test]
fn a_commit_is_intended_verified_and_its_job_succeeds() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let mark = world.events.len();
    goes_on(&world.report(&agents[0], &offer, 3, intent(false)));
    assert_eq!(world.job(job).run().unwrap().phase, Phase::Committing);
    assert_eq!(effects(&world, job), [Effect::Unknown]);
    goes_on(&world.report(&agents[0], &offer, 4, settled(true)));
    assert_eq!(world.job(job).run().unwrap().phase, Phase::Executing);
    assert_eq!(effects(&world, job), [Effect::Committed]);
    world.report(&agents[0], &offer, 5, end(End::Succeeded { output: None })).unwrap();
    assert_eq!(world.state(job), StateName::Succeeded);
    let told = world.kinds_since(mark);
    assert!(told.starts_with(&["attempt.intent_recorded", "attempt.effect_settled"]), "{told:?}");
    assert_eq!(world.job(job).journal.vars, None, "what only a later attempt needs is not kept");
}

#[test]
fn success_proves_a_commit_that_nothing_verifies() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(false)).unwrap();
    world.report(&agents[0], &offer, 4, end(End::Succeeded { output: None })).unwrap();
    assert_eq!((world.state(job), effects(&world, job)), (StateName::Succeeded, vec![Effect::Committed]));
}

#[test]
fn without_an_intent_a_lost_attempt_is_tried_again() {
    let (mut world, mut agents) = World::with_machines(1);
    twice(&mut world);
    let job = world.submit(request("twice"));
    world.start(&agents[0]);
    lose(&mut world, &mut agents[0]);
    let offer = world.offer(&agents[0]);
    assert_eq!((offer.job, offer.number, offer.journal), (job, 2, None));
}

#[test]
fn an_intent_whose_attempt_is_lost_needs_a_review_where_nothing_can_settle_it() {
    let (mut world, mut agents) = World::with_machines(1);
    twice(&mut world);
    let job = world.submit(crate::fleet::JobRequest { key: Some("mrn-1".to_owned()), ..request("twice") });
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(false)).unwrap();
    lose(&mut world, &mut agents[0]);
    assert_eq!(world.state(job), StateName::NeedsReview);
    let failure = world.job(job).failure().unwrap();
    assert_eq!((failure.category, failure.effect), (Category::MachineLost, Effect::Unknown));
    for part in ["save (steps/4, click)", "is not known", "vm-1", "review"] {
        assert!(failure.message.contains(part), "{}", failure.message);
    }
    assert!(world.fleet.jobs().count() == 0, "it waits on disk");
    let keyed = crate::fleet::JobRequest { key: Some("mrn-1".to_owned()), ..request("twice") };
    assert_eq!(world.submit_by(keyed, person(), None).unwrap_err().code(), "duplicate_key", "it may have been done");
}

#[test]
fn a_later_attempt_on_any_machine_settles_what_is_open_and_goes_on_after_it() {
    let (mut world, agents) = World::with_machines(2);
    twice(&mut world);
    let job = world.submit(request("twice"));
    let first = agents.iter().find(|agent| Some(agent.machine) == world.job(job).run().map(|run| run.machine)).unwrap();
    let offer = world.start(first);
    world.report(first, &offer, 3, intent(true)).unwrap();
    world.report(first, &offer, 4, end(failed(Category::Assertion))).unwrap();
    assert_ne!(world.state(job), StateName::NeedsReview);
    world.wait(seconds(1));
    let run = world.job(job).run().expect("an attempt that settles follows, whatever the policy says of the category");
    let second = agents.iter().find(|agent| agent.machine == run.machine).unwrap();
    assert_ne!(second.machine, first.machine);
    let offer = world.start(second);
    let journal = resumed(&offer);
    assert_eq!(journal.vars, Some(Json::new("{\"mrn\":1}")));
    assert_eq!(journal.intent.as_ref().map(|intent| intent.step.path.as_str()), Some("steps/4"));
    let too_soon = world.report(second, &offer, 3, end(End::Succeeded { output: None })).unwrap_err();
    assert_eq!(too_soon.code(), "conflict");
    goes_on(&world.report(second, &offer, 3, settled(true)));
    assert_eq!(effects(&world, job), [Effect::Committed, Effect::None]);
    let again = world.report(second, &offer, 4, intent(true)).unwrap_err();
    assert_eq!(again.code(), "conflict", "what is done is not done again");
    world.report(second, &offer, 4, end(End::Succeeded { output: None })).unwrap();
    assert_eq!(world.state(job), StateName::Succeeded);
}

#[test]
fn an_intent_under_a_number_that_was_something_else_is_not_recorded() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let steps = ReportBody::Steps(step(1));
    goes_on(&world.report(&agents[0], &offer, 3, steps.clone()));
    // A machine set back to a moment ago says something else this time.
    let stale = Err(Refusal::WrongNumber { got: 3, expected: 4 });
    assert_eq!(world.report(&agents[0], &offer, 3, intent(true)), stale);
    assert!(world.job(job).journal.intent.is_none());
    world.restart();
    assert_eq!(world.report(&agents[0], &offer, 3, intent(true)), stale, "also after a restart");
    goes_on(&world.report(&agents[0], &offer, 3, steps));
    goes_on(&world.report(&agents[0], &offer, 4, round_intent("a")));
    let other = Err(Refusal::WrongNumber { got: 4, expected: 5 });
    assert_eq!(world.report(&agents[0], &offer, 4, round_intent("b")), other);
    assert!(world.report(&agents[0], &offer, 4, round_intent("a")).unwrap().repeated);
    goes_on(&world.report(&agents[0], &offer, 5, round_settled("a", true)));
    let done = end(End::Succeeded { output: None });
    world.report(&agents[0], &offer, 6, done.clone()).unwrap();
    assert_eq!(world.report(&agents[0], &offer, 6, intent(true)).unwrap_err().code(), "lease_lost");
    assert!(world.report(&agents[0], &offer, 6, done).unwrap().repeated);
}

#[test]
fn what_has_not_happened_is_done_by_the_attempt_that_found_out() {
    let (mut world, mut agents) = World::with_machines(1);
    twice(&mut world);
    let job = world.submit(request("twice"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    lose(&mut world, &mut agents[0]);
    let offer = world.start(&agents[0]);
    assert!(!resumed(&offer).settle_only, "the policy grants a second attempt");
    goes_on(&world.report(&agents[0], &offer, 3, settled(false)));
    assert_eq!(effects(&world, job), [Effect::None, Effect::None]);
    goes_on(&world.report(&agents[0], &offer, 4, intent(true)));
    goes_on(&world.report(&agents[0], &offer, 5, settled(true)));
    world.report(&agents[0], &offer, 6, end(End::Succeeded { output: None })).unwrap();
    assert_eq!((world.state(job), effects(&world, job)), (StateName::Succeeded, vec![Effect::None, Effect::Committed]));
}

#[test]
fn beyond_the_policy_an_attempt_only_finds_out_and_the_job_fails_as_it_did() {
    let (mut world, mut agents) = World::with_machines(1);
    once(&mut world);
    let job = world.submit(request("once"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    world.report(&agents[0], &offer, 4, end(failed(Category::Business))).unwrap();
    world.wait(seconds(1));
    world.start_agent(&mut agents[0]);
    let offer = world.start(&agents[0]);
    assert!(resumed(&offer).settle_only);
    goes_on(&world.report(&agents[0], &offer, 3, settled(false)));
    assert_eq!(world.report(&agents[0], &offer, 4, intent(true)).unwrap_err().code(), "conflict", "it only finds out");
    let success = end(End::Succeeded { output: None });
    assert_eq!(world.report(&agents[0], &offer, 4, success).unwrap_err().code(), "conflict");
    world.report(&agents[0], &offer, 4, end(failed(Category::Assertion))).unwrap();
    let failure = world.job(job).failure().unwrap();
    assert_eq!((failure.category, failure.effect, failure.attempt), (Category::Business, Effect::None, Some(1)));
    assert!(failure.message.contains("attempt 2 found out that it has not"), "{}", failure.message);
}

#[test]
fn three_attempts_beyond_the_policy_that_find_out_nothing_leave_it_to_a_person() {
    let (mut world, mut agents) = World::with_machines(1);
    once(&mut world);
    let job = world.submit(request("once"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    for number in 2..=4 {
        lose(&mut world, &mut agents[0]);
        world.wait(seconds(1));
        world.poll(&agents[0]);
        let offer = world.start(&agents[0]);
        assert_eq!((offer.number, resumed(&offer).settle_only), (number, true));
    }
    lose(&mut world, &mut agents[0]);
    assert_eq!(world.state(job), StateName::NeedsReview);
    assert_eq!(effects(&world, job)[0], Effect::Unknown);
}

#[test]
fn after_a_commit_that_is_done_nothing_is_replayed_and_the_failure_says_what_was_done() {
    let (mut world, mut agents) = World::with_machines(1);
    twice(&mut world);
    let failing = world.submit(request("twice"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    world.report(&agents[0], &offer, 4, settled(true)).unwrap();
    world.report(&agents[0], &offer, 5, end(failed(Category::TargetNotFound))).unwrap();
    let lost = world.submit(request("twice"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    world.report(&agents[0], &offer, 4, settled(true)).unwrap();
    lose(&mut world, &mut agents[0]);
    for job in [failing, lost] {
        assert_eq!(world.state(job), StateName::Failed);
        let failure = world.job(job).failure().unwrap();
        assert_eq!(failure.effect, Effect::Committed);
        assert!(failure.message.contains("not undone: save (steps/4, click)"), "{}", failure.message);
        let retry = crate::fleet::RetryJob { job, force: None, idempotency: None, by: person() };
        assert_eq!(world.execute(Command::RetryJob(retry.clone())).unwrap_err().code(), "wrong_state");
        let forced = crate::fleet::RetryJob { force: Some("removed by hand".to_owned()), ..retry };
        world.execute(Command::RetryJob(forced)).unwrap();
    }
}

#[test]
fn a_cancel_before_an_intent_refuses_it() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    cancel(&mut world, job);
    let reply = world.report(&agents[0], &offer, 3, intent(true));
    says(&reply, RevokeWhy::Cancel);
    assert_eq!(world.report(&agents[0], &offer, 3, intent(true)).unwrap().answer, reply.unwrap().answer, "asked again");
    assert_eq!(world.job(job).journal.intent, None, "nothing is recorded");
    world.report(&agents[0], &offer, 4, end(End::Cancelled)).unwrap();
    assert_eq!((world.state(job), effects(&world, job)), (StateName::Cancelled, vec![Effect::None]));
}

#[test]
fn a_cancel_after_an_intent_waits_until_it_is_settled() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    cancel(&mut world, job);
    goes_on(&world.renew(&agents[0], &offer));
    assert!(matches!(world.poll_holding(&agents[0], &offer), Assignment::Hold { .. }));
    says(&world.report(&agents[0], &offer, 4, settled(true)), RevokeWhy::Cancel);
    world.report(&agents[0], &offer, 5, end(End::Cancelled)).unwrap();
    let failure = world.job(job).failure().expect("a job that has done something is not simply cancelled");
    assert_eq!((failure.category, failure.effect), (Category::Cancelled, Effect::Committed));
}

#[test]
fn a_commit_that_is_never_settled_holds_a_cancel_back_only_so_long() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    cancel(&mut world, job);
    for _ in 0..6 {
        world.wait(seconds(10));
        drop(world.renew(&agents[0], &offer));
    }
    says(&world.renew(&agents[0], &offer), RevokeWhy::Cancel);
    world.wait(seconds(40));
    assert_eq!(world.state(job), StateName::NeedsReview, "it was cancelled, so that no further attempt finds out");
}

#[test]
fn deadline_time_limit_and_the_end_of_the_lease_order_themselves_before_an_intent_that_comes_later() {
    let (mut world, agents) = World::with_machines(1);
    world.store(DocumentSpec::Workflow(WorkflowSpec { timeout_ms: 20_000, ..workflow_spec() }), "short");
    let deadline = Some(world.now.wall.saturating_add(seconds(10)));
    let dated = world.submit(crate::fleet::JobRequest { deadline, ..request("enter") });
    let offer = world.start(&agents[0]);
    world.pass(seconds(10));
    says(&world.report(&agents[0], &offer, 3, intent(true)), RevokeWhy::Deadline);
    world.report(&agents[0], &offer, 4, end(End::Cancelled)).unwrap();
    assert_eq!(world.failure_category(dated), Category::Deadline);

    let limited = world.submit(request("short"));
    let offer = world.start(&agents[0]);
    // The agent's own time is over long before.
    world.wait(seconds(20));
    world.poll_holding(&agents[0], &offer);
    world.pass(seconds(30));
    says(&world.report(&agents[0], &offer, 3, intent(true)), RevokeWhy::Timeout);
    world.report(&agents[0], &offer, 4, end(End::Cancelled)).unwrap();
    assert!(matches!(world.job(limited).state, JobState::Scheduled { .. }));
    cancel(&mut world, limited);

    let lapsed = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.pass(seconds(40));
    assert_eq!(world.report(&agents[0], &offer, 3, intent(true)).unwrap_err().code(), "lease_lost");
    assert_eq!(world.job(lapsed).attempts[0].outcome, Some(Outcome::Lost));
    assert_eq!(effects(&world, lapsed), [Effect::None]);
}

#[test]
fn the_time_limit_of_an_attempt_waits_for_its_commit() {
    let (mut world, agents) = World::with_machines(1);
    world.store(DocumentSpec::Workflow(WorkflowSpec { timeout_ms: 20_000, ..workflow_spec() }), "short");
    let job = world.submit(request("short"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    world.wait(seconds(25));
    world.poll_holding(&agents[0], &offer);
    world.wait(seconds(26));
    goes_on(&world.renew(&agents[0], &offer));
    says(&world.report(&agents[0], &offer, 4, settled(true)), RevokeWhy::Timeout);
    world.report(&agents[0], &offer, 5, end(End::Cancelled)).unwrap();
    let failure = world.job(job).failure().unwrap();
    assert_eq!((failure.category, failure.effect), (Category::Timeout, Effect::Committed));
}

#[test]
fn a_deadline_or_a_cancel_between_two_attempts_leaves_what_is_open_to_a_person() {
    let (mut world, mut agents) = World::with_machines(1);
    let deadline = Some(world.now.wall.saturating_add(seconds(60)));
    let dated = world.submit(crate::fleet::JobRequest { deadline, ..request("enter") });
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    world.wait(seconds(33));
    assert!(matches!(world.job(dated).state, JobState::Scheduled { .. }), "another attempt is to settle it");
    world.wait(seconds(40));
    assert_eq!((world.state(dated), world.failure_category(dated)), (StateName::NeedsReview, Category::Deadline));

    world.start_agent(&mut agents[0]);
    let cancelled = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    world.wait(seconds(33));
    cancel(&mut world, cancelled);
    assert_eq!(world.state(cancelled), StateName::NeedsReview);
    assert_eq!(world.failure_category(cancelled), Category::Cancelled);
}

#[test]
fn a_cancel_between_two_attempts_says_which_rounds_are_done() {
    let (mut world, agents) = World::with_machines(1);
    world.store(DocumentSpec::Workflow(WorkflowSpec { retry: retries(2, 60), ..workflow_spec() }), "later");
    let job = world.submit(request("later"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, rounds(Some(9), &[])).unwrap();
    world.report(&agents[0], &offer, 4, round_intent("a")).unwrap();
    world.report(&agents[0], &offer, 5, round_settled("a", true)).unwrap();
    world.report(&agents[0], &offer, 6, end(failed(Category::TargetNotFound))).unwrap();
    assert!(matches!(world.job(job).state, JobState::Scheduled { .. }), "its other rounds are to be tried again");
    cancel(&mut world, job);
    let failure = world.job(job).failure().expect("a job that has done something is not simply cancelled");
    assert_eq!((failure.category, failure.effect), (Category::Cancelled, Effect::Committed));
    assert!(failure.message.contains("1 of 9 items of the loop steps/2 are done"), "{}", failure.message);
}

#[test]
fn a_machine_taken_out_in_a_commit_lets_another_one_settle_it_or_a_person() {
    let (mut world, agents) = World::with_machines(1);
    for (can_settle, state) in [(true, StateName::Queued), (false, StateName::NeedsReview)] {
        world.set_mode(&agents[0], ModeName::Active, false).unwrap();
        let job = world.submit(request("enter"));
        let offer = world.start(&agents[0]);
        world.report(&agents[0], &offer, 3, intent(can_settle)).unwrap();
        world.set_mode(&agents[0], ModeName::Quarantined, true).unwrap();
        goes_on(&world.renew(&agents[0], &offer));
        world.report(&agents[0], &offer, 4, end(End::Cancelled)).unwrap();
        assert_eq!(world.state(job), state);
        if !can_settle {
            return;
        }
        cancel(&mut world, job);
    }
}

#[test]
fn a_commit_is_intended_once_and_settled_once_and_in_its_order() {
    let (mut world, agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.accept(&agents[0]);
    assert_eq!(world.report(&agents[0], &offer, 2, intent(true)).unwrap_err().code(), "conflict", "not ready yet");
    world.report(&agents[0], &offer, 2, ReportBody::Ready).unwrap();
    assert_eq!(world.report(&agents[0], &offer, 3, settled(true)).unwrap_err().code(), "conflict", "nothing is open");
    let reply = world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    let again = world.report(&agents[0], &offer, 3, intent(true)).unwrap();
    assert_eq!((again.answer, again.repeated), (reply.answer, true));
    assert_eq!(world.report(&agents[0], &offer, 4, intent(true)).unwrap_err().code(), "conflict", "one is open");
    world.restart();
    world.poll_holding(&agents[0], &offer);
    world.report(&agents[0], &offer, 4, settled(true)).unwrap();
    assert_eq!(world.report(&agents[0], &offer, 5, settled(true)).unwrap_err().code(), "conflict", "it is settled");
}

#[test]
fn rounds_of_a_keyed_loop_that_are_done_are_kept_and_the_rest_is_tried_again() {
    let (mut world, mut agents) = World::with_machines(1);
    twice(&mut world);
    let job = world.submit(request("twice"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, rounds(Some(3), &[])).unwrap();
    world.report(&agents[0], &offer, 4, round_intent("a")).unwrap();
    world.report(&agents[0], &offer, 5, round_settled("a", true)).unwrap();
    world.report(&agents[0], &offer, 6, rounds(None, &[("a", LoopItemState::Done)])).unwrap();
    world.report(&agents[0], &offer, 7, rounds(None, &[("b", LoopItemState::Failed)])).unwrap();
    world.report(&agents[0], &offer, 8, round_intent("c")).unwrap();
    lose(&mut world, &mut agents[0]);

    let offer = world.start(&agents[0]);
    let counts = resumed(&offer).loops["steps/2"];
    assert_eq!((counts.total, counts.done, counts.failed, counts.committed), (Some(3), 1, 1, 1));
    assert_eq!(resumed(&offer).intent.as_ref().and_then(|intent| intent.key.clone()), Some(round("c")));
    goes_on(&world.report(&agents[0], &offer, 3, round_settled("c", true)));
    assert_eq!(world.report(&agents[0], &offer, 4, round_intent("a")).unwrap_err().code(), "conflict", "it is done");
    goes_on(&world.report(&agents[0], &offer, 4, round_intent("b")));
    goes_on(&world.report(&agents[0], &offer, 5, round_settled("b", true)));
    world.report(&agents[0], &offer, 6, end(End::Succeeded { output: None })).unwrap();
    let counts = world.job(job).journal.loops["steps/2"];
    assert_eq!((counts.done, counts.failed, counts.items), (3, 0, 3), "progress stays with the job");
    let kept = &world.disk.loop_items[&(job, round("a"))];
    assert_eq!(kept.result, Some(Json::new("\"result of a\"")));
}

#[test]
fn a_loop_that_fails_in_the_end_says_how_far_it_came() {
    let (mut world, agents) = World::with_machines(1);
    once(&mut world);
    let job = world.submit(request("once"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, rounds(Some(9), &[])).unwrap();
    world.report(&agents[0], &offer, 4, round_intent("a")).unwrap();
    world.report(&agents[0], &offer, 5, round_settled("a", true)).unwrap();
    world.report(&agents[0], &offer, 6, end(failed(Category::TargetNotFound))).unwrap();
    let failure = world.job(job).failure().unwrap();
    assert_eq!(failure.effect, Effect::Committed);
    assert!(failure.message.contains("1 of 9 items of the loop steps/2 are done"), "{}", failure.message);
}

#[test]
fn what_is_done_in_a_loop_stays_done_whatever_is_said_later() {
    let (mut world, agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.report(&agents[0], &offer, 3, round_intent("a")).unwrap();
    let early = world.report(&agents[0], &offer, 4, rounds(None, &[("a", LoopItemState::Done)])).unwrap_err();
    assert_eq!(early.code(), "conflict", "its commit is open");
    world.report(&agents[0], &offer, 4, round_settled("a", true)).unwrap();
    for (number, state) in [(5, LoopItemState::Failed), (6, LoopItemState::Pending)] {
        world.report(&agents[0], &offer, number, rounds(None, &[("a", state)])).unwrap();
        let counts = world.job(job).journal.loops["steps/2"];
        assert_eq!((counts.items, counts.done, counts.failed, counts.committed), (1, 1, 0, 1));
    }
}

#[test]
fn what_a_journal_holds_has_limits_each_with_its_error() {
    let (mut world, agents) = World::with_machines(1);
    let settings = crate::fleet::Settings {
        max_vars_bytes: 20,
        max_result_bytes: 14,
        max_loop_items: 2,
        max_results_bytes: 30,
        ..world.fleet.settings().clone()
    };
    world.fleet = crate::fleet::Fleet::load(settings, world.disk.rows(), world.now);
    world.poll(&agents[0]);
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let vars = |vars: &str| {
        let vars = Json::new(vars);
        ReportBody::Intent(IntentReport { step: at("steps/4"), key: None, vars, can_settle: true })
    };
    let refused = |answer: Result<ReportReply, Refusal>, pointer: &str| {
        let Err(Refusal::Invalid { faults }) = answer else { panic!("it is within the limit: {answer:?}") };
        assert_eq!(faults[0].pointer, pointer);
    };
    refused(world.report(&agents[0], &offer, 3, vars("{\"name\":\"12345678901\"}")), "/body/vars");
    let long =
        [LoopItem { key: "a".to_owned(), state: LoopItemState::Done, result: Some(Json::new("123456789012345")) }];
    let long = ReportBody::Loop(LoopReport { path: "steps/2".to_owned(), total: None, items: long.into() });
    refused(world.report(&agents[0], &offer, 3, long), "/body/items/0/result");
    let three = [("a", LoopItemState::Failed), ("b", LoopItemState::Failed), ("c", LoopItemState::Failed)];
    refused(world.report(&agents[0], &offer, 3, rounds(Some(3), &[])), "/body/items");
    let bare = three.map(|(key, state)| LoopItem { key: key.to_owned(), state, result: None });
    let items = |items: &[LoopItem]| {
        ReportBody::Loop(LoopReport { path: "steps/2".to_owned(), total: None, items: items.to_vec() })
    };
    refused(world.report(&agents[0], &offer, 3, items(&bare)), "/body/items");
    goes_on(&world.report(&agents[0], &offer, 3, items(&bare[..2])));
    let full = ["a", "b"].map(|key| LoopItem {
        key: key.to_owned(),
        state: LoopItemState::Done,
        result: Some(Json::new("12345678901234")),
    });
    goes_on(&world.report(&agents[0], &offer, 4, items(&full)));
    let longer = [LoopItem { key: "much longer".to_owned(), ..bare[2].clone() }];
    refused(world.report(&agents[0], &offer, 5, items(&longer)), "/body/items");
    goes_on(&world.report(&agents[0], &offer, 5, vars("{\"name\":\"123456789\"}")));
}

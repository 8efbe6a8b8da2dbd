//! Rows of the tables of states that are easily forgotten: what ends, comes back or is refused where two things meet.

use super::world::*;
use crate::{
    fleet::{
        CancelJob, Category, Command, End, Fact, JobRequest, LeaseState, ModeName, Outcome, Progress, ReadinessState,
        ReportBody, RevokeWhy, StateName, Status, WorkflowSpec, document::DocumentSpec,
    },
    ids::JobId,
    time::Timestamp,
};

fn once(world: &mut World) {
    world.store(DocumentSpec::Workflow(WorkflowSpec { retry: retries(1, 0), ..workflow_spec() }), "once");
}

fn cancel(world: &mut World, job: JobId) {
    world.execute(Command::CancelJob(CancelJob { job, by: person() })).unwrap();
}

fn within(world: &World, secs: u64) -> Timestamp {
    world.now.wall.saturating_add(seconds(secs))
}

fn remove(world: &mut World, agent: &Agent) {
    let machine = agent.name.clone();
    world.execute(Command::RemoveMachine(crate::fleet::RemoveMachine { machine, by: person() })).unwrap();
}

fn lease_of(world: &World, agent: &Agent) -> Option<LeaseState> {
    world.machine(agent).lease.as_ref().map(|lease| lease.state)
}

#[test]
fn fit_lost_blocks_what_is_queued_and_fit_regained_queues_it_at_its_old_place() {
    let (mut world, agents) = World::with_machines(1);
    world.set_mode(&agents[0], ModeName::Maintenance, false).unwrap();
    let first = world.submit(request("enter"));
    let queued_at = world.job(first).queued_at;
    world.pass(seconds(5));
    remove(&mut world, &agents[0]);
    assert_eq!(world.blocked_code(first), "no_machine");
    let second = world.submit(request("enter"));
    world.pass(seconds(5));
    let back = world.join("vm-1", "default", &[]);
    assert_eq!((world.state(first), world.state(second)), (StateName::Running, StateName::Queued));
    assert_eq!(world.job(first).queued_at, queued_at, "it is as old as it was");
    assert_eq!(world.offer(&back).job, first);
}

#[test]
fn a_start_time_that_comes_while_nothing_fits_blocks_and_counts_from_then() {
    let mut world = World::empty();
    let run_at = Some(within(&world, 10));
    let job = world.submit(JobRequest { run_at, ..request("enter") });
    assert_eq!((world.state(job), world.job(job).queued_at), (StateName::Scheduled, None));
    world.wait(seconds(10));
    assert_eq!((world.blocked_code(job), world.job(job).queued_at), ("no_machine", run_at));
    world.join("vm-1", "default", &[]);
    assert_eq!((world.state(job), world.job(job).queued_at), (StateName::Running, run_at));
}

#[test]
fn nothing_is_offered_whose_start_time_and_deadline_the_clock_jumps_over_at_once() {
    let (mut world, agents) = World::with_machines(1);
    let (run_at, deadline) = (Some(within(&world, 60)), Some(within(&world, 120)));
    let job = world.submit(JobRequest { run_at, deadline, ..request("enter") });
    // Somebody sets the clock: no monotonic time passes, and one tick sees both as due.
    world.now.wall = world.now.wall.saturating_add(seconds(3_600));
    world.execute(Command::Tick).unwrap();
    world.wait(seconds(1));
    assert_eq!((world.state(job), world.failure_category(job)), (StateName::Failed, Category::Deadline));
    assert!(world.job(job).attempts.is_empty(), "and no machine has had it for a moment");
    assert_eq!(lease_of(&world, &agents[0]), None);
}

#[test]
fn a_deadline_ends_what_is_scheduled_queued_or_blocked() {
    let (mut world, agents) = World::with_machines(1);
    world.store(DocumentSpec::Workflow(WorkflowSpec { retry: retries(5, 60_000), ..workflow_spec() }), "slow");
    let deadline = Some(within(&world, 100));
    let scheduled = world.submit(JobRequest { deadline, ..request("slow") });
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, failed(Category::TargetNotFound));
    assert_eq!(world.state(scheduled), StateName::Scheduled, "until its next attempt");
    world.set_mode(&agents[0], ModeName::Draining, false).unwrap();
    let queued = world.submit(JobRequest { deadline, ..request("enter") });
    let blocked = world.submit(JobRequest { deadline, require: labels(&[("site", "north")]), ..request("enter") });
    assert_eq!((world.state(queued), world.state(blocked)), (StateName::Queued, StateName::Blocked));
    world.now.wall = world.now.wall.saturating_add(seconds(100));
    world.wait(seconds(1));
    for job in [scheduled, queued, blocked] {
        assert_eq!((world.state(job), world.failure_category(job)), (StateName::Failed, Category::Deadline));
    }
}

#[test]
fn five_offers_that_nobody_accepts_block_a_job_like_five_declines() {
    let (mut world, agents) = World::with_machines(5);
    let job = world.submit(request("enter"));
    for count in 1..=5 {
        assert_eq!(world.job(job).attempts.len(), count);
        for agent in &agents {
            world.poll(agent);
        }
        world.wait(seconds(5));
    }
    assert_eq!((world.blocked_code(job), world.job(job).declines), ("declined", 5));
    assert!(world.job(job).attempts.iter().all(|attempt| attempt.outcome == Some(Outcome::Declined)));
}

#[test]
fn an_agent_that_only_repeats_its_last_report_uses_up_one_offer_and_not_five() {
    let (mut world, agents) = World::with_machines(1);
    let (first, next) = (world.submit(request("enter")), world.submit(request("enter")));
    let offer = world.start(&agents[0]);
    let body = ReportBody::Complete { progress: Progress::default(), end: End::Succeeded { output: None } };
    for _ in 0..30 {
        // No answer gets through, and no poll gets here.
        world.report(&agents[0], &offer, 3, body.clone()).unwrap();
        world.wait(seconds(5));
    }
    assert_eq!((world.state(first), world.state(next)), (StateName::Succeeded, StateName::Queued));
    assert_eq!(world.job(next).declines, 1);
    assert_eq!(world.offer(&agents[0]).job, next, "once it asks again, it has it");
}

#[test]
fn an_attempt_lost_without_an_effect_ends_its_job_as_a_failed_one_would() {
    let (mut world, mut agents) = World::with_machines(1);
    once(&mut world);
    let cancelled = world.submit(request("enter"));
    world.start(&agents[0]);
    cancel(&mut world, cancelled);
    world.start_agent(&mut agents[0]);
    assert_eq!(
        (world.state(cancelled), world.job(cancelled).attempts[0].outcome),
        (StateName::Cancelled, Some(Outcome::Lost))
    );

    let used_up = world.submit(request("once"));
    world.start(&agents[0]);
    world.start_agent(&mut agents[0]);
    assert_eq!((world.state(used_up), world.failure_category(used_up)), (StateName::Failed, Category::MachineLost));

    let deadline = Some(within(&world, 20));
    let late = world.submit(JobRequest { deadline, ..request("enter") });
    world.start(&agents[0]);
    world.now.wall = world.now.wall.saturating_add(seconds(20));
    world.start_agent(&mut agents[0]);
    assert_eq!((world.state(late), world.failure_category(late)), (StateName::Failed, Category::Deadline));

    let again = world.submit(request("enter"));
    world.start(&agents[0]);
    world.start_agent(&mut agents[0]);
    assert_eq!(world.state(again), StateName::Scheduled, "and else it waits for its next attempt");
}

#[test]
fn what_is_over_is_not_cancelled_and_what_is_cancelled_stays_so() {
    let (mut world, agents) = World::with_machines(1);
    once(&mut world);
    let ends = [End::Succeeded { output: None }, failed(Category::Business)];
    for end in ends {
        let job = world.submit(request("once"));
        let offer = world.start(&agents[0]);
        world.complete(&agents[0], &offer, end);
        let before = world.job(job).clone();
        let refusal = world.execute(Command::CancelJob(CancelJob { job, by: person() })).unwrap_err();
        assert_eq!((refusal.code(), world.job(job)), ("wrong_state", &before));
    }
}

#[test]
fn a_lease_that_is_being_revoked_is_free_when_its_agent_starts_anew() {
    let (mut world, mut agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    cancel(&mut world, job);
    assert!(matches!(lease_of(&world, &agents[0]), Some(LeaseState::Revoking { why: RevokeWhy::Cancel, .. })));
    let before = agents[0].clone();
    world.start_agent(&mut agents[0]);
    assert_eq!((lease_of(&world, &agents[0]), world.state(job)), (None, StateName::Cancelled));
    let stopped = ReportBody::Complete { progress: Progress::default(), end: End::Cancelled };
    assert_eq!(world.report(&before, &offer, 3, stopped).unwrap_err().code(), "lease_lost");
}

#[test]
fn a_report_with_a_stale_epoch_changes_no_lease_whatever_its_state() {
    let (mut world, mut agents) = World::with_machines(1);
    world.submit(request("enter"));
    let stale = world.start(&agents[0]);
    let early = agents[0].clone();
    world.start_agent(&mut agents[0]);
    cancel(&mut world, stale.job);
    let reports = || {
        let complete = ReportBody::Complete { progress: step(7), end: End::Succeeded { output: None } };
        [ReportBody::Accept, ReportBody::Ready, ReportBody::Renew, ReportBody::Steps(step(8)), complete]
    };
    let refused = |world: &mut World, agents: &[Agent]| {
        let before = world.machine(&agents[0]).clone();
        for sender in [&early, &agents[0]] {
            for body in reports() {
                assert_eq!(world.report(sender, &stale, 3, body).unwrap_err().code(), "lease_lost");
            }
        }
        assert_eq!(*world.machine(&agents[0]), before);
        lease_of(world, &agents[0])
    };
    assert_eq!(refused(&mut world, &agents), None);
    let job = world.submit(request("enter"));
    assert_eq!(refused(&mut world, &agents), Some(LeaseState::Offered));
    world.start(&agents[0]);
    assert!(matches!(refused(&mut world, &agents), Some(LeaseState::Held { .. })));
    cancel(&mut world, job);
    assert!(matches!(refused(&mut world, &agents), Some(LeaseState::Revoking { .. })));
    assert!(world.disk.steps.iter().all(|row| row.late && row.job == stale.job), "what they brought is evidence");
}

#[test]
fn what_a_late_report_says_of_a_commit_is_kept_for_who_reviews_the_job() {
    use crate::fleet::{FailedStep, IntentReport, LateCommit, SettledReport};
    let (mut world, mut agents) = World::with_machines(1);
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let at = || FailedStep { path: "steps/4".to_owned(), id: None, action: "click".to_owned() };
    let vars = || crate::ids::Json::new("{}");
    let intent = IntentReport { step: at(), key: None, vars: vars(), can_settle: false };
    world.report(&agents[0], &offer, 3, ReportBody::Intent(intent.clone())).unwrap();
    let early = agents[0].clone();
    world.start_agent(&mut agents[0]);
    assert_eq!(world.state(job), StateName::NeedsReview);
    let before = world.job(job).clone();
    let mut late = |number, body, done| {
        let mark = world.events.len();
        assert_eq!(world.report(&early, &offer, number, body).unwrap_err().code(), "lease_lost");
        let kept = world.events[mark..].iter().find_map(|event| match &event.fact {
            Fact::AttemptLateReport { job: of, commit, .. } => Some((*of, commit.as_deref().cloned())),
            _ => None,
        });
        assert_eq!(kept, Some((job, Some(LateCommit { step: at(), key: None, done }))));
    };
    late(3, ReportBody::Intent(intent), None);
    for done in [true, false] {
        let settled = SettledReport { step: at(), key: None, done, vars: vars() };
        late(4, ReportBody::Settled(settled), Some(done));
    }
    assert_eq!(*world.job(job), before, "a person still decides");
}

#[test]
fn an_open_intent_ages_from_the_end_of_its_attempt_by_the_clock_that_nobody_sets() {
    use crate::fleet::{FailedStep, IntentReport};
    let (mut world, mut agents) = World::with_machines(1);
    world.store(DocumentSpec::Workflow(WorkflowSpec { retry: retries(3, 0), ..workflow_spec() }), "twice");
    world.submit(request("twice"));
    let offer = world.start(&agents[0]);
    let step = FailedStep { path: "steps/4".to_owned(), id: None, action: "click".to_owned() };
    let intent = IntentReport { step, key: None, vars: crate::ids::Json::new("{}"), can_settle: true };
    world.report(&agents[0], &offer, 3, ReportBody::Intent(intent)).unwrap();
    world.wait(seconds(20));
    // It may have acted until now.
    world.start_agent(&mut agents[0]);
    let ended = world.now.mono;
    world.wait(seconds(3));
    world.now.wall = world.now.wall.saturating_add(seconds(86_400));
    let next = world.start(&agents[0]);
    assert_eq!(next.unsettled, Some(ended), "a day on the wall is no day");
    world.start_agent(&mut agents[0]);
    world.wait(seconds(3));
    assert_eq!(world.offer(&agents[0]).unsettled, Some(ended), "an attempt that did not find out acts no more");
    world.restart();
    let next = world.offer(&agents[0]);
    assert_eq!(next.unsettled, Some(world.now.mono), "the time before the start of the controller does not count");
}

#[test]
fn status_mode_and_readiness_are_three_facts_and_none_changes_another() {
    let (mut world, mut agents) = World::with_machines(1);
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let status = |world: &World| world.fleet.machine_view(agents[0].machine).unwrap().status;
    let modes = [ModeName::Draining, ModeName::Maintenance, ModeName::Quarantined, ModeName::Active];
    for mode in modes {
        world.set_mode(&agents[0], mode, false).unwrap();
        assert_eq!((status(&world), world.machine(&agents[0]).mode.name), (Status::Busy, mode));
    }
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    for mode in modes {
        world.set_mode(&agents[0], mode, false).unwrap();
        assert_eq!((status(&world), world.machine(&agents[0]).mode.name), (Status::Idle, mode));
        world.wait(seconds(60));
        assert_eq!((status(&world), world.machine(&agents[0]).mode.name), (Status::Offline, mode));
        world.poll(&agents[0]);
    }
    agents[0].ready.insert(name("clinic"), ready(ReadinessState::Ready));
    world.poll(&agents[0]);
    world.wait(seconds(60));
    world.set_mode(&agents[0], ModeName::Draining, false).unwrap();
    assert_eq!(
        world.machine(&agents[0]).readiness[&name("clinic")].state,
        ReadinessState::Ready,
        "as it was last seen"
    );
}

#[test]
fn only_what_is_ready_or_can_be_launched_is_given_work_whatever_the_screen_says() {
    for (launchable, state) in [false, true].into_iter().flat_map(|launchable| {
        let states = [
            ReadinessState::Ready,
            ReadinessState::Checking,
            ReadinessState::Recovering,
            ReadinessState::NotReady,
            ReadinessState::Unknown,
        ];
        states.map(|state| (launchable, state))
    }) {
        let (mut world, mut agents) = World::with_machines(1);
        world.store_app("clinic", launchable);
        let spec = WorkflowSpec { apps: [name("clinic")].into(), ..workflow_spec() };
        world.store(DocumentSpec::Workflow(spec), "register");
        agents[0].ready.insert(name("clinic"), ready(state));
        world.poll(&agents[0]);
        let job = world.submit(request("register"));
        let expected =
            if launchable || state == ReadinessState::Ready { StateName::Running } else { StateName::Queued };
        assert_eq!(world.state(job), expected, "launchable: {launchable}, {state:?}");
    }
}

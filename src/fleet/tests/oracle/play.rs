//! Random histories, played by the fleet and by the oracle at once.

use std::time::Duration;

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest, prop_state_machine};

use super::model::{
    ATTEMPT_MS, Act, Answer, Cause, Decision, MACHINES, Mode, Model, Number, Outcome, Phase, Said, Says, State, Which,
    Why, Wish,
};
use crate::{
    fleet::{
        self, Assignment, CancelJob, Command, Decided, DocumentSpec, End, Fact, FailedStep, Fence, IntentReport,
        JobRequest, JobState, ModeName, PauseFleet, Progress, Refusal, Reply, Report, ReportBody, ResumeFleet,
        RetryPolicy, ReviewJob, Session, SettledReport, WorkflowSpec,
        attempt::Category,
        lease::RevokeWhy,
        tests::world::{Agent, START, World, failed, person, request, step, team_member, workflow_spec},
    },
    ids::{AttemptId, Epoch, JobId, Json},
};

prop_state_machine! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_fleet_does_what_the_oracle_says(sequential 1..120 => Played);
}

struct Oracle;

impl ReferenceStateMachine for Oracle {
    type State = Model;
    type Transition = Act;

    fn init_state() -> BoxedStrategy<Model> {
        let mono = 5_000;
        Just(Model::new(START, mono)).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Act> {
        let machine = || 0..MACHINES;
        let says = prop::sample::select(vec![
            Says::Accept,
            Says::Accept,
            Says::Accept,
            Says::Ready,
            Says::Ready,
            Says::Decline,
            Says::Renew,
            Says::Steps,
            Says::Succeeded,
            Says::Failed,
            Says::Business,
            Says::Cancelled,
            Says::Intends(true),
            Says::Intends(true),
            Says::Intends(false),
            Says::Settled(true),
            Says::Settled(false),
        ]);
        let number = prop_oneof![12 => Just(Number::Next), 2 => Just(Number::Same), 1 => Just(Number::Skipped)];
        let which = prop_oneof![10 => Just(Which::Current), 1 => Just(Which::Previous)];
        let mode = prop::sample::select(vec![Mode::Active, Mode::Active, Mode::Draining, Mode::Maintenance]);
        let cancel = match model.jobs.len() {
            0 => Just(Act::Restart).boxed(),
            jobs => (0..jobs).prop_map(Act::Cancel).boxed(),
        };
        let decision = prop::sample::select(vec![Decision::Retry, Decision::Succeed, Decision::Fail]);
        let in_doubt = |job: &usize| matches!(model.jobs[*job].state, State::NeedsReview(_));
        let doubtful: Vec<usize> = (0..model.jobs.len()).filter(in_doubt).collect();
        let review = if doubtful.is_empty() {
            cancel.clone()
        } else {
            (prop::sample::select(doubtful), decision).prop_map(|(job, decision)| Act::Review { job, decision }).boxed()
        };
        prop_oneof![
            8 => any_wish().prop_map(Act::Submit),
            2 => cancel,
            3 => review,
            10 => (machine(), prop::bool::weighted(0.1), any::<bool>(), prop::bool::weighted(0.9))
                .prop_map(|(machine, anew, says_held, active)| Act::Poll { machine, anew, says_held, active }),
            30 => (machine(), says, number, which)
                .prop_map(|(machine, says, number, which)| Act::Report { machine, says, number, which }),
            2 => (machine(), mode, any::<bool>()).prop_map(|(machine, mode, now)| {
                Act::Mode { machine, mode, now: now && mode == Mode::Maintenance }
            }),
            1 => any::<bool>().prop_map(Act::Pause),
            8 => prop_oneof![0..3_000u64, 0..80_000u64].prop_map(Act::Wait),
            1 => Just(Act::Restart),
        ]
        .boxed()
    }

    fn preconditions(model: &Model, act: &Act) -> bool {
        match act {
            // Shrinking leaves acts out.
            Act::Cancel(job) | Act::Review { job, .. } => *job < model.jobs.len(),
            Act::Report { machine, says, number, which } => model.fence(*machine, *says, *number, *which).is_some(),
            _ => true,
        }
    }

    fn apply(mut model: Model, act: &Act) -> Model {
        model.act(act);
        model
    }
}

fn any_wish() -> impl Strategy<Value = Wish> {
    (
        prop::option::weighted(0.2, 0..MACHINES),
        any::<bool>(),
        -30..=30i64,
        prop::bool::weighted(0.7),
        prop::option::weighted(0.2, 0..40_000u64),
        prop::option::weighted(0.3, 1..200_000u64),
    )
        .prop_map(|(machine, other_team, priority, tried_again, run_in, deadline_in)| Wish {
            machine,
            other_team,
            priority,
            tried_again,
            run_in,
            deadline_in,
        })
}

/// The fleet, with what the oracle knew before the act that is played.
struct Played {
    world: World,
    agents: Vec<Agent>,
    jobs: Vec<JobId>,
    /// Of each machine, in order.
    leases: Vec<Vec<(JobId, AttemptId, Epoch)>>,
    looked_at: usize,
    before: Model,
}

impl StateMachineTest for Played {
    type SystemUnderTest = Self;
    type Reference = Oracle;

    fn init_test(model: &Model) -> Self {
        let (mut world, agents) = World::with_machines(MACHINES);
        assert_eq!((world.now.wall.as_ms(), world.now.mono.as_ms()), (model.wall, model.mono), "both begin at once");
        for (workflow, attempts) in [("once", 1), ("again", 3)] {
            let retry = RetryPolicy { attempts, backoff_ms: 0, max_backoff_ms: 0, ..RetryPolicy::default() };
            let spec = WorkflowSpec { timeout_ms: ATTEMPT_MS, retry, ..workflow_spec() };
            world.store(DocumentSpec::Workflow(spec), workflow);
        }
        let looked_at = world.events.len();
        Self { world, agents, jobs: vec![], leases: vec![vec![]; MACHINES], looked_at, before: model.clone() }
    }

    fn apply(mut played: Self, model: &Model, act: Act) -> Self {
        let answer = played.play(&act);
        played.note_offers();
        assert_eq!(answer, model.answer, "the answer to {act:?}");
        for (number, job) in model.jobs.iter().enumerate() {
            let (state, attempts) = played.job(number);
            assert_eq!(state, job.state, "job {number} after {act:?}");
            assert_eq!(attempts, job.attempts, "the attempts of job {number} after {act:?}");
        }
        for (number, machine) in model.machines.iter().enumerate() {
            let live = machine.lease.as_ref().map(|lease| (lease.epoch, lease.incarnation.is_some()));
            assert_eq!(played.lease(number), live, "the lease of machine {number} after {act:?}");
        }
        played.before = model.clone();
        played
    }
}

impl Played {
    fn play(&mut self, act: &Act) -> Answer {
        match act {
            Act::Submit(wish) => {
                let id = self.world.submit_by(self.request(wish), team(wish), None).unwrap();
                self.jobs.push(id);
                Answer::Done
            }
            Act::Cancel(job) => {
                let cancel = CancelJob { job: self.jobs[*job], by: person() };
                match self.world.execute(Command::CancelJob(cancel)) {
                    Ok(_) => Answer::Done,
                    Err(refusal) => answer_of(&refusal),
                }
            }
            Act::Review { job, decision } => {
                let decision = match decision {
                    Decision::Retry => Decided::Retry,
                    Decision::Succeed => Decided::Succeed,
                    Decision::Fail => Decided::Fail,
                };
                let (job, note) = (self.jobs[*job], Some("looked".to_owned()));
                match self.world.execute(Command::ReviewJob(ReviewJob {
                    job,
                    decision,
                    attempt: None,
                    note,
                    by: person(),
                })) {
                    Ok(_) => Answer::Done,
                    Err(refusal) => answer_of(&refusal),
                }
            }
            Act::Poll { machine, anew, says_held, active } => self.poll(*machine, *anew, *says_held, *active),
            Act::Report { machine, says, number, which } => self.report(*machine, *says, *number, *which),
            Act::Mode { machine, mode, now } => {
                let mode = match mode {
                    Mode::Active => ModeName::Active,
                    Mode::Draining => ModeName::Draining,
                    Mode::Maintenance => ModeName::Maintenance,
                };
                self.world.set_mode(&self.agents[*machine], mode, *now).unwrap();
                Answer::Done
            }
            Act::Pause(paused) => {
                let command = if *paused {
                    Command::PauseFleet(PauseFleet { reason: None, by: person() })
                } else {
                    Command::ResumeFleet(ResumeFleet { by: person() })
                };
                self.world.execute(command).unwrap();
                Answer::Done
            }
            Act::Wait(wait) => {
                self.world.wait(Duration::from_millis(*wait));
                Answer::Done
            }
            Act::Restart => {
                self.world.restart();
                self.before.answer
            }
        }
    }

    fn request(&self, wish: &Wish) -> JobRequest {
        let wall = self.world.now.wall;
        let start = wall.saturating_add(Duration::from_millis(wish.run_in.unwrap_or(0)));
        JobRequest {
            machine: wish.machine.map(|machine| self.agents[machine].name.clone()),
            priority: i32::try_from(wish.priority).unwrap(),
            run_at: wish.run_in.map(|_| start),
            deadline: wish.deadline_in.map(|wait| start.saturating_add(Duration::from_millis(wait))),
            ..request(if wish.tried_again { "again" } else { "once" })
        }
    }

    fn poll(&mut self, machine: usize, anew: bool, says_held: bool, active: bool) -> Answer {
        let held = self.leases[machine].last().filter(|_| says_held).map(|(_, attempt, epoch)| (*attempt, *epoch));
        self.agents[machine].session = if active { Session::Active } else { Session::Locked };
        if anew {
            self.world.new_incarnation(&mut self.agents[machine]);
        }
        match self.world.poll_with(&self.agents[machine], held).unwrap() {
            Assignment::Nothing => Answer::Nothing,
            Assignment::Offer(offer) => Answer::Offer(offer.epoch.counter),
            Assignment::Hold { epoch, .. } => Answer::Hold(epoch.counter),
            Assignment::Stop { why, .. } => Answer::Stop(why_of(why)),
            Assignment::Lost { epoch } => Answer::Lost(epoch.counter),
        }
    }

    fn report(&mut self, machine: usize, says: Says, number: Number, which: Which) -> Answer {
        let Some((epoch, number)) = self.before.fence(machine, says, number, which) else { return Answer::Nothing };
        let lease = self.leases[machine].iter().find(|(.., own)| own.counter == epoch);
        let (job, attempt, epoch) = *lease.expect("the oracle knows no lease the fleet has not given");
        let agent = &self.agents[machine];
        let fence = Fence { job, attempt, epoch, incarnation: agent.incarnation, number };
        let body = body(says);
        let report = Report { certificate: agent.certificate, fence, readiness: [].into(), body };
        match self.world.execute(Command::Report(report)) {
            Ok(Reply::Report(reply)) => said(&reply),
            Ok(other) => panic!("a report was answered {other:?}"),
            Err(refusal) => answer_of(&refusal),
        }
    }

    fn note_offers(&mut self) {
        for event in &self.world.events[self.looked_at..] {
            if let Fact::JobOffered { job, machine, attempt, epoch, .. } = &event.fact {
                let number = self.agents.iter().position(|agent| agent.machine == *machine).unwrap();
                self.leases[number].push((*job, *attempt, *epoch));
            }
        }
        self.looked_at = self.world.events.len();
    }

    fn job(&self, number: usize) -> (State, Vec<(usize, Outcome)>) {
        let job = self.world.job(self.jobs[number]);
        let machine_of = |id| self.agents.iter().position(|agent| agent.machine == id).unwrap();
        let state = match &job.state {
            JobState::Scheduled { due } => State::Scheduled { due: due.as_ms() },
            JobState::Queued => State::Queued,
            JobState::Blocked { reason } if reason.code() == "paused" => State::Paused,
            JobState::Blocked { reason } if reason.code() == "declined" => State::Declined,
            JobState::Running(run) => State::Running {
                phase: match run.phase {
                    fleet::Phase::Offered => Phase::Offered,
                    fleet::Phase::Accepted => Phase::Accepted,
                    fleet::Phase::Executing => Phase::Executing,
                    fleet::Phase::Committing => Phase::Committing,
                },
                machine: machine_of(run.machine),
                epoch: run.epoch.counter,
            },
            JobState::Succeeded { .. } => State::Succeeded,
            JobState::Failed { failure } => State::Failed(cause(failure.category)),
            JobState::Cancelled => State::Cancelled,
            JobState::NeedsReview { failure } => State::NeedsReview(cause(failure.category)),
            other => panic!("the oracle knows no such state: {other:?}"),
        };
        let over = job.attempts.iter().filter_map(|attempt| Some((machine_of(attempt.machine_id), attempt.outcome?)));
        (state, over.map(|(machine, outcome)| (machine, outcome_of(outcome))).collect())
    }

    fn lease(&self, number: usize) -> Option<(u64, bool)> {
        let lease = self.world.machine(&self.agents[number]).lease.as_ref()?;
        Some((lease.epoch.counter, lease.incarnation().is_some()))
    }
}

fn team(wish: &Wish) -> fleet::Principal {
    if wish.other_team { team_member("night-shift") } else { person() }
}

fn body(says: Says) -> ReportBody {
    let complete = |end| ReportBody::Complete { progress: Progress::default(), end };
    match says {
        Says::Accept => ReportBody::Accept,
        Says::Ready => ReportBody::Ready,
        Says::Decline => ReportBody::Decline { reason: "not now".to_owned(), artifacts: vec![] },
        Says::Renew => ReportBody::Renew,
        Says::Steps => ReportBody::Steps(step(1)),
        Says::Succeeded => complete(End::Succeeded { output: None }),
        Says::Failed => complete(failed(Category::TargetNotFound)),
        Says::Business => complete(failed(Category::Business)),
        Says::Cancelled => complete(End::Cancelled),
        Says::Intends(can_settle) => {
            ReportBody::Intent(IntentReport { step: save(), key: None, vars: Json::new("{}"), can_settle })
        }
        Says::Settled(done) => {
            ReportBody::Settled(SettledReport { step: save(), key: None, done, vars: Json::new("{}") })
        }
    }
}

/// The one commit there is.
fn save() -> FailedStep {
    FailedStep { path: "steps/4".to_owned(), id: None, action: "click".to_owned() }
}

fn said(reply: &fleet::ReportReply) -> Answer {
    let said = match &reply.answer {
        fleet::Answer::Continue { .. } => Said::GoOn,
        fleet::Answer::Stop { why, .. } => Said::Stop(why_of(*why)),
        fleet::Answer::Done => Said::Over,
    };
    match said {
        _ if reply.repeated => Answer::Again(said),
        Said::GoOn => Answer::GoOn,
        Said::Stop(why) => Answer::Stop(why),
        Said::Over => Answer::Over,
    }
}

fn answer_of(refusal: &Refusal) -> Answer {
    match refusal {
        Refusal::LeaseLost { .. } => Answer::LeaseLost,
        Refusal::WrongNumber { expected, .. } => Answer::WrongNumber { expected: *expected },
        Refusal::Conflict(_) => Answer::WrongOrder,
        Refusal::WrongState { .. } | Refusal::Retried { .. } => Answer::WrongState,
        other => panic!("the oracle knows no such refusal: {other:?}"),
    }
}

fn why_of(why: RevokeWhy) -> Why {
    match why {
        RevokeWhy::Cancel => Why::Cancel,
        RevokeWhy::Deadline => Why::Deadline,
        RevokeWhy::Timeout => Why::Timeout,
        RevokeWhy::Stuck => unreachable!("the oracle's world is patient with steps"),
        RevokeWhy::Mode => Why::Mode,
    }
}

fn cause(category: Category) -> Cause {
    match category {
        Category::Business => Cause::Business,
        Category::MachineLost => Cause::MachineLost,
        Category::Agent => Cause::Agent,
        Category::Timeout => Cause::Timeout,
        Category::Deadline => Cause::Deadline,
        Category::Cancelled => Cause::Cancelled,
        _ => Cause::Technical,
    }
}

fn outcome_of(outcome: fleet::Outcome) -> Outcome {
    match outcome {
        fleet::Outcome::Succeeded => Outcome::Succeeded,
        fleet::Outcome::Failed => Outcome::Failed,
        fleet::Outcome::Lost => Outcome::Lost,
        fleet::Outcome::Declined => Outcome::Declined,
        fleet::Outcome::Cancelled => Outcome::Cancelled,
    }
}

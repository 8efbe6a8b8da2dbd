//! Anything in any order: clients that repeat themselves, agents that die, duplicate and lag, clocks that jump, restarts.
//!
//! `World` checks all invariants after every command, and that disk and memory say the same. Here it is added that what is settled
//! stays as it is, that a job ends once, that deciding twice gives the same, that nothing goes untold, and that in the end everything open comes to an end.

mod commits;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{
    outbox_stories::{patterns, put_command, wants},
    world::*,
};
use crate::{
    fleet::{
        Attempted, CancelBatch, CancelJob, Command, Concurrency, Decided, DeliveryReport, DocumentKind, DocumentSpec,
        Due, End, Fact, Idempotency, Job, JobRequest, LoopKey, ModeName, Notify, Offer, PatchMachine, PauseDocument,
        Poll, Progress, Reply, Report, ReportBody, ResumeDocument, RetryJob, ReviewJob, SecretText, Session,
        SubmitBatch, SubmitJob, SubscriberId, WorkflowSpec, attempt::Category, lease::Answer, reply::Assignment,
    },
    ids::{BatchId, Digest, JobId},
    time::{Now, Timestamp},
};

const AGENTS: usize = 3;

#[derive(Debug, Clone)]
enum Step {
    Submit {
        request: Request,
        key: Option<u8>,
    },
    Batch {
        items: Vec<Request>,
        max_running: Option<u32>,
        stop_after_failures: Option<u32>,
    },
    Cancel(u8),
    CancelBatch(u8),
    Retry(u8),
    Review {
        job: u8,
        decision: u8,
    },
    Poll {
        agent: u8,
        says_held: bool,
    },
    /// The report an agent would send next.
    Report {
        agent: u8,
        choice: u8,
    },
    Renew(u8),
    /// Any report of the past, once more.
    Repeat(u8),
    StartAgent(u8),
    Session {
        agent: u8,
        active: bool,
    },
    Mode {
        agent: u8,
        mode: u8,
        now: bool,
    },
    Relabel {
        agent: u8,
        north: bool,
    },
    Rejoin(u8),
    Pause {
        paused: bool,
    },
    Wait(u32),
    /// The controller does not notice for a while.
    Stall(u32),
    WallJump(i32),
    Restart,
    /// What is due is sent, and taken or not.
    Tell {
        arrives: bool,
    },
}

#[derive(Debug, Clone)]
struct Request {
    workflow: bool,
    machine: Option<u8>,
    team: bool,
    priority: i32,
    north: bool,
    key: Option<u8>,
    limit: Option<(u8, u32)>,
    run_in: Option<u32>,
    deadline_in: Option<u32>,
}

fn any_request() -> impl Strategy<Value = Request> {
    let times = (proptest::option::weighted(0.2, 0..40_000u32), proptest::option::weighted(0.3, 1..90_000u32));
    (
        any::<bool>(),
        proptest::option::weighted(0.2, 0..4u8),
        any::<bool>(),
        -100..=100i32,
        proptest::bool::weighted(0.2),
        proptest::option::weighted(0.3, 0..4u8),
        proptest::option::weighted(0.4, (0..2u8, 1..3u32)),
        times,
    )
        .prop_map(|(workflow, machine, team, priority, north, key, limit, (run_in, deadline_in))| Request {
            workflow,
            machine,
            team,
            priority,
            north,
            key,
            limit,
            run_in,
            deadline_in,
        })
}

fn any_step() -> impl Strategy<Value = Step> {
    let agent = || 0..u8::try_from(AGENTS).unwrap();
    prop_oneof![
        6 => (any_request(), proptest::option::weighted(0.4, 0..4u8))
            .prop_map(|(request, key)| Step::Submit { request, key }),
        1 => (
            proptest::collection::vec(any_request(), 1..6),
            proptest::option::of(1..3u32),
            proptest::option::of(1..3u32),
        )
            .prop_map(|(items, max_running, stop_after_failures)| Step::Batch {
                items,
                max_running,
                stop_after_failures,
            }),
        3 => any::<u8>().prop_map(Step::Cancel),
        1 => any::<u8>().prop_map(Step::CancelBatch),
        2 => any::<u8>().prop_map(Step::Retry),
        2 => (any::<u8>(), 0..3u8).prop_map(|(job, decision)| Step::Review { job, decision }),
        12 => (agent(), any::<bool>()).prop_map(|(agent, says_held)| Step::Poll { agent, says_held }),
        24 => (agent(), 0..34u8).prop_map(|(agent, choice)| Step::Report { agent, choice }),
        5 => agent().prop_map(Step::Renew),
        5 => any::<u8>().prop_map(Step::Repeat),
        2 => agent().prop_map(Step::StartAgent),
        1 => (agent(), any::<bool>()).prop_map(|(agent, active)| Step::Session { agent, active }),
        2 => (agent(), 0..6u8, any::<bool>()).prop_map(|(agent, mode, now)| Step::Mode { agent, mode, now }),
        1 => (agent(), any::<bool>()).prop_map(|(agent, north)| Step::Relabel { agent, north }),
        1 => agent().prop_map(Step::Rejoin),
        1 => any::<bool>().prop_map(|paused| Step::Pause { paused }),
        6 => (0..40_000u32).prop_map(Step::Wait),
        2 => (0..90_000u32).prop_map(Step::Stall),
        1 => (-100_000..100_000i32).prop_map(Step::WallJump),
        1 => Just(Step::Restart),
        4 => any::<bool>().prop_map(|arrives| Step::Tell { arrives }),
    ]
}

/// An agent that remembers what it took and how far its reports are.
struct Player {
    agent: Agent,
    offer: Option<Offer>,
    /// Number of the last report answered.
    number: u64,
    accepted: bool,
    started: bool,
}

fn own_address() -> Notify {
    let (url, secret) = ("https://example.org/".to_owned(), SecretText::new("whsec_"));
    Notify { url, secret, events: patterns(&["job.*"]) }
}

struct Game {
    world: World,
    players: Vec<Player>,
    jobs: Vec<JobId>,
    batches: Vec<BatchId>,
    sent: Vec<Report>,
    settled: BTreeMap<JobId, Job>,
    /// Every commit that was ever intended, and whether it is known to be done.
    commits: BTreeMap<Commit, bool>,
}

/// Of a job: the step's path, and the round.
type Commit = (JobId, String, Option<LoopKey>);

impl Game {
    fn new() -> Self {
        let (mut world, agents) = World::with_machines(AGENTS);
        let spec = WorkflowSpec { timeout_ms: 45_000, retry: retries(2, 0), ..workflow_spec() };
        world.store(DocumentSpec::Workflow(spec), "short");
        world.execute(put_command("ops", wants(&["*"]), None)).unwrap();
        let players = agents
            .into_iter()
            .map(|agent| Player { agent, offer: None, number: 0, accepted: false, started: false })
            .collect();
        Self {
            world,
            players,
            jobs: vec![],
            batches: vec![],
            sent: vec![],
            settled: BTreeMap::new(),
            commits: BTreeMap::new(),
        }
    }

    fn execute(&mut self, command: Command) -> Result<Reply, crate::fleet::Refusal> {
        let mut twin = self.world.fleet.clone();
        let found = self.world.disk.find(&crate::fleet::needs(&twin, &command));
        let foreseen = twin.handle(self.world.now, command.clone(), &found);
        let mark = self.world.events.len();
        let answer = self.world.execute(command);
        assert_eq!(self.world.events[mark..mark + foreseen.events.len()], foreseen.events, "deciding is deterministic");
        self.watch(mark);
        answer
    }

    /// What is settled stays, and each job ends once.
    fn watch(&mut self, mark: usize) {
        for (id, job) in &self.settled {
            let is = self.world.job(*id);
            let mut expected = Job { retried_by: is.retried_by, ..job.clone() };
            for (attempt, is) in expected.attempts.iter_mut().zip(&is.attempts) {
                attempt.artifacts = is.artifacts;
            }
            assert_eq!(*is, expected, "a settled job has changed, other than by its retry and late pictures");
        }
        for event in &self.world.events[mark..] {
            if let Fact::JobSucceeded { job, .. } | Fact::JobFailed { job, .. } | Fact::JobCancelled { job } =
                &event.fact
            {
                let row = self.world.job(*job).clone();
                assert!(self.settled.insert(*job, row).is_none(), "{job} ended twice");
            }
        }
        self.watch_commits(mark);
        for job in &self.jobs {
            assert!(self.world.disk.jobs.contains_key(job), "an acknowledged job is gone");
        }
    }

    fn make(&self, request: &Request) -> JobRequest {
        let at = |ms: u32| Some(self.world.now.wall.saturating_add(std::time::Duration::from_millis(u64::from(ms))));
        JobRequest {
            machine: request.machine.map(|number| machine_name(&format!("vm-{}", number + 1))),
            require: if request.north { labels(&[("site", "north")]) } else { labels(&[]) },
            priority: request.priority,
            key: request.key.map(|key| format!("key {key}")),
            concurrency: request.limit.map(|(key, max)| Concurrency { key: Some(format!("limit {key}")), max }),
            run_at: request.run_in.and_then(at),
            deadline: request.deadline_in.and_then(at),
            notify: request.key.map(|_| own_address()).into_iter().collect(),
            ..super::world::request(if request.workflow { "enter" } else { "short" })
        }
    }

    fn by(request: &Request) -> crate::fleet::Principal {
        team_member(if request.team { "front-desk" } else { "warehouse" })
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Submit { request, key } => self.submit(&request, key),
            Step::Batch { items, max_running, stop_after_failures } => {
                let items = items.iter().map(|request| self.make(request)).collect();
                let batch = SubmitBatch { items, max_running, stop_after_failures, idempotency: None, by: person() };
                if let Ok(Reply::Batch(reply)) = self.execute(Command::SubmitBatch(batch)) {
                    self.batches.push(reply.batch.id);
                }
            }
            Step::Cancel(which) => {
                if let Some(job) = pick(&self.jobs, which) {
                    let _ = self.execute(Command::CancelJob(CancelJob { job, by: person() }));
                }
            }
            Step::CancelBatch(which) => {
                if let Some(batch) = pick(&self.batches, which) {
                    self.execute(Command::CancelBatch(CancelBatch { batch, by: person() })).unwrap();
                }
            }
            Step::Retry(which) => {
                if let Some(job) = pick(&self.jobs, which) {
                    let retry = RetryJob { job, force: None, idempotency: None, by: person() };
                    self.note_job(Command::RetryJob(retry));
                }
            }
            Step::Review { job, decision } => {
                let decision = [Decided::Retry, Decided::Succeed, Decided::Fail][usize::from(decision)];
                if let Some(job) = pick(&self.jobs, job) {
                    let review =
                        ReviewJob { job, decision, attempt: None, note: Some("looked".to_owned()), by: person() };
                    let _ = self.execute(Command::ReviewJob(review));
                }
            }
            Step::Poll { agent, says_held } => self.poll(usize::from(agent), says_held),
            Step::Report { agent, choice } => self.report(usize::from(agent), choice),
            Step::Renew(agent) => self.renew(usize::from(agent)),
            Step::Repeat(which) => {
                if let Some(report) = pick(&self.sent, which) {
                    let _ = self.execute(Command::Report(report));
                }
            }
            Step::Wait(ms) => {
                let mark = self.world.events.len();
                self.world.wait(std::time::Duration::from_millis(u64::from(ms)));
                self.watch(mark);
            }
            Step::Stall(ms) => self.world.pass(std::time::Duration::from_millis(u64::from(ms))),
            Step::WallJump(ms) => {
                let wall = self.world.now.wall.as_ms().saturating_add_signed(i64::from(ms));
                self.world.now = Now { wall: Timestamp::from_ms(wall), mono: self.world.now.mono };
            }
            Step::Restart => self.world.restart(),
            Step::Tell { arrives } => self.tell(arrives),
            other => self.machine_step(&other),
        }
    }

    /// To each that has something due: all of it arrives, or the first message does not.
    fn tell(&mut self, arrives: bool) {
        let (due, _) = self.world.fleet.due_messages(self.world.now, &BTreeSet::new(), (10, 50));
        let report = |due: &Due| DeliveryReport {
            subscriber: due.subscriber.clone(),
            delivered: if arrives { due.seqs.iter().map(|seq| (*seq, 200)).collect() } else { vec![] },
            failed: (!arrives).then(|| Attempted {
                seq: due.seqs[0],
                told_as: "job.submitted".to_owned(),
                told_at: self.world.now.wall,
                status: None,
                error: "nobody answers".to_owned(),
                retry_after: None,
            }),
        };
        let reports = due.iter().map(report).collect();
        self.execute(Command::ReportDeliveries(reports)).unwrap();
    }

    /// Whoever wants to be told of everything has a message for each durable event since, written with it.
    fn everything_was_told(&self) {
        let ops = SubscriberId::Channel(name("ops"));
        let told: Vec<u64> =
            self.world.disk.messages.keys().filter(|(subscriber, _)| *subscriber == ops).map(|key| key.1).collect();
        let first = told.first().copied().unwrap_or_default();
        assert_eq!(told, (first..=self.world.disk.newest_event).collect::<Vec<_>>());
    }

    fn machine_step(&mut self, step: &Step) {
        match *step {
            Step::StartAgent(agent) => {
                let player = &mut self.players[usize::from(agent)];
                player.offer = None;
                self.world.start_agent(&mut player.agent);
            }
            Step::Session { agent, active } => {
                self.players[usize::from(agent)].agent.session = if active { Session::Active } else { Session::Locked };
            }
            Step::Mode { agent, mode, now } => {
                let modes = [ModeName::Draining, ModeName::Maintenance, ModeName::Quarantined];
                let mode = modes.get(usize::from(mode)).copied().unwrap_or(ModeName::Active);
                let agent = self.players[usize::from(agent)].agent.clone();
                let _ = self.world.set_mode(&agent, mode, now);
            }
            Step::Relabel { agent, north } => {
                let machine = self.players[usize::from(agent)].agent.name.clone();
                let labels = [("site".to_owned(), north.then(|| "north".to_owned()))].into();
                let patch = PatchMachine { machine, pool: None, labels, by: person() };
                self.execute(Command::PatchMachine(patch)).unwrap();
            }
            Step::Rejoin(agent) => {
                let token = self.world.join_token("default", None);
                let machine = self.players[usize::from(agent)].agent.name.clone();
                let command = self.world.join_command(token, machine.as_str(), &[]);
                let agent_after = self.world.join_with(command).unwrap();
                let player = &mut self.players[usize::from(agent)];
                player.agent = agent_after;
                player.offer = None;
                self.world.start_agent(&mut player.agent);
            }
            Step::Pause { paused } => {
                let (kind, name) = (DocumentKind::Workflow, name("short"));
                let command = if paused {
                    Command::PauseDocument(PauseDocument { kind, name, reason: None, by: person() })
                } else {
                    Command::ResumeDocument(ResumeDocument { kind, name, by: person() })
                };
                self.execute(command).unwrap();
            }
            _ => unreachable!("told elsewhere"),
        }
    }

    fn submit(&mut self, request: &Request, key: Option<u8>) {
        let idempotency = key.map(|key| Idempotency {
            route: "POST /v1/jobs".to_owned(),
            key: format!("again {key}"),
            body: Digest::of(format!("{request:?}").as_bytes()),
        });
        let submit = SubmitJob { request: self.make(request), idempotency, by: Self::by(request) };
        self.note_job(Command::SubmitJob(submit.clone()));
        // Clients repeat themselves.
        self.note_job(Command::SubmitJob(submit));
    }

    fn note_job(&mut self, command: Command) {
        if let Ok(Reply::Job(reply)) = self.execute(command)
            && !self.jobs.contains(&reply.job.id)
        {
            self.jobs.push(reply.job.id);
        }
    }

    fn poll(&mut self, agent: usize, says_held: bool) {
        self.world.polls += 1;
        let number = self.world.polls;
        let player = &self.players[agent];
        let held = player.offer.as_ref().filter(|_| says_held && player.accepted);
        let poll = Poll {
            certificate: player.agent.certificate,
            incarnation: player.agent.incarnation,
            number,
            facts: None,
            readiness: player.agent.ready.clone(),
            session: player.agent.session,
            held: held.map(|offer| (offer.attempt, offer.epoch)),
            wall: Some(self.world.now.wall),
        };
        let Ok(Reply::Poll(reply)) = self.execute(Command::Poll(poll)) else { panic!("a joined machine may poll") };
        match reply.assignment {
            Assignment::Offer(offer) => self.take(agent, *offer),
            Assignment::Lost { .. } | Assignment::Nothing => self.players[agent].offer = None,
            Assignment::Hold { .. } | Assignment::Stop { .. } => {}
        }
    }

    fn take(&mut self, agent: usize, offer: Offer) {
        let player = &mut self.players[agent];
        if player.offer.as_ref() != Some(&offer) {
            (player.number, player.accepted, player.started) = (0, false, false);
            player.offer = Some(offer);
        }
    }

    fn report(&mut self, agent: usize, choice: u8) {
        let player = &self.players[agent];
        let Some(offer) = player.offer.clone() else { return };
        let complete = |end| ReportBody::Complete { progress: Progress::default(), end };
        let body = match (player.accepted, player.started, choice) {
            (false, _, 0..=1) | (true, false, 0) => {
                ReportBody::Decline { reason: "not now".to_owned(), artifacts: vec![] }
            }
            (false, ..) => ReportBody::Accept,
            (true, false, _) => ReportBody::Ready,
            (true, true, 0..=3) => complete(End::Succeeded { output: None }),
            (true, true, 4) => complete(failed(Category::Desktop)),
            (true, true, 5) => complete(failed(Category::Business)),
            (true, true, 6) => complete(End::Cancelled),
            (true, true, 10..) => self.effect(offer.job, choice),
            (true, true, _) => ReportBody::Steps(step(1)),
        };
        let report = report(&player.agent, &offer, player.number + 1, body.clone());
        self.sent.push(report.clone());
        match self.execute(Command::Report(report)) {
            Ok(Reply::Report(reply)) => {
                let player = &mut self.players[agent];
                player.number += 1;
                player.accepted |= body == ReportBody::Accept;
                player.started |= body == ReportBody::Ready && matches!(reply.answer, Answer::Continue { .. });
                if reply.answer == Answer::Done {
                    player.offer = None;
                    if let Some(next) = reply.next {
                        self.take(agent, *next);
                    }
                }
            }
            Ok(other) => panic!("{other:?}"),
            Err(refusal) if refusal.code() == "lease_lost" => self.players[agent].offer = None,
            // The agent was told to stop before it was ready, so it completes.
            Err(refusal) => assert_eq!(refusal.code(), "conflict", "{refusal:?}"),
        }
    }

    fn renew(&mut self, agent: usize) {
        let player = &self.players[agent];
        let Some(offer) = player.offer.clone().filter(|_| player.accepted) else { return };
        let report = report(&player.agent, &offer, 0, ReportBody::Renew);
        if let Err(refusal) = self.execute(Command::Report(report)) {
            assert_eq!(refusal.code(), "lease_lost", "{refusal:?}");
            self.players[agent].offer = None;
        }
    }

    /// Operators put all in order and agents do their work: everything open ends.
    fn finish(&mut self) {
        for agent in 0..u8::try_from(AGENTS).unwrap() {
            self.machine_step(&Step::Rejoin(agent));
            self.machine_step(&Step::Mode { agent, mode: 9, now: false });
            self.machine_step(&Step::Relabel { agent, north: true });
        }
        self.machine_step(&Step::Pause { paused: false });
        for _ in 0..400 {
            for agent in 0..AGENTS {
                self.poll(agent, true);
                // What is open is found out first; what was only to find out ends as failed.
                for choice in [9, 9, 13, 1, 4] {
                    self.report(agent, choice);
                }
            }
            if self.world.fleet.jobs().count() == 0 {
                return;
            }
            self.step(Step::Wait(1_000));
        }
        panic!("jobs are left over: {:#?}", self.world.fleet.rows().jobs);
    }
}

fn pick<T: Clone>(items: &[T], which: u8) -> Option<T> {
    if items.is_empty() { None } else { items.get(usize::from(which) % items.len()).cloned() }
}

/// `make sim SEEDS=n` plays more than the few that belong to every run.
fn histories() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|seeds| seeds.parse().ok()).unwrap_or(64)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: histories(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_happens_every_rule_holds_and_everything_ends(steps in proptest::collection::vec(any_step(), 1..120)) {
        let mut game = Game::new();
        for step in steps {
            game.step(step);
        }
        game.everything_was_told();
        game.finish();
    }
}

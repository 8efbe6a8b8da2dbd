//! A fleet with its store and its clock. Every command is followed by placement, a commit and a check of all invariants.

use std::{collections::BTreeMap, time::Duration};

use super::disk::Disk;
use crate::{
    fleet::{
        AppSpec, Assignment, Certificate, Command, CreateJoinToken, CreateToken, DocumentSpec, End, Event, Fact,
        FailureReport, Fence, Fleet, Idempotency, Job, JobRequest, JobState, JoinMachine, Labels, Machine, Meta,
        ModeName, Offer, Poll, PoolSpec, Principal, Progress, PutDocument, ReadinessReport, ReadinessState, Refusal,
        Reply, Report, ReportBody, ReportReply, RetryPolicy, Role, Rows, Session, SetMode, Settings, StateName,
        StepRecord, SubmitJob, SubscriberId, Token, WorkflowSpec, attempt::Category, needs,
    },
    ids::{AttemptId, Digest, Epoch, Incarnation, JobId, Json, MachineId, MachineName, Name, TokenId},
    time::{Mono, Now, Timestamp},
};

pub(super) const START: u64 = 1_800_000_000_000;

pub(super) struct World {
    pub(super) fleet: Fleet,
    pub(super) disk: Disk,
    pub(super) now: Now,
    pub(super) events: Vec<Event>,
    next_incarnation: u64,
    pub(super) polls: u64,
    /// Of the events, so many have been given a number.
    counted: usize,
}

/// An agent, as far as its conversation goes.
#[derive(Debug, Clone)]
pub(super) struct Agent {
    pub(super) name: MachineName,
    pub(super) machine: MachineId,
    pub(super) certificate: Digest,
    pub(super) incarnation: Incarnation,
    pub(super) session: Session,
    pub(super) ready: BTreeMap<Name, ReadinessReport>,
}

pub(super) fn name(text: &str) -> Name {
    text.parse().unwrap()
}

pub(super) fn machine_name(text: &str) -> MachineName {
    text.parse().unwrap()
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn person() -> Principal {
    team_member("front-desk")
}

pub(super) fn team_member(team: &str) -> Principal {
    let id = TokenId::from_raw(u128::from(team.len() as u64));
    Principal::Token { id, name: format!("{team}'s token"), team: name(team) }
}

pub(super) fn request(workflow: &str) -> JobRequest {
    JobRequest {
        workflow: name(workflow),
        version: None,
        input: Json::new("{}"),
        key: None,
        pool: None,
        machine: None,
        require: Labels::new(),
        priority: 0,
        run_at: None,
        deadline: None,
        files: BTreeMap::new(),
        labels: Labels::new(),
        concurrency: None,
        notify: Vec::new(),
    }
}

pub(super) fn labels(pairs: &[(&str, &str)]) -> Labels {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn retries(attempts: u32, backoff_ms: u64) -> RetryPolicy {
    RetryPolicy { attempts, backoff_ms, ..RetryPolicy::default() }
}

pub(super) fn workflow_spec() -> WorkflowSpec {
    WorkflowSpec {
        apps: [].into(),
        pool: None,
        timeout_ms: 300_000,
        retry: retries(3, 10_000),
        calls: [].into(),
        callable: true,
    }
}

pub(super) fn failed(category: Category) -> End {
    End::Failed(FailureReport {
        category,
        message: "it did not work".to_owned(),
        step: None,
        artifacts: vec![],
        context: None,
    })
}

pub(super) fn step(number: u32) -> Progress {
    let content = Json::new(format!("{{\"number\":{number}}}"));
    Progress {
        steps: vec![StepRecord { number, content }],
        artifacts: vec![],
        steps_done: number,
        steps_total: 9,
        quiet_ms: None,
    }
}

impl World {
    /// The workflow `enter` in the default pool, and no machine.
    pub(super) fn empty() -> Self {
        let now = Now { wall: Timestamp::from_ms(START), mono: Mono::from_ms(5_000) };
        let meta = Meta::new(Digest::of(b"seed"));
        let disk = Disk { meta: Some(meta), ..Disk::default() };
        let fleet = Fleet::load(patient(), disk.rows(), now);
        let mut world = Self { fleet, disk, now, events: Vec::new(), next_incarnation: 0, polls: 0, counted: 0 };
        world.store(DocumentSpec::Workflow(workflow_spec()), "enter");
        world
    }

    /// Machines `vm-1`, `vm-2`, … that have polled once and are idle.
    pub(super) fn with_machines(count: usize) -> (Self, Vec<Agent>) {
        let mut world = Self::empty();
        let agents = (1..=count).map(|number| world.join(&format!("vm-{number}"), "default", &[])).collect();
        (world, agents)
    }

    pub(super) fn execute(&mut self, command: Command) -> Result<Reply, Refusal> {
        let found = self.disk.find(&needs(&self.fleet, &command));
        let decision = self.fleet.handle(self.now, command, &found);
        self.events.extend(decision.events);
        self.settle();
        decision.answer.map(|reply| self.fleet.refresh(reply))
    }

    /// Several commands in one commit.
    pub(super) fn execute_together(&mut self, commands: Vec<Command>) -> Vec<Result<Reply, Refusal>> {
        let mut answers = Vec::new();
        for command in commands {
            let found = self.disk.find(&needs(&self.fleet, &command));
            let decision = self.fleet.handle(self.now, command, &found);
            self.events.extend(decision.events);
            answers.push(decision.answer);
        }
        self.settle();
        answers.into_iter().map(|answer| answer.map(|reply| self.fleet.refresh(reply))).collect()
    }

    fn settle(&mut self) {
        self.events.extend(self.fleet.place(self.now));
        let writes = self.fleet.take_writes();
        let new = self.events[self.counted..].iter().filter(|event| event.is_durable()).count();
        self.counted = self.events.len();
        self.disk.newest_event += new as u64;
        self.disk.apply(writes);
        self.check();
    }

    /// All invariants hold, and what is on disk is what is in memory.
    pub(super) fn check(&self) {
        let wrong = self.fleet.check();
        assert!(wrong.is_empty(), "{wrong:#?}\nlast events: {:#?}", self.last_events(6));
        let (disk, memory) = (self.disk.rows(), self.fleet.rows());
        assert_eq!(disk.jobs, memory.jobs);
        assert_eq!(disk.batches, memory.batches);
        assert_eq!(disk.machines, memory.machines);
        assert_eq!(disk.heads, memory.heads);
        assert_eq!(disk.tokens, memory.tokens);
        assert_eq!(disk.join_tokens, memory.join_tokens);
        assert_eq!(disk.targets, memory.targets);
        let numbers = |rows: &Rows| -> Vec<(SubscriberId, u64)> {
            rows.pending.iter().map(|row| (row.subscriber.clone(), row.seq)).collect()
        };
        assert_eq!(numbers(&disk), numbers(&memory));
        assert_eq!(disk.newest_event, memory.newest_event);
        assert_eq!(disk.meta.epoch, memory.meta.epoch);
        assert_eq!(disk.meta.counter, memory.meta.counter);
        assert_eq!(disk.meta.paused, memory.meta.paused);
    }

    fn last_events(&self, count: usize) -> &[Event] {
        &self.events[self.events.len().saturating_sub(count)..]
    }

    /// Lets time pass, stopping at every timer on the way.
    pub(super) fn wait(&mut self, duration: Duration) {
        let end = self.now.mono.saturating_add(duration);
        loop {
            let left = end.since(self.now.mono);
            let next = self.fleet.next_timeout(self.now).unwrap_or(left).min(left);
            self.pass(next);
            if self.fleet.next_timeout(self.now).is_some_and(|timeout| timeout.is_zero()) {
                self.execute(Command::Tick).unwrap();
            } else if self.now.mono >= end {
                return;
            }
        }
    }

    /// Time passes and nobody notices yet.
    pub(super) fn pass(&mut self, duration: Duration) {
        self.now.wall = self.now.wall.saturating_add(duration);
        self.now.mono = self.now.mono.saturating_add(duration);
    }

    /// The controller is killed and started again. Its monotonic clock starts anew.
    pub(super) fn restart(&mut self) {
        self.now.mono = Mono::from_ms(100);
        self.fleet = Fleet::load(self.fleet.settings().clone(), self.disk.rows(), self.now);
        self.check();
    }

    pub(super) fn store(&mut self, spec: DocumentSpec, document: &str) -> Reply {
        let content = Json::new(format!("{spec:?}"));
        let digest = Digest::of(content.as_str().as_bytes());
        let put = PutDocument { name: name(document), content, digest, spec, if_version: None, by: person() };
        self.execute(Command::PutDocument(put)).unwrap()
    }

    pub(super) fn store_app(&mut self, app: &str, launchable: bool) {
        self.store(DocumentSpec::App(AppSpec { launchable }), app);
    }

    pub(super) fn store_pool(&mut self, pool: &str) {
        self.store(DocumentSpec::Pool(PoolSpec::default()), pool);
    }

    pub(super) fn join_token(&mut self, pool: &str, uses: Option<u32>) -> Digest {
        let digest = Digest::of(format!("{pool}{uses:?}{}", self.events.len()).as_bytes());
        let create = CreateJoinToken { pool: name(pool), uses, digest, expires_at: None, by: person() };
        self.execute(Command::CreateJoinToken(create)).unwrap();
        digest
    }

    pub(super) fn join_command(&mut self, token: Digest, machine: &str, pairs: &[(&str, &str)]) -> JoinMachine {
        let digest = Digest::of(format!("certificate of {machine} {}", self.events.len()).as_bytes());
        let not_after = self.now.wall.saturating_add(seconds(86_400));
        JoinMachine {
            token,
            name: machine_name(machine),
            pool: None,
            labels: labels(pairs),
            identity: format!("uuid of {machine}"),
            certificate: Certificate { digest, not_after },
            facts: Json::new("{}"),
        }
    }

    /// Joins and polls once.
    pub(super) fn join(&mut self, machine: &str, pool: &str, pairs: &[(&str, &str)]) -> Agent {
        let token = self.join_token(pool, None);
        let command = self.join_command(token, machine, pairs);
        let mut agent = self.join_with(command).unwrap();
        self.start_agent(&mut agent);
        agent
    }

    pub(super) fn join_with(&mut self, command: JoinMachine) -> Result<Agent, Refusal> {
        let certificate = command.certificate.digest;
        let Reply::Machine(machine) = self.execute(Command::JoinMachine(command))? else { unreachable!() };
        Ok(Agent {
            name: machine.name.clone(),
            machine: machine.id,
            certificate,
            incarnation: Incarnation::from_raw(0),
            session: Session::Active,
            ready: BTreeMap::new(),
        })
    }

    /// A new incarnation polls.
    pub(super) fn start_agent(&mut self, agent: &mut Agent) -> Assignment {
        self.new_incarnation(agent);
        self.poll(agent)
    }

    /// One that has not been heard yet.
    pub(super) fn new_incarnation(&mut self, agent: &mut Agent) {
        self.next_incarnation += 1;
        agent.incarnation = Incarnation::from_raw(u128::from(self.next_incarnation));
    }

    pub(super) fn poll(&mut self, agent: &Agent) -> Assignment {
        self.poll_with(agent, None).unwrap()
    }

    pub(super) fn poll_holding(&mut self, agent: &Agent, offer: &Offer) -> Assignment {
        self.poll_with(agent, Some((offer.attempt, offer.epoch))).unwrap()
    }

    pub(super) fn poll_with(&mut self, agent: &Agent, held: Option<(AttemptId, Epoch)>) -> Result<Assignment, Refusal> {
        self.polls += 1;
        self.poll_as(agent, held, self.polls)
    }

    /// A poll that says it is this one of its start.
    pub(super) fn poll_numbered(&mut self, agent: &Agent, number: u64) -> Result<Assignment, Refusal> {
        self.poll_as(agent, None, number)
    }

    fn poll_as(&mut self, agent: &Agent, held: Option<(AttemptId, Epoch)>, number: u64) -> Result<Assignment, Refusal> {
        let poll = Poll {
            certificate: agent.certificate,
            incarnation: agent.incarnation,
            number,
            facts: None,
            readiness: agent.ready.clone(),
            session: agent.session,
            held,
            wall: Some(self.now.wall),
        };
        let Reply::Poll(reply) = self.execute(Command::Poll(poll))? else { unreachable!() };
        Ok(reply.assignment)
    }

    /// The offer a poll brings; a failed test if there is none.
    pub(super) fn offer(&mut self, agent: &Agent) -> Offer {
        match self.poll(agent) {
            Assignment::Offer(offer) => *offer,
            other => panic!("{} was to get an offer, but {other:?}", agent.name),
        }
    }

    pub(super) fn report(
        &mut self,
        agent: &Agent,
        offer: &Offer,
        number: u64,
        body: ReportBody,
    ) -> Result<ReportReply, Refusal> {
        let report = report(agent, offer, number, body);
        let Reply::Report(reply) = self.execute(Command::Report(report))? else { unreachable!() };
        Ok(*reply)
    }

    pub(super) fn accept(&mut self, agent: &Agent) -> Offer {
        let offer = self.offer(agent);
        self.report(agent, &offer, 1, ReportBody::Accept).unwrap();
        offer
    }

    /// Accepts what is offered and begins with the steps.
    pub(super) fn start(&mut self, agent: &Agent) -> Offer {
        let offer = self.accept(agent);
        self.report(agent, &offer, 2, ReportBody::Ready).unwrap();
        offer
    }

    pub(super) fn complete(&mut self, agent: &Agent, offer: &Offer, end: End) -> ReportReply {
        self.report(agent, offer, 3, ReportBody::Complete { progress: Progress::default(), end }).unwrap()
    }

    pub(super) fn renew(&mut self, agent: &Agent, offer: &Offer) -> Result<ReportReply, Refusal> {
        self.report(agent, offer, 0, ReportBody::Renew)
    }

    pub(super) fn submit(&mut self, request: JobRequest) -> JobId {
        self.submit_by(request, person(), None).unwrap()
    }

    pub(super) fn submit_by(
        &mut self,
        request: JobRequest,
        by: Principal,
        idempotency: Option<Idempotency>,
    ) -> Result<JobId, Refusal> {
        let submit = SubmitJob { request, idempotency, by };
        match self.execute(Command::SubmitJob(submit))? {
            Reply::Job(reply) => Ok(reply.job.id),
            other => panic!("a submit is answered with a job, not {other:?}"),
        }
    }

    pub(super) fn set_mode(&mut self, agent: &Agent, mode: ModeName, now: bool) -> Result<Reply, Refusal> {
        let machine = agent.name.clone();
        self.execute(Command::SetMode(SetMode { machine, mode, reason: None, now, by: person() }))
    }

    pub(super) fn create_token(&mut self, token: &str) -> Token {
        let create = CreateToken {
            name: token.to_owned(),
            role: Role::Submitter,
            team: name("front-desk"),
            digest: Digest::of(token.as_bytes()),
            expires_at: Some(self.now.wall.saturating_add(seconds(3_600))),
            by: person(),
        };
        let Reply::Token(token) = self.execute(Command::CreateToken(create)).unwrap() else { unreachable!() };
        *token
    }

    /// As on disk: open or settled.
    pub(super) fn job(&self, id: JobId) -> &Job {
        &self.disk.jobs[&id]
    }

    pub(super) fn state(&self, id: JobId) -> StateName {
        self.job(id).name_of_state()
    }

    pub(super) fn blocked_code(&self, id: JobId) -> &'static str {
        match &self.job(id).state {
            JobState::Blocked { reason } => reason.code(),
            other => panic!("{id} is {other:?}"),
        }
    }

    pub(super) fn failure_category(&self, id: JobId) -> Category {
        self.job(id).failure().expect("the job failed").category
    }

    pub(super) fn machine(&self, agent: &Agent) -> &Machine {
        &self.disk.machines[&agent.machine]
    }

    /// Kinds of the durable events since a moment, for telling what happened.
    pub(super) fn kinds_since(&self, mark: usize) -> Vec<&'static str> {
        self.events[mark..].iter().filter(|event| event.is_durable()).map(Event::kind).collect()
    }

    /// Which machine was offered which job, in order.
    pub(super) fn placements(&self) -> Vec<(JobId, MachineId)> {
        let offers = self.events.iter().filter_map(|event| match event.fact {
            Fact::JobOffered { job, machine, .. } => Some((job, machine)),
            _ => None,
        });
        offers.collect()
    }
}

pub(super) fn report(agent: &Agent, offer: &Offer, number: u64, body: ReportBody) -> Report {
    let fence =
        Fence { job: offer.job, attempt: offer.attempt, epoch: offer.epoch, incarnation: agent.incarnation, number };
    Report { certificate: agent.certificate, fence, readiness: BTreeMap::new(), body }
}

pub(super) fn ready(state: ReadinessState) -> ReadinessReport {
    ReadinessReport { state, screen: None, reason: None }
}

/// Attempts end at their limit to the millisecond, and steps may take as long as they like: what those graces are for has stories of its own.
pub(super) fn patient() -> Settings {
    let year = Duration::from_hours(365 * 24);
    Settings { prepare_limit: year, stuck_grace: year, timeout_grace: Duration::ZERO, ..Settings::default() }
}

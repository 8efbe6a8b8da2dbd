//! The engine against a real database: what it tells, when, and what is left after restarts, full disks and closing.

mod fixture;
mod keeping;
mod space;

use std::{collections::BTreeMap, io, sync::mpsc, time::Duration};

use tokio::task::JoinHandle as Spawned;

use super::*;
use crate::{
    fleet::{
        Answer, Assignment, CancelJob, Certificate, Command, CreateJoinToken, CreateToken, DocumentSpec, End, Fence,
        JobDid, JobReply, JobRequest, JobState, JoinMachine, Machine, Offer, Outcome, Poll, PoolSpec, Principal,
        Progress, PutDocument, ReadinessReport, Reply, Report, ReportBody, RetryPolicy, RevokeToken, Role, Session,
        StateName, StepRecord, SubmitJob, Token, WorkflowSpec,
    },
    ids::{Digest, Incarnation, JobId, Json, MachineId},
    store::faulty_disk::Disk,
    time::{ManualClock, Timestamp},
};

const LONG: Duration = Duration::from_secs(600);

/// A controller on a disk that can be held and broken, at a clock that stands.
struct Site {
    dir: tempfile::TempDir,
    disk: Disk,
    clock: ManualClock,
    settings: Settings,
    fatal: mpsc::Receiver<String>,
    controller: Option<Controller>,
    handle: Handle,
}

impl Site {
    fn start() -> Self {
        Self::start_with(Settings::default())
    }

    fn start_with(settings: Settings) -> Self {
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::default());
        let clock = ManualClock::starting_at(Timestamp::from_ms(1_800_000_000_000));
        let (controller, handle, fatal) = open(&dir, &disk, &clock, &settings);
        Self { dir, disk, clock, settings, fatal, controller: Some(controller), handle }
    }

    fn restart(&mut self) {
        self.controller.take().unwrap().stop();
        let (controller, handle, fatal) = open(&self.dir, &self.disk, &self.clock, &self.settings);
        (self.controller, self.handle, self.fatal) = (Some(controller), handle, fatal);
    }

    /// Starts something whose commit then stands still.
    async fn hold_with<T: Send + 'static>(&self, work: impl Future<Output = T> + Send + 'static) -> Spawned<T> {
        self.disk.hold();
        let held = tokio::spawn(work);
        let disk = self.disk.clone();
        tokio::task::spawn_blocking(move || disk.until_held()).await.unwrap();
        held
    }

    fn commits(&self) -> u64 {
        self.handle.stats().commits
    }
}

fn open(
    dir: &tempfile::TempDir,
    disk: &Disk,
    clock: &ManualClock,
    settings: &Settings,
) -> (Controller, Handle, mpsc::Receiver<String>) {
    let (told, fatal) = mpsc::channel();
    let on_fatal = Box::new(move |why: &str| {
        eprintln!("fatal: {why}");
        drop(told.send(why.to_owned()));
    });
    let clock = Clock::Manual(clock.clone());
    let disk = super::Disk { opener: disk.opener(), free: disk.free() };
    let (controller, handle) = start_with(dir.path(), settings.clone(), clock, disk, on_fatal).unwrap();
    (controller, handle, fatal)
}

fn name(text: &str) -> crate::ids::Name {
    text.parse().unwrap()
}

fn token_named(name_of_it: &str) -> CreateToken {
    CreateToken {
        name: name_of_it.to_owned(),
        role: Role::Viewer,
        team: name("default"),
        digest: Digest::of(name_of_it.as_bytes()),
        expires_at: None,
        by: Principal::System,
    }
}

async fn create_token(handle: Handle, named: &str) -> Result<Token, ExecuteError> {
    match handle.execute(Command::CreateToken(token_named(named))).await? {
        Reply::Token(token) => Ok(*token),
        other => panic!("{other:?}"),
    }
}

async fn put(handle: &Handle, named: &str, spec: DocumentSpec, content: &str) {
    let put = PutDocument {
        name: name(named),
        content: Json::new(content),
        digest: Digest::of(content.as_bytes()),
        spec,
        if_version: None,
        by: Principal::System,
    };
    handle.execute(Command::PutDocument(put)).await.unwrap();
}

async fn put_workflow(handle: &Handle) {
    let spec = WorkflowSpec {
        apps: [].into(),
        pool: None,
        timeout_ms: 60_000,
        retry: RetryPolicy::default(),
        calls: [].into(),
        callable: true,
    };
    put(handle, "register", DocumentSpec::Workflow(spec), "{}").await;
}

fn submission(key: Option<&str>) -> Command {
    let request = JobRequest {
        workflow: name("register"),
        version: None,
        input: Json::new("{}"),
        key: key.map(str::to_owned),
        pool: None,
        machine: None,
        require: BTreeMap::new(),
        priority: 0,
        run_at: None,
        deadline: None,
        files: BTreeMap::new(),
        labels: BTreeMap::new(),
        concurrency: None,
        notify: Vec::new(),
    };
    Command::SubmitJob(SubmitJob { request, idempotency: None, by: Principal::System })
}

async fn submit(handle: &Handle) -> JobReply {
    match handle.execute(submission(None)).await.unwrap() {
        Reply::Job(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

/// Of a poll: later polls have higher ones.
fn next_number() -> u64 {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

/// An agent that does what it is told, one call at a time.
#[derive(Clone)]
struct Agent {
    handle: Handle,
    machine: MachineId,
    certificate: Digest,
    incarnation: Incarnation,
}

impl Agent {
    async fn join(handle: &Handle, named: &str) -> Self {
        let secret = Digest::of(format!("join {named}").as_bytes());
        let token = CreateJoinToken {
            pool: name("default"),
            uses: Some(1),
            digest: secret,
            expires_at: None,
            by: Principal::System,
        };
        handle.execute(Command::CreateJoinToken(token)).await.unwrap();
        let certificate = Digest::of(named.as_bytes());
        let join = JoinMachine {
            token: secret,
            name: named.parse().unwrap(),
            pool: None,
            labels: BTreeMap::new(),
            identity: named.to_owned(),
            certificate: Certificate { digest: certificate, not_after: Timestamp::from_ms(u64::MAX) },
            facts: Json::new("{}"),
        };
        let Reply::Machine(machine) = handle.execute(Command::JoinMachine(join)).await.unwrap() else { panic!() };
        let Machine { id, .. } = *machine;
        Self { handle: handle.clone(), machine: id, certificate, incarnation: Incarnation::from_raw(1) }
    }

    fn request(&self, held: Option<&Offer>, wait: Duration, apps_known: Option<Digest>) -> PollRequest {
        let poll = Poll {
            certificate: self.certificate,
            incarnation: self.incarnation,
            number: next_number(),
            facts: None,
            readiness: BTreeMap::<_, ReadinessReport>::new(),
            session: Session::Active,
            held: held.map(|offer| (offer.attempt, offer.epoch)),
            wall: None,
        };
        PollRequest { poll, wait, apps_known }
    }

    async fn poll(&self, held: Option<&Offer>, wait: Duration) -> Result<Polled, ExecuteError> {
        let known = self.known_apps(held).await?;
        self.handle.poll(self.request(held, wait, Some(known))).await
    }

    /// Learnt first, so that they are no reason to answer.
    async fn known_apps(&self, held: Option<&Offer>) -> Result<Digest, ExecuteError> {
        Ok(self.handle.poll(self.request(held, Duration::ZERO, None)).await?.apps.unwrap().digest)
    }

    /// A poll that is parked when this returns.
    async fn park(&self, held: Option<&Offer>) -> Spawned<Result<Polled, ExecuteError>> {
        // Before parked polls are counted: it counts as one for a moment.
        let known = self.known_apps(held).await.unwrap();
        let parked_before = self.handle.stats().parked_polls;
        let (handle, request) = (self.handle.clone(), self.request(held, LONG, Some(known)));
        let poll = tokio::spawn(async move { handle.poll(request).await });
        while self.handle.stats().parked_polls == parked_before || self.handle.stats().queue_depth > 0 {
            tokio::task::yield_now().await;
        }
        // What the poll asked of the engine before it parked is answered by now.
        self.handle.look(|_, _| ()).await.unwrap();
        poll
    }

    async fn offer(&self) -> Offer {
        match self.poll(None, LONG).await.unwrap().assignment {
            Assignment::Offer(offer) => *offer,
            other => panic!("{other:?}"),
        }
    }

    async fn report(&self, offer: &Offer, number: u64, body: ReportBody) -> Result<Answer, ExecuteError> {
        let fence =
            Fence { job: offer.job, attempt: offer.attempt, epoch: offer.epoch, incarnation: self.incarnation, number };
        let report = Report { certificate: self.certificate, fence, readiness: BTreeMap::new(), body };
        match self.handle.execute(Command::Report(report)).await? {
            Reply::Report(reply) => Ok(reply.answer),
            other => panic!("{other:?}"),
        }
    }

    async fn start(&self, offer: &Offer) {
        self.report(offer, 1, ReportBody::Accept).await.unwrap();
        self.report(offer, 2, ReportBody::Ready).await.unwrap();
    }

    async fn succeed(&self, offer: &Offer) {
        let step = StepRecord { number: 1, content: Json::new(r#"{"action":"click"}"#) };
        let progress =
            Progress { steps: vec![step], artifacts: Vec::new(), steps_done: 1, steps_total: 1, quiet_ms: None };
        let end = End::Succeeded { output: Some(Json::new(r#"{"receipt":"R-118"}"#)) };
        let done = self.report(offer, 3, ReportBody::Complete { progress, end }).await.unwrap();
        assert_eq!(done, Answer::Done);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_told_before_the_commit() {
    let site = Site::start();
    let events = site.handle.watch_events();
    let created = site.hold_with(create_token(site.handle.clone(), "ana")).await;
    let looked = tokio::spawn({
        let handle = site.handle.clone();
        async move { handle.tokens().await }
    });
    assert!(!created.is_finished());
    assert_eq!(site.handle.token_by_secret(&Digest::of(b"ana")), None);
    assert!(!events.has_changed().unwrap());
    assert!(site.handle.events(0, EventFilter::default(), 10).await.unwrap().events.is_empty());
    site.disk.release();
    let token = created.await.unwrap().unwrap();
    assert_eq!(looked.await.unwrap().unwrap(), std::slice::from_ref(&token));
    assert_eq!(site.handle.token_by_secret(&Digest::of(b"ana")), Some(token.clone()));
    assert!(events.has_changed().unwrap());
    site.handle.execute(Command::RevokeToken(RevokeToken { token: token.id, by: Principal::System })).await.unwrap();
    assert_eq!(site.handle.token_by_secret(&Digest::of(b"ana")), None, "who is revoked is refused from then on");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_during_a_commit_shares_the_next_one() {
    const CLIENTS: usize = 100;
    let site = Site::start();
    put_workflow(&site.handle).await;
    Agent::join(&site.handle, "vm-01").await;
    let before = site.commits();
    let first = site.hold_with(create_token(site.handle.clone(), "first")).await;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|_| {
            let handle = site.handle.clone();
            tokio::spawn(async move { submit(&handle).await })
        })
        .collect();
    while site.handle.stats().queue_depth < CLIENTS {
        tokio::task::yield_now().await;
    }
    site.disk.release();
    first.await.unwrap().unwrap();
    for client in clients {
        assert_eq!(client.await.unwrap().did, JobDid::Created);
    }
    assert_eq!(site.commits() - before, 2);
    assert_eq!(site.handle.stats().commit_latency.count, site.commits());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_goes_from_submit_to_output_and_a_restart_changes_nothing() {
    let mut site = Site::start();
    put_workflow(&site.handle).await;
    let agent = Agent::join(&site.handle, "vm-01").await;
    agent.poll(None, Duration::ZERO).await.unwrap();
    let job = submit(&site.handle).await.job;
    assert_eq!(job.name_of_state(), StateName::Running, "submit and lease in one transaction");
    let offer = agent.offer().await;
    agent.start(&offer).await;
    let open = submit(&site.handle).await.job;
    site.restart();
    let agent = Agent { handle: site.handle.clone(), ..agent };
    let running = site.handle.job(job.id).await.unwrap().unwrap().job;
    assert!(matches!(running.state, JobState::Running(run) if run.epoch == offer.epoch));
    assert_eq!(site.handle.job(open.id).await.unwrap().unwrap().queue_position, Some(0));
    assert_eq!(site.handle.machine_by_certificate(&agent.certificate).unwrap().id, agent.machine);
    agent.succeed(&offer).await;
    let settled = site.handle.wait_job(job.id, LONG).await.unwrap().unwrap().job;
    assert_eq!(settled.output(), Some(&Json::new(r#"{"receipt":"R-118"}"#)));
    assert_eq!(settled.attempts[0].outcome, Some(Outcome::Succeeded));
    let steps = site.handle.steps(job.id, 1, 0, 10).await.unwrap();
    assert_eq!(steps.items.len(), 1);
    let all = PageRequest { after: None, limit: 10, order: Order::OldestFirst };
    let listed = site.handle.jobs(JobFilter::default(), all).await.unwrap();
    assert_eq!(listed.items.iter().map(|job| job.id).collect::<Vec<_>>(), [job.id, open.id]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn events_are_numbered_without_gaps_over_restarts() {
    let mut site = Site::start();
    let mut expected = 0;
    for round in 0..3 {
        let clients: Vec<_> = (0..20)
            .map(|client| {
                let handle = site.handle.clone();
                tokio::spawn(async move { create_token(handle, &format!("{round} {client}")).await })
            })
            .collect();
        for client in clients {
            client.await.unwrap().unwrap();
        }
        expected += 20;
        assert_eq!(*site.handle.watch_events().borrow(), expected);
        site.restart();
    }
    let (mut after, mut seen) = (0, Vec::new());
    loop {
        let page = site.handle.events(after, EventFilter::default(), 7).await.unwrap();
        seen.extend(page.events.iter().map(|event| event.seq));
        after = page.upto;
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, (1..=expected).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_waits_for_a_job_is_woken_when_it_settles() {
    let site = Site::start();
    put_workflow(&site.handle).await;
    let agent = Agent::join(&site.handle, "vm-01").await;
    agent.poll(None, Duration::ZERO).await.unwrap();
    let (first, second) = (submit(&site.handle).await.job, submit(&site.handle).await.job);
    let wait = |id: JobId| {
        let handle = site.handle.clone();
        tokio::spawn(async move { handle.wait_job(id, LONG).await.unwrap().unwrap().job })
    };
    let (first_waits, second_waits) = (wait(first.id), wait(second.id));
    let cancel = CancelJob { job: second.id, by: Principal::System };
    site.handle.execute(Command::CancelJob(cancel)).await.unwrap();
    assert_eq!(second_waits.await.unwrap().name_of_state(), StateName::Cancelled);
    assert!(!first_waits.is_finished());
    let offer = agent.offer().await;
    agent.start(&offer).await;
    agent.succeed(&offer).await;
    assert_eq!(first_waits.await.unwrap().name_of_state(), StateName::Succeeded);
    let over = site.handle.wait_job(JobId::from_raw(1), LONG).await.unwrap();
    assert_eq!(over, None, "a job that does not exist is not waited for");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_parked_poll_is_answered_by_the_commit_of_a_submit() {
    let site = Site::start();
    put_workflow(&site.handle).await;
    let agent = Agent::join(&site.handle, "vm-01").await;
    let parked = agent.park(None).await;
    assert!(!parked.is_finished());
    let before = site.commits();
    let job = submit(&site.handle).await.job;
    let Assignment::Offer(offer) = parked.await.unwrap().unwrap().assignment else { panic!("no offer") };
    assert_eq!(offer.job, job.id);
    assert_eq!(site.commits() - before, 1, "telling the machine changes nothing");
    let heartbeats = site.commits();
    agent.poll(None, Duration::ZERO).await.unwrap();
    assert_eq!(site.commits(), heartbeats, "nor does a heartbeat");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_running_machine_hears_of_a_cancel_through_its_parked_poll() {
    let site = Site::start();
    put_workflow(&site.handle).await;
    let agent = Agent::join(&site.handle, "vm-01").await;
    agent.poll(None, Duration::ZERO).await.unwrap();
    let job = submit(&site.handle).await.job;
    let offer = agent.offer().await;
    agent.start(&offer).await;
    let parked = agent.park(Some(&offer)).await;
    site.handle.execute(Command::CancelJob(CancelJob { job: job.id, by: Principal::System })).await.unwrap();
    let told = parked.await.unwrap().unwrap().assignment;
    assert!(matches!(told, Assignment::Stop { epoch, .. } if epoch == offer.epoch), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_poll_is_answered_when_the_apps_of_the_pool_change() {
    let site = Site::start();
    let agent = Agent::join(&site.handle, "vm-01").await;
    let parked = agent.park(None).await;
    put(&site.handle, "default", DocumentSpec::Pool(PoolSpec::default()), "{}").await;
    let polled = parked.await.unwrap().unwrap();
    assert_eq!(polled.apps.unwrap().pool_version, Some(1));
    assert_eq!(polled.assignment, Assignment::Nothing);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closing_answers_what_waits_and_does_what_is_queued() {
    let mut site = Site::start();
    put_workflow(&site.handle).await;
    let agent = Agent::join(&site.handle, "vm-01").await;
    let parked = agent.park(None).await;
    let other = site.hold_with(create_token(site.handle.clone(), "held")).await;
    let queued = tokio::spawn(create_token(site.handle.clone(), "queued"));
    while site.handle.stats().queue_depth < 1 {
        tokio::task::yield_now().await;
    }
    site.handle.shutdown();
    let controller = site.controller.take().unwrap();
    let stopping = tokio::task::spawn_blocking(|| controller.stop());
    site.disk.release();
    assert_eq!(parked.await.unwrap().unwrap().assignment, Assignment::Nothing);
    other.await.unwrap().unwrap();
    queued.await.unwrap().unwrap();
    stopping.await.unwrap();
    assert_eq!(create_token(site.handle.clone(), "late").await, Err(ExecuteError::ShuttingDown));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_channel_says_overloaded_and_loses_nothing() {
    let site = Site::start_with(Settings { command_queue: 2, ..Settings::default() });
    let held = site.hold_with(create_token(site.handle.clone(), "held")).await;
    let queued: Vec<_> =
        ["one", "two"].map(|named| tokio::spawn(create_token(site.handle.clone(), named))).into_iter().collect();
    while site.handle.stats().queue_depth < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(create_token(site.handle.clone(), "three").await, Err(ExecuteError::Overloaded));
    site.disk.release();
    held.await.unwrap().unwrap();
    for client in queued {
        client.await.unwrap().unwrap();
    }
    assert_eq!(site.handle.stats().overloaded, 1);
    assert_eq!(site.handle.tokens().await.unwrap().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_told_and_what_was_acknowledged_is_still_there() {
    let site = Site::start();
    let kept = create_token(site.handle.clone(), "kept").await.unwrap();
    let agent = Agent::join(&site.handle, "vm-01").await;
    let parked = agent.park(None).await;
    site.disk.fail(Some(io::ErrorKind::StorageFull));
    let (refused, freed) = tokio::join!(create_token(site.handle.clone(), "lost"), async {
        // Opening again may write too: the engine tries until there is room.
        while site.handle.stats().storage_full == 0 {
            tokio::task::yield_now().await;
        }
        site.disk.fail(None);
    });
    let () = freed;
    assert_eq!(refused, Err(ExecuteError::StorageFull));
    assert_eq!(parked.await.unwrap().unwrap().assignment, Assignment::Nothing, "it has to say anew that it is there");
    assert_eq!(site.handle.token_by_secret(&Digest::of(b"lost")), None);
    assert_eq!(site.handle.tokens().await.unwrap(), [kept]);
    let events = *site.handle.watch_events().borrow();
    create_token(site.handle.clone(), "next").await.unwrap();
    assert_eq!(*site.handle.watch_events().borrow(), events + 1, "no number is used twice or left out");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn any_other_failed_commit_ends_the_process_and_nothing_is_told() {
    let mut site = Site::start();
    site.disk.fail(Some(io::ErrorKind::Other));
    assert_eq!(create_token(site.handle.clone(), "lost").await, Err(ExecuteError::ShuttingDown));
    assert!(site.fatal.recv().unwrap().contains("I/O"), "the reason is told");
    assert_eq!(site.handle.token_by_secret(&Digest::of(b"lost")), None);
    site.disk.fail(None);
    site.restart();
    assert_eq!(site.handle.tokens().await.unwrap(), []);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_picture_is_asked_for_with_a_poll_and_given_to_all_who_want_it() {
    let mut site = Site::start();
    let agent = Agent::join(&site.handle, "vm-01").await;
    let parked = agent.park(None).await;
    let want = || {
        let (handle, machine) = (site.handle.clone(), agent.machine);
        tokio::spawn(async move { handle.want_frame(machine, LONG).await })
    };
    let (first, second) = (want(), want());
    let wanted = parked.await.unwrap().unwrap().wanted.unwrap();
    while site.handle.stats().waiters < 2 {
        tokio::task::yield_now().await;
    }
    let blob = site.handle.store_blob("pixels".into(), None).await.unwrap();
    let at = site.handle.clock().now().wall;
    let frame = Frame { digest: blob.digest, bytes: blob.bytes, content_type: "image/webp".to_owned(), at };
    site.handle.frame_arrived(agent.machine, Some("0".to_owned()), frame.clone()).await.unwrap();
    assert!(!first.is_finished(), "the answer to an older request may be an older picture");
    site.handle.frame_arrived(agent.machine, Some(wanted.id), frame.clone()).await.unwrap();
    assert_eq!(first.await.unwrap(), Some(frame.clone()));
    assert_eq!(second.await.unwrap(), Some(frame.clone()));
    site.restart();
    assert_eq!(site.handle.frame(agent.machine).await.unwrap(), Some(frame));
    assert_eq!(site.handle.want_frame(agent.machine, Duration::ZERO).await, None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_offer_that_is_not_accepted_goes_back_when_its_time_is_over() {
    let site = Site::start();
    put_workflow(&site.handle).await;
    let agent = Agent::join(&site.handle, "vm-01").await;
    agent.poll(None, Duration::ZERO).await.unwrap();
    let job = submit(&site.handle).await.job;
    assert!(job.run().is_some());
    site.clock.advance(Duration::from_secs(6));
    // Anything at all makes the engine look at its timers.
    site.handle.look(|_, _| ()).await.unwrap();
    let job = site.handle.job(job.id).await.unwrap().unwrap().job;
    assert_eq!(job.attempts[0].outcome, Some(Outcome::Declined));
}

//! Whole lifecycles through the engine: submit, poll, accept, ready, complete. No HTTP, a real file, every commit durable.
//!
//! Once in a new file, whose commits make one `fsync`, and once in one as large as a long history makes it, whose commits make
//! two and save what a repair would have to find out.
//!
//! Prints raw numbers, with the cost of a bare `fdatasync` of the same directory measured before, between and after, because
//! that cost swings within minutes. `cargo bench --bench engine [-- SECONDS [DIRECTORY]]`.

use std::{
    collections::BTreeMap,
    fs::File,
    io::Write as _,
    path::{Path, PathBuf},
    time::Duration,
};

use deskfleet::{
    controller::{self, Handle, PollRequest},
    fleet::{
        Assignment, Certificate, Command, CreateJoinToken, DocumentSpec, End, Fence, JobRequest, JoinMachine, Offer,
        Poll, Principal, Progress, PutDocument, Reply, Report, ReportBody, RetryPolicy, Session, StepRecord, SubmitJob,
        WorkflowSpec,
    },
    ids::{Digest, Incarnation, Json, Name},
    time::{Clock, Stopwatch, Timestamp},
};
use redb::{Database, TableDefinition};
use tokio::{sync::mpsc, task::JoinSet};

const DEFAULT_SECONDS: u64 = 5;
const PROBES: usize = 200;
/// About what a million finished jobs take.
const LARGE_BYTES: usize = 3 << 30;
const FILLING: TableDefinition<'_, u64, &[u8]> = TableDefinition::new("filling");

fn main() -> anyhow::Result<()> {
    // cargo bench adds `--bench`.
    let mut arguments = std::env::args().skip(1).filter(|argument| !argument.starts_with("--"));
    let seconds = arguments.next().map_or(Ok(DEFAULT_SECONDS), |text| text.parse())?;
    let base = arguments.next().map_or_else(std::env::temp_dir, PathBuf::from);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    for (file, bytes) in [("small", 0), ("large", LARGE_BYTES)] {
        for clients in [1, 64] {
            let dir = tempfile::tempdir_in(&base)?;
            fill(&dir.path().join("deskfleet.redb"), bytes)?;
            let before = fsync_us(dir.path())?;
            let run = runtime.block_on(run(dir.path(), clients, Duration::from_secs(seconds)))?;
            let after = fsync_us(dir.path())?;
            println!(
                "{file} file, {clients:>3} clients: {run}, fdatasync alone p50 {before} us before, {after} us after"
            );
        }
    }
    Ok(())
}

/// Rows nobody reads, as many as make the file so large.
fn fill(path: &Path, bytes: usize) -> anyhow::Result<()> {
    const ROW: &[u8] = &[7; 64 << 10];
    if bytes == 0 {
        return Ok(());
    }
    let database = Database::create(path)?;
    let transaction = database.begin_write()?;
    let mut rows = transaction.open_table(FILLING)?;
    for number in 0..bytes / ROW.len() {
        rows.insert(number as u64, ROW)?;
    }
    drop(rows);
    transaction.commit()?;
    Ok(())
}

/// Median time to append 4 KiB and make them durable.
fn fsync_us(dir: &Path) -> anyhow::Result<u128> {
    let mut file = File::create(dir.join("probe"))?;
    let mut times = Vec::with_capacity(PROBES);
    for _ in 0..PROBES {
        let stopwatch = Stopwatch::start();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        times.push(stopwatch.elapsed().as_micros());
    }
    times.sort_unstable();
    Ok(times[PROBES / 2])
}

async fn run(dir: &Path, clients: usize, length: Duration) -> anyhow::Result<String> {
    let settings = controller::Settings::default();
    let (controller, handle) = controller::start(dir, settings, Clock::System)?;
    let workflow = put_workflow(&handle).await?;
    let mut agents = Vec::new();
    for number in 0..clients {
        agents.push(Agent::join(&handle, number).await?);
    }
    let before = handle.stats();
    let stopwatch = Stopwatch::start();
    let (done, mut claims) = mpsc::unbounded_channel();
    let mut running = JoinSet::new();
    for agent in agents {
        running.spawn(lifecycles(agent, workflow.clone(), done.clone()));
    }
    tokio::time::sleep(length).await;
    let (elapsed, stats) = (stopwatch.elapsed(), handle.stats());
    claims.close();
    let mut claims_us = Vec::new();
    while let Ok(claim_us) = claims.try_recv() {
        claims_us.push(claim_us);
    }
    // None has ended by itself, unless something was wrong.
    if let Some(ended) = running.try_join_next() {
        ended??;
    }
    running.shutdown().await;
    controller.stop();
    claims_us.sort_unstable();
    let percentile = |percent: usize| claims_us.get(claims_us.len() * percent / 100).copied().unwrap_or_default();
    let commits = stats.commits - before.commits;
    let commit_us = (stats.commit_latency.sum_us - before.commit_latency.sum_us) / commits.max(1);
    let rate = claims_us.len() as u128 * 1_000 / elapsed.as_millis().max(1);
    Ok(format!(
        "{rate} lifecycles/s ({} in {:.1} s), submit to offer p50 {} us p99 {} us, {commits} commits of {commit_us} us",
        claims_us.len(),
        elapsed.as_secs_f64(),
        percentile(50),
        percentile(99),
    ))
}

/// One client and one machine, which takes whatever job is its turn. Tells the time from submit to offer of each lifecycle, in
/// microseconds, until nobody wants to hear it any more.
async fn lifecycles(agent: Agent, workflow: Name, done: mpsc::UnboundedSender<u64>) -> anyhow::Result<()> {
    loop {
        let claim = Stopwatch::start();
        agent.handle.execute(submission(&workflow)).await?;
        let offer = agent.offer().await?;
        let claim_us = u64::try_from(claim.elapsed().as_micros())?;
        agent.report(&offer, 1, ReportBody::Accept).await?;
        agent.report(&offer, 2, ReportBody::Ready).await?;
        let step = StepRecord { number: 1, content: Json::new(r#"{"action":"click"}"#) };
        let progress =
            Progress { steps: vec![step], artifacts: Vec::new(), steps_done: 1, steps_total: 1, quiet_ms: None };
        let end = End::Succeeded { output: Some(Json::new(r#"{"receipt":"R-118"}"#)) };
        agent.report(&offer, 3, ReportBody::Complete { progress, end }).await?;
        if done.send(claim_us).is_err() {
            return Ok(());
        }
    }
}

async fn put_workflow(handle: &Handle) -> anyhow::Result<Name> {
    let name: Name = "register-patient".parse()?;
    let spec = WorkflowSpec {
        apps: [].into(),
        pool: None,
        timeout_ms: 60_000,
        retry: RetryPolicy::default(),
        calls: [].into(),
        callable: true,
    };
    let content = "{}";
    let put = PutDocument {
        name: name.clone(),
        content: Json::new(content),
        digest: Digest::of(content.as_bytes()),
        spec: DocumentSpec::Workflow(spec),
        if_version: None,
        by: Principal::System,
    };
    handle.execute(Command::PutDocument(put)).await?;
    Ok(name)
}

fn submission(workflow: &Name) -> Command {
    let request = JobRequest {
        workflow: workflow.clone(),
        version: None,
        input: Json::new(r#"{"mrn":"0042"}"#),
        key: None,
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

/// Of a poll: later polls have higher ones.
fn next_number() -> u64 {
    static NUMBER: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(1);
    NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

struct Agent {
    handle: Handle,
    certificate: Digest,
    incarnation: Incarnation,
    apps_known: Option<Digest>,
}

impl Agent {
    async fn join(handle: &Handle, number: usize) -> anyhow::Result<Self> {
        let named = format!("vm-{number}");
        let secret = Digest::of(format!("join {named}").as_bytes());
        let token = CreateJoinToken {
            pool: "default".parse()?,
            uses: Some(1),
            digest: secret,
            expires_at: None,
            by: Principal::System,
        };
        handle.execute(Command::CreateJoinToken(token)).await?;
        let certificate = Digest::of(named.as_bytes());
        let join = JoinMachine {
            token: secret,
            name: named.parse()?,
            pool: None,
            labels: BTreeMap::new(),
            identity: named,
            certificate: Certificate { digest: certificate, not_after: Timestamp::from_ms(u64::MAX) },
            facts: Json::new("{}"),
        };
        handle.execute(Command::JoinMachine(join)).await?;
        let mut agent =
            Self { handle: handle.clone(), certificate, incarnation: Incarnation::from_raw(1), apps_known: None };
        let polled = agent.handle.poll(agent.request()).await?;
        agent.apps_known = polled.apps.map(|apps| apps.digest);
        Ok(agent)
    }

    fn request(&self) -> PollRequest {
        let poll = Poll {
            certificate: self.certificate,
            incarnation: self.incarnation,
            number: next_number(),
            facts: None,
            readiness: BTreeMap::new(),
            session: Session::Active,
            held: None,
            wall: None,
        };
        PollRequest { poll, wait: Duration::from_secs(10), apps_known: self.apps_known }
    }

    async fn offer(&self) -> anyhow::Result<Offer> {
        loop {
            if let Assignment::Offer(offer) = self.handle.poll(self.request()).await?.assignment {
                return Ok(*offer);
            }
        }
    }

    async fn report(&self, offer: &Offer, number: u64, body: ReportBody) -> anyhow::Result<()> {
        let fence =
            Fence { job: offer.job, attempt: offer.attempt, epoch: offer.epoch, incarnation: self.incarnation, number };
        let report = Report { certificate: self.certificate, fence, readiness: BTreeMap::new(), body };
        match self.handle.execute(Command::Report(report)).await? {
            Reply::Report(_) => Ok(()),
            other => anyhow::bail!("a report was answered {other:?}"),
        }
    }
}

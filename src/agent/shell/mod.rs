//! The agent as a running program: the session's orders carried out with sockets, disk, threads and signals.
//!
//! One loop owns the session. Everything slow happens beside it (calls, uploads, fetching, the desktop's thread) and comes back as
//! news. It decides nothing about leases or steps: those are [`super::session`] and [`super::runner`].

mod assemble;
mod calls;
mod control;
mod desk;
mod enroll;
mod late;
mod news;
mod orders;
mod shared;
mod stopping;
mod uploads;
mod watchdog;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    sync::{Arc, mpsc},
    time::Duration,
};

use tokio::{
    sync::{
        Notify,
        mpsc::{UnboundedSender, unbounded_channel},
        oneshot,
    },
    task::JoinHandle,
};

use super::{
    AgentError,
    disk::{AttemptSpool, Blobs, Identity, IdentityDir, Spool, WorkDir},
    host::Host,
    link::{Link, LinkError},
    runner::{Plan, Secrets},
    session::{Beginning, Session},
    tape::Tape,
};
use crate::{
    config::AgentSettings,
    desktop::DesktopHandle,
    ids::Incarnation,
    time::{Clock, Mono},
    wire::{agent::WantedDisplay, machine::Facts},
    workflow::App,
};
use calls::Calls;
use control::Control;
use desk::{News, Numbered, Work};
use shared::SharedLink;
use stopping::{Signals, Stopping};
use watchdog::Watchdog;

/// How long the controller may hold a poll.
const POLL_WAIT: Duration = Duration::from_secs(20);

/// The loop looks around at least this often: a sleeping thread's clock stands still in suspend, a lease does not.
const LONGEST_SLEEP: Duration = Duration::from_secs(1);

/// Between two looks at what is true of this machine.
const FACTS_INTERVAL: Duration = Duration::from_secs(60);

/// Between two looks whether the certificate must be renewed.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

/// What work that was told to stop may take to let go.
const LAST_MOMENT: Duration = Duration::from_secs(3);

/// For one quick question to the desktop.
const DESKTOP_LIMIT: Duration = Duration::from_secs(10);

/// The attempt under way.
struct Running {
    control: Arc<Control>,
    /// None until its documents and files are here.
    spool: Option<AttemptSpool>,
    /// Step reports the controller has.
    steps_told: usize,
    /// The desktop's thread has it and has not said that it ended.
    working: bool,
    /// What is carried out; none until its documents are here, and once its thread was given up.
    plan: Option<Plan>,
    tape: Tape,
}

/// What fetching for an attempt came to.
type Assembled = Result<Box<(Plan, WorkDir)>, assemble::AssembleError>;

/// The way to the desktop, and to the thread that works on it.
struct Seat {
    desktop: DesktopHandle,
    desk: mpsc::Sender<Work>,
    news: UnboundedSender<Numbered>,
    secrets: Secrets,
}

struct Shell {
    settings: AgentSettings,
    clock: Clock,
    session: Session,
    link: SharedLink,
    identity: Identity,
    identity_dir: IdentityDir,
    incarnation: Incarnation,
    desktop: DesktopHandle,
    desk: mpsc::Sender<Work>,
    /// Which of the threads on the desktop is heard.
    desk_number: u64,
    /// For the next of them.
    news: UnboundedSender<Numbered>,
    secrets: Secrets,
    watchdog: Watchdog,
    spool: Spool,
    blobs: Blobs,
    uploads: Arc<Notify>,
    calls: Calls,
    running: Option<Running>,
    assembling: Option<JoinHandle<(Box<crate::wire::agent::Offer>, Assembled)>>,
    watching: Option<JoinHandle<Vec<Arc<App>>>>,
    renewing: Option<JoinHandle<Result<Identity, LinkError>>>,
    facts_reading: Option<JoinHandle<Facts>>,
    /// The apps of the pool.
    apps: Vec<Arc<App>>,
    display: Option<WantedDisplay>,
    facts: Facts,
    surveyed_at: Mono,
    surveying: bool,
    facts_at: Mono,
    renewal_at: Mono,
    stopping: Stopping,
    /// Until the controller has answered a poll of this process, and so knows that the one before is no more.
    unheard: Option<oneshot::Sender<()>>,
}

/// Joins if need be, then works until it is told to stop.
pub async fn run(mut settings: AgentSettings, clock: Clock) -> Result<(), AgentError> {
    // Applications get paths in it, whatever their own folder is.
    settings.data_dir = std::path::absolute(&settings.data_dir).unwrap_or(settings.data_dir);
    let identity_dir = IdentityDir::open(&settings.data_dir)?;
    let mut signals = Signals::listen()?;
    let desktop = DesktopHandle::new();
    let display = desktop.run("display", DESKTOP_LIMIT, |desktop| desktop.display()).await;
    if let Err(error) = &display {
        tracing::warn!(%error, "there is no desktop to work on yet");
    }
    let facts = enroll::first_facts(&display);
    let identity = tokio::select! {
        identity = enroll::identity(&settings, &identity_dir, &facts, &clock) => identity?,
        () = signals.next() => return Ok(()),
    };
    let (news_sender, mut news) = unbounded_channel();
    let blobs = Blobs::open(&settings.data_dir)?;
    let secrets = Secrets::default();
    let host = Host::new(desktop.clone(), Box::new(blobs.clone()), clock.clone()).with_secrets(secrets.clone());
    let desk = desk::start(host, news_sender.clone(), 0).map_err(AgentError::Thread)?;
    let hands = Seat { desktop, desk, news: news_sender, secrets };
    let mut shell = Shell::new(settings, clock, (identity, identity_dir), hands, blobs, facts)?;
    let uploads = tokio::spawn(uploads::run(shell.link.clone(), shell.spool.clone(), Arc::clone(&shell.uploads)));
    let (unheard, heard) = oneshot::channel();
    shell.unheard = Some(unheard);
    let late = tokio::spawn(late::tell(shell.link.clone(), shell.spool.clone(), shell.incarnation, heard));
    tracing::info!(
        machine = %shell.identity.joined.name,
        controller = shell.identity.joined.controller,
        incarnation = %shell.incarnation,
        "the agent is ready to work"
    );
    let result = shell.work(&mut signals, &mut news).await;
    shell.await_desk(&mut news).await;
    uploads.abort();
    late.abort();
    if let Err(error) = shell.desktop.release_all(DESKTOP_LIMIT).await {
        tracing::debug!(%error, "keys and buttons were not released at the end");
    }
    tracing::info!("the agent has stopped");
    result
}

impl Shell {
    fn new(
        settings: AgentSettings,
        clock: Clock,
        (identity, identity_dir): (Identity, IdentityDir),
        seat: Seat,
        blobs: Blobs,
        facts: Facts,
    ) -> Result<Self, AgentError> {
        let now = clock.now();
        let random = random()?;
        let incarnation = Incarnation::new(identity_dir.begin_start(now.wall).as_ms(), random);
        let generation_seen = identity_dir.generation()?;
        let [seed, ..] = random.to_le_bytes().map(u64::from);
        let seed = seed ^ u64::try_from(random >> 64).unwrap_or(1);
        let beginning = Beginning { incarnation, generation_seen, seed, poll_wait: POLL_WAIT };
        let mut session = Session::new(beginning, now.mono);
        session.set_facts(facts.clone());
        WorkDir::clear_all(&settings.data_dir);
        let link = SharedLink::new(Link::open(&identity, settings.proxy.as_ref())?);
        let spool = Spool::open(&settings.data_dir, settings.spool_bytes)?;
        Ok(Self {
            settings,
            clock,
            session,
            link,
            identity,
            identity_dir,
            incarnation,
            desktop: seat.desktop,
            desk: seat.desk,
            desk_number: 0,
            news: seat.news,
            secrets: seat.secrets,
            watchdog: Watchdog::default(),
            spool,
            blobs,
            uploads: Arc::new(Notify::new()),
            calls: Calls::default(),
            running: None,
            assembling: None,
            watching: None,
            renewing: None,
            facts_reading: None,
            apps: Vec::new(),
            display: None,
            facts,
            surveyed_at: now.mono,
            surveying: false,
            facts_at: now.mono,
            renewal_at: Mono::default(),
            stopping: Stopping::No,
            unheard: None,
        })
    }

    async fn work(
        &mut self,
        signals: &mut Signals,
        news: &mut tokio::sync::mpsc::UnboundedReceiver<Numbered>,
    ) -> Result<(), AgentError> {
        loop {
            let now = self.clock.now().mono;
            self.session.handle_timeout(now);
            self.obey();
            if self.is_finished(now) {
                return Ok(());
            }
            self.send_due(now);
            self.look_around(now);
            let sleep = self.session.next_timeout().map_or(LONGEST_SLEEP, |at| at.since(now)).min(LONGEST_SLEEP);
            tokio::select! {
                // Renewals and their answers come before everything else.
                biased;
                answer = calls::joined(&mut self.calls.report) => self.report_answered(answer),
                answer = calls::joined(&mut self.calls.poll) => self.poll_answered(answer),
                () = signals.next() => self.signalled(),
                said = news.recv() => match said {
                    Some((number, said)) if number == self.desk_number => self.hear(said),
                    Some(_) => {}
                    None => return Err(AgentError::DeskEnded),
                },
                (offer, assembled) = calls::joined(&mut self.assembling) => self.assembled(&offer, assembled),
                apps = calls::joined(&mut self.watching) => self.watch(apps),
                renewed = calls::joined(&mut self.renewing) => self.renewed(renewed),
                facts = calls::joined(&mut self.facts_reading) => self.learn(facts),
                () = tokio::time::sleep(sleep) => {}
            }
        }
    }

    /// What was told to stop gets a moment to do so: programs it runs end with it.
    async fn await_desk(&self, news: &mut tokio::sync::mpsc::UnboundedReceiver<Numbered>) {
        let working = self.running.as_ref().is_some_and(|running| running.working);
        if !working {
            return;
        }
        let ended = async {
            while let Some((_, said)) = news.recv().await {
                if matches!(said, News::Ended(..) | News::Prepared(Err(_))) {
                    return;
                }
            }
        };
        let _ = tokio::time::timeout(LAST_MOMENT, ended).await;
    }

    /// The thread on the desktop, and the gate in front of it, know how long it may touch. What they were told last stays: where a
    /// lease has just lapsed, that is what holds until the order to let go is carried out.
    fn share_lease(&self) {
        if let (Some(running), Some(until)) = (&self.running, self.session.may_touch_until()) {
            running.control.touch_until(until);
            self.desktop.gate().lapse_at(until);
        }
    }

    /// Things that are done from time to time.
    fn look_around(&mut self, now: Mono) {
        self.share_lease();
        self.watch_desk(now);
        if now.since(self.renewal_at) >= RENEWAL_INTERVAL {
            self.renewal_at = now;
            self.renew_if_due();
        }
        if self.session.is_busy() || self.stopping != Stopping::No {
            return;
        }
        let due = now.since(self.surveyed_at) >= self.settings.probe_interval;
        if due && !self.surveying && !self.apps.is_empty() {
            self.surveyed_at = now;
            self.surveying = true;
            self.ask_desk(Work::Survey { apps: self.apps.clone(), machine: self.machine() });
        }
        if now.since(self.facts_at) >= FACTS_INTERVAL && self.facts_reading.is_none() {
            self.facts_at = now;
            let desktop = self.desktop.clone();
            self.facts_reading = Some(tokio::spawn(async move {
                let display = desktop.run("display", DESKTOP_LIMIT, |desktop| desktop.display()).await;
                enroll::first_facts(&display)
            }));
        }
    }

    fn renew_if_due(&mut self) {
        let now = self.clock.now().wall;
        let is_due = self.calls.unknown || enroll::is_due(&self.identity.joined, now);
        if self.renewing.is_some() || !is_due {
            return;
        }
        let (link, identity) = (self.link.get(), self.identity.clone());
        self.renewing = Some(tokio::spawn(async move { enroll::renew(&link, &identity, now).await }));
    }

    fn renewed(&mut self, renewed: Result<Identity, LinkError>) {
        let saved = renewed.and_then(|identity| {
            let link = Link::open(&identity, self.settings.proxy.as_ref())?;
            Ok((identity, link))
        });
        match saved {
            Ok((identity, link)) => {
                if let Err(error) = self.identity_dir.save_certificate(&identity) {
                    tracing::error!(%error, "the renewed certificate is not on disk");
                }
                tracing::info!(expires_at = %identity.joined.expires_at, "the certificate is renewed");
                self.identity = identity;
                self.link.replace(link);
            }
            Err(error) => tracing::warn!(%error, "the certificate is not renewed yet"),
        }
    }

    fn learn(&mut self, mut facts: Facts) {
        facts.apps.clone_from(&self.facts.apps);
        self.facts = facts;
        self.session.set_facts(self.facts.clone());
    }

    /// The thread ends only with the program; its end is noticed where its news are heard.
    fn ask_desk(&self, work: Work) {
        let _ = self.desk.send(work);
    }

    fn machine(&self) -> serde_json::Value {
        serde_json::json!({
            "name": self.identity.joined.name,
            "pool": self.identity.joined.pool,
            "labels": self.settings.labels,
        })
    }

    fn data_dir(&self) -> PathBuf {
        self.settings.data_dir.clone()
    }
}

fn random() -> Result<u128, AgentError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| AgentError::Random(error.to_string()))?;
    Ok(u128::from_le_bytes(bytes))
}

/// The digests of all images of some apps.
fn images_of(apps: &[Arc<App>]) -> BTreeSet<crate::ids::Digest> {
    let digests = apps.iter().flat_map(|app| app.images.values());
    digests.filter_map(|digest| digest.as_str().parse().ok()).collect()
}

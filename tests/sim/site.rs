//! The controller as a process: the real engine, store, router and handlers, on one thread and in one order.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    pin::Pin,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicBool, AtomicU64, Ordering::SeqCst},
    },
    task::{Context, Poll, Wake, Waker},
    time::Duration,
};

use axum::{
    Router,
    body::{Body, Bytes},
    http::{Request, header},
};
use deskfleet::{
    config::{ControllerSettings, Layers, Settings},
    controller::{self, EventFilter, EventPage, Handle, Stepper, open_to_step},
    fleet::{Command, DeliveryReport, Due, Meta, Reply, Write},
    http::{
        self, App,
        server::Peer,
        tls::{PeerCertificate, Tls},
    },
    ids::Digest,
    store::{Store, Transaction},
    time::{Clock, ManualClock, Timestamp},
};
use http_body_util::BodyExt as _;
use tower::ServiceExt as _;

use crate::disk::{Disk, Loss};

/// When every history begins.
pub(crate) const START_MS: u64 = 1_800_000_000_000;
pub(crate) const SECRET: &str = "dft_simulated";
/// How long the engine may find the disk full before somebody makes room.
const MAX_FULL_PAUSES: u64 = 40;

/// Who asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Who {
    Person,
    /// By its certificate.
    Machine(Digest),
}

#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(crate) who: Who,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) key: Option<String>,
    pub(crate) body: Vec<u8>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

type Answering = Pin<Box<dyn Future<Output = Answer>>>;

struct Flight {
    answering: Answering,
    woken: Arc<Flag>,
}

struct Flag {
    own: AtomicBool,
    any: Arc<AtomicBool>,
}

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.own.store(true, SeqCst);
        self.any.store(true, SeqCst);
    }
}

struct Alive {
    stepper: Stepper,
    handle: Handle,
    router: Router,
}

/// One machine with the controller on it, switched on or off.
pub(crate) struct Site {
    dir: PathBuf,
    pub(crate) disk: Disk,
    pub(crate) clock: ManualClock,
    settings: controller::Settings,
    alive: Option<Alive>,
    flights: BTreeMap<u64, Flight>,
    any_woken: Arc<AtomicBool>,
    full_pauses: Arc<AtomicU64>,
}

/// Keys and certificates are not what is simulated: one authority does for all.
static TLS: LazyLock<(Tls, ControllerSettings, tempfile::TempDir)> = LazyLock::new(|| {
    let dir = tempfile::tempdir().unwrap();
    let layers = Layers { default_data_dir: dir.path().to_owned(), ..Layers::default() };
    let settings = Settings::load(&layers).unwrap().controller;
    let tls = Tls::open(&settings, Timestamp::from_ms(START_MS)).unwrap();
    (tls, settings, dir)
});

thread_local! {
    /// What of a data directory is no database: histories of one thread follow each other in it.
    static DIR: tempfile::TempDir = tempfile::tempdir().unwrap();
}

impl Site {
    /// With an empty store whose ids derive from the seed.
    pub(crate) fn new(seed: u64, settings: controller::Settings) -> Self {
        let (dir, disk) = (DIR.with(|dir| dir.path().to_owned()), Disk::new(seed % 2 == 1));
        let mut store = Store::open_with(&dir, settings.keep_events, disk.opener()).unwrap();
        let meta = Meta::new(Digest::of(&seed.to_be_bytes()));
        store.commit(&Transaction { writes: vec![Write::Meta(meta)], ..Transaction::default() }).unwrap();
        drop(store);
        disk.let_go();
        let mut site = Self {
            dir,
            disk,
            clock: ManualClock::starting_at(Timestamp::from_ms(START_MS)),
            settings,
            alive: None,
            flights: BTreeMap::new(),
            any_woken: Arc::default(),
            full_pauses: Arc::default(),
        };
        site.switch_on();
        site
    }

    pub(crate) fn is_on(&self) -> bool {
        self.alive.is_some()
    }

    /// Starts from what is durable. Says whether it came up: the disk may be failing.
    pub(crate) fn switch_on(&mut self) -> bool {
        let clock = Clock::Manual(self.clock.clone());
        let (disk, moved, pauses) = (self.disk.clone(), self.clock.clone(), Arc::clone(&self.full_pauses));
        let pause = Box::new(move |pause: Duration| {
            moved.advance(pause);
            if pauses.fetch_add(1, SeqCst) >= MAX_FULL_PAUSES {
                disk.set_full(false);
            }
        });
        let opened = open_to_step(&self.dir, self.settings.clone(), clock, self.disk.opener(), pause);
        let Ok((stepper, handle)) = opened else { return false };
        let (tls, settings, _) = &*TLS;
        let router = http::router(App::new(handle.clone(), tls.clone(), settings), http::routes());
        self.alive = Some(Alive { stepper, handle, router });
        true
    }

    /// The power fails, or the process is killed where `loss` is none. Whoever waits for an answer gets none.
    pub(crate) fn switch_off(&mut self, loss: Option<Loss>) {
        match loss {
            Some(loss) => self.disk.power_off(loss),
            None => self.disk.let_go(),
        }
        self.flights.clear();
        self.alive = None;
    }

    /// Raises the generation of the store as a restore does. The image from before is given back.
    pub(crate) fn raise_generation(&mut self) -> Vec<u8> {
        let image = self.disk.image();
        let mut store = Store::open_with(&self.dir, self.settings.keep_events, self.disk.opener()).unwrap();
        let mut meta = store.load().unwrap().meta;
        meta.generation += 1;
        store.commit(&Transaction { writes: vec![Write::Meta(meta)], ..Transaction::default() }).unwrap();
        drop(store);
        self.disk.let_go();
        image
    }

    /// From now on the disk has no room for some time.
    pub(crate) fn fill_disk(&self) {
        self.full_pauses.store(0, SeqCst);
        self.disk.set_full(true);
    }

    /// Hands in a request. False: nobody is there.
    pub(crate) fn ask(&mut self, number: u64, call: Call) -> bool {
        let Some(alive) = &self.alive else { return false };
        let router = alive.router.clone();
        self.fly(number, Box::pin(async move { answer(router, call).await }));
        true
    }

    fn fly(&mut self, number: u64, answering: Answering) {
        let woken = Arc::new(Flag { own: AtomicBool::new(true), any: Arc::clone(&self.any_woken) });
        self.any_woken.store(true, SeqCst);
        self.flights.insert(number, Flight { answering, woken });
    }

    /// The sender says how a run went: a flight like a request's.
    pub(crate) fn report(&mut self, number: u64, report: DeliveryReport) {
        let Some(alive) = &self.alive else { return };
        let handle = alive.handle.clone();
        self.fly(
            number,
            Box::pin(async move {
                let status = if handle.report_deliveries(vec![report]).await.is_ok() { 200 } else { 503 };
                Answer { status, body: Bytes::new() }
            }),
        );
    }

    /// What is to be sent now, as the sender asks for it.
    pub(crate) fn due(&self, messages: usize) -> Vec<Due> {
        let now = Clock::Manual(self.clock.clone()).now();
        self.fleet().map(|fleet| fleet.due_messages(now, &BTreeSet::new(), (8, messages)).0).unwrap_or_default()
    }

    /// The asking side has gone: the handler is dropped wherever it is.
    pub(crate) fn hang_up(&mut self, number: u64) {
        self.flights.remove(&number);
    }

    /// One round of the engine. False: it has ended, with the process.
    pub(crate) fn step(&mut self) -> bool {
        self.alive.as_mut().is_none_or(|alive| alive.stepper.step().is_ok())
    }

    /// Handlers go on as far as they can. What they answered.
    pub(crate) fn serve(&mut self) -> Vec<(u64, Answer)> {
        let mut answers = Vec::new();
        while self.any_woken.swap(false, SeqCst) {
            let numbers: Vec<u64> = self.flights.keys().copied().collect();
            for number in numbers {
                let Some(flight) = self.flights.get_mut(&number) else { continue };
                if !flight.woken.own.swap(false, SeqCst) {
                    continue;
                }
                let waker = Waker::from(Arc::clone(&flight.woken));
                if let Poll::Ready(answer) = flight.answering.as_mut().poll(&mut Context::from_waker(&waker)) {
                    self.flights.remove(&number);
                    answers.push((number, answer));
                }
            }
        }
        answers
    }

    pub(crate) fn is_anybody_woken(&self) -> bool {
        self.any_woken.load(SeqCst)
    }

    /// Something waits for the engine.
    pub(crate) fn has_queued(&self) -> bool {
        self.alive.as_ref().is_some_and(|alive| alive.handle.stats().queue_depth > 0)
    }

    pub(crate) fn due_in(&self) -> Option<Duration> {
        self.alive.as_ref()?.stepper.due_in()
    }

    pub(crate) fn fleet(&self) -> Option<&deskfleet::fleet::Fleet> {
        Some(self.alive.as_ref()?.stepper.fleet())
    }

    /// Committed events after a number.
    pub(crate) fn events(&self, after: u64) -> EventPage {
        let handle = &self.alive.as_ref().expect("it is on").handle;
        now(handle.events(after, EventFilter::default(), usize::MAX)).unwrap()
    }

    pub(crate) fn newest_event(&self) -> u64 {
        self.alive.as_ref().expect("it is on").handle.stats().newest_event
    }

    /// A command of whoever sets the scene, executed at once.
    pub(crate) fn execute(&mut self, command: Command) -> Reply {
        let alive = self.alive.as_mut().expect("it is on");
        let mut asked = Box::pin(alive.handle.execute(command));
        let mut context = Context::from_waker(Waker::noop());
        assert!(asked.as_mut().poll(&mut context).is_pending());
        alive.stepper.step().unwrap();
        match asked.as_mut().poll(&mut context) {
            Poll::Ready(reply) => reply.unwrap(),
            Poll::Pending => panic!("a command is answered by the step that decides it"),
        }
    }

    /// A request of whoever sets the scene, or looks at the end: no network between.
    pub(crate) fn ask_now(&mut self, call: Call) -> Answer {
        const OWN: u64 = u64::MAX;
        assert!(self.ask(OWN, call));
        for _ in 0..100 {
            if let Some((_, answer)) = self.serve().into_iter().find(|(number, _)| *number == OWN) {
                return answer;
            }
            assert!(self.step());
        }
        panic!("a request without a wait is answered within a few rounds")
    }
}

/// Of a future that waits for nobody.
fn now<T>(future: impl Future<Output = T>) -> T {
    match std::pin::pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("reads of the store wait for nobody here"),
    }
}

async fn answer(router: Router, call: Call) -> Answer {
    let mut request = Request::builder()
        .method(call.method)
        .uri(&call.path)
        .header(header::CONTENT_TYPE, "application/json")
        .header("request-id", "simulated");
    if let Some(key) = &call.key {
        request = request.header("idempotency-key", key);
    }
    let mut peer = Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 1)), certificate: None };
    match call.who {
        Who::Person => request = request.header(header::AUTHORIZATION, format!("Bearer {SECRET}")),
        Who::Machine(digest) => {
            peer.certificate = Some(PeerCertificate { digest, expires_at: Timestamp::from_ms(u64::MAX) });
        }
    }
    let request = request.extension(peer).body(Body::from(call.body)).unwrap();
    let response = match router.oneshot(request).await {
        Ok(response) => response,
        Err(never) => match never {},
    };
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    Answer { status, body }
}

//! The one thread that owns the desktop, and the watchdog in front of it.
//!
//! Calls go one by one, in the order they were made. A call past its limit is given up together with its thread: its pass is withdrawn
//! so that it touches nothing if it ever goes on, and the next call gets a fresh thread with a fresh connection, on which every key and
//! button is released first.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
        mpsc,
    },
    thread,
    time::Duration,
};

use super::{Desktop, DesktopError, Gate, Pass};

/// Threads that hang at the same time before no more are started.
const MAX_HANGING: usize = 8;

/// Opens a desktop, on the thread that will own it.
type Opener = dyn Fn() -> Result<Box<dyn Desktop>, DesktopError> + Send + Sync;

/// What the desktop thread is asked to do, given the desktop or why it could not be opened.
type Call = Box<dyn FnOnce(Result<&mut dyn Desktop, DesktopError>) -> After + Send>;

/// Whether the connection is still good.
enum After {
    Keep,
    Reopen,
}

/// The way to the desktop, from any thread. Clones speak to the same desktop.
#[derive(Clone)]
pub struct DesktopHandle {
    line: Arc<Line>,
    /// Set by [`DesktopHandle::for_lease`].
    lease: Option<Pass>,
}

struct Line {
    opener: Box<Opener>,
    gate: Gate,
    /// Held by the call that is under way; fair, so that calls keep their order.
    turn: tokio::sync::Mutex<()>,
    thread: Mutex<Threads>,
    alive: Arc<AtomicUsize>,
}

#[derive(Default)]
struct Threads {
    current: Option<mpsc::Sender<Call>>,
    started: u64,
    /// The thread before was given up: something may be held.
    release_first: bool,
}

impl DesktopHandle {
    /// A handle to the desktop of this session, opened at the first call.
    pub fn new() -> Self {
        Self::with_opener(super::open)
    }

    pub fn with_opener(opener: impl Fn() -> Result<Box<dyn Desktop>, DesktopError> + Send + Sync + 'static) -> Self {
        let line = Line {
            opener: Box::new(opener),
            gate: Gate::new(),
            turn: tokio::sync::Mutex::new(()),
            thread: Mutex::default(),
            alive: Arc::default(),
        };
        Self { line: Arc::new(line), lease: None }
    }

    /// A handle for one lease: when the gate closes, its calls stay fenced for ever, even after the gate opens for the next lease.
    /// Opens the gate where it is closed.
    #[must_use]
    pub fn for_lease(&self) -> Self {
        self.line.gate.open();
        Self { line: Arc::clone(&self.line), lease: Some(self.line.gate.pass()) }
    }

    #[must_use]
    pub fn without_lease(&self) -> Self {
        Self { line: Arc::clone(&self.line), lease: None }
    }

    /// What a program is started with: it ends with the lease. Without a lease nothing withdraws it.
    pub fn lease_pass(&self) -> Pass {
        self.lease.clone().unwrap_or_else(Pass::unfenced)
    }

    /// Stops all input at once: a call under way ends with [`DesktopError::Fenced`] before its next burst, and every key and button is
    /// released. Returns without waiting for it; [`DesktopHandle::release_all`] waits.
    pub fn fence(&self) {
        self.line.gate.close();
        let release: Call = Box::new(|desktop| match desktop.and_then(Desktop::release_all) {
            Ok(()) => After::Keep,
            Err(_) => After::Reopen,
        });
        // Where no thread runs, nothing is held by us.
        if let Some(current) = &self.threads().current {
            let _ = current.send(release);
        }
    }

    pub fn gate(&self) -> &Gate {
        &self.line.gate
    }

    /// The pass that calls of this handle are made with; for [`super::process::run`].
    pub fn pass(&self) -> Pass {
        self.lease.clone().unwrap_or_else(|| self.line.gate.pass())
    }

    /// Releases every key and button. Never fenced.
    pub async fn release_all(&self, limit: Duration) -> Result<(), DesktopError> {
        self.run("release_all", limit, |desktop| desktop.release_all()).await
    }

    /// Runs one call on the desktop thread. Its limit counts from its turn. A caller that goes away gives the call up.
    pub async fn run<T, F>(&self, call: &'static str, limit: Duration, act: F) -> Result<T, DesktopError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Desktop) -> Result<T, DesktopError> + Send + 'static,
    {
        let _turn = self.line.turn.lock().await;
        let (reply, answer) = tokio::sync::oneshot::channel();
        let _underway = self.send(act, move |result| drop(reply.send(result)))?;
        match tokio::time::timeout(limit, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(self.thread_ended(call)),
            Err(_) => Err(self.hung(call, limit)),
        }
    }

    /// The same, blocking; not to be called from asynchronous code.
    pub fn run_blocking<T, F>(&self, call: &'static str, limit: Duration, act: F) -> Result<T, DesktopError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Desktop) -> Result<T, DesktopError> + Send + 'static,
    {
        let _turn = self.line.turn.blocking_lock();
        let (reply, answer) = mpsc::channel();
        let _underway = self.send(act, move |result| drop(reply.send(result)))?;
        match answer.recv_timeout(limit) {
            Ok(result) => result,
            Err(mpsc::RecvTimeoutError::Disconnected) => Err(self.thread_ended(call)),
            Err(mpsc::RecvTimeoutError::Timeout) => Err(self.hung(call, limit)),
        }
    }

    fn send<T: 'static>(
        &self,
        act: impl FnOnce(&mut dyn Desktop) -> Result<T, DesktopError> + Send + 'static,
        reply: impl FnOnce(Result<T, DesktopError>) + Send + 'static,
    ) -> Result<Underway, DesktopError> {
        let pass = self.pass().for_one_call();
        let underway = Underway(pass.clone());
        let call: Call = Box::new(move |desktop| {
            let result = desktop.and_then(|desktop| {
                desktop.admit(pass);
                act(desktop)
            });
            let after = if matches!(result, Err(DesktopError::Unavailable(_))) { After::Reopen } else { After::Keep };
            reply(result);
            after
        });
        let mut threads = self.threads();
        let unsent = match &threads.current {
            Some(current) => match current.send(call) {
                Ok(()) => return Ok(underway),
                Err(mpsc::SendError(call)) => call,
            },
            None => call,
        };
        let fresh = self.line.start_thread(&mut threads)?;
        let sent = fresh.send(unsent);
        threads.current = Some(fresh);
        sent.map_err(|_| DesktopError::Unavailable("its thread ended as soon as it was started".into()))?;
        Ok(underway)
    }

    fn hung(&self, call: &'static str, limit: Duration) -> DesktopError {
        let mut threads = self.threads();
        threads.current = None;
        threads.release_first = true;
        DesktopError::Hung { call, limit }
    }

    fn thread_ended(&self, call: &'static str) -> DesktopError {
        let mut threads = self.threads();
        threads.current = None;
        threads.release_first = true;
        DesktopError::Input(format!("the desktop thread ended during {call}; the next call gets a fresh one"))
    }

    fn threads(&self) -> std::sync::MutexGuard<'_, Threads> {
        self.line.thread.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for DesktopHandle {
    fn default() -> Self {
        Self::new()
    }
}

/// Gives the call up when its caller goes away before the answer.
struct Underway(Pass);

impl Drop for Underway {
    fn drop(&mut self) {
        // Of no consequence for a call that has ended.
        self.0.give_up();
    }
}

impl Line {
    fn start_thread(self: &Arc<Self>, threads: &mut Threads) -> Result<mpsc::Sender<Call>, DesktopError> {
        if self.alive.load(Ordering::SeqCst) >= MAX_HANGING {
            let reason =
                format!("{MAX_HANGING} calls to it hang; restart the agent, or the session where that does not help");
            return Err(DesktopError::Unavailable(reason));
        }
        threads.started += 1;
        let release_first = std::mem::take(&mut threads.release_first);
        let (sender, calls) = mpsc::channel();
        let counted = Counted::new(&self.alive);
        // The thread holds the opener only through its own handle, and ends when the last sender is gone.
        let line = Arc::downgrade(self);
        thread::Builder::new()
            .name(format!("desktop-{}", threads.started))
            .spawn(move || {
                let _counted = counted;
                let open = || match line.upgrade() {
                    Some(line) => (line.opener)(),
                    None => Err(DesktopError::Unavailable("the program is ending".into())),
                };
                serve(&calls, open, release_first);
            })
            .map_err(|error| DesktopError::Unavailable(format!("no thread can be started for it: {error}")))?;
        Ok(sender)
    }
}

fn serve(
    calls: &mpsc::Receiver<Call>,
    open: impl Fn() -> Result<Box<dyn Desktop>, DesktopError>,
    mut release_first: bool,
) {
    let mut desktop: Option<Box<dyn Desktop>> = None;
    while let Ok(call) = calls.recv() {
        if desktop.is_none() {
            match open() {
                Ok(mut opened) => {
                    if release_first && opened.release_all().is_ok() {
                        release_first = false;
                    }
                    desktop = Some(opened);
                }
                Err(error) => {
                    call(Err(error));
                    continue;
                }
            }
        }
        let Some(opened) = &mut desktop else { continue };
        if matches!(call(Ok(opened.as_mut())), After::Reopen) {
            desktop = None;
        }
    }
}

/// Counts threads from before their start to their end.
struct Counted(Arc<AtomicUsize>);

impl Counted {
    fn new(count: &Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(Arc::clone(count))
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

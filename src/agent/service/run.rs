//! The service itself: what the service manager asks of it, and one round after the other of keeping agents.

use std::{
    collections::BTreeMap,
    ffi::OsString,
    sync::{
        OnceLock,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    time::Duration,
};

use windows_service::{
    define_windows_service,
    service::{ServiceControl, ServiceControlAccept, ServiceExitCode, ServiceState, ServiceStatus, ServiceType},
    service_control_handler::{self, ServiceControlHandlerResult, ServiceStatusHandle},
    service_dispatcher,
};

use super::{
    command_line,
    keeper::{Deed, Keeper, Seen},
    sessions::{self, Child, Job},
    stop::Bell,
};
use crate::{desktop::Stopwatch, time::Clock};

pub const SERVICE_NAME: &str = "deskfleet-agent";

/// Between two looks at the sessions and at the agents.
const ROUND: Duration = Duration::from_secs(1);

/// What the agents get to tell the controller how they end: a job's grace and their last words, and a little.
const LAST_WORDS: Duration = Duration::from_secs(50);

/// What the service was installed with.
struct Wishes {
    users: Vec<String>,
    /// For each agent.
    flags: Vec<String>,
}

static WISHES: OnceLock<Wishes> = OnceLock::new();

/// Until the service manager stops it, which is who must have started this process.
pub fn run(users: Vec<String>, flags: Vec<String>) -> windows_service::Result<()> {
    let _ = WISHES.set(Wishes { users, flags });
    service_dispatcher::start(SERVICE_NAME, service_main)
}

define_windows_service!(service_main, serve);

fn serve(_: Vec<OsString>) {
    if let Err(error) = try_serve() {
        tracing::error!(%error, "the service has ended");
    }
}

fn try_serve() -> windows_service::Result<()> {
    let (sender, asked) = mpsc::channel();
    let told = move |control| match control {
        ServiceControl::Stop | ServiceControl::Shutdown => {
            sender.send(()).ok();
            ServiceControlHandlerResult::NoError
        }
        ServiceControl::Interrogate => ServiceControlHandlerResult::NoError,
        _ => ServiceControlHandlerResult::NotImplemented,
    };
    let status = service_control_handler::register(SERVICE_NAME, told)?;
    say(status, ServiceState::Running, 0)?;
    let ended = Service::new().map(|mut service| service.keep(&asked, status));
    if let Err(error) = &ended {
        tracing::error!(%error, "the service cannot keep agents");
    }
    say(status, ServiceState::Stopped, ended.map_or(1, |()| 0))
}

/// What the service manager shows. A failed end lets it start the service again.
fn say(status: ServiceStatusHandle, state: ServiceState, code: u32) -> windows_service::Result<()> {
    let is_running = state == ServiceState::Running;
    let accepted = ServiceControlAccept::STOP | ServiceControlAccept::SHUTDOWN;
    status.set_service_status(ServiceStatus {
        service_type: ServiceType::OWN_PROCESS,
        current_state: state,
        controls_accepted: if is_running { accepted } else { ServiceControlAccept::empty() },
        exit_code: ServiceExitCode::Win32(code),
        checkpoint: 0,
        wait_hint: if state == ServiceState::StopPending { LAST_WORDS } else { Duration::ZERO },
        process_id: None,
    })
}

struct Service {
    keeper: Keeper,
    wishes: &'static Wishes,
    clock: Clock,
    job: Job,
    agents: BTreeMap<u32, (Child, Bell)>,
    /// At the last look.
    seen: Vec<Seen>,
}

impl Service {
    fn new() -> windows::core::Result<Self> {
        let wishes = WISHES.get_or_init(|| Wishes { users: Vec::new(), flags: Vec::new() });
        let keeper = Keeper::new(&wishes.users);
        Ok(Self { keeper, wishes, clock: Clock::System, job: Job::new()?, agents: BTreeMap::new(), seen: Vec::new() })
    }

    fn keep(&mut self, asked: &Receiver<()>, status: ServiceStatusHandle) {
        tracing::info!(users = ?self.wishes.users, "keeping an agent in each session");
        loop {
            self.round();
            match asked.recv_timeout(ROUND) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        say(status, ServiceState::StopPending, 0).ok();
        self.stop();
    }

    fn round(&mut self) {
        let now = self.clock.now().mono;
        let ended = self.agents.extract_if(.., |_, (child, _)| child.has_ended_within(Duration::ZERO));
        for (session, (child, _)) in ended {
            let pause = self.keeper.ended(session, now);
            tracing::warn!(
                session,
                pid = child.pid,
                "an agent has ended; the next one starts in {} s",
                pause.as_secs()
            );
        }
        let seen = match sessions::list() {
            Ok(seen) => seen,
            Err(error) => return tracing::error!(%error, "the system does not tell its sessions"),
        };
        if seen != self.seen {
            tracing::info!(sessions = ?seen, console = sessions::console(), "who is logged on");
            self.seen.clone_from(&seen);
        }
        for deed in self.keeper.round(&seen, sessions::console_is_free(), now) {
            match deed {
                Deed::Start(seen) => self.start(&seen),
                Deed::TakeToConsole(seen) => match sessions::take_to_console(seen.session) {
                    Ok(()) => tracing::info!(session = seen.session, user = seen.user, "taken back to the console"),
                    Err(error) => {
                        tracing::warn!(%error, session = seen.session, user = seen.user, "not taken back to the console");
                    }
                },
            }
        }
    }

    fn start(&mut self, seen: &Seen) {
        let started = Bell::hang(seen.session).and_then(|bell| {
            let line = |variables: &BTreeMap<String, String>| self.line(variables);
            Ok((sessions::start(seen.session, &self.job, line)?, bell))
        });
        match started {
            Ok((child, bell)) => {
                tracing::info!(session = seen.session, user = seen.user, pid = child.pid, "started an agent");
                self.agents.insert(seen.session, (child, bell));
            }
            Err(error) => {
                let pause = self.keeper.ended(seen.session, self.clock.now().mono);
                let pause = pause.as_secs();
                tracing::error!(%error, session = seen.session, user = seen.user, "no agent started; again in {pause} s");
            }
        }
    }

    /// The command line of an agent. What is not told is the user's own: its folder, its log, its name where there are several. A file with settings
    /// tells it all.
    fn line(&self, variables: &BTreeMap<String, String>) -> String {
        let program = std::env::current_exe().unwrap_or_default().to_string_lossy().into_owned();
        let local = variables.get("LOCALAPPDATA").map_or(r"C:\deskfleet", String::as_str);
        let mut words = vec![program, "agent".to_owned(), "run".to_owned()];
        words.extend(self.wishes.flags.iter().cloned());
        let is_told =
            |flag: &str| self.wishes.flags.iter().any(|word| word == flag || word.starts_with(&format!("{flag}=")));
        let mut unless_told = |flag: &str, value: String| {
            if !is_told(flag) && !is_told("--config") {
                words.extend([flag.to_owned(), value]);
            }
        };
        unless_told("--data-dir", format!(r"{local}\deskfleet"));
        unless_told("--log-file", format!(r"{local}\deskfleet\logs\agent.log"));
        if self.wishes.users.len() != 1 {
            unless_told("--name", "{host}/{user}".to_owned());
        }
        command_line(&words)
    }

    /// The agents are asked, and end with this process where they do not.
    fn stop(&mut self) {
        tracing::info!(agents = self.agents.len(), "stopping");
        for (session, (_, bell)) in &self.agents {
            if let Err(error) = bell.ring() {
                tracing::warn!(%error, session, "the agent could not be asked to stop");
            }
        }
        let watch = Stopwatch::start();
        for (session, (child, _)) in &self.agents {
            let left = watch.left(LAST_WORDS).unwrap_or_default();
            if !child.has_ended_within(left) {
                tracing::warn!(session, pid = child.pid, "the agent did not end by itself");
                child.end();
            }
        }
        self.agents.clear();
    }
}

//! The controller's start and its end: data directory, keys, tokens, engine, server, and back in reverse order.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use tokio::net::TcpListener;

use super::{
    App, notify, private_file, router, routes,
    secret::{NoRandomness, Secret, digest_of, join_digest_of},
    server,
    tls::{self, Tls, TlsError},
};
use crate::{
    config::ControllerSettings,
    controller::{self, Controller, ExecuteError, Handle, StartError},
    fleet::{Command, CreateJoinToken, CreateToken, DEFAULT_POOL, Principal, RevokeJoinToken, Role},
    ids::{IdError, Name},
    time::Clock,
};

const ADMIN_TOKEN: &str = "admin.token";
const JOIN_TOKEN: &str = "join.token";
const JOIN_TOKEN_LIFE: Duration = Duration::from_secs(24 * 3_600);
/// How often names, files and expiry of the served certificate are looked at.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(300);
const DEFAULT_TEAM: &str = "default";

#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    #[error("cannot use the data directory {path}: {source}; name another with --data-dir")]
    DataDir { path: PathBuf, source: std::io::Error },
    #[error("cannot write {path}: {source}")]
    File { path: PathBuf, source: std::io::Error },
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("cannot wait for signals: {0}")]
    Signals(std::io::Error),
    #[error(transparent)]
    Tls(#[from] TlsError),
    #[error(transparent)]
    Start(#[from] StartError),
    #[error("cannot make the first tokens: {0}")]
    Tokens(#[from] ExecuteError),
    #[error(transparent)]
    Random(#[from] NoRandomness),
    #[error(transparent)]
    Name(#[from] IdError),
}

/// A controller that is up. Requests are answered once `run` is polled; the kernel keeps them waiting until then.
pub struct Running {
    controller: Controller,
    handle: Handle,
    app: App,
    listener: TcpListener,
    address: SocketAddr,
    introduction: String,
    /// How the controller calls itself in notifications.
    source: String,
}

/// Starts, announces itself, and runs until SIGINT or SIGTERM (Ctrl-C elsewhere).
pub async fn serve(settings: &ControllerSettings, announce: impl FnOnce(&str)) -> Result<(), ServeError> {
    let stop = stop_signal()?;
    let running = start(settings, Clock::System).await?;
    announce(running.introduction());
    running.run(stop).await;
    Ok(())
}

pub async fn start(settings: &ControllerSettings, clock: Clock) -> Result<Running, ServeError> {
    let dir = settings.data_dir.clone();
    make_dir(&dir).map_err(|source| ServeError::DataDir { path: dir.clone(), source })?;
    let engine = {
        let (dir, settings, clock) = (dir.clone(), engine_settings(settings), clock.clone());
        tokio::task::spawn_blocking(move || controller::start(&dir, settings, clock))
    };
    // The store first: its lock keeps a second controller from touching the keys.
    let (controller, handle) = match engine.await {
        Ok(started) => started?,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    };
    let started = open(settings, &handle, &clock).await;
    match started {
        Ok((app, listener, address)) => {
            let introduction = introduction(settings, address);
            let source = far(settings, address);
            Ok(Running { controller, handle, app, listener, address, introduction, source })
        }
        Err(error) => {
            stop_engine(controller).await;
            Err(error)
        }
    }
}

async fn open(
    settings: &ControllerSettings,
    handle: &Handle,
    clock: &Clock,
) -> Result<(App, TcpListener, SocketAddr), ServeError> {
    let refused = |source| ServeError::Listen { address: settings.listen, source };
    let listener = TcpListener::bind(settings.listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    let tls = Tls::open(settings, clock.now().wall)?;
    admin_token(&settings.data_dir, handle).await?;
    join_token(&settings.data_dir, handle, &tls).await?;
    Ok((App::new(handle.clone(), tls, settings), listener, address))
}

impl Running {
    /// With the port the system chose, where none was set.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What a person has to know to go on: how to join a machine, how to call the API.
    pub fn introduction(&self) -> &str {
        &self.introduction
    }

    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Until `stop`; then parked polls are answered, requests under way finished, and the engine ended. Jobs go on.
    pub async fn run(self, stop: impl Future<Output = ()> + Send) {
        let tls = self.app.tls().clone();
        let renewal = tokio::spawn(renew(tls.clone(), self.handle.clock().clone()));
        let sending = tokio::spawn(notify::run(self.app.clone(), self.source));
        let router = router(self.app, routes());
        let handle = self.handle;
        let closing = async {
            stop.await;
            tracing::info!("stopping: jobs that run go on at their machines");
            // Before the server drains, or parked polls would hold it up.
            handle.shutdown();
        };
        server::run(self.listener, tls.config(), router, closing).await;
        renewal.abort();
        sending.abort();
        // What was under way is let go; it is sent again after the next start.
        let _ = sending.await;
        stop_engine(self.controller).await;
    }
}

async fn stop_engine(controller: Controller) {
    if let Err(panicked) = tokio::task::spawn_blocking(move || controller.stop()).await {
        std::panic::resume_unwind(panicked.into_panic());
    }
}

async fn renew(tls: Tls, clock: Clock) {
    loop {
        tokio::time::sleep(CERTIFICATE_CHECK).await;
        match tls.refresh(clock.now().wall) {
            Ok(true) => tracing::info!("another server certificate is served from now on"),
            Ok(false) => {}
            Err(error) => tracing::error!(%error, "the server certificate cannot be renewed; the old one is served on"),
        }
    }
}

fn engine_settings(settings: &ControllerSettings) -> controller::Settings {
    let (leases, limits, jobs, retention) = (&settings.leases, &settings.limits, &settings.jobs, &settings.retention);
    let disk = &settings.disk;
    let notifications = &settings.notifications;
    controller::Settings {
        fleet: crate::fleet::Settings {
            ttl: leases.ttl,
            ttl_margin: leases.margin,
            offer_timeout: leases.offer_timeout,
            offline_after: leases.offline_after,
            stop_grace: leases.stop_grace,
            decline_cool_down: leases.decline_cool_down,
            prepare_limit: leases.prepare_limit,
            timeout_grace: leases.timeout_grace,
            stuck_grace: leases.stuck_grace,
            max_declines: jobs.max_declines,
            max_open_jobs: limits.queue,
            max_batch_items: limits.batch_items,
            max_machines: limits.machines,
            max_documents: limits.documents,
            max_tokens: limits.tokens,
            max_artifacts_per_attempt: limits.artifacts_per_attempt,
            max_vars_bytes: limits.vars_bytes,
            max_loop_items: limits.loop_items,
            max_result_bytes: limits.result_bytes,
            max_results_bytes: limits.results_bytes,
            ageing_placements: jobs.ageing_placements,
            unique_for: jobs.unique_for,
            idempotency_kept: retention.idempotency,
            max_pending_messages: notifications.pending,
            first_retry: notifications.first_retry,
            longest_retry: notifications.longest_retry,
            give_up: notifications.give_up,
            ..crate::fleet::Settings::default()
        },
        command_queue: limits.command_queue,
        blob_bytes: limits.blob_bytes,
        keep_events: retention.events,
        retention: controller::RetentionSettings {
            interval: retention.interval,
            events_age: retention.events_age,
            jobs_age: retention.jobs_age,
            jobs: retention.jobs,
            artifacts_age: retention.artifacts_age,
            artifacts_bytes: retention.artifacts_bytes,
            blob_grace: retention.blob_grace,
        },
        space: controller::SpaceSettings {
            low_bytes: disk.low_bytes,
            floor_bytes: disk.floor_bytes,
            ballast_bytes: disk.ballast_bytes,
        },
    }
}

#[cfg(unix)]
fn make_dir(dir: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(not(unix))]
fn make_dir(dir: &Path) -> std::io::Result<()> {
    std::fs::create_dir_all(dir)
}

/// Made at first start. Later the file is left as it is, unless it opens nothing and nobody else is administrator either.
async fn admin_token(dir: &Path, handle: &Handle) -> Result<(), ServeError> {
    let path = dir.join(ADMIN_TOKEN);
    let kept = read(&path)?.filter(|text| handle.token_by_secret(&digest_of(text.trim())).is_some());
    let now = handle.clock().now().wall;
    let has_admin = handle.tokens().await?.iter().any(|token| token.role == Role::Admin && token.is_valid(now));
    if kept.is_some() || has_admin {
        return Ok(());
    }
    let secret = Secret::token()?;
    let team: Name = DEFAULT_TEAM.parse()?;
    let command = CreateToken {
        name: "admin".to_owned(),
        role: Role::Admin,
        team,
        digest: secret.digest(),
        expires_at: None,
        by: Principal::System,
    };
    // The file goes first: a crash in between leaves one that opens nothing, and the next start makes another. The other way
    // round there would be an administrator whose token nobody has.
    write(&path, &secret.reveal())?;
    handle.execute(Command::CreateToken(command)).await?;
    Ok(())
}

/// Renewed at each start; the one before is void. On a disk with too little room it stays: that is no reason not to serve.
async fn join_token(dir: &Path, handle: &Handle, tls: &Tls) -> Result<(), ServeError> {
    match renew_join_token(dir, handle, tls).await {
        Err(ServeError::Tokens(ExecuteError::StorageFull)) => {
            tracing::warn!(
                "there is too little room on the disk to renew join.token: the one of the last start is kept"
            );
            Ok(())
        }
        renewed => renewed,
    }
}

async fn renew_join_token(dir: &Path, handle: &Handle, tls: &Tls) -> Result<(), ServeError> {
    let path = dir.join(JOIN_TOKEN);
    if let Some(old) = read(&path)? {
        let digest = join_digest_of(&old);
        let known = handle.join_tokens().await?.into_iter().find(|token| token.digest == digest);
        if let Some(token) = known {
            let command = RevokeJoinToken { token: token.id, by: Principal::System };
            handle.execute(Command::RevokeJoinToken(command)).await?;
        }
    }
    let secret = Secret::join_token()?;
    let command = CreateJoinToken {
        pool: DEFAULT_POOL.parse()?,
        uses: None,
        digest: secret.digest(),
        expires_at: Some(handle.clock().now().wall.saturating_add(JOIN_TOKEN_LIFE)),
        by: Principal::System,
    };
    handle.execute(Command::CreateJoinToken(command)).await?;
    write(&path, &secret.reveal_with_anchor(tls.anchor()))
}

fn read(path: &Path) -> Result<Option<String>, ServeError> {
    private_file::read(path).map_err(|source| ServeError::File { path: path.to_owned(), source })
}

fn write(path: &Path, secret: &str) -> Result<(), ServeError> {
    private_file::write(path, format!("{secret}\n").as_bytes())
        .map_err(|source| ServeError::File { path: path.to_owned(), source })
}

/// The address by which others reach it.
fn far(settings: &ControllerSettings, address: SocketAddr) -> String {
    let port = address.port();
    let host = tls::host_name().filter(|_| address.ip().is_unspecified());
    // Where it listens on one address only, no other will do.
    match (&settings.public_url, host) {
        (Some(url), _) => url.to_string(),
        (None, Some(host)) => format!("https://{host}:{port}"),
        (None, None) => format!("https://{address}"),
    }
}

fn introduction(settings: &ControllerSettings, address: SocketAddr) -> String {
    let dir = std::path::absolute(&settings.data_dir).unwrap_or_else(|_| settings.data_dir.clone());
    let dir = dir.display();
    let port = address.port();
    let far = far(settings, address);
    let near =
        if address.ip().is_unspecified() { format!("https://127.0.0.1:{port}") } else { format!("https://{address}") };
    // An operator's certificate is trusted by other means, and for other names.
    let (ca, near) = match settings.tls {
        None => (format!("--cacert {dir}/ca.pem "), near),
        Some(_) => (String::new(), far.clone()),
    };
    format!(
        "deskfleet {version} serves {far}, data in {dir}\n\
         To join a machine, copy {dir}/{JOIN_TOKEN} to it and run there:\n  \
         deskfleet --agent --controller {far} --join-token-file {JOIN_TOKEN}\n\
         To call the API:\n  \
         curl {ca}-H \"Authorization: Bearer $(cat {dir}/{ADMIN_TOKEN})\" {near}/v1/machines\n",
        version = env!("CARGO_PKG_VERSION"),
    )
}

#[cfg(unix)]
fn stop_signal() -> Result<impl Future<Output = ()> + Send, ServeError> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut interrupt = signal(SignalKind::interrupt()).map_err(ServeError::Signals)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(ServeError::Signals)?;
    Ok(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
    })
}

#[cfg(not(unix))]
fn stop_signal() -> Result<impl Future<Output = ()> + Send, ServeError> {
    Ok(async {
        // Without the handler Ctrl-C ends the process anyway.
        let _ = tokio::signal::ctrl_c().await;
    })
}

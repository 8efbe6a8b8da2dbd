//! The HTTPS server: accepts, shakes hands, serves, and stops without cutting anybody off.
//!
//! It must not know routes or the fleet: what it serves is any router, told who is on the other side by [`Peer`].

mod patient;

use std::{convert::Infallible, net::SocketAddr, sync::Arc, time::Duration};

use axum::{Router, body::Body};
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo, TokioTimer},
    server::{conn::auto, graceful::GracefulShutdown},
    service::TowerToHyperService,
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::{OwnedSemaphorePermit, Semaphore},
};
use tokio_rustls::{TlsAcceptor, server::TlsStream};
use tower::ServiceExt as _;

use super::tls::PeerCertificate;
use patient::Patient;

/// Every limit of a connection. Fixed: none of them depends on the site.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// To send a request's headers, and to stay idle between two requests.
const HEADER_TIMEOUT: Duration = Duration::from_secs(75);
/// More than a router will take, so that it is there to refuse with a reason. Beyond it there is a bare `431`, or `414`.
const MAX_HEADERS: usize = 128;
const MAX_HEADER_BYTES: usize = 128 * 1_024;
const MAX_STREAMS: u32 = 128;
const PING_INTERVAL: Duration = Duration::from_secs(30);
const PING_TIMEOUT: Duration = Duration::from_secs(20);
const MAX_CONNECTIONS: usize = 20_000;
/// Files kept for the database, blobs and logs when connections take all they may.
const RESERVED_FILES: usize = 256;
/// After a stop, answers under way have so long to get out.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// When the system has no file handles left, trying again at once only burns time.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// The other side of a connection; an extension of each of its requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Peer {
    pub address: SocketAddr,
    pub certificate: Option<PeerCertificate>,
}

/// Serves until `stop` is ready, then finishes what is under way.
pub async fn run(
    listener: TcpListener,
    tls: Arc<rustls::ServerConfig>,
    router: Router,
    stop: impl Future<Output = ()> + Send,
) {
    let acceptor = TlsAcceptor::from(tls);
    let graceful = GracefulShutdown::new();
    let permits = Arc::new(Semaphore::new(max_connections()));
    let mut stop = std::pin::pin!(stop);
    loop {
        let accepted = tokio::select! {
            () = &mut stop => break,
            accepted = accept(&listener, &permits) => accepted,
        };
        let Some((stream, address, permit)) = accepted else { continue };
        let serving = Serving { acceptor: acceptor.clone(), router: router.clone(), watcher: graceful.watcher() };
        tokio::spawn(async move {
            serving.connection(stream, address).await;
            drop(permit);
        });
    }
    drop(listener);
    let open = graceful.count();
    if tokio::time::timeout(DRAIN_TIMEOUT, graceful.shutdown()).await.is_err() {
        tracing::warn!(open, "connections did not end in time and are cut");
    }
}

async fn accept(
    listener: &TcpListener,
    permits: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    // Waiting here leaves newcomers in the kernel's queue, which is what it is for.
    let permit = Arc::clone(permits).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, address, permit)),
        Err(error) => {
            tracing::warn!(%error, "cannot accept a connection");
            tokio::time::sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// What one connection needs.
struct Serving {
    acceptor: TlsAcceptor,
    router: Router,
    watcher: hyper_util::server::graceful::Watcher,
}

impl Serving {
    async fn connection(self, stream: TcpStream, address: SocketAddr) {
        // Answers are small and awaited: nothing is gained by holding them back.
        let _ = stream.set_nodelay(true);
        let handshake = tokio::time::timeout(HANDSHAKE_TIMEOUT, self.acceptor.accept(stream));
        let stream = match handshake.await {
            Ok(Ok(stream)) => stream,
            Ok(Err(error)) => return tell_failed_handshake(address, &error),
            Err(_) => return tracing::debug!(%address, "no TLS handshake in time"),
        };
        let peer = Peer { address, certificate: peer_certificate(&stream) };
        let router = self.router;
        let service = tower::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            let router = router.clone();
            async move { Ok::<_, Infallible>(router.oneshot(request).await.unwrap_or_else(|never| match never {})) }
        });
        let builder = builder();
        let connection =
            builder.serve_connection(TokioIo::new(Patient::new(stream)), TowerToHyperService::new(service));
        if let Err(error) = self.watcher.watch(connection.into_owned()).await {
            tracing::debug!(%address, %error, "a connection broke");
        }
    }
}

fn builder() -> auto::Builder<TokioExecutor> {
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder
        .http1()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_TIMEOUT)
        .max_headers(MAX_HEADERS)
        .max_buf_size(MAX_HEADER_BYTES);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(PING_INTERVAL)
        .keep_alive_timeout(PING_TIMEOUT)
        .max_concurrent_streams(MAX_STREAMS)
        .max_header_list_size(u32::try_from(MAX_HEADER_BYTES).unwrap_or(u32::MAX));
    builder
}

fn peer_certificate(stream: &TlsStream<TcpStream>) -> Option<PeerCertificate> {
    let (_, connection) = stream.get_ref();
    PeerCertificate::of(connection.peer_certificates()?.first()?)
}

fn tell_failed_handshake(address: SocketAddr, error: &std::io::Error) {
    let cause = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    // A machine that was joined to another controller, or to this one before its authority was made anew.
    if let Some(rustls::Error::InvalidCertificate(reason)) = cause {
        tracing::warn!(%address, ?reason, "a client certificate that is not ours was refused; the machine must join again");
    } else {
        tracing::debug!(%address, %error, "a TLS handshake failed");
    }
}

/// As many as the system grants file handles for.
fn max_connections() -> usize {
    open_files_limit().saturating_sub(RESERVED_FILES).clamp(64, MAX_CONNECTIONS)
}

/// Raised to what the system allows without asking: the usual default is a thousand, and each agent needs two.
#[cfg(unix)]
fn open_files_limit() -> usize {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let wanted = (MAX_CONNECTIONS + RESERVED_FILES) as u64;
    let reachable = limit.maximum.map_or(wanted, |maximum| maximum.min(wanted));
    let current = limit.current.unwrap_or(u64::MAX);
    if current < reachable {
        let raised = Rlimit { current: Some(reachable), maximum: limit.maximum };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            return usize::try_from(reachable).unwrap_or(usize::MAX);
        }
    }
    usize::try_from(current).unwrap_or(usize::MAX)
}

#[cfg(not(unix))]
fn open_files_limit() -> usize {
    usize::MAX
}

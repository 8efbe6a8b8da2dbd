//! A network that fails: a TCP proxy in front of the controller which delays, swallows, half closes and cuts connections.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    runtime::Runtime,
    sync::watch,
};

use crate::dice::Dice;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Weather {
    /// Everything passes.
    Fair,
    /// Each new connection has a fate of its own.
    Foul,
    /// No connection lives or is made.
    Down,
}

/// What happens to a direction of a connection once so many bytes have passed.
#[derive(Debug, Clone, Copy)]
enum Fate {
    Pass,
    /// Every piece comes so much later.
    Delay(Duration),
    /// Both directions end at once, what is under way is lost.
    Cut,
    /// What comes later is swallowed, and nobody is told.
    Swallow,
    /// This direction ends in good order, the other goes on.
    HalfClose,
}

pub(crate) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    /// Ends the connections with it.
    _runtime: Runtime,
}

struct Shared {
    target: SocketAddr,
    weather: watch::Sender<Weather>,
    dice: Mutex<Dice>,
    connections: AtomicU64,
    doomed: AtomicU64,
}

impl Proxy {
    pub(crate) fn start(target_port: u16, dice: Dice) -> Self {
        let runtime = Runtime::new().expect("a runtime");
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let address = listener.local_addr().expect("a bound address");
        let shared = Arc::new(Shared {
            target: SocketAddr::from(([127, 0, 0, 1], target_port)),
            weather: watch::Sender::new(Weather::Fair),
            dice: Mutex::new(dice),
            connections: AtomicU64::new(0),
            doomed: AtomicU64::new(0),
        });
        runtime.spawn(accept(listener, Arc::clone(&shared)));
        Self { address, shared, _runtime: runtime }
    }

    pub(crate) fn url(&self) -> String {
        format!("https://{}", self.address)
    }

    /// Connections do not live through a change.
    pub(crate) fn turn(&self, weather: Weather) {
        self.shared.weather.send_replace(weather);
    }

    /// Connections so far, and those of them that had an end of the proxy's making before them.
    pub(crate) fn connections(&self) -> (u64, u64) {
        (self.shared.connections.load(Relaxed), self.shared.doomed.load(Relaxed))
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((client, _)) = listener.accept().await else { continue };
        shared.connections.fetch_add(1, Relaxed);
        tokio::spawn(connection(client, Arc::clone(&shared)));
    }
}

async fn connection(client: TcpStream, shared: Arc<Shared>) {
    let mut weather = shared.weather.subscribe();
    let now = *weather.borrow_and_update();
    if now == Weather::Down {
        return abort(&client);
    }
    let Ok(server) = TcpStream::connect(shared.target).await else { return abort(&client) };
    let [up, down] = fates(&shared, now);
    let cut = Arc::new(watch::Sender::new(false));
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let up = tokio::spawn(pump(from_client, to_server, up, Arc::clone(&cut)));
    let down = tokio::spawn(pump(from_server, to_client, down, Arc::clone(&cut)));
    let is_cut = async {
        // The sender lives as long as the proxy.
        drop(weather.changed().await);
    };
    let (aborts, both) = ([up.abort_handle(), down.abort_handle()], async { tokio::join!(up, down) });
    tokio::select! {
        () = is_cut => {
            cut.send_replace(true);
            for pump in aborts {
                pump.abort();
            }
        }
        _ = both => {}
    }
}

type Doom = (Fate, usize);

fn fates(shared: &Shared, weather: Weather) -> [Doom; 2] {
    if weather != Weather::Foul {
        return [(Fate::Pass, 0); 2];
    }
    let dice = shared.dice.lock().expect("nobody panics while throwing");
    let one = || {
        let after = if dice.percent(50) { dice.below(6_000) } else { dice.below(60_000) };
        let fate = match dice.below(10) {
            0..4 => Fate::Pass,
            4..6 => Fate::Delay(dice.ms(1, 40)),
            6..8 => Fate::Cut,
            8 => Fate::Swallow,
            _ => Fate::HalfClose,
        };
        (fate, usize::try_from(after).unwrap_or_default())
    };
    let fates = [one(), one()];
    let ends = fates.iter().any(|(fate, _)| matches!(fate, Fate::Cut | Fate::Swallow | Fate::HalfClose));
    shared.doomed.fetch_add(u64::from(ends), Relaxed);
    fates
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, (fate, after): Doom, cut: Arc<watch::Sender<bool>>) {
    let mut is_cut = cut.subscribe();
    let mut buffer = vec![0; 4_096];
    let mut passed = 0;
    loop {
        let read = tokio::select! {
            _ = is_cut.wait_for(|cut| *cut) => return abort(to.as_ref()),
            read = from.read(&mut buffer) => read,
        };
        let Ok(bytes @ 1..) = read else {
            // The end of one direction is passed on; the other goes on by itself. It may be gone already.
            to.shutdown().await.ok();
            return;
        };
        let may_pass = match fate {
            Fate::Pass => bytes,
            Fate::Delay(pause) => {
                tokio::time::sleep(pause).await;
                bytes
            }
            Fate::Cut | Fate::Swallow | Fate::HalfClose => bytes.min(after - passed),
        };
        passed += may_pass;
        if to.write_all(&buffer[..may_pass]).await.is_err() {
            return;
        }
        if may_pass == bytes {
            continue;
        }
        match fate {
            Fate::Cut => {
                cut.send_replace(true);
                return abort(to.as_ref());
            }
            Fate::HalfClose => {
                to.shutdown().await.ok();
                return swallow(from, to).await;
            }
            Fate::Pass | Fate::Delay(_) | Fate::Swallow => return swallow(from, to).await,
        }
    }
}

/// Keeps the connection open and lets nothing through any more.
async fn swallow(mut from: OwnedReadHalf, to: OwnedWriteHalf) {
    let mut buffer = [0; 4_096];
    while let Ok(1..) = from.read(&mut buffer).await {}
    drop(to);
}

/// With a reset, so that what is still in the pipe is lost too.
fn abort(stream: &TcpStream) {
    // A connection that is gone need not be ended.
    stream.set_zero_linger().ok();
}

//! Whole requests at the router: path, query, headers and body of any kind, as an administrator and as a machine. No answer is a
//! failure of the controller's own, and every refusal is a problem body with a code.
//!
//! An input looks like HTTP: a line `METHOD /path`, lines of headers, an empty line, the body.

use std::{net::SocketAddr, time::Duration};

use axum::{Router, body::Body};
use bytes::Bytes;
use deskfleet::{
    config::{ControllerSettings, Layers, Settings},
    controller::{self, Controller},
    http::{
        self, App,
        server::Peer,
        tls::{PeerCertificate, Tls},
    },
    ids::Digest,
    time::Clock,
};
use http_body_util::{BodyExt as _, Collected};
use rustls::pki_types::{CertificateDer, pem::PemObject as _};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::runtime::Runtime;
use tower::ServiceExt as _;

/// Who asks for an answer later has gone by then.
const PATIENCE: Duration = Duration::from_millis(200);

/// A controller in this process, without a network.
pub(crate) struct Site {
    runtime: Runtime,
    router: Router,
    token: String,
    machine: PeerCertificate,
    controller: Option<Controller>,
    _dir: TempDir,
}

/// What an input says.
struct Parts<'a> {
    method: &'a str,
    path: &'a str,
    headers: Vec<(&'a str, &'a str)>,
    body: &'a [u8],
}

impl Site {
    pub(crate) fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let memory = std::path::Path::new("/dev/shm");
        let dir = if memory.is_dir() { TempDir::new_in(memory) } else { TempDir::new() }.expect("a folder");
        let settings = settings(dir.path());
        let running = runtime.block_on(http::start(&settings, Clock::System)).expect("it starts");
        // The first start made keys and tokens; from here on it is served without a listener.
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        drop(stop);
        runtime.block_on(running.run(async { drop(stopped.await) }));
        let (controller, handle) =
            controller::start(dir.path(), controller::Settings::default(), Clock::System).expect("it starts again");
        let tls = Tls::open(&settings, Clock::System.now().wall).expect("its keys are there");
        let router = http::router(App::new(handle, tls, &settings), http::routes());
        let file = |name: &str| std::fs::read_to_string(dir.path().join(name)).expect("it was made").trim().to_owned();
        let (token, join_token) = (file("admin.token"), file("join.token"));
        let nobody = PeerCertificate { digest: Digest::of(b""), expires_at: Clock::System.now().wall };
        let mut site = Self { runtime, router, token, machine: nobody, controller: Some(controller), _dir: dir };
        site.join(&join_token);
        site
    }

    fn join(&mut self, token: &str) {
        let key = rcgen::KeyPair::generate().expect("a key");
        let request = rcgen::CertificateParams::default().serialize_request(&key).expect("a request");
        let body = json!({
            "token": token, "name": "vm-07", "pool": null, "labels": {}, "identity": "i",
            "certificate_request": request.pem().expect("PEM"),
            "facts": {
                "os": "Debian", "os_build": "6.1", "host": "vm", "user": "clerk", "display": null, "locale": "C", "time_zone": "UTC",
                "boot_id": "b", "agent_version": "0.1.0", "session": "active", "apps": {}
            }
        });
        let body = body.to_string();
        let parts = Parts { method: "POST", path: "/agent/v1/join", headers: Vec::new(), body: body.as_bytes() };
        let (status, answer) = self.answer(&parts).expect("it is answered");
        assert_eq!(status, 201, "{}", String::from_utf8_lossy(&answer));
        let answer: Value = serde_json::from_slice(&answer).expect("JSON");
        let pem = answer["certificate"].as_str().expect("a certificate");
        let certificate = CertificateDer::from_pem_slice(pem.as_bytes()).expect("PEM");
        let expires_at = serde_json::from_value(answer["expires_at"].clone()).expect("a time");
        self.machine = PeerCertificate { digest: Digest::of(&certificate), expires_at };
    }

    pub(crate) fn try_out(&mut self, data: &[u8]) {
        let Some(parts) = Parts::of(data) else { return };
        let Some((status, body)) = self.answer(&parts) else { return };
        assert!(status < 500, "{} {}: {status} {}", parts.method, parts.path, String::from_utf8_lossy(&body));
        if status >= 400 && parts.method != "HEAD" {
            let problem: Value = serde_json::from_slice(&body).expect("a refusal is a problem body");
            assert!(problem["code"].is_string() && problem["status"] == status, "{problem}");
        }
    }

    /// None: it is no HTTP, or the answer did not come at once, as where it was asked to wait.
    fn answer(&self, parts: &Parts<'_>) -> Option<(u16, Bytes)> {
        let mut request = axum::http::Request::builder().method(parts.method).uri(parts.path);
        for (name, value) in &parts.headers {
            request = request.header(*name, *value);
        }
        let is_machine = parts.path.starts_with("/agent/");
        if !is_machine {
            request = request.header("authorization", format!("Bearer {}", self.token));
        }
        let mut request = request.body(Body::from(parts.body.to_vec())).ok()?;
        let address = SocketAddr::from(([127, 0, 0, 1], 1));
        request.extensions_mut().insert(Peer { address, certificate: is_machine.then_some(self.machine) });
        let router = self.router.clone();
        self.runtime.block_on(async {
            let answered = async {
                let response = router.oneshot(request).await.unwrap_or_else(|never| match never {});
                let status = response.status().as_u16();
                let body = response.into_body().collect().await.map(Collected::to_bytes).unwrap_or_default();
                (status, body)
            };
            tokio::time::timeout(PATIENCE, answered).await.ok()
        })
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(controller) = self.controller.take() {
            controller.stop();
        }
    }
}

impl<'a> Parts<'a> {
    fn of(data: &'a [u8]) -> Option<Self> {
        let end = data.windows(2).position(|pair| pair == b"\n\n");
        let (head, body) = end.map_or((data, [].as_slice()), |end| (&data[..end], &data[end + 2..]));
        let mut lines = std::str::from_utf8(head).ok()?.lines();
        let (method, path) = lines.next()?.split_once(' ')?;
        // Revoked, the fuzzer's own token opens nothing any more.
        let cuts_itself_off = method == "DELETE" && (path.contains("tokens") || path.contains("machines"));
        (path.starts_with('/') && !cuts_itself_off).then_some(())?;
        let headers = lines.filter_map(|line| line.split_once(": ")).collect();
        Some(Self { method, path, headers, body })
    }
}

fn settings(dir: &std::path::Path) -> ControllerSettings {
    let flag = |key: &str, value: &str| (key.to_owned(), vec![value.to_owned()]);
    let dir = dir.to_str().expect("a path in UTF-8");
    let flags = [flag("controller.listen", "127.0.0.1:0"), flag("controller.data_dir", dir)].into();
    Settings::load(&Layers { flags, ..Layers::default() }).expect("settings").controller
}

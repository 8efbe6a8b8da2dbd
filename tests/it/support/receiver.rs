//! One who is told: a small server that keeps what arrives and answers as the story says.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use hmac::{Hmac, KeyInit as _, Mac as _};
use http_body_util::{BodyExt as _, Empty};
use hyper::{Request, Response, body::Incoming, service::service_fn};
use hyper_util::rt::TokioIo;
use serde_json::Value;
use sha2::Sha256;
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};

/// A message as it came.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) raw: Vec<u8>,
    /// What it was answered with.
    pub(crate) status: u16,
}

impl Received {
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or_else(|| panic!("no header {name}"), |(_, value)| value.as_str())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.raw).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// Checked as a receiver would, by any of the signatures.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let key = STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
        let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
        mac.update(format!("{}.{}.", self.header("webhook-id"), self.header("webhook-timestamp")).as_bytes());
        mac.update(&self.raw);
        let expected = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == expected)
    }
}

/// Status and, for a redirect, the place.
type Answer = Box<dyn Fn() -> (u16, Option<String>) + Send + Sync>;

struct Inner {
    received: Mutex<Vec<Received>>,
    answer: Mutex<Answer>,
    count: watch::Sender<usize>,
}

pub(crate) struct Receiver {
    pub(crate) address: SocketAddr,
    scheme: &'static str,
    inner: Arc<Inner>,
    serving: JoinHandle<()>,
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

impl Receiver {
    /// Without TLS; takes everything.
    pub(crate) async fn start() -> Self {
        Self::serve("http", None).await
    }

    /// With a certificate of its own, which comes as PEM.
    pub(crate) async fn with_tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let pem = made.cert.pem();
        (Self::serve("https", Some(tokio_rustls::TlsAcceptor::from(Arc::new(config)))).await, pem)
    }

    async fn serve(scheme: &'static str, tls: Option<tokio_rustls::TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Inner {
            received: Mutex::default(),
            answer: Mutex::new(Box::new(|| (204, None))),
            count: watch::Sender::new(0),
        });
        let served = Arc::clone(&inner);
        let serving = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (inner, tls) = (Arc::clone(&served), tls.clone());
                tokio::spawn(async move {
                    let service = service_fn(|request| take(Arc::clone(&inner), request));
                    let http = hyper::server::conn::http1::Builder::new();
                    // Who hangs up has been served.
                    let _ = match tls {
                        None => http.serve_connection(TokioIo::new(stream), service).await,
                        Some(tls) => match tls.accept(stream).await {
                            Ok(stream) => http.serve_connection(TokioIo::new(stream), service).await,
                            Err(_) => Ok(()),
                        },
                    };
                });
            }
        });
        Self { address, scheme, inner, serving }
    }

    pub(crate) fn url(&self) -> String {
        format!("{}://localhost:{}/hook", self.scheme, self.address.port())
    }

    pub(crate) fn answer(&self, status: u16) {
        self.answer_with(move || (status, None));
    }

    pub(crate) fn answer_with(&self, answer: impl Fn() -> (u16, Option<String>) + Send + Sync + 'static) {
        *self.inner.answer.lock().unwrap() = Box::new(answer);
    }

    /// Everything that came, refused attempts too.
    pub(crate) fn all(&self) -> Vec<Received> {
        self.inner.received.lock().unwrap().clone()
    }

    pub(crate) fn taken(&self) -> Vec<Received> {
        self.all().into_iter().filter(|received| received.status < 300).collect()
    }

    /// Waits until so many messages have been taken.
    pub(crate) async fn wait_taken(&self, count: usize) -> Vec<Received> {
        self.wait(|this| this.taken().len() >= count).await;
        self.taken()
    }

    /// Waits until so many attempts have been made.
    pub(crate) async fn wait_all(&self, count: usize) -> Vec<Received> {
        self.wait(|this| this.all().len() >= count).await;
        self.all()
    }

    async fn wait(&self, enough: impl Fn(&Self) -> bool) {
        let mut count = self.inner.count.subscribe();
        let waiting = async {
            while !enough(self) {
                count.changed().await.unwrap();
            }
        };
        let waited = tokio::time::timeout(Duration::from_secs(30), waiting).await;
        assert!(waited.is_ok(), "only {} messages came", self.all().len());
    }
}

async fn take(inner: Arc<Inner>, request: Request<Incoming>) -> Result<Response<Empty<Bytes>>, hyper::Error> {
    let (parts, body) = request.into_parts();
    let raw = body.collect().await?.to_bytes().to_vec();
    let text = |value: &hyper::header::HeaderValue| value.to_str().unwrap_or_default().to_owned();
    let headers = parts.headers.iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let (status, place) = (inner.answer.lock().unwrap())();
    inner.received.lock().unwrap().push(Received { headers, raw, status });
    inner.count.send_modify(|count| *count += 1);
    let mut response = Response::builder().status(status);
    if let Some(place) = place {
        response = response.header("location", place);
    }
    Ok(response.body(Empty::new()).unwrap())
}

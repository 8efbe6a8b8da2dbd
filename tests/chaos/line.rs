//! A line to a controller that may be dead, restarting or cut off: an answer is there whole, or there is none.

use std::{sync::Arc, time::Duration};

use reqwest::Method;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
use serde_json::Value;

/// Longer than any `wait` that is asked for here.
const TIMEOUT: Duration = Duration::from_secs(8);

#[derive(Clone)]
pub(crate) struct Line {
    http: reqwest::Client,
    url: String,
    token: Option<String>,
}

#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) replayed: bool,
    pub(crate) retry_after: bool,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    pub(crate) fn code(&self) -> &str {
        self.body["code"].as_str().unwrap_or_default()
    }
}

/// A certificate chain and its key, PEM.
#[derive(Debug, Clone)]
pub(crate) struct Certificate {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Line {
    pub(crate) fn with_token(url: &str, ca: &str, token: &str) -> Self {
        Self { token: Some(token.to_owned()), ..Self::new(url, ca, None) }
    }

    /// Without a token: as nobody, or as a machine.
    pub(crate) fn new(url: &str, ca: &str, machine: Option<&Certificate>) -> Self {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(ca.as_bytes()).expect("the authority is PEM")).expect("a certificate");
        let config = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .expect("ring knows the versions")
            .with_root_certificates(roots);
        let config = match machine {
            None => config.with_no_client_auth(),
            Some(Certificate { certificate, key }) => {
                let certificate = CertificateDer::from_pem_slice(certificate.as_bytes()).expect("it is PEM");
                let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).expect("it is PEM");
                config.with_client_auth_cert(vec![certificate], key).expect("key and certificate fit")
            }
        };
        let http = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            .no_proxy()
            .timeout(TIMEOUT)
            .build()
            .expect("a client");
        Self { http, url: url.to_owned(), token: None }
    }

    pub(crate) async fn get(&self, path: &str) -> Option<Answer> {
        self.call(Method::GET, path, None, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Option<Answer> {
        self.call(Method::POST, path, Some(body), None).await
    }

    pub(crate) async fn post_once(&self, path: &str, body: &Value, idempotency_key: &str) -> Option<Answer> {
        self.call(Method::POST, path, Some(body), Some(idempotency_key)).await
    }

    pub(crate) async fn put(&self, path: &str, body: &Value) -> Option<Answer> {
        self.call(Method::PUT, path, Some(body), None).await
    }

    async fn call(&self, method: Method, path: &str, body: Option<&Value>, key: Option<&str>) -> Option<Answer> {
        let mut request = self.http.request(method, format!("{}{path}", self.url));
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.ok()?;
        let status = response.status().as_u16();
        let has = |name: &str| response.headers().contains_key(name);
        let (replayed, retry_after) = (has("idempotency-replayed"), has("retry-after"));
        let bytes = response.bytes().await.ok()?;
        Some(Answer { status, replayed, retry_after, body: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }
}

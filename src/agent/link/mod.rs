//! The agent's way to the controller: one HTTPS client, pinned to the controller's authority, with a limit on every call.
//!
//! It must not know: leases, retries, what an answer means for the work. It sends one call and says what came back.

mod call;
mod error;
mod join;
mod tls;

use std::time::Duration;

pub(super) use error::LinkError;
pub(super) use join::{JoinWish, Token, join, renew_request};

use crate::{
    config::ProxyUrl,
    ids::Digest,
    wire::agent::{
        ATTEMPT_HEADER, EPOCH_HEADER, JOB_HEADER, PollAnswer, PollRequest, RenewAnswer, RenewRequest, Report,
        ReportAnswer,
    },
};

use super::disk::{Identity, Label};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// For calls that are answered at once. A third of the usual TTL, so that a renewal can be repeated in time.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// On top of the time the controller may hold a poll.
const POLL_SLACK: Duration = Duration::from_secs(10);
/// For a whole blob; a stalled one ends sooner.
const BLOB_TIMEOUT: Duration = Duration::from_secs(600);
const STALL_TIMEOUT: Duration = Duration::from_secs(60);
/// A connection that says nothing is asked whether it lives.
const KEEP_ALIVE: Duration = Duration::from_secs(10);
/// The largest blob that is fetched.
const MAX_BLOB_BYTES: u64 = 1 << 30;
/// The largest answer other than a blob.
const MAX_ANSWER_BYTES: u64 = 64 << 20;

/// The controller, as a joined machine reaches it. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Link {
    client: reqwest::Client,
    base: reqwest::Url,
}

impl Link {
    pub(super) fn open(identity: &Identity, proxy: Option<&ProxyUrl>) -> Result<Self, LinkError> {
        let config = tls::machine_config(&identity.ca, &identity.certificate, &identity.key)?;
        let client = client(config, proxy)?;
        Ok(Self { client, base: base(&identity.joined.controller)? })
    }

    /// `wait`: how long the controller may hold it.
    pub(super) async fn poll(&self, request: &PollRequest, wait: Duration) -> Result<PollAnswer, LinkError> {
        let call = self.post("poll", request).timeout(wait + POLL_SLACK);
        call::json(call, MAX_ANSWER_BYTES).await
    }

    pub(super) async fn report(&self, report: &Report) -> Result<ReportAnswer, LinkError> {
        call::json(self.post("report", report).timeout(CALL_TIMEOUT), MAX_ANSWER_BYTES).await
    }

    pub(super) async fn renew(&self, request: &RenewRequest) -> Result<RenewAnswer, LinkError> {
        call::json(self.post("renew", request).timeout(CALL_TIMEOUT), MAX_ANSWER_BYTES).await
    }

    /// Checked against its digest.
    pub(super) async fn blob(&self, digest: &Digest) -> Result<Vec<u8>, LinkError> {
        let call = self.client.get(self.url(&format!("blobs/{digest}"))).timeout(BLOB_TIMEOUT);
        let bytes = call::bytes(call, MAX_BLOB_BYTES).await?;
        if Digest::of(&bytes) == *digest {
            Ok(bytes)
        } else {
            Err(LinkError::Answer(format!(
                "the blob {digest} arrived as something else: is there a proxy that changes it?"
            )))
        }
    }

    /// Sends a blob an attempt made.
    pub(super) async fn put_blob(&self, label: &Label, digest: &Digest, bytes: Vec<u8>) -> Result<(), LinkError> {
        let call = self
            .client
            .put(self.url(&format!("blobs/{digest}")))
            .header(JOB_HEADER, label.job.to_string())
            .header(ATTEMPT_HEADER, label.attempt.to_string())
            .header(EPOCH_HEADER, label.epoch.to_string())
            .header(reqwest::header::CONTENT_TYPE, "image/webp")
            .body(bytes)
            .timeout(BLOB_TIMEOUT);
        call::done(call).await
    }

    pub(super) async fn put_screenshot(&self, request: &str, webp: Vec<u8>) -> Result<(), LinkError> {
        let call = self
            .client
            .put(self.url("screenshot"))
            .query(&[("request", request)])
            .header(reqwest::header::CONTENT_TYPE, "image/webp")
            .body(webp)
            .timeout(CALL_TIMEOUT);
        call::done(call).await
    }

    fn post(&self, name: &str, body: &impl serde::Serialize) -> reqwest::RequestBuilder {
        self.client.post(self.url(name)).json(body)
    }

    fn url(&self, name: &str) -> reqwest::Url {
        let mut url = self.base.clone();
        let path = url.path().trim_end_matches('/');
        url.set_path(&format!("{path}/agent/v1/{name}"));
        url
    }
}

fn base(controller: &str) -> Result<reqwest::Url, LinkError> {
    reqwest::Url::parse(controller)
        .map_err(|error| LinkError::Setup(format!("`{controller}` is no address: {error}; write https://host:8443")))
}

fn client(config: rustls::ClientConfig, proxy: Option<&ProxyUrl>) -> Result<reqwest::Client, LinkError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(config)
        .user_agent(concat!("deskfleet-agent/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_TIMEOUT)
        .read_timeout(STALL_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .http2_keep_alive_interval(KEEP_ALIVE)
        .http2_keep_alive_timeout(KEEP_ALIVE)
        .http2_keep_alive_while_idle(true)
        .tcp_keepalive(KEEP_ALIVE);
    if let Some(proxy) = proxy {
        // The address may hold a password, so that the error must not repeat it.
        let proxy = reqwest::Proxy::all(proxy.expose())
            .map_err(|_| LinkError::Setup("agent.proxy is no address of a proxy".to_owned()))?;
        builder = builder.proxy(proxy);
    }
    builder.build().map_err(|error| LinkError::Setup(error.to_string()))
}

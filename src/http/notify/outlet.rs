//! One message to one receiver: signed, sent, and judged by the status of the answer.

use std::{error::Error as _, time::Duration};

use reqwest::{
    Client, StatusCode,
    header::{HeaderMap, HeaderName, HeaderValue, RETRY_AFTER},
};

use super::{
    guard::{Blocked, Guard, resolver},
    letter::Letter,
    sign::signatures,
};
use crate::{
    config::NotificationSettings,
    fleet::Target,
    time::{Timestamp, format_duration},
};

const CONTENT_TYPE: &str = "application/cloudevents+json; charset=utf-8";
const USER_AGENT: &str = concat!("deskfleet/", env!("CARGO_PKG_VERSION"));

/// Why a message did not arrive.
#[derive(Debug)]
pub(super) struct Undelivered {
    /// None: no answer came.
    pub(super) status: Option<u16>,
    pub(super) error: String,
    pub(super) retry_after: Option<Duration>,
}

impl Undelivered {
    pub(super) const fn without_answer(error: String) -> Self {
        Self { status: None, error, retry_after: None }
    }
}

#[derive(Debug, Clone)]
pub(super) struct Outlet {
    /// Or why nothing can be sent from here.
    client: Result<Client, String>,
    guard: Guard,
    timeout: Duration,
}

impl Outlet {
    pub(super) fn new(settings: &NotificationSettings) -> Self {
        let guard = Guard::new(settings);
        let client = client(settings, guard);
        if let Err(error) = &client {
            tracing::error!(%error, "no notification can be sent");
        }
        Self { client, guard, timeout: settings.timeout }
    }

    /// The status, where it says that the message was taken.
    pub(super) async fn send(&self, target: &Target, letter: &Letter, now: Timestamp) -> Result<u16, Undelivered> {
        let client = self.client.as_ref().map_err(|error| Undelivered::without_answer(error.clone()))?;
        // Again at each attempt: the settings may be other ones than when it was stored.
        let url =
            self.guard.url(&target.url).map_err(|why| Undelivered::without_answer(format!("the address {why}")))?;
        let request = client.post(url).headers(headers(target, letter, now)).body(letter.body.clone());
        let response = request.send().await.map_err(|error| Undelivered::without_answer(self.told(error)))?;
        let status = response.status();
        if status.is_success() {
            return Ok(status.as_u16());
        }
        let error = if status.is_redirection() {
            format!("the receiver answered {status}, and redirects are not followed: write the final address")
        } else {
            format!("the receiver answered {status}")
        };
        Err(Undelivered { status: Some(status.as_u16()), error, retry_after: retry_after(status, response.headers()) })
    }

    /// Without the address, which may hold a secret.
    fn told(&self, error: reqwest::Error) -> String {
        if error.is_timeout() {
            return format!("the receiver did not answer within {}", format_duration(self.timeout));
        }
        let error = error.without_url();
        let mut deepest = error.to_string();
        let mut cause = error.source();
        while let Some(inner) = cause {
            deepest = inner.to_string();
            if inner.is::<Blocked>() {
                break;
            }
            cause = inner.source();
        }
        deepest
    }
}

fn client(settings: &NotificationSettings, guard: Guard) -> Result<Client, String> {
    // Who has set one before has set the same one.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut builder = Client::builder()
        .user_agent(USER_AGENT)
        .redirect(reqwest::redirect::Policy::none())
        // A proxy would resolve the names, and what was checked here would count for nothing.
        .no_proxy()
        .dns_resolver(resolver(guard))
        .timeout(settings.timeout);
    if let Some(path) = &settings.ca {
        let unread = |error: &dyn std::fmt::Display| format!("notifications.ca: {}: {error}", path.display());
        let pem = std::fs::read(path).map_err(|error| unread(&error))?;
        let certificates = reqwest::Certificate::from_pem_bundle(&pem).unwrap_or_default();
        if certificates.is_empty() {
            return Err(unread(&"it holds no certificate in PEM"));
        }
        builder = builder.tls_certs_merge(certificates);
    }
    builder.build().map_err(|error| format!("the HTTPS client cannot be made: {error}"))
}

fn headers(target: &Target, letter: &Letter, now: Timestamp) -> HeaderMap {
    let seconds = now.as_ms() / 1_000;
    let own = target.headers.iter().filter_map(|(name, value)| {
        let mut value = HeaderValue::from_str(value.expose()).ok()?;
        value.set_sensitive(true);
        Some((HeaderName::from_bytes(name.as_bytes()).ok()?, value))
    });
    let mut headers: HeaderMap = own.collect();
    let signature = signatures(&target.secrets, &letter.id, seconds, &letter.body);
    for (name, value) in [
        ("content-type", CONTENT_TYPE),
        ("webhook-id", &letter.id),
        ("webhook-timestamp", &seconds.to_string()),
        ("webhook-signature", &signature),
    ] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    }
    headers
}

/// In whole seconds, where the receiver says so.
fn retry_after(status: StatusCode, headers: &HeaderMap) -> Option<Duration> {
    let asks = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
    let text = headers.get(RETRY_AFTER).filter(|_| asks)?.to_str().ok()?;
    text.trim().parse().ok().map(Duration::from_secs)
}

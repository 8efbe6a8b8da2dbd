//! Requests and their answers. A request that may be repeated safely is repeated when the controller is busy.

use std::time::Duration;

use reqwest::{Method, Response, StatusCode, header};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;

use super::{
    connection::{Connection, ConnectionFlags, is_local},
    problem, reach,
};
use crate::{
    cli::exit::{Exit, Stop},
    config::HttpsUrl,
    wire::page::Page,
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Silence within an answer. Longer than the longest `?wait=` and the pause between two pings of a stream.
const READ_TIMEOUT: Duration = Duration::from_secs(90);
const TRIES_WHEN_BUSY: u32 = 5;
const LONGEST_PAUSE_S: u64 = 10;
const PAGE_LIMIT: usize = 500;

pub(crate) struct Api {
    http: reqwest::Client,
    base: HttpsUrl,
    token: Option<String>,
    pinned: bool,
}

/// An answer twice: as the controller sent it, and as this version understands it.
pub(crate) struct Answer<T> {
    pub(crate) raw: Value,
    pub(crate) value: T,
}

/// One request to be. Path segments are escaped: a machine's name may hold a slash.
pub(crate) struct Call<'a> {
    method: Method,
    path: &'a [&'a str],
    query: Vec<(&'a str, String)>,
    headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self { method, path, query: Vec::new(), headers: Vec::new(), body: None }
    }

    pub(crate) fn get(path: &'a [&'a str]) -> Self {
        Self::new(Method::GET, path)
    }

    pub(crate) fn post(path: &'a [&'a str]) -> Self {
        Self::new(Method::POST, path)
    }

    pub(crate) fn delete(path: &'a [&'a str]) -> Self {
        Self::new(Method::DELETE, path)
    }

    pub(crate) fn query(mut self, name: &'a str, value: &(impl ToString + ?Sized)) -> Self {
        self.query.push((name, value.to_string()));
        self
    }

    pub(crate) fn queries(mut self, pairs: Vec<(&'a str, String)>) -> Self {
        self.query.extend(pairs);
        self
    }

    pub(crate) fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    pub(crate) fn json(self, body: &impl Serialize) -> anyhow::Result<Self> {
        Ok(self.bytes("application/json", serde_json::to_vec(body)?))
    }

    pub(crate) fn bytes(mut self, content_type: &str, body: Vec<u8>) -> Self {
        self.headers.push(("content-type", content_type.to_owned()));
        self.body = Some(body);
        self
    }

    /// Whether sending it twice does what sending it once does.
    fn repeatable(&self) -> bool {
        self.method != Method::POST || self.headers.iter().any(|(name, _)| *name == "idempotency-key")
    }
}

impl Api {
    pub(crate) fn connect(flags: &ConnectionFlags) -> anyhow::Result<Self> {
        let connection = Connection::resolve(flags)?;
        if flags.verbose {
            connection.notes.iter().for_each(|note| eprintln!("deskfleet: {note}"));
        }
        Self::new(connection)
    }

    fn new(connection: Connection) -> anyhow::Result<Self> {
        let mut builder = reqwest::Client::builder()
            .user_agent(concat!("deskfleet/", env!("CARGO_PKG_VERSION")))
            .https_only(true)
            .redirect(reqwest::redirect::Policy::none())
            .connect_timeout(CONNECT_TIMEOUT)
            .read_timeout(READ_TIMEOUT);
        if is_local(&connection.base) {
            builder = builder.no_proxy();
        }
        if let Some(pem) = &connection.ca {
            let certificates = reqwest::Certificate::from_pem_bundle(pem).unwrap_or_default();
            if certificates.is_empty() {
                let message = "the CA file holds no certificate in PEM; set DESKFLEET_CA to the controller's ca.pem";
                return Err(Stop::new(Exit::Usage, message).into());
            }
            builder = builder.tls_certs_only(certificates);
        }
        let Connection { base, token, ca, .. } = connection;
        Ok(Self { http: builder.build()?, base, token, pinned: ca.is_some() })
    }

    fn url(&self, path: &[&str]) -> anyhow::Result<reqwest::Url> {
        let mut url = reqwest::Url::parse(self.base.as_str())?;
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(path);
        }
        Ok(url)
    }

    async fn send_once(&self, call: &Call<'_>) -> anyhow::Result<Response> {
        let mut request = self.http.request(call.method.clone(), self.url(call.path)?).query(&call.query);
        for (name, value) in &call.headers {
            request = request.header(*name, value);
        }
        if let Some(token) = &self.token {
            request = request.bearer_auth(token);
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        request.send().await.map_err(|error| self.unreachable(&error))
    }

    /// A good answer with its body still to come, or the controller's problem.
    pub(crate) async fn open(&self, call: &Call<'_>) -> anyhow::Result<Response> {
        for attempt in 1.. {
            let response = self.send_once(call).await?;
            let status = response.status();
            if status.is_success() {
                return Ok(response);
            }
            let busy = status == StatusCode::SERVICE_UNAVAILABLE && call.repeatable() && attempt < TRIES_WHEN_BUSY;
            if !busy {
                let body = response.bytes().await.map_err(|error| self.unreachable(&error))?;
                return Err(problem::stop(status, &body).into());
            }
            tokio::time::sleep(pause(&response)).await;
        }
        unreachable!("the last try returns")
    }

    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> anyhow::Result<Answer<T>> {
        let bytes = self.bytes(call).await?;
        let odd = |error: serde_json::Error| {
            let message = format!("{} answered what this version does not understand: {error}", self.base);
            anyhow::Error::from(Stop::new(Exit::Broken, message))
        };
        let raw: Value = serde_json::from_slice(&bytes).map_err(odd)?;
        let value = T::deserialize(&raw).map_err(odd)?;
        Ok(Answer { raw, value })
    }

    pub(crate) async fn bytes(&self, call: Call<'_>) -> anyhow::Result<Vec<u8>> {
        let response = self.open(&call).await?;
        Ok(response.bytes().await.map_err(|error| self.unreachable(&error))?.to_vec())
    }

    /// Whether there is something at this path.
    pub(crate) async fn exists(&self, path: &[&str]) -> anyhow::Result<bool> {
        let response = self.send_once(&Call::new(Method::HEAD, path)).await?;
        match response.status() {
            status if status.is_success() => Ok(true),
            StatusCode::NOT_FOUND => Ok(false),
            // HEAD has no body to tell why; the GET has.
            _ => self.open(&Call::get(path)).await.map(|_| true),
        }
    }

    /// Follows the pages up to `most` items.
    pub(crate) async fn list<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: Vec<(&str, String)>,
        most: usize,
    ) -> anyhow::Result<Answer<Vec<T>>> {
        let mut list = Answer { raw: serde_json::json!({ "items": [], "next": null }), value: Vec::new() };
        let mut cursor: Option<String> = None;
        while list.value.len() < most {
            let limit = PAGE_LIMIT.min(most - list.value.len());
            let mut call = Call::get(path).queries(query.clone()).query("limit", &limit);
            if let Some(cursor) = cursor.take() {
                call = call.query("cursor", &cursor);
            }
            let Answer { raw, value } = self.call::<Page<T>>(call).await?;
            if let (Some(items), Some(all)) = (raw["items"].as_array(), list.raw["items"].as_array_mut()) {
                all.extend(items.iter().cloned());
            }
            list.value.extend(value.items);
            list.raw["next"] = value.next.clone().into();
            match value.next {
                Some(next) => cursor = Some(next),
                None => break,
            }
        }
        Ok(list)
    }

    pub(super) fn unreachable(&self, error: &reqwest::Error) -> anyhow::Error {
        reach::stop(&self.base, self.pinned, error).into()
    }
}

fn pause(response: &Response) -> Duration {
    let header = response.headers().get(header::RETRY_AFTER);
    let seconds: Option<u64> = header.and_then(|value| value.to_str().ok()).and_then(|text| text.parse().ok());
    Duration::from_secs(seconds.unwrap_or(1).clamp(1, LONGEST_PAUSE_S))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_repeated_only_under_an_idempotency_key() {
        assert!(Call::get(&["v1", "jobs"]).repeatable());
        assert!(!Call::post(&["v1", "jobs"]).repeatable());
        assert!(Call::post(&["v1", "jobs"]).header("idempotency-key", "k").repeatable());
    }
}

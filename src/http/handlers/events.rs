//! Committed facts: a page of them, or a stream that goes on.

use std::{convert::Infallible, time::Duration};

use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::stream;
use tokio::sync::watch;

use super::{page, send};
use crate::{
    controller::{EventFilter, Handle},
    fleet::Fact,
    http::{
        access::CallerToken,
        app::App,
        bounds::Place,
        convert,
        problem::{ApiError, ApiResult},
        request::Query,
    },
    ids::{Digest, MachineName},
    wire::event::Event,
};

const STREAM: &str = "text/event-stream";
const LAST_EVENT_ID: &str = "last-event-id";
/// Proxies cut connections that say nothing for a minute.
const HEARTBEAT: Duration = Duration::from_secs(15);
const STREAM_PAGE: usize = 500;

pub(crate) async fn list(
    State(app): State<App>,
    caller: CallerToken,
    mut query: Query,
    headers: HeaderMap,
) -> ApiResult<Response> {
    let after: Option<u64> = query.value("after").or_else(|| query.value("cursor"));
    let limit = usize::try_from(query.limit()).unwrap_or(usize::MAX);
    let (kinds, subject) = (query.list("type", kind), query.text("subject").map(str::to_owned));
    query.finish()?;
    let about = match subject {
        Some(subject) => Some(in_the_log(&app, subject).await?),
        None => None,
    };
    let filter = EventFilter { kinds, about };
    if wants_stream(&headers) {
        return stream_from(&app, &caller, after, filter, &headers);
    }
    let found = app.handle().events(after.unwrap_or(0), filter, limit).await?;
    let next = found.more.then(|| found.upto.to_string());
    Ok(page(found.events.into_iter().map(convert::event).collect(), next))
}

/// Events name machines as people do; the log knows them by their ids, which stay when another machine takes the name.
async fn in_the_log(app: &App, subject: String) -> ApiResult<String> {
    let Ok(name) = subject.parse::<MachineName>() else { return Ok(subject) };
    let machine = app.handle().machine(name).await?;
    Ok(machine.map_or(subject, |machine| machine.row.id.to_string()))
}

/// `job.failed`, or a family: `job.` or `job.*`.
fn kind(text: &str) -> Result<String, String> {
    let family = text.trim_end_matches('*');
    if Fact::KINDS.iter().any(|kind| *kind == text || (family.ends_with('.') && kind.starts_with(family))) {
        return Ok(family.to_owned());
    }
    Err(format!("`{text}` is no type of event; there are {}", Fact::KINDS.join(", ")))
}

fn wants_stream(headers: &HeaderMap) -> bool {
    let accepts = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepts.split(',').any(|kind| kind.trim().starts_with(STREAM))
}

/// Goes on after the last event the client has seen, else after `after`, else with what comes from now on.
fn stream_from(
    app: &App,
    caller: &CallerToken,
    after: Option<u64>,
    filter: EventFilter,
    headers: &HeaderMap,
) -> ApiResult<Response> {
    let seen = match headers.get(LAST_EVENT_ID).map(|value| value.to_str().unwrap_or("?").trim()) {
        None | Some("") => None,
        Some(text) => Some(text.parse::<u64>().map_err(|_| {
            ApiError::fault("", format!("the header Last-Event-ID is `{text}`, which is no number of an event"))
        })?),
    };
    let place = app.place_to_stream()?;
    let newest = app.handle().watch_events();
    let start = seen.or(after).unwrap_or(*newest.borrow());
    let tail = Tail {
        closing: app.handle().watch_closing(),
        handle: app.handle().clone(),
        token: caller.0.digest,
        filter,
        newest,
        after: start,
        greeted: false,
        _place: place,
    };
    let pieces = stream::unfold(tail, |mut tail| async move { Some((Ok::<_, Infallible>(tail.next().await?), tail)) });
    let mut response = Body::from_stream(pieces).into_response();
    send::set(&mut response, header::CONTENT_TYPE, STREAM);
    send::set(&mut response, header::CACHE_CONTROL, "no-store");
    // Or the first events wait in a proxy for the last.
    send::set(&mut response, header::HeaderName::from_static("x-accel-buffering"), "no");
    Ok(response)
}

/// One client's place in the log.
struct Tail {
    handle: Handle,
    token: Digest,
    filter: EventFilter,
    newest: watch::Receiver<u64>,
    closing: watch::Receiver<bool>,
    after: u64,
    greeted: bool,
    _place: Place,
}

impl Tail {
    /// What to send next; `None` at the end: the controller stops, or the token is void.
    async fn next(&mut self) -> Option<Bytes> {
        if !self.greeted {
            self.greeted = true;
            // Something at once, so that clients and proxies know the stream stands.
            // With the place: who loses the stream before its first event can go on from there.
            return Some(Bytes::from(format!(": welcome\nid: {}\n\n", self.after)));
        }
        loop {
            if *self.closing.borrow() || self.handle.token_by_secret(&self.token).is_none() {
                return None;
            }
            let newest = *self.newest.borrow_and_update();
            if newest > self.after {
                let found = match self.handle.events(self.after, self.filter.clone(), STREAM_PAGE).await {
                    Ok(found) => found,
                    Err(error) => {
                        tracing::debug!(%error, "an event stream ends: the log cannot be read");
                        return None;
                    }
                };
                let gap = found.oldest > self.after + 1 && self.after > 0;
                self.after = found.upto.max(self.after);
                if !found.events.is_empty() {
                    let lost = if gap {
                        format!(": events before {} are no longer kept\n\n", found.oldest)
                    } else {
                        String::new()
                    };
                    let written: String =
                        found.events.into_iter().map(|event| written(&convert::event(event))).collect();
                    return Some(Bytes::from(lost + &written));
                }
                if found.more || self.after >= newest {
                    continue;
                }
                // Nothing that fits up to the newest: do not read it again.
                self.after = newest;
            }
            tokio::select! {
                changed = self.newest.changed() => changed.ok()?,
                _ = self.closing.wait_for(|closing| *closing) => return None,
                () = tokio::time::sleep(HEARTBEAT) => {
                    return Some(Bytes::from(format!(": heartbeat\nid: {}\n\n", self.after)));
                }
            }
        }
    }
}

fn written(event: &Event) -> String {
    // An event is plain data: it always has a JSON form, and that has no line ends.
    let data = serde_json::to_string(event).unwrap_or_default();
    format!("id: {}\nevent: {}\ndata: {data}\n\n", event.seq, event.kind)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn types_are_whole_or_families_and_misspelt_ones_are_told() {
        assert_eq!(kind("job.failed").as_deref(), Ok("job.failed"));
        assert_eq!(kind("job.").as_deref(), Ok("job."));
        assert_eq!(kind("job.*").as_deref(), Ok("job."));
        for bad in ["job", "job.fail", "jobs.", ""] {
            assert!(kind(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_stream_is_for_who_asks_for_one() {
        let headers = |value| HeaderMap::from_iter([(header::ACCEPT, HeaderValue::from_static(value))]);
        assert!(wants_stream(&headers("text/event-stream")));
        assert!(wants_stream(&headers("application/json, text/event-stream;q=0.9")));
        assert!(!wants_stream(&headers("*/*")));
        assert!(!wants_stream(&HeaderMap::new()));
    }
}

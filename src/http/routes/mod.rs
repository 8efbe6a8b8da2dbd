//! The table: every route with who may call it, what it takes and what it answers. Nothing is served that is not in it.

mod agent;
mod deliveries;
mod documents;
mod fleet;
mod jobs;
mod machines;

use super::{
    handlers::{blobs, events, health, join_tokens, metrics, tokens, upkeep},
    route::{
        Access, Parameter, Route, bytes, count, delete, duration, flag, get, integer, json, list, object, page, plain,
        post, put, shaped, text,
    },
};
use crate::{
    fleet::Role,
    wire::{
        document::Blob,
        event::Event,
        page::MAX_LIMIT,
        token::{JoinToken, JoinTokenRequest, Token, TokenRequest, Whoami},
        upkeep::CheckReport,
    },
};

/// All of it, in the order of the description.
pub fn routes() -> Vec<Route> {
    let mut all = jobs::routes();
    all.extend(machines::routes());
    all.extend(documents::routes());
    all.extend(deliveries::routes());
    all.extend(fleet::routes());
    all.extend(rest());
    all.extend(service());
    all.extend(agent::routes());
    all
}

const ADMIN: Access = Access::Role(Role::Admin);
const OPERATOR: Access = Access::Role(Role::Operator);
const SUBMITTER: Access = Access::Role(Role::Submitter);
const VIEWER: Access = Access::Role(Role::Viewer);

const LIMIT: Parameter = count("limit", MAX_LIMIT, "Items on a page: 1 to 500, 100 unless given.");
const CURSOR: Parameter = text("cursor", "`next` of the page before.");
const WAIT: Parameter = duration("wait", "Hold the answer for so long, at most 60s, until there is something to say.");
const IDEMPOTENCY: Parameter = shaped(
    "Idempotency-Key",
    "^[!-~]{1,256}$",
    "Sent again with the same body, the first answer comes again; with another, a conflict.",
);
const AFTER: Parameter = integer("after", "Only those with a higher number.");

fn rest() -> Vec<Route> {
    vec![
        put("/v1/blobs/{sha256}", blobs::store, SUBMITTER)
            .about("blobs", "Store content under its SHA-256: images of documents, files of jobs")
            .takes(bytes("application/octet-stream"))
            .answers(201, "Stored.", json::<Blob>())
            .answers(200, "It was there before.", json::<Blob>()),
        get("/v1/blobs/{sha256}", blobs::content, VIEWER)
            .about("blobs", "Content by its SHA-256, whole or a range")
            .answers(200, "The content.", bytes("application/octet-stream"))
            .answers(206, "The range asked for.", bytes("application/octet-stream"))
            .answers_nothing(304, "The client has it."),
        get("/v1/events", events::list, VIEWER)
            .about("events", "Committed events; with `Accept: text/event-stream` as a stream that goes on")
            .query(&[
                AFTER,
                CURSOR,
                LIMIT,
                list("type", "Types such as `job.failed`, or families such as `job.*`."),
                text("subject", "Only those about this id, or `kind/name` of a document."),
            ])
            .headers(&[text("Last-Event-ID", "For a stream: go on after this event.")])
            .answers(200, "A page, oldest first; or the stream.", page::<Event>())
            .answers(200, "A page, oldest first; or the stream.", plain("text/event-stream")),
        post("/v1/tokens", tokens::create, ADMIN)
            .about("tokens", "Make an API token; the answer shows its secret, once")
            .takes(json::<TokenRequest>())
            .answers(201, "The token with its secret.", json::<Token>()),
        get("/v1/tokens", tokens::list, ADMIN).about("tokens", "API tokens").query(&[LIMIT, CURSOR]).answers(
            200,
            "A page.",
            page::<Token>(),
        ),
        delete("/v1/tokens/{id}", tokens::revoke, ADMIN)
            .about("tokens", "Revoke an API token, at once")
            .answers_nothing(204, "It is void."),
        get("/v1/whoami", tokens::whoami, VIEWER).about("tokens", "Whose token this is").answers(
            200,
            "The token asked with.",
            json::<Whoami>(),
        ),
        post("/v1/join-tokens", join_tokens::create, OPERATOR)
            .about("tokens", "Make a token that lets machines join; the answer shows its secret, once")
            .may_take(json::<JoinTokenRequest>())
            .answers(201, "The token with its secret.", json::<JoinToken>()),
        get("/v1/join-tokens", join_tokens::list, OPERATOR)
            .about("tokens", "Join tokens")
            .query(&[LIMIT, CURSOR])
            .answers(200, "A page.", page::<JoinToken>()),
        delete("/v1/join-tokens/{id}", join_tokens::revoke, OPERATOR)
            .about("tokens", "Revoke a join token; machines that joined with it stay")
            .answers_nothing(204, "It is void."),
    ]
}

/// The controller itself.
fn service() -> Vec<Route> {
    vec![
        post("/v1/backup", upkeep::backup, ADMIN)
            .about("service", "Everything of this moment as one tar archive, keys included; jobs go on")
            .answers(200, "The archive, for `deskfleet restore`.", bytes("application/x-tar")),
        post("/v1/check", upkeep::check, ADMIN)
            .about("service", "Look at everything stored: rows, indexes, blobs, invariants")
            .query(&[flag("content", "Read every blob too, and compare it with its digest.")])
            .answers(200, "What was found.", json::<CheckReport>()),
        get("/healthz", health::healthz, Access::Anyone).about("service", "Whether the process lives").answers(
            200,
            "It does.",
            plain("text/plain"),
        ),
        get("/readyz", health::readyz, Access::Anyone)
            .about("service", "Whether it can work: the engine answers and is not stopping")
            .answers(200, "It can.", plain("text/plain")),
        get("/metrics", metrics::show, Access::Metrics).about("service", "Numbers for Prometheus").answers(
            200,
            "The text form, version 0.0.4.",
            plain("text/plain"),
        ),
        get("/openapi.json", health::openapi, Access::Anyone)
            .about("service", "This description")
            .answers(200, "OpenAPI 3.1.", object("application/json"))
            .answers_nothing(304, "The client has it."),
    ]
}

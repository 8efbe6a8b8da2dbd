//! What agents call.

use crate::{
    http::{
        handlers::agent,
        route::{Access, Parameter, Route, bytes, get, json, post, put, text},
    },
    wire::{
        agent::{
            ATTEMPT_HEADER, EPOCH_HEADER, JOB_HEADER, JoinAnswer, JoinRequest, PollAnswer, PollRequest, RenewAnswer,
            RenewRequest, Report, ReportAnswer,
        },
        document::Blob,
    },
};

const LEASE: &[Parameter] = &[
    text(JOB_HEADER, "The job it belongs to."),
    text(ATTEMPT_HEADER, "The attempt it belongs to."),
    text(EPOCH_HEADER, "The epoch of its lease."),
];

pub(super) fn routes() -> Vec<Route> {
    vec![
        post("/agent/v1/join", agent::join, Access::JoinToken)
            .about("agent", "Join the fleet and get a certificate")
            .takes(json::<JoinRequest>())
            .answers(201, "The machine and its certificate.", json::<JoinAnswer>()),
        post("/agent/v1/renew", agent::renew, Access::ExpiredMachine)
            .about("agent", "Exchange the certificate for a new one")
            .takes(json::<RenewRequest>())
            .answers(200, "The new certificate.", json::<RenewAnswer>()),
        post("/agent/v1/poll", agent::poll, Access::Machine)
            .about("agent", "Heartbeat and question for work; held until there is something to say")
            .takes(json::<PollRequest>())
            .answers(200, "What there is to do.", json::<PollAnswer>()),
        post("/agent/v1/report", agent::report, Access::Machine)
            .about("agent", "Accept, ready, steps, the end")
            .takes(json::<Report>())
            .answers(200, "It is committed.", json::<ReportAnswer>()),
        put("/agent/v1/blobs/{sha256}", agent::put_blob, Access::Machine)
            .about("agent", "Content an attempt made, up to 24 h after its end")
            .headers(LEASE)
            .takes(bytes("application/octet-stream"))
            .answers(200, "Stored.", json::<Blob>()),
        get("/agent/v1/blobs/{sha256}", agent::fetch, Access::Machine)
            .about("agent", "Images of documents and files of jobs")
            .answers(200, "The content.", bytes("application/octet-stream"))
            .answers(206, "The range asked for.", bytes("application/octet-stream"))
            .answers_nothing(304, "The agent has it."),
        put("/agent/v1/screenshot", agent::put_screenshot, Access::Machine)
            .about("agent", "A picture of the desktop")
            .query(&[text("request", "The one that asked for it.")])
            .takes(bytes("image/webp"))
            .takes(bytes("image/png"))
            .takes(bytes("image/jpeg"))
            .answers_nothing(204, "It is kept as the last picture."),
    ]
}

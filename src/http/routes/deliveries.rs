//! Notifications: what became of them, and sending them again.

use super::{CURSOR, LIMIT, OPERATOR, SUBMITTER, VIEWER};
use crate::{
    http::{
        handlers::deliveries,
        route::{Route, get, json, page, post, text},
    },
    wire::channel::{Delivery, ReplayRequest, Replayed},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/v1/channels/{name}/deliveries", deliveries::of_channel, VIEWER)
            .about("channels", "What became of a channel's messages")
            .query(&[LIMIT, CURSOR, text("order", "`newest` (first) or `oldest`.")])
            .answers(200, "A page.", page::<Delivery>()),
        post("/v1/channels/{name}/replay", deliveries::replay_channel, OPERATOR)
            .about("channels", "Send a channel's messages again, from an event on")
            .takes(json::<ReplayRequest>())
            .answers(200, "How many.", json::<Replayed>()),
        get("/v1/jobs/{id}/deliveries", deliveries::of_job, VIEWER)
            .about("jobs", "What became of the messages to the addresses a job was submitted with")
            .answers(200, "All of them.", page::<Delivery>()),
        post("/v1/jobs/{id}/deliveries/replay", deliveries::replay_job, SUBMITTER)
            .about("jobs", "Send the messages to a job's addresses again, from an event on")
            .takes(json::<ReplayRequest>())
            .answers(200, "How many.", json::<Replayed>()),
    ]
}

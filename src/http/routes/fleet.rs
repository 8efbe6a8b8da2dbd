//! The fleet as a whole.

use super::{OPERATOR, VIEWER};
use crate::{
    http::{
        handlers::fleet,
        route::{Route, get, json, post},
    },
    wire::{document::PauseRequest, fleet::FleetSummary},
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/v1/fleet", fleet::summary, VIEWER).about("fleet", "The fleet in numbers").answers(
            200,
            "The numbers.",
            json::<FleetSummary>(),
        ),
        post("/v1/fleet/pause", fleet::pause, OPERATOR)
            .about("fleet", "Stop all new leases; what runs goes on")
            .may_take(json::<PauseRequest>())
            .answers(200, "The numbers.", json::<FleetSummary>()),
        post("/v1/fleet/resume", fleet::resume, OPERATOR).about("fleet", "Give leases again").answers(
            200,
            "The numbers.",
            json::<FleetSummary>(),
        ),
    ]
}

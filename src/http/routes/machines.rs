//! Machines.

use super::{CURSOR, IDEMPOTENCY, LIMIT, OPERATOR, VIEWER};
use crate::{
    http::{
        handlers::{bulk, machines, screenshots},
        route::{Route, bytes, delete, flag, get, json, list, page, patch, post, text},
    },
    wire::{
        bulk::{MachineBulk, MachineBulkRequest},
        machine::{Machine, MachinePatch, ModeRequest},
    },
};

pub(super) fn routes() -> Vec<Route> {
    vec![
        get("/v1/machines", machines::list, VIEWER)
            .about("machines", "Machines, by name")
            .query(&[
                LIMIT,
                CURSOR,
                list("status", "`idle`, `busy`, `offline`."),
                list("mode", "`active`, `draining`, `maintenance`, `quarantined`."),
                text("pool", "Its pool."),
                text("label.", "`label.K=V`: labels it has."),
            ])
            .answers(200, "A page.", page::<Machine>()),
        post("/v1/machines/bulk", bulk::of_machines, OPERATOR)
            .about("machines", "Change the mode of all machines a filter fits; or only say which")
            .headers(&[IDEMPOTENCY])
            .takes(json::<MachineBulkRequest>())
            .answers(200, "What became of each.", json::<MachineBulk>()),
        get("/v1/machines/{name}", machines::show_one, VIEWER).about("machines", "One machine").answers(
            200,
            "The machine.",
            json::<Machine>(),
        ),
        patch("/v1/machines/{name}", machines::change, OPERATOR)
            .about("machines", "Move a machine to another pool, or change its labels")
            .takes(json::<MachinePatch>())
            .answers(200, "The machine as it is now.", json::<Machine>()),
        delete("/v1/machines/{name}", machines::remove, OPERATOR)
            .about("machines", "Remove a machine and void its certificate; refused while something runs there")
            .answers_nothing(204, "It is gone."),
        mode(
            post("/v1/machines/{name}/drain", machines::drain, OPERATOR),
            "Give it no new lease; what runs is finished",
        ),
        mode(post("/v1/machines/{name}/activate", machines::activate, OPERATOR), "Let it work again"),
        mode(post("/v1/machines/{name}/maintenance", machines::maintenance, OPERATOR), "Take it out of service"),
        mode(
            post("/v1/machines/{name}/quarantine", machines::quarantine, OPERATOR),
            "Take it out of service because something is wrong; with `now` what runs is stopped",
        ),
        get("/v1/machines/{name}/screenshot", screenshots::show, VIEWER)
            .about("machines", "The last picture of its desktop; with `fresh` a new one")
            .query(&[flag("fresh", "Ask the agent for a new one.")])
            .answers(200, "The picture.", bytes("image/webp"))
            .answers(200, "The picture.", bytes("image/png"))
            .answers(200, "The picture.", bytes("image/jpeg"))
            .answers(206, "The range asked for.", bytes("image/webp"))
            .answers_nothing(304, "The client has it."),
    ]
}

fn mode(route: Route, summary: &'static str) -> Route {
    route.about("machines", summary).may_take(json::<ModeRequest>()).answers(
        200,
        "The machine as it is now.",
        json::<Machine>(),
    )
}

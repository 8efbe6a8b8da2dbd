//! Jobs and batches.

use super::{AFTER, CURSOR, IDEMPOTENCY, LIMIT, OPERATOR, SUBMITTER, VIEWER, WAIT};
use crate::{
    http::{
        handlers::{artifacts, batches, bulk, explain, jobs, logs, report, steps, submit},
        route::{Parameter, Route, bytes, form, get, integer, json, list, page, plain, post, text},
    },
    wire::{
        batch::{Batch, BatchRequest},
        bulk::{JobBulk, JobBulkRequest},
        event::Event,
        explain::Explanation,
        job::{Artifact, Job, JobRequest, RetryRequest, ReviewRequest},
        step::ShownStep,
    },
};

pub(super) fn routes() -> Vec<Route> {
    let mut all = vec![
        post("/v1/jobs", submit::submit, SUBMITTER)
            .about("jobs", "Submit a job")
            .query(&[WAIT])
            .headers(&[IDEMPOTENCY])
            .takes(json::<JobRequest>())
            .takes(form::<JobRequest>())
            .answers(201, "The job.", json::<Job>())
            .answers(200, "The job this key made before.", json::<Job>()),
        get("/v1/jobs", jobs::list, VIEWER)
            .about("jobs", "Jobs, newest first; of all teams")
            .query(&[LIMIT, CURSOR, text("order", "`newest` (first) or `oldest`.")])
            .query(FILTERS)
            .answers(200, "A page. It may hold fewer than asked for and still have a `next`.", page::<Job>()),
        post("/v1/jobs/bulk", bulk::of_jobs, SUBMITTER)
            .about("jobs", "Cancel or retry all jobs a filter fits, at most 10,000; or only say which")
            .headers(&[IDEMPOTENCY])
            .takes(json::<JobBulkRequest>())
            .answers(200, "What became of each.", json::<JobBulk>()),
        get("/v1/jobs/{id}", jobs::show_one, VIEWER)
            .about("jobs", "One job; with `wait` once it is settled, waiting or blocked")
            .query(&[WAIT])
            .answers(200, "The job.", json::<Job>()),
        post("/v1/jobs/{id}/cancel", jobs::cancel, SUBMITTER)
            .about("jobs", "Cancel a job")
            .answers(200, "It is cancelled.", json::<Job>())
            .answers(202, "Its machine is told to stop.", json::<Job>()),
        post("/v1/jobs/{id}/retry", jobs::retry, SUBMITTER)
            .about("jobs", "A new job like a failed or cancelled one")
            .headers(&[IDEMPOTENCY])
            .may_take(json::<RetryRequest>())
            .answers(201, "The new job.", json::<Job>())
            .answers(200, "The job this key made before.", json::<Job>()),
        post("/v1/jobs/{id}/release", jobs::release, OPERATOR)
            .about("jobs", "Let a job go on that a restored backup has blocked")
            .answers(200, "The job.", json::<Job>()),
        get("/v1/jobs/{id}/explain", explain::show, VIEWER)
            .about("jobs", "Why a job does not run, and what would have to change")
            .answers(200, "The explanation.", json::<Explanation>()),
        post("/v1/jobs/{id}/review", jobs::review, SUBMITTER)
            .about("jobs", "Decide about a job of which nobody knows whether a commit happened")
            .takes(json::<ReviewRequest>())
            .answers(200, "The job as decided.", json::<Job>()),
    ];
    all.extend(of_evidence());
    all.extend(of_batches());
    all
}

/// What attempts of a job have left.
fn of_evidence() -> Vec<Route> {
    vec![
        get("/v1/jobs/{id}/steps", steps::list, VIEWER)
            .about("jobs", "Step reports of an attempt; with `wait` once there are some")
            .query(&[integer("attempt", "Its number; the latest unless given."), AFTER, CURSOR, LIMIT, WAIT])
            .answers(200, "A page.", page::<ShownStep>()),
        get("/v1/jobs/{id}/events", steps::events, VIEWER)
            .about("jobs", "What happened to a job")
            .query(&[AFTER, CURSOR, LIMIT])
            .answers(200, "A page, oldest first.", page::<Event>()),
        get("/v1/jobs/{id}/logs", logs::show, VIEWER)
            .about("jobs", "The agent's log of an attempt that did not succeed")
            .query(&[integer("attempt", "Its number; the latest that did something unless given.")])
            .answers(200, "Lines of text, oldest first.", bytes("*/*"))
            .answers(206, "The range asked for.", bytes("*/*"))
            .answers_nothing(304, "The client has it."),
        get("/v1/jobs/{id}/report", report::show, VIEWER)
            .about("jobs", "An attempt as one HTML file: steps, times, targets, pictures")
            .query(&[integer("attempt", "Its number; the latest that did something unless given.")])
            .answers(200, "The page.", plain("text/html")),
        get("/v1/jobs/{id}/artifacts", artifacts::list, VIEWER)
            .about("jobs", "Artifacts of all attempts of a job")
            .query(&[LIMIT, CURSOR])
            .answers(200, "A page.", page::<Artifact>()),
        get("/v1/jobs/{id}/artifacts/{attempt}/{name}", artifacts::content, VIEWER)
            .about("jobs", "The bytes of an artifact, whole or a range")
            .answers(200, "The content, in its own type.", bytes("*/*"))
            .answers(206, "The range asked for.", bytes("*/*"))
            .answers_nothing(304, "The client has it."),
    ]
}

const FILTERS: &[Parameter] = &[
    list("state", "Such as `queued,running`."),
    text("workflow", "Its name."),
    text("pool", "The pool it was submitted to."),
    text("machine", "The machine of its last attempt."),
    text("team", "Its team."),
    text("batch", "Its batch."),
    text("key", "Its key."),
    text("label.", "`label.K=V`: labels it has."),
    list("category", "Of its failure, such as `timeout,desktop`."),
    text("since", "Created then or later, RFC 3339."),
    text("until", "Created before, RFC 3339."),
];

fn of_batches() -> Vec<Route> {
    let limits = [
        integer("max_running", "At most so many at once; for lines and tables."),
        integer("stop_after_failures", "After so many failures the rest is cancelled; for lines and tables."),
    ];
    vec![
        post("/v1/batches", batches::create, SUBMITTER)
            .about("batches", "Submit many jobs, all or none")
            .query(&[WAIT])
            .query(&limits)
            .headers(&[IDEMPOTENCY])
            .takes(json::<BatchRequest>())
            .takes(plain("application/x-ndjson"))
            .takes(plain("text/csv"))
            .answers(201, "The batch.", json::<Batch>())
            .answers(200, "The batch this key made before.", json::<Batch>()),
        get("/v1/batches/{id}", batches::show_one, VIEWER)
            .about("batches", "One batch; with `wait` once all its jobs are settled")
            .query(&[WAIT])
            .answers(200, "The batch.", json::<Batch>()),
        post("/v1/batches/{id}/cancel", batches::cancel, SUBMITTER)
            .about("batches", "Cancel the jobs of a batch that are open")
            .answers(200, "They are cancelled.", json::<Batch>())
            .answers(202, "Those that run are told to stop.", json::<Batch>()),
    ]
}

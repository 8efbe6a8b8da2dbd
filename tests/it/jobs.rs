//! A job from its submission to its end.

use serde_json::{Value, json};

use crate::support::{
    Agent, Site,
    agent::step,
    documents::{self, job},
};

#[tokio::test(flavor = "multi_thread")]
async fn one_call_runs_a_workflow_and_brings_its_output() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    let working = tokio::spawn(async move {
        let offer = agent.offer().await;
        agent.begin(&offer).await;
        agent.steps(&offer, vec![step(1, "steps/0", &json!([])), step(2, "steps/1", &json!([]))]).await;
        agent.succeed(&offer, json!({ "receipt": "R-0042" })).await;
        offer
    });
    let answer = admin.post("/v1/jobs?wait=30s").json(&job("0042")).send().await.is(201);
    let location = answer.header("location").to_owned();
    let done = answer.json();
    assert_eq!(done["state"], "succeeded", "{done}");
    assert_eq!(done["output"], json!({ "receipt": "R-0042" }));
    assert_eq!(done["input"], json!({ "mrn": "0042", "copies": 1 }), "with defaults");
    assert_eq!((&done["machine"], &done["pool"], &done["version"]), (&json!("vm-01"), &json!("default"), &json!(1)));
    let attempt = &done["attempts"][0];
    assert_eq!((&attempt["steps_done"], &attempt["steps_total"]), (&json!(2), &json!(2)));
    assert_eq!(admin.get(&location).send().await.is(200).json(), done);

    let offer = working.await.unwrap();
    assert_eq!(offer["workflow"]["content"]["name"], "register");
    assert_eq!(offer["input"], done["input"]);
    assert_eq!(offer["machine"]["name"], "vm-01");
    let steps = admin.get(&format!("{location}/steps")).send().await.is(200).json();
    assert_eq!(steps["items"].as_array().unwrap().len(), 2);
    let rest = admin.get(&format!("{location}/steps?attempt=1&after=1&wait=5s")).send().await.is(200).json();
    assert_eq!(rest["items"][0]["number"], 2);
    let events = admin.get(&format!("{location}/events")).send().await.is(200).json();
    let kinds: Vec<&str> = events["items"].as_array().unwrap().iter().map(|e| e["type"].as_str().unwrap()).collect();
    assert_eq!((kinds.first(), kinds.last()), (Some(&"job.submitted"), Some(&"job.succeeded")));
    assert!(!events.to_string().contains("0042\""), "inputs and outputs are not in events: {events}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_sent_again_brings_the_first_answer_again() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let submit = |body: &Value, key: &str| admin.post("/v1/jobs").json(body).header("idempotency-key", key);
    let first = submit(&job("0001"), "k1").send().await.is(201).json();
    let again = submit(&job("0001"), "k1").send().await.is(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json()["id"], first["id"]);
    let spelt_otherwise = admin
        .post("/v1/jobs")
        .body("application/json", "{ \"input\": {\"mrn\": \"0001\"},\n \"workflow\": \"register\" }")
        .header("idempotency-key", "k1");
    spelt_otherwise.send().await.is(200);
    submit(&job("0002"), "k1").send().await.problem(409, "idempotency_mismatch");
    let other = site.role("submitter").await;
    let theirs = other.post("/v1/jobs").json(&job("0001")).header("idempotency-key", "k1").send().await.is(201).json();
    assert_ne!(theirs["id"], first["id"], "keys are those of a token");
    submit(&job("0001"), "").send().await.problem(422, "invalid");

    let keyed = json!({ "workflow": "register", "input": { "mrn": "0003" }, "key": "mrn-0003" });
    admin.post("/v1/jobs").json(&keyed).send().await.is(201);
    admin.post("/v1/jobs").json(&keyed).send().await.problem(409, "duplicate_key");

    let mut stricter = documents::register();
    stricter["input"]["properties"]["mrn"]["pattern"] = json!("^9[0-9]{3}$");
    admin.put("/v1/workflows/register").json(&stricter).send().await.is(201);
    let still = submit(&job("0001"), "k1").send().await.is(200);
    assert_eq!(still.json()["id"], first["id"], "also where it would be refused today");
    submit(&job("0001"), "k2").send().await.problem(422, "invalid");
    submit(&job("0002"), "k1").send().await.problem(409, "idempotency_mismatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_found_by_what_they_are() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut ids = Vec::new();
    for (mrn, site_label) in [("0001", "north"), ("0002", "south"), ("0003", "north")] {
        let mut body = job(mrn);
        body["labels"] = json!({ "site": site_label });
        body["key"] = json!(format!("k{mrn}"));
        ids.push(admin.post("/v1/jobs").json(&body).send().await.is(201).json()["id"].clone());
    }
    let list = async |query: &str| {
        let found = admin.get(&format!("/v1/jobs?{query}")).send().await.is(200).json();
        let found: Vec<Value> = found["items"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect();
        found
    };
    assert_eq!(list("").await, [ids[2].clone(), ids[1].clone(), ids[0].clone()], "newest first");
    assert_eq!(list("order=oldest&label.site=north").await, [ids[0].clone(), ids[2].clone()]);
    assert_eq!(list("key=k0002").await, [ids[1].clone()]);
    assert_eq!(list("state=blocked&workflow=register").await.len(), 3, "there is no machine yet");
    assert!(list("state=succeeded").await.is_empty());
    assert!(list("until=2020-01-01T00:00:00Z").await.is_empty());

    let first = admin.get("/v1/jobs?limit=2&order=oldest").send().await.is(200).json();
    let next = first["next"].as_str().unwrap();
    let second = admin.get(&format!("/v1/jobs?limit=2&order=oldest&cursor={next}")).send().await.is(200).json();
    assert_eq!((&second["items"][0]["id"], &second["next"]), (&ids[2], &Value::Null));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_cancelled_at_once_or_when_its_machine_has_stopped() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    let queued = admin.post("/v1/jobs").json(&json!({
        "workflow": "register", "input": { "mrn": "0001" }, "run_at": "1h"
    }));
    let id = queued.send().await.is(201).json()["id"].as_str().unwrap().to_owned();
    let cancelled = admin.post(&format!("/v1/jobs/{id}/cancel")).send().await.is(200).json();
    assert_eq!(cancelled["state"], "cancelled");
    admin.post(&format!("/v1/jobs/{id}/cancel")).send().await.is(200);

    let id = admin.post("/v1/jobs").json(&job("0002")).send().await.is(201).json()["id"].as_str().unwrap().to_owned();
    let offer = agent.offer().await;
    agent.begin(&offer).await;
    let asked = admin.post(&format!("/v1/jobs/{id}/cancel")).send().await.is(202).json();
    assert!(asked["cancel_requested_at"].is_string() && asked["state"] == "running", "{asked}");
    let told = agent.try_poll(5_000, Some(&offer)).await.is(200).json();
    assert_eq!(told["revoke"], offer["epoch"]);
    let stopped = json!({ "kind": "complete", "result": { "outcome": "cancelled" }, "steps": [], "readiness": {} });
    agent.report(&offer, &stopped).send().await.is(200);
    let job = admin.get(&format!("/v1/jobs/{id}?wait=10s")).send().await.is(200).json();
    assert_eq!(job["state"], "cancelled");

    let retried = admin.post(&format!("/v1/jobs/{id}/retry")).send().await.is(201).json();
    assert_eq!((&retried["retry_of"], &retried["input"]), (&json!(id), &job["input"]));
    let running = retried["id"].as_str().unwrap();
    admin.post(&format!("/v1/jobs/{running}/retry")).send().await.problem(409, "wrong_state");
    let forced = admin.post(&format!("/v1/jobs/{id}/retry")).json(&json!({ "force": true })).send().await;
    forced.problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_brings_a_job_and_its_files() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let form = || {
        reqwest::multipart::Form::new()
            .text("job", job("0042").to_string())
            .part("referral.pdf", reqwest::multipart::Part::bytes(b"%PDF".to_vec()).file_name("r.pdf"))
    };
    let made = admin.post("/v1/jobs").form(form()).header("idempotency-key", "f1").send().await.is(201).json();
    let digest = deskfleet::ids::Digest::of(b"%PDF").to_string();
    assert_eq!(made["files"], json!({ "referral.pdf": digest }));
    let again = admin.post("/v1/jobs").form(form()).header("idempotency-key", "f1").send().await.is(200).json();
    assert_eq!(again["id"], made["id"], "the boundary differs, the request does not");
    assert_eq!(admin.get(&format!("/v1/blobs/{digest}")).send().await.is(200).body, b"%PDF");

    let jobless = reqwest::multipart::Form::new().text("a.txt", "x");
    admin.post("/v1/jobs").form(jobless).send().await.problem(422, "invalid");
    let broken = admin.post("/v1/jobs").body("multipart/form-data; boundary=x", "--x\r\nnonsense").send().await;
    broken.problem(400, "bad_request");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_declined_offer_says_why_and_goes_to_another_machine() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut first = Agent::join(&site, "vm-01").await;
    first.poll(0).await;
    let id = admin.post("/v1/jobs").json(&job("0001")).send().await.is(201).json()["id"].as_str().unwrap().to_owned();
    let offer = first.offer().await;
    first.accept(&offer).await;
    let picture = json!([{
        "name": "why.webp", "sha256": "0".repeat(64), "bytes": 5, "content_type": "image/webp"
    }]);
    let decline = json!({ "kind": "decline", "reason": "the session is locked", "artifacts": picture });
    first.report(&offer, &decline).send().await.is(200);
    let mut second = Agent::join(&site, "vm-02").await;
    let offer = second.offer().await;
    second.begin(&offer).await;
    second.succeed(&offer, json!({})).await;
    let done = admin.get(&format!("/v1/jobs/{id}")).send().await.is(200).json();
    assert_eq!(done["attempts"][0]["decline_reason"], "the session is locked");
    assert_eq!(done["attempts"][1]["machine"], "vm-02");
    let artifacts = admin.get(&format!("/v1/jobs/{id}/artifacts")).send().await.is(200).json();
    assert_eq!((&artifacts["items"][0]["name"], &artifacts["items"][0]["stored"]), (&json!("why.webp"), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_keeps_the_version_it_was_submitted_with() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    let body = json!({ "workflow": "register", "input": { "mrn": "0001" }, "run_at": "100ms" });
    let id = admin.post("/v1/jobs").json(&body).send().await.is(201).json()["id"].as_str().unwrap().to_owned();
    let mut changed = documents::register();
    changed["steps"] = json!([{ "key": "Escape" }]);
    admin.put("/v1/workflows/register").json(&changed).send().await.is(201);
    let offer = agent.offer().await;
    assert_eq!((&offer["job"], &offer["workflow"]["version"]), (&json!(id), &json!(1)));
    assert_eq!(offer["workflow"]["content"]["steps"], documents::register()["steps"]);
}

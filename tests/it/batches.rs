//! Many jobs at once, in three forms.

use serde_json::json;

use crate::support::{Agent, Answer, Site, documents::job};

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_comes_as_json_lines_or_a_table() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let body = json!({ "items": [job("0001"), job("0002")], "max_running": 1 });
    let first = admin.post("/v1/batches").json(&body).header("idempotency-key", "b1").send().await.is(201);
    let location = first.header("location").to_owned();
    let batch = first.json();
    assert_eq!((&batch["total"], &batch["max_running"], &batch["state"]), (&json!(2), &json!(1), &json!("running")));
    let again = admin.post("/v1/batches").json(&body).header("idempotency-key", "b1").send().await.is(200).json();
    assert_eq!(again["id"], batch["id"]);
    let listed = admin.get(&format!("/v1/jobs?batch={}&order=oldest", batch["id"].as_str().unwrap())).send().await;
    let ids: Vec<_> = listed.json()["items"].as_array().unwrap().iter().map(|job| job["id"].clone()).collect();
    assert_eq!(batch["jobs"].as_array().unwrap(), &ids, "in the order of submission");

    let lines = format!("{}\n\n{}\n", job("0003"), job("0004"));
    let call = admin.post("/v1/batches?max_running=2").body("application/x-ndjson", lines);
    let batch = call.send().await.is(201).json();
    assert_eq!((&batch["total"], &batch["max_running"]), (&json!(2), &json!(2)));
    let table = "workflow,input.mrn,labels.ticket\nregister,0005,4711\nregister,0006,\n";
    let batch = admin.post("/v1/batches").body("text/csv", table).send().await.is(201).json();
    let id = batch["jobs"][0].as_str().unwrap();
    let first = admin.get(&format!("/v1/jobs/{id}")).send().await.is(200).json();
    assert_eq!((&first["input"]["mrn"], &first["labels"]["ticket"]), (&json!("0005"), &json!("4711")));

    let cancelled = admin.post(&format!("{location}/cancel")).send().await.is(200).json();
    assert_eq!((&cancelled["counts"]["cancelled"], &cancelled["state"]), (&json!(2), &json!("settled")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_taken_whole_or_not_at_all() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let items = json!([job("0001"), job("x"), { "workflow": "nothing" }, { "workflow": "register", "input": {
        "mrn": "0004" }, "machine": "vm-99" }]);
    let problem = admin.post("/v1/batches").json(&json!({ "items": items })).send().await.problem(422, "invalid");
    let pointers = Answer::pointers(&problem);
    assert_eq!(pointers, ["/items/1/input/mrn", "/items/2/workflow", "/items/3/machine"], "{problem}");
    let items = json!([job("0001"), { "workflow": "register", "input": { "mrn": "0004" }, "machine": "vm-99" }]);
    let problem = admin.post("/v1/batches").json(&json!({ "items": items })).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/items/1/machine"], "{problem}");
    let lines = admin.post("/v1/batches").body("application/x-ndjson", "{\"workflow\":\"register\"\n{}\n").send().await;
    let problem = lines.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/items/0", "/items/1/workflow"]);
    assert_eq!(problem["errors"][1]["line"], 2);
    admin.post("/v1/batches").json(&json!({ "items": [] })).send().await.problem(422, "invalid");
    let jobs = admin.get("/v1/jobs").send().await.is(200).json();
    assert!(jobs["items"].as_array().unwrap().is_empty(), "none of them was taken");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_batch_is_told_when_it_is_done() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    let working = tokio::spawn(async move {
        for _ in 0..2 {
            agent.work(json!({})).await;
        }
    });
    let items = json!({ "items": [job("0001"), job("0002")] });
    let done = admin.post("/v1/batches?wait=30s").json(&items).send().await.is(201).json();
    assert_eq!((&done["state"], &done["counts"]["succeeded"]), (&json!("settled"), &json!(2)), "{done}");
    assert!(done["finished_at"].is_string());
    working.await.unwrap();
}

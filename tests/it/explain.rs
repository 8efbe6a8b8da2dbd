//! Why a job does not run, as a person asks.

use serde_json::{Value, json};

use crate::support::{Agent, Site, documents};

fn predicate<'a>(told: &'a Value, name: &str) -> &'a Value {
    told["predicates"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_says_for_what() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    admin.post("/v1/machines/vm-01/drain").json(&json!({ "reason": "driver" })).send().await.is(200);
    let job = admin.post("/v1/jobs").json(&documents::job("0001")).send().await.is(201).json();
    let path = format!("/v1/jobs/{}/explain", job["id"].as_str().unwrap());
    let told = admin.get(&path).send().await.is(200).json();
    let mode = predicate(&told, "mode_active");
    assert_eq!((&told["state"], &told["machines"], &told["fitting"]), (&json!("queued"), &json!(1), &json!(0)));
    assert_eq!((&mode["failing"], &mode["machines"][0]["name"]), (&json!(1), &json!("vm-01")));
    assert!(mode["machines"][0]["detail"].as_str().unwrap().ends_with(": driver"), "{mode}");
    assert_eq!(told["changes"], json!(["activate a machine (vm-01)"]));
    assert_eq!((&told["place"], &told["expected_start"]), (&json!(1), &Value::Null));

    admin.post("/v1/machines/vm-01/activate").send().await.is(200);
    let running = admin.get(&path).send().await.is(200).json();
    assert_eq!((&running["state"], &running["predicates"]), (&json!("running"), &json!([])));
    agent.work(json!({ "receipt": "R-0001" })).await;
    let over = admin.get(&path).send().await.is(200).json();
    assert_eq!((&over["state"], &over["summary"]), (&json!("succeeded"), &json!("it is over: it succeeded")));
    admin.get("/v1/jobs/job_00000000000000000000000000/explain").send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_blocked_raises_an_event_with_its_reason() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let job = admin.post("/v1/jobs").json(&documents::job("0001")).send().await.is(201).json();
    let id = job["id"].as_str().unwrap();
    assert_eq!(job["state"], "blocked");
    let events = admin.get(&format!("/v1/jobs/{id}/events")).send().await.is(200).json();
    let blocked = events["items"].as_array().unwrap().iter().find(|event| event["type"] == "job.blocked").unwrap();
    assert_eq!(blocked["data"]["reason"]["code"], "no_machine", "{blocked}");
}

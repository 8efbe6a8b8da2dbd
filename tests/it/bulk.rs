//! One action on many jobs, or machines.

use serde_json::{Value, json};

use crate::support::{Agent, Answer, Client, Site, documents};

async fn submit(admin: &Client, mrn: &str, site: &str) -> String {
    let mut body = documents::job(mrn);
    body["labels"] = json!({ "site": site });
    admin.post("/v1/jobs").json(&body).send().await.is(201).json()["id"].as_str().unwrap().to_owned()
}

async fn state(admin: &Client, id: &str) -> Value {
    admin.get(&format!("/v1/jobs/{id}")).send().await.is(200).json()["state"].clone()
}

#[tokio::test(flavor = "multi_thread")]
async fn all_that_a_filter_fits_is_cancelled_and_nothing_else() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let north = [submit(&admin, "0001", "north").await, submit(&admin, "0002", "north").await];
    let south = submit(&admin, "0003", "south").await;
    let filter = json!({ "state": ["blocked", "queued"], "label.site": "north" });
    let rehearse = json!({ "action": "cancel", "filter": filter, "dry_run": true });
    let told = admin.post("/v1/jobs/bulk").json(&rehearse).send().await.is(200).json();
    assert_eq!((&told["matched"], &told["done"], &told["items"][1]["job"]), (&json!(2), &json!(0), &json!(north[1])));
    assert_eq!(state(&admin, &north[0]).await, "blocked", "a dry run does nothing");

    let told = admin.post("/v1/jobs/bulk").json(&json!({ "action": "cancel", "filter": filter })).send().await;
    let told = told.is(200).json();
    assert_eq!((&told["matched"], &told["done"], &told["refused"]), (&json!(2), &json!(2), &json!(0)));
    assert_eq!(
        told["items"][0],
        json!({
            "job": north[0], "result": "cancelled", "retry": null, "code": null, "detail": null
        })
    );
    assert_eq!((state(&admin, &north[1]).await, state(&admin, &south).await), (json!("cancelled"), json!("blocked")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retry_under_a_key_is_made_once_and_a_refusal_stops_no_other() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let (first, second) = (submit(&admin, "0001", "x").await, submit(&admin, "0002", "x").await);
    admin.post(&format!("/v1/jobs/{first}/cancel")).send().await.is(200);
    let request = json!({ "action": "retry", "filter": { "workflow": "register" } });
    let send = || admin.post("/v1/jobs/bulk").json(&request).header("idempotency-key", "k1");
    let told = send().send().await.is(200).json();
    assert_eq!((&told["matched"], &told["done"], &told["refused"]), (&json!(2), &json!(1), &json!(1)), "{told}");
    assert_eq!((&told["items"][0]["job"], &told["items"][0]["result"]), (&json!(first), &json!("retried")));
    assert_eq!((&told["items"][1]["job"], &told["items"][1]["code"]), (&json!(second), &json!("wrong_state")));
    let again = send().send().await.is(200);
    assert_eq!(again.header("idempotency-replayed"), "true");
    assert_eq!(again.json(), told);
    let count = admin.get("/v1/jobs").send().await.is(200).json()["items"].as_array().unwrap().len();
    assert_eq!(count, 3, "one new job");
    // The next day, or by who lost the answer and had no key.
    let later = admin.post("/v1/jobs/bulk").json(&request).send().await.is(200).json();
    assert_eq!((&later["done"], &later["refused"]), (&json!(0), &json!(3)), "{later}");
    let retry = &told["items"][0]["retry"];
    assert_eq!((&later["items"][0]["job"], &later["items"][0]["code"]), (&json!(first), &json!("wrong_state")));
    assert!(later["items"][0]["detail"].as_str().unwrap().contains(retry.as_str().unwrap()), "{later}");
    let retried = admin.get(&format!("/v1/jobs/{first}")).send().await.is(200).json();
    assert_eq!(&retried["retried_by"], retry);
    let other = json!({ "action": "cancel", "filter": { "workflow": "register" } });
    let mismatch = admin.post("/v1/jobs/bulk").json(&other).header("idempotency-key", "k1");
    mismatch.send().await.problem(409, "idempotency_mismatch");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_filter_says_something_or_that_all_are_meant() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    submit(&admin, "0001", "x").await;
    for (body, pointer) in [
        (json!({ "action": "cancel" }), "/filter"),
        (json!({ "action": "cancel", "filter": {} }), "/filter"),
        (json!({ "action": "cancel", "filter": { "stat": "queued" } }), "/filter/stat"),
        (json!({ "action": "cancel", "filter": { "state": "qeued" } }), "/filter/state"),
        (json!({ "action": "cancel", "filter": { "workflow": "" } }), "/filter/workflow"),
    ] {
        let problem = admin.post("/v1/jobs/bulk").json(&body).send().await.problem(422, "invalid");
        assert_eq!(Answer::pointers(&problem), [pointer], "{body}");
    }
    let all = json!({ "action": "cancel", "all": true });
    assert_eq!(admin.post("/v1/jobs/bulk").json(&all).send().await.is(200).json()["done"], 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_drained_by_their_pool_and_state() {
    let site = Site::start().await;
    let admin = site.admin();
    let (mut one, mut two) = (Agent::join(&site, "vm-01").await, Agent::join(&site, "vm-02").await);
    one.poll(0).await;
    two.poll(0).await;
    admin.post("/v1/machines/vm-02/quarantine").send().await.is(200);
    let drain = json!({ "action": "drain", "filter": { "pool": "default", "mode": "active" }, "reason": "update" });
    let told = admin.post("/v1/machines/bulk").json(&drain).send().await.is(200).json();
    assert_eq!((&told["matched"], &told["items"][0]["machine"]), (&json!(1), &json!("vm-01")));
    let machine = admin.get("/v1/machines/vm-01").send().await.is(200).json();
    assert_eq!((&machine["mode"], &machine["mode_reason"]), (&json!("draining"), &json!("update")));
    let now = json!({ "action": "drain", "all": true, "now": true });
    let problem = admin.post("/v1/machines/bulk").json(&now).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/now"]);
}

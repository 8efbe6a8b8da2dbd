//! One certificate, one agent.

use serde_json::{Value, json};

use crate::support::{Agent, Site, documents};

async fn machine(site: &Site) -> Value {
    site.admin().get("/v1/machines/vm-01").send().await.is(200).json()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cloned_machine_is_quarantined_and_neither_copy_gets_work() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut original = Agent::join(&site, "vm-01").await;
    original.poll(0).await;
    let mut clone = original.cloned(&site);
    clone.poll(0).await;
    assert_eq!(machine(&site).await["mode"], "active", "as if the agent was started anew");
    original.try_poll(0, None).await.problem(409, "duplicate_identity");
    clone.poll(0).await;
    original.try_poll(0, None).await.problem(409, "duplicate_identity");
    let told = machine(&site).await;
    assert_eq!((&told["mode"], &told["mode_reason"]), (&json!("quarantined"), &json!("duplicate_identity")));
    let events = admin.get("/v1/events?type=machine.mode_changed").send().await.is(200).json();
    let event = &events["items"][0];
    assert_eq!(event["data"]["mode"]["reason"], "duplicate_identity", "{event}");

    let job = admin.post("/v1/jobs").json(&documents::job("0001")).send().await.is(201).json();
    assert!(clone.poll(0).await["offer"].is_null());
    assert_eq!(job["state"], "queued");
    // The clone joins as a machine of its own; the operator lets the original work again.
    let mut other = Agent::join(&site, "vm-02").await;
    admin.post("/v1/machines/vm-01/activate").send().await.is(200);
    // It began before the clone did: believed with its next poll.
    original.try_poll(0, None).await.problem(409, "conflict");
    original.poll(0).await;
    other.poll(0).await;
    assert_eq!(machine(&site).await["mode"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_that_is_started_anew_goes_on() {
    let site = Site::start().await;
    let first = Agent::join(&site, "vm-01").await;
    for _ in 0..5 {
        let mut next = first.cloned(&site);
        next.poll(0).await;
        next.poll(0).await;
    }
    assert_eq!(machine(&site).await["mode"], "active");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_machine_is_let_in_no_more() {
    let site = Site::start().await;
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    site.admin().delete("/v1/machines/vm-01").send().await.is(204);
    agent.try_poll(0, None).await.problem(401, "unauthorized");
}

//! Who is told of what happens, by webhooks: signed, in order, again until it arrives, and never where it must not go.

use std::{
    sync::Arc,
    sync::atomic::{AtomicUsize, Ordering},
    time::Duration,
};

use serde_json::{Value, json};

use crate::support::{Agent, Answer, Client, Received, Receiver, Site, documents};

/// Receivers of these stories are on this computer, and nobody has the time to wait.
const HERE: &[(&str, &str)] = &[
    ("notifications.allow_local", "true"),
    ("notifications.allow_http", "true"),
    ("notifications.first_retry", "100ms"),
    ("notifications.longest_retry", "1s"),
];
const SECRET: &str = "whsec_MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3";
const OTHER_SECRET: &str = "whsec_YW5vdGhlciBrZXkgb2YgMjQgYnl0ZXMh";

async fn put(site: &Site, channel: &str, url: &str, events: &[&str]) -> Value {
    let document = json!({ "kind": "channel", "name": channel, "webhook": { "url": url }, "events": events });
    site.admin().put(&format!("/v1/channels/{channel}")).json(&document).send().await.is(201).json()
}

async fn submit(client: &Client, mrn: &str) -> String {
    let job = client.post("/v1/jobs").json(&documents::job(mrn)).send().await.is(201).json();
    job["id"].as_str().unwrap().to_owned()
}

async fn deliveries(site: &Site, channel: &str) -> Vec<Value> {
    let path = format!("/v1/channels/{channel}/deliveries?order=oldest");
    site.admin().get(&path).send().await.is(200).json()["items"].as_array().unwrap().clone()
}

/// Looks at the log of deliveries until it is as meant: what was sent is acknowledged a moment later.
async fn deliveries_when(site: &Site, channel: &str, meant: impl Fn(&[Value]) -> bool) -> Vec<Value> {
    let looked = async {
        loop {
            let found = deliveries(site, channel).await;
            if meant(&found) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if let Ok(found) = tokio::time::timeout(Duration::from_secs(30), looked).await {
        return found;
    }
    panic!("the deliveries stay {:?}", deliveries(site, channel).await);
}

fn states(deliveries: &[Value]) -> Vec<&str> {
    deliveries.iter().map(|delivery| delivery["state"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_is_told_in_order_over_tls_and_can_check_who_speaks() {
    let (receiver, certificate) = Receiver::with_tls().await;
    let ca = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(ca.path(), certificate).unwrap();
    let local = ("notifications.allow_local", "true");
    let site = Site::with(&[local, ("notifications.ca", ca.path().to_str().unwrap())]).await.with_documents().await;
    let made = put(&site, "ops", &receiver.url(), &["job.*"]).await;
    let secret = made["secret"].as_str().unwrap().to_owned();
    let mut agent = Agent::join(&site, "vm-01").await;
    let job = submit(&site.admin(), "0042").await;
    agent.work(json!({ "receipt": "R-1" })).await;

    let messages = receiver.wait_taken(5).await;
    let kinds: Vec<String> = messages.iter().map(Received::kind).collect();
    let expected = ["submitted", "offered", "accepted", "started", "succeeded"];
    assert_eq!(kinds, expected.map(|kind| format!("deskfleet.job.{kind}")));
    for message in &messages {
        assert!(message.is_signed_with(&secret) && !message.is_signed_with(SECRET));
        assert_eq!(message.header("content-type"), "application/cloudevents+json; charset=utf-8");
        let body = message.json();
        assert_eq!(body["specversion"], "1.0");
        assert_eq!((body["subject"].as_str(), body["source"].as_str()), (Some(&*job), Some(&*site.url())));
        assert_eq!(body["data"]["job"]["id"], *job);
    }
    let mut ids: Vec<&str> = messages.iter().map(|message| message.header("webhook-id")).collect();
    ids.dedup();
    assert_eq!(ids.len(), 5, "each has an id of its own");
    let last = messages[4].json();
    assert_eq!(last["data"]["job"]["output"]["receipt"], "R-1");
    assert_eq!(last["data"]["event"]["type"], "job.succeeded");
    let done = deliveries_when(&site, "ops", |found| states(found) == ["delivered"; 5]).await;
    assert_eq!((&done[0]["attempts"], &done[0]["last_status"]), (&json!(1), &json!(204)));
    let metrics = site.admin().get("/metrics").send().await.is(200);
    assert!(metrics.text().contains("deskfleet_notifications_delivered_total 5"), "{}", metrics.text());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_fails_is_tried_again_under_the_same_id_and_nothing_overtakes_it() {
    let receiver = Receiver::start().await;
    let failures = Arc::new(AtomicUsize::new(2));
    receiver.answer_with(move || {
        let left = failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        (if left.is_ok() { 500 } else { 200 }, None)
    });
    let site = Site::with(HERE).await.with_documents().await;
    put(&site, "ops", &receiver.url(), &["job.submitted"]).await;
    for mrn in ["0001", "0002", "0003"] {
        submit(&site.admin(), mrn).await;
    }
    receiver.wait_taken(3).await;
    let all = receiver.all();
    let ids: Vec<&str> = all.iter().map(|message| message.header("webhook-id")).collect();
    assert!(ids[0] == ids[1] && ids[1] == ids[2] && ids[2] != ids[3] && ids[3] != ids[4], "{ids:?}");
    let mrns: Vec<Value> =
        receiver.taken().iter().map(|message| message.json()["data"]["job"]["input"]["mrn"].clone()).collect();
    assert_eq!(mrns, ["0001", "0002", "0003"]);
    let done = deliveries_when(&site, "ops", |found| states(found) == ["delivered"; 3]).await;
    assert_eq!((&done[0]["attempts"], &done[1]["attempts"]), (&json!(3), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_dead_receiver_holds_back_nobody_and_what_it_missed_is_parked_told_and_replayed() {
    let (dead, live) = (Receiver::start().await, Receiver::start().await);
    dead.answer(503);
    let settings = [HERE, &[("notifications.give_up", "1s")]].concat();
    let site = Site::with(&settings).await.with_documents().await;
    put(&site, "dead", &dead.url(), &["job.submitted"]).await;
    put(&site, "live", &live.url(), &["job.submitted", "channel.parked"]).await;
    submit(&site.admin(), "0001").await;
    submit(&site.admin(), "0002").await;
    let told = live.wait_taken(3).await;
    assert_eq!(told[0].kind(), "deskfleet.job.submitted");
    assert_eq!(told[1].kind(), "deskfleet.job.submitted");
    let parked = told[2].json();
    assert_eq!(parked["type"], "deskfleet.channel.parked");
    assert_eq!(
        (&parked["subject"], &parked["data"]["event"]["data"]["channel"]),
        (&json!("channel/dead"), &json!("dead"))
    );
    let given_up = deliveries_when(&site, "dead", |found| states(found) == ["parked"; 2]).await;
    assert!(given_up[0]["last_error"].as_str().unwrap().contains("503"), "{}", given_up[0]);
    assert!(dead.taken().is_empty());
    // It lives again, and is still a channel.
    dead.answer(200);
    let from = given_up[0]["seq"].clone();
    let again =
        site.admin().post("/v1/channels/dead/replay").json(&json!({ "from": from })).send().await.is(200).json();
    assert_eq!(again["messages"], 2);
    let arrived = dead.wait_taken(2).await;
    assert_eq!(arrived[0].header("webhook-id"), dead.all()[0].header("webhook-id"), "known by the same id");
    deliveries_when(&site, "dead", |found| states(found) == ["delivered"; 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_acknowledged_is_sent_after_a_restart() {
    let receiver = Receiver::start().await;
    receiver.answer(500);
    let mut site = Site::with(HERE).await.with_documents().await;
    put(&site, "ops", &receiver.url(), &["job.submitted"]).await;
    submit(&site.admin(), "0001").await;
    submit(&site.admin(), "0002").await;
    receiver.wait_all(1).await;
    site.restart_with(HERE).await;
    receiver.answer(200);
    let arrived = receiver.wait_taken(2).await;
    let mrns: Vec<Value> =
        arrived.iter().map(|message| message.json()["data"]["job"]["input"]["mrn"].clone()).collect();
    assert_eq!(mrns, ["0001", "0002"]);
    deliveries_when(&site, "ops", |found| states(found) == ["delivered"; 2]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_arrived_can_be_sent_again_from_an_event_on() {
    let receiver = Receiver::start().await;
    let site = Site::with(HERE).await.with_documents().await;
    put(&site, "ops", &receiver.url(), &["job.submitted"]).await;
    for mrn in ["0001", "0002", "0003"] {
        submit(&site.admin(), mrn).await;
    }
    receiver.wait_taken(3).await;
    let done = deliveries_when(&site, "ops", |found| states(found) == ["delivered"; 3]).await;
    let replay = json!({ "from": done[1]["seq"], "to": done[1]["seq"] });
    let again = site.admin().post("/v1/channels/ops/replay").json(&replay).send().await.is(200).json();
    assert_eq!(again["messages"], 1);
    let all = receiver.wait_taken(4).await;
    assert_eq!(all[3].header("webhook-id"), all[1].header("webhook-id"));
    let backwards = json!({ "from": 9, "to": 3 });
    let refused = site.admin().post("/v1/channels/ops/replay").json(&backwards).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&refused), ["/to"]);
    site.admin().post("/v1/channels/nothing/replay").json(&json!({ "from": 1 })).send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_sent_to_this_computer_unless_that_is_allowed() {
    let receiver = Receiver::start().await;
    let site = Site::with(&[("notifications.allow_http", "true")]).await.with_documents().await;
    let port = receiver.address.port();
    let document =
        |url: String| json!({ "kind": "channel", "name": "ops", "webhook": { "url": url }, "events": ["*"] });
    for url in [
        format!("http://127.0.0.1:{port}/"),
        format!("http://[::ffff:7f00:1]:{port}/"),
        format!("http://127.1:{port}/"),
    ] {
        let refused = site.admin().put("/v1/channels/ops").json(&document(url)).send().await.problem(422, "invalid");
        assert_eq!(Answer::pointers(&refused), ["/webhook/url"]);
        assert!(refused["errors"][0]["detail"].as_str().unwrap().contains("notifications.allow_local"), "{refused}");
    }
    let own = json!([{ "url": format!("http://127.0.0.1:{port}/"), "secret": SECRET }]);
    let job = json!({ "workflow": "register", "input": { "mrn": "0042" }, "notify": own });
    let refused = site.admin().post("/v1/jobs").json(&job).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&refused), ["/notify/0/url"]);
    // A name says where it leads only when it is resolved.
    site.admin().put("/v1/channels/ops").json(&document(receiver.url())).send().await.is(201);
    submit(&site.admin(), "0042").await;
    let tried = deliveries_when(&site, "ops", |found| found.iter().any(|one| one["attempts"] == 1)).await;
    let error = tried[0]["last_error"].as_str().unwrap();
    assert!(error.contains("localhost") && error.contains("notifications.allow_local"), "{error}");
    assert!(receiver.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let (first, second) = (Receiver::start().await, Receiver::start().await);
    let place = second.url();
    first.answer_with(move || (307, Some(place.clone())));
    let site = Site::with(HERE).await.with_documents().await;
    put(&site, "ops", &first.url(), &["job.submitted"]).await;
    submit(&site.admin(), "0042").await;
    first.wait_all(2).await;
    let tried = deliveries_when(&site, "ops", |found| found[0]["last_status"] == 307).await;
    assert!(tried[0]["last_error"].as_str().unwrap().contains("redirects are not followed"), "{}", tried[0]);
    assert!(second.all().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_tells_its_own_addresses_and_its_secret_is_in_no_answer() {
    let receiver = Receiver::start().await;
    let site = Site::with(HERE).await.with_documents().await;
    let mut agent = Agent::join(&site, "vm-01").await;
    let request = json!({
        "workflow": "register", "input": { "mrn": "0042" },
        "notify": [{ "url": receiver.url(), "secret": SECRET }, { "url": receiver.url(), "secret": SECRET, "events": ["job.started"] }]
    });
    let made = site.admin().post("/v1/jobs").json(&request).send().await.is(201);
    let id = made.json()["id"].as_str().unwrap().to_owned();
    agent.work(json!({})).await;
    let told = receiver.wait_taken(2).await;
    let mut kinds: Vec<String> = told.iter().map(Received::kind).collect();
    kinds.sort();
    assert_eq!(kinds, ["deskfleet.job.started", "deskfleet.job.succeeded"]);
    assert!(told.iter().all(|message| message.is_signed_with(SECRET)));
    let shown = site.admin().get(&format!("/v1/jobs/{id}")).send().await.is(200);
    assert_eq!(shown.json()["notify"][0]["url"], receiver.url());
    let events = site.admin().get("/v1/events").send().await.is(200);
    let log = site.admin().get(&format!("/v1/jobs/{id}/deliveries")).send().await.is(200);
    assert_eq!(log.json()["items"].as_array().unwrap().len(), 2);
    let bodies = [&made, &shown, &events, &log].map(|answer| answer.text().to_owned());
    let messages = told.iter().map(|message| String::from_utf8(message.raw.clone()).unwrap());
    for text in bodies.into_iter().chain(messages) {
        assert!(!text.contains("whsec_"), "{text}");
    }
    let path = format!("/v1/jobs/{id}/deliveries/replay");
    let again = site.admin().post(&path).json(&json!({ "from": 1 })).send().await.is(200).json();
    assert_eq!(again["messages"], 2);
    receiver.wait_taken(4).await;
    let wrong = json!({
        "workflow": "register", "input": { "mrn": "0043" },
        "notify": [{ "url": "nowhere", "secret": "short", "events": ["job.faild"] }]
    });
    let refused = site.admin().post("/v1/jobs").json(&wrong).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&refused), ["/notify/0/url", "/notify/0/secret", "/notify/0/events/0"]);
    assert!(!refused.to_string().contains("short\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_headers_of_a_channel_are_written_and_never_read_and_can_be_rotated() {
    let receiver = Receiver::start().await;
    let site = Site::with(HERE).await.with_documents().await;
    let document =
        |webhook: Value| json!({ "kind": "channel", "name": "ops", "webhook": webhook, "events": ["job.submitted"] });
    let first = json!({ "url": receiver.url(), "secret": SECRET, "headers": { "Authorization": "Bearer hidden" } });
    let made = site.admin().put("/v1/channels/ops").json(&document(first)).send().await.is(201);
    assert_eq!(made.json()["secret"], Value::Null, "it was given, so it is not shown");
    let shown = site.admin().get("/v1/channels/ops").send().await.is(200);
    assert_eq!(
        shown.json()["content"]["webhook"],
        json!({ "url": receiver.url(), "headers": { "Authorization": "********" } })
    );
    // What was read can be stored again, and nothing is lost by it.
    let same = site.admin().put("/v1/channels/ops").json(&shown.json()["content"]).send().await.is(200);
    assert_eq!(same.json()["unchanged"], true);
    submit(&site.admin(), "0001").await;
    let told = receiver.wait_taken(1).await;
    assert!(told[0].is_signed_with(SECRET));
    assert_eq!(told[0].header("authorization"), "Bearer hidden");
    // Both are valid for a while.
    let both = json!({ "url": receiver.url(), "secrets": [OTHER_SECRET, SECRET] });
    site.admin().put("/v1/channels/ops").json(&document(both)).send().await.is(201);
    submit(&site.admin(), "0002").await;
    let told = receiver.wait_taken(2).await;
    assert!(told[1].is_signed_with(SECRET) && told[1].is_signed_with(OTHER_SECRET));
    let events = site.admin().get("/v1/events").send().await.is(200);
    let versions = site.admin().get("/v1/channels/ops/versions").send().await.is(200);
    for answer in [&made, &shown, &events, &versions] {
        let text = answer.text();
        assert!(!text.contains("whsec_") && !text.contains("hidden"), "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn sensitive_input_is_masked_in_messages() {
    let receiver = Receiver::start().await;
    let site = Site::with(HERE).await;
    let workflow = json!({
        "kind": "workflow", "name": "register",
        "input": { "type": "object", "properties": { "mrn": { "type": "string" }, "name": { "type": "string", "x-sensitive": true } } },
        "steps": [{ "key": "Return" }]
    });
    site.admin().put("/v1/workflows/register").json(&workflow).send().await.is(201);
    put(&site, "ops", &receiver.url(), &["*"]).await;
    let job = json!({ "workflow": "register", "input": { "mrn": "1", "name": "Ada Lovelace" } });
    site.admin().post("/v1/jobs").json(&job).send().await.is(201);
    let told = receiver.wait_taken(2).await;
    let submitted = told.iter().find(|message| message.kind() == "deskfleet.job.submitted").unwrap();
    let input = submitted.json()["data"]["job"]["input"].clone();
    assert_eq!((&input["mrn"], &input["name"]), (&json!("1"), &json!("***")));
    assert!(told.iter().all(|message| !String::from_utf8_lossy(&message.raw).contains("Lovelace")));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_comes_from_a_called_workflow_with_sensitive_input_is_in_no_message() {
    let receiver = Receiver::start().await;
    let site = Site::with(HERE).await;
    let admin = site.admin();
    for sensitive in [false, true] {
        let find = json!({
            "kind": "workflow", "name": "find", "steps": [{ "key": "F3" }],
            "input": { "type": "object", "properties": { "name": { "type": "string", "x-sensitive": sensitive } } }
        });
        admin.put("/v1/workflows/find").json(&find).send().await.is(201);
        let look = json!({ "kind": "workflow", "name": "look", "steps": [{ "call": { "workflow": "find" } }] });
        admin.put("/v1/workflows/look").json(&look).send().await;
        admin.post("/v1/jobs").json(&json!({ "workflow": "look" })).send().await.is(201);
    }
    put(&site, "ops", &receiver.url(), &["job.succeeded"]).await;
    let mut agent = Agent::join(&site, "vm-01").await;
    for _ in 0..2 {
        agent.work(json!({ "name": "Ada" })).await;
    }
    let told = receiver.wait_taken(2).await;
    let outputs: Vec<Value> = told.iter().map(|message| message.json()["data"]["job"]["output"].clone()).collect();
    assert_eq!(outputs, [json!({ "name": "Ada" }), Value::Null]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_channel_that_is_wrong_is_refused_with_every_fault_and_a_paused_one_waits() {
    let receiver = Receiver::start().await;
    let site = Site::with(HERE).await.with_documents().await;
    let wrong = json!({
        "kind": "channel", "name": "ops", "events": ["job.faild", "job.*"],
        "webhook": { "url": "ftp://example.org/", "secret": "whsec_c2hvcnQ=" }
    });
    site.admin().put("/v1/channels/ops").json(&wrong).send().await.problem(422, "invalid");
    let wrong = json!({
        "kind": "channel", "name": "ops", "events": ["job.faild", "job.*"],
        "webhook": { "url": "http://user:word@example.org/", "secret": "whsec_c2hvcnQ=" }
    });
    let refused = site.admin().put("/v1/channels/ops").json(&wrong).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&refused), ["/events/0", "/webhook/url", "/webhook/secrets"]);
    put(&site, "ops", &receiver.url(), &["job.submitted"]).await;
    site.admin().post("/v1/channels/ops/pause").json(&json!({ "reason": "they move" })).send().await.is(200);
    submit(&site.admin(), "0001").await;
    let waiting = deliveries_when(&site, "ops", |found| !found.is_empty()).await;
    assert_eq!((states(&waiting), &waiting[0]["attempts"]), (vec!["pending"], &json!(0)));
    site.admin().post("/v1/channels/ops/resume").send().await.is(200);
    receiver.wait_taken(1).await;
    site.admin().delete("/v1/channels/ops").send().await.is(204);
    submit(&site.admin(), "0002").await;
    site.admin().post("/v1/channels/ops/replay").json(&json!({ "from": 1 })).send().await.problem(404, "not_found");
}

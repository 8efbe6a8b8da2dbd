//! Machines: seen, labelled, moved, taken out of service.

use deskfleet::ids::Digest;
use serde_json::{Value, json};

use crate::support::{Agent, Site, documents::job};

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_is_shown_with_what_it_is_doing() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "HOST/clerk").await;
    agent.poll(0).await;
    let machine = admin.get("/v1/machines/HOST%2Fclerk").send().await.is(200).json();
    assert_eq!(
        (&machine["status"], &machine["mode"], &machine["pool"]),
        (&json!("idle"), &json!("active"), &json!("default"))
    );
    assert_eq!(machine["facts"]["display"]["width"], 1280);
    assert_eq!((&machine["lease"], &machine["epoch"]), (&Value::Null, &json!(0)));
    admin.post("/v1/jobs").json(&job("0001")).send().await.is(201);
    let offer = agent.offer().await;
    agent.begin(&offer).await;
    let busy = admin.get("/v1/machines/HOST%2Fclerk").send().await.is(200).json();
    assert_eq!(
        (&busy["status"], &busy["job"], &busy["lease"]["state"]),
        (&json!("busy"), &offer["job"], &json!("held"))
    );
    assert!(busy["lease"]["expires_in_ms"].as_u64().unwrap() > 0, "{busy}");
    admin.delete("/v1/machines/HOST%2Fclerk").send().await.problem(409, "conflict");
    agent.succeed(&offer, json!({})).await;
    let idle = admin.get("/v1/machines?status=idle").send().await.is(200).json();
    assert_eq!(idle["items"][0]["stats"]["succeeded"], 1);
    let fleet = admin.get("/v1/fleet").send().await.is(200).json();
    assert_eq!((&fleet["machines"]["idle"], &fleet["jobs"]["running"]), (&json!(1), &json!(0)));
}

#[tokio::test(flavor = "multi_thread")]
async fn labels_are_merged_and_pools_must_exist() {
    let site = Site::start().await;
    let admin = site.admin();
    Agent::join(&site, "vm-01").await;
    let patch = |body: Value| admin.patch("/v1/machines/vm-01").json(&body);
    patch(json!({ "labels": { "site": "north", "rack": "7" } })).send().await.is(200);
    let machine = patch(json!({ "labels": { "rack": null, "row": "2" } })).send().await.is(200).json();
    assert_eq!(machine["labels"], json!({ "site": "north", "row": "2" }));
    patch(json!({ "pool": "nowhere" })).send().await.problem(422, "invalid");
    patch(json!({ "colour": "red" })).send().await.problem(422, "invalid");
    admin.put("/v1/pools/clinic").json(&json!({ "kind": "pool", "name": "clinic" })).send().await.is(201);
    assert_eq!(patch(json!({ "pool": "clinic" })).send().await.is(200).json()["pool"], "clinic");
    let found = admin.get("/v1/machines?label.site=north&pool=clinic").send().await.is(200).json();
    assert_eq!(found["items"].as_array().unwrap().len(), 1);
    let none = admin.get("/v1/machines?label.site=south").send().await.is(200).json();
    assert!(none["items"].as_array().unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_drained_machine_gets_no_offer_until_it_is_activated() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    let reason = json!({ "reason": "new graphics driver" });
    let drained = admin.post("/v1/machines/vm-01/drain").json(&reason).send().await.is(200).json();
    assert_eq!((&drained["mode"], &drained["mode_reason"]), (&json!("draining"), &json!("new graphics driver")));
    assert_eq!(drained["mode_by"], "admin");
    admin.post("/v1/jobs").json(&job("0001")).send().await.is(201);
    let told = agent.poll(0).await;
    assert_eq!((&told["offer"], &told["mode"]), (&Value::Null, &json!("draining")));
    let wrong = admin.post("/v1/machines/vm-01/drain").json(&json!({ "now": true })).send().await;
    wrong.problem(422, "invalid");
    admin.post("/v1/machines/vm-01/activate").send().await.is(200);
    let offer = agent.offer().await;
    agent.begin(&offer).await;
    let stop = json!({ "now": true, "reason": "smoke" });
    admin.post("/v1/machines/vm-01/quarantine").json(&stop).send().await.is(200);
    let told = agent.try_poll(5_000, Some(&offer)).await.is(200).json();
    assert_eq!(told["revoke"], offer["epoch"]);
    admin.post("/v1/machines/vm-01/maintenance").send().await.is(200);
    admin.post("/v1/machines/vm-99/drain").send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fresh_picture_is_asked_of_the_machine() {
    let site = Site::start().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    let path = "/v1/machines/vm-01/screenshot";
    admin.get(path).send().await.problem(404, "not_found");
    admin.get(&format!("{path}?fresh=true")).send().await.problem(409, "wrong_state");
    agent.poll(0).await;
    let asking = {
        let (admin, path) = (admin.clone(), format!("{path}?fresh=true"));
        tokio::spawn(async move { admin.get(&path).send().await })
    };
    let request = loop {
        let told = agent.poll(5_000).await;
        if let Some(wanted) = told["wanted"].as_array().unwrap().first() {
            assert_eq!(wanted["kind"], "screenshot");
            break wanted["request"].as_str().unwrap().to_owned();
        }
    };
    let send = |kind: &str| {
        agent.client.put(&format!("/agent/v1/screenshot?request={request}")).body(kind, b"picture".to_vec())
    };
    send("text/plain").send().await.problem(415, "unsupported_media_type");
    send("image/webp").send().await.is(204);
    let fresh = asking.await.unwrap().is(200);
    assert_eq!((fresh.body.as_slice(), fresh.header("content-type")), (&b"picture"[..], "image/webp"));
    assert_eq!(fresh.header("etag"), format!("\"{}\"", Digest::of(b"picture")));
    assert!(fresh.header("deskfleet-taken-at").ends_with('Z'));
    assert_eq!(admin.get(path).send().await.is(200).body, b"picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_apps_of_a_pool_are_told_once() {
    let site = Site::start().await;
    let admin = site.admin();
    let app = json!({ "kind": "app", "name": "editor", "launch": { "command": ["xterm"] },
                      "screens": { "ready": [{ "window": "xterm" }] } });
    admin.put("/v1/apps/editor").json(&app).send().await.is(201);
    let pool =
        json!({ "kind": "pool", "name": "default", "apps": ["editor"], "display": { "width": 1280, "height": 800 } });
    admin.put("/v1/pools/default").json(&pool).send().await.is(201);
    let mut agent = Agent::join(&site, "vm-01").await;
    let told = agent.poll(0).await;
    assert_eq!(told["apps"]["apps"][0]["name"], "editor");
    assert_eq!(told["apps"]["display"], json!({ "width": 1280, "height": 800, "scale": null }));
    assert_eq!(agent.poll(0).await["apps"], Value::Null, "it knows them now");
}

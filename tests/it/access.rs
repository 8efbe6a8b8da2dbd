//! Who gets what: the whole table, walked with every kind of stranger.

use deskfleet::{
    fleet::Role,
    http::{
        problem::Code,
        route::{Access, Route},
        routes,
    },
};
use reqwest::Method;
use serde_json::json;

use crate::support::{
    Agent, Client, Site,
    agent::{key_and_request, machine_client},
};

/// A path that fits the route, of things that are not there.
fn path(route: &Route) -> String {
    let id = "00000000000000000000000000";
    let filled = route.path.replace("{sha256}", &"0".repeat(64)).replace("{attempt}", "1").replace("{version}", "1");
    let id = match route.path {
        path if path.contains("/batches/") => format!("bat_{id}"),
        path if path.contains("/join-tokens/") => format!("jtk_{id}"),
        path if path.contains("/tokens/") => format!("tok_{id}"),
        _ => format!("job_{id}"),
    };
    filled.replace("{id}", &id).replace("{name}", "nothing")
}

async fn status(client: &Client, route: &Route) -> (u16, String) {
    let answer = client.call(Method::from_bytes(route.method.as_str().as_bytes()).unwrap(), &path(route)).send().await;
    let code = serde_json::from_slice(&answer.body).map(|body: serde_json::Value| body["code"].clone());
    (answer.status.as_u16(), code.ok().and_then(|code| code.as_str().map(str::to_owned)).unwrap_or_default())
}

async fn assert_turned_away(client: &Client, route: &Route, with: &str) {
    let (status, code) = status(client, route).await;
    assert_eq!((status, code.as_str()), (401, "unauthorized"), "{} {} with {with}", route.method, route.path);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_past_a_row_that_asks_for_somebody() {
    let site = Site::start().await;
    let agent = Agent::join(&site, "vm-01").await;
    let revoked = site.role("admin").await;
    let tokens = site.admin().get("/v1/tokens").send().await.is(200).json();
    let id =
        tokens["items"].as_array().unwrap().iter().find(|token| token["name"] == "admin of a story").unwrap()["id"]
            .as_str()
            .unwrap()
            .to_owned();
    site.admin().delete(&format!("/v1/tokens/{id}")).send().await.is(204);
    let strangers = [
        ("no token", site.nobody()),
        ("a wrong token", site.with_token("dft_0000000000000000000000000000000000000000000000000000")),
        ("a revoked token", revoked),
        ("a join token", site.with_token(&site.file("join.token"))),
        ("the certificate of a machine", agent.client.clone()),
    ];
    let admin = site.admin();
    let guarded = |route: &Route| matches!(route.access, Access::Role(_) | Access::Metrics);
    let mut walked = 0;
    for route in routes().iter().filter(|route| guarded(route)) {
        for (with, stranger) in &strangers {
            assert_turned_away(stranger, route, with).await;
        }
        walked += 1;
    }
    let machines = |route: &Route| matches!(route.access, Access::Machine | Access::ExpiredMachine);
    for route in routes().iter().filter(|route| machines(route)) {
        for (with, stranger) in &strangers[..4] {
            assert_turned_away(stranger, route, with).await;
        }
        assert_turned_away(&admin, route, "an administrator's token").await;
        walked += 1;
    }
    let open = ["/healthz", "/readyz", "/openapi.json", "/agent/v1/join"];
    assert_eq!(walked + open.len(), routes().len(), "every other route is one that is meant to be open");
    for route in routes().iter().filter(|route| matches!(route.access, Access::Anyone | Access::JoinToken)) {
        assert!(open.contains(&route.path), "{} is open to anyone", route.path);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_too_low_gets_nothing_and_one_that_suffices_gets_through() {
    let site = Site::start().await;
    let mut clients = Vec::new();
    for role in Role::ALL {
        clients.push((role, site.role(role.as_str()).await));
    }
    for route in routes() {
        let Access::Role(needed) = route.access else { continue };
        for (role, client) in &clients {
            let (status, code) = status(client, &route).await;
            let forbidden = (status, code.as_str()) == (403, "forbidden");
            assert_eq!(forbidden, *role < needed, "{} {} as {role:?}: {status} {code}", route.method, route.path);
            assert!(status != 401 && status < 500, "{} {} as {role:?}: {status} {code}", route.method, route.path);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_certificate_that_is_no_machines_gets_nothing() {
    let site = Site::start().await;
    let agent = Agent::join(&site, "vm-01").await;
    site.admin().delete("/v1/machines/vm-01").send().await.is(204);
    for route in routes().iter().filter(|route| matches!(route.access, Access::Machine | Access::ExpiredMachine)) {
        assert_turned_away(&agent.client, route, "the certificate of a removed machine").await;
    }

    let other = Site::start().await;
    let stranger = Agent::join(&other, "vm-01").await;
    let foreign = machine_client(&site, &stranger.certificate, &stranger.key);
    let refused = foreign.get("/healthz").try_send().await;
    assert!(refused.is_err(), "a certificate of another authority does not even shake hands");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_can_not_speak_for_another() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut owner = Agent::join(&site, "vm-01").await;
    let mut thief = Agent::join(&site, "vm-02").await;
    thief.poll(0).await;
    let job = admin.post("/v1/jobs").json(&json!({
        "workflow": "register", "input": { "mrn": "0001" }, "machine": "vm-01"
    }));
    job.send().await.is(201);
    let offer = owner.offer().await;
    owner.begin(&offer).await;

    let theft = json!({
        "kind": "complete", "result": { "outcome": "succeeded", "output": {} }, "steps": [], "readiness": {}
    });
    thief.report_numbered(&offer, 3, &theft).send().await.problem(409, "lease_lost");
    let digest = deskfleet::ids::Digest::of(b"picture").to_string();
    let upload = |agent: &Agent| {
        let call = agent.client.put(&format!("/agent/v1/blobs/{digest}")).body("image/webp", "picture");
        call.header("deskfleet-job", offer["job"].as_str().unwrap())
            .header("deskfleet-attempt", offer["attempt"].as_str().unwrap())
            .header("deskfleet-epoch", &offer["epoch"].to_string())
    };
    upload(&thief).send().await.problem(409, "lease_lost");
    upload(&owner).send().await.is(200);

    let job = admin.get(&format!("/v1/jobs/{}", offer["job"].as_str().unwrap())).send().await.is(200).json();
    assert_eq!((job["state"].as_str(), job["phase"].as_str()), (Some("running"), Some("executing")));
    owner.succeed(&offer, json!({})).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_machine_renews_its_certificate_and_the_old_one_is_void_once_the_new_one_is_used() {
    let site = Site::start().await;
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    let old = agent.client.clone();
    let (key, request) = key_and_request();
    let renewed = agent.client.post("/agent/v1/renew").json(&json!({ "certificate_request": request })).send().await;
    agent.certificate = renewed.is(200).json()["certificate"].as_str().unwrap().to_owned();
    agent.key = key;
    agent.reconnect(&site);
    agent.poll(0).await;
    old.post("/agent/v1/poll").send().await.problem(401, "unauthorized");
    agent
        .client
        .post("/agent/v1/renew")
        .json(&json!({ "certificate_request": "nonsense" }))
        .send()
        .await
        .problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_join_token_lets_in_as_long_as_it_is_good() {
    let site = Site::start().await;
    let admin = site.admin();
    let made =
        admin.post("/v1/join-tokens").json(&json!({ "uses": 1, "expires_in": "1h" })).send().await.is(201).json();
    let token = made["token"].as_str().unwrap();
    assert!(token.starts_with("dfj_") && token.len() == 4 + 52 + 1 + 64, "{token}");
    let join = |name: &str, token: &str| {
        let (_, request) = key_and_request();
        site.nobody().post("/agent/v1/join").json(&crate::support::agent::join_request(token, name, &request))
    };
    join("vm-01", token).send().await.is(201);
    join("vm-02", token).send().await.problem(401, "unauthorized");
    join("vm-02", "dfj_wrong").send().await.problem(401, "unauthorized");

    let id = made["id"].as_str().unwrap();
    let listed = admin.get("/v1/join-tokens").send().await.is(200).json();
    assert!(listed["items"].as_array().unwrap().iter().all(|token| token.get("token").is_none()), "shown once only");
    admin.delete(&format!("/v1/join-tokens/{id}")).send().await.is(204);
    admin.delete(&format!("/v1/join-tokens/{id}")).send().await.problem(404, Code::NotFound.as_str());
}

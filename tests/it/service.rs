//! The service itself: health, metrics, ids of requests, the end.

use serde_json::json;

use crate::support::{Agent, Client, Site};

#[tokio::test(flavor = "multi_thread")]
async fn it_says_how_it_is() {
    let site = Site::start().await;
    let nobody = site.nobody();
    assert_eq!(nobody.get("/healthz").send().await.is(200).text(), "ok\n");
    assert_eq!(nobody.get("/readyz").send().await.is(200).text(), "ready\n");
    let head = nobody.call(reqwest::Method::HEAD, "/healthz").send().await.is(200);
    assert!(head.body.is_empty());
    let metrics = site.role("viewer").await.get("/metrics").send().await.is(200);
    for name in ["deskfleet_jobs{state=\"queued\"} 0", "deskfleet_commit_duration_seconds_count", "route=\"/healthz\""]
    {
        assert!(metrics.text().contains(name), "{name} in {}", metrics.text());
    }
    let open = Site::with(&[("metrics.open", "true")]).await;
    open.nobody().get("/metrics").send().await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_http_are_spoken() {
    let site = Site::start().await.with_documents().await;
    let client = Client::over_http2(&site.url(), &site.file("ca.pem")).with_token(&site.file("admin.token"));
    let answer = client.get("/v1/whoami").open().await;
    assert_eq!(answer.version(), reqwest::Version::HTTP_2);
    assert_eq!(site.nobody().get("/healthz").open().await.version(), reqwest::Version::HTTP_11);
    // Many requests of one connection at once, one of them held.
    let job = client.post("/v1/jobs").json(&crate::support::documents::job("0001")).send().await.is(201).json();
    let path = format!("/v1/jobs/{}?wait=1s", job["id"].as_str().unwrap());
    let (held, quick) = (client.get(&path).send(), client.get("/v1/fleet").send());
    let (held, quick) = futures_util::future::join(held, quick).await;
    assert_eq!((held.is(200).json()["state"].clone(), quick.status.as_u16()), (json!("blocked"), 200));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_found_by_its_id() {
    let site = Site::start().await;
    let nobody = site.nobody();
    assert_eq!(nobody.get("/healthz").header("request-id", "trace-7").send().await.header("request-id"), "trace-7");
    let own = nobody.get("/v1/jobs").send().await;
    assert_eq!(own.header("request-id").len(), 16);
    own.problem(401, "unauthorized");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_first_start_leaves_private_files_and_the_next_keeps_what_must_stay() {
    let mut site = Site::start().await;
    let whoami = site.admin().get("/v1/whoami").send().await.is(200).json();
    assert_eq!((whoami["name"].as_str(), whoami["role"].as_str()), (Some("admin"), Some("admin")));
    let before = ["ca.pem", "admin.token", "join.token", "server.pem"].map(|name| site.file(name));
    #[cfg(unix)]
    for name in ["ca.pem", "ca.key", "server.key", "admin.token", "join.token", "deskfleet.redb"] {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(site.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
    site.restart().await;
    let after = ["ca.pem", "admin.token", "join.token", "server.pem"].map(|name| site.file(name));
    assert_eq!((&before[0], &before[1], &before[3]), (&after[0], &after[1], &after[3]));
    assert_ne!(before[2], after[2], "the join token is renewed");
    let tokens = site.admin().get("/v1/join-tokens").send().await.is(200).json();
    assert_eq!(tokens["items"].as_array().unwrap().len(), 1, "and the one before is void");
}

#[tokio::test(flavor = "multi_thread")]
async fn stopping_answers_what_waits() {
    let mut site = Site::start().await.with_documents().await;
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    let admin = site.admin();
    let submitted = admin.post("/v1/jobs").json(&json!({
        "workflow": "register", "input": { "mrn": "0001" }, "run_at": "1h"
    }));
    let job = submitted.send().await.is(201).json();
    let path = format!("/v1/jobs/{}?wait=60s", job["id"].as_str().unwrap());
    let waiting = tokio::spawn(async move { admin.get(&path).send().await.is(200).json() });
    let parked = tokio::spawn(async move { agent.poll(50_000).await });
    // Both are there once the controller counts them.
    while site.handle().stats().parked_polls == 0 || site.handle().stats().waiters == 0 {
        tokio::task::yield_now().await;
    }
    site.stop().await;
    assert_eq!(waiting.await.unwrap()["state"], "scheduled");
    assert!(parked.await.unwrap()["offer"].is_null());
}

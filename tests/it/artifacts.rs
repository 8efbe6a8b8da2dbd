//! What an attempt leaves behind, and how it is fetched.

use deskfleet::ids::Digest;
use serde_json::json;

use crate::support::{Agent, Site, agent::step, documents::job};

const PICTURE: &[u8] = b"0123456789";

#[tokio::test(flavor = "multi_thread")]
async fn a_picture_is_named_first_may_follow_later_and_is_served_in_parts() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    let id = admin.post("/v1/jobs").json(&job("0001")).send().await.is(201).json()["id"].as_str().unwrap().to_owned();
    let offer = agent.offer().await;
    agent.begin(&offer).await;
    let digest = Digest::of(PICTURE);
    let named = json!([{ "name": "failure.webp", "sha256": digest, "bytes": 10, "content_type": "image/webp" }]);
    let other = json!([{ "name": "a/b.webp", "sha256": digest, "bytes": 10, "content_type": "image/webp" }]);
    agent.steps(&offer, vec![step(1, "steps/0", &other)]).await;
    agent.fail(&offer, "business", named).await;

    let base = format!("/v1/jobs/{id}/artifacts");
    let content = format!("{base}/1/failure.webp");
    admin.get(&content).send().await.problem(404, "not_found");
    let late = agent.client.put(&format!("/agent/v1/blobs/{digest}")).body("image/webp", PICTURE);
    let late = late
        .header("deskfleet-job", &id)
        .header("deskfleet-attempt", offer["attempt"].as_str().unwrap())
        .header("deskfleet-epoch", &offer["epoch"].to_string());
    late.send().await.is(200);

    let job = admin.get(&format!("/v1/jobs/{id}")).send().await.is(200).json();
    let failure = &job["failure"];
    assert_eq!((&job["state"], &failure["category"]), (&json!("failed"), &json!("business")));
    assert_eq!(failure["artifacts"][0]["url"], content, "{failure}");
    assert_eq!(failure["artifacts"][0]["stored"], true);
    let listed = admin.get(&base).send().await.is(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 2, "{listed}");
    let page = admin.get(&format!("{base}?limit=1")).send().await.is(200).json();
    let rest =
        admin.get(&format!("{base}?limit=1&cursor={}", page["next"].as_str().unwrap())).send().await.is(200).json();
    assert_eq!((&page["items"][0]["name"], &rest["items"][0]["name"]), (&json!("a/b.webp"), &json!("failure.webp")));
    let url = page["items"][0]["url"].as_str().unwrap();
    assert_eq!(admin.get(url).send().await.is(200).body, PICTURE, "also under an awkward name");

    let whole = admin.get(&content).send().await.is(200);
    assert_eq!((whole.body.as_slice(), whole.header("content-type")), (PICTURE, "image/webp"));
    assert_eq!(whole.header("content-disposition"), "inline; filename=\"failure.webp\"");
    let tag = whole.header("etag").to_owned();
    assert_eq!(tag, format!("\"{digest}\""));
    let part = admin.get(&content).header("range", "bytes=2-4").send().await.is(206);
    assert_eq!((part.body.as_slice(), part.header("content-range")), (&b"234"[..], "bytes 2-4/10"));
    let tail = admin.get(&content).header("range", "bytes=-3").header("if-range", &tag).send().await.is(206);
    assert_eq!(tail.body, b"789");
    admin.get(&content).header("range", "bytes=0-1").header("if-range", "\"other\"").send().await.is(200);
    let outside = admin.get(&content).header("range", "bytes=10-").send().await;
    assert_eq!(outside.header("content-range"), "bytes */10");
    outside.problem(416, "range_not_satisfiable");
    admin.get(&content).header("if-none-match", &tag).send().await.is(304);
    let head = admin.call(reqwest::Method::HEAD, &content).send().await.is(200);
    assert_eq!((head.header("content-length"), head.body.len()), ("10", 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_pictures_and_plain_text_are_shown_and_nothing_is_run() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    let id = admin.post("/v1/jobs").json(&job("0001")).send().await.is(201).json()["id"].as_str().unwrap().to_owned();
    let offer = agent.offer().await;
    agent.begin(&offer).await;
    let kinds = [
        ("a.webp", "image/webp", "inline"),
        ("b.txt", "text/plain; charset=utf-8", "inline"),
        ("c.html", "text/html", "attachment"),
        ("d.svg", "image/svg+xml", "attachment"),
        ("e.pdf", "application/pdf", "attachment"),
        ("f", "application/octet-stream", "attachment"),
    ];
    let digest = Digest::of(PICTURE);
    let named =
        kinds.map(|(name, kind, _)| json!({ "name": name, "sha256": digest, "bytes": 10, "content_type": kind }));
    agent.steps(&offer, vec![step(1, "steps/0", &json!(named))]).await;
    let blob = agent.client.put(&format!("/agent/v1/blobs/{digest}")).body("image/webp", PICTURE);
    let blob = blob
        .header("deskfleet-job", &id)
        .header("deskfleet-attempt", offer["attempt"].as_str().unwrap())
        .header("deskfleet-epoch", &offer["epoch"].to_string());
    blob.send().await.is(200);
    for (name, kind, how) in kinds {
        let answer = admin.get(&format!("/v1/jobs/{id}/artifacts/1/{name}")).send().await.is(200);
        assert_eq!(answer.header("content-type"), kind);
        assert_eq!(answer.header("content-disposition"), format!("{how}; filename=\"{name}\""));
        assert_eq!(answer.header("x-content-type-options"), "nosniff");
        assert!(answer.header("content-security-policy").starts_with("sandbox;"), "no script, no origin of ours");
    }
}

//! What is refused, and how: with its code, its place, and all faults at once.

use serde_json::json;

use crate::support::{Answer, Site};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_there_is_a_problem_too() {
    let site = Site::start().await;
    let nobody = site.nobody();
    nobody.get("/v2/jobs").send().await.problem(404, "not_found");
    let later = nobody.get("/v1/credentials").send().await.problem(404, "not_found");
    assert!(later["detail"].as_str().unwrap().contains("not available in this version"), "{later}");
    let wrong = nobody.delete("/v1/jobs").send().await;
    let allow = wrong.header("allow").to_owned();
    wrong.problem(405, "method_not_allowed");
    assert!(allow.contains("GET") && allow.contains("POST") && allow.contains("HEAD"), "{allow}");
    let admin = site.admin();
    for path in ["/v1/jobs/job_00000000000000000000000000", "/v1/jobs/nonsense", "/v1/machines/none", "/v1/apps/x"] {
        admin.get(path).send().await.problem(404, "not_found");
    }
    admin.get("/v1/batches/job_1").send().await.problem(404, "not_found");
}

#[tokio::test(flavor = "multi_thread")]
async fn all_faults_of_a_request_are_told_at_once() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let broken = json!({ "workflow": 7, "priority": "high", "labels": { "a": 1 }, "prioritty": 1 });
    let problem = admin.post("/v1/jobs").json(&broken).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/labels/a", "/prioritty", "/priority", "/workflow"], "{problem}");

    let wrong = json!({
        "workflow": "register", "input": { "mrn": "12", "copies": 0, "extra": true }, "run_at": "tomorrow",
        "deadline": "1x", "notify": [{ "url": "https://127.0.0.1/", "secret": "whsec_" }],
        "files": { "a.pdf": "0".repeat(64), "../b.pdf": "0".repeat(64) },
        "machine": "nowhere", "pool": "nothing", "priority": 101
    });
    let problem = admin.post("/v1/jobs").json(&wrong).send().await.problem(422, "invalid");
    let mut pointers = Answer::pointers(&problem);
    pointers.sort_unstable();
    let expected = [
        "/deadline",
        "/files/..~1b.pdf",
        "/files/..~1b.pdf",
        "/files/a.pdf",
        "/input",
        "/input/copies",
        "/input/mrn",
        "/machine",
        "/notify/0/secret",
        "/notify/0/url",
        "/pool",
        "/priority",
        "/run_at",
    ];
    assert_eq!(pointers, expected, "{problem}");
    let item = json!({ "items": [wrong] });
    let of_batch = admin.post("/v1/batches").json(&item).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&of_batch).len(), expected.len(), "{of_batch}");

    let broken = admin.post("/v1/jobs").body("application/json", "{\n \"workflow\": ]").send().await;
    assert_eq!(broken.problem(422, "invalid")["errors"][0]["line"], 2);
    let form = admin.post("/v1/jobs").body("application/xml", "<job/>").send().await;
    form.problem(415, "unsupported_media_type");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_job_names_must_be_there() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let submit = |body: serde_json::Value| admin.post("/v1/jobs").json(&body);
    let missing = submit(json!({ "workflow": "nothing" })).send().await.problem(404, "not_found");
    assert_eq!(Answer::pointers(&missing), ["/workflow"]);
    submit(json!({ "workflow": "register", "version": 9, "input": { "mrn": "0001" } }))
        .send()
        .await
        .problem(404, "not_found");
    let nowhere = json!({ "workflow": "register", "input": { "mrn": "0001" }, "machine": "vm-99", "priority": 101 });
    let problem = submit(nowhere).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/priority", "/machine"], "{problem}");
    let nowhere = json!({ "workflow": "register", "input": { "mrn": "0001" }, "pool": "nowhere" });
    let problem = submit(nowhere).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/pool"], "{problem}");
    let late = json!({ "workflow": "register", "input": { "mrn": "0001" }, "run_at": "2h", "deadline": "1h" });
    let problem = submit(late).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/deadline"], "{problem}");
}

#[tokio::test(flavor = "multi_thread")]
async fn queries_are_checked_like_bodies() {
    let site = Site::start().await;
    let admin = site.admin();
    let query = "/v1/jobs?state=queued,sleeping&limit=0&cursor=x&stat=1&label.site=north&since=monday";
    let problem = admin.get(query).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["?stat"], "what is not known is told first: {problem}");
    let query = "/v1/jobs?state=queued,sleeping&limit=0&cursor=x&label.site=north&since=monday&order=up";
    let problem = admin.get(query).send().await.problem(422, "invalid");
    let mut pointers = Answer::pointers(&problem);
    pointers.sort_unstable();
    assert_eq!(pointers, ["?cursor", "?limit", "?order", "?since", "?state"], "{problem}");
    admin.get("/v1/events?type=job.faild").send().await.problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_have_a_limit() {
    let site = Site::with(&[("limits.body_bytes", "64KiB"), ("limits.blob_bytes", "1MiB")]).await;
    let admin = site.admin();
    let large = format!("{{\"workflow\": \"{}\"}}", "x".repeat(70_000));
    admin.post("/v1/jobs").body("application/json", large).send().await.problem(413, "too_large");
    let content = vec![7u8; (1 << 20) + 1];
    let digest = deskfleet::ids::Digest::of(&content);
    let path = format!("/v1/blobs/{digest}");
    admin.put(&path).body("application/octet-stream", content.clone()).send().await.problem(413, "too_large");
    let pieces = content.chunks(100_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect::<Vec<_>>();
    let stream = reqwest::Body::wrap_stream(futures_util::stream::iter(pieces));
    admin.put(&path).body("application/octet-stream", stream).send().await.problem(413, "too_large");
    let wrong = format!("/v1/blobs/{}", "0".repeat(64));
    admin.put(&wrong).body("application/octet-stream", "x").send().await.problem(422, "invalid");
    admin.put("/v1/blobs/xyz").body("application/octet-stream", "x").send().await.problem(422, "invalid");
}

//! Documents: stored with versions, checked whole, guarded against lost updates.

use deskfleet::ids::Digest;
use serde_json::{Value, json};

use crate::support::{Answer, Site, documents::register};

fn app(name: &str) -> Value {
    json!({ "kind": "app", "name": name, "launch": { "command": ["xterm"] }, "process": "xterm",
            "screens": { "ready": [{ "window": "xterm" }] } })
}

#[tokio::test(flavor = "multi_thread")]
async fn other_content_is_a_new_version_and_the_same_is_not() {
    let site = Site::start().await;
    let admin = site.admin();
    let put = |body: &Value| admin.put("/v1/workflows/register").json(body);
    let first = put(&register()).send().await.is(201);
    assert_eq!(first.header("etag"), "\"1\"");
    assert_eq!((&first.json()["version"], &first.json()["unchanged"]), (&json!(1), &json!(false)));
    assert_eq!(put(&register()).send().await.is(200).json()["unchanged"], true);

    let mut other = register();
    other["description"] = json!("Adds a patient.");
    other["steps"][0] = json!({ "key": "Escape" });
    let rehearsed = admin.put("/v1/workflows/register?dry_run=true").json(&other).send().await.is(200).json();
    assert_eq!((&rehearsed["version"], &rehearsed["dry_run"]), (&json!(2), &json!(true)));
    let places: Vec<&str> =
        rehearsed["changes"].as_array().unwrap().iter().map(|change| change["pointer"].as_str().unwrap()).collect();
    assert_eq!(places, ["/description", "/steps/0/key"]);
    let shown = admin.get("/v1/workflows/register").send().await.is(200);
    assert_eq!((shown.header("etag"), &shown.json()["version"]), ("\"1\"", &json!(1)), "nothing was stored");
    admin.get("/v1/workflows/register").header("if-none-match", "\"1\"").send().await.is(304);

    assert_eq!(put(&other).send().await.is(201).json()["version"], 2);
    let versions = admin.get("/v1/workflows/register/versions").send().await.is(200).json();
    let numbers: Vec<u64> =
        versions["items"].as_array().unwrap().iter().map(|v| v["version"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [2, 1]);
    let old = admin.get("/v1/workflows/register/versions/1").send().await.is(200).json();
    assert_eq!(old["content"], register());
    admin.get("/v1/workflows/register/versions/3").send().await.problem(404, "not_found");
    let listed = admin.get("/v1/workflows").send().await.is(200).json();
    assert_eq!(listed["items"].as_array().unwrap().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_writer_who_has_not_seen_the_newest_is_refused() {
    let site = Site::start().await;
    let admin = site.admin();
    let put = |body: &Value| admin.put("/v1/workflows/register").json(body);
    put(&register()).header("if-match", "\"1\"").send().await.problem(412, "precondition_failed");
    put(&register()).header("if-none-match", "*").send().await.is(201);
    put(&register()).header("if-none-match", "*").send().await.problem(412, "precondition_failed");
    let mut other = register();
    other["description"] = json!("x");
    put(&other).header("if-match", "\"7\"").send().await.problem(412, "precondition_failed");
    put(&other).header("if-match", "\"1\"").send().await.is(201);
    admin.delete("/v1/workflows/register").header("if-match", "\"1\"").send().await.problem(412, "precondition_failed");
    admin.delete("/v1/workflows/register").header("if-match", "\"2\"").send().await.is(204);
    admin.get("/v1/workflows/register").send().await.problem(404, "not_found");
    let job = admin.post("/v1/jobs").json(&json!({ "workflow": "register", "input": { "mrn": "0001" } }));
    job.send().await.problem(404, "not_found");
    assert_eq!(put(&register()).send().await.is(201).json()["version"], 3, "goes on counting");
}

#[tokio::test(flavor = "multi_thread")]
async fn three_faults_are_told_at_once_with_their_places() {
    let site = Site::start().await;
    let admin = site.admin();
    let yaml = "kind: workflow\nname: broken\nsteps:\n  - click: \"bare text\"\n  - typo: 1\n  - wait: { window: x }\n    retries: lots\n";
    let problem = admin.put("/v1/workflows/broken").body("application/yaml", yaml).send().await.problem(422, "invalid");
    let pointers = Answer::pointers(&problem);
    assert!(pointers.len() >= 3, "{problem}");
    for place in ["/steps/0", "/steps/1", "/steps/2"] {
        assert!(pointers.iter().any(|pointer| pointer.starts_with(place)), "{place} in {problem}");
    }
    assert_eq!(problem["errors"][0]["line"], 4, "{problem}");

    let elsewhere = admin.put("/v1/apps/other").json(&register()).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&elsewhere), ["/kind", "/name"]);
    admin.put("/v1/workflows/-x").json(&register()).send().await.problem(422, "invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_document_names_must_be_stored() {
    let site = Site::start().await;
    let admin = site.admin();
    let mut workflow = register();
    workflow["apps"] = json!(["editor", "shell"]);
    workflow["pool"] = json!("clinic");
    admin.put("/v1/apps/shell").json(&app("shell")).send().await.is(201);
    let problem = admin.put("/v1/workflows/register").json(&workflow).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/apps", "/pool"], "{problem}");
    admin.put("/v1/apps/editor").json(&app("editor")).send().await.is(201);
    let pool = json!({ "kind": "pool", "name": "clinic", "apps": ["editor"] });
    admin.put("/v1/pools/clinic").json(&pool).send().await.is(201);
    admin.put("/v1/workflows/register").json(&workflow).send().await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_images_a_document_names_go_ahead_of_it() {
    let site = Site::start().await;
    let admin = site.admin();
    let mut picture = Vec::new();
    let image = image::RgbaImage::from_pixel(4, 4, image::Rgba([1, 2, 3, 255]));
    image.write_to(&mut std::io::Cursor::new(&mut picture), image::ImageFormat::Png).unwrap();
    let digest = Digest::of(&picture).to_string();
    let mut workflow = register();
    workflow["steps"] = json!([{ "click": { "image": "images/save.png" } }]);
    let put = |body: &Value| admin.put("/v1/workflows/register").json(body);
    let problem = put(&workflow).send().await.problem(422, "invalid");
    assert!(Answer::pointers(&problem)[0].starts_with("/steps/0/click"), "{problem}");
    workflow["images"] = json!({ "images/save.png": digest });
    let problem = put(&workflow).send().await.problem(422, "invalid");
    assert_eq!(Answer::pointers(&problem), ["/images/images~1save.png"]);
    let text = Digest::of(b"no picture").to_string();
    admin.put(&format!("/v1/blobs/{text}")).body("application/octet-stream", "no picture").send().await.is(201);
    let mut wrong = workflow.clone();
    wrong["images"] = json!({ "images/save.png": text });
    let problem = put(&wrong).send().await.problem(422, "invalid");
    assert!(problem["detail"].as_str().unwrap().contains("PNG"), "{problem}");
    let blob = format!("/v1/blobs/{digest}");
    admin.put(&blob).body("image/png", picture.clone()).send().await.is(201);
    admin.put(&blob).body("image/png", picture).send().await.is(200);
    put(&workflow).send().await.is(201);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paused_workflow_starts_nothing_new() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let paused = admin.post("/v1/workflows/register/pause").json(&json!({ "reason": "audit" })).send().await.is(200);
    assert_eq!(paused.json()["paused"], "audit");
    let seen_paused = admin.get("/v1/workflows/register").send().await.is(200).header("etag").to_owned();
    let job = admin.post("/v1/jobs").json(&crate::support::documents::job("0001")).send().await.is(201).json();
    assert_eq!(job["state"], "blocked");
    assert!(job["blocked_reason"].as_str().unwrap().contains("paused"), "{job}");
    let resumed = admin.post("/v1/workflows/register/resume").send().await.is(200).json();
    assert_eq!(resumed["paused"], Value::Null);
    let again = admin.get("/v1/workflows/register").header("if-none-match", &seen_paused).send().await.is(200);
    assert_eq!(again.json()["paused"], Value::Null, "who has seen it paused is shown it anew");
    admin.get("/v1/workflows/register").header("if-none-match", again.header("etag")).send().await.is(304);
    let fleet = admin.post("/v1/fleet/pause").send().await.is(200).json();
    assert!(fleet["paused"].is_string());
    assert_eq!(admin.post("/v1/fleet/resume").send().await.is(200).json()["paused"], Value::Null);
    admin.post("/v1/apps/none/pause").send().await.problem(404, "not_found");
}

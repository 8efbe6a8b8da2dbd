//! An attempt as one HTML file.

use deskfleet::{
    desktop::{Color, Frame},
    ids::Digest,
};
use serde_json::json;

use crate::support::{Agent, Site, agent::step, documents::job};

#[tokio::test(flavor = "multi_thread")]
async fn an_attempt_is_one_page_with_its_steps_and_pictures() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    agent.poll(0).await;
    let id = admin.post("/v1/jobs").json(&job("0001")).send().await.is(201).json()["id"].as_str().unwrap().to_owned();
    let report = format!("/v1/jobs/{id}/report");
    let offered = String::from_utf8(admin.get(&report).send().await.is(200).body).unwrap();
    assert!(offered.contains("no step was reported"), "{offered}");

    let offer = agent.offer().await;
    agent.begin(&offer).await;
    let picture = Frame::filled(64, 48, Color::new(10, 120, 90)).to_png().unwrap();
    let digest = Digest::of(&picture);
    let of =
        |name: &str| json!([{ "name": name, "sha256": digest, "bytes": picture.len(), "content_type": "image/png" }]);
    let mut first = step(1, "steps/0", &of("before.png"));
    first["finds"] = json!([{ "target": "text \"<Save>\"", "found": true, "how": "ocr", "score": 0.93, "x": 4, "y": 5, "width": 6,
        "height": 7, "elapsed_ms": 120 }]);
    agent.steps(&offer, vec![first, step(2, "steps/1", &of("after.png"))]).await;
    let early = String::from_utf8(admin.get(&report).send().await.is(200).body).unwrap();
    assert!(early.contains(">running<") && early.contains("before.png: not in this file"), "{early}");

    let late = agent.client.put(&format!("/agent/v1/blobs/{digest}")).body("image/png", picture.clone());
    let late = late
        .header("deskfleet-job", &id)
        .header("deskfleet-attempt", offer["attempt"].as_str().unwrap())
        .header("deskfleet-epoch", &offer["epoch"].to_string());
    late.send().await.is(200);
    agent.fail(&offer, "business", json!([])).await;

    let answer = admin.get(&report).send().await.is(200);
    assert_eq!(answer.header("content-type"), "text/html; charset=utf-8");
    assert!(answer.header("content-security-policy").starts_with("sandbox; default-src 'none'"));
    let page = String::from_utf8(answer.body).unwrap();
    for part in [
        id.as_str(),
        "vm-01",
        ">failed<",
        "steps&#x2f;1",
        "text &quot;&lt;Save&gt;&quot;",
        "<rect x=\"4\" y=\"5\" width=\"6\" height=\"7\"/>",
    ] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert_eq!(page.matches("data:image/png;base64,").count(), 1, "the second picture is the first one again");
    assert!(!page.contains("0001"), "what was entered is not in it");

    assert_eq!(admin.get(&format!("{report}?attempt=1")).send().await.is(200).body, page.as_bytes());
    admin.get(&format!("{report}?attempt=2")).send().await.problem(404, "not_found");
    admin.get(&format!("{report}?attempt=x")).send().await.problem(422, "invalid");
    admin.get("/v1/jobs/job_00000000000000000000000001/report").send().await.problem(404, "not_found");
}

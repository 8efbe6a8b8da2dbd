//! Backup while jobs run, restore elsewhere, look at everything.

use deskfleet::{
    controller::{self, Restored},
    time::Clock,
};
use serde_json::json;

use crate::support::{Agent, Site, documents};

/// Restores an archive into a directory of its own.
fn restore(archive: &[u8]) -> (tempfile::TempDir, Restored) {
    let dir = tempfile::tempdir().unwrap();
    let restored = controller::restore(archive, dir.path(), &Clock::System).unwrap();
    (dir, restored)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_made_while_jobs_run_comes_back_with_nothing_going_on_by_itself() {
    let site = Site::start().await.with_documents().await;
    let admin = site.admin();
    let mut agent = Agent::join(&site, "vm-01").await;
    let done = admin.post("/v1/jobs").json(&documents::job("0001")).send().await.is(201).json();
    let offer = agent.offer().await;
    agent.begin(&offer).await;
    agent.succeed(&offer, json!({ "receipt": "R-0001" })).await;
    let running = admin.post("/v1/jobs").json(&documents::job("0002")).send().await.is(201).json();
    let lost_lease = agent.offer().await;
    agent.begin(&lost_lease).await;
    let queued = admin.post("/v1/jobs").json(&documents::job("0003")).send().await.is(201).json();
    let backup = admin.post("/v1/backup").send().await.is(200);
    assert_eq!(backup.header("content-type"), "application/x-tar");
    // What happens after it is not in it.
    admin.post("/v1/jobs").json(&documents::job("0004")).send().await.is(201);

    let (dir, restored) = restore(&backup.body);
    assert_eq!((restored.blocked, restored.need_review), (1, 1));
    let again = Site::start_in(dir).await;
    let admin = again.with_token(&site.file("admin.token"));
    let state = async |job: &serde_json::Value| {
        let path = format!("/v1/jobs/{}", job["id"].as_str().unwrap());
        admin.get(&path).send().await.is(200).json()
    };
    assert_eq!(state(&done).await["output"], json!({ "receipt": "R-0001" }));
    assert_eq!(state(&running).await["state"], "needs_review");
    let blocked = state(&queued).await;
    assert_eq!(blocked["state"], "blocked");
    assert!(blocked["blocked_reason"].as_str().unwrap().contains("release"), "{blocked}");
    assert_eq!(admin.get("/v1/jobs").send().await.is(200).json()["items"].as_array().unwrap().len(), 3);

    // The agent knows the authority and is known; its lease is of another history.
    agent.reconnect(&again);
    let polled = agent.try_poll(0, Some(&lost_lease)).await.is(200).json();
    assert_eq!(polled["lost"], true, "{polled}");
    assert!(
        polled["generation"].as_u64().unwrap() > 0,
        "agents that have seen the old history take this one for newer"
    );
    let release = format!("/v1/jobs/{}/release", queued["id"].as_str().unwrap());
    again.role("submitter").await.post(&release).send().await.problem(403, "forbidden");
    let bulk = json!({ "action": "release", "filter": { "state": "blocked" } });
    again.role("submitter").await.post("/v1/jobs/bulk").json(&bulk).send().await.problem(403, "forbidden");
    let released = admin.post("/v1/jobs/bulk").json(&bulk).send().await.is(200).json();
    assert_eq!((&released["done"], &released["items"][0]["result"]), (&json!(1), &json!("released")), "{released}");
    admin.post(&release).send().await.problem(409, "wrong_state");
    assert_eq!(agent.offer().await["job"], queued["id"]);
    let report = admin.post("/v1/check?content=true").send().await.is(200).json();
    assert_eq!(report["faults"], json!([]), "{report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn pictures_travel_with_a_backup() {
    let site = Site::start().await.with_documents().await;
    let content = b"a form".to_vec();
    let digest = deskfleet::ids::Digest::of(&content).to_string();
    let admin = site.admin();
    admin.put(&format!("/v1/blobs/{digest}")).body("application/octet-stream", content.clone()).send().await.is(201);
    let mut job = documents::job("0001");
    job["files"] = json!({ "form.pdf": digest });
    admin.post("/v1/jobs").json(&job).send().await.is(201);
    let backup = admin.post("/v1/backup").send().await.is(200);
    let (dir, restored) = restore(&backup.body);
    assert_eq!(restored.blobs, 1);
    let checked = controller::check(dir.path(), &Clock::System).unwrap();
    assert_eq!((checked.faults.as_slice(), checked.counts["a blob"]), ([].as_slice(), 1));
    let path = dir.path().join("blobs").join(&digest[..2]).join(&digest[2..]);
    std::fs::write(&path, b"a farm").unwrap();
    let checked = controller::check(dir.path(), &Clock::System).unwrap();
    assert!(checked.faults[0].contains("damaged"), "{:?}", checked.faults);
    std::fs::remove_file(&path).unwrap();
    let checked = controller::check(dir.path(), &Clock::System).unwrap();
    assert!(checked.faults[0].contains("not there"), "{:?}", checked.faults);
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_backup_or_something_else_is_refused_and_starts_nothing() {
    let site = Site::start().await;
    let backup = site.admin().post("/v1/backup").send().await.is(200);
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    for broken in [&backup.body[..backup.body.len() / 2], &backup.body[..2_000], b"hello".as_slice(), b"".as_slice()] {
        let refused = controller::restore(broken, &data, &Clock::System).unwrap_err();
        assert!(controller::check(&data, &Clock::System).is_err(), "{refused}: nothing to start is left behind");
    }
    controller::restore(backup.body.as_slice(), &data, &Clock::System).unwrap();
    let refused = controller::restore(backup.body.as_slice(), &data, &Clock::System).unwrap_err().to_string();
    assert!(refused.contains("move that directory away"), "{refused}");
    site.role("operator").await.post("/v1/backup").send().await.problem(403, "forbidden");
}

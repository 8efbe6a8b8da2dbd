//! A disk with too little room, as clients meet it.

use crate::support::{Site, documents};

#[tokio::test]
async fn on_a_low_disk_new_requests_are_refused_and_everybody_is_told() {
    let mut site = Site::start().await.with_documents().await;
    let token = site.file("join.token");
    // As if less were free than the mark asks for: no disk has so much.
    site.restart_with(&[("disk.low_bytes", "64TiB")]).await;
    let admin = site.admin();
    let refused = admin.post("/v1/jobs").json(&documents::job("0042")).send().await.is(503);
    assert_eq!(refused.header("retry-after"), "2");
    refused.problem(503, "storage_full");
    admin.put("/v1/blobs/0000000000000000000000000000000000000000000000000000000000000000").send().await.is(503);
    let fleet = admin.get("/v1/fleet").send().await.is(200).json();
    assert_eq!(fleet["storage"]["room"], "low");
    assert_eq!(fleet["storage"]["low_bytes"], 64_u64 << 40);
    assert!(fleet["storage"]["free_bytes"].as_u64().unwrap() > 0);
    let metrics = admin.get("/metrics").send().await.is(200);
    assert!(metrics.text().contains("deskfleet_storage_room{room=\"low\"} 1"), "{}", metrics.text());
    assert!(site.nobody().get("/readyz").send().await.is(200).text().contains("little room"));
    assert_eq!(site.file("join.token"), token, "it could not be renewed, and that is no reason not to serve");
}

#[tokio::test]
async fn on_a_full_disk_reads_go_on() {
    let mut site = Site::start().await.with_documents().await;
    site.restart_with(&[("disk.low_bytes", "64TiB"), ("disk.floor_bytes", "64TiB")]).await;
    let admin = site.admin();
    admin.get("/v1/jobs").send().await.is(200);
    assert_eq!(admin.get("/v1/fleet").send().await.is(200).json()["storage"]["room"], "full");
    let not_ready = site.nobody().get("/readyz").send().await.is(503);
    not_ready.problem(503, "storage_full");
    site.restart().await;
    site.nobody().get("/readyz").send().await.is(200);
}

//! Retention as a whole: what ends is kept for its time, then goes, and its blobs after it.

use super::*;
use crate::{
    controller::keeper::{Keeper, RetentionSettings},
    fleet::Artifact,
    store::{BlobError, Pruned},
};

const DAY: Duration = Duration::from_secs(86_400);

fn kept_for(days: u32) -> RetentionSettings {
    RetentionSettings { jobs_age: days * DAY, artifacts_age: days * DAY, ..RetentionSettings::default() }
}

/// One pass, now.
async fn pass(site: &Site, settings: RetentionSettings) -> Pruned {
    let handle = site.handle.clone();
    let passed = tokio::task::spawn_blocking(move || Keeper::new(handle, settings, 1_000).pass());
    passed.await.unwrap().unwrap()
}

/// A job that left a picture, whose blob is as old as the job.
async fn job_with_picture(site: &Site, agent: &Agent, content: &'static str) -> (JobId, Digest) {
    submit(&site.handle).await;
    agent.poll(None, Duration::ZERO).await.unwrap();
    let offer = agent.offer().await;
    agent.start(&offer).await;
    let blob = site.handle.store_blob(content.into(), None).await.unwrap();
    site.handle.claim_blob(blob.digest).await.unwrap();
    let (digest, bytes) = (blob.digest, blob.bytes);
    let artifact = Artifact { name: "end.webp".to_owned(), digest, bytes, content_type: "image/webp".to_owned() };
    let progress = Progress { artifacts: vec![artifact], ..Progress::default() };
    let end = End::Succeeded { output: None };
    agent.report(&offer, 3, ReportBody::Complete { progress, end }).await.unwrap();
    (offer.job, digest)
}

async fn is_stored(site: &Site, digest: Digest) -> Result<bool, BlobError> {
    Ok(site.handle.blob_size(digest).await?.is_some())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_kept_for_its_time_and_then_goes_with_its_pictures() {
    let site = Site::start();
    put_workflow(&site.handle).await;
    let agent = Agent::join(&site.handle, "vm-01").await;
    agent.poll(None, Duration::ZERO).await.unwrap();
    let (old, old_picture) = job_with_picture(&site, &agent, "old").await;
    site.clock.advance(5 * DAY);
    let (young, young_picture) = job_with_picture(&site, &agent, "young").await;
    assert_eq!(pass(&site, kept_for(10)).await.jobs, 0);
    site.clock.advance(6 * DAY);
    let open = submit(&site.handle).await.job.id;
    let gone = pass(&site, kept_for(10)).await;
    assert_eq!((gone.jobs, gone.artifacts), (1, 1));
    let handle = &site.handle;
    assert_eq!(handle.job(old).await.unwrap(), None);
    assert!(handle.job(young).await.unwrap().is_some() && handle.job(open).await.unwrap().is_some());
    assert_eq!(
        (is_stored(&site, old_picture).await.unwrap(), is_stored(&site, young_picture).await.unwrap()),
        (false, true)
    );
    assert_eq!(handle.kept().blobs, 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_upload_whose_row_is_not_written_yet_is_left_alone() {
    let site = Site::start();
    let blob = site.handle.store_blob("about to be named".into(), None).await.unwrap();
    site.handle.claim_blob(blob.digest).await.unwrap();
    site.clock.advance(Duration::from_secs(86_399));
    pass(&site, kept_for(1)).await;
    assert!(is_stored(&site, blob.digest).await.unwrap());
    site.clock.advance(Duration::from_secs(2));
    pass(&site, kept_for(1)).await;
    assert!(!is_stored(&site, blob.digest).await.unwrap(), "nobody has named it for a day");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn artifacts_beyond_their_size_go_the_oldest_first() {
    let site = Site::start();
    put_workflow(&site.handle).await;
    let agent = Agent::join(&site.handle, "vm-01").await;
    agent.poll(None, Duration::ZERO).await.unwrap();
    let (first, first_picture) = job_with_picture(&site, &agent, "0123456789").await;
    site.clock.advance(Duration::from_secs(60));
    let (_, second_picture) = job_with_picture(&site, &agent, "9876543210").await;
    site.clock.advance(2 * DAY);
    let settings = RetentionSettings { artifacts_bytes: 15, ..kept_for(90) };
    assert_eq!(pass(&site, settings).await.artifacts, 1);
    assert!(site.handle.job(first).await.unwrap().is_some(), "the job itself is kept");
    assert!(!is_stored(&site, first_picture).await.unwrap());
    assert!(is_stored(&site, second_picture).await.unwrap());
    assert_eq!(pass(&site, settings).await, Pruned::default());
    assert_eq!(site.handle.kept().stored_bytes, 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn jobs_beyond_their_number_go_but_never_open_ones() {
    let site = Site::start();
    put_workflow(&site.handle).await;
    let mut ids = Vec::new();
    for _ in 0..4 {
        ids.push(submit(&site.handle).await.job.id);
    }
    for job in &ids[1..3] {
        let cancel = CancelJob { job: *job, by: Principal::System };
        site.handle.execute(Command::CancelJob(cancel)).await.unwrap();
    }
    let at_most = |jobs| RetentionSettings { jobs, ..kept_for(90) };
    assert_eq!(pass(&site, at_most(3)).await.jobs, 1);
    assert_eq!(site.handle.job(ids[1]).await.unwrap(), None);
    assert_eq!(pass(&site, at_most(1)).await.jobs, 1, "what is open stays, however many that are");
    assert!(site.handle.job(ids[0]).await.unwrap().is_some() && site.handle.job(ids[3]).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn join_tokens_that_let_nobody_join_any_more_go() {
    let site = Site::start();
    Agent::join(&site.handle, "vm-01").await;
    assert_eq!(site.handle.join_tokens().await.unwrap().len(), 1, "used up");
    pass(&site, kept_for(90)).await;
    assert!(site.handle.join_tokens().await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_in_the_midst_of_retention_loses_nothing() {
    let site = Site::start();
    put_workflow(&site.handle).await;
    let job = submit(&site.handle).await.job.id;
    site.handle.execute(Command::CancelJob(CancelJob { job, by: Principal::System })).await.unwrap();
    site.clock.advance(100 * DAY);
    site.disk.fail(Some(io::ErrorKind::StorageFull));
    let handle = site.handle.clone();
    let passing = tokio::task::spawn_blocking(move || Keeper::new(handle, kept_for(90), 1_000_000).pass());
    while site.handle.stats().storage_full == 0 {
        tokio::task::yield_now().await;
    }
    site.disk.fail(None);
    assert!(passing.await.unwrap().is_err());
    assert!(site.handle.job(job).await.unwrap().is_some());
    assert_eq!(pass(&site, kept_for(90)).await.jobs, 1);
}

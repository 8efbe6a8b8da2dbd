//! A database of every schema that was ever current, made by the program of its day, opens with the program of today.

use std::path::PathBuf;

use super::*;
use crate::{
    fleet::{Artifact, DeleteDocument, DocumentKind, Idempotency, PauseFleet, SubmitBatch},
    store::{Store, database_in},
};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/store")
}

/// One of everything: jobs in all states, a batch, documents, tokens, machines with and without a lease, steps, artifacts, keys.
async fn story(site: &Site) {
    let handle = &site.handle;
    put_workflow(handle).await;
    put(handle, "default", DocumentSpec::Pool(PoolSpec::default()), "{}").await;
    put(handle, "gone", DocumentSpec::Pool(PoolSpec::default()), "{}").await;
    let delete =
        DeleteDocument { kind: DocumentKind::Pool, name: name("gone"), if_version: None, by: Principal::System };
    handle.execute(Command::DeleteDocument(delete)).await.unwrap();
    create_token(handle.clone(), "ana").await.unwrap();
    let agent = Agent::join(handle, "vm-01").await;
    Agent::join(handle, "vm-02").await;
    agent.poll(None, Duration::ZERO).await.unwrap();
    let Command::SubmitJob(keyed) = submission(Some("mrn-0042")) else { unreachable!() };
    let key = Idempotency { route: "POST /v1/jobs".to_owned(), key: "k".to_owned(), body: Digest::of(b"body") };
    handle.execute(Command::SubmitJob(SubmitJob { idempotency: Some(key), ..keyed.clone() })).await.unwrap();
    let offer = agent.offer().await;
    agent.start(&offer).await;
    let artifact = Artifact {
        name: "end.webp".to_owned(),
        digest: Digest::of(b"pixels"),
        bytes: 6,
        content_type: "image/webp".to_owned(),
    };
    let step = StepRecord { number: 1, content: Json::new(r#"{"action":"click"}"#) };
    let progress =
        Progress { steps: vec![step], artifacts: vec![artifact], steps_done: 1, steps_total: 1, ..Progress::default() };
    handle.store_blob("pixels".into(), None).await.unwrap();
    let end = End::Succeeded { output: Some(Json::new(r#"{"receipt":"R-118"}"#)) };
    agent.report(&offer, 3, ReportBody::Complete { progress, end }).await.unwrap();
    submit(handle).await;
    let running = agent.offer().await;
    agent.start(&running).await;
    let cancelled = submit(handle).await.job.id;
    handle.execute(Command::CancelJob(CancelJob { job: cancelled, by: Principal::System })).await.unwrap();
    let items = vec![keyed.request.clone(), keyed.request.clone()];
    let items = items.into_iter().map(|item| JobRequest { key: None, ..item }).collect();
    let batch = SubmitBatch {
        items,
        max_running: Some(1),
        stop_after_failures: None,
        idempotency: None,
        by: Principal::System,
    };
    handle.execute(Command::SubmitBatch(batch)).await.unwrap();
    handle.execute(Command::PauseFleet(PauseFleet { reason: None, by: Principal::System })).await.unwrap();
}

/// One that is missing is made, for the eye and then for the repository.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn there_is_a_database_of_the_current_schema() {
    let site = Site::start();
    story(&site).await;
    let snapshot = site.handle.reader.snapshot(site.handle.blobs()).unwrap();
    let fixture = folder().join(format!("v{}.redb", snapshot.schema));
    if fixture.exists() {
        return;
    }
    let mut database = redb::Database::open(snapshot.file.path()).unwrap();
    while database.compact().unwrap() {}
    drop(database);
    std::fs::create_dir_all(folder()).unwrap();
    std::fs::copy(snapshot.file.path(), &fixture).unwrap();
    panic!("{} was missing and has been written: keep it, and never change it once it is released", fixture.display());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_of_every_schema_opens_and_goes_on() {
    let mut opened = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        let dir = tempfile::tempdir().unwrap();
        std::fs::copy(&path, database_in(dir.path())).unwrap();
        Blobs::open(&dir.path().join("blobs"), 100).unwrap().put(b"pixels", None).unwrap();
        let checked = check(dir.path(), &Clock::System).unwrap();
        assert!(checked.faults.is_empty(), "{}: {:?}", path.display(), checked.faults);
        assert!(checked.counts["a job"] >= 5, "{}: {:?}", path.display(), checked.counts);
        let rows = Store::open(dir.path(), 1_000).unwrap().load().unwrap();
        assert_eq!((rows.machines.len(), rows.batches.len(), rows.tokens.len()), (2, 1, 1), "{}", path.display());
        let (controller, handle) = start(dir.path(), Settings::default(), Clock::System).unwrap();
        let succeeded = JobFilter { states: [StateName::Succeeded].into(), ..JobFilter::default() };
        let page = PageRequest { after: None, limit: 10, order: Order::OldestFirst };
        let job = handle.jobs(succeeded, page).await.unwrap().items.remove(0);
        assert_eq!(job.output(), Some(&Json::new(r#"{"receipt":"R-118"}"#)));
        assert_eq!(handle.steps(job.id, 1, 0, 10).await.unwrap().items.len(), 1);
        let taken = handle.execute(submission(Some("mrn-0042"))).await;
        assert!(
            matches!(&taken, Err(ExecuteError::Refused(refusal)) if refusal.code() == "duplicate_key"),
            "{taken:?}"
        );
        submit(&handle).await;
        controller.stop();
        opened += 1;
    }
    assert!(opened > 0, "there is no fixture in {}", folder().display());
}

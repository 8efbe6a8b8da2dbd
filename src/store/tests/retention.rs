//! What is past its time goes whole, a bounded number of rows at a time; what is still needed stays, whoever asks.

use super::*;
use crate::{
    fleet::{Failure, IdempotencyKey, IdempotencyRow, Made, UniqueKeyRow},
    ids::TokenId,
};

const ALL: usize = 1_000;

fn ended(number: u64, at: u64, state: JobState) -> Job {
    Job { state, finished_at: Some(Timestamp::from_ms(at)), ..job(number, "a") }
}

pub(super) fn failure() -> Failure {
    Failure {
        category: crate::fleet::Category::Timeout,
        message: "m".to_owned(),
        step: None,
        machine: None,
        attempt: None,
        effect: Effect::Unknown,
        retryable: false,
        fingerprint: "f".to_owned(),
        seen: None,
        artifacts: Vec::new(),
    }
}

fn with_steps(job: &Job, steps: u32, artifacts: &[&str]) -> Vec<Write> {
    let (attempt, at, late) = (AttemptId::from_raw(1), job.created_at, false);
    let step = |number| {
        let step = StepRecord { number, content: Json::new("{}") };
        Write::Step(Box::new(StepRow { job: job.id, attempt, attempt_number: 1, step, at, late }))
    };
    let artifact = |name: &&str| {
        let digest = Digest::of(name.as_bytes());
        let artifact = Artifact { name: (*name).to_owned(), digest, bytes: 10, content_type: "text/plain".to_owned() };
        Write::Artifact(Box::new(ArtifactRow { job: job.id, attempt, attempt_number: 1, artifact, at, late }))
    };
    let row = Write::Job(Box::new(job.clone()));
    std::iter::once(row).chain((1..=steps).map(step)).chain(artifacts.iter().map(artifact)).collect()
}

fn open_with(writes: Vec<Write>) -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    store.commit(&Transaction { writes, ..Transaction::default() }).unwrap();
    (dir, store)
}

#[test]
fn a_job_goes_with_all_that_is_below_it_in_pieces_of_bounded_size() {
    let (old, other) = (ended(1, 5_000, JobState::Cancelled), ended(2, 5_000, JobState::Cancelled));
    let mut writes = with_steps(&old, 7, &["a", "b"]);
    writes.extend(with_steps(&other, 1, &["c"]));
    let (_dir, mut store) = open_with(writes);
    let prune = Prune { jobs: vec![old.id], max_rows: 4, ..Prune::default() };
    let (mut rounds, mut gone) = (0, Pruned::default());
    loop {
        let pruned = store.prune(&prune).unwrap();
        gone.add(&pruned);
        rounds += 1;
        if !pruned.more {
            break;
        }
        assert!(store.reader().job(old.id).unwrap().is_some(), "its row goes last");
    }
    assert_eq!((rounds, gone.jobs, gone.artifacts), (3, 1, 2), "10 rows, 4 at a time");
    let reader = store.reader();
    assert_eq!(reader.job(old.id).unwrap(), None);
    assert!(reader.steps(old.id, 1, 0, 10).unwrap().items.is_empty());
    assert!(reader.artifacts(old.id, None, 10).unwrap().items.is_empty());
    assert_eq!(list(&reader, &JobFilter::default(), 10, Order::OldestFirst), [other.id]);
    let cancelled = JobFilter { states: [StateName::Cancelled].into(), ..JobFilter::default() };
    assert_eq!(list(&reader, &cancelled, 10, Order::OldestFirst), [other.id], "it has left the index too");
    assert_eq!(reader.steps(other.id, 1, 0, 10).unwrap().items.len(), 1);
}

#[test]
fn what_is_open_or_under_review_stays_whoever_asks() {
    let review = ended(1, 5_000, JobState::NeedsReview { failure: Box::new(failure()) });
    let open = job(2, "a");
    let mut writes = with_steps(&review, 1, &["a"]);
    writes.extend(with_steps(&open, 1, &["b"]));
    let (_dir, mut store) = open_with(writes);
    let artifacts = vec![(review.id, 1, "a".to_owned()), (open.id, 1, "b".to_owned())];
    let prune = Prune { jobs: vec![review.id, open.id], artifacts, max_rows: ALL, ..Prune::default() };
    assert_eq!(store.prune(&prune).unwrap(), Pruned::default());
    let far = Timestamp::from_ms(u64::MAX);
    assert!(store.reader().jobs_ended_before(far, None).unwrap().items.is_empty());
}

#[test]
fn jobs_are_found_by_their_end_and_by_their_number() {
    let jobs: Vec<Job> = (1..=5).map(|number| ended(number, 10_000 * number, JobState::Cancelled)).collect();
    let (_dir, store) =
        open_with(jobs.iter().chain([&job(9, "a")]).map(|job| Write::Job(job.clone().into())).collect());
    let reader = store.reader();
    let found = reader.jobs_ended_before(Timestamp::from_ms(30_000), None).unwrap();
    assert_eq!(found.items, [jobs[0].id, jobs[1].id], "not the one that ended at that very time");
    let found = reader.jobs_ended_before(Timestamp::from_ms(30_000), Some(jobs[0].id)).unwrap();
    assert_eq!(found.items, [jobs[1].id]);
    assert_eq!(reader.jobs_beyond(6).unwrap(), []);
    assert_eq!(reader.jobs_beyond(4).unwrap(), [jobs[0].id, jobs[1].id]);
}

#[test]
fn a_batch_goes_after_its_last_job() {
    let batch_id = BatchId::from_raw(7);
    let mut member = ended(1, 5_000, JobState::Cancelled);
    member.spec = std::sync::Arc::new(JobSpec { batch: Some(batch_id), ..(*member.spec).clone() });
    let batch = crate::fleet::Batch {
        id: batch_id,
        team: name("default"),
        by: Principal::System,
        created_at: Timestamp::from_ms(1),
        finished_at: Some(Timestamp::from_ms(5_000)),
        max_running: None,
        stop_after_failures: None,
        stopped: false,
        cancel_requested_at: None,
        counts: crate::fleet::Counts::default(),
        idempotency: None,
    };
    let (_dir, mut store) = open_with(vec![Write::Job(member.clone().into()), Write::Batch(batch.into())]);
    let found = store.reader().batches_ended_before(Timestamp::from_ms(6_000), None).unwrap();
    assert_eq!(found.items, [batch_id]);
    let batches = Prune { batches: vec![batch_id], max_rows: ALL, ..Prune::default() };
    assert_eq!(store.prune(&batches).unwrap().batches, 0);
    let both = Prune { jobs: vec![member.id], ..batches };
    assert_eq!(store.prune(&both).unwrap(), Pruned { jobs: 1, batches: 1, ..Pruned::default() });
    assert_eq!(store.reader().batch(batch_id).unwrap(), None);
}

#[test]
fn keys_go_once_they_are_void() {
    let made = Made::Job(job(1, "a").id);
    let idempotent = |key: &str, expires| {
        let token = Some(TokenId::from_raw(3));
        let key =
            IdempotencyKey { token, route: "POST /v1/jobs".to_owned(), key: key.to_owned(), body: Digest::of(b"") };
        IdempotencyRow { key, made, expires: Timestamp::from_ms(expires) }
    };
    let unique = |key: &str, until| UniqueKeyRow {
        workflow: name("a"),
        key: key.to_owned(),
        job: job(1, "a").id,
        until: Timestamp::from_ms(until),
    };
    let (old, young) = (idempotent("old", 100), idempotent("young", 101));
    let (free, taken) = (unique("free", 100), unique("taken", 101));
    let mut writes: Vec<Write> = [&old, &young].map(|row| Write::Idempotency(row.clone().into())).into();
    writes.extend([&free, &taken].map(|row| Write::UniqueKey(row.clone().into())));
    let (_dir, mut store) = open_with(writes);
    let now = Timestamp::from_ms(100);
    let reader = store.reader();
    let idempotency = reader.void_idempotency(now, None).unwrap();
    assert_eq!((idempotency.items.as_slice(), idempotency.next), ([old.key.clone()].as_slice(), None));
    let keys = reader.free_unique_keys(now, None).unwrap();
    assert_eq!(keys.items, [(free.workflow.clone(), free.key.clone())]);
    // Also those that are asked for too early.
    let prune = Prune {
        now,
        idempotency: vec![old.key, young.key.clone()],
        unique_keys: vec![(free.workflow, free.key), (taken.workflow, taken.key)],
        max_rows: ALL,
        ..Prune::default()
    };
    assert_eq!(store.prune(&prune).unwrap().keys, 2);
    let left = reader.void_idempotency(Timestamp::from_ms(200), None).unwrap();
    assert_eq!(left.items, [young.key]);
    assert_eq!(
        reader.free_unique_keys(Timestamp::from_ms(200), None).unwrap().items,
        [(name("a"), "taken".to_owned())]
    );
}

#[test]
fn events_go_by_age_and_by_number() {
    let jobs: Vec<Job> = (1..=10).map(|number| job(number, "a")).collect();
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    store.commit(&jobs_written(&jobs)).unwrap();
    let oldest = |store: &Store| store.reader().events(0, &EventFilter::default(), 1).unwrap().oldest;
    let limit = |before, keep| Prune {
        events: Some(EventLimit { before: Timestamp::from_ms(before), keep }),
        max_rows: 2,
        ..Prune::default()
    };
    // Events are of the time of their jobs, 1001 and so on.
    assert_eq!(store.prune(&limit(1_004, 100)).unwrap(), Pruned { events: 2, more: true, ..Pruned::default() });
    assert_eq!(store.prune(&limit(1_004, 100)).unwrap(), Pruned { events: 1, ..Pruned::default() });
    assert_eq!(oldest(&store), 4);
    assert_eq!(store.prune(&limit(0, 6)).unwrap().events, 1);
    assert_eq!((oldest(&store), store.newest_event()), (5, 10));
    assert!(!store.reader().has_events_beyond(EventLimit { before: Timestamp::from_ms(0), keep: 6 }, 10).unwrap());
    assert!(store.reader().has_events_beyond(EventLimit { before: Timestamp::from_ms(0), keep: 5 }, 10).unwrap());
}

#[test]
fn artifacts_are_found_by_age_in_the_order_of_their_jobs() {
    let jobs: Vec<Job> = (1..=3).map(|number| ended(number, 5_000, JobState::Cancelled)).collect();
    let (_dir, mut store) = open_with(jobs.iter().flat_map(|job| with_steps(job, 0, &["x", "y"])).collect());
    let found = store.reader().artifacts_before(Timestamp::from_ms(1_003), None).unwrap();
    let keys: Vec<ArtifactKey> = found.items.iter().map(|(key, _)| key.clone()).collect();
    assert_eq!(keys.len(), 4, "those of the first two jobs");
    assert_eq!(keys[1], (jobs[0].id, 1, "y".to_owned()));
    assert_eq!(found.items[0].1, 10);
    let later = store.reader().artifacts_before(Timestamp::from_ms(1_003), Some(&keys[1])).unwrap();
    assert_eq!(later.items.len(), 2);
    assert_eq!(store.prune(&Prune { artifacts: keys, max_rows: ALL, ..Prune::default() }).unwrap().artifacts, 4);
    assert!(store.reader().job(jobs[0].id).unwrap().is_some());
}

#[test]
fn a_blob_is_referred_to_by_artifacts_pictures_documents_and_files_of_jobs() {
    let (file, image, picture) = (Digest::of(b"file"), Digest::of(b"image"), Digest::of(b"picture"));
    let mut with_file = ended(1, 5_000, JobState::Cancelled);
    let files = [("referral.pdf".to_owned(), file)].into();
    with_file.spec = std::sync::Arc::new(JobSpec { files, ..(*with_file.spec).clone() });
    let document = crate::fleet::DocumentVersion {
        name: name("clinic"),
        version: 1,
        digest: Digest::of(b"content"),
        spec: crate::fleet::DocumentSpec::App(crate::fleet::AppSpec { launchable: true }),
        content: Json::new(format!(r#"{{"images":{{"a.png":"{image}"}}}}"#)),
        created_at: Timestamp::from_ms(1),
        by: Principal::System,
    };
    let mut writes = with_steps(&with_file, 0, &["artifact"]);
    writes.push(Write::Version(document.into()));
    let (_dir, mut store) = open_with(writes);
    let frame = Frame { digest: picture, bytes: 1, content_type: "image/webp".to_owned(), at: Timestamp::from_ms(1) };
    store.commit(&Transaction { frames: vec![(MachineId::from_raw(1), frame)], ..Transaction::default() }).unwrap();
    let nobodys = Digest::of(b"nobody's");
    let candidates = BTreeSet::from([file, image, picture, Digest::of(b"artifact"), nobodys]);
    assert_eq!(store.reader().unreferenced(candidates).unwrap(), BTreeSet::from([nobodys]));
}

#[test]
fn a_file_that_is_mostly_empty_is_made_smaller_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    let jobs: Vec<Job> = (1..=3_000).map(|number| ended(number, 5_000, JobState::Cancelled)).collect();
    for some in jobs.chunks(500) {
        store.commit(&jobs_written(some)).unwrap();
    }
    let full = store.reader().file_use().unwrap();
    for some in jobs.chunks(500) {
        let prune = Prune { jobs: some.iter().map(|job| job.id).collect(), max_rows: ALL, ..Prune::default() };
        store.prune(&prune).unwrap();
    }
    let empty = store.reader().file_use().unwrap();
    assert!(empty.used_bytes < full.used_bytes / 2, "{full:?}, then {empty:?}");
    drop(store);
    let store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    assert!(store.reader().file_use().unwrap().file_bytes >= full.file_bytes / 2, "not unless it was asked for");
    let mut store = store;
    store.prune(&Prune { compact: Some(true), max_rows: ALL, ..Prune::default() }).unwrap();
    drop(store);
    let store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    let after = store.reader().file_use().unwrap();
    assert!(after.file_bytes < full.file_bytes / 2, "{full:?}, then {after:?}");
    assert_eq!(store.newest_event(), 3_000, "and all that is kept is there");
}

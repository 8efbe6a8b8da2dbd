//! Rounds of keyed loops and keys of jobs: rows of their own, found one by one, copied with a backup, gone with what they belong to.

use super::*;
use crate::{
    fleet::{LoopItemRow, LoopItemState, LoopKey, Need, UniqueKeyRow},
    store::retention::Prune,
};

fn round(path: &str, key: &str) -> LoopKey {
    LoopKey { path: path.to_owned(), key: key.to_owned() }
}

fn item(job: &Job, path: &str, key: &str, state: LoopItemState) -> LoopItemRow {
    let result = (state == LoopItemState::Done).then(|| Json::new(format!("\"{key}\"")));
    LoopItemRow { job: job.id, round: round(path, key), state, committed: false, result, at: Timestamp::from_ms(9) }
}

fn written(rows: &[LoopItemRow]) -> Vec<Write> {
    rows.iter().map(|row| Write::LoopItem(Box::new(row.clone()))).collect()
}

fn ended(number: u64) -> Job {
    Job { state: JobState::Cancelled, finished_at: Some(Timestamp::from_ms(5_000)), ..job(number, "a") }
}

fn unique(job: &Job, key: &str) -> UniqueKeyRow {
    UniqueKeyRow { workflow: name("a"), key: key.to_owned(), job: job.id, until: Timestamp::from_ms(100) }
}

fn commit(store: &mut Store, writes: Vec<Write>) {
    store.commit(&Transaction { writes, ..Transaction::default() }).unwrap();
}

/// Two ended jobs with rounds, among them keys that begin alike and paths that lie in one another.
fn two_jobs(dir: &Path) -> (Store, [Job; 2], Vec<LoopItemRow>) {
    let jobs = [ended(1), ended(2)];
    let [one, two] = &jobs;
    let rows = vec![
        item(one, "steps/2", "a", LoopItemState::Done),
        item(one, "steps/2", "ab", LoopItemState::Failed),
        item(one, "steps/2/steps/0", "a", LoopItemState::Pending),
        item(two, "steps/2", "a", LoopItemState::Failed),
    ];
    let mut store = Store::open(dir, KEEP_EVENTS).unwrap();
    store.commit(&jobs_written(&jobs)).unwrap();
    commit(&mut store, written(&rows));
    (store, jobs, rows)
}

#[test]
fn rounds_are_those_of_their_job_and_as_they_were_written_last() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, [one, two], rows) = two_jobs(dir.path());
    assert_eq!(store.reader().loop_items(one.id).unwrap(), rows[..3], "by path and key");
    assert_eq!(store.reader().loop_items(two.id).unwrap(), rows[3..]);
    assert_eq!(store.reader().loop_items(job(3, "a").id).unwrap(), []);
    let done = item(&one, "steps/2", "ab", LoopItemState::Done);
    commit(&mut store, written(std::slice::from_ref(&done)));
    drop(store);
    let store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    assert_eq!(store.reader().loop_items(one.id).unwrap(), [rows[0].clone(), done, rows[2].clone()]);
}

#[test]
fn a_command_finds_the_round_it_names_and_no_other() {
    let dir = tempfile::tempdir().unwrap();
    let (store, [one, two], rows) = two_jobs(dir.path());
    let find = |job: &Job, path: &str, key: &str| {
        let found = store.reader().find(&[Need::LoopItem(job.id, round(path, key))]).unwrap();
        found.loop_items.into_values().collect::<Vec<_>>()
    };
    assert_eq!(find(&one, "steps/2", "ab"), rows[1..2]);
    assert_eq!(find(&two, "steps/2", "a"), rows[3..]);
    assert_eq!(find(&two, "steps/2", "ab"), []);
    assert_eq!(find(&one, "steps/2/steps/0", "ab"), []);
}

#[test]
fn rounds_go_with_their_job_in_pieces_of_bounded_size_and_those_of_others_stay() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, [one, two], rows) = two_jobs(dir.path());
    let prune = Prune { jobs: vec![one.id], max_rows: 2, ..Prune::default() };
    let first = store.prune(&prune).unwrap();
    assert!(first.more && store.reader().job(one.id).unwrap().is_some(), "its row goes last");
    assert_eq!(store.reader().loop_items(one.id).unwrap().len(), 1);
    let second = store.prune(&prune).unwrap();
    assert_eq!((second.more, second.jobs), (false, 1));
    assert_eq!(store.reader().loop_items(one.id).unwrap(), []);
    assert_eq!(store.reader().loop_items(two.id).unwrap(), rows[3..]);
}

#[test]
fn rounds_of_a_job_that_is_open_or_under_review_stay_whoever_asks() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    let open = job(1, "a");
    let review = Job { state: JobState::NeedsReview { failure: Box::new(retention::failure()) }, ..job(2, "a") };
    store.commit(&jobs_written(&[open.clone(), review.clone()])).unwrap();
    let rows = [&open, &review].map(|job| item(job, "steps/2", "a", LoopItemState::Done));
    commit(&mut store, written(&rows));
    let prune = Prune { jobs: vec![open.id, review.id], max_rows: 100, ..Prune::default() };
    assert_eq!(store.prune(&prune).unwrap(), Pruned::default());
    for (job, row) in [&open, &review].into_iter().zip(rows) {
        assert_eq!(store.reader().loop_items(job.id).unwrap(), [row]);
    }
}

#[test]
fn a_key_is_found_by_its_workflow_and_with_the_settled_job_that_has_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    let mut keyed = ended(1);
    keyed.spec = std::sync::Arc::new(JobSpec { key: Some("k".to_owned()), ..(*keyed.spec).clone() });
    store.commit(&jobs_written(std::slice::from_ref(&keyed))).unwrap();
    let row = unique(&keyed, "k");
    commit(&mut store, vec![Write::UniqueKey(Box::new(row.clone()))]);
    let find = |need| store.reader().find(&[need]).unwrap();
    let by = |workflow: &str, key: &str| find(Need::UniqueKey { workflow: name(workflow), key: key.to_owned() });
    let expected = BTreeMap::from([((name("a"), "k".to_owned()), row)]);
    assert_eq!(by("a", "k").unique_keys, expected);
    assert!(by("a", "kk").unique_keys.is_empty() && by("b", "k").unique_keys.is_empty());
    let with_job = find(Need::Job(keyed.id));
    assert_eq!((with_job.unique_keys, with_job.jobs.get(&keyed.id)), (expected, Some(&keyed)));
}

#[test]
fn a_backup_has_rounds_and_keys_and_a_look_at_everything_finds_them_sound() {
    let (dir, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let (mut store, [one, _], rows) = two_jobs(dir.path());
    commit(&mut store, vec![Write::UniqueKey(Box::new(unique(&one, "k")))]);
    let blobs = Blobs::open(&dir.path().join("blobs"), 1_000).unwrap();
    let snapshot = store.reader().snapshot(&blobs).unwrap();
    std::fs::copy(snapshot.file.path(), database_in(elsewhere.path())).unwrap();
    let copy = Store::open(elsewhere.path(), KEEP_EVENTS).unwrap();
    assert_eq!(copy.reader().loop_items(one.id).unwrap(), rows[..3]);
    let need = Need::UniqueKey { workflow: name("a"), key: "k".to_owned() };
    assert_eq!(copy.reader().find(&[need]).unwrap().unique_keys.len(), 1);
    let checked = copy.reader().check(&blobs, Depth::Names, Timestamp::from_ms(9)).unwrap();
    assert_eq!(checked.faults, [""; 0]);
    assert_eq!((checked.counts["an item of a loop"], checked.counts["a job's key"]), (4, 1));
}

#[test]
fn a_round_of_no_job_and_rows_under_a_wrong_name_are_faults() {
    let dir = tempfile::tempdir().unwrap();
    let (mut store, [one, _], rows) = two_jobs(dir.path());
    let blobs = Blobs::open(&dir.path().join("blobs"), 1_000).unwrap();
    commit(&mut store, written(&[item(&job(9, "a"), "steps/2", "a", LoopItemState::Done)]));
    let raw = store.shared.begin_write().unwrap();
    {
        let row = record::encode("a job's key", &unique(&one, "k")).unwrap();
        raw.open_table(tables::JOB_KEYS).unwrap().insert(("a", "other"), row.as_slice()).unwrap();
        let row = record::encode("an item of a loop", &rows[0]).unwrap();
        let at = (one.id.raw(), "steps/2", "other");
        raw.open_table(tables::LOOP_ITEMS).unwrap().insert(at, row.as_slice()).unwrap();
    }
    raw.commit().unwrap();
    let checked = store.reader().check(&blobs, Depth::Names, Timestamp::from_ms(9)).unwrap();
    assert_eq!(checked.faults.len(), 3, "{:?}", checked.faults);
}

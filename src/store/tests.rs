//! The store as a whole: what was committed is there after reopening, lists find what they should, the log has no gaps.

mod retention;
mod rounds;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;
use crate::{
    fleet::{
        Artifact, ArtifactRow, Attempt, Effect, Event, Fact, Job, JobSpec, JobState, Place, Principal, RetryPolicy,
        StateName, StepRecord, StepRow, Write,
    },
    ids::{AttemptId, BatchId, Digest, Epoch, JobId, Json, MachineId, MachineName, Name},
    time::{Mono, Timestamp},
};

const KEEP_EVENTS: u64 = 1_000;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn job(number: u64, workflow: &str) -> Job {
    let spec = JobSpec {
        workflow: name(workflow),
        version: 1,
        input: Json::new(r#"{"mrn":"0042"}"#),
        key: None,
        place: Place::Pool(name("clinic")),
        require: BTreeMap::new(),
        priority: 0,
        run_at: None,
        deadline: None,
        files: BTreeMap::new(),
        labels: BTreeMap::new(),
        notify: Vec::new(),
        team: name("default"),
        by: Principal::System,
        batch: None,
        retry_of: None,
        idempotency: None,
        calls: [].into(),
        apps: BTreeMap::new(),
        retry: RetryPolicy::default(),
        timeout_ms: 60_000,
        concurrency: None,
    };
    Job {
        id: JobId::new(1_000 + number, u128::from(number)),
        spec: spec.into(),
        state: JobState::Queued,
        created_at: Timestamp::from_ms(1_000 + number),
        queued_at: None,
        queued_turn: 0,
        started_at: None,
        finished_at: None,
        cancel: None,
        attempts: Vec::new(),
        declines: 0,
        journal: Box::default(),
        reviews: Vec::new(),
        retried_by: None,
    }
}

fn attempt_on(machine: &str) -> Attempt {
    Attempt {
        id: AttemptId::from_raw(1),
        number: 1,
        machine: machine.parse().unwrap(),
        machine_id: MachineId::from_raw(1),
        epoch: Epoch { generation: 0, counter: 1 },
        outcome: None,
        effect: Effect::None,
        offered_at: Timestamp::from_ms(1),
        accepted_at: None,
        started_at: None,
        finished_at: None,
        failure: None,
        decline_reason: None,
        steps_done: 0,
        steps_total: 0,
        artifacts: 0,
        quiet_ms: 0,
    }
}

fn submitted(job: &Job) -> NewEvent {
    let fact = Fact::JobCancelled { job: job.id };
    let event = Event { at: job.created_at, mono: Mono::default(), by: Principal::System, counter: 0, fact };
    NewEvent { event, subject: job.id.to_string() }
}

fn jobs_written(jobs: &[Job]) -> Transaction {
    Transaction {
        writes: jobs.iter().map(|job| Write::Job(Box::new(job.clone()))).collect(),
        events: jobs.iter().map(submitted).collect(),
        frames: Vec::new(),
    }
}

fn all(limit: usize, order: Order) -> PageRequest<JobId> {
    PageRequest { after: None, limit, order }
}

/// Follows `next` to the end.
fn list(reader: &Reader, filter: &JobFilter, limit: usize, order: Order) -> Vec<JobId> {
    let mut page = all(limit, order);
    let mut ids = Vec::new();
    loop {
        let found = reader.jobs(filter, &page).unwrap();
        assert!(found.items.len() <= limit);
        ids.extend(found.items.iter().map(|job| job.id));
        let Some(next) = found.next else { return ids };
        page.after = Some(next);
    }
}

#[test]
fn what_was_committed_is_there_after_reopening_and_what_was_not_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let jobs = [job(1, "a"), Job { state: JobState::Cancelled, ..job(2, "b") }];
    let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    let meta = store.load().unwrap().meta;
    let mut batch = jobs_written(&jobs);
    batch.writes.push(Write::Meta(meta.clone()));
    store.commit(&batch).unwrap();
    {
        // A transaction that the process does not live to commit.
        let unfinished = store.shared.begin_write().unwrap();
        let numbers = commit::Numbers { first_seq: 3, keep_events: KEEP_EVENTS, messages_trimmed: 0 };
        commit::write(&unfinished, &jobs_written(&[job(3, "c")]), numbers).unwrap();
    }
    drop(store);
    let store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    let rows = store.load().unwrap();
    assert_eq!(rows.meta, meta, "the seed was made once");
    assert_eq!(rows.jobs, jobs[..1], "settled jobs stay on disk");
    assert_eq!(store.newest_event(), 2);
    assert_eq!(store.reader().job(jobs[1].id).unwrap().as_ref(), Some(&jobs[1]));
    assert_eq!(store.reader().job(JobId::new(1_003, 3)).unwrap(), None);
}

#[test]
fn a_second_controller_in_the_same_directory_is_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let first = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    let refused = Store::open(dir.path(), KEEP_EVENTS).map(drop).unwrap_err();
    assert!(matches!(refused, StoreError::InUse { .. }), "{refused}");
    drop(first);
    Store::open(dir.path(), KEEP_EVENTS).unwrap();
}

#[test]
fn readers_go_on_while_the_database_is_opened_again() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    store.commit(&jobs_written(&[job(1, "a")])).unwrap();
    let reader = store.reader();
    let under_way = store.shared.begin_read().unwrap();
    store.reopen().unwrap();
    assert_eq!(reader.job(job(1, "a").id).unwrap(), Some(job(1, "a")));
    drop(under_way);
    store.commit(&jobs_written(&[job(2, "a")])).unwrap();
    assert_eq!(store.newest_event(), 2);
}

#[test]
fn the_log_keeps_the_newest_events_and_their_subjects() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), 10).unwrap();
    for number in 0..40 {
        store.commit(&jobs_written(&[job(number % 4, "a")])).unwrap();
    }
    let reader = store.reader();
    let page = reader.events(0, &EventFilter::default(), 100).unwrap();
    assert_eq!(page.events.iter().map(|event| event.seq).collect::<Vec<_>>(), (31..=40).collect::<Vec<_>>());
    assert_eq!((page.oldest, page.upto, page.more), (31, 40, false));
    let about = EventFilter { about: Some(job(3, "a").id.to_string()), ..EventFilter::default() };
    let page = reader.events(0, &about, 1).unwrap();
    assert_eq!((page.events[0].seq, page.more), (32, true));
    assert_eq!(page.events[0].kind, "job.cancelled");
    assert_eq!(page.events[0].data["job"], job(3, "a").id.to_string());
    let subjects = store.shared.begin_read().unwrap().open_table(tables::EVENT_SUBJECTS).unwrap();
    assert_eq!(subjects.range::<(&str, u64)>(..).unwrap().count(), 10, "what is given up leaves the index too");
    for (kinds, fit) in [(["job."], 10), (["job.cancelled"], 10), (["job.canc"], 0), (["machine."], 0)] {
        let filter = EventFilter { kinds: kinds.map(str::to_owned).into(), about: None };
        assert_eq!(reader.events(30, &filter, 100).unwrap().events.len(), fit, "{kinds:?}");
    }
}

#[test]
fn late_evidence_never_takes_the_place_of_what_came_in_time() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
    let job = job(1, "a");
    let step = |number, content: &str, late| {
        let step = StepRecord { number, content: Json::new(content) };
        let (attempt, at) = (AttemptId::from_raw(1), Timestamp::from_ms(9));
        Write::Step(Box::new(StepRow { job: job.id, attempt, attempt_number: 1, step, at, late }))
    };
    let artifact = |name: &str, bytes, late| {
        let artifact =
            Artifact { name: name.to_owned(), digest: Digest::of(b""), bytes, content_type: "image/webp".to_owned() };
        let (attempt, at) = (AttemptId::from_raw(1), Timestamp::from_ms(9));
        Write::Artifact(Box::new(ArtifactRow { job: job.id, attempt, attempt_number: 2, artifact, at, late }))
    };
    let writes = vec![
        step(1, "1", false),
        step(2, "2", false),
        step(2, "9", true),
        step(3, "3", true),
        step(4, r#"{"state":"started"}"#, false),
        step(4, r#"{"state":"failed"}"#, true),
        step(4, r#"{"state":"skipped"}"#, true),
        artifact("a", 1, false),
        artifact("a", 2, true),
        artifact("b", 3, true),
    ];
    store.commit(&Transaction { writes, ..Transaction::default() }).unwrap();
    let reader = store.reader();
    let steps = reader.steps(job.id, 1, 0, 10).unwrap();
    let contents: Vec<_> = steps.items.iter().map(|row| row.step.content.as_str()).collect();
    assert_eq!((contents, steps.next), (vec!["1", "2", "3", r#"{"state":"failed"}"#], None));
    let steps = reader.steps(job.id, 1, 1, 1).unwrap();
    assert_eq!((steps.items[0].step.number, steps.next), (2, Some(2)));
    assert_eq!(reader.artifact(job.id, 2, "a").unwrap().unwrap().artifact.bytes, 1);
    let first = reader.artifacts(job.id, None, 1).unwrap();
    assert_eq!(first.items[0].artifact.name, "a");
    let second = reader.artifacts(job.id, first.next.as_ref(), 1).unwrap();
    assert_eq!((second.items[0].artifact.name.as_str(), second.next), ("b", None));
}

const WORKFLOWS: [&str; 2] = ["alpha", "beta"];
const MACHINES: [&str; 2] = ["vm-01", "host/user"];
const KEYS: [&str; 2] = ["k", "kk"];

/// What happens to a job: it appears, changes state, moves to a machine.
#[derive(Debug, Clone)]
struct Change {
    number: u64,
    state: usize,
    machine: Option<usize>,
}

fn state_of(index: usize) -> JobState {
    match index {
        0 => JobState::Queued,
        1 => JobState::Scheduled { due: Timestamp::from_ms(5) },
        2 => JobState::Succeeded { output: Some(Json::new("{}")) },
        _ => JobState::Cancelled,
    }
}

fn change() -> impl Strategy<Value = Change> {
    (0..12_u64, 0..4_usize, proptest::option::of(0..2_usize)).prop_map(|(number, state, machine)| Change {
        number,
        state,
        machine,
    })
}

fn changed(change: &Change) -> Job {
    let number = usize::try_from(change.number).unwrap();
    let mut job = job(change.number, WORKFLOWS[number % 2]);
    let mut spec = (*job.spec).clone();
    spec.batch = (number % 3 == 0).then(|| BatchId::from_raw(7));
    spec.key = (number % 4 < 2).then(|| KEYS[number % 4].to_owned());
    job.spec = spec.into();
    job.state = state_of(change.state);
    job.attempts = change.machine.map(|machine| attempt_on(MACHINES[machine])).into_iter().collect();
    job
}

prop_compose! {
    fn filter()(
        states in proptest::collection::btree_set(proptest::sample::select(StateName::ALL.to_vec()), 0..4),
        workflow in proptest::option::of(proptest::sample::select(WORKFLOWS.to_vec())),
        machine in proptest::option::of(proptest::sample::select(MACHINES.to_vec())),
        in_batch in proptest::bool::weighted(0.2),
        key in proptest::option::weighted(0.2, proptest::sample::select(KEYS.to_vec())),
        since in proptest::option::of(1_000..1_012_u64),
        until in proptest::option::of(1_000..1_012_u64),
    ) -> JobFilter {
        JobFilter {
            states,
            workflow: workflow.map(name),
            machine: machine.map(|machine| machine.parse::<MachineName>().unwrap()),
            batch: in_batch.then(|| BatchId::from_raw(7)),
            key: key.map(str::to_owned),
            since: since.map(Timestamp::from_ms),
            until: until.map(Timestamp::from_ms),
            ..JobFilter::default()
        }
    }
}

fn fits(filter: &JobFilter, job: &Job) -> bool {
    let machine = job.attempts.last().map(|attempt| &attempt.machine);
    (filter.states.is_empty() || filter.states.contains(&job.name_of_state()))
        && (filter.workflow.is_none() || filter.workflow.as_ref() == Some(&job.spec.workflow))
        && (filter.machine.is_none() || filter.machine.as_ref() == machine)
        && (filter.batch.is_none() || filter.batch == job.spec.batch)
        && (filter.key.is_none() || filter.key == job.spec.key)
        && filter.since.is_none_or(|since| since <= job.created_at)
        && filter.until.is_none_or(|until| job.created_at < until)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn lists_and_start_find_exactly_the_jobs_that_fit(
        batches in proptest::collection::vec(proptest::collection::vec(change(), 1..6), 1..8),
        filters in proptest::collection::vec(filter(), 8),
        limit in 1..4_usize,
    ) {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
        let mut model = BTreeMap::new();
        for batch in &batches {
            let jobs: Vec<_> = batch.iter().map(changed).collect();
            store.commit(&jobs_written(&jobs)).unwrap();
            model.extend(jobs.into_iter().map(|job| (job.id, job)));
        }
        drop(store);
        let store = Store::open(dir.path(), KEEP_EVENTS).unwrap();
        let open: Vec<_> = model.values().filter(|job| !job.is_settled()).cloned().collect();
        prop_assert_eq!(store.load().unwrap().jobs, open);
        let reader = store.reader();
        for filter in filters.into_iter().chain([JobFilter::default()]) {
            let oldest_first: Vec<_> = model.values().filter(|job| fits(&filter, job)).map(|job| job.id).collect();
            let newest_first: Vec<_> = oldest_first.iter().rev().copied().collect();
            prop_assert_eq!(list(&reader, &filter, limit, Order::OldestFirst), oldest_first, "{:?}", filter);
            prop_assert_eq!(list(&reader, &filter, limit, Order::NewestFirst), newest_first, "{:?}", filter);
        }
        let in_batch: BTreeSet<_> = reader.batch_jobs(BatchId::from_raw(7)).unwrap().into_iter().collect();
        let expected = model.values().filter(|job| job.spec.batch.is_some()).map(|job| job.id).collect();
        prop_assert_eq!(in_batch, expected);
    }
}

//! A disk that runs low and full: what ends work is still written, then nothing is, and nothing is lost meanwhile.

use super::*;
use crate::fleet::{Idempotency, RevokeWhy};

const MARKS: SpaceSettings = SpaceSettings { low_bytes: 80_000, floor_bytes: 40_000, ballast_bytes: 0 };
const PLENTY: u64 = 1_000_000;
const LITTLE: u64 = 60_000;
const NOTHING: u64 = 1_000;

/// A site whose machine runs a job, with another one queued behind it.
struct Story {
    site: Site,
    agent: Agent,
    running: Offer,
    queued: JobId,
}

impl Story {
    async fn begin() -> Self {
        let site = Site::start_with(Settings { space: MARKS, ..Settings::default() });
        site.disk.set_free_bytes(PLENTY);
        put_workflow(&site.handle).await;
        let agent = Agent::join(&site.handle, "vm-01").await;
        agent.poll(None, Duration::ZERO).await.unwrap();
        submit(&site.handle).await;
        let running = agent.offer().await;
        agent.start(&running).await;
        let queued = submit(&site.handle).await.job.id;
        Self { site, agent, running, queued }
    }

    async fn state_of(&self, job: JobId) -> StateName {
        self.site.handle.job(job).await.unwrap().unwrap().job.name_of_state()
    }

    async fn held(&self) -> Assignment {
        self.agent.poll(Some(&self.running), Duration::ZERO).await.unwrap().assignment
    }

    /// Time passes while the agent renews its lease.
    async fn pass(&self, seconds: u64) {
        for _ in 0..seconds / 10 {
            self.site.clock.advance(Duration::from_secs(10));
            let renewed = self.agent.report(&self.running, 0, ReportBody::Renew).await.unwrap();
            assert!(matches!(renewed, Answer::Continue { .. }), "{renewed:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_low_disk_work_ends_and_nothing_new_begins() {
    let story = Story::begin().await;
    let (site, agent) = (&story.site, &story.agent);
    let cancelled = submit(&site.handle).await.job.id;
    site.disk.set_free_bytes(LITTLE);
    assert_eq!(site.handle.execute(submission(None)).await, Err(ExecuteError::StorageFull));
    assert_eq!(create_token(site.handle.clone(), "ana").await, Err(ExecuteError::StorageFull));
    assert!(matches!(site.handle.store_blob("pixels".into(), None).await, Err(BlobError::StorageFull)));
    assert_eq!(site.handle.storage().room, Room::Low);
    let cancel = CancelJob { job: cancelled, by: Principal::System };
    site.handle.execute(Command::CancelJob(cancel)).await.unwrap();
    agent.succeed(&story.running).await;
    assert_eq!(story.state_of(story.running.job).await, StateName::Succeeded);
    let polled = agent.poll(None, Duration::ZERO).await.unwrap();
    assert_eq!(polled.assignment, Assignment::Nothing, "the queued job has to wait");
    assert_eq!(story.state_of(story.queued).await, StateName::Queued);
    site.disk.set_free_bytes(PLENTY);
    assert_eq!(agent.offer().await.job, story.queued);
    create_token(site.handle.clone(), "ana").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_low_disk_an_agent_that_is_gone_still_loses_its_lease() {
    let story = Story::begin().await;
    story.site.disk.set_free_bytes(LITTLE);
    story.site.clock.advance(Duration::from_secs(60));
    story.site.handle.look(|_, _| ()).await.unwrap();
    let job = story.site.handle.job(story.running.job).await.unwrap().unwrap().job;
    assert_eq!(job.attempts[0].outcome, Some(Outcome::Lost));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn on_a_full_disk_nothing_is_written_and_leases_stand_still() {
    let story = Story::begin().await;
    let site = &story.site;
    let commits = site.commits();
    site.disk.set_free_bytes(NOTHING);
    assert!(matches!(story.held().await, Assignment::Hold { .. }));
    story.pass(120).await;
    let step = ReportBody::Steps(Progress::default());
    assert_eq!(story.agent.report(&story.running, 3, step).await, Err(ExecuteError::StorageFull));
    let cancel = Command::CancelJob(CancelJob { job: story.queued, by: Principal::System });
    assert_eq!(site.handle.execute(cancel).await, Err(ExecuteError::StorageFull));
    assert_eq!(site.commits(), commits);
    // Silent for longer than its lease: that is told only once it can be written.
    site.clock.advance(Duration::from_secs(3_600));
    assert_eq!(story.state_of(story.running.job).await, StateName::Running);
    assert!(site.handle.look(|fleet, _| fleet.check()).await.unwrap().is_empty());
    story.agent.report(&story.running, 0, ReportBody::Renew).await.unwrap();
    site.disk.set_free_bytes(PLENTY);
    story.agent.succeed(&story.running).await;
    assert_eq!(story.state_of(story.running.job).await, StateName::Succeeded, "what the agent had spooled");
    assert!(site.handle.look(|fleet, _| fleet.check()).await.unwrap().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn once_there_is_room_again_what_stood_still_has_its_time_anew() {
    let story = Story::begin().await;
    let (site, agent) = (&story.site, &story.agent);
    let other = Agent::join(&site.handle, "vm-02").await;
    let offered = other.offer().await;
    site.disk.set_free_bytes(NOTHING);
    // Longer than the attempt may run, a step may take and an offer may lie.
    story.pass(600).await;
    let step = || ReportBody::Steps(Progress { steps_done: 1, steps_total: 2, ..Progress::default() });
    assert_eq!(agent.report(&story.running, 3, step()).await, Err(ExecuteError::StorageFull));
    assert_eq!(other.report(&offered, 1, ReportBody::Accept).await, Err(ExecuteError::StorageFull));
    site.disk.set_free_bytes(PLENTY);
    for _ in 0..3 {
        site.handle.look(|_, _| ()).await.unwrap();
    }
    assert!(matches!(story.held().await, Assignment::Hold { .. }), "nobody could tell of a step");
    let renewed = agent.report(&story.running, 3, step()).await.unwrap();
    assert!(matches!(renewed, Answer::Continue { .. }), "{renewed:?}");
    let job = site.handle.job(story.queued).await.unwrap().unwrap().job;
    assert_eq!((job.declines, job.name_of_state()), (0, StateName::Running), "nobody could accept");
    other.start(&offered).await;
    // What does not get on from here is stopped as ever.
    site.clock.advance(Duration::from_secs(31));
    site.handle.look(|_, _| ()).await.unwrap();
    assert!(matches!(story.held().await, Assignment::Stop { why: RevokeWhy::Timeout, .. }));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_changes_nothing_is_answered_on_any_disk() {
    let story = Story::begin().await;
    let handle = &story.site.handle;
    let Command::SubmitJob(submission) = submission(None) else { unreachable!() };
    let key = Idempotency { route: "POST /v1/jobs".to_owned(), key: "k".to_owned(), body: Digest::of(b"body") };
    let submission = Command::SubmitJob(SubmitJob { idempotency: Some(key), ..submission });
    let Reply::Job(first) = handle.execute(submission.clone()).await.unwrap() else { panic!() };
    story.site.disk.set_free_bytes(NOTHING);
    let Reply::Job(again) = handle.execute(submission).await.unwrap() else { panic!() };
    assert_eq!((again.did, again.job.id), (JobDid::Replayed, first.job.id));
    let unknown = Command::CancelJob(CancelJob { job: JobId::from_raw(1), by: Principal::System });
    assert!(matches!(handle.execute(unknown).await, Err(ExecuteError::Refused(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn facts_that_cannot_be_written_are_refused_so_that_they_are_told_again() {
    let story = Story::begin().await;
    let site = &story.site;
    site.disk.set_free_bytes(LITTLE);
    let mut request = story.agent.request(Some(&story.running), Duration::ZERO, None);
    request.poll.facts = Some(Json::new(r#"{"os":"other"}"#));
    site.clock.advance(Duration::from_secs(20));
    assert_eq!(site.handle.poll(request.clone()).await, Err(ExecuteError::StorageFull));
    site.clock.advance(Duration::from_secs(20));
    assert_eq!(story.state_of(story.running.job).await, StateName::Running, "it was heard, and its lease renewed");
    site.disk.set_free_bytes(PLENTY);
    request.poll.number += 1;
    let polled = site.handle.poll(request).await.unwrap();
    assert_eq!(polled.machine.row.facts, Json::new(r#"{"os":"other"}"#));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancel_on_a_low_disk_reaches_the_machine() {
    let story = Story::begin().await;
    story.site.disk.set_free_bytes(LITTLE);
    let cancel = CancelJob { job: story.running.job, by: Principal::System };
    story.site.handle.execute(Command::CancelJob(cancel)).await.unwrap();
    let told = story.held().await;
    assert!(matches!(told, Assignment::Stop { why: RevokeWhy::Cancel, .. }), "{told:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_finds_no_room_gives_up_the_ballast() {
    let marks = SpaceSettings { ballast_bytes: 1 << 20, ..MARKS };
    let site = Site::start_with(Settings { space: marks, ..Settings::default() });
    site.disk.set_free_bytes(8 << 20);
    create_token(site.handle.clone(), "kept").await.unwrap();
    assert!(site.handle.storage().ballast);
    assert!(site.dir.path().join("ballast").exists());
    site.disk.fail(Some(io::ErrorKind::StorageFull));
    let (refused, ()) = tokio::join!(create_token(site.handle.clone(), "lost"), async {
        while site.handle.stats().storage_full == 0 {
            tokio::task::yield_now().await;
        }
        site.disk.fail(None);
    });
    assert_eq!(refused, Err(ExecuteError::StorageFull));
    assert!(!site.dir.path().join("ballast").exists());
    create_token(site.handle.clone(), "next").await.unwrap();
    site.clock.advance(Duration::from_secs(61));
    create_token(site.handle.clone(), "later").await.unwrap();
    assert!(site.dir.path().join("ballast").exists(), "there is room for it again");
}

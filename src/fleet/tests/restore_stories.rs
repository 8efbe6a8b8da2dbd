//! A backup comes back: nothing that was open goes on by itself, and agents of the lost history are sent away.

use super::world::*;
use crate::{
    fleet::{
        Assignment, CancelJob, Command, Effect, End, JobDid, JobRequest, JobState, Outcome, Refusal, ReleaseJob, Reply,
        Restore, StateName, SubmitBatch,
    },
    ids::{Digest, JobId},
    time::Timestamp,
};

fn restore(world: &mut World, generation: u32) -> Result<Reply, Refusal> {
    let backup_at = Timestamp::from_ms(1_000);
    // The process that restores has no agents.
    world.restart();
    world.execute(Command::Restore(Restore { generation, seed: Digest::of(b"new"), backup_at }))
}

fn release(world: &mut World, job: JobId) -> Result<Reply, Refusal> {
    world.execute(Command::ReleaseJob(ReleaseJob { job, by: person() }))
}

#[test]
fn what_waited_is_blocked_until_it_is_released_and_what_ran_needs_a_review() {
    let (mut world, agents) = World::with_machines(1);
    let running = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    let queued = world.submit(request("enter"));
    restore(&mut world, 1).unwrap();
    assert_eq!(world.state(running), StateName::NeedsReview);
    let attempt = world.job(running).attempts[0].clone();
    assert_eq!((attempt.outcome, attempt.effect), (Some(Outcome::Lost), Effect::Unknown));
    assert_eq!(world.blocked_code(queued), "restored");
    // A machine that is there and free changes nothing about that.
    let mut agent = agents[0].clone();
    assert_eq!(world.start_agent(&mut agent), Assignment::Nothing);
    world.wait(seconds(600));
    assert_eq!(world.blocked_code(queued), "restored");
    assert!(matches!(world.poll_holding(&agent, &offer), Assignment::Lost { .. }), "its lease is of another history");
    let Reply::Job(reply) = release(&mut world, queued).unwrap() else { panic!() };
    assert_eq!(reply.did, JobDid::Released);
    let next = world.start(&agent);
    assert_eq!((next.job, next.epoch.generation), (queued, 1));
    assert!(next.epoch > offer.epoch);
    world.complete(&agent, &next, End::Succeeded { output: None });
    assert_eq!(world.state(queued), StateName::Succeeded);
}

#[test]
fn a_scheduled_job_that_is_released_waits_for_its_time_again() {
    let (mut world, _) = World::with_machines(1);
    let later = world.now.wall.saturating_add(seconds(3_600));
    let scheduled = world.submit(JobRequest { run_at: Some(later), ..request("enter") });
    restore(&mut world, 1).unwrap();
    assert_eq!(world.blocked_code(scheduled), "restored");
    release(&mut world, scheduled).unwrap();
    assert_eq!(world.job(scheduled).state, JobState::Scheduled { due: later });
}

#[test]
fn a_released_job_that_nothing_fits_says_why() {
    let (mut world, _) = World::with_machines(1);
    let picky = world.submit(JobRequest { require: labels(&[("site", "north")]), ..request("enter") });
    restore(&mut world, 1).unwrap();
    release(&mut world, picky).unwrap();
    assert_eq!(world.blocked_code(picky), "no_matching_labels");
}

#[test]
fn only_what_a_restore_has_blocked_is_released() {
    let (mut world, _) = World::with_machines(0);
    let blocked = world.submit(request("enter"));
    assert_eq!(release(&mut world, blocked).unwrap_err().code(), "wrong_state");
    assert_eq!(release(&mut world, JobId::from_raw(7)).unwrap_err().code(), "not_found");
    restore(&mut world, 1).unwrap();
    world.execute(Command::CancelJob(CancelJob { job: blocked, by: person() })).unwrap();
    assert_eq!(world.state(blocked), StateName::Cancelled, "it may be cancelled as well");
}

#[test]
fn a_batch_is_restored_with_its_jobs() {
    let (mut world, agents) = World::with_machines(1);
    let items = vec![request("enter"), request("enter")];
    let (max_running, stop_after_failures, idempotency, by) = (Some(1), None, None, person());
    let batch = SubmitBatch { items, max_running, stop_after_failures, idempotency, by };
    let Reply::Batch(reply) = world.execute(Command::SubmitBatch(batch)).unwrap() else { panic!() };
    world.start(&agents[0]);
    restore(&mut world, 1).unwrap();
    let counts = world.fleet.batch(reply.batch.id).unwrap().counts;
    assert_eq!((counts.get(StateName::NeedsReview), counts.get(StateName::Blocked)), (1, 1));
}

#[test]
fn a_generation_only_rises() {
    let (mut world, _) = World::with_machines(0);
    restore(&mut world, 5).unwrap();
    assert_eq!(restore(&mut world, 5).unwrap_err().code(), "invalid");
    restore(&mut world, 6).unwrap();
    assert_eq!(world.fleet.meta().generation, 6);
}

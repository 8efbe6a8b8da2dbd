//! Batches: all or none, limits of their own, one end.

use super::world::*;
use crate::{
    fleet::{Batch, CancelBatch, Category, Command, End, JobDid, JobRequest, Refusal, Reply, StateName, SubmitBatch},
    ids::BatchId,
};

fn batch(items: Vec<JobRequest>) -> SubmitBatch {
    SubmitBatch { items, max_running: None, stop_after_failures: None, idempotency: None, by: person() }
}

fn submit(world: &mut World, batch: SubmitBatch) -> Result<BatchId, Refusal> {
    let Reply::Batch(reply) = world.execute(Command::SubmitBatch(batch))? else { unreachable!() };
    Ok(reply.batch.id)
}

fn row(world: &World, id: BatchId) -> &Batch {
    &world.disk.batches[&id]
}

#[test]
fn a_batch_is_stored_whole_or_not_at_all() {
    let mut world = World::empty();
    let bad = JobRequest { machine: Some(machine_name("nowhere")), ..request("enter") };
    let items = vec![request("enter"), bad, request("nothing")];
    let Err(Refusal::Invalid { faults }) = submit(&mut world, batch(items)) else { panic!("it has two faults") };
    let pointers: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/items/1/machine", "/items/2/workflow"]);
    assert!(world.disk.jobs.is_empty());
    assert_eq!(submit(&mut world, batch(vec![])).unwrap_err().code(), "invalid");
}

#[test]
fn a_batch_has_no_key_twice() {
    let mut world = World::empty();
    let keyed = || JobRequest { key: Some("a".to_owned()), ..request("enter") };
    let refusal = submit(&mut world, batch(vec![keyed(), keyed()])).unwrap_err();
    assert!(matches!(&refusal, Refusal::Invalid { faults } if faults[0].pointer == "/items/1/key"), "{refusal:?}");
}

#[test]
fn a_batch_runs_no_more_at_once_than_it_may_and_lets_others_past() {
    let (mut world, agents) = World::with_machines(3);
    let limited = SubmitBatch { max_running: Some(2), ..batch(vec![request("enter"); 4]) };
    let id = submit(&mut world, limited).unwrap();
    assert_eq!((row(&world, id).counts.running(), row(&world, id).counts.get(StateName::Queued)), (2, 2));
    let other = world.submit(request("enter"));
    assert_eq!(world.state(other), StateName::Running, "a job that comes later takes the third machine");
    for agent in agents.iter().cycle().take(9) {
        if world.fleet.machine(agent.machine).unwrap().lease.is_some() {
            let offer = world.start(agent);
            world.complete(agent, &offer, End::Succeeded { output: None });
        }
    }
    let done = row(&world, id);
    assert_eq!(done.counts.get(StateName::Succeeded), 4);
    assert!(done.finished_at.is_some() && world.fleet.rows().batches.is_empty());
}

#[test]
fn enough_failures_cancel_what_has_not_started() {
    let (mut world, agents) = World::with_machines(2);
    let id =
        submit(&mut world, SubmitBatch { stop_after_failures: Some(2), ..batch(vec![request("enter"); 6]) }).unwrap();
    for agent in &agents {
        let offer = world.start(agent);
        world.complete(agent, &offer, failed(Category::Business));
    }
    let stopped = row(&world, id);
    assert!(stopped.stopped);
    assert_eq!(stopped.counts.get(StateName::Failed), 2);
    assert_eq!(stopped.counts.get(StateName::Cancelled), 3, "one more was offered already");
    assert_eq!(stopped.counts.open(), 1);
}

#[test]
fn cancelling_a_batch_cancels_all_of_it() {
    let (mut world, agents) = World::with_machines(2);
    let id = submit(&mut world, batch(vec![request("enter"); 5])).unwrap();
    let offer = world.start(&agents[0]);
    let cancel = Command::CancelBatch(CancelBatch { batch: id, by: person() });
    let Ok(Reply::Batch(reply)) = world.execute(cancel.clone()) else { panic!("the batch is there") };
    assert_eq!(reply.did, JobDid::CancelRequested);
    assert_eq!(reply.batch.counts.get(StateName::Cancelled), 4);
    world.complete(&agents[0], &offer, End::Cancelled);
    assert!(row(&world, id).finished_at.is_some());
    let Ok(Reply::Batch(reply)) = world.execute(cancel) else { panic!("the batch is on disk") };
    assert_eq!(reply.did, JobDid::Cancelled);
}

#[test]
fn ten_thousand_jobs_are_one_batch_and_one_more_is_too_many() {
    let mut world = World::empty();
    assert!(submit(&mut world, batch(vec![request("enter"); 10_001])).is_err());
    let id = submit(&mut world, batch(vec![request("enter"); 10_000])).unwrap();
    assert_eq!(row(&world, id).counts.get(StateName::Blocked), 10_000);
    let agent = world.join("vm-1", "default", &[]);
    assert_eq!(row(&world, id).counts.get(StateName::Queued), 9_999);
    assert!(world.machine(&agent).lease.is_some());
}

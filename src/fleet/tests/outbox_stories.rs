//! Who is told of what, in which order, and what becomes of what does not arrive.

use std::collections::{BTreeMap, BTreeSet};

use super::world::*;
use crate::{
    fleet::{
        Attempted, ChannelSpec, Command, DeleteDocument, DeliveryReport, DeliveryState, DocumentDid, DocumentKind,
        DocumentSpec, Due, End, EventPattern, JobRequest, ModeName, Notify, PauseDocument, PutChannel, PutDocument,
        Refusal, ReplayMessages, Reply, ResumeDocument, SecretText, SubscriberId, TargetChange, attempt::Category,
        reply::ChannelReply,
    },
    ids::{Digest, Json, Name},
};

pub(super) fn patterns(events: &[&str]) -> Vec<EventPattern> {
    events.iter().map(|text| EventPattern::parse(text).unwrap()).collect()
}

pub(super) fn wants(events: &[&str]) -> ChannelSpec {
    let (workflows, pools, teams) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    ChannelSpec { events: patterns(events), workflows, pools, teams }
}

pub(super) fn put_command(channel: &str, spec: ChannelSpec, secrets: Option<&[&str]>) -> Command {
    let document = PutDocument {
        name: name(channel),
        content: Json::new("{}"),
        digest: Digest::of(format!("{spec:?}").as_bytes()),
        spec: DocumentSpec::Channel(spec),
        if_version: None,
        by: person(),
    };
    let target = TargetChange {
        url: "https://example.org/hook".to_owned(),
        headers: BTreeMap::new(),
        secrets: secrets.map(|secrets| secrets.iter().map(|text| SecretText::new(*text)).collect()),
        spare: SecretText::new("spare"),
    };
    Command::PutChannel(PutChannel { document, target })
}

fn put(world: &mut World, channel: &str, spec: ChannelSpec) -> ChannelReply {
    match world.execute(put_command(channel, spec, None)).unwrap() {
        Reply::Channel(reply) => *reply,
        other => panic!("{other:?}"),
    }
}

fn channel(of: &str) -> SubscriberId {
    SubscriberId::Channel(name(of))
}

/// What waits for a subscriber, as on disk.
fn told(world: &World, subscriber: &SubscriberId) -> Vec<&'static str> {
    let mine = |(id, _): &&(SubscriberId, u64)| id == subscriber;
    world.disk.pending.iter().filter(mine).map(|key| world.disk.messages[key].told_as).collect()
}

fn due(world: &World) -> Vec<Due> {
    world.fleet.due_messages(world.now, &BTreeSet::new(), (10, 100)).0
}

fn deliver(world: &mut World, subscriber: &SubscriberId, seqs: &[u64]) {
    let delivered = seqs.iter().map(|seq| (*seq, 204)).collect();
    let report = DeliveryReport { subscriber: subscriber.clone(), delivered, failed: None };
    world.execute(Command::ReportDeliveries(vec![report])).unwrap();
}

fn fail(world: &mut World, due: &Due, status: Option<u16>) {
    let seq = due.seqs[0];
    let message = &world.disk.messages[&(due.subscriber.clone(), seq)];
    let failed = Attempted {
        seq,
        told_as: message.told_as.to_owned(),
        told_at: world
            .events
            .iter()
            .filter(|event| event.is_durable())
            .nth(usize::try_from(seq).unwrap() - 1)
            .unwrap()
            .at,
        status,
        error: "it did not answer".to_owned(),
        retry_after: None,
    };
    let report = DeliveryReport { subscriber: due.subscriber.clone(), delivered: vec![], failed: Some(failed) };
    world.execute(Command::ReportDeliveries(vec![report])).unwrap();
}

/// Fails whenever it is tried, for so long.
fn be_dead(world: &mut World, subscriber: &SubscriberId, hours: u64) {
    let end = world.now.wall.saturating_add(seconds(hours * 3_600));
    while world.now.wall < end {
        match due(world).into_iter().find(|due| due.subscriber == *subscriber) {
            Some(due) => fail(world, &due, None),
            None => world.wait(seconds(60)),
        }
    }
}

fn replay(world: &mut World, of: &str, from: u64) -> Result<u64, Refusal> {
    let command = ReplayMessages { subscriber: channel(of), from, to: None, by: person() };
    match world.execute(Command::ReplayMessages(command))? {
        Reply::Replayed { messages } => Ok(messages),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_message_is_written_with_the_change_it_tells_of() {
    let (mut world, agents) = World::with_machines(1);
    put(&mut world, "ops", wants(&["job.failed", "machine.quarantined"]));
    let job = world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    assert!(told(&world, &channel("ops")).is_empty());
    // One command, one commit: the failed attempts, the failed job, the message.
    world.complete(&agents[0], &offer, failed(Category::Business));
    assert_eq!(world.state(job).as_str(), "failed");
    assert_eq!(told(&world, &channel("ops")), ["job.failed"]);
    world.set_mode(&agents[0], ModeName::Draining, false).unwrap();
    world.set_mode(&agents[0], ModeName::Quarantined, false).unwrap();
    assert_eq!(told(&world, &channel("ops")), ["job.failed", "machine.quarantined"]);
    world.restart();
    let due = due(&world);
    assert_eq!((due.len(), due[0].seqs.len()), (1, 2), "what was not acknowledged is due again after a restart");
}

#[test]
fn filters_let_through_what_is_about_one_of_them() {
    let (mut world, agents) = World::with_machines(1);
    world.store(DocumentSpec::Workflow(workflow_spec()), "count");
    put(&mut world, "counts", ChannelSpec { workflows: [name("count")].into(), ..wants(&["*"]) });
    put(&mut world, "night", ChannelSpec { pools: [name("night")].into(), ..wants(&["*"]) });
    put(&mut world, "desk", ChannelSpec { teams: [name("front-desk")].into(), ..wants(&["job.submitted"]) });
    put(&mut world, "here", ChannelSpec { pools: [name("default")].into(), ..wants(&["machine.*", "job.offered"]) });
    world.submit(request("enter"));
    world.submit(request("count"));
    world.set_mode(&agents[0], ModeName::Quarantined, false).unwrap();
    assert_eq!(told(&world, &channel("counts")), ["job.submitted"]);
    assert!(told(&world, &channel("night")).is_empty());
    assert_eq!(told(&world, &channel("desk")), ["job.submitted", "job.submitted"]);
    assert_eq!(told(&world, &channel("here")), ["job.offered", "machine.quarantined"]);
}

#[test]
fn a_job_tells_its_own_addresses_also_of_its_end_and_never_shows_their_secrets() {
    let (mut world, agents) = World::with_machines(1);
    let notify = Notify {
        url: "https://example.org/job".to_owned(),
        secret: SecretText::new("whsec_hidden"),
        events: patterns(&["job.started", "job.succeeded"]),
    };
    let job = world.submit(JobRequest { notify: vec![notify], ..request("enter") });
    world.submit(request("enter"));
    let offer = world.start(&agents[0]);
    world.complete(&agents[0], &offer, End::Succeeded { output: None });
    let own = SubscriberId::Job(job, 0);
    assert_eq!(told(&world, &own), ["job.started", "job.succeeded"]);
    let logged = serde_json::to_string(&world.events).unwrap();
    assert!(logged.contains("https://example.org/job") && !logged.contains("whsec_hidden"), "{logged}");
    world.restart();
    let due = due(&world);
    assert_eq!((due.len(), &due[0].subscriber), (1, &own));
    assert_eq!(due[0].target, None, "the job has left memory: its row has the address");
    deliver(&mut world, &own, &due[0].seqs.clone());
    assert!(world.disk.pending.is_empty());
}

#[test]
fn what_is_acknowledged_goes_and_what_failed_holds_back_its_own_subscriber_alone() {
    let mut world = World::empty();
    put(&mut world, "dead", wants(&["job.submitted"]));
    put(&mut world, "live", wants(&["job.submitted"]));
    for _ in 0..3 {
        world.submit(request("enter"));
    }
    let dues = due(&world);
    assert_eq!(dues.iter().map(|due| due.seqs.len()).collect::<Vec<_>>(), [3, 3]);
    let dead = dues.iter().find(|due| due.subscriber == channel("dead")).unwrap();
    fail(&mut world, dead, Some(500));
    assert_eq!(due(&world).len(), 1, "it rests, the other one does not");
    let live = due(&world).remove(0);
    deliver(&mut world, &live.subscriber, &live.seqs[..2]);
    assert_eq!(due(&world)[0].seqs, live.seqs[2..]);
    world.wait(seconds(7));
    let again = due(&world);
    let dead_again = again.iter().find(|due| due.subscriber == channel("dead")).unwrap();
    assert_eq!((&dead_again.seqs, dead_again.attempts), (&dead.seqs, 1), "in the same order, with its count");
    // Of what it is told twice nothing comes: a report that was overtaken changes nothing.
    deliver(&mut world, &live.subscriber, &live.seqs[..2]);
    assert_eq!(due(&world).len(), 2);
}

#[test]
fn the_wait_doubles_up_to_its_limit() {
    let mut world = World::empty();
    put(&mut world, "ops", wants(&["job.submitted"]));
    world.submit(request("enter"));
    let mut waits = Vec::new();
    for _ in 0..14 {
        let now = due(&world).remove(0);
        fail(&mut world, &now, None);
        let row = &world.disk.deliveries[&(now.subscriber.clone(), now.seqs[0])];
        let wait = row.next_try.unwrap().since(world.now.wall);
        waits.push(wait.as_secs());
        world.wait(wait);
    }
    assert!(waits.windows(2).take(8).all(|pair| pair[0] < pair[1]), "{waits:?}");
    assert!((5..=6).contains(&waits[0]) && waits.iter().all(|wait| *wait <= 4_500), "{waits:?}");
}

#[test]
fn after_days_a_message_is_given_up_told_and_the_next_one_goes_on() {
    let mut world = World::empty();
    put(&mut world, "dead", wants(&["job.submitted"]));
    put(&mut world, "ops", wants(&["channel.parked"]));
    world.submit(request("enter"));
    let first = due(&world)[0].seqs[0];
    be_dead(&mut world, &channel("dead"), 48);
    world.submit(request("enter"));
    be_dead(&mut world, &channel("dead"), 26);
    let row = &world.disk.deliveries[&(channel("dead"), first)];
    assert_eq!(row.state, DeliveryState::Parked);
    assert!(row.attempts > 50, "{}", row.attempts);
    assert_eq!(told(&world, &channel("ops")), ["channel.parked"]);
    let second = due_now_or_later(&mut world, &channel("dead"));
    assert!(second.seqs[0] > first);
    deliver(&mut world, &channel("dead"), &second.seqs);
    assert_eq!(replay(&mut world, "dead", first), Ok(2), "what was given up can still be sent again");
    let again = due_now_or_later(&mut world, &channel("dead"));
    assert_eq!(again.seqs, [first, second.seqs[0]]);
    // It is days old and gets its days all the same.
    fail(&mut world, &again, None);
    assert_eq!(told(&world, &channel("dead")).len(), 2);
}

fn due_now_or_later(world: &mut World, subscriber: &SubscriberId) -> Due {
    for _ in 0..120 {
        if let Some(due) = due(world).into_iter().find(|due| due.subscriber == *subscriber) {
            return due;
        }
        world.wait(seconds(60));
    }
    panic!("nothing becomes due for {subscriber}");
}

#[test]
fn a_receiver_that_says_gone_is_not_asked_again_with_that_message() {
    let mut world = World::empty();
    put(&mut world, "ops", wants(&["job.submitted"]));
    world.submit(request("enter"));
    let now = due(&world).remove(0);
    fail(&mut world, &now, Some(410));
    let row = &world.disk.deliveries[&(channel("ops"), now.seqs[0])];
    assert_eq!((row.state, row.attempts, row.status), (DeliveryState::Parked, 1, Some(410)));
}

#[test]
fn a_full_mailbox_gives_up_its_oldest_and_tells_it_once() {
    let mut world = World::empty();
    let settings = crate::fleet::Settings { max_pending_messages: 100, ..crate::fleet::Settings::default() };
    world.fleet = crate::fleet::Fleet::load(settings, world.disk.rows(), world.now);
    put(&mut world, "dead", wants(&["job.submitted"]));
    put(&mut world, "dead-too", wants(&["job.submitted", "channel.parked"]));
    put(&mut world, "ops", wants(&["channel.parked"]));
    for _ in 0..101 {
        world.submit(request("enter"));
        world.wait(seconds(0));
    }
    assert_eq!(told(&world, &channel("dead")).len(), 90, "the excess and a tenth");
    assert_eq!(told(&world, &channel("ops")).len(), 2);
    assert!(world.fleet.next_timeout(world.now).is_none_or(|timeout| !timeout.is_zero()), "and then there is rest");
    let parked = world.disk.deliveries.values().filter(|row| row.state == DeliveryState::Parked).count();
    assert_eq!(parked, 22);
    assert!(matches!(replay(&mut world, "dead", 1), Err(Refusal::QuotaExceeded(_))));
}

#[test]
fn a_paused_channel_gathers_and_a_deleted_one_is_told_nothing_more() {
    let mut world = World::empty();
    put(&mut world, "ops", wants(&["job.submitted"]));
    let (kind, reason, by) = (DocumentKind::Channel, None, person());
    world.execute(Command::PauseDocument(PauseDocument { kind, name: name("ops"), reason, by: by.clone() })).unwrap();
    world.submit(request("enter"));
    assert!(due(&world).is_empty());
    world.execute(Command::ResumeDocument(ResumeDocument { kind, name: name("ops"), by: by.clone() })).unwrap();
    assert_eq!(due(&world).len(), 1);
    let delete = DeleteDocument { kind, name: name("ops"), if_version: None, by };
    world.execute(Command::DeleteDocument(delete)).unwrap();
    assert!(due(&world).is_empty() && world.disk.pending.is_empty() && world.disk.targets.is_empty());
    world.submit(request("enter"));
    assert!(world.disk.pending.is_empty());
    assert!(matches!(replay(&mut world, "ops", 1), Err(Refusal::NotFound { .. })));
}

#[test]
fn secrets_left_out_stay_and_other_ones_are_a_change() {
    let mut world = World::empty();
    let first = put(&mut world, "ops", wants(&["*"]));
    assert_eq!((first.did, first.made_secret, first.head.version), (DocumentDid::Stored, true, 1));
    let again = put(&mut world, "ops", wants(&["*"]));
    assert_eq!((again.did, again.made_secret, again.head.version), (DocumentDid::Same, false, 1));
    let rotated = world.execute(put_command("ops", wants(&["*"]), Some(&["new", "spare"]))).unwrap();
    let Reply::Channel(rotated) = rotated else { panic!("{rotated:?}") };
    assert_eq!((rotated.did, rotated.head.version), (DocumentDid::Stored, 2));
    put(&mut world, "ops", wants(&["job.*"]));
    world.restart();
    let secrets = &world.fleet.channel_target(&ops()).unwrap().secrets;
    assert_eq!(secrets.iter().map(SecretText::expose).collect::<Vec<_>>(), ["new", "spare"]);
    let logged = serde_json::to_string(&world.events).unwrap();
    assert!(!logged.contains("spare"), "{logged}");
    let Command::PutChannel(mut masked) = put_command("ops", wants(&["*"]), None) else { unreachable!() };
    masked.target.headers.insert("x-key".to_owned(), None);
    assert!(matches!(world.execute(Command::PutChannel(masked)), Err(Refusal::Invalid { .. })));
}

fn ops() -> Name {
    name("ops")
}

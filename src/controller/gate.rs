//! Which commands may begin a transaction while the disk has little room.
//!
//! What needs none is answered as ever: refusals, repeated requests, heartbeats, renewals. So is a poll, without what it would
//! have changed: it says all of that anew the next time.

use super::{error::ExecuteError, space::Room};
use crate::fleet::{Command, Event, Fact, Fleet, Found, Reply, Report, ReportBody, apply, decide};
use crate::time::Now;

/// Decides a command and applies what may be kept of it.
pub(super) fn handle(
    fleet: &mut Fleet,
    now: Now,
    command: Command,
    found: &Found,
    room: Room,
) -> (Vec<Event>, Result<Reply, ExecuteError>) {
    if may_begin(&command, room) {
        let decision = fleet.handle(now, command, found);
        return (decision.events, decision.answer.map_err(ExecuteError::Refused));
    }
    let goes_on = goes_on(&command);
    let decision = decide(fleet, now, command, found);
    let (durable, passing): (Vec<Event>, Vec<Event>) = decision.events.into_iter().partition(Event::changes_rows);
    let answer = match decision.answer {
        answer if durable.is_empty() => answer.map_err(ExecuteError::Refused),
        // Facts of a machine are told once: the agent has to hear that they were not taken.
        answer if goes_on && durable.iter().all(is_told_again) => answer.map_err(ExecuteError::Refused),
        _ => Err(ExecuteError::StorageFull),
    };
    for event in &passing {
        apply(fleet, event);
    }
    (passing, answer)
}

/// Below the low-space mark only what ends work: reports of agents and of deliveries, cancels, expiries.
fn may_begin(command: &Command, room: Room) -> bool {
    match room {
        Room::Enough => true,
        Room::Low => {
            matches!(
                command,
                Command::Report(_)
                    | Command::ReportDeliveries(_)
                    | Command::CancelJob(_)
                    | Command::CancelBatch(_)
                    | Command::Tick
            )
        }
        Room::Full => false,
    }
}

fn goes_on(command: &Command) -> bool {
    matches!(command, Command::Poll(_) | Command::Report(Report { body: ReportBody::Renew, .. }))
}

fn is_told_again(event: &Event) -> bool {
    !matches!(event.fact, Fact::MachineFactsChanged { .. })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        fleet::{DeliveryReport, Meta, PendingRow, Rows, Settings, SubscriberId},
        ids::{Digest, JobId},
    };

    #[test]
    fn what_arrived_is_written_while_the_disk_is_low_and_not_while_it_is_full() {
        let subscriber = SubscriberId::Job(JobId::from_raw(1), 0);
        let pending = vec![PendingRow { subscriber: subscriber.clone(), seq: 7, attempts: 0, replayed_at: None }];
        let mut fleet = Fleet::load(Settings::default(), with_pending(pending), Now::default());
        let report = DeliveryReport { subscriber, delivered: vec![(7, 200)], failed: None };
        let mut acknowledge = |room| {
            let command = Command::ReportDeliveries(vec![report.clone()]);
            let (_, answer) = handle(&mut fleet, Now::default(), command, &Found::default(), room);
            (answer, fleet.outbox_counts().pending, fleet.take_writes().len())
        };
        assert_eq!(acknowledge(Room::Full), (Err(ExecuteError::StorageFull), 1, 0));
        assert_eq!(acknowledge(Room::Low), (Ok(Reply::Done), 0, 1));
    }

    fn with_pending(pending: Vec<PendingRow>) -> Rows {
        Rows {
            meta: Meta::new(Digest::of(b"seed")),
            jobs: vec![],
            batches: vec![],
            machines: vec![],
            heads: vec![],
            tokens: vec![],
            join_tokens: vec![],
            targets: vec![],
            pending,
            newest_event: 7,
        }
    }
}

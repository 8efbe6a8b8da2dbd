//! An agent's poll: heartbeat and question for work in one, held back until there is something to say.
//!
//! Arriving, it is a command. Woken later, it is answered from the live state, which is committed: nothing changes by telling a
//! machine what it has been given.

use std::{sync::PoisonError, time::Duration};

use super::{
    error::ExecuteError,
    frames::FrameRequest,
    handle::Handle,
    pool_apps::{PoolApps, pool_apps},
    sleep::sleep,
    stats::Gauge,
    waiters::Key,
};
use crate::{
    fleet::{Assignment, Command, Fleet, MachineView, Poll, Reply},
    ids::{AttemptId, Digest, Epoch, MachineId},
    time::Now,
};

/// Polls of one machine that may be held back at once. An agent has one; more are what broken connections left behind.
const MAX_POLLS: usize = 16;

/// How long a poll is held back that is to be told again what the machine was told already.
const STOP_REPEATED: Duration = Duration::from_secs(1);

/// A poll as it arrives.
#[derive(Debug, Clone, PartialEq)]
pub struct PollRequest {
    pub poll: Poll,
    /// The longest it may be held back; shortened to half of what makes a machine offline.
    pub wait: Duration,
    /// Digest of the apps of its pool the agent knows.
    pub apps_known: Option<Digest>,
}

/// What a poll is answered.
#[derive(Debug, Clone, PartialEq)]
pub struct Polled {
    pub machine: MachineView,
    /// Of the store.
    pub generation: u32,
    pub assignment: Assignment,
    pub wanted: Option<FrameRequest>,
    /// Where they are not those the agent knows.
    pub apps: Option<PoolApps>,
}

/// The state a poll is answered from.
struct Seen {
    machine: MachineView,
    generation: u32,
    assignment: Assignment,
    apps: PoolApps,
    /// The lease the poll named was given back meanwhile by the agent itself: it should ask again without it.
    outdated: bool,
}

type Held = Option<(AttemptId, Epoch)>;

impl Handle {
    /// Held back until there is an offer, a lease to stop or lost, a picture wanted, other apps, or the wait is over.
    pub async fn poll(&self, request: PollRequest) -> Result<Polled, ExecuteError> {
        let PollRequest { poll, wait, apps_known } = request;
        let held = poll.held;
        // Registered before the command, so that nothing between its answer and parking is missed.
        let known = self.machine_by_certificate(&poll.certificate);
        let waiter = match known {
            Some(machine) => {
                let waiter = self.shared.waiters.register_up_to(MAX_POLLS, Key::Machine(machine.id));
                Some(waiter.ok_or(ExecuteError::Overloaded)?)
            }
            None => None,
        };
        let mut closing = self.watch_closing();
        let mut reloads = self.shared.reloads.subscribe();
        let mut seen = self.execute_and(Command::Poll(poll), |reply, fleet, _| see_reply(reply, fleet)).await??;
        let machine = seen.machine.row.id;
        let mut told = self.was_told_to_stop(&seen);
        let Some(waiter) = waiter else { return Ok(self.answer(seen, apps_known)) };
        let over = sleep(&self.clock, wait.min(if told { STOP_REPEATED } else { self.max_park }));
        tokio::pin!(over);
        let _counted = Gauge::raise(&self.shared.counters.parked_polls);
        while (told || !self.is_worth_telling(&seen, apps_known)) && !*closing.borrow() {
            tokio::select! {
                biased;
                () = waiter.woken() => {}
                () = &mut over => break,
                // What this poll told the engine is forgotten: it has to be told anew.
                _ = reloads.changed() => break,
                _ = closing.wait_for(|closing| *closing) => break,
            }
            let removed = || ExecuteError::Refused(removed());
            seen = self.look_inside(move |fleet, now| see(fleet, now, machine, held)).await?.ok_or_else(removed)?;
            told &= matches!(seen.assignment, Assignment::Stop { .. });
        }
        Ok(self.answer(seen, apps_known))
    }

    /// Whether the machine has been told to give up this very lease before: it needs time to, not to hear it again at once.
    fn was_told_to_stop(&self, seen: &Seen) -> bool {
        let Assignment::Stop { epoch, .. } = seen.assignment else { return false };
        let told = self.shared.told_to_stop.lock().unwrap_or_else(PoisonError::into_inner);
        told.get(&seen.machine.row.id) == Some(&epoch)
    }

    fn is_worth_telling(&self, seen: &Seen, apps_known: Option<Digest>) -> bool {
        !matches!(seen.assignment, Assignment::Nothing | Assignment::Hold { .. })
            || seen.outdated
            || apps_known != Some(seen.apps.digest)
            || self.shared.frames.is_wanted(seen.machine.row.id, self.clock.now())
    }

    fn answer(&self, seen: Seen, apps_known: Option<Digest>) -> Polled {
        if let Assignment::Stop { epoch, .. } = seen.assignment {
            let mut told = self.shared.told_to_stop.lock().unwrap_or_else(PoisonError::into_inner);
            told.insert(seen.machine.row.id, epoch);
        }
        Polled {
            wanted: self.shared.frames.tell(seen.machine.row.id, self.clock.now()),
            machine: seen.machine,
            generation: seen.generation,
            assignment: seen.assignment,
            apps: Some(seen.apps).filter(|apps| apps_known != Some(apps.digest)),
        }
    }
}

fn removed() -> crate::fleet::Refusal {
    crate::fleet::Refusal::Unauthorized("this machine was removed: let it join again".to_owned())
}

/// As decided when the poll arrived.
fn see_reply(reply: Result<Reply, ExecuteError>, fleet: &Fleet) -> Result<Seen, ExecuteError> {
    let Reply::Poll(reply) = reply? else { unreachable!("a poll is answered as a poll") };
    let machine = fleet.machine_view(reply.machine).ok_or_else(removed)?;
    let (generation, apps) = (fleet.meta().generation, pool_apps(fleet, &machine.row.pool));
    Ok(Seen { machine, generation, assignment: reply.assignment, apps, outdated: false })
}

/// As it is now. None where the machine was removed meanwhile.
fn see(fleet: &Fleet, _now: Now, id: MachineId, held: Held) -> Option<Seen> {
    let machine = fleet.machine_view(id)?;
    let assignment = fleet.assignment(id);
    let leased = match &assignment {
        Assignment::Offer(offer) => Some(offer.epoch),
        Assignment::Hold { epoch, .. } | Assignment::Stop { epoch, .. } => Some(*epoch),
        Assignment::Nothing | Assignment::Lost { .. } => None,
    };
    let over = held.map(|(_, epoch)| epoch).filter(|epoch| leased != Some(*epoch));
    let given_back = machine.row.ended_lease.as_ref().map(|ended| ended.epoch);
    let (assignment, outdated) = match over {
        Some(epoch) if given_back == Some(epoch) => (assignment, true),
        Some(epoch) => (Assignment::Lost { epoch }, false),
        None => (assignment, false),
    };
    let (generation, apps) = (fleet.meta().generation, pool_apps(fleet, &machine.row.pool));
    Some(Seen { machine, generation, assignment, apps, outdated })
}

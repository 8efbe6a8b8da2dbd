//! Whether a poll comes from the one agent that holds the machine's certificate, or from a copy of it.
//!
//! An agent starts anew once in a while, and each start counts its polls upwards. A cloned or rolled-back machine does neither: its
//! start is one the fleet has seen replaced, or its numbers are behind. Such a poll changes nothing. One may be late (it was under way while
//! the agent was started anew, or overtook another); more than that is two machines with one certificate, and neither is to
//! work before a person has looked.

use super::machine;
use crate::fleet::{
    command::Poll,
    draft::Draft,
    event::Fact,
    machine::{Machine, Mode, ModeName},
    presence::Presence,
    refusal::Refusal,
    token::Principal,
};

/// The reason of the quarantine, as people and programs look for it.
pub(super) const DUPLICATE: &str = "duplicate_identity";

/// Refuses what an older start, or one that counts backwards, asks for.
pub(super) fn check(draft: &mut Draft<'_>, machine: &Machine, poll: &Poll) -> Result<(), Refusal> {
    let fleet = draft.fleet;
    let unseen = Presence::default();
    let presence = fleet.links.get(&machine.id).map_or(&unseen, |link| &link.presence);
    let returned = presence.past.contains(&poll.incarnation);
    let behind = machine.incarnation == Some(poll.incarnation) && poll.number <= presence.number;
    if !returned && !behind {
        return believe(draft, machine, poll, presence);
    }
    let is_copy = if returned {
        let late = draft.now.mono.since(presence.since) < fleet.settings.late_poll;
        presence.returns > 0 || !late
    } else {
        let gap = presence.number - poll.number;
        presence.recent_stale() + 1 >= fleet.settings.max_stale_polls || gap >= fleet.settings.max_poll_gap
    };
    draft.push(Fact::MachineStalePoll { machine: machine.id, incarnation: poll.incarnation, number: poll.number });
    if is_copy && machine.mode.name != ModeName::Quarantined {
        let reason = Some(DUPLICATE.to_owned());
        let mode = Mode { name: ModeName::Quarantined, reason, by: Principal::System, since: draft.now.wall };
        draft.push(Fact::MachineModeChanged { machine: machine.id, mode });
        machine::withdraw_offer(draft, machine);
        // Of two starts one holds the lease, and its reports are told apart. Of one start twice both hold it: whatever they do is
        // done twice, so both have to stop.
        if behind {
            machine::stop(draft, machine);
        }
    }
    Err(Refusal::DuplicateIdentity { returned })
}

/// A start nobody has heard of takes over from the present one. Its first poll may come late, when a later start is at work already:
/// one that began earlier, by its own clock, is believed when it polls again, which a process that is no more does not.
fn believe(draft: &mut Draft<'_>, machine: &Machine, poll: &Poll, presence: &Presence) -> Result<(), Refusal> {
    let is_earlier = machine.incarnation.is_some_and(|present| poll.incarnation < present);
    if !is_earlier || presence.has_doubted(poll.incarnation, poll.number) {
        return Ok(());
    }
    draft.push(Fact::MachineStalePoll { machine: machine.id, incarnation: poll.incarnation, number: poll.number });
    Err(Refusal::Conflict("a later start of this machine's agent is at work: poll again if it is not".to_owned()))
}

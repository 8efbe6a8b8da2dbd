//! What each event changes. Decides nothing: an event that was decided is a fact.

mod document;
mod effect;
mod job;
mod lease;
mod machine;

use super::{
    event::{Event, Fact},
    state::Fleet,
};

/// Applies one event.
pub fn apply(fleet: &mut Fleet, event: &Event) {
    count(fleet, event);
    match &event.fact {
        Fact::BatchSubmitted { .. }
        | Fact::BatchStopped { .. }
        | Fact::BatchCancelRequested { .. }
        | Fact::BatchFinished { .. }
        | Fact::JobSubmitted { .. }
        | Fact::JobQueued { .. }
        | Fact::JobBlocked { .. }
        | Fact::JobRestored { .. }
        | Fact::JobReleased { .. }
        | Fact::JobRequeued { .. }
        | Fact::JobCancelRequested { .. }
        | Fact::JobSucceeded { .. }
        | Fact::JobFailed { .. }
        | Fact::JobNeedsReview { .. }
        | Fact::JobNoted { .. }
        | Fact::JobCancelled { .. } => job::apply(fleet, event),
        Fact::JobOffered { .. }
        | Fact::JobAccepted { .. }
        | Fact::JobStarted { .. }
        | Fact::CooledDown { .. }
        | Fact::AttemptProgressed { .. }
        | Fact::AttemptRevoked { .. }
        | Fact::AttemptFinished { .. }
        | Fact::AttemptDeclined { .. }
        | Fact::AttemptMarked { .. }
        | Fact::AttemptLateReport { .. } => lease::apply(fleet, event),
        Fact::AttemptIntentRecorded { .. }
        | Fact::AttemptEffectSettled { .. }
        | Fact::JobProgressed { .. }
        | Fact::JobReviewed { .. } => effect::apply(fleet, event),
        Fact::MachineJoined { .. }
        | Fact::MachineOnline { .. }
        | Fact::MachineOffline { .. }
        | Fact::MachineHeard { .. }
        | Fact::MachineStalePoll { .. }
        | Fact::MachineFactsChanged { .. }
        | Fact::MachineReadinessChanged { .. }
        | Fact::MachineModeChanged { .. }
        | Fact::MachinePatched { .. }
        | Fact::MachineCertificateRenewed { .. }
        | Fact::MachineCertificateSettled { .. }
        | Fact::MachineRemoved { .. } => machine::apply(fleet, event),
        Fact::WorkflowStored { .. }
        | Fact::AppStored { .. }
        | Fact::PoolStored { .. }
        | Fact::ChannelStored { .. }
        | Fact::DocumentDeleted { .. }
        | Fact::DocumentPaused { .. }
        | Fact::DocumentResumed { .. }
        | Fact::FleetPaused { .. }
        | Fact::FleetResumed {}
        | Fact::FleetRestored { .. }
        | Fact::TokenCreated { .. }
        | Fact::TokenRevoked { .. }
        | Fact::JoinTokenCreated { .. }
        | Fact::JoinTokenRevoked { .. } => document::apply(fleet, event),
        Fact::ChannelReplayed { .. }
        | Fact::ChannelParked { .. }
        | Fact::NotificationReplayed { .. }
        | Fact::NotificationParked { .. }
        | Fact::MessagesSettled { .. }
        | Fact::MessageFailed { .. } => fleet.apply_message(event),
        Fact::FitChecked {} => fleet.fit = super::state::Unchecked::default(),
    }
    if event.is_durable() {
        fleet.post(event);
    }
}

/// The ids that were given, and the time that has come.
fn count(fleet: &mut Fleet, event: &Event) {
    fleet.meta.counter = fleet.meta.counter.max(event.counter);
    fleet.meta.wall = fleet.meta.wall.max(event.at);
    fleet.mono = fleet.mono.max(event.mono);
    fleet.dirty.meta |= event.is_durable();
}

//! What each event is about and whom it wakes.

use super::{
    document::DocumentKind,
    event::{Event, Fact, Subjects, Wake, Wakes},
};
use crate::ids::Name;

fn of_document(kind: DocumentKind, name: &Name) -> Subjects {
    Subjects { document: Some((kind, name.clone())), ..Subjects::default() }
}

fn of_channel(name: &Name) -> Subjects {
    of_document(DocumentKind::Channel, name)
}

impl Event {
    pub fn subjects(&self) -> Subjects {
        let none = Subjects::default();
        match &self.fact {
            Fact::BatchSubmitted { batch } => Subjects { batch: Some(batch.id), ..none },
            Fact::BatchStopped { batch, .. } | Fact::BatchCancelRequested { batch } | Fact::BatchFinished { batch } => {
                Subjects { batch: Some(*batch), ..none }
            }
            Fact::JobSubmitted { job } => Subjects { job: Some(job.0.id), batch: job.0.spec.batch, ..none },
            Fact::JobQueued { job, .. }
            | Fact::JobBlocked { job, .. }
            | Fact::JobRestored { job, .. }
            | Fact::JobReleased { job, .. }
            | Fact::JobRequeued { job, .. }
            | Fact::JobCancelRequested { job, .. }
            | Fact::JobSucceeded { job, .. }
            | Fact::JobFailed { job, .. }
            | Fact::JobNeedsReview { job, .. }
            | Fact::JobReviewed { job, .. }
            | Fact::NotificationReplayed { job, .. }
            | Fact::NotificationParked { job, .. }
            | Fact::JobCancelled { job } => Subjects { job: Some(*job), ..none },
            Fact::CooledDown { job, machine } => Subjects { job: Some(*job), machine: Some(*machine), ..none },
            Fact::JobOffered { job, machine, attempt, .. }
            | Fact::JobAccepted { job, machine, attempt, .. }
            | Fact::JobStarted { job, machine, attempt, .. }
            | Fact::AttemptProgressed { job, machine, attempt, .. }
            | Fact::AttemptIntentRecorded { job, machine, attempt, .. }
            | Fact::AttemptEffectSettled { job, machine, attempt, .. }
            | Fact::JobProgressed { job, machine, attempt, .. }
            | Fact::AttemptRevoked { job, machine, attempt, .. }
            | Fact::AttemptFinished { job, machine, attempt, .. }
            | Fact::AttemptDeclined { job, machine, attempt, .. }
            | Fact::AttemptLateReport { job, machine, attempt, .. } => {
                Subjects { job: Some(*job), machine: Some(*machine), attempt: Some(*attempt), ..none }
            }
            Fact::MachineJoined { machine, join_token, .. } => {
                Subjects { machine: Some(machine.id), join_token: Some(*join_token), ..none }
            }
            Fact::MachineOnline { machine, .. }
            | Fact::MachineOffline { machine }
            | Fact::MachineHeard { machine, .. }
            | Fact::MachineStalePoll { machine, .. }
            | Fact::MachineFactsChanged { machine, .. }
            | Fact::MachineReadinessChanged { machine, .. }
            | Fact::MachineModeChanged { machine, .. }
            | Fact::MachinePatched { machine, .. }
            | Fact::MachineCertificateRenewed { machine, .. }
            | Fact::MachineCertificateSettled { machine, .. }
            | Fact::MachineRemoved { machine, .. } => Subjects { machine: Some(*machine), ..none },
            Fact::ChannelReplayed { channel, .. } | Fact::ChannelParked { channel, .. } => of_channel(channel),
            Fact::WorkflowStored { document }
            | Fact::AppStored { document }
            | Fact::PoolStored { document }
            | Fact::ChannelStored { document, .. } => of_document(document.head.kind(), &document.head.name),
            Fact::DocumentDeleted { document, name }
            | Fact::DocumentPaused { document, name, .. }
            | Fact::DocumentResumed { document, name } => of_document(*document, name),
            Fact::TokenCreated { token } => Subjects { token: Some(token.id), ..none },
            Fact::TokenRevoked { token } => Subjects { token: Some(*token), ..none },
            Fact::JoinTokenCreated { token } => Subjects { join_token: Some(token.id), ..none },
            Fact::JoinTokenRevoked { token } => Subjects { join_token: Some(*token), ..none },
            Fact::FleetPaused { .. }
            | Fact::FleetResumed {}
            | Fact::FleetRestored { .. }
            | Fact::FitChecked {}
            | Fact::JobNoted { .. }
            | Fact::AttemptMarked { .. }
            | Fact::MessagesSettled { .. }
            | Fact::MessageFailed { .. } => none,
        }
    }

    /// Adds whom this event concerns at once.
    pub fn wakes(&self, wakes: &mut Wakes) {
        let subjects = self.subjects();
        match &self.fact {
            Fact::MachineHeard { .. }
            | Fact::MachineStalePoll { .. }
            | Fact::CooledDown { .. }
            | Fact::AttemptLateReport { .. }
            | Fact::AttemptIntentRecorded { .. }
            | Fact::JobProgressed { .. }
            | Fact::AttemptProgressed { .. } => {}
            Fact::TokenRevoked { token } => {
                wakes.insert(Wake::Token(*token));
            }
            _ => {
                wakes.extend(subjects.job.map(Wake::Job));
                wakes.extend(subjects.batch.map(Wake::Batch));
                wakes.extend(subjects.machine.map(Wake::Machine));
            }
        }
    }
}

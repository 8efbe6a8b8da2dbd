//! Words that are the same on both sides, matched one by one so that a new one can't be forgotten.

use crate::{fleet, wire};

/// `From` one type to the other, variant by variant.
macro_rules! same {
    ($($from:ty => $to:ty { $($variant:ident),+ $(,)? })+) => {$(
        impl From<$from> for $to {
            fn from(value: $from) -> Self {
                match value {
                    $(<$from>::$variant => Self::$variant,)+
                }
            }
        }
    )+};
}

same! {
    fleet::StateName => wire::job::JobState {
        Scheduled, Queued, Blocked, Running, Waiting, NeedsReview, Succeeded, Failed, Cancelled,
    }
    wire::job::JobState => fleet::StateName {
        Scheduled, Queued, Blocked, Running, Waiting, NeedsReview, Succeeded, Failed, Cancelled,
    }
    fleet::Outcome => wire::job::Outcome { Succeeded, Failed, Lost, Declined, Cancelled }
    fleet::Effect => wire::job::Effect { None, Committed, Unknown }
    fleet::Category => wire::job::Category {
        Business, AppNotReady, AppCrashed, Desktop, TargetNotFound, Assertion, Timeout, Credential, MachineLost, Agent,
        InvalidWorkflow, Deadline, Cancelled,
    }
    wire::job::Category => fleet::Category {
        Business, AppNotReady, AppCrashed, Desktop, TargetNotFound, Assertion, Timeout, Credential, MachineLost, Agent,
        InvalidWorkflow, Deadline, Cancelled,
    }
    crate::workflow::Category => fleet::Category {
        Business, AppNotReady, AppCrashed, Desktop, TargetNotFound, Assertion, Timeout, Credential, MachineLost, Agent,
        InvalidWorkflow, Deadline, Cancelled,
    }
    fleet::Status => wire::machine::Status { Idle, Busy, Offline }
    fleet::ModeName => wire::machine::Mode { Active, Draining, Maintenance, Quarantined }
    fleet::ReadinessState => wire::machine::ReadinessState { Ready, Checking, Recovering, NotReady, Unknown }
    wire::machine::ReadinessState => fleet::ReadinessState { Ready, Checking, Recovering, NotReady, Unknown }
    fleet::Role => wire::token::Role { Admin, Operator, Submitter, Viewer }
    wire::token::Role => fleet::Role { Admin, Operator, Submitter, Viewer }
}

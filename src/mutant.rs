//! Rules broken on purpose, one at a time, so that it is known which test would notice: see `tests/sim/mutants.rs`.
//!
//! Only with the feature `mutants`, which no release has: without it `is_on` is false while compiling, and nothing of this is left.
//!
//! What it must not know: anything of ours. The rules ask it; it asks nobody.

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident,)+) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Mutant {
            $($(#[$doc])* $name,)+
        }

        impl Mutant {
            pub const ALL: &[Self] = &[$(Self::$name,)+];
        }
    };
}

mutants! {
    /// A report is applied to whatever attempt of its job runs now.
    DropFence,
    /// Commands are answered before the commit.
    AnswerBeforeCommit,
    /// A restart forgets the newest epochs.
    ReuseEpochs,
    /// Leases never lapse.
    SkipTheSweep,
    /// A lease that is revoked is renewed for ever.
    RenewWhatIsRevoked,
    /// After a restart leases last no longer than they had left, which nobody knows: not at all.
    GrantNoTtlAfterRestart,
    /// A result that is repeated is refused instead of answered as before.
    ForgetTheFirstAnswer,
    ForgetIdempotencyKeys,
    ForgetUniqueKeys,
    /// The agent begins when it sends its acceptance.
    TouchBeforeAcknowledged,
    /// An offer that is turned down uses up an attempt.
    CountDeclines,
    /// Attempts use up nothing.
    ForgetAttempts,
    /// The cancel of what runs is acknowledged and forgotten.
    ForgetCancels,
    IgnoreDeadlines,
    IgnoreLimitsOfBatches,
    /// Commits are not synced.
    SkipTheSync,
    /// What could not be written for want of room counts as written.
    GoOnAfterFull,
    /// Jobs end without a word in the log.
    ForgetTheLog,
    /// The fleet's wall clock goes wherever the system's goes.
    LetTheClockRunBack,
    /// The agent goes on when its lease has lapsed.
    IgnoreTheLapse,
    /// A cancel that is pending turns a success into a cancel.
    CancelWhatSucceeded,
    /// An attempt that has, or may have, done what must not happen twice is followed by another from the beginning.
    ReplayAfterCommit,
    /// The intent of an attempt that was told to stop is taken.
    IntendAfterTheStop,
    /// The agent acts when it sends its intent.
    ActBeforeRecorded,
    /// A restart forgets whom to tell of what.
    ForgetTheOutbox,
    /// The agent works for a store older than one it has worked for.
    AcceptLowerGenerations,
}

#[cfg(feature = "mutants")]
std::thread_local! {
    static ON: std::cell::Cell<Option<Mutant>> = const { std::cell::Cell::new(None) };
}

/// Whether this thread plays with that rule broken.
#[cfg(feature = "mutants")]
#[inline]
pub fn is_on(mutant: Mutant) -> bool {
    ON.get() == Some(mutant)
}

#[cfg(not(feature = "mutants"))]
#[inline]
pub const fn is_on(_: Mutant) -> bool {
    false
}

/// Breaks one rule, or none, on this thread from now on.
#[cfg(feature = "mutants")]
pub fn switch_to(mutant: Option<Mutant>) {
    ON.set(mutant);
}

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

            /// Those that break what the simulation replaces by a script: the runner's own tests notice them.
            pub const OF_THE_RUNNER: &[Self] = &[Self::VerifyAgainstALeftover, Self::RepeatRounds];
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
    /// Machines that were taken out are given jobs.
    IgnoreModes,
    /// Commits are not synced.
    SkipTheSync,
    /// What could not be written for want of room counts as written.
    GoOnAfterFull,
    /// Jobs end without a word in the log.
    ForgetTheLog,
    /// The fleet's wall clock goes wherever the system's goes.
    LetTheClockRunBack,
    /// The agent counts the TTL from the answer, however long that took.
    CountTtlFromAnswer,
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
    /// What nobody knows the effect of fails as if nobody need look.
    SkipReviews,
    /// What a person has decided is decided again by the same request.
    ReviewWhatFailed,
    /// Whoever finds out what became of a commit is told that it was long ago.
    SettleTooEarly,
    /// Rounds of keyed loops are not written down.
    ForgetRounds,
    /// A restart forgets whom to tell of what.
    ForgetTheOutbox,
    /// A message that did not arrive counts as one that did.
    LoseWhatFailed,
    /// The agent works for a store older than one it has worked for.
    AcceptLowerGenerations,
    /// What holds before a step acts is taken as proof that it has worked.
    VerifyAgainstALeftover,
    /// A loop begins with its first round again, whatever an earlier attempt has done of it.
    RepeatRounds,
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

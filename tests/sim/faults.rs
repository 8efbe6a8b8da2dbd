//! What goes wrong, and for how long.

use crate::rng::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The controller's machine loses power now, or within its next commit, or right after it.
    Crash(Moment, Off),
    /// The disk fails once, within the next commit.
    DiskError {
        after_operations: u64,
    },
    DiskFull,
    /// Somebody sets the controller's wall clock.
    ClockSet {
        by_ms: i64,
    },
    /// An agent's process stands still.
    Stopped {
        agent: usize,
        for_ms: u64,
    },
    /// An agent's process, or its whole machine, goes and comes back.
    Killed {
        agent: usize,
        back_in_ms: u64,
    },
    CutOff {
        agent: usize,
        for_ms: u64,
    },
    /// Of an agent at work: answers come late, and then none.
    LineFails {
        for_ms: u64,
    },
    /// An operator takes a machine out, at once or not, or back in.
    Mode {
        agent: usize,
        mode: &'static str,
        now: bool,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Now,
    /// After so many operations of the disk.
    InCommit {
        after_operations: u64,
    },
    /// What was decided is durable, and nobody has been told.
    BeforeAnswers,
}

/// How the controller goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Off {
    /// The power; else the process alone.
    pub(crate) power: bool,
    pub(crate) for_ms: u64,
}

impl Fault {
    pub(crate) fn any(rng: &mut Rng, agents: usize) -> Self {
        let agent = rng.index(agents);
        match rng.below(100) {
            0..22 => {
                let moment = match rng.below(3) {
                    0 => Moment::Now,
                    1 => Moment::InCommit { after_operations: rng.below(30) },
                    _ => Moment::BeforeAnswers,
                };
                let for_ms = if rng.per_mille(300) { rng.between(10_000, 40_000) } else { rng.between(50, 4_000) };
                Self::Crash(moment, Off { power: rng.per_mille(700), for_ms })
            }
            22..27 => Self::DiskError { after_operations: rng.below(30) },
            27..33 => Self::DiskFull,
            33..40 => {
                let by_ms = i64::try_from(rng.between(0, 7_200_000)).unwrap() - 3_600_000;
                Self::ClockSet { by_ms: if rng.per_mille(500) { by_ms / 600 } else { by_ms } }
            }
            40..58 => Self::Stopped { agent, for_ms: rng.between(500, 40_000) },
            58..74 => {
                Self::Killed { agent, back_in_ms: if rng.per_mille(300) { 60_000 } else { rng.between(100, 20_000) } }
            }
            74..82 => Self::CutOff { agent, for_ms: rng.between(1_000, 40_000) },
            82..92 => Self::LineFails { for_ms: rng.between(3_000, 8_000) },
            _ => {
                let mode = rng.pick(&["drain", "maintenance", "quarantine", "activate", "activate"]).unwrap();
                let now = rng.per_mille(400) && matches!(*mode, "maintenance" | "quarantine");
                Self::Mode { agent, mode, now }
            }
        }
    }
}

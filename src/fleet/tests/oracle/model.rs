//! What the oracle knows, and what each command means to it.

use std::collections::{BTreeMap, BTreeSet};

pub(super) const MACHINES: usize = 3;
pub(super) const TTL_MS: u64 = 32_000;
pub(super) const OFFER_MS: u64 = 5_000;
pub(super) const SILENT_MS: u64 = 45_000;
pub(super) const COOL_DOWN_MS: u64 = 60_000;
pub(super) const STOP_GRACE_MS: u64 = 60_000;
pub(super) const ATTEMPT_MS: u64 = 70_000;
pub(super) const MAX_DECLINES: u32 = 5;
pub(super) const AGEING: u64 = 10;
/// Of the workflow that is tried again, always at once.
pub(super) const ATTEMPTS: usize = 3;

/// What may be asked, with machines by number and jobs by the order in which they came.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Submit(Wish),
    Cancel(usize),
    Review { job: usize, decision: Decision },
    Poll { machine: usize, anew: bool, says_held: bool, active: bool },
    Report { machine: usize, says: Says, number: Number, which: Which },
    Mode { machine: usize, mode: Mode, now: bool },
    Pause(bool),
    Wait(u64),
    Restart,
}

#[derive(Debug, Clone)]
pub(super) struct Wish {
    pub(super) machine: Option<usize>,
    /// Of the second team.
    pub(super) other_team: bool,
    pub(super) priority: i64,
    pub(super) tried_again: bool,
    pub(super) run_in: Option<u64>,
    /// After its start.
    pub(super) deadline_in: Option<u64>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Says {
    Accept,
    Ready,
    Decline,
    Renew,
    Steps,
    Succeeded,
    /// Of a kind the workflow tries again.
    Failed,
    /// Of a kind it never tries again.
    Business,
    Cancelled,
    /// About to commit; and whether a later attempt can find out what became of it.
    Intends(bool),
    Settled(bool),
}

impl Says {
    /// Whether the other one, under the same number, is this one again.
    pub(super) fn repeats(self, other: Self) -> bool {
        let failed = |says| matches!(says, Self::Failed | Self::Business);
        let intends = |says| matches!(says, Self::Intends(_));
        self == other || (failed(self) && failed(other)) || (intends(self) && intends(other))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Decision {
    Retry,
    Succeed,
    Fail,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Number {
    Next,
    Same,
    Skipped,
}

/// The machine's lease now, or the one before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Which {
    Current,
    Previous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Active,
    Draining,
    Maintenance,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    Cancel,
    Deadline,
    Timeout,
    Mode,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    Done,
    GoOn,
    Stop(Why),
    Over,
    /// As before, and which.
    Again(Said),
    LeaseLost,
    WrongNumber {
        expected: u64,
    },
    WrongOrder,
    WrongState,
    Nothing,
    Offer(u64),
    Hold(u64),
    Lost(u64),
}

/// What a report was answered, for when it comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Said {
    GoOn,
    Stop(Why),
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Scheduled { due: u64 },
    Queued,
    Paused,
    Declined,
    Running { phase: Phase, machine: usize, epoch: u64 },
    Succeeded,
    Failed(Cause),
    Cancelled,
    NeedsReview(Cause),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Offered,
    Accepted,
    Executing,
    Committing,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cause {
    Technical,
    Business,
    MachineLost,
    Agent,
    Timeout,
    Deadline,
    Cancelled,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Succeeded,
    Failed,
    Lost,
    Declined,
    Cancelled,
}

#[derive(Debug, Clone)]
pub(super) struct Job {
    pub(super) wish: Wish,
    pub(super) state: State,
    pub(super) deadline: Option<u64>,
    pub(super) queued_at: Option<u64>,
    /// Leases given when it first stood in the queue.
    pub(super) turn: u64,
    pub(super) declines: u32,
    pub(super) cancel: Option<Why>,
    /// Machine and outcome of each attempt that is over.
    pub(super) attempts: Vec<(usize, Outcome)>,
    /// Machines that may not be asked again yet, and until when.
    pub(super) cooling: BTreeMap<usize, u64>,
    /// Of the attempt that executes: when its time is over.
    pub(super) time_over: Option<u64>,
    pub(super) commit: Commit,
}

/// What is known of the one commit a job has.
#[derive(Debug, Clone, Default)]
pub(super) struct Commit {
    /// The epoch of the attempt that was about to do it, and whether another one can find out. Open until it is settled.
    pub(super) open: Option<(u64, bool)>,
    pub(super) done: bool,
    pub(super) settle_only: bool,
    pub(super) settle_tries: u32,
    /// Attempts before the last review do not count any more.
    pub(super) counted_from: usize,
    /// Why the attempts that failed did, in their order.
    pub(super) causes: Vec<Cause>,
}

#[derive(Debug, Clone)]
pub(super) struct Lease {
    pub(super) epoch: u64,
    pub(super) job: usize,
    pub(super) since: u64,
    /// On the monotonic clock.
    pub(super) ends: u64,
    /// Who accepted it.
    pub(super) incarnation: Option<u64>,
    pub(super) revoked: Option<(Why, u64)>,
    pub(super) number: u64,
    /// What that report was told, and what it had said.
    pub(super) said: Option<(Said, Says)>,
}

#[derive(Debug, Clone)]
pub(super) struct Machine {
    pub(super) online: bool,
    pub(super) silent_at: u64,
    pub(super) heard_at: u64,
    pub(super) active: bool,
    pub(super) mode: Mode,
    pub(super) incarnation: u64,
    pub(super) lease: Option<Lease>,
    /// Epoch, incarnation and number of the report that ended the last lease.
    pub(super) ended: Option<(u64, u64, u64)>,
    /// What that report said.
    pub(super) last_words: Option<Says>,
    /// Epochs of all its leases, oldest first, each with its job.
    pub(super) epochs: Vec<(u64, usize)>,
}

#[derive(Debug, Clone)]
pub(super) struct Model {
    pub(super) wall: u64,
    pub(super) mono: u64,
    pub(super) paused: bool,
    pub(super) epoch: u64,
    pub(super) jobs: Vec<Job>,
    pub(super) machines: Vec<Machine>,
    /// Leases had by the two teams beyond the one that had least, as far as they count.
    pub(super) passes: [u64; 2],
    pub(super) current_pass: u64,
    pub(super) next_incarnation: u64,
    /// Something changed that decides what fits.
    pub(super) structure: bool,
    /// Machines that may take now what was turned down.
    pub(super) fresh: BTreeSet<usize>,
    /// To the last act.
    pub(super) answer: Answer,
}

impl Model {
    /// As `World::with_machines` leaves it.
    pub(super) fn new(wall: u64, mono: u64) -> Self {
        let machine = |number| Machine {
            online: true,
            silent_at: mono + SILENT_MS,
            heard_at: wall,
            active: true,
            mode: Mode::Active,
            incarnation: number,
            lease: None,
            ended: None,
            last_words: None,
            epochs: Vec::new(),
        };
        Self {
            wall,
            mono,
            paused: false,
            epoch: 0,
            jobs: Vec::new(),
            machines: (1..=MACHINES as u64).map(machine).collect(),
            passes: [0, 0],
            current_pass: 0,
            next_incarnation: MACHINES as u64,
            structure: false,
            fresh: BTreeSet::new(),
            answer: Answer::Done,
        }
    }

    pub(super) fn act(&mut self, act: &Act) {
        self.answer = match act {
            Act::Submit(wish) => self.submit(wish),
            Act::Cancel(job) => self.cancel(*job),
            Act::Review { job, decision } => self.review(*job, *decision),
            Act::Poll { machine, anew, says_held, active } => self.poll(*machine, (*anew, *says_held, *active)),
            Act::Report { machine, says, number, which } => self.report(*machine, *says, *number, *which),
            Act::Mode { machine, mode, now } => self.set_mode(*machine, *mode, *now),
            Act::Pause(paused) => {
                self.structure |= self.paused != *paused;
                self.paused = *paused;
                Answer::Done
            }
            Act::Wait(wait) => {
                self.wait(*wait);
                Answer::Done
            }
            Act::Restart => {
                self.restart();
                return;
            }
        };
        self.place();
        if let Act::Poll { machine, .. } = act
            && !matches!(self.answer, Answer::Lost(_))
        {
            self.answer = self.assignment(*machine);
        }
    }

    fn submit(&mut self, wish: &Wish) -> Answer {
        let start = self.wall + wish.run_in.unwrap_or(0);
        let waits = wish.run_in.is_some_and(|wait| wait > 0);
        let state = match (waits, self.paused) {
            (true, _) => State::Scheduled { due: start },
            (false, true) => State::Paused,
            (false, false) => State::Queued,
        };
        self.jobs.push(Job {
            wish: wish.clone(),
            state,
            deadline: wish.deadline_in.map(|wait| start + wait),
            queued_at: (!waits).then_some(self.wall),
            turn: if waits { 0 } else { self.epoch },
            declines: 0,
            cancel: None,
            attempts: Vec::new(),
            cooling: BTreeMap::new(),
            time_over: None,
            commit: Commit::default(),
        });
        Answer::Done
    }

    fn cancel(&mut self, job: usize) -> Answer {
        match self.jobs[job].state {
            State::Succeeded | State::Failed(_) | State::NeedsReview(_) => Answer::WrongState,
            State::Cancelled => Answer::Done,
            _ => {
                self.ask_for_end(job, Why::Cancel);
                Answer::Done
            }
        }
    }

    fn poll(&mut self, machine: usize, (anew, says_held, active): (bool, bool, bool)) -> Answer {
        let believes = self.machines[machine].epochs.last().copied().filter(|_| says_held);
        let before = self.machines[machine].incarnation;
        let incarnation = if anew { self.start_agent() } else { before };
        let holds = believes.is_some_and(|(epoch, _)| {
            let lease = self.machines[machine].lease.as_ref();
            lease.is_some_and(|lease| lease.epoch == epoch && lease.incarnation == Some(incarnation))
        });
        let taken = self.machines[machine].lease.as_ref().and_then(|lease| Some((lease.job, lease.incarnation?)));
        if let Some((job, holder)) = taken
            && anew
            && holder != incarnation
        {
            self.lost(job);
        }
        self.heard(machine, incarnation, holds);
        self.machines[machine].active = active;
        match believes {
            Some((epoch, _)) if !holds => Answer::Lost(epoch),
            _ => Answer::Nothing,
        }
    }

    fn start_agent(&mut self) -> u64 {
        self.next_incarnation += 1;
        self.next_incarnation
    }

    /// What is to be done at a machine.
    fn assignment(&self, machine: usize) -> Answer {
        match &self.machines[machine].lease {
            None => Answer::Nothing,
            Some(Lease { incarnation: None, epoch, .. }) => Answer::Offer(*epoch),
            Some(Lease { revoked: Some((why, _)), .. }) if !self.waits_for_commit(machine) => Answer::Stop(*why),
            Some(Lease { epoch, .. }) => Answer::Hold(*epoch),
        }
    }

    /// A sign of life; it renews what is held.
    pub(super) fn heard(&mut self, number: usize, incarnation: u64, renews: bool) {
        let (wall, mono) = (self.wall, self.mono);
        let machine = &mut self.machines[number];
        if !machine.online || machine.incarnation != incarnation {
            self.fresh.insert(number);
        }
        machine.online = true;
        machine.incarnation = incarnation;
        machine.heard_at = wall;
        machine.silent_at = mono + SILENT_MS;
        if let Some(lease) = machine.lease.as_mut().filter(|lease| renews && lease.incarnation.is_some())
            && lease.revoked.is_none_or(|(_, since)| wall < since + STOP_GRACE_MS)
        {
            lease.ends = mono + TTL_MS;
        }
    }

    fn set_mode(&mut self, machine: usize, mode: Mode, now: bool) -> Answer {
        if self.machines[machine].mode != mode {
            self.machines[machine].mode = mode;
            if mode == Mode::Active {
                self.fresh.insert(machine);
            }
        }
        let lease = self.machines[machine].lease.as_ref().map(|lease| (lease.job, lease.incarnation.is_some()));
        match lease {
            Some((job, false)) if mode != Mode::Active => self.withdrawn(job, None),
            Some((job, true)) if now && mode == Mode::Maintenance => self.revoke(job, Why::Mode),
            _ => {}
        }
        Answer::Done
    }
}

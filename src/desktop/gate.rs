//! The fence in front of all input: a pass is valid until its gate is closed, and a closed gate never validates an old pass again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::DesktopError;
use crate::time::{Clock, Mono};

/// Who may give input. Opened for a lease, closed when it lapses or a cancel must stop at once. Clones are the same gate.
///
/// The number is even while the gate is open and odd while it is closed; it only grows, so a pass of an earlier opening stays dead.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<Post>);

#[derive(Debug)]
struct Post {
    number: AtomicU64,
    /// Milliseconds of the monotonic clock after which no pass is valid, closed or not.
    lapses_at_ms: AtomicU64,
    clock: Clock,
}

impl Default for Post {
    fn default() -> Self {
        Self { number: AtomicU64::new(0), lapses_at_ms: AtomicU64::new(u64::MAX), clock: Clock::System }
    }
}

impl Post {
    fn number(&self) -> u64 {
        self.number.load(Ordering::SeqCst)
    }

    fn has_lapsed(&self) -> bool {
        let lapses_at_ms = self.lapses_at_ms.load(Ordering::SeqCst);
        lapses_at_ms != u64::MAX && self.clock.now().mono.as_ms() >= lapses_at_ms
    }
}

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it; without effect on an open gate.
    pub fn open(&self) {
        let _ = self.0.number.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n % 2 == 1).then_some(n + 1));
    }

    /// Closes it: every pass handed out so far is dead for ever. Without effect on a closed gate.
    pub fn close(&self) {
        let _ =
            self.0.number.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.is_multiple_of(2).then_some(n + 1));
    }

    pub fn is_open(&self) -> bool {
        self.0.number().is_multiple_of(2)
    }

    /// No pass is valid from then on, until a later time is set: a process that was stopped, or slept, finds its time over before
    /// anybody has come to close the gate.
    pub fn lapse_at(&self, at: Mono) {
        self.0.lapses_at_ms.store(at.as_ms(), Ordering::SeqCst);
    }

    /// A pass for what begins now. Dead from birth where the gate is closed.
    pub fn pass(&self) -> Pass {
        Pass { gate: Arc::clone(&self.0), opening: self.0.number(), given_up: Arc::default() }
    }
}

/// The right to give input, checked before every burst.
#[derive(Clone, Debug)]
pub struct Pass {
    gate: Arc<Post>,
    opening: u64,
    given_up: Arc<AtomicBool>,
}

impl Pass {
    /// A pass that nothing withdraws, for one's own desktop.
    pub fn unfenced() -> Self {
        Gate::new().pass()
    }

    /// The same pass for one call, which [`Pass::give_up`] alone ends.
    #[must_use]
    pub fn for_one_call(&self) -> Self {
        Self { given_up: Arc::default(), ..self.clone() }
    }

    /// Nobody waits for the call any more: if it ever goes on, it must touch nothing.
    pub fn give_up(&self) {
        self.given_up.store(true, Ordering::SeqCst);
    }

    pub fn is_valid(&self) -> bool {
        self.opening.is_multiple_of(2)
            && self.gate.number() == self.opening
            && !self.gate.has_lapsed()
            && !self.given_up.load(Ordering::SeqCst)
    }

    pub fn check(&self) -> Result<(), DesktopError> {
        if self.is_valid() { Ok(()) } else { Err(DesktopError::Fenced) }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::time::{ManualClock, Timestamp};

    #[test]
    fn a_pass_of_an_ended_lease_stays_dead_when_the_gate_opens_for_the_next() {
        let gate = Gate::new();
        let first = gate.pass();
        assert!(first.is_valid());
        gate.close();
        assert_eq!(first.check(), Err(DesktopError::Fenced));
        assert!(!gate.pass().is_valid(), "a closed gate hands out nothing valid");
        gate.open();
        assert!(gate.pass().is_valid());
        assert!(!first.is_valid());
    }

    #[test]
    fn a_lease_that_lapsed_unnoticed_stops_the_next_burst_until_it_is_renewed() {
        let clock = ManualClock::starting_at(Timestamp::from_ms(1_000));
        let gate = Gate(Arc::new(Post { clock: Clock::Manual(clock.clone()), ..Post::default() }));
        let pass = gate.pass();
        gate.lapse_at(Mono::from_ms(31_000));
        assert!(pass.is_valid());
        clock.advance(Duration::from_secs(30));
        assert_eq!(pass.check(), Err(DesktopError::Fenced));
        gate.lapse_at(Mono::from_ms(60_000));
        assert!(pass.is_valid());
    }

    #[test]
    fn giving_up_one_call_leaves_the_lease_alone() {
        let lease = Gate::new().pass();
        let call = lease.for_one_call();
        call.give_up();
        assert!(!call.is_valid());
        assert!(lease.is_valid());
    }

    #[test]
    fn closing_twice_is_closing_once() {
        let gate = Gate::new();
        gate.close();
        gate.close();
        assert!(!gate.is_open());
        gate.open();
        gate.open();
        assert!(gate.is_open());
    }
}

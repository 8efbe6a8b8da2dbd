//! The fence in front of all input: a pass is valid until its gate is closed, and a closed gate never validates an old pass again.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering},
};

use super::DesktopError;

/// Who may give input. Opened for a lease, closed when it lapses or a cancel must stop at once. Clones are the same gate.
///
/// The number is even while the gate is open and odd while it is closed; it only grows, so a pass of an earlier opening stays dead.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<AtomicU64>);

impl Gate {
    /// An open gate.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens it; without effect on an open gate.
    pub fn open(&self) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n % 2 == 1).then_some(n + 1));
    }

    /// Closes it: every pass handed out so far is dead for ever. Without effect on a closed gate.
    pub fn close(&self) {
        let _ = self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.is_multiple_of(2).then_some(n + 1));
    }

    pub fn is_open(&self) -> bool {
        self.0.load(Ordering::SeqCst).is_multiple_of(2)
    }

    /// A pass for what begins now. Dead from birth where the gate is closed.
    pub fn pass(&self) -> Pass {
        Pass { gate: Arc::clone(&self.0), opening: self.0.load(Ordering::SeqCst), given_up: Arc::default() }
    }
}

/// The right to give input, checked before every burst.
#[derive(Clone, Debug)]
pub struct Pass {
    gate: Arc<AtomicU64>,
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
            && self.gate.load(Ordering::SeqCst) == self.opening
            && !self.given_up.load(Ordering::SeqCst)
    }

    pub fn check(&self) -> Result<(), DesktopError> {
        if self.is_valid() { Ok(()) } else { Err(DesktopError::Fenced) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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

//! Fresh pictures of desktops: asked of a machine with the answer to its poll, handed to all who asked when it arrives.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::sync::watch;

use crate::{
    ids::MachineId,
    store::Frame,
    time::{Mono, Now},
};

/// An answer may get lost: after so long without a picture the machine is asked again.
const REPEAT_AFTER: Duration = Duration::from_secs(3);

/// What a machine is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FrameRequest {
    /// The agent gives it back with the picture.
    pub id: String,
}

#[derive(Debug)]
struct Wanted {
    number: u64,
    told_at: Option<Mono>,
    arrived: watch::Sender<Option<Frame>>,
}

#[derive(Debug, Default)]
struct State {
    wanted: BTreeMap<MachineId, Wanted>,
    asked: u64,
}

#[derive(Debug, Default)]
pub(super) struct Frames(Mutex<State>);

impl Frames {
    /// Asks for a picture, or joins those who did.
    pub(super) fn want(self: &Arc<Self>, machine: MachineId) -> Asker {
        let mut state = self.lock();
        state.asked += 1;
        let number = state.asked;
        let new = || Wanted { number, told_at: None, arrived: watch::Sender::new(None) };
        let arrived = state.wanted.entry(machine).or_insert_with(new).arrived.subscribe();
        Asker { machine, arrived, frames: Arc::clone(self) }
    }

    /// What to tell the machine with the answer to its poll: once, and again when nothing comes of it.
    pub(super) fn tell(&self, machine: MachineId, now: Now) -> Option<FrameRequest> {
        let mut state = self.lock();
        let wanted = state.wanted.get_mut(&machine)?;
        if wanted.told_at.is_some_and(|told_at| now.mono.since(told_at) < REPEAT_AFTER) {
            return None;
        }
        wanted.told_at = Some(now.mono);
        Some(FrameRequest { id: wanted.number.to_string() })
    }

    pub(super) fn is_wanted(&self, machine: MachineId, now: Now) -> bool {
        let state = self.lock();
        let wanted = state.wanted.get(&machine);
        wanted.is_some_and(|wanted| wanted.told_at.is_none_or(|told_at| now.mono.since(told_at) >= REPEAT_AFTER))
    }

    /// Any picture taken after it was asked for will do; one that answers an older request may be from before.
    pub(super) fn arrived(&self, machine: MachineId, request: Option<&str>, frame: &Frame) {
        let mut state = self.lock();
        let answers = |wanted: &Wanted| request == Some(wanted.number.to_string().as_str());
        if state.wanted.get(&machine).is_some_and(answers)
            && let Some(wanted) = state.wanted.remove(&machine)
        {
            wanted.arrived.send_replace(Some(frame.clone()));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who asked. When the last one gives up, the machine is not asked any more.
#[derive(Debug)]
pub(super) struct Asker {
    machine: MachineId,
    arrived: watch::Receiver<Option<Frame>>,
    frames: Arc<Frames>,
}

impl Asker {
    pub(super) async fn frame(&mut self) -> Option<Frame> {
        self.arrived.wait_for(Option::is_some).await.ok()?.clone()
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        let mut state = self.frames.lock();
        let mine = |wanted: &Wanted| {
            wanted.arrived.receiver_count() <= 1 && self.arrived.same_channel(&wanted.arrived.subscribe())
        };
        if state.wanted.get(&self.machine).is_some_and(mine) {
            state.wanted.remove(&self.machine);
        }
    }
}

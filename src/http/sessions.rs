//! What each machine last said of its desktop session: agents say it when it changes, the fleet is told with every poll.

use std::{
    collections::BTreeMap,
    sync::{Mutex, PoisonError},
};

use crate::{fleet::Session, ids::MachineId};

/// Lost with the process; the fleet's own row knows it then.
#[derive(Debug, Default)]
pub(crate) struct Sessions(Mutex<BTreeMap<MachineId, Session>>);

impl Sessions {
    pub(crate) fn get(&self, machine: MachineId) -> Option<Session> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&machine).copied()
    }

    pub(crate) fn set(&self, machine: MachineId, session: Session) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(machine, session);
    }

    pub(crate) fn forget(&self, machine: MachineId) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&machine);
    }
}

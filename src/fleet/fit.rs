//! Whether a machine could take jobs of a class at all, and why none can.

use super::{
    document::DocumentKind,
    job::{BlockedReason, PausedThing, Place},
    machine::{Machine, ReadinessState},
    queue::Class,
    state::Fleet,
};
use crate::ids::Name;

impl Fleet {
    /// Why jobs of this class cannot be placed for another reason than load. None: they can.
    pub(super) fn blocked_reason(&self, class: &Class) -> Option<BlockedReason> {
        if let Some(what) = self.paused_thing(class) {
            return Some(BlockedReason::Paused { what });
        }
        let place = class.place.clone();
        if let Place::Pool(pool) = &place
            && !self.pool_exists(pool)
        {
            return Some(BlockedReason::NoPool { pool: pool.clone() });
        }
        let mut machines = self.machines_at(&place).peekable();
        if machines.peek().is_none() {
            return Some(BlockedReason::NoMachine { place });
        }
        if !machines.any(|machine| has_labels(machine, class)) {
            return Some(BlockedReason::NoMatchingLabels { place });
        }
        None
    }

    fn paused_thing(&self, class: &Class) -> Option<PausedThing> {
        if self.meta.paused.is_some() {
            return Some(PausedThing::Fleet);
        }
        let paused = |kind, name: &Name| self.document(kind, name).is_some_and(|head| head.paused.is_some());
        let mut workflows = std::iter::once(&class.workflow).chain(&class.calls);
        if let Some(workflow) = workflows.find(|name| paused(DocumentKind::Workflow, name)) {
            return Some(PausedThing::Workflow(workflow.clone()));
        }
        if let Some(app) = class.apps.keys().find(|app| paused(DocumentKind::App, app)) {
            return Some(PausedThing::App(app.clone()));
        }
        let pool = match &class.place {
            Place::Pool(pool) => Some(pool),
            Place::Machine(name) => self.machine_named(name).map(|machine| &machine.pool),
        };
        pool.filter(|pool| paused(DocumentKind::Pool, pool)).cloned().map(PausedThing::Pool)
    }
}

pub(super) fn is_at(machine: &Machine, class: &Class) -> bool {
    match &class.place {
        Place::Pool(pool) => machine.pool == *pool,
        Place::Machine(name) => machine.name == *name,
    }
}

pub(super) fn has_labels(machine: &Machine, class: &Class) -> bool {
    class.require.iter().all(|(key, value)| machine.labels.get(key) == Some(value))
}

/// Ready, or known how to be made ready, for every app of the class.
pub(super) fn can_be_ready(machine: &Machine, class: &Class) -> bool {
    class.apps.iter().all(|(app, launchable)| *launchable || is_ready(machine, app))
}

pub(super) fn is_all_ready(machine: &Machine, class: &Class) -> bool {
    class.apps.keys().all(|app| is_ready(machine, app))
}

pub(super) fn is_ready(machine: &Machine, app: &Name) -> bool {
    machine.readiness.get(app).is_some_and(|readiness| readiness.state == ReadinessState::Ready)
}

//! Machines come, go, and say how they are.

use std::collections::BTreeMap;

use crate::{
    fleet::{
        event::{Event, Fact},
        machine::{Machine, ModeName, Readiness, ReadinessState, Session},
        presence::Presence,
        state::{Fleet, Link},
        timers::MonoTimer,
    },
    ids::{Incarnation, JobId, MachineId, Name},
};

pub(super) fn apply(fleet: &mut Fleet, event: &Event) {
    match &event.fact {
        Fact::MachineJoined { machine, join_token, .. } => {
            fleet.joined(machine);
            if let Some(token) = fleet.join_tokens.get_mut(join_token) {
                token.uses_left = token.uses_left.map(|uses| uses.saturating_sub(1));
                fleet.dirty.join_tokens.insert(*join_token);
            }
        }
        Fact::MachineOnline { machine, incarnation } => fleet.online(*machine, *incarnation, event),
        Fact::MachineOffline { machine } => {
            fleet.mono_timers.clear(MonoTimer::Offline(*machine));
            let link = fleet.links.entry(*machine).or_default();
            link.online = false;
            let last_seen = link.last_seen;
            fleet.change_machine(*machine, |machine| machine.last_seen = last_seen);
        }
        Fact::MachineStalePoll { machine, incarnation, number } => {
            let present = fleet.machine(*machine).and_then(|machine| machine.incarnation);
            fleet.links.entry(*machine).or_default().presence.stale(*incarnation, *number, present);
        }
        Fact::MachineHeard { machine, number, skew_ms, renewed } => {
            if let Some(number) = number {
                fleet.links.entry(*machine).or_default().presence.heard(*number);
            }
            fleet.heard(*machine, *skew_ms, event);
            if *renewed {
                fleet.renew_lease(*machine, event);
            }
        }
        Fact::MachineFactsChanged { machine, facts } => {
            fleet.change_machine(*machine, |machine| machine.facts = facts.clone());
        }
        Fact::MachineReadinessChanged { machine, readiness, session } => {
            fleet.readiness_changed(*machine, readiness, *session);
        }
        Fact::MachineModeChanged { machine, mode } => {
            let before = fleet.machine(*machine).map(|machine| machine.mode.name);
            fleet.change_machine(*machine, |machine| machine.mode = mode.clone());
            if mode.name == ModeName::Active {
                if before == Some(ModeName::Quarantined) {
                    // Somebody has looked: whoever polls next is the one.
                    fleet.links.entry(*machine).or_default().presence = Presence::default();
                }
                fleet.fit.machines.insert(*machine);
            }
        }
        Fact::MachinePatched { machine, pool, labels } => {
            fleet.change_machine(*machine, |machine| {
                machine.pool = pool.clone();
                machine.labels.clone_from(labels);
            });
            fleet.fit.structure = true;
            fleet.fit.machines.insert(*machine);
        }
        Fact::MachineCertificateRenewed { machine, certificate } => {
            fleet.change_machine(*machine, |machine| {
                // Of several renewals under way only the last counts, and the certificate in use until then.
                machine.certificates.truncate(1);
                machine.certificates.push(certificate.clone());
            });
        }
        Fact::MachineCertificateSettled { machine, certificate } => {
            fleet.change_machine(*machine, |machine| machine.certificates.retain(|own| own.digest == *certificate));
        }
        Fact::MachineRemoved { machine, .. } => fleet.remove(*machine),
        _ => {}
    }
}

impl Fleet {
    fn readiness_changed(&mut self, id: MachineId, readiness: &BTreeMap<Name, Readiness>, session: Session) {
        let is_ready = |machine: &Machine| {
            let ready = machine.readiness.iter().filter(|(_, app)| app.state == ReadinessState::Ready);
            ready.map(|(name, _)| name.clone()).collect::<Vec<_>>()
        };
        let before = self.machines.get(&id).map(is_ready).unwrap_or_default();
        self.change_machine(id, |machine| {
            machine.readiness.clone_from(readiness);
            machine.session = session;
        });
        let after = self.machines.get(&id).map(is_ready).unwrap_or_default();
        if after.iter().any(|app| !before.contains(app)) {
            self.fit.machines.insert(id);
        }
    }

    fn joined(&mut self, machine: &Machine) {
        let id = machine.id;
        let before = self.extract_machine(id);
        let mut machine = machine.clone();
        if let Some(before) = before {
            // What the end of its lease has just written is newer than what the decision saw.
            machine.stats = before.stats;
            machine.last_seen = before.last_seen;
        }
        self.mono_timers.clear(MonoTimer::Offline(id));
        let last_seen = machine.last_seen;
        self.links.insert(id, Link { last_seen, ..Link::default() });
        self.dirty.machines.insert(id);
        self.insert_machine(machine);
        self.fit.structure = true;
        self.fit.machines.insert(id);
    }

    fn heard(&mut self, id: MachineId, skew_ms: Option<i64>, event: &Event) {
        let link = self.links.entry(id).or_default();
        (link.last_seen, link.heard) = (Some(event.at), Some(event.mono));
        link.skew_ms = skew_ms.or(link.skew_ms);
        // Where that it is online could not be written, it does not fall silent either.
        if link.online {
            let silent_at = event.mono.saturating_add(self.settings.offline_after);
            self.mono_timers.set(MonoTimer::Offline(id), silent_at);
        }
    }

    fn online(&mut self, id: MachineId, incarnation: Incarnation, event: &Event) {
        let link = self.links.entry(id).or_default();
        let was_online = std::mem::replace(&mut link.online, true);
        (link.last_seen, link.heard) = (Some(event.at), Some(event.mono));
        let silent_at = event.mono.saturating_add(self.settings.offline_after);
        self.mono_timers.set(MonoTimer::Offline(id), silent_at);
        let before = self.machines.get(&id).and_then(|machine| machine.incarnation);
        let known = before == Some(incarnation);
        if let Some(link) = self.links.get_mut(&id).filter(|_| !known) {
            link.presence.replaced(before, event.mono);
        }
        if !was_online || !known {
            self.fit.machines.insert(id);
        }
        self.change_machine(id, |machine| {
            machine.incarnation = Some(incarnation);
            machine.last_seen = Some(event.at);
        });
    }

    fn remove(&mut self, id: MachineId) {
        self.extract_machine(id);
        self.links.remove(&id);
        self.mono_timers.clear(MonoTimer::Offline(id));
        self.mono_timers.clear(MonoTimer::Lease(id));
        self.stops.remove(&id);
        let resting = self.cooling.iter().filter(|(_, machines)| machines.contains(&id));
        for job in resting.map(|(job, _)| *job).collect::<Vec<JobId>>() {
            self.cool_down_over(job, id);
        }
        self.fit.structure = true;
        self.fit.machines.remove(&id);
        self.dirty.machines.insert(id);
    }
}

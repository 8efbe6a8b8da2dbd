//! The conditions a machine has to fulfil, asked of every machine of the job's place.

use super::{Condition, ConditionName, MachineNote, SHOWN_MACHINES};
use crate::{
    fleet::{
        fit::{has_labels, is_ready},
        job::Job,
        machine::{Machine, ModeName, Session},
        queue::Class,
        state::Fleet,
        timers::MonoTimer,
    },
    time::Now,
};

const OF_MACHINES: [ConditionName; 7] = [
    ConditionName::Online,
    ConditionName::ModeActive,
    ConditionName::SessionActive,
    ConditionName::Labels,
    ConditionName::Apps,
    ConditionName::NotCoolingDown,
    ConditionName::Idle,
];

/// What a look at the machines found.
#[derive(Debug, Default)]
pub(super) struct Look {
    pub(super) conditions: Vec<Condition>,
    pub(super) considered: u64,
    pub(super) fitting: u64,
}

impl Fleet {
    pub(super) fn look_at_machines(&self, now: Now, job: &Job, class: &Class) -> Look {
        let empty = |name| Condition { name, failing: 0, machines: Vec::new(), detail: None };
        let mut conditions: Vec<Condition> = OF_MACHINES.into_iter().map(empty).collect();
        let (mut considered, mut fitting) = (0, 0);
        for machine in self.machines_at(&class.place) {
            considered += 1;
            let mut fits = true;
            for condition in &mut conditions {
                let Some(detail) = self.lacks(now, condition.name, machine, (job, class)) else { continue };
                fits &= condition.name == ConditionName::Idle;
                condition.failing += 1;
                if condition.machines.len() < SHOWN_MACHINES {
                    condition.machines.push(MachineNote { machine: machine.name.clone(), detail });
                }
            }
            fitting += u64::from(fits);
        }
        let elsewhere = u64::try_from(self.machines.len()).unwrap_or(u64::MAX).saturating_sub(considered);
        conditions.insert(0, Condition { failing: elsewhere, ..empty(ConditionName::Place) });
        Look { conditions, considered, fitting }
    }

    /// Whether the machine may take the job once it is idle.
    pub(super) fn fits(&self, now: Now, machine: &Machine, job: &Job, class: &Class) -> bool {
        let all = OF_MACHINES.into_iter().filter(|name| *name != ConditionName::Idle);
        all.into_iter().all(|name| self.lacks(now, name, machine, (job, class)).is_none())
    }

    /// What keeps the machine from fulfilling the condition.
    fn lacks(&self, now: Now, name: ConditionName, machine: &Machine, of: (&Job, &Class)) -> Option<String> {
        let (job, class) = of;
        match name {
            ConditionName::Online => self.offline(machine),
            ConditionName::ModeActive if machine.mode.name == ModeName::Active => None,
            ConditionName::ModeActive => {
                let why = machine.mode.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
                Some(format!("{} since {}{why}", machine.mode.name.as_str(), machine.mode.since))
            }
            ConditionName::SessionActive if machine.session == Session::Active => None,
            ConditionName::SessionActive => Some(format!("its session is {}", machine.session.as_str())),
            ConditionName::Labels if has_labels(machine, class) => None,
            ConditionName::Labels => {
                let missing = class.require.iter().find(|(key, value)| machine.labels.get(*key) != Some(*value));
                missing.map(|(key, value)| format!("has no label {key}={value}"))
            }
            ConditionName::Apps => unready_app(machine, class),
            ConditionName::NotCoolingDown => {
                let until = self.mono_timers.get(MonoTimer::CoolDown(job.id, machine.id))?;
                Some(format!("turned it down, and is asked again in {} s", until.since(now.mono).as_secs() + 1))
            }
            ConditionName::Idle => machine.lease.as_ref().map(|_| "has a lease".to_owned()),
            _ => None,
        }
    }

    fn offline(&self, machine: &Machine) -> Option<String> {
        let link = self.links.get(&machine.id);
        if link.is_some_and(|link| link.online) {
            return None;
        }
        let seen = link.and_then(|link| link.last_seen).or(machine.last_seen);
        Some(seen.map_or_else(|| "never heard".to_owned(), |at| format!("last heard at {at}")))
    }
}

fn unready_app(machine: &Machine, class: &Class) -> Option<String> {
    let (app, _) = class.apps.iter().find(|(app, launchable)| !**launchable && !is_ready(machine, app))?;
    let told = machine.readiness.get(app);
    let state = told.map_or("unknown", |readiness| readiness.state.as_str());
    let why = told.and_then(|readiness| readiness.reason.as_ref()).map_or_else(String::new, |why| format!(": {why}"));
    Some(format!("app `{app}`, which cannot be launched, is {state}{why}"))
}

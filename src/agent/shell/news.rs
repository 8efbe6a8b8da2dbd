//! What the desktop's thread says, passed on to the session.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    Shell,
    desk::{News, Work},
};
use crate::{ids::Name, time::Mono, wire::machine::Readiness, workflow::App};

impl Shell {
    pub(super) fn hear(&mut self, said: News) {
        match said {
            News::Surveyed(readiness) => {
                self.surveying = false;
                // An attempt that has begun meanwhile knows better.
                if let Some(readiness) = readiness.filter(|_| !self.session.is_busy()) {
                    self.set_readiness(readiness);
                }
            }
            News::Versions(versions) => {
                self.facts.apps = versions;
                self.session.set_facts(self.facts.clone());
            }
            News::Readiness(app, readiness) => {
                let mut all = self.session.readiness().clone();
                all.insert(app, readiness);
                self.set_readiness(all);
            }
            News::Step(report) => self.session.steps(vec![report]),
            News::Intent(intent) => self.session.intend(*intent),
            News::Settled(settled) => self.session.settled(*settled),
            News::Looped(report) => self.session.looped(report),
            News::Prepared(prepared) => {
                self.set_working(prepared.is_ok());
                let prepared = prepared.map(|readiness| self.with_history(readiness));
                if let Ok(readiness) = &prepared {
                    self.set_readiness(readiness.clone());
                }
                self.session.prepared(prepared);
            }
            News::Ended(ended, readiness, artifacts) => {
                self.set_working(false);
                self.session.attach(artifacts);
                if !readiness.is_empty() {
                    self.set_readiness(readiness);
                }
                let readiness = self.session.readiness().clone();
                self.session.ended(ended, readiness);
                self.surveyed_at = Mono::default();
            }
        }
        self.obey();
    }

    /// The apps of the pool are here: they are looked at from now on.
    pub(super) fn watch(&mut self, apps: Vec<Arc<App>>) {
        self.apps = apps;
        self.surveyed_at = Mono::default();
        if self.apps.iter().any(|app| app.version.is_some()) {
            self.ask_desk(Work::Versions { apps: self.apps.clone(), machine: self.machine() });
        }
        let watched: Vec<String> = self.apps.iter().map(|app| app.name.to_string()).collect();
        let mut readiness = self.session.readiness().clone();
        readiness.retain(|name, _| watched.iter().any(|watched| watched == name.as_str()));
        self.session.set_readiness(readiness);
    }

    fn set_working(&mut self, working: bool) {
        if let Some(running) = &mut self.running {
            running.working = working;
        }
    }

    fn set_readiness(&mut self, readiness: BTreeMap<Name, Readiness>) {
        let readiness = self.with_history(readiness);
        self.session.set_readiness(readiness);
    }

    /// What did not change keeps since when it is so; a reason in other words is no change.
    fn with_history(&self, mut readiness: BTreeMap<Name, Readiness>) -> BTreeMap<Name, Readiness> {
        for (name, new) in &mut readiness {
            if let Some(old) = self.session.readiness().get(name)
                && old.state == new.state
                && old.screen == new.screen
            {
                new.clone_from(old);
            }
        }
        readiness
    }
}

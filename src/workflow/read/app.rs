//! Reader of `kind: app`.

use std::collections::{BTreeMap, BTreeSet};

use super::Reader;
use super::fields::Fields;
use super::target::transpose;
use super::{place, unavailable};
use crate::workflow::limits;
use crate::workflow::model::{App, Launch, Launches, Name, Popup, Probe, Recovery, Screen, VersionProbe, Watch};
use crate::workflow::node::{Node, Tree};

impl Reader {
    pub(super) fn app(&mut self, mut fields: Fields<'_>, name: Option<Name>) -> Option<App> {
        let node = fields.node;
        let description = fields.take("description").and_then(|node| self.prose(node));
        let launch = fields.take("launch").map(|node| self.launches(node));
        let process = fields.take("process").and_then(|node| self.program(node));
        let version = fields.take("version").map(|node| self.version(node));
        let screens = fields.take("screens").map(|node| self.screens(node));
        let recover = fields.take("recover").map(|node| self.recoveries(node));
        let on_popup = fields.take("on_popup").map(|node| self.popups(node));
        let images = self.digests(&mut fields);
        fields.finish("an app", &unavailable::APP, self);
        if launch.is_none() && process.is_none() && screens.is_none() {
            self.fault(node, "an app needs at least one of launch, process and screens");
        }
        Some(App {
            name: name?,
            description,
            launch: transpose(launch)?.unwrap_or_default(),
            process,
            version: transpose(version)?,
            screens: transpose(screens)?.unwrap_or_default(),
            recover: transpose(recover)?.unwrap_or_default(),
            on_popup: transpose(on_popup)?.unwrap_or_default(),
            images: images?,
        })
    }

    /// A program's file name, which stands by itself.
    fn program(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        if text.is_empty() || text.contains(['/', '\\']) || text.contains("{{") {
            self.fault(node, "a process is named by its program's file name, without directory or template");
            return None;
        }
        Some(text.to_owned())
    }

    fn launches(&mut self, node: &Node) -> Option<Launches> {
        if node.get("windows").is_none() && node.get("linux").is_none() {
            let launch = self.launch(node)?;
            return Some(Launches { windows: Some(launch.clone()), linux: Some(launch) });
        }
        let mut fields = Fields::new(node, "`launch`", self)?;
        let windows = fields.take("windows").map(|node| self.launch(node));
        let linux = fields.take("linux").map(|node| self.launch(node));
        fields.finish("`launch`", &[], self);
        Some(Launches { windows: transpose(windows)?, linux: transpose(linux)? })
    }

    fn launch(&mut self, node: &Node) -> Option<Launch> {
        if let Some(node) = node.get("exit_codes").or(node.get("stdin")) {
            self.fault(node, "an app is started and left running: it has no exit_codes and no stdin here");
        }
        self.command_line(node, "`launch`").map(|command| Launch { command })
    }

    fn version(&mut self, node: &Node) -> Option<VersionProbe> {
        if let Some(node) = node.get("exit_codes") {
            self.fault(node, "the output says the version, whatever the program ends with: it has no exit_codes here");
        }
        let mut fields = Fields::new(node, "`version`", self)?;
        let command = self.command_fields(&mut fields, "`version`");
        let pattern = fields.take("regex").map(|node| self.pattern(node));
        fields.finish("`version`", &[], self);
        Some(VersionProbe { command: command?, pattern: transpose(pattern)? })
    }

    fn screens(&mut self, node: &Node) -> Option<BTreeMap<Name, Screen>> {
        let Tree::Map(entries) = &node.tree else {
            self.fault(node, format!("`screens` is a mapping from names to probes, this is {}", node.describe()));
            return None;
        };
        if entries.len() > limits::ENTRIES {
            self.fault(node, format!("`screens` has more than {} entries", limits::ENTRIES));
            return None;
        }
        // All names first: a screen may be told by another that stands below it.
        self.screens = entries.iter().map(|entry| entry.key.clone()).collect();
        let mut screens = BTreeMap::new();
        for entry in entries {
            let Some(name) = Name::new(&entry.key) else {
                self.fault(
                    &entry.value,
                    format!("`{}` is no name of a screen: lower-case letters, digits, - and _", entry.key),
                );
                continue;
            };
            if let Some(probes) = self.each(&entry.value, "a screen", limits::COMBINED, Self::probe) {
                if matches!(&entry.value.tree, Tree::List(items) if items.is_empty()) {
                    self.fault(&entry.value, "a screen needs at least one probe");
                }
                screens.insert(name, Screen { probes });
            }
        }
        self.circles(node, &screens);
        Some(screens)
    }

    /// Screens told by one another in a circle could never be told.
    fn circles(&mut self, node: &Node, screens: &BTreeMap<Name, Screen>) {
        let told_by: BTreeMap<&str, BTreeSet<&str>> = screens
            .iter()
            .map(|(name, screen)| (name.as_str(), screen.probes.iter().flat_map(own_screens).collect()))
            .collect();
        for name in told_by.keys() {
            let mut reached = BTreeSet::new();
            let mut open: Vec<&str> = told_by[name].iter().copied().collect();
            while let Some(next) = open.pop() {
                if reached.insert(next) {
                    open.extend(told_by.get(next).into_iter().flatten());
                }
            }
            if reached.contains(name) {
                let at = node.get(name).unwrap_or(node);
                self.fault(at, format!("the screen `{name}` is told by itself"));
            }
        }
    }

    fn recoveries(&mut self, node: &Node) -> Option<Vec<Recovery>> {
        let items = self.list(node, "`recover`", limits::ENTRIES)?;
        if !self.screens.contains(App::READY) {
            self.fault_with(node, "`recover` works until the screen `ready` shows", "name it under `screens`");
        }
        let mut recoveries = Vec::new();
        for (at, item) in items.iter().enumerate() {
            recoveries.extend(self.recovery(item, at));
        }
        Some(recoveries)
    }

    fn recovery(&mut self, node: &Node, at: usize) -> Option<Recovery> {
        let mut fields = Fields::new(node, "a recovery", self)?;
        let when = fields.take("when").map(|node| self.guard(node));
        self.recovering = true;
        let path = format!("recover/{at}/steps");
        let steps = fields.require("steps", "a recovery", self).and_then(|node| self.steps(node, &path, 0));
        self.recovering = false;
        let times = fields.take("times").and_then(|node| self.count(node, 1, limits::REPEATS));
        fields.finish("a recovery", &[], self);
        Some(Recovery { when: transpose(when)?, steps: steps?, times: times.unwrap_or(1) })
    }

    fn popups(&mut self, node: &Node) -> Option<Vec<Popup>> {
        let items = self.list(node, "`on_popup`", limits::ENTRIES)?;
        let popups = items.iter().enumerate().map(|(at, item)| self.popup(item, at)).collect::<Vec<_>>();
        popups.into_iter().collect()
    }

    fn popup(&mut self, node: &Node, at: usize) -> Option<Popup> {
        let mut fields = Fields::new(node, "a popup", self)?;
        let when = fields.require("when", "a popup", self).and_then(|node| self.told_at_once(node));
        // It finds no variables, and leaves none: it may come at any time.
        let vars = std::mem::take(&mut self.vars);
        let path = format!("on_popup/{at}/steps");
        let steps = fields.require("steps", "a popup", self).and_then(|node| self.steps(node, &path, 0));
        self.vars = vars;
        fields.finish("a popup", &[], self);
        Some(Popup { when: when?, steps: steps? })
    }

    /// What is looked for before every step must be told by one look.
    fn told_at_once(&mut self, node: &Node) -> Option<Probe> {
        let watch = self.guard(node)?;
        if let Some(node) = node.get("timeout") {
            self.fault_with(node, "a popup is looked for again and again, once each time", "leave `timeout` out");
        }
        if runs_command(&watch.probe) {
            let detail = "a `command` would be run before every step";
            self.fault_with(node, detail, "tell the popup by its window, or by what it shows");
        }
        if matches!(&watch.probe, Probe::Screen { screen, .. } if screen.as_str() == App::READY) {
            self.fault(node, "`ready` is the screen that work starts from, and no popup");
        }
        Some(watch.probe)
    }

    /// A screen of this app by its name, or a probe.
    fn guard(&mut self, node: &Node) -> Option<Watch> {
        if node.as_text().is_none() {
            return self.watch(node);
        }
        let screen = self.name(node)?;
        let probe = self.own_screen(node, None, screen)?;
        Some(Watch { probe, timeout: None, place: place(node) })
    }
}

fn runs_command(probe: &Probe) -> bool {
    match probe {
        Probe::Command(_) => true,
        Probe::Any(parts) | Probe::All(parts) => parts.iter().any(runs_command),
        Probe::Not(part) => runs_command(part),
        _ => false,
    }
}

fn own_screens(probe: &Probe) -> Vec<&str> {
    match probe {
        Probe::Screen { app: None, screen } => vec![screen.as_str()],
        Probe::Any(parts) | Probe::All(parts) => parts.iter().flat_map(own_screens).collect(),
        Probe::Not(part) => own_screens(part),
        _ => Vec::new(),
    }
}

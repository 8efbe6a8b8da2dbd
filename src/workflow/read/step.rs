//! Reader of steps: one action, and options around it.

use std::time::Duration;

use super::Reader;
use super::action::{ACTIONS, RESULTLESS};
use super::commit::Options;
use super::fields::Fields;
use super::names::nearest;
use super::{Around, place, target, unavailable};
use crate::time::format_duration;
use crate::workflow::limits;
use crate::workflow::model::{Action, Assertion, Condition, Find, Launching, ScreenshotWhen, Step, Target, Watch};
use crate::workflow::node::{Node, Tree};

const OPTIONS: [&str; 13] = [
    "id",
    "name",
    "when",
    "timeout",
    "as",
    "screenshot",
    "mask",
    "pause",
    "retries",
    "continue_on_error",
    "commit",
    "verify",
    "settle",
];

impl Reader {
    /// A list of steps; `path` is that of the list, `steps` or `steps/4/then`.
    pub(super) fn steps(&mut self, node: &Node, path: &str, depth: usize) -> Option<Vec<Step>> {
        let Tree::List(items) = &node.tree else {
            self.fault(node, format!("steps are a list, this is {}", node.describe()));
            return None;
        };
        if items.is_empty() {
            self.fault(node, "at least one step is needed");
            return None;
        }
        if depth > limits::NESTING {
            self.fault(node, format!("steps are nested deeper than {} levels", limits::NESTING));
            return None;
        }
        let mut steps = Vec::new();
        for (at, item) in items.iter().enumerate() {
            self.steps += 1;
            if self.steps > limits::STEPS {
                if self.steps == limits::STEPS + 1 {
                    self.fault(item, format!("more than {} steps in one document", limits::STEPS));
                }
                return None;
            }
            steps.extend(self.step(item, format!("{path}/{at}"), depth));
        }
        Some(steps)
    }

    fn step(&mut self, node: &Node, path: String, depth: usize) -> Option<Step> {
        if let Some(word) = node.as_text() {
            let detail = "a step is a mapping with one action";
            if ACTIONS.contains(&word) {
                self.fault_with(node, detail, format!("write {word}: {{}}"));
            } else {
                self.fault(node, detail);
            }
            return None;
        }
        let mut fields = Fields::new(node, "a step", self)?;
        let chosen = self.choose(&mut fields);
        let when = fields.take("when").map(|node| self.condition(node));
        let id = fields.take("id").and_then(|node| self.step_id(node));
        let name = fields.take("name").and_then(|node| self.prose(node));
        let timeout = fields.take("timeout").and_then(|node| self.duration(node));
        let mask = fields.take("mask").and_then(|node| self.each(node, "`mask`", limits::MASKS, Self::mask));
        let pause = fields.take("pause").and_then(|node| self.duration(node));
        let retries = fields.take("retries").and_then(|node| self.count(node, 0, limits::REPEATS));
        let continue_on_error = fields.take("continue_on_error").and_then(|node| self.boolean(node));
        let screenshot = self.screenshot_option(&mut fields, chosen);
        let within = self.around.len();
        self.around.extend(retries.filter(|times| *times > 0).map(|_| Around::Retries(node.line)));
        self.around.extend(continue_on_error.filter(|on| *on).map(|_| Around::ContinueOnError(node.line)));
        let mut action = chosen.and_then(|action| self.action(action, &mut fields, &path, depth));
        match &action {
            Some(Action::WaitStable(stillness)) => self.can_be_still(node, "wait_stable", stillness.duration, timeout),
            Some(Action::WaitIdle(idleness)) => self.can_be_still(node, "wait_idle", idleness.duration, timeout),
            _ => {}
        }
        self.around.truncate(within);
        let commit = self.commit(&mut fields, &Options { action: chosen, path: &path, depth });
        if let (Some(action), Some(timeout), Some(node)) = (&mut action, timeout, fields.peek("timeout")) {
            self.step_timeout(action, timeout, node, fields.peek("verify").is_some());
        }
        let store_as = fields.take("as").and_then(|node| self.result_name(node, chosen));
        if let (Some(name), Some(commit), Some(node)) = (&store_as, &commit, fields.peek("as")) {
            self.result_of_commit(node, name, commit);
        }
        fields.allow(&OPTIONS);
        fields.allow(&["then", "else"]);
        self.stray_branches(&fields, chosen);
        if chosen.is_none() {
            fields.allow(&ACTIONS);
        }
        fields.finish("a step", &unavailable::ACTIONS, self);
        Some(Step {
            path,
            id,
            name,
            action: action?,
            when: target::transpose(when)?,
            timeout,
            store_as,
            screenshot,
            mask: mask.unwrap_or_default(),
            pause,
            retries: retries.unwrap_or(0),
            continue_on_error: continue_on_error.unwrap_or(false),
            commit,
            place: place(node),
        })
    }

    /// A position has no extent: it would leave everything in the picture but one pixel.
    fn mask(&mut self, node: &Node) -> Option<Target> {
        let target = self.target(node)?;
        if has(&target, &|find| matches!(find, Find::At(..))) {
            self.fault_with(node, "`at` is one pixel and hides nothing", "mask an image or a window");
            return None;
        }
        if has(&target, &|find| matches!(find, Find::Text(_))) {
            self.fault_with(node, "a text that is misread would not be hidden", "mask an image or a window");
            return None;
        }
        Some(target)
    }

    /// The step's `timeout` is that of what it waits for or runs. Where it would mean nothing, or stands twice, it is a fault.
    /// `verified`: the step waits for its `verify` too.
    fn step_timeout(&mut self, action: &mut Action, timeout: Duration, node: &Node, verified: bool) {
        let inner = match action {
            Action::Wait(watch)
            | Action::WaitGone(watch)
            | Action::Assert(Assertion::Probe(watch))
            | Action::If { condition: Condition::Probe(watch), .. } => &mut watch.timeout,
            Action::Run(command) => &mut command.timeout,
            Action::If { .. } | Action::Assert(_) => {
                self.fault(node, "`timeout` has no meaning here: an expression is computed once");
                return;
            }
            Action::Key(_) | Action::Launch(Launching::Command(_)) if verified => return,
            Action::Sleep(_)
            | Action::ForEach(_)
            | Action::Repeat(_)
            | Action::Try(_)
            | Action::Call(_)
            | Action::Set(_)
            | Action::Fail(_)
            | Action::Key(_)
            | Action::ReadClipboard { .. }
            | Action::Screenshot(_)
            | Action::SaveArtifact(_)
            | Action::Launch(Launching::Command(_)) => {
                self.fault(node, format!("`timeout` has no meaning for `{}`", action.name()));
                return;
            }
            _ => return,
        };
        if inner.replace(timeout).is_some() {
            self.fault(node, "`timeout` stands twice, in the step and in its action");
        }
    }

    fn can_be_still(&mut self, node: &Node, action: &str, duration: Duration, timeout: Option<Duration>) {
        let limit = timeout.unwrap_or(Step::DEFAULT_TIMEOUT);
        if duration >= limit {
            let detail = format!("`for` is not shorter than the step's `timeout` of {}", format_duration(limit));
            self.fault_with(node, detail, format!("write a longer `timeout` beside `{action}`"));
        }
    }

    /// The one action of a step. None or several are a fault.
    fn choose(&mut self, fields: &mut Fields<'_>) -> Option<&'static str> {
        let is_option =
            |key: &str| key == "screenshot" && fields.peek(key).is_some_and(|node| node.as_text().is_some());
        let there: Vec<&'static str> =
            ACTIONS.iter().copied().filter(|key| fields.peek(key).is_some() && !is_option(key)).collect();
        match there[..] {
            [action] => return Some(action),
            [] => {}
            [first, second, ..] => {
                let detail = format!("a step has exactly one action, this has {first} and {second}");
                self.fault_with(fields.node, detail, "make them steps of their own");
                return None;
            }
        }
        let later = fields.keys().any(|key| unavailable::ACTIONS.contains(&key));
        let slip = fields.keys().any(|key| !OPTIONS.contains(&key) && nearest(key, ACTIONS).is_some());
        if !later && !slip {
            self.fault_with(fields.node, "this step has no action", "such as click, type, wait or run");
        }
        None
    }

    fn stray_branches(&mut self, fields: &Fields<'_>, chosen: Option<&'static str>) {
        for key in ["then", "else"] {
            if let Some(node) = fields.peek(key).filter(|_| chosen != Some("if")) {
                self.fault(node, format!("`{key}` belongs to a step with `if`"));
            }
        }
    }

    fn step_id(&mut self, node: &Node) -> Option<crate::workflow::model::Name> {
        let id = self.name(node)?;
        if let Some(line) = self.ids.insert(id.as_str().to_owned(), node.line) {
            self.fault_with(node, format!("the id `{id}` stands twice"), format!("it stands first in line {line}"));
        }
        Some(id)
    }

    fn result_name(&mut self, node: &Node, action: Option<&str>) -> Option<String> {
        let text = self.text(node)?;
        let name = self.variable(node, text)?;
        if let Some(action) = action.filter(|action| RESULTLESS.contains(action)) {
            self.fault(node, format!("`{action}` has no result to store"));
            return None;
        }
        self.vars.insert(name.clone());
        Some(name)
    }

    fn screenshot_option(&mut self, fields: &mut Fields<'_>, chosen: Option<&str>) -> ScreenshotWhen {
        if chosen == Some("screenshot") {
            return ScreenshotWhen::default();
        }
        let words = [
            ("before", ScreenshotWhen::Before),
            ("after", ScreenshotWhen::After),
            ("both", ScreenshotWhen::Both),
            ("never", ScreenshotWhen::Never),
        ];
        fields.take("screenshot").and_then(|node| self.choice(node, &words, &[])).unwrap_or_default()
    }

    /// What `when` and `if` take: a mapping is a probe, text an expression.
    pub(super) fn condition(&mut self, node: &Node) -> Option<Condition> {
        match &node.tree {
            Tree::Map(_) => self.watch(node).map(Condition::Probe),
            _ => self.expression(node).map(Condition::Expression),
        }
    }

    /// A probe with a timeout beside its keys.
    pub(super) fn watch(&mut self, node: &Node) -> Option<Watch> {
        if node.as_text().is_some() {
            return self.probe(node).and(None);
        }
        let mut fields = Fields::new(node, "a probe", self)?;
        let timeout = fields.take("timeout").map(|node| self.duration(node));
        let probe = self.probe_fields(&mut fields, 0);
        fields.finish("a probe", &[], self);
        Some(Watch { probe: probe?, timeout: target::transpose(timeout)?, place: place(node) })
    }
}

/// Whether it, or a part of its `any`, is of a kind.
fn has(target: &Target, kind: &dyn Fn(&Find) -> bool) -> bool {
    match &target.find {
        Find::Any(parts) => parts.iter().any(|part| has(part, kind)),
        find => kind(find),
    }
}

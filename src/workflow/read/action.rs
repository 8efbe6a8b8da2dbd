//! Readers of actions: which it is, and what it takes.

use std::collections::BTreeMap;

use super::Reader;
use super::fields::Fields;
use super::target::transpose;
use crate::workflow::limits;
use crate::workflow::model::{
    Action, Assertion, Category, Extract, Fail, Find, How, Launching, Screenshot, Stillness, Subject, Target,
};
use crate::workflow::node::{Node, Tree};

pub(super) const ACTIONS: [&str; 38] = [
    "click",
    "double_click",
    "right_click",
    "move",
    "drag",
    "scroll",
    "type",
    "key",
    "paste",
    "select",
    "set_checked",
    "menu",
    "invoke",
    "set_value",
    "focus",
    "wait",
    "wait_gone",
    "wait_stable",
    "wait_idle",
    "assert",
    "screenshot",
    "save_artifact",
    "extract",
    "read_table",
    "read_clipboard",
    "set",
    "run",
    "launch",
    "relaunch",
    "close",
    "activate",
    "if",
    "for_each",
    "repeat",
    "try",
    "call",
    "sleep",
    "fail",
];

/// Actions that leave nothing to be stored.
pub(super) const RESULTLESS: [&str; 4] = ["if", "sleep", "fail", "set"];

impl Reader {
    pub(super) fn action(
        &mut self,
        name: &'static str,
        fields: &mut Fields<'_>,
        path: &str,
        depth: usize,
    ) -> Option<Action> {
        let node = fields.take(name)?;
        match name {
            "click" | "double_click" | "right_click" => self.click(name, node),
            "move" => self.target(node).map(Action::Move),
            "drag" => self.drag(node).map(Action::Drag),
            "scroll" => self.scroll(node).map(Action::Scroll),
            "type" => self.type_text(node).map(Action::Type),
            "key" => self.chords(node).map(Action::Key),
            "paste" => self.paste(node),
            "select" | "set_checked" | "invoke" | "set_value" | "focus" => {
                self.control(name, node).map(|control| Action::Control(Box::new(control)))
            }
            "menu" => self.path(node).map(Action::Menu),
            "wait" => self.watch(node).map(Action::Wait),
            "wait_gone" => self.watch(node).map(Action::WaitGone),
            "wait_stable" => self.stillness(node).map(Action::WaitStable),
            "wait_idle" => self.idleness(node).map(Action::WaitIdle),
            "assert" => self.assertion(node).map(Action::Assert),
            "screenshot" => self.screenshot(node).map(Action::Screenshot),
            "save_artifact" => self.save_artifact(node).map(Action::SaveArtifact),
            "extract" => self.extract(node).map(Action::Extract),
            "read_table" => self.read_table(node).map(|table| Action::ReadTable(Box::new(table))),
            "read_clipboard" => self.read_clipboard(node),
            "set" => self.set(node),
            "run" => self.command_line(node, "`run`").map(Action::Run),
            "launch" => self.launching(node).map(Action::Launch),
            "relaunch" => self.relaunch(node),
            "close" => self.subject(node).map(Action::Close),
            "activate" => self.window_target(node, "`activate`").map(Action::Activate),
            "if" => self.branches(node, fields, path, depth),
            "for_each" => self.for_each(node, path, depth),
            "repeat" => self.repeat(node, path, depth),
            "try" => self.try_step(node, fields.peek("as"), path, depth),
            "call" => self.call(node),
            "sleep" => self.duration(node).map(Action::Sleep),
            _ => self.fail_step(node).map(Action::Fail),
        }
    }

    fn assertion(&mut self, node: &Node) -> Option<Assertion> {
        match &node.tree {
            Tree::Map(_) => self.watch(node).map(Assertion::Probe),
            _ => self.expression(node).map(Assertion::Expression),
        }
    }

    fn stillness(&mut self, node: &Node) -> Option<Stillness> {
        let mut fields = Fields::new(node, "`wait_stable`", self)?;
        let duration = fields.require("for", "`wait_stable`", self).and_then(|node| self.duration(node));
        let region = fields.take("region").map(|node| self.region(node));
        fields.finish("`wait_stable`", &[], self);
        Some(Stillness { region: transpose(region)?, duration: duration? })
    }

    fn screenshot(&mut self, node: &Node) -> Option<Screenshot> {
        let mut fields = Fields::new(node, "`screenshot`", self)?;
        let name = fields.require("name", "`screenshot`", self).and_then(|node| self.filled(node));
        let region = fields.take("region").map(|node| self.region(node));
        fields.finish("`screenshot`", &[], self);
        Some(Screenshot { name: name?, region: transpose(region)? })
    }

    fn extract(&mut self, node: &Node) -> Option<Extract> {
        let mut fields = Fields::or_empty(node, "`extract`", self)?;
        let from = fields.take("from").map(|node| self.source(node));
        let words = [("auto", How::Auto), ("ui", How::Ui), ("clipboard", How::Clipboard), ("ocr", How::Ocr)];
        let how_node = fields.take("how");
        let how = how_node.map(|node| self.choice(node, &words, &[]));
        let lang = fields.take("lang");
        let language = lang.map(|node| self.language(node));
        let pattern = fields.take("regex").map(|node| self.pattern(node));
        fields.finish("`extract`", &[], self);
        let (from, how) = (transpose(from)?, transpose(how)?.unwrap_or_default());
        let off_screen = from.as_ref().is_some_and(|from| matches!(from.find, Find::AnyText));
        match (how, how_node) {
            (How::Clipboard, Some(node)) if off_screen => {
                self.fault_with(node, "what stands beside something is read off the screen", "leave `how` out");
            }
            (How::Ocr | How::Ui, Some(node)) if from.is_none() => {
                let how = if how == How::Ui { "ui" } else { "ocr" };
                self.fault(node, format!("`how: {how}` needs `from`, which says what to read"));
            }
            _ => {}
        }
        if let Some(node) = lang.filter(|_| how != How::Ocr && !off_screen) {
            self.fault(node, "`lang` is for what is read off the screen: write `how: ocr` beside it");
        }
        let (language, pattern) = (transpose(language)?.unwrap_or_default(), transpose(pattern)?);
        Some(Extract { from, how, language, pattern })
    }

    fn read_clipboard(&mut self, node: &Node) -> Option<Action> {
        let mut fields = Fields::or_empty(node, "`read_clipboard`", self)?;
        let pattern = fields.take("regex").map(|node| self.pattern(node));
        fields.finish("`read_clipboard`", &[], self);
        Some(Action::ReadClipboard { pattern: transpose(pattern)? })
    }

    fn set(&mut self, node: &Node) -> Option<Action> {
        let Tree::Map(entries) = &node.tree else {
            self.fault(node, format!("`set` is a mapping from names to expressions, this is {}", node.describe()));
            return None;
        };
        if entries.is_empty() || entries.len() > limits::ENTRIES {
            self.fault(node, format!("`set` has 1 to {} entries", limits::ENTRIES));
            return None;
        }
        let mut values = BTreeMap::new();
        let mut names = Vec::new();
        for entry in entries {
            let name = self.variable(&entry.value, &entry.key);
            names.extend(name.clone());
            if let (Some(name), Some(value)) = (name, self.set_value(&entry.value)) {
                values.insert(name, value);
            }
        }
        // Only now: the right sides see the variables as they were before the step.
        self.vars.extend(names);
        (values.len() == entries.len()).then_some(Action::Set(values))
    }

    fn launching(&mut self, node: &Node) -> Option<Launching> {
        if let Tree::Text(_) = node.tree {
            return self.name(node).map(|app| Launching::App(Some(app)));
        }
        if node.get("command").is_some() {
            for key in ["stdin", "timeout", "exit_codes"] {
                if let Some(node) = node.get(key) {
                    self.fault(
                        node,
                        format!("a program that is launched is left running: it has no `{key}`; use `run`"),
                    );
                }
            }
            return self.command_line(node, "`launch`").map(Launching::Command);
        }
        let mut fields = Fields::or_empty(node, "`launch`", self)?;
        let app = fields.take("app").map(|node| self.name(node));
        if app.is_none() {
            self.default_app(node, "`launch` without `command`");
        }
        fields.allow(&["command"]);
        fields.finish("`launch`", &[], self);
        transpose(app).map(Launching::App)
    }

    fn relaunch(&mut self, node: &Node) -> Option<Action> {
        let fields = Fields::or_empty(node, "`relaunch`", self)?;
        fields.finish("`relaunch`", &[], self);
        if !self.recovering {
            self.fault_with(node, "`relaunch` stands in an app's `recover` only", "close and launch in a workflow");
            return None;
        }
        Some(Action::Relaunch)
    }

    fn subject(&mut self, node: &Node) -> Option<Subject> {
        if let Tree::Text(_) = node.tree {
            return self.name(node).map(|app| Subject::App(Some(app)));
        }
        if node.get("window").is_some() {
            return self.window_target(node, "`close`").map(Subject::Window);
        }
        let mut fields = Fields::or_empty(node, "`close`", self)?;
        let app = fields.take("app").map(|node| self.name(node));
        if app.is_none() {
            self.default_app(node, "`close` without `window`");
        }
        fields.allow(&["window"]);
        fields.finish("`close`", &[], self);
        transpose(app).map(Subject::App)
    }

    fn window_target(&mut self, node: &Node, what: &str) -> Option<Target> {
        let target = self.target(node)?;
        if matches!(target.find, Find::Window(_)) {
            return Some(target);
        }
        self.fault_with(node, format!("{what} takes a window"), "write { window: \"a part of its title\" }");
        None
    }

    fn fail_step(&mut self, node: &Node) -> Option<Fail> {
        if let Tree::Text(_) = node.tree {
            return self.filled(node).map(|message| Fail { category: Category::Business, message });
        }
        let mut fields = Fields::new(node, "`fail`", self)?;
        let message = fields.require("message", "`fail`", self).and_then(|node| self.filled(node));
        let words = Category::RAISED.map(|category| (category.as_str(), category));
        let category = fields.take("category").map(|node| self.choice(node, &words, &["credential"]));
        fields.finish("`fail`", &[], self);
        Some(Fail { category: transpose(category)?.unwrap_or(Category::Business), message: message? })
    }
}

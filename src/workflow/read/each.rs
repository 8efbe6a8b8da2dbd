//! Reader of `for_each`, and of the names that loops give to templates.

use super::fields::Fields;
use super::names::{nearest, one_of};
use super::target::transpose;
use super::{Around, Reader};
use crate::workflow::model::{Action, ForEach, Items, Kind, OnError, Step};
use crate::workflow::node::{Node, Tree};

/// What `loop` says while its steps run.
const DURING: [&str; 4] = ["index", "number", "total", "key"];

/// What it says when they have.
const AFTERWARDS: [&str; 4] = ["results", "total", "done", "failed"];

impl Reader {
    pub(super) fn for_each(&mut self, node: &Node, path: &str, depth: usize) -> Option<Action> {
        let mut fields = Fields::new(node, "`for_each`", self)?;
        let items = fields.require("in", "`for_each`", self).and_then(|node| self.items(node));
        let store_as = fields.take("as").map(|node| self.item_name(node));
        let key = fields.take("key");
        let checkpoint = fields.take("checkpoint");
        let kept = self.keeps(key, checkpoint);
        let words = [("stop", OnError::Stop), ("continue", OnError::Continue)];
        let on_error = fields.take("on_error").map(|node| self.choice(node, &words, &[]));
        let store_as = transpose(store_as)?;
        self.vars.extend(store_as.clone());
        self.around.push(Around::Loop { kept });
        let key = key.map(|node| self.expression(node));
        let steps = fields
            .require("steps", "`for_each`", self)
            .and_then(|node| self.steps(node, &format!("{path}/steps"), depth + 1));
        let result = fields.take("result").map(|node| self.value(node));
        self.around.pop();
        if kept && steps.as_ref().is_some_and(|steps| commits(steps) > 1) {
            let detail = "an item of a loop with a `key` may come to one commit: one word is kept of it, done or not";
            self.fault_with(node, detail, "make a loop of its own, with the same `key`, of the steps for the second");
        }
        self.looped = true;
        fields.finish("`for_each`", &[], self);
        Some(Action::ForEach(Box::new(ForEach {
            items: items?,
            store_as,
            key: transpose(key)?,
            checkpoint: kept,
            on_error: transpose(on_error)?.unwrap_or_default(),
            result: transpose(result)?,
            steps: steps?,
        })))
    }

    fn items(&mut self, node: &Node) -> Option<Items> {
        match &node.tree {
            Tree::List(_) => self.value(node).map(Items::List),
            Tree::Text(_) => self.expression(node).map(Items::Expression),
            _ => {
                let detail = format!("`in` is a list or an expression that yields one, this is {}", node.describe());
                self.fault_with(node, detail, "such as in: input.patients");
                None
            }
        }
    }

    fn item_name(&mut self, node: &Node) -> Option<String> {
        let text = self.text(node)?;
        self.variable(node, text)
    }

    /// Whether what became of each key is kept. There is one place for it: the loop's path and the key.
    fn keeps(&mut self, key: Option<&Node>, checkpoint: Option<&Node>) -> bool {
        let wanted = checkpoint.map(|node| self.boolean(node).unwrap_or(true));
        let Some(key) = key else {
            if let Some(node) = checkpoint.filter(|_| wanted == Some(true)) {
                let advice = "add key: <expression>, different for each item, such as key: item.mrn";
                self.fault_with(node, "`checkpoint` needs a `key`, by which an item is known again", advice);
            }
            return false;
        };
        if wanted == Some(false) {
            return false;
        }
        let advice = "add `checkpoint: false` here";
        if self.kind == Kind::App {
            self.fault_with(key, "a loop with a `key` keeps its state with a job, and an app has none", advice);
        } else if self.around.contains(&Around::Settle) {
            self.fault_with(key, "a loop with a `key` cannot stand in `settle`, which only finds out", advice);
        } else if self.loops_around() {
            let advice = "make one list of both before it, or add `checkpoint: false` here";
            self.fault_with(key, "a loop with a `key` cannot stand inside another loop", advice);
        }
        true
    }

    fn loops_around(&self) -> bool {
        self.around.iter().any(|around| matches!(around, Around::Loop { .. } | Around::Repeat))
    }

    pub(super) fn item_is_known(&mut self, node: &Node) {
        if !self.around.iter().any(|around| matches!(around, Around::Loop { .. })) {
            self.fault_with(node, "`item` is known inside a `for_each` only", "store what is needed later with `set`");
        }
    }

    pub(super) fn loop_is_known(&mut self, node: &Node, property: Option<&str>) {
        let during = self.loops_around();
        if !during && !self.looped {
            self.fault_with(
                node,
                "`loop` is known inside a `for_each` or `repeat`, and after a `for_each`",
                "there is none before this",
            );
            return;
        }
        let Some(property) = property else { return };
        let known: &[&str] = if during { &DURING } else { &AFTERWARDS };
        if known.contains(&property) {
            return;
        }
        let place = if during { "inside the loop" } else { "after the loop" };
        let advice = match nearest(property, known.iter().copied()) {
            Some(name) => format!("did you mean `loop.{name}`?"),
            None => format!("known there are {}", one_of(known)),
        };
        self.fault_with(node, format!("`loop.{property}` is not known {place}"), advice);
    }
}

/// How many commits one way through these steps may come to.
fn commits(steps: &[Step]) -> usize {
    let of_one = |step: &Step| {
        let inside = match &step.action {
            Action::If { then, otherwise, .. } => commits(then).max(commits(otherwise)),
            Action::ForEach(each) => commits(&each.steps),
            _ => 0,
        };
        usize::from(step.commit.is_some()) + inside
    };
    steps.iter().map(of_one).sum()
}

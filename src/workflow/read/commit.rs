//! Reader of what makes a step one that must not happen twice: `commit`, `verify`, `settle`; and of where it may not stand.

use std::time::Duration;

use super::fields::Fields;
use super::names::one_of;
use super::{Around, Reader};
use crate::time::format_duration;
use crate::workflow::model::{Commit, Kind, Settle};
use crate::workflow::node::Node;

/// Actions that change something outside. The others have nothing that could happen twice.
const COMMITTING: [&str; 10] =
    ["click", "double_click", "right_click", "drag", "type", "key", "paste", "run", "launch", "close"];

/// The step that the options belong to.
pub(super) struct Options<'step> {
    pub(super) action: Option<&'static str>,
    pub(super) path: &'step str,
    pub(super) depth: usize,
}

impl Reader {
    pub(super) fn commit(&mut self, fields: &mut Fields<'_>, options: &Options<'_>) -> Option<Commit> {
        let flag = fields.take("commit");
        let (verify, settle) = (fields.take("verify"), fields.take("settle"));
        let marked = flag.map(|node| self.boolean(node));
        let Some(node) = flag.filter(|_| marked != Some(Some(false))) else {
            let advice = "write `commit: true` beside it, or make it a `wait` or `assert` of its own";
            for (name, node) in [("verify", verify), ("settle", settle)] {
                if let Some(node) = node {
                    self.fault_with(node, format!("`{name}` belongs to a step with `commit: true`"), advice);
                }
            }
            return None;
        };
        self.may_commit(node, fields, options);
        self.may_stand_here(node);
        let verify = verify.and_then(|node| self.watch(node));
        let settle = settle.and_then(|node| self.settle(node, options));
        Some(Commit { verify, settle })
    }

    /// What the step itself must be and must not have.
    fn may_commit(&mut self, node: &Node, fields: &Fields<'_>, options: &Options<'_>) {
        if let Some(action) = options.action.filter(|action| !COMMITTING.contains(action)) {
            let detail = format!("`commit` has no meaning for `{action}`, which changes nothing by itself");
            let advice = match action {
                "call" => "a workflow that is called has no commits: write the steps here that must not happen twice"
                    .to_owned(),
                "if" | "for_each" | "repeat" | "try" => "mark the step inside that does".to_owned(),
                _ => format!("mark the step that does: {}", one_of(&COMMITTING)),
            };
            self.fault_with(node, detail, advice);
        }
        if let Some(node) = fields.peek("retries").filter(|node| node.to_json() != 0) {
            let detail = "`retries` does not go with `commit`: what may have happened is not tried again blindly";
            self.fault_with(node, detail, "leave it out; `settle` lets a later attempt find out and go on");
        }
        if let Some(node) = fields.peek("continue_on_error").filter(|node| node.to_json() == true) {
            let detail = "`continue_on_error` does not go with `commit`: what may have happened is not passed over";
            self.fault_with(node, detail, "leave it out");
        }
    }

    /// What stands around it, the nearest first.
    fn may_stand_here(&mut self, node: &Node) {
        if self.kind == Kind::App {
            let detail = "a commit cannot stand in an app: its steps are carried out as often as the app needs them";
            self.fault_with(node, detail, "put it into the workflow");
            return;
        }
        let around: Vec<Around> = self.around.iter().rev().copied().collect();
        for around in around {
            let (detail, advice) = match around {
                Around::Loop { kept: true } => continue,
                Around::Loop { kept: false } => (
                    "a commit in a loop needs the loop's `key`, or nobody knows for which items it is done".to_owned(),
                    "give the `for_each` a `key: <expression>`, different for each item, and leave `checkpoint: false` out",
                ),
                Around::Repeat => (
                    "a commit cannot stand in `repeat`, whose steps are carried out again and again".to_owned(),
                    "put it behind the `repeat`, or use `for_each` with a `key`",
                ),
                Around::Try => (
                    "a commit cannot stand in `try`: what may have happened is not passed over".to_owned(),
                    "put it behind the `try`; `settle` lets a later attempt find out and go on",
                ),
                Around::Settle => (
                    "a commit cannot stand in `settle`, whose steps only find out".to_owned(),
                    "look for what shows that it happened",
                ),
                Around::Retries(line) => (
                    format!("a commit cannot stand inside a step with `retries` (line {line})"),
                    "leave the `retries` out, or put them at the steps before the commit",
                ),
                Around::ContinueOnError(line) => (
                    format!("a commit cannot stand inside a step with `continue_on_error` (line {line})"),
                    "leave it out there, or put it at the steps before the commit",
                ),
            };
            self.fault_with(node, detail, advice);
            return;
        }
    }

    fn settle(&mut self, node: &Node, options: &Options<'_>) -> Option<Settle> {
        let mut fields = Fields::new(node, "`settle`", self)?;
        let after = fields.take("after").and_then(|node| self.settle_after(node));
        let (vars, looped) = (self.vars.clone(), self.looped);
        self.around.push(Around::Settle);
        let path = format!("{}/settle", options.path);
        let steps = fields.take("steps").and_then(|node| self.steps(node, &path, options.depth + 1));
        let done = fields.take("done");
        if done.is_none() {
            let advice =
                "write done: \"vars.found == '1'\" over what its steps have read, or a probe such as { window: Saved }";
            self.fault_with(node, "`settle` needs `done`, which says whether the step happened", advice);
        }
        let done = done.and_then(|node| self.condition(node));
        self.around.pop();
        // What they read is for `done`: on the usual way nothing of it is there.
        (self.vars, self.looped) = (vars, looped);
        fields.finish("`settle`", &[], self);
        Some(Settle { after: after.unwrap_or_default(), steps: steps.unwrap_or_default(), done: done? })
    }

    fn settle_after(&mut self, node: &Node) -> Option<Duration> {
        let after = self.duration(node)?;
        if after >= self.timeout {
            let limit = format_duration(self.timeout);
            let detail = format!("`after` is not shorter than the attempt's `timeout` of {limit}, which covers it");
            self.fault_with(node, detail, "make it shorter, or raise the workflow's `timeout`");
        }
        Some(after)
    }

    /// A later attempt that finds the step done goes on behind it, without a result of its own.
    pub(super) fn result_of_commit(&mut self, node: &Node, name: &str, commit: &Commit) {
        let in_loop = self.around.contains(&Around::Loop { kept: true });
        if commit.settle.as_ref().is_some_and(|settle| !in_loop && !settle.sets(name)) {
            let detail = format!("a later attempt that finds this step done would have no `vars.{name}`");
            self.fault_with(node, detail, format!("set it in the steps of `settle` too, or leave `as: {name}` out"));
        }
    }
}

//! Readers of steps around steps: `if`, `repeat`, `try`.

use super::fields::Fields;
use super::target::transpose;
use super::{Around, Reader};
use crate::workflow::limits;
use crate::workflow::model::{Action, Repeat, Step, Try};
use crate::workflow::node::Node;

impl Reader {
    /// The `if` of a step, with the branches beside it.
    pub(super) fn branches(
        &mut self,
        node: &Node,
        fields: &mut Fields<'_>,
        path: &str,
        depth: usize,
    ) -> Option<Action> {
        let condition = self.condition(node);
        let then =
            fields.require("then", "`if`", self).and_then(|node| self.steps(node, &format!("{path}/then"), depth + 1));
        let otherwise = fields.take("else").map(|node| self.steps(node, &format!("{path}/else"), depth + 1));
        let otherwise = transpose(otherwise)?.unwrap_or_default();
        Some(Action::If { condition: condition?, then: then?, otherwise })
    }

    pub(super) fn repeat(&mut self, node: &Node, path: &str, depth: usize) -> Option<Action> {
        let mut fields = Fields::new(node, "`repeat`", self)?;
        let until = fields.require("until", "`repeat`", self);
        let max = fields.require("max", "`repeat`", self).and_then(|node| self.count(node, 1, limits::ROUNDS));
        self.around.push(Around::Repeat);
        let steps = self.steps_under(&mut fields, "steps", "`repeat`", path, depth);
        let until = until.and_then(|node| self.condition(node));
        self.around.pop();
        fields.finish("`repeat`", &[], self);
        Some(Action::Repeat(Box::new(Repeat { until: until?, max: max?, steps: steps? })))
    }

    /// `error`: the variable that takes what was caught.
    pub(super) fn try_step(&mut self, node: &Node, error: Option<&Node>, path: &str, depth: usize) -> Option<Action> {
        let mut fields = Fields::new(node, "`try`", self)?;
        self.around.push(Around::Try);
        let steps = self.steps_under(&mut fields, "steps", "`try`", path, depth);
        if let Some(name) = error.and_then(Node::as_text) {
            self.vars.insert(name.to_owned());
        }
        let [catch, finally] = ["catch", "finally"]
            .map(|name| fields.take(name).map(|node| self.steps(node, &format!("{path}/{name}"), depth + 1)));
        self.around.pop();
        if catch.is_none() && finally.is_none() {
            let advice = "say what to do after a failure, or in any case; to pass over one, use `continue_on_error`";
            self.fault_with(node, "`try` needs `catch` or `finally`", advice);
        }
        fields.finish("`try`", &[], self);
        let [catch, finally] = [transpose(catch)?.unwrap_or_default(), transpose(finally)?.unwrap_or_default()];
        Some(Action::Try(Box::new(Try { steps: steps?, catch, finally })))
    }

    fn steps_under(
        &mut self,
        fields: &mut Fields<'_>,
        name: &'static str,
        what: &str,
        path: &str,
        depth: usize,
    ) -> Option<Vec<Step>> {
        let node = fields.require(name, what, self)?;
        self.steps(node, &format!("{path}/{name}"), depth + 1)
    }
}

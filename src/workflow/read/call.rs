//! Reader of `call`.

use super::fields::Fields;
use super::target::transpose;
use super::{Reader, place};
use crate::workflow::model::{Action, Call, Kind};
use crate::workflow::node::{Node, Tree};
use crate::workflow::value::ValueTemplate;

impl Reader {
    pub(super) fn call(&mut self, node: &Node) -> Option<Action> {
        if self.kind == Kind::App {
            let detail = "`call` cannot stand in an app: its steps serve every job, whichever workflow that runs";
            self.fault_with(node, detail, "write the steps themselves here");
            return None;
        }
        let mut fields = Fields::new(node, "`call`", self)?;
        let named = fields.require("workflow", "`call`", self);
        let workflow = named.and_then(|node| self.name(node));
        let input = fields.take("input").map(|node| self.call_input(node));
        fields.finish("`call`", &[], self);
        let place = place(named?);
        Some(Action::Call(Box::new(Call { workflow: workflow?, input: transpose(input)?, place })))
    }

    /// A mapping, or one whole template that yields one.
    fn call_input(&mut self, node: &Node) -> Option<ValueTemplate> {
        let value = match &node.tree {
            Tree::Map(_) => return self.value(node),
            Tree::Text(_) => self.template(node)?,
            _ => {
                self.fault(node, format!("`input` of `call` is a mapping, this is {}", node.describe()));
                return None;
            }
        };
        if !value.is_whole() {
            let advice = "such as { mrn: \"{{ input.mrn }}\" }, or one whole template that yields one";
            self.fault_with(node, "`input` of `call` is a mapping, this is text", advice);
            return None;
        }
        Some(ValueTemplate::Text(value))
    }
}

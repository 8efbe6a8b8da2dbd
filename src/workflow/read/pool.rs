//! Reader of `kind: pool`.

use super::fields::Fields;
use super::target::transpose;
use super::{Reader, unavailable};
use crate::workflow::limits;
use crate::workflow::model::{Display, Name, Pool};
use crate::workflow::node::Node;

impl Reader {
    pub(super) fn pool(&mut self, mut fields: Fields<'_>, name: Option<Name>) -> Option<Pool> {
        let description = fields.take("description").and_then(|node| self.prose(node));
        let apps = fields.take("apps").and_then(|node| self.app_names(node));
        let display = fields.take("display").map(|node| self.display(node));
        fields.finish("a pool", &unavailable::POOL, self);
        Some(Pool { name: name?, description, apps: apps.unwrap_or_default(), display: transpose(display)? })
    }

    fn display(&mut self, node: &Node) -> Option<Display> {
        let most = u32::try_from(limits::PIXELS).unwrap_or(u32::MAX);
        let mut fields = Fields::new(node, "`display`", self)?;
        let width = fields.require("width", "`display`", self).and_then(|node| self.count(node, 1, most));
        let height = fields.require("height", "`display`", self).and_then(|node| self.count(node, 1, most));
        let scale = fields.take("scale").map(|node| self.fraction(node, 0.25..=8.0));
        fields.finish("`display`", &[], self);
        Some(Display { width: width?, height: height?, scale: transpose(scale)? })
    }

    /// Names of apps, each once.
    pub(super) fn app_names(&mut self, node: &Node) -> Option<Vec<Name>> {
        let names = self.each(node, "`apps`", limits::ENTRIES, Self::name)?;
        let mut once: Vec<Name> = Vec::new();
        for name in names {
            if once.contains(&name) {
                self.fault(node, format!("the app `{name}` stands twice"));
            } else {
                once.push(name);
            }
        }
        Some(once)
    }
}

//! Reader of a workflow's `concurrency`.

use super::Reader;
use super::fields::Fields;
use crate::workflow::input::InputSchema;
use crate::workflow::limits;
use crate::workflow::model::Concurrency;
use crate::workflow::node::Node;
use crate::workflow::template::{Reference, Template};

impl Reader {
    /// `input` is the workflow's schema, where it could be read.
    pub(super) fn concurrency(&mut self, node: &Node, input: Option<&InputSchema>) -> Option<Concurrency> {
        let mut fields = Fields::new(node, "`concurrency`", self)?;
        let key = fields.take("key").map(|node| self.concurrency_key(node, input));
        let max = fields.require("max", "`concurrency`", self).and_then(|node| self.count(node, 1, limits::CONCURRENT));
        fields.finish("`concurrency`", &[], self);
        Some(Concurrency { key: super::target::transpose(key)?, max: max? })
    }

    /// Computed at submit: nothing but the input is known then. It is shown to who asks why a job waits.
    fn concurrency_key(&mut self, node: &Node, input: Option<&InputSchema>) -> Option<Template> {
        let other = node.as_text().and_then(|text| Template::new(text).ok()).and_then(|template| {
            let mut roots = template.references().iter().map(|reference| reference.root.clone());
            roots.find(|root| root != "input")
        });
        if let Some(root) = other {
            let detail =
                format!("`{root}` is not known yet when a job is submitted: this key is made from `input` alone");
            self.fault(node, detail);
            return None;
        }
        let key = self.filled(node)?;
        let sensitive = input.map(InputSchema::sensitive).unwrap_or_default();
        if let Some(secret) = key.references().iter().find(|reference| reads_any(reference, &sensitive)) {
            let name = secret.property.as_deref().map_or("input".to_owned(), |property| format!("input.{property}"));
            let detail =
                format!("`{name}` is marked x-sensitive, and this key is shown to operators: use another property");
            self.fault(node, detail);
            return None;
        }
        Some(key)
    }
}

/// Whether what it reads is, or holds, something at these pointers.
fn reads_any(reference: &Reference, pointers: &[String]) -> bool {
    let first = |pointer: &str| pointer.split('/').nth(1).map(|part| part.replace("~1", "/").replace("~0", "~"));
    pointers.iter().any(|pointer| match (&reference.property, first(pointer)) {
        (Some(property), Some(part)) => *property == part || part == "*",
        (None, _) | (_, None) => true,
    })
}

//! The keys of a mapping, of which none is left unread.

use super::Reader;
use super::names::nearest;
use crate::workflow::fault::Fault;
use crate::workflow::node::{Entry, Node, Tree};

/// A mapping being read. Keys are taken one by one; [`Fields::finish`] refuses what nobody took.
pub(super) struct Fields<'node> {
    pub(super) node: &'node Node,
    entries: &'node [Entry],
    asked: Vec<&'static str>,
}

impl<'node> Fields<'node> {
    /// `None`, with a fault, when the value is no mapping.
    pub(super) fn new(node: &'node Node, what: &str, reader: &mut Reader) -> Option<Self> {
        if let Tree::Map(entries) = &node.tree {
            return Some(Self { node, entries, asked: Vec::new() });
        }
        reader.fault(node, format!("{what} is a mapping, this is {}", node.describe()));
        None
    }

    /// As [`Fields::new`], where nothing at all stands for an empty mapping.
    pub(super) fn or_empty(node: &'node Node, what: &str, reader: &mut Reader) -> Option<Self> {
        if matches!(node.tree, Tree::Null) {
            return Some(Self { node, entries: &[], asked: Vec::new() });
        }
        Self::new(node, what, reader)
    }

    /// The value of a key, if it is there. The key counts as known from now on.
    pub(super) fn take(&mut self, key: &'static str) -> Option<&'node Node> {
        self.asked.push(key);
        self.peek(key)
    }

    /// As [`Fields::take`], with a fault when the key is not there.
    pub(super) fn require(&mut self, key: &'static str, what: &str, reader: &mut Reader) -> Option<&'node Node> {
        let value = self.take(key);
        if value.is_none() {
            reader.fault(self.node, format!("{what} needs `{key}`"));
        }
        value
    }

    /// Looks without taking.
    pub(super) fn peek(&self, key: &str) -> Option<&'node Node> {
        self.entries.iter().find(|entry| entry.key == key).map(|entry| &entry.value)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &'node str> + use<'node> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// Keys that may stand here and are none of this reader's business.
    pub(super) fn allow(&mut self, keys: &[&'static str]) {
        self.asked.extend_from_slice(keys);
    }

    fn known(&self) -> String {
        let once: std::collections::BTreeSet<&str> = self.asked.iter().copied().collect();
        once.into_iter().collect::<Vec<_>>().join(", ")
    }

    /// Refuses every key that was not taken; `later` are those of the language that this version does not have.
    pub(super) fn finish(self, what: &str, later: &[&'static str], reader: &mut Reader) {
        for entry in self.entries {
            if self.asked.contains(&entry.key.as_str()) {
                continue;
            }
            let mut fault = if later.contains(&entry.key.as_str()) {
                Fault::at(&entry.value, format!("`{}` is not available in this version", entry.key))
            } else {
                let fault = Fault::at(&entry.value, format!("unknown key `{}` in {what}", entry.key));
                let asked = nearest(&entry.key, self.asked.iter().copied());
                match asked.or_else(|| nearest(&entry.key, later.iter().copied())) {
                    Some(name) => fault.suggest(format!("did you mean `{name}`?")),
                    None => fault.suggest(format!("known are {}", self.known())),
                }
            };
            (fault.line, fault.column) = (entry.key_line, entry.key_column);
            reader.push(fault);
        }
    }
}

//! What the language names and this version does not have yet: refused by name, never ignored.

use super::Reader;
use crate::workflow::node::Node;

pub(super) const KINDS: [&str; 5] = ["credential", "trigger", "alert", "team", "provisioner"];
pub(super) const APP: [&str; 6] = ["login", "logout", "on_unknown", "unavailable", "max_sessions", "session"];
pub(super) const POOL: [&str; 5] = ["admission", "canary", "session", "baseline", "maintenance"];
pub(super) const ACTIONS: [&str; 3] = ["ask", "goto_screen", "until"];
/// Roots of templates.
pub(super) const ROOTS: [&str; 1] = ["credential"];

impl Reader {
    pub(super) fn unavailable(&mut self, node: &Node, name: &str) {
        self.fault(node, format!("`{name}` is not available in this version"));
    }
}

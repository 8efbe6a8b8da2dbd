//! What the language names and this version does not have yet: refused by name, never ignored.

use super::Reader;
use crate::workflow::node::Node;

pub(super) const KINDS: [&str; 5] = ["credential", "trigger", "alert", "team", "provisioner"];
pub(super) const APP: [&str; 7] =
    ["login", "logout", "on_popup", "on_unknown", "unavailable", "max_sessions", "session"];
pub(super) const POOL: [&str; 5] = ["admission", "canary", "session", "baseline", "maintenance"];
pub(super) const ACTIONS: [&str; 10] =
    ["select", "set_checked", "menu", "invoke", "set_value", "focus", "read_table", "ask", "goto_screen", "until"];
pub(super) const TARGETS: [&str; 1] = ["ui"];
pub(super) const VIA: [&str; 2] = ["scancode", "value"];
pub(super) const HOW: [&str; 1] = ["ui"];
/// Roots of templates.
pub(super) const ROOTS: [&str; 1] = ["credential"];

impl Reader {
    pub(super) fn unavailable(&mut self, node: &Node, name: &str) {
        self.fault(node, format!("`{name}` is not available in this version"));
    }
}

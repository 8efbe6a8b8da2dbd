//! The control tree: what applications say about their own buttons, fields and menus.

use super::Rect;

mod scene;
mod wanted;

pub use scene::Scene;
pub use wanted::Wanted;

/// Roles by their ARIA names, the same on every system. What has no counterpart there is `generic`.
pub const ROLES: [&str; 52] = [
    "alert",
    "application",
    "button",
    "cell",
    "checkbox",
    "columnheader",
    "combobox",
    "dialog",
    "document",
    "form",
    "generic",
    "grid",
    "group",
    "heading",
    "img",
    "label",
    "link",
    "list",
    "listbox",
    "listitem",
    "log",
    "menu",
    "menubar",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "meter",
    "option",
    "paragraph",
    "progressbar",
    "radio",
    "region",
    "row",
    "rowheader",
    "scrollbar",
    "separator",
    "slider",
    "spinbutton",
    "status",
    "switch",
    "tab",
    "table",
    "tablist",
    "tabpanel",
    "textbox",
    "timer",
    "toolbar",
    "tooltip",
    "tree",
    "treegrid",
    "treeitem",
    "window",
];

/// One element's name in its system, good while the element lives.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct ElementId {
    /// The application, as the system numbers it.
    pub owner: String,
    /// The element within it.
    pub object: String,
}

/// One element of an application's control tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Element {
    pub id: ElementId,
    /// Its parent's place in the same list, always before it. `None` for a window.
    pub parent: Option<usize>,
    /// One of [`ROLES`].
    pub role: &'static str,
    /// Its own name, else that of the label that names it; empty where there is neither.
    pub name: String,
    /// The name that its programmers gave it (`AutomationId` and the like); empty where they gave none.
    pub key: String,
    /// The text or number it holds; never that of a password field.
    pub value: Option<String>,
    /// In desktop pixels; `None` where it is not shown.
    pub rect: Option<Rect>,
    pub pid: u32,
    pub states: States,
}

impl Element {
    /// In a few words, for people.
    pub fn in_words(&self) -> String {
        match (self.name.as_str(), self.key.as_str()) {
            ("", "") => self.role.to_owned(),
            ("", key) => format!("{} {key}", self.role),
            (name, _) => format!("{} \"{name}\"", self.role),
        }
    }
}

/// What an element says of its state.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "they are independent, as systems report them")]
pub struct States {
    pub enabled: bool,
    pub focused: bool,
    pub editable: bool,
    pub selected: bool,
    /// Its text is never read.
    pub password: bool,
    /// What lies in it is shown only where it is: it scrolls.
    pub clips: bool,
    /// `None` for what cannot be checked.
    pub checked: Option<bool>,
    /// `None` for what does not open.
    pub expanded: Option<bool>,
}

/// A table as its application tells it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Grid {
    /// The headings; empty texts where it has none.
    pub columns: Vec<String>,
    pub rows: Vec<Vec<String>>,
}

/// What can be asked of an element without mouse or keyboard.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Its main action: a button's press, a menu's opening.
    Invoke,
    /// The keys go there.
    Focus,
    /// Replaces what it holds.
    SetValue(String),
    /// Becomes the chosen one among its siblings.
    Select,
}

impl Act {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Invoke => "be invoked",
            Self::Focus => "take the focus",
            Self::SetValue(_) => "be given a value",
            Self::Select => "be selected",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_in_order_and_named_once() {
        assert!(ROLES.is_sorted());
        assert!(ROLES.windows(2).all(|pair| pair[0] != pair[1]));
    }
}

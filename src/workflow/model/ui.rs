//! Controls by what their application says of them, and what is asked of them without mouse or keyboard.

use super::target::Target;
use crate::workflow::template::Template;

/// What kind of control, by its ARIA name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role(&'static str);

impl Role {
    /// In alphabetical order. What an application calls otherwise is `generic`.
    pub const ALL: [&'static str; 52] = [
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

    pub fn new(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| *role == word).map(Self)
    }

    pub const fn as_str(self) -> &'static str {
        self.0
    }
}

/// All that is given must match; at least one is given.
#[derive(Clone, Debug)]
pub struct UiTarget {
    pub role: Option<Role>,
    /// The whole name, blanks at its ends aside.
    pub name: Option<Template>,
    /// The name that the application's programmers gave it.
    pub id: Option<Template>,
    /// The whole of what it holds.
    pub value: Option<Template>,
    /// Names or roles of what it lies in, from outside to inside, ending with itself: `Settings > Network > OK`. Levels may be left out.
    pub path: Option<Template>,
}

/// Something asked of a control through its application.
#[derive(Clone, Debug)]
pub struct Control {
    pub target: Target,
    pub request: Request,
}

#[derive(Clone, Debug)]
pub enum Request {
    /// Its main action: a button's press.
    Invoke,
    Focus,
    SetValue(Template),
    SetChecked(Checked),
    /// The option of that name, of a list, a combo box, tabs or a tree.
    Select(Template),
}

impl Request {
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Invoke => "invoke",
            Self::Focus => "focus",
            Self::SetValue(_) => "set_value",
            Self::SetChecked(_) => "set_checked",
            Self::Select(_) => "select",
        }
    }
}

/// Written down, or computed by a template that yields true or false.
#[derive(Clone, Debug)]
pub enum Checked {
    Fixed(bool),
    Computed(Template),
}

/// Names of menus and at last of an item: `File > Print`.
pub const PATH_SEPARATOR: char = '>';

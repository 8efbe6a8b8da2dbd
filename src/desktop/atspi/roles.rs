//! The numbers of AT-SPI 2 in our words: roles (`AtspiRole`) and states (`AtspiStateType`).

use crate::desktop::ui::States;

/// The ARIA name of a role's number.
pub(super) fn aria(role: u32) -> &'static str {
    match role {
        2 | 101 | 102 => "alert",
        75 => "application",
        43 | 62 | 129 => "button",
        56 => "cell",
        7 => "checkbox",
        10 | 57 => "columnheader",
        11 => "combobox",
        9 | 16 | 19 | 22 => "dialog",
        82 | 92..=96 => "document",
        87 => "form",
        38 => "tablist",
        37 => "tab",
        99 => "group",
        83 => "heading",
        26 | 27 => "img",
        29 | 81 | 116 => "label",
        88 => "link",
        31 => "list",
        98 => "listbox",
        32 => "listitem",
        111 => "log",
        33 | 41 => "menu",
        34 => "menubar",
        35 | 59 => "menuitem",
        8 => "menuitemcheckbox",
        45 => "menuitemradio",
        103 => "meter",
        73 => "paragraph",
        42 => "progressbar",
        44 => "radio",
        110 => "region",
        90 => "row",
        47 | 58 => "rowheader",
        48 => "scrollbar",
        50 => "separator",
        51 => "slider",
        52 => "spinbutton",
        54 => "status",
        130 => "switch",
        55 => "table",
        40 | 60 | 61 | 76 | 77 | 79 => "textbox",
        115 => "timer",
        63 => "toolbar",
        64 => "tooltip",
        65 => "tree",
        66 => "treegrid",
        91 => "treeitem",
        23 | 69 => "window",
        _ => "generic",
    }
}

const PASSWORD: u32 = 40;

/// A set of states, 64 bits in two words.
#[derive(Clone, Copy)]
pub(super) struct Bits(u64);

impl Bits {
    pub(super) fn new(words: &[u32]) -> Self {
        let word = |at: usize| u64::from(words.get(at).copied().unwrap_or_default());
        Self(word(0) | word(1) << 32)
    }

    fn has(self, number: u32) -> bool {
        self.0 >> number & 1 == 1
    }

    /// Drawn, as far as the application knows: not in a closed menu, not on another tab.
    pub(super) fn is_shown(self) -> bool {
        const SHOWING: u32 = 25;
        const VISIBLE: u32 = 30;
        self.has(SHOWING) && self.has(VISIBLE)
    }

    /// Gone, though it still has a name.
    pub(super) fn is_defunct(self) -> bool {
        const DEFUNCT: u32 = 6;
        self.has(DEFUNCT)
    }

    /// Its children are made up when asked for, one for each cell of a sheet: there is no end to them.
    pub(super) fn makes_children_up(self) -> bool {
        const MANAGES_DESCENDANTS: u32 = 31;
        self.has(MANAGES_DESCENDANTS)
    }

    pub(super) fn states(self, role: u32) -> States {
        const CHECKED: u32 = 4;
        const EDITABLE: u32 = 7;
        const ENABLED: u32 = 8;
        const EXPANDABLE: u32 = 9;
        const EXPANDED: u32 = 10;
        const FOCUSED: u32 = 12;
        const PRESSED: u32 = 20;
        const SELECTED: u32 = 23;
        const SENSITIVE: u32 = 24;
        const CHECKABLE: u32 = 41;
        const TOGGLE_BUTTON: u32 = 62;
        let checkable = self.has(CHECKABLE) || matches!(role, 7 | 8 | 44 | 45 | 130 | TOGGLE_BUTTON);
        let checked = self.has(CHECKED) || role == TOGGLE_BUTTON && self.has(PRESSED);
        States {
            enabled: self.has(ENABLED) && self.has(SENSITIVE),
            focused: self.has(FOCUSED),
            editable: self.has(EDITABLE) || role == PASSWORD,
            selected: self.has(SELECTED),
            password: role == PASSWORD,
            // Scroll panes and viewports.
            clips: matches!(role, 49 | 68),
            checked: checkable.then_some(checked),
            expanded: self.has(EXPANDABLE).then(|| self.has(EXPANDED)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::ui::ROLES;

    #[test]
    fn every_number_has_one_of_the_roles() {
        for role in 0..200 {
            assert!(ROLES.contains(&aria(role)), "{role}");
        }
        assert_eq!(aria(43), "button");
    }

    #[test]
    fn a_password_field_says_so_and_a_toggle_button_is_checked_where_it_is_pressed() {
        let bits = Bits::new(&[1 << 8 | 1 << 20 | 1 << 24 | 1 << 25 | 1 << 30, 0]);
        assert!(bits.is_shown());
        assert_eq!(bits.states(62).checked, Some(true));
        assert_eq!(bits.states(43).checked, None);
        assert!(bits.states(PASSWORD).password);
        assert!(bits.states(43).enabled);
        assert!(Bits::new(&[0, 1 << 9]).states(35).checked == Some(false), "the second word counts");
    }
}

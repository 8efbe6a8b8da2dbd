//! What a window is, by its class and style.

use windows::Win32::UI::WindowsAndMessaging::{
    BS_3STATE, BS_AUTO3STATE, BS_AUTOCHECKBOX, BS_AUTORADIOBUTTON, BS_CHECKBOX, BS_GROUPBOX, BS_RADIOBUTTON,
    BS_TYPEMASK, CBS_DROPDOWNLIST, ES_PASSWORD, ES_READONLY,
};

/// The class of the system's dialogs.
pub(super) const DIALOG: &str = "#32770";

/// Bits of a combo box that say how it is typed into.
const COMBO_MASK: u32 = 3;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Window,
    Button,
    CheckBox,
    Radio,
    Group,
    Field,
    Label,
    ComboBox,
    ListBox,
    /// Known by its role alone.
    Other(&'static str),
}

/// Classes of the system's own controls and of those that are everywhere, in lower case.
const CLASSES: [(&str, Kind); 24] = [
    ("combobox", Kind::ComboBox),
    ("comboboxex32", Kind::Other("group")),
    ("combolbox", Kind::ListBox),
    ("edit", Kind::Field),
    ("listbox", Kind::ListBox),
    ("mdiclient", Kind::Other("region")),
    ("msctls_hotkey32", Kind::Other("textbox")),
    ("msctls_progress32", Kind::Other("progressbar")),
    ("msctls_statusbar32", Kind::Other("status")),
    ("msctls_trackbar32", Kind::Other("slider")),
    ("msctls_updown32", Kind::Other("spinbutton")),
    ("rebarwindow32", Kind::Other("toolbar")),
    ("richedit", Kind::Field),
    ("richedit20a", Kind::Field),
    ("richedit20w", Kind::Field),
    ("richedit50w", Kind::Field),
    ("scrollbar", Kind::Other("scrollbar")),
    ("static", Kind::Label),
    ("sysdatetimepick32", Kind::Other("textbox")),
    ("sysheader32", Kind::Other("row")),
    ("syslistview32", Kind::Other("grid")),
    ("systabcontrol32", Kind::Other("tablist")),
    ("systreeview32", Kind::Other("tree")),
    ("toolbarwindow32", Kind::Other("toolbar")),
];

impl Kind {
    pub(super) fn of(class: &str, style: u32) -> Self {
        let class = class.to_lowercase();
        if class == "button" {
            return button(style);
        }
        if class == DIALOG {
            // A page inside of a dialog.
            return Self::Other("group");
        }
        CLASSES.iter().find(|(known, _)| *known == class).map_or(Self::Other("generic"), |(_, kind)| *kind)
    }

    /// By its ARIA name.
    pub(super) const fn role(self) -> &'static str {
        match self {
            Self::Window => "window",
            Self::Button => "button",
            Self::CheckBox => "checkbox",
            Self::Radio => "radio",
            Self::Group => "group",
            Self::Field => "textbox",
            Self::Label => "label",
            Self::ComboBox => "combobox",
            Self::ListBox => "listbox",
            Self::Other(role) => role,
        }
    }

    pub(super) const fn is_checkable(self) -> bool {
        matches!(self, Self::CheckBox | Self::Radio)
    }

    pub(super) fn is_editable(self, style: u32) -> bool {
        match self {
            Self::Field => style & bits(ES_READONLY) == 0,
            Self::ComboBox => style & COMBO_MASK != bits(CBS_DROPDOWNLIST),
            _ => false,
        }
    }

    pub(super) fn is_password(self, style: u32) -> bool {
        self == Self::Field && style & bits(ES_PASSWORD) != 0
    }
}

fn button(style: u32) -> Kind {
    let kind = style & bits(BS_TYPEMASK);
    let is = |kinds: &[i32]| kinds.iter().any(|other| bits(*other) == kind);
    if is(&[BS_CHECKBOX, BS_AUTOCHECKBOX, BS_3STATE, BS_AUTO3STATE]) {
        Kind::CheckBox
    } else if is(&[BS_RADIOBUTTON, BS_AUTORADIOBUTTON]) {
        Kind::Radio
    } else if is(&[BS_GROUPBOX]) {
        Kind::Group
    } else {
        Kind::Button
    }
}

const fn bits(style: i32) -> u32 {
    style.cast_unsigned()
}

/// A text as it is shown: `&` marks the letter to press, `&&` is one.
pub(super) fn without_mnemonic(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(char) = chars.next() {
        if char != '&' {
            shown.push(char);
        } else if let Some(marked) = chars.next() {
            shown.push(marked);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_and_its_style_are_a_kind() {
        assert_eq!(Kind::of("Button", 0x5001_0000), Kind::Button);
        assert_eq!(Kind::of("Button", 0x5001_0003), Kind::CheckBox);
        assert_eq!(Kind::of("Button", 0x5000_0009), Kind::Radio);
        assert_eq!(Kind::of("BUTTON", 0x5000_0007), Kind::Group);
        assert_eq!(Kind::of("Edit", 0), Kind::Field);
        assert_eq!(Kind::of("SysTreeView32", 0).role(), "tree");
        assert_eq!(Kind::of("Chrome_WidgetWin_1", 0).role(), "generic");
        assert!(Kind::Field.is_password(bits(ES_PASSWORD)) && !Kind::Label.is_password(bits(ES_PASSWORD)));
        assert!(Kind::Field.is_editable(0) && !Kind::Field.is_editable(bits(ES_READONLY)));
        assert!(!Kind::ComboBox.is_editable(bits(CBS_DROPDOWNLIST)));
    }

    #[test]
    fn every_kind_has_a_role_that_exists() {
        let roles = CLASSES.iter().map(|(_, kind)| kind.role());
        for role in roles {
            assert!(crate::desktop::ui::ROLES.contains(&role), "{role}");
        }
        assert!(CLASSES.iter().all(|(class, _)| *class == class.to_lowercase()));
    }

    #[test]
    fn a_mark_is_not_shown() {
        assert_eq!(without_mnemonic("&Save"), "Save");
        assert_eq!(without_mnemonic("Salt && Pepper &x"), "Salt & Pepper x");
        assert_eq!(without_mnemonic("end&"), "end");
    }
}

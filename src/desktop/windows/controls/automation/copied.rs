//! One element, from what was copied of it.

use windows::Win32::UI::Accessibility::{
    ExpandCollapseState, ExpandCollapseState_Expanded, ExpandCollapseState_LeafNode,
    ExpandCollapseState_PartiallyExpanded, IUIAutomationElement, IUIAutomationTextPattern, ToggleState_On,
    UIA_AutomationIdPropertyId, UIA_BoundingRectanglePropertyId, UIA_CONTROLTYPE_ID, UIA_ControlTypePropertyId,
    UIA_ExpandCollapseExpandCollapseStatePropertyId, UIA_HasKeyboardFocusPropertyId, UIA_IsEnabledPropertyId,
    UIA_IsExpandCollapsePatternAvailablePropertyId, UIA_IsOffscreenPropertyId, UIA_IsPasswordPropertyId,
    UIA_IsRangeValuePatternAvailablePropertyId, UIA_IsScrollPatternAvailablePropertyId,
    UIA_IsSelectionItemPatternAvailablePropertyId, UIA_IsTextPatternAvailablePropertyId,
    UIA_IsTogglePatternAvailablePropertyId, UIA_IsValuePatternAvailablePropertyId, UIA_NamePropertyId, UIA_PROPERTY_ID,
    UIA_RangeValueValuePropertyId, UIA_SelectionItemIsSelectedPropertyId, UIA_TextPatternId,
    UIA_ToggleToggleStatePropertyId, UIA_ValueIsReadOnlyPropertyId, UIA_ValueValuePropertyId,
};

use super::pattern;
use crate::desktop::{
    Rect,
    ui::{Element, ElementId, States},
    windows::{capture::Screen, shown},
};

/// What is copied of each.
pub(super) const PROPERTIES: [UIA_PROPERTY_ID; 21] = [
    UIA_AutomationIdPropertyId,
    UIA_BoundingRectanglePropertyId,
    UIA_ControlTypePropertyId,
    UIA_ExpandCollapseExpandCollapseStatePropertyId,
    UIA_HasKeyboardFocusPropertyId,
    UIA_IsEnabledPropertyId,
    UIA_IsExpandCollapsePatternAvailablePropertyId,
    UIA_IsOffscreenPropertyId,
    UIA_IsPasswordPropertyId,
    UIA_IsRangeValuePatternAvailablePropertyId,
    UIA_IsScrollPatternAvailablePropertyId,
    UIA_IsSelectionItemPatternAvailablePropertyId,
    UIA_IsTogglePatternAvailablePropertyId,
    UIA_IsValuePatternAvailablePropertyId,
    UIA_NamePropertyId,
    UIA_RangeValueValuePropertyId,
    UIA_SelectionItemIsSelectedPropertyId,
    UIA_ToggleToggleStatePropertyId,
    UIA_ValueIsReadOnlyPropertyId,
    UIA_ValueValuePropertyId,
    UIA_IsTextPatternAvailablePropertyId,
];

/// Longer texts are cut: what a whole document holds is asked of the application itself.
const MAX_TEXT: i32 = 4_000;

/// Control types by number, from the first on.
const FIRST_TYPE: i32 = 50_000;

/// What the types are called in ARIA.
const ROLES: [&str; 41] = [
    "button",
    "group",
    "checkbox",
    "combobox",
    "textbox",
    "link",
    "img",
    "option",
    "listbox",
    "menu",
    "menubar",
    "menuitem",
    "progressbar",
    "radio",
    "scrollbar",
    "slider",
    "spinbutton",
    "status",
    "tablist",
    "tab",
    "label",
    "toolbar",
    "tooltip",
    "tree",
    "treeitem",
    "generic",
    "group",
    "generic",
    "grid",
    "row",
    "document",
    "button",
    "window",
    "generic",
    "row",
    "columnheader",
    "table",
    "generic",
    "separator",
    "generic",
    "toolbar",
];

/// `parent` is its place in the list and its role.
pub(super) fn read(
    element: &IUIAutomationElement,
    id: ElementId,
    (parent, around): (Option<usize>, Option<&'static str>),
    screen: &Screen,
    pid: u32,
) -> Element {
    let has = |property| flag(element, property) == Some(true);
    let opens = has(UIA_IsExpandCollapsePatternAvailablePropertyId)
        .then(|| number(element, UIA_ExpandCollapseExpandCollapseStatePropertyId).map(ExpandCollapseState))
        .flatten()
        .filter(|state| *state != ExpandCollapseState_LeafNode);
    let toggles = has(UIA_IsTogglePatternAvailablePropertyId);
    // SAFETY: reads what was copied.
    let kind = unsafe { element.CachedControlType() }.unwrap_or_default();
    let role = role(kind, around, (opens.is_some(), toggles));
    // SAFETY: as above.
    let (name, key) = unsafe { (element.CachedName(), element.CachedAutomationId()) };
    let password = has(UIA_IsPasswordPropertyId);
    let has_value = has(UIA_IsValuePatternAvailablePropertyId);
    let selects = has(UIA_IsSelectionItemPatternAvailablePropertyId);
    let selected = selects && has(UIA_SelectionItemIsSelectedPropertyId);
    let checked = match role {
        "radio" => selects.then_some(selected),
        _ => toggles.then(|| number(element, UIA_ToggleToggleStatePropertyId) == Some(ToggleState_On.0)),
    };
    let is_read_only = has_value && has(UIA_ValueIsReadOnlyPropertyId);
    let enabled = has(UIA_IsEnabledPropertyId);
    Element {
        id,
        parent,
        role,
        name: name.map(|name| name.to_string()).unwrap_or_default(),
        key: key.map(|key| key.to_string()).unwrap_or_default(),
        value: if password { None } else { value(element, role, has_value) },
        rect: place(element, screen),
        pid,
        states: States {
            enabled,
            focused: has(UIA_HasKeyboardFocusPropertyId),
            editable: enabled
                && !is_read_only
                && matches!(role, "textbox" | "document" | "combobox" | "spinbutton")
                && (has_value || has(UIA_IsTextPatternAvailablePropertyId)),
            selected,
            password,
            clips: has(UIA_IsScrollPatternAvailablePropertyId),
            checked,
            expanded: opens
                .map(|state| [ExpandCollapseState_Expanded, ExpandCollapseState_PartiallyExpanded].contains(&state)),
        },
    }
}

/// `opens` and `toggles`: what tells kinds of menu entries apart.
fn role(kind: UIA_CONTROLTYPE_ID, around: Option<&str>, (opens, toggles): (bool, bool)) -> &'static str {
    let known = usize::try_from(kind.0 - FIRST_TYPE).ok().and_then(|at| ROLES.get(at).copied()).unwrap_or("generic");
    match known {
        "menuitem" if opens => "menu",
        "menuitem" if toggles => "menuitemcheckbox",
        // Bars by their content, which the system calls menus too.
        "menu" if around.is_some_and(|around| !around.starts_with("menu")) => "menubar",
        "window" if around.is_some() => "dialog",
        // A line of a table is no option.
        "option" if around == Some("grid") => "row",
        other => other,
    }
}

fn value(element: &IUIAutomationElement, role: &str, has_value: bool) -> Option<String> {
    if has_value {
        return text(element, UIA_ValueValuePropertyId).map(|text| text.replace("\r\n", "\n").replace('\r', "\n"));
    }
    if flag(element, UIA_IsRangeValuePatternAvailablePropertyId) == Some(true) {
        // SAFETY: reads what was copied.
        let value = unsafe { element.GetCachedPropertyValue(UIA_RangeValueValuePropertyId) }.ok()?;
        return f64::try_from(&value).ok().map(|number| number.to_string());
    }
    if !matches!(role, "textbox" | "document") || flag(element, UIA_IsTextPatternAvailablePropertyId) != Some(true) {
        return None;
    }
    let content: IUIAutomationTextPattern = pattern(element, UIA_TextPatternId)?;
    // SAFETY: asks for no more than the limit.
    let text = unsafe { content.DocumentRange().ok()?.GetText(MAX_TEXT) }.ok()?;
    Some(text.to_string().replace("\r\n", "\n").replace('\r', "\n"))
}

fn place(element: &IUIAutomationElement, screen: &Screen) -> Option<Rect> {
    if flag(element, UIA_IsOffscreenPropertyId) == Some(true) {
        return None;
    }
    // SAFETY: reads what was copied.
    let rect = unsafe { element.CachedBoundingRectangle() }.ok()?;
    Some(shown::ours(rect, screen)).filter(|rect| !rect.is_empty())
}

fn flag(element: &IUIAutomationElement, property: UIA_PROPERTY_ID) -> Option<bool> {
    // SAFETY: reads what was copied.
    let value = unsafe { element.GetCachedPropertyValue(property) }.ok()?;
    bool::try_from(&value).ok()
}

fn number(element: &IUIAutomationElement, property: UIA_PROPERTY_ID) -> Option<i32> {
    // SAFETY: reads what was copied.
    let value = unsafe { element.GetCachedPropertyValue(property) }.ok()?;
    i32::try_from(&value).ok()
}

fn text(element: &IUIAutomationElement, property: UIA_PROPERTY_ID) -> Option<String> {
    // SAFETY: reads what was copied.
    let value = unsafe { element.GetCachedPropertyValue(property) }.ok()?;
    windows::core::BSTR::try_from(&value).ok().map(|text| text.to_string())
}

#[cfg(test)]
mod tests {
    use windows::Win32::UI::Accessibility::{
        UIA_AppBarControlTypeId, UIA_ButtonControlTypeId, UIA_EditControlTypeId, UIA_HeaderItemControlTypeId,
        UIA_MenuItemControlTypeId, UIA_TabItemControlTypeId, UIA_TreeItemControlTypeId, UIA_WindowControlTypeId,
    };

    use super::*;

    #[test]
    fn control_types_are_called_as_everywhere() {
        let plain = |kind| role(kind, None, (false, false));
        assert_eq!(plain(UIA_ButtonControlTypeId), "button");
        assert_eq!(plain(UIA_EditControlTypeId), "textbox");
        assert_eq!(plain(UIA_TabItemControlTypeId), "tab");
        assert_eq!(plain(UIA_TreeItemControlTypeId), "treeitem");
        assert_eq!(plain(UIA_HeaderItemControlTypeId), "columnheader");
        assert_eq!(plain(UIA_AppBarControlTypeId), "toolbar");
        assert_eq!(plain(UIA_CONTROLTYPE_ID(50_999)), "generic");
        assert_eq!(role(UIA_MenuItemControlTypeId, Some("menubar"), (true, false)), "menu");
        assert_eq!(role(UIA_MenuItemControlTypeId, Some("menu"), (false, true)), "menuitemcheckbox");
        assert_eq!(role(UIA_WindowControlTypeId, Some("window"), (false, false)), "dialog");
        assert!(ROLES.iter().all(|role| crate::desktop::ui::ROLES.contains(role)));
    }
}

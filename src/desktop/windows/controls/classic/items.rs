//! What can be chosen in list boxes and combo boxes: no windows, but lines of one.

use windows::Win32::{
    Foundation::{HWND, RECT},
    Graphics::Gdi::ClientToScreen,
    UI::WindowsAndMessaging::{
        CB_GETCOUNT, CB_GETCURSEL, CB_GETLBTEXT, CB_GETLBTEXTLEN, GWL_STYLE, GetWindowLongPtrW, IsWindowVisible,
        LB_GETCOUNT, LB_GETITEMRECT, LB_GETSEL, LB_GETTEXT, LB_GETTEXTLEN, LBS_HASSTRINGS, LBS_OWNERDRAWFIXED,
        LBS_OWNERDRAWVARIABLE,
    },
};

use super::{Ear, Kind, id};
use crate::desktop::{
    Rect,
    ui::{Element, States},
    windows::{capture::Screen, shown},
};

/// Lines of one list that are looked at.
const MAX_ITEMS: usize = 1_000;

/// Adds the lines of a window, which stands at a place of the list.
pub(super) fn add(
    elements: &mut Vec<Element>,
    ear: &mut Ear,
    screen: &Screen,
    (window, kind, parent): (HWND, Kind, usize),
    room: usize,
) {
    let count = match kind {
        Kind::ListBox if has_texts(window) => ear.count(window, LB_GETCOUNT, 0),
        Kind::ComboBox => ear.count(window, CB_GETCOUNT, 0),
        _ => None,
    };
    let of = |name, item: usize, rect, selected| Element {
        id: id(elements[parent].pid, window, Some(item)),
        parent: Some(parent),
        role: "option",
        name,
        key: String::new(),
        value: None,
        rect,
        pid: elements[parent].pid,
        states: States { enabled: elements[parent].states.enabled, selected, ..States::default() },
    };
    let chosen = if kind == Kind::ComboBox { ear.count(window, CB_GETCURSEL, 0) } else { None };
    let mut lines = Vec::new();
    for item in 0..count.unwrap_or_default().min(MAX_ITEMS).min(room) {
        let line = if kind == Kind::ComboBox {
            let Some(name) = ear.item(window, (CB_GETLBTEXTLEN, CB_GETLBTEXT), item) else { break };
            // Where it is shown, the list that was dropped tells.
            of(name, item, None, chosen == Some(item))
        } else {
            let Some(name) = ear.item(window, (LB_GETTEXTLEN, LB_GETTEXT), item) else { break };
            let selected = ear.count(window, LB_GETSEL, item).is_some_and(|selected| selected > 0);
            of(name, item, place(ear, window, item, screen), selected)
        };
        lines.push(line);
    }
    elements.extend(lines);
}

/// The owner of a list that is drawn by hand may keep numbers in it, which are no texts to read.
fn has_texts(window: HWND) -> bool {
    // SAFETY: asks only.
    let style = unsafe { GetWindowLongPtrW(window, GWL_STYLE) };
    let has = |bit: i32| style & isize::try_from(bit).unwrap_or_default() != 0;
    has(LBS_HASSTRINGS) || !(has(LBS_OWNERDRAWFIXED) || has(LBS_OWNERDRAWVARIABLE))
}

fn place(ear: &mut Ear, window: HWND, item: usize, screen: &Screen) -> Option<Rect> {
    let mut rect = RECT::default();
    let told = ear.ask(window, LB_GETITEMRECT, item, &raw mut rect as isize)?;
    let mut corner = windows::Win32::Foundation::POINT::default();
    // SAFETY: the pointer is to a local that outlives the call.
    let (visible, moved) = unsafe { (IsWindowVisible(window), ClientToScreen(window, &raw mut corner)) };
    let is_place = isize::try_from(told).is_ok() && visible.as_bool() && moved.as_bool();
    let rect = RECT {
        left: rect.left.saturating_add(corner.x),
        top: rect.top.saturating_add(corner.y),
        right: rect.right.saturating_add(corner.x),
        bottom: rect.bottom.saturating_add(corner.y),
    };
    is_place.then(|| shown::ours(rect, screen)).filter(|rect| !rect.is_empty())
}

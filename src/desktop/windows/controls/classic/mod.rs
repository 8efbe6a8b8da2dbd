//! The control tree from what every classic application tells without being asked to: its windows inside of windows.
//!
//! Buttons, fields, lists and boxes of the system's own classes are windows with a class, a style, a text and a number; the rest is asked
//! by messages that the system carries between processes. Each message has a limit, and so has the whole look: a window that does not
//! answer is asked nothing more. What draws its controls itself (WPF, browsers, Java) is one element without children.

#![expect(unsafe_code, reason = "the system's calls are foreign functions")]

use std::collections::HashMap;

use windows::{
    Win32::{
        Foundation::{HWND, LPARAM, RECT},
        UI::{
            Input::KeyboardAndMouse::IsWindowEnabled,
            WindowsAndMessaging::{
                EnumChildWindows, GA_PARENT, GUITHREADINFO, GWL_STYLE, GetAncestor, GetDlgCtrlID, GetGUIThreadInfo,
                GetWindowLongPtrW, GetWindowRect, GetWindowThreadProcessId, RealGetWindowClassW,
            },
        },
    },
    core::BOOL,
};

use crate::desktop::{
    Rect, Stopwatch,
    ui::{Element, ElementId, States},
    windows::{capture::Screen, shown},
};

mod act;
mod items;
mod kinds;
mod messages;

use super::MAX_ELEMENTS;
pub(super) use act::act;
use kinds::Kind;
use messages::Ear;

/// Longest name of a class that is read.
const MAX_CLASS: usize = 256;

/// Of controls that nobody needs to tell apart.
const NO_NUMBER: i32 = 0xffff;

/// A list that a combo box has dropped: a window of its own, above all others.
const DROPPED_LIST: &str = "ComboLBox";

/// Looks at one window after another; who did not answer once is asked no more.
pub(super) struct Look<'s> {
    screen: &'s Screen,
    watch: Stopwatch,
    ear: Ear,
    elements: Vec<Element>,
}

impl<'s> Look<'s> {
    pub(super) fn new(screen: &'s Screen, watch: Stopwatch) -> Self {
        Self { screen, watch, ear: Ear::default(), elements: Vec::new() }
    }

    /// A window of an application, and all in it; parents are places in this list.
    pub(super) fn tree(&mut self, root: HWND) -> Vec<Element> {
        self.gather(root);
        std::mem::take(&mut self.elements)
    }

    fn gather(&mut self, root: HWND) {
        let focused = focused_in(root);
        let mut places = HashMap::new();
        for window in std::iter::once(root).chain(children(root)) {
            if self.watch.left(super::LOOK).is_none() || self.elements.len() >= MAX_ELEMENTS {
                break;
            }
            // SAFETY: asks only.
            let above = unsafe { GetAncestor(window, GA_PARENT) };
            let parent = places.get(&(above.0 as usize)).copied();
            if parent.is_none() && window != root {
                continue;
            }
            let (element, kind) = self.element(window, parent, focused);
            let at = self.elements.len();
            places.insert(window.0 as usize, at);
            self.elements.push(element);
            let left = MAX_ELEMENTS - self.elements.len();
            items::add(&mut self.elements, &mut self.ear, self.screen, (window, kind, at), left);
        }
    }

    fn element(&mut self, window: HWND, parent: Option<usize>, focused: HWND) -> (Element, Kind) {
        let pid = shown::pid(window).unwrap_or_default();
        // SAFETY: asks only.
        let (style, number, enabled) =
            unsafe { (GetWindowLongPtrW(window, GWL_STYLE), GetDlgCtrlID(window), IsWindowEnabled(window).as_bool()) };
        let style = u32::try_from(style & 0xffff_ffff).unwrap_or_default();
        let class = real_class(window);
        let kind = if parent.is_none() && class != DROPPED_LIST { Kind::Window } else { Kind::of(&class, style) };
        let password = kind.is_password(style);
        let text = if password { None } else { self.ear.text(window) };
        let (name, value) = match kind {
            Kind::Field | Kind::ComboBox => (String::new(), text.map(|text| text.replace("\r\n", "\n"))),
            Kind::Window => (text.unwrap_or_default(), None),
            _ => (kinds::without_mnemonic(&text.unwrap_or_default()), None),
        };
        let is_child = parent.is_some();
        let element = Element {
            id: id(pid, window, None),
            parent,
            role: if kind == Kind::Window && class == kinds::DIALOG { "dialog" } else { kind.role() },
            name,
            // As UI Automation names them too.
            key: if is_child && (1..NO_NUMBER).contains(&number) { number.to_string() } else { String::new() },
            value,
            rect: if shown::is_visible(window) { place(window, self.screen) } else { None },
            pid,
            states: States {
                enabled,
                focused: window == focused,
                editable: enabled && kind.is_editable(style),
                selected: false,
                password,
                // A window in a window is seen only inside of it.
                clips: is_child,
                checked: if kind.is_checkable() { self.ear.checked(window) } else { None },
                expanded: None,
            },
        };
        (element, kind)
    }
}

/// One item of a window, by its number, or the window.
fn id(pid: u32, window: HWND, item: Option<usize>) -> ElementId {
    let item = item.map(|item| format!("/{item}")).unwrap_or_default();
    ElementId { owner: pid.to_string(), object: format!("{:#x}{item}", window.0 as usize) }
}

fn place(window: HWND, screen: &Screen) -> Option<Rect> {
    let mut rect = RECT::default();
    // SAFETY: the pointer is to a local that outlives the call.
    unsafe { GetWindowRect(window, &raw mut rect) }.ok()?;
    Some(shown::ours(rect, screen)).filter(|rect| !rect.is_empty())
}

/// The class that a class was made from, where its maker kept to the rules: a toolkit's button is a button.
fn real_class(window: HWND) -> String {
    let mut units = [0_u16; MAX_CLASS];
    // SAFETY: the buffer knows its length.
    let length = unsafe { RealGetWindowClassW(window, &mut units) } as usize;
    String::from_utf16_lossy(&units[..length.min(MAX_CLASS)])
}

pub(super) fn is_dropped_list(window: HWND) -> bool {
    shown::is_visible(window) && real_class(window) == DROPPED_LIST
}

/// All windows in a window, each after the one it lies in, siblings from front to back.
fn children(window: HWND) -> Vec<HWND> {
    unsafe extern "system" fn collect(window: HWND, list: LPARAM) -> BOOL {
        // SAFETY: the parameter is the list below, which outlives the call.
        let list = unsafe { &mut *(list.0 as *mut Vec<HWND>) };
        list.push(window);
        (list.len() < MAX_ELEMENTS).into()
    }
    let mut list: Vec<HWND> = Vec::new();
    // SAFETY: the function is called within this call only.
    let _ = unsafe { EnumChildWindows(Some(window), Some(collect), LPARAM(&raw mut list as isize)) };
    list
}

/// The window that gets the keys once this application is in front.
fn focused_in(window: HWND) -> HWND {
    let size = u32::try_from(size_of::<GUITHREADINFO>()).unwrap_or_default();
    let mut info = GUITHREADINFO { cbSize: size, ..GUITHREADINFO::default() };
    // SAFETY: the structure names its size.
    let told = unsafe { GetGUIThreadInfo(GetWindowThreadProcessId(window, None), &raw mut info) };
    if told.is_ok() { info.hwndFocus } else { HWND::default() }
}

//! The control tree on Windows: by UI Automation where an application speaks it, else by what classic windows tell of themselves.
//!
//! Which of the two told of an element shows in its id, and acts go the way that it came.

use std::time::Duration;

use super::{capture, shown};
use crate::desktop::{
    DesktopError, Stopwatch,
    ui::{Act, Element, ElementId, Grid},
};

mod automation;
mod classic;
mod labels;

use automation::Automation;

/// For a look at all the trees that are asked for.
const LOOK: Duration = Duration::from_secs(3);

/// Elements of one look; what goes beyond is left out.
const MAX_ELEMENTS: usize = 5_000;

/// Menus that are open: windows of their own, above all others.
const OPEN_MENU: &str = "#32768";

/// Roles of what opens a menu.
const OPENS: &str = "menu";

pub(super) struct Tree {
    /// `None` where this system has none.
    automation: Option<Automation>,
}

impl Tree {
    pub(super) fn open() -> Self {
        Self { automation: Automation::open() }
    }

    /// The elements of these processes, parents before their children.
    pub(super) fn elements(&mut self, pids: &[u32]) -> Result<Vec<Element>, DesktopError> {
        let screen = capture::screen()?;
        let watch = Stopwatch::start();
        let mut classic = classic::Look::new(&screen, watch);
        if let Some(automation) = &mut self.automation {
            automation.begin();
        }
        let mut elements: Vec<Element> = Vec::new();
        let windows = shown::handles().into_iter().filter_map(|window| Some((window, shown::pid(window)?)));
        // What is open above the others comes last: it belongs to something that was told before.
        let (menus, others): (Vec<_>, Vec<_>) = windows
            .filter(|(_, pid)| pids.contains(pid))
            .filter(|(window, _)| shown::is_listed(*window) || is_above(*window))
            .partition(|(window, _)| is_above(*window));
        for (window, pid) in others.into_iter().chain(menus) {
            if watch.left(LOOK).is_none() || elements.len() >= MAX_ELEMENTS {
                break;
            }
            let told = self.automation.as_mut().and_then(|automation| automation.tree(window, pid, &screen));
            add(&mut elements, told.unwrap_or_else(|| classic.tree(window)));
        }
        elements.truncate(MAX_ELEMENTS);
        Ok(elements)
    }

    pub(super) fn act(&mut self, id: &ElementId, act: &Act) -> Result<(), DesktopError> {
        match self.automation_of(id) {
            Some(automation) => automation.act(id, act),
            None => classic::act(id, act),
        }
    }

    /// What is no table for UI Automation is read off the screen: the lines of a classic list lie in its process's memory.
    pub(super) fn table(&mut self, id: &ElementId, rows: usize) -> Result<Option<Grid>, DesktopError> {
        self.automation_of(id).map_or(Ok(None), |automation| automation.table(id, rows))
    }

    fn automation_of(&self, id: &ElementId) -> Option<&Automation> {
        self.automation.as_ref().filter(|_| Automation::has(id))
    }
}

fn is_above(window: windows::Win32::Foundation::HWND) -> bool {
    classic::is_dropped_list(window) || shown::is_visible(window) && shown::class(window) == OPEN_MENU
}

/// Adds the tree of one window. A menu that is open lies in the entry that opened it.
fn add(elements: &mut Vec<Element>, mut tree: Vec<Element>) {
    labels::name(&mut tree);
    let first = elements.len();
    let is_menu = tree.first().is_some_and(|root| root.role == OPENS);
    let opener =
        is_menu.then(|| elements.iter().rposition(|one| one.role == OPENS && one.states.expanded == Some(true)));
    let root = opener.flatten();
    elements.extend(tree.into_iter().map(|mut element| {
        element.parent = element.parent.map(|parent| parent + first).or(root);
        element
    }));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::ui::States;

    fn element(role: &'static str, parent: Option<usize>, expanded: Option<bool>) -> Element {
        Element {
            id: ElementId { owner: String::new(), object: String::new() },
            parent,
            role,
            name: String::new(),
            key: String::new(),
            value: None,
            rect: None,
            pid: 1,
            states: States { expanded, ..States::default() },
        }
    }

    #[test]
    fn an_open_menu_lies_in_what_opened_it() {
        let mut all = Vec::new();
        let bar = [
            element("window", None, None),
            element("menubar", Some(0), None),
            element("menu", Some(1), Some(true)),
            element("menu", Some(1), Some(false)),
        ];
        add(&mut all, bar.to_vec());
        add(&mut all, vec![element("menu", None, None), element("menuitem", Some(0), None)]);
        add(&mut all, vec![element("dialog", None, None), element("button", Some(0), None)]);
        let parents: Vec<Option<usize>> = all.iter().map(|element| element.parent).collect();
        assert_eq!(parents, [None, Some(0), Some(1), Some(1), Some(2), Some(4), None, Some(6)]);
    }
}

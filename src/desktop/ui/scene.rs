//! The controls of one moment and the windows they lie in: which of them can be seen.

use std::sync::Arc;

use super::Element;
use crate::desktop::{Point, Rect, Window};

/// What opens above everything: it is never covered by a window.
const MENUS: [&str; 4] = ["menu", "menuitem", "menuitemcheckbox", "menuitemradio"];

/// What can be chosen of several.
const OPTIONS: [&str; 8] = ["option", "listitem", "menuitem", "menuitemradio", "radio", "tab", "treeitem", "cell"];

/// Controls and windows as they were at one moment.
pub struct Scene {
    elements: Arc<[Element]>,
    /// Topmost first.
    windows: Vec<Window>,
}

impl Scene {
    pub fn new(elements: Arc<[Element]>, windows: Vec<Window>) -> Self {
        Self { elements, windows }
    }

    pub fn all(&self) -> std::ops::Range<usize> {
        0..self.elements.len()
    }

    pub fn get(&self, at: usize) -> &Element {
        &self.elements[at]
    }

    /// What it lies in, nearest first.
    pub fn chain(&self, at: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.elements[at].parent, |at| self.elements[*at].parent)
    }

    pub fn is_root(&self, at: usize) -> bool {
        self.elements[at].parent.is_none()
    }

    /// The window it lies in; none for what pops up without a frame.
    pub fn window_of(&self, at: usize) -> Option<&Window> {
        let root = &self.elements[self.chain(at).last().unwrap_or(at)];
        let own = self.windows.iter().filter(|window| window.pid == Some(root.pid));
        let titled = own.filter(|window| !window.title.is_empty() && window.title == root.name);
        titled.max_by_key(|window| {
            let common = root.rect.and_then(|rect| rect.intersect(&window.rect));
            common.map_or(0, |common| u64::from(common.width) * u64::from(common.height))
        })
    }

    /// The part of it that is shown, where its middle can be seen.
    pub fn shown(&self, at: usize) -> Option<Rect> {
        self.shown_or_why(at).ok()
    }

    /// The smallest that is shown at this place; of two of one size the one that lies deeper.
    pub fn under(&self, point: Point) -> Option<usize> {
        let under = self.all().filter(|at| self.shown(*at).is_some_and(|rect| rect.contains(point)));
        let size = |at: &usize| {
            self.elements[*at].rect.map_or(u64::MAX, |rect| u64::from(rect.width) * u64::from(rect.height))
        };
        under.min_by_key(|at| (size(at), usize::MAX - at))
    }

    pub fn why_hidden(&self, at: usize) -> String {
        let name = self.elements[at].in_words();
        match self.shown_or_why(at) {
            Ok(rect) => format!("{name} is at {},{}, which is not where to look", rect.x, rect.y),
            Err(why) => format!("{name} is there, but {why}"),
        }
    }

    fn shown_or_why(&self, at: usize) -> Result<Rect, String> {
        let element = &self.elements[at];
        let Some(mut rect) = element.rect else {
            return Err("not shown: its menu is closed, or it lies on another page".to_owned());
        };
        let scrolling = self.chain(at).filter(|around| self.elements[*around].states.clips);
        for around in scrolling.filter_map(|around| self.elements[around].rect) {
            rect = rect.intersect(&around).ok_or("scrolled out of sight")?;
        }
        if MENUS.contains(&element.role) {
            return Ok(rect);
        }
        let own = self.window_of(at);
        if let Some(window) = own {
            if window.minimised {
                return Err(format!("its window \"{}\" is minimised", window.title));
            }
            rect = rect.intersect(&window.rect).ok_or("outside of its window")?;
        }
        match self.above(element, own, rect) {
            Some(other) => Err(format!("covered by the window \"{}\"", other.title)),
            None => Ok(rect),
        }
    }

    /// An entry of the menu above, or of the menu bar of the window in front; else the names of what is there.
    pub fn menu_entry(&self, above: Option<&Element>, name: &str) -> Result<Element, Vec<String>> {
        let front = self.windows.iter().find(|window| window.focused);
        let is_above = |at: usize| {
            let element = &self.elements[at];
            match above {
                Some(above) => element.id == above.id,
                None => {
                    element.role == "menubar"
                        && self.window_of(at).map(|window| window.id) == front.map(|front| front.id)
                }
            }
        };
        // Between a menu and its entries some toolkits have a popup of their own.
        let is_entry = |at: usize| {
            let around = self.chain(at).find(|around| !self.elements[*around].name.is_empty() || is_above(*around));
            MENUS.contains(&self.elements[at].role) && around.is_some_and(is_above)
        };
        let entries: Vec<&Element> = self
            .all()
            .filter(|at| is_entry(*at))
            .map(|at| &self.elements[at])
            .filter(|entry| entry.rect.is_some())
            .collect();
        match entries.iter().find(|entry| plain(&entry.name) == plain(name)) {
            Some(entry) => Ok((*entry).clone()),
            None => Err(told(entries)),
        }
    }

    /// The combo box that a field lies in, else the element itself.
    pub fn chooser(&self, element: &Element) -> Element {
        let at = self.all().find(|at| self.elements[*at].id == element.id);
        let around = at.and_then(|at| self.chain(at).find(|around| self.elements[*around].role == "combobox"));
        around.map_or_else(|| element.clone(), |around| self.elements[around].clone())
    }

    /// The option of this name in a list, a combo box, tabs or a tree; else the names of those that are there.
    pub fn option(&self, whole: &Element, name: &str) -> Result<Element, Vec<String>> {
        let inside = self.all().filter(|at| self.chain(*at).any(|around| self.elements[around].id == whole.id));
        let options = inside.map(|at| &self.elements[at]).filter(|element| OPTIONS.contains(&element.role));
        let options: Vec<&Element> = options.collect();
        match options.iter().find(|option| option.name.trim() == name) {
            Some(option) => Ok((*option).clone()),
            None => Err(told(options)),
        }
    }

    /// The window that hides the middle of this place.
    fn above(&self, element: &Element, own: Option<&Window>, rect: Rect) -> Option<&Window> {
        let is_own = |window: &Window| match own {
            Some(own) => own.id == window.id,
            // What has no frame lies above the windows of its application.
            None => window.pid == Some(element.pid),
        };
        let in_front = self.windows.iter().take_while(|window| !is_own(window));
        in_front.into_iter().find(|window| !window.minimised && window.rect.contains(rect.center()))
    }
}

/// Names of what is there, as many as a person reads.
fn told<'e>(elements: impl IntoIterator<Item = &'e Element>) -> Vec<String> {
    const MAX: usize = 20;
    let names = elements.into_iter().map(|element| element.name.trim()).filter(|name| !name.is_empty());
    names.take(MAX).map(|name| format!("\"{name}\"")).collect()
}

/// A name as people say it: without the dots that promise a dialog.
fn plain(name: &str) -> &str {
    name.trim().trim_end_matches(['.', '…']).trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::{
        WindowId,
        ui::{ElementId, States},
    };

    const APP: u32 = 7;

    fn window(id: u64, title: &str, pid: u32, rect: Rect) -> Window {
        Window {
            id: WindowId(id),
            title: title.into(),
            class: String::new(),
            process: String::new(),
            pid: Some(pid),
            rect,
            client: rect,
            focused: id == 1,
            minimised: false,
            maximised: false,
        }
    }

    fn element(parent: Option<usize>, role: &'static str, name: &str, rect: Option<Rect>) -> Element {
        Element {
            id: ElementId { owner: "app".into(), object: format!("{parent:?}/{name}") },
            parent,
            role,
            name: name.into(),
            key: String::new(),
            value: None,
            rect,
            pid: APP,
            states: States { enabled: true, ..States::default() },
        }
    }

    fn clinic(windows: Vec<Window>) -> Scene {
        let mut page = element(Some(0), "generic", "", Some(Rect::new(0, 40, 200, 60)));
        page.states.clips = true;
        let elements = vec![
            element(None, "window", "Clinic", Some(Rect::new(0, 0, 200, 200))),
            element(Some(0), "menubar", "", Some(Rect::new(0, 0, 200, 20))),
            page,
            element(Some(1), "menu", "File", Some(Rect::new(0, 0, 40, 20))),
            element(Some(2), "button", "Save", Some(Rect::new(10, 50, 40, 20))),
            element(Some(2), "button", "Far down", Some(Rect::new(10, 500, 40, 20))),
            element(Some(3), "menuitem", "Print...", Some(Rect::new(0, 20, 80, 20))),
            element(Some(3), "menuitem", "Recent", None),
        ];
        Scene::new(elements.into(), windows)
    }

    fn at(scene: &Scene, name: &str) -> usize {
        scene.all().find(|at| scene.get(*at).name == name).unwrap()
    }

    #[test]
    fn seen_is_what_no_window_covers_and_no_page_hides() {
        let own = window(1, "Clinic", APP, Rect::new(0, 0, 200, 200));
        let scene = clinic(vec![own.clone()]);
        assert_eq!(scene.shown(at(&scene, "Save")), Some(Rect::new(10, 50, 40, 20)));
        assert!(scene.why_hidden(at(&scene, "Far down")).contains("scrolled out of sight"));
        assert!(scene.why_hidden(at(&scene, "Recent")).contains("its menu is closed"));
        let over = window(2, "News", 9, Rect::new(0, 0, 100, 100));
        let scene = clinic(vec![over.clone(), own.clone()]);
        assert!(scene.why_hidden(at(&scene, "Save")).contains("covered by the window \"News\""));
        assert!(scene.shown(at(&scene, "Print...")).is_some(), "an open menu is above everything");
        let scene = clinic(vec![own.clone(), over]);
        assert!(scene.shown(at(&scene, "Save")).is_some(), "a window behind covers nothing");
        let scene = clinic(vec![Window { minimised: true, ..own }]);
        assert!(scene.why_hidden(at(&scene, "Save")).contains("is minimised"));
    }

    #[test]
    fn an_entry_of_a_menu_is_named_without_its_dots() {
        let scene = clinic(vec![window(1, "Clinic", APP, Rect::new(0, 0, 200, 200))]);
        let file = scene.menu_entry(None, "File").unwrap();
        assert_eq!(scene.menu_entry(Some(&file), "Print").unwrap().name, "Print...");
        assert_eq!(scene.menu_entry(Some(&file), "Recent").unwrap_err(), ["\"Print...\""], "only what is shown");
        let behind = clinic(vec![window(2, "Clinic", APP, Rect::new(0, 0, 200, 200))]);
        assert!(behind.menu_entry(None, "File").is_err(), "the menu bar is that of the window in front");
    }
}

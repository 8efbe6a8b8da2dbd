//! Names a control so that it is found again, by what its application tells of it.

use crate::desktop::{
    Point, Rect,
    ui::{Element, ElementId, Scene, Wanted},
};

/// What people act on; what else lies under the pointer is a part of one of these, or decoration.
const ACTED_ON: [&str; 18] = [
    "button",
    "cell",
    "checkbox",
    "columnheader",
    "combobox",
    "link",
    "listitem",
    "menu",
    "menuitem",
    "menuitemcheckbox",
    "menuitemradio",
    "option",
    "radio",
    "slider",
    "switch",
    "tab",
    "textbox",
    "treeitem",
];

/// In which it matters where they are clicked, as it does in all that is not among the others.
const SPACIOUS: [&str; 2] = ["slider", "textbox"];

/// Longer names are contents.
const MAX_NAME: usize = 100;

/// Among more that are alike a number tells nothing.
const MAX_ALIKE: usize = 40;

pub(super) struct Control {
    pub(super) id: ElementId,
    pub(super) wanted: Wanted,
    /// Of several that are alike, in reading order.
    pub(super) index: Option<usize>,
    /// What is shown of it.
    pub(super) rect: Rect,
    /// Where in it to act: its middle, unless it matters where.
    pub(super) aim: Point,
    /// In words, for people.
    pub(super) words: String,
    /// Its name where that has letters, else its role.
    pub(super) name: String,
}

/// What lies at this place, where it can be named.
pub(super) fn at(scene: &Scene, point: Point) -> Option<Control> {
    let under = scene.under(point)?;
    let holds = |at: &usize| scene.shown(*at).is_some_and(|rect| rect.contains(point));
    let is_acted_on = |at: &usize| ACTED_ON.contains(&scene.get(*at).role);
    if scene.is_root(under) {
        return None;
    }
    let acted_on = std::iter::once(under).chain(scene.chain(under)).filter(holds).find(is_acted_on);
    name(scene, acted_on.unwrap_or(under), point)
}

/// Menus that were opened to show what lies at this place, from outside to inside; pointed at, not at `known`.
pub(super) fn opened_for(scene: &Scene, point: Point, known: Option<&ElementId>) -> Vec<Control> {
    let Some(under) = scene.under(point) else { return Vec::new() };
    let is_menu = |at: &usize| scene.get(*at).role == "menu" && !scene.is_root(*at);
    let hovered = scene.chain(under).filter(is_menu).take_while(|at| Some(&scene.get(*at).id) != known);
    let mut menus: Vec<Control> = hovered
        .filter_map(|at| name(scene, at, scene.shown(at)?.center()))
        .filter(|menu| menu.wanted.name.is_some())
        .collect();
    menus.reverse();
    menus
}

fn name(scene: &Scene, at: usize, point: Point) -> Option<Control> {
    let element = scene.get(at);
    let rect = scene.shown(at)?;
    let (wanted, index) = wanted(scene, at)?;
    let is_spacious = SPACIOUS.contains(&element.role) || !ACTED_ON.contains(&element.role);
    let aim = if is_spacious { point } else { rect.center() };
    let name = element.name.trim();
    let words = Element { name: name.to_owned(), ..element.clone() }.in_words();
    let name = if name.chars().any(|char| char.is_ascii_alphanumeric()) { name } else { element.role };
    Some(Control { id: element.id.clone(), wanted, index, rect, aim, words, name: name.to_owned() })
}

/// The fewest words that mean this one and no other.
fn wanted(scene: &Scene, at: usize) -> Option<(Wanted, Option<usize>)> {
    let element = scene.get(at);
    let role = Wanted { role: Some(element.role), ..Wanted::default() };
    let named = usable(&element.name).map(|name| Wanted { name: Some(name), ..role.clone() });
    let keyed = usable(&element.key).map(|key| Wanted { key: Some(key), ..role.clone() });
    let within = path(scene, at).map(|path| Wanted { path, ..role.clone() });
    let bare = Some(role).filter(|_| ACTED_ON.contains(&element.role));
    let ways: Vec<Wanted> = [named, keyed, bare, within].into_iter().flatten().collect();
    let places: Vec<Vec<usize>> = ways.iter().map(|wanted| places(scene, wanted)).collect();
    if let Some(alone) = places.iter().position(|found| found[..] == [at]) {
        return Some((ways[alone].clone(), None));
    }
    let (wanted, found) = ways.into_iter().zip(places).find(|(_, found)| found.contains(&at))?;
    let index = found.iter().position(|other| *other == at).filter(|_| found.len() <= MAX_ALIKE)?;
    Some((wanted, Some(index)))
}

/// As a target finds them: those that are shown, in reading order.
fn places(scene: &Scene, wanted: &Wanted) -> Vec<usize> {
    let fitting = scene.fitting(wanted).into_iter();
    let mut shown: Vec<(Rect, usize)> = fitting.filter_map(|at| Some((scene.shown(at)?, at))).collect();
    shown.sort_by_key(|(rect, _)| (rect.y, rect.x));
    shown.into_iter().map(|(_, at)| at).collect()
}

/// The nearest around it that has a name, then itself.
fn path(scene: &Scene, at: usize) -> Option<Vec<String>> {
    let own = usable(&scene.get(at).name).unwrap_or_else(|| scene.get(at).role.to_owned());
    let around = scene.chain(at).find_map(|around| usable(&scene.get(around).name))?;
    Some(vec![around, own]).filter(|path| path.iter().all(|name| !name.contains('>')))
}

pub(super) fn usable(name: &str) -> Option<String> {
    let name = name.trim();
    let is_line = !name.is_empty() && name.chars().count() <= MAX_NAME && !name.contains('\n');
    is_line.then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::{
        Window, WindowId,
        ui::{ElementId, States},
    };

    const APP: u32 = 7;

    fn element(parent: Option<usize>, role: &'static str, name: &str, rect: Rect) -> Element {
        Element {
            id: ElementId { owner: "app".into(), object: format!("{parent:?} {name} {rect}") },
            parent,
            role,
            name: name.into(),
            key: String::new(),
            value: None,
            rect: Some(rect),
            pid: APP,
            states: States { enabled: true, ..States::default() },
        }
    }

    fn scene(elements: Vec<Element>) -> Scene {
        let rect = Rect::new(0, 0, 400, 400);
        let window = Window {
            id: WindowId(1),
            title: "Clinic".into(),
            class: String::new(),
            process: String::new(),
            pid: Some(APP),
            rect,
            client: rect,
            focused: true,
            minimised: false,
            maximised: false,
        };
        let mut all = vec![element(None, "window", "Clinic", rect)];
        all.extend(elements);
        Scene::new(all.into(), vec![window])
    }

    fn called(scene: &Scene, x: i32, y: i32) -> (Wanted, Option<usize>) {
        let control = at(scene, Point::new(x, y)).unwrap();
        (control.wanted, control.index)
    }

    fn role(role: &'static str) -> Wanted {
        Wanted { role: Some(role), ..Wanted::default() }
    }

    #[test]
    fn a_control_is_named_by_its_role_and_name() {
        let scene = scene(vec![
            element(Some(0), "button", "Save", Rect::new(10, 10, 60, 24)),
            element(Some(1), "label", "Save", Rect::new(20, 14, 40, 16)),
        ]);
        let save = Wanted { name: Some("Save".into()), ..role("button") };
        assert_eq!(called(&scene, 30, 20), (save, None), "the button, not the label in it");
        assert_eq!(at(&scene, Point::new(12, 12)).unwrap().aim, Point::new(39, 21), "clicked in its middle");
        assert!(at(&scene, Point::new(390, 390)).is_none(), "a bare window is nothing to name");
    }

    #[test]
    fn of_two_that_are_called_alike_what_they_lie_in_tells_which() {
        let scene = scene(vec![
            element(Some(0), "group", "Billing", Rect::new(0, 0, 400, 100)),
            element(Some(0), "group", "Shipping", Rect::new(0, 100, 400, 100)),
            element(Some(1), "button", "Edit", Rect::new(10, 10, 60, 24)),
            element(Some(2), "button", "Edit", Rect::new(10, 110, 60, 24)),
        ]);
        let path = vec!["Shipping".to_owned(), "Edit".to_owned()];
        assert_eq!(called(&scene, 20, 120), (Wanted { path, ..role("button") }, None));
    }

    #[test]
    fn fields_without_names_are_counted() {
        let scene = scene(vec![
            element(Some(0), "textbox", "", Rect::new(10, 50, 100, 24)),
            element(Some(0), "textbox", "", Rect::new(10, 10, 100, 24)),
        ]);
        let (wanted, index) = called(&scene, 20, 60);
        assert_eq!((wanted.role, index), (Some("textbox"), Some(1)), "the lower one");
        assert_eq!(at(&scene, Point::new(20, 60)).unwrap().aim, Point::new(20, 60), "clicked where it was");
    }

    #[test]
    fn menus_that_only_were_pointed_at_are_told() {
        let scene = scene(vec![
            element(Some(0), "menubar", "", Rect::new(0, 0, 400, 20)),
            element(Some(1), "menu", "File", Rect::new(0, 0, 40, 20)),
            element(Some(2), "menu", "Recent", Rect::new(0, 20, 80, 20)),
            element(Some(3), "menuitem", "Letter", Rect::new(80, 20, 80, 20)),
        ]);
        let letter = Point::new(100, 30);
        let names = |known: Option<&ElementId>| -> Vec<String> {
            opened_for(&scene, letter, known).into_iter().map(|menu| menu.name).collect()
        };
        assert_eq!(names(Some(&scene.get(2).id)), ["Recent"], "File was clicked");
        assert_eq!(names(Some(&scene.get(3).id)), Vec::<String>::new());
        assert_eq!(names(None), ["File", "Recent"]);
    }
}

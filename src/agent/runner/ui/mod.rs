//! Controls as their applications tell of them: finding one, the field beside a label, the text of one.

mod wanted;

use super::{
    fault::Break,
    find::{Absence, Area, Hit, Meant, Sought, choose},
    look::Look,
    run::Runner,
    text::Wanted as WantedText,
};
use crate::{
    desktop::{
        Rect,
        ocr::{Line, Place, Word},
        ui::{Element, Scene},
    },
    workflow::{Target, UiTarget},
};
pub(super) use wanted::names;

/// Fields that are typed into.
const FIELDS: [&str; 3] = ["textbox", "spinbutton", "combobox"];

/// What frames others: its name is a title, and no text that is shown inside of it.
const FRAMES: [&str; 16] = [
    "application",
    "dialog",
    "document",
    "form",
    "generic",
    "grid",
    "group",
    "list",
    "listbox",
    "menubar",
    "region",
    "table",
    "tablist",
    "toolbar",
    "treegrid",
    "window",
];

impl Runner<'_> {
    /// What applications tell at this moment. Refused where the desktop has no control trees.
    pub(super) fn scene(&mut self, look: &mut Look) -> Result<Scene, Break> {
        let elements = look.elements(self)?;
        Ok(Scene::new(elements, look.windows(self)?.to_vec()))
    }

    pub(super) fn scene_if_any(&mut self, look: &mut Look) -> Result<Option<Scene>, Break> {
        let elements = look.elements_if_any(self)?;
        if elements.is_empty() {
            return Ok(None);
        }
        Ok(Some(Scene::new(elements, look.windows(self)?.to_vec())))
    }

    pub(super) fn find_ui(
        &mut self,
        sought: &UiTarget,
        target: &Target,
        (meant, area): (Meant, &Area),
        look: &mut Look,
    ) -> Result<Sought, Break> {
        let wanted = wanted::wanted(sought, &self.scope)?;
        let scene = self.scene(look)?;
        let fitting = scene.fitting(&wanted);
        let shown = fitting.iter().filter_map(|at| Some((*at, place_in(&scene, *at, area)?)));
        let hits: Vec<Hit> = shown.map(|(at, rect)| self.ui_hit(&scene, at, rect)).collect();
        if hits.is_empty() {
            let reason = match fitting.first() {
                Some(at) => scene.why_hidden(*at),
                None => wanted.nearest(&scene),
            };
            return Ok(Sought::Absent(Absence { best: None, reason: Some(self.quote(&reason)) }));
        }
        Ok(if meant == Meant::All { Sought::Several(hits) } else { choose(hits, target.index) })
    }

    /// Every field of this area that takes text; of several the caller takes the nearest.
    pub(super) fn find_field(&mut self, area: &Area, look: &mut Look) -> Result<Sought, Break> {
        let scene = self.scene(look)?;
        let is_field = |at: &usize| {
            let element = scene.get(*at);
            let takes = element.states.editable || element.role == "combobox";
            takes && element.states.enabled && FIELDS.contains(&element.role)
        };
        let fields: Vec<usize> = scene.all().filter(is_field).collect();
        // Of a combo box that is typed into, the field in it.
        let is_whole = |at: &usize| !fields.iter().any(|other| scene.chain(*other).any(|around| around == *at));
        let shown = fields.iter().copied().filter(is_whole).filter_map(|at| Some((at, place_in(&scene, at, area)?)));
        let hits: Vec<Hit> = shown.map(|(at, rect)| self.ui_hit(&scene, at, rect)).collect();
        if hits.is_empty() {
            let reason = Some("no field there takes text, as far as its application tells".to_owned());
            return Ok(Sought::Absent(Absence { best: None, reason }));
        }
        Ok(Sought::Several(hits))
    }

    /// Places of a text that applications tell of: what it is the whole of, else what it is a part of.
    pub(super) fn find_told(
        &mut self,
        wanted: &WantedText<'_>,
        area: &Area,
        look: &mut Look,
    ) -> Result<Vec<Hit>, Break> {
        let Some(scene) = self.scene_if_any(look)? else { return Ok(Vec::new()) };
        let mut whole = Vec::new();
        let mut parts = Vec::new();
        for at in scene.all() {
            let Some(rect) = place_in(&scene, at, area) else { continue };
            let Some(text) = visible_text(scene.get(at)) else { continue };
            let is_field = scene.get(at).states.editable;
            let lines: Vec<Line> = text.lines().map(|line| as_line(line, rect)).collect();
            let places: Vec<Place> = lines.iter().flat_map(|line| wanted.places(line)).collect();
            let is_whole = lines.len() == 1
                && places.first().is_some_and(|place| lines[0].whole().is_some_and(|all| all.text == place.text));
            match places.first() {
                Some(place) if is_whole => whole.push((at, rect, place.text.clone())),
                // Where in a field it stands only the picture tells.
                Some(place) if !is_field => parts.push((at, rect, place.text.clone())),
                _ => {}
            }
        }
        let found = if whole.is_empty() { parts } else { whole };
        // The text itself, not what it is written on.
        let innermost =
            |at: usize| !found.iter().any(|(other, ..)| *other != at && scene.chain(*other).any(|up| up == at));
        let hits = found.iter().filter(|(at, ..)| innermost(*at)).map(|(at, rect, text)| {
            let what = format!("text \"{}\"", self.quote(text));
            Hit { what, window: area.window.clone(), ..self.ui_hit(&scene, *at, *rect) }
        });
        Ok(hits.collect())
    }

    /// The nearest text that applications tell of, beside an anchor.
    pub(super) fn told_beside(&mut self, area: Rect, anchor: Rect, look: &mut Look) -> Result<Option<Place>, Break> {
        let Some(scene) = self.scene_if_any(look)? else { return Ok(None) };
        let area = Area::beside(area, anchor);
        let mut places = Vec::new();
        for at in scene.all() {
            let Some(rect) = place_in(&scene, at, &area) else { continue };
            if let Some(text) = visible_text(scene.get(at)) {
                places.push(Place { text: text.trim().to_owned(), rect, confidence: 1.0 });
            }
        }
        Ok(places.into_iter().min_by_key(|place| place.rect.distance(&anchor)))
    }

    /// The control that a place is, or that lies under it.
    pub(super) fn element_of(&mut self, hit: &Hit, look: &mut Look) -> Result<Option<Element>, Break> {
        if let Some(element) = &hit.element {
            return Ok(Some((**element).clone()));
        }
        let scene = self.scene(look)?;
        Ok(scene.under(hit.point).map(|at| scene.get(at).clone()))
    }

    /// What a control shows: what it holds, else its name, else the texts inside of it.
    pub(super) fn told_by(&mut self, element: &Element, look: &mut Look) -> Result<Option<String>, Break> {
        let scene = self.scene(look)?;
        let Some(at) = scene.all().find(|at| scene.get(*at).id == element.id) else { return Ok(None) };
        let now = scene.get(at);
        if let Some(text) = now.value.as_ref().filter(|text| !text.is_empty()) {
            return Ok(Some(text.clone()));
        }
        if !now.name.is_empty() && !FRAMES.contains(&now.role) {
            return Ok(Some(now.name.clone()));
        }
        let inside = scene.all().filter(|other| scene.chain(*other).any(|up| up == at));
        let texts: Vec<&str> = inside.filter_map(|other| visible_text(scene.get(other))).collect();
        if texts.is_empty() {
            return Ok((!now.name.is_empty()).then(|| now.name.clone()));
        }
        Ok(Some(texts.join("\n")))
    }

    fn ui_hit(&self, scene: &Scene, at: usize, rect: Rect) -> Hit {
        let element = scene.get(at);
        Hit {
            what: self.quote(&element.in_words()),
            how: "ui".to_owned(),
            score: None,
            rect,
            point: rect.center(),
            window: scene.window_of(at).cloned(),
            element: Some(Box::new(element.clone())),
        }
    }
}

/// Where it is shown, when that is where to look.
fn place_in(scene: &Scene, at: usize, area: &Area) -> Option<Rect> {
    let rect = scene.shown(at)?;
    let inside = rect.intersect(&area.rect)?;
    match area.anchor {
        // What the anchor lies in is not beside it.
        Some(anchor) if rect.intersect(&anchor) == Some(anchor) => None,
        // Most of one side of it lies on the anchor's line, or in its column.
        Some(_) => (inside.height * 2 > rect.height || inside.width * 2 > rect.width).then_some(rect),
        None => area.rect.contains(rect.center()).then_some(rect),
    }
}

/// What stands on the screen of it: what a field holds, else the name.
fn visible_text(element: &Element) -> Option<&str> {
    if FRAMES.contains(&element.role) {
        return None;
    }
    let text = match &element.value {
        Some(value) if element.states.editable || element.name.is_empty() => value.as_str(),
        _ if element.states.editable => "",
        _ => element.name.as_str(),
    };
    (!text.trim().is_empty()).then_some(text)
}

/// As if it were read off the screen there.
fn as_line(text: &str, rect: Rect) -> Line {
    let word = |text: &str| Word { text: text.to_owned(), rect, confidence: 1.0 };
    Line { words: text.split_whitespace().map(word).collect() }
}

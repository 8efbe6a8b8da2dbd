//! Writes gestures down as steps.

use std::{fmt::Write as _, time::Duration};

use super::{
    control::{self, Control},
    gesture::{Gesture, What},
    moment::Moment,
    picture,
    secret::Secret,
    yaml::{self, Target},
};
use crate::desktop::{
    Button, Frame, Modifier, Point, Window, WindowId,
    image::Finder,
    ui::{ElementId, Scene},
};

/// A screen that changed this long after the last step: the keys waited for it.
const LATE: Duration = Duration::from_millis(300);

/// Longest pause that is written down.
const MAX_PAUSE: Duration = Duration::from_secs(10);

/// One step of the workflow.
#[derive(Clone)]
pub struct Step {
    /// For people.
    pub words: String,
    /// What follows the dash of a list, its further lines indented to match.
    pub(super) yaml: String,
    /// By file name.
    pub(super) images: Vec<(String, Frame)>,
}

/// A place, named.
struct Named {
    target: Target,
    /// By file name.
    images: Vec<(String, Frame)>,
    words: String,
    control: Option<ElementId>,
}

#[derive(Default)]
pub(super) struct Scribe {
    finder: Finder,
    /// In which the last step was done.
    window: Option<WindowId>,
    /// What was clicked last.
    clicked: Option<ElementId>,
    /// When the last gesture ended.
    pub(super) ended: Duration,
    pictures: usize,
    /// Properties of the input that stand for secrets.
    pub(super) secrets: Vec<String>,
    /// A key was pressed of which it is not known what it made: the document says so with the next step.
    lost: Option<String>,
}

impl Step {
    /// How many pictures it brings.
    pub fn images(&self) -> usize {
        self.images.len()
    }
}

impl Scribe {
    /// `focused_after` has the keys once the gesture is done.
    pub(super) fn steps(
        &mut self,
        gesture: &Gesture<Moment>,
        focused_after: Option<WindowId>,
        secret: Option<&Secret>,
    ) -> Vec<Step> {
        let moment = &gesture.moment;
        let mut steps = Vec::new();
        let point = match &gesture.what {
            What::Click { at, .. } | What::Turn { at, .. } => Some(*at),
            What::Drag { from, .. } => Some(*from),
            _ => None,
        };
        let scene = point.and_then(|point| Self::scene(moment, point));
        let window = match point {
            Some(point) => Self::window_of(moment, scene, point, focused_after),
            None => moment.focused(),
        };
        steps.extend(window.and_then(|window| self.entered(window, moment)));
        if let (Some(scene), Some(point)) = (scene, point) {
            steps.extend(self.pointed_at(scene, point));
        }
        let pause = if point.is_none() { self.pause(gesture) } else { None };
        let clicked = match &gesture.what {
            What::Click { at, button, count, modifiers } => {
                let place = self.named(moment, scene, *at);
                steps.push(click(&place, (*button, *count), modifiers));
                place.control
            }
            What::Drag { from, to, button, modifiers } => {
                let start = self.named(moment, scene, *from);
                let end = self.named(moment, Self::scene(moment, *to), *to);
                let mut keys = vec![format!("from: {}", start.target.flow()), format!("to: {}", end.target.flow())];
                keys.extend(held(*button, modifiers));
                let words = format!("drag {} to {}", start.words, end.words);
                let images = [start.images, end.images].concat();
                steps.push(Step { words, yaml: format!("drag:\n    {}", keys.join("\n    ")), images });
                None
            }
            What::Turn { at, dx, dy } => {
                let Named { target, images, words, .. } = self.named(moment, scene, *at);
                let turned = [("dx", dx), ("dy", dy)].into_iter().filter(|(_, by)| **by != 0);
                let turned: Vec<String> = turned.map(|(key, by)| format!("{key}: {by}")).collect();
                let words = format!("scroll over {words}, {}", turned.join(", "));
                steps.push(Step { words, yaml: target.action("scroll", &turned), images });
                None
            }
            What::Text(text) => {
                steps.push(self.typed(text, secret, pause));
                None
            }
            What::Keys(chords) => {
                let words: Vec<String> = chords.iter().map(ToString::to_string).collect();
                let keys: Vec<String> = chords.iter().map(yaml::chord).collect();
                let keys = if let [only] = &keys[..] { only.clone() } else { format!("[{}]", keys.join(", ")) };
                let yaml = format!("key: {keys}{}", pause.unwrap_or_default());
                steps.push(Step { words: format!("press {}", words.join(", ")), yaml, images: Vec::new() });
                None
            }
            What::Unknown(key) => {
                self.lost = Some(key.clone());
                None
            }
        };
        if let Some(step) = steps.first_mut()
            && let Some(key) = self.lost.take()
        {
            let _ = write!(step.yaml, "\n  # before it the key {key} was pressed: what that made is missing");
        }
        self.clicked = clicked;
        self.ended = gesture.ended;
        steps
    }

    /// What applications told, where the screen still looked like that when it was acted on.
    fn scene(moment: &Moment, point: Point) -> Option<&Scene> {
        let view = moment.view.as_ref()?;
        let rect = view.scene.shown(view.scene.under(point)?)?;
        let plain = moment.without_pointer(rect).unwrap_or_else(|| moment.frame());
        let frames = [plain, moment.frame()];
        let is_valid = frames.iter().any(|frame| picture::is_alike(&view.frame, frame, rect));
        is_valid.then_some(&view.scene)
    }

    /// The window that is meant by a place. What pops up above it has none of its own.
    fn window_of<'m>(
        moment: &'m Moment,
        scene: Option<&'m Scene>,
        point: Point,
        focused_after: Option<WindowId>,
    ) -> Option<&'m Window> {
        if let Some((scene, at)) = scene.and_then(|scene| Some((scene, scene.under(point)?))) {
            return scene.window_of(at);
        }
        let below = moment.window_at(point)?;
        (below.focused || Some(below.id) == focused_after).then_some(below)
    }

    /// Work goes on in another window.
    fn entered(&mut self, window: &Window, moment: &Moment) -> Option<Step> {
        if self.window == Some(window.id) {
            return None;
        }
        self.window = Some(window.id);
        let name = yaml::window(window, moment.windows());
        let words = format!("activate window \"{}\"", window.title);
        Some(Step { words, yaml: format!("activate: {{ window: {name} }}"), images: Vec::new() })
    }

    /// Menus that opened because they were pointed at.
    fn pointed_at(&self, scene: &Scene, point: Point) -> Vec<Step> {
        // Without a click before, no menu is open.
        let Some(clicked) = &self.clicked else { return Vec::new() };
        let menus = control::opened_for(scene, point, Some(clicked));
        let step = |menu: Control| Step {
            words: format!("move to {}", menu.words),
            yaml: Target(vec![yaml::by_control(&menu)]).action("move", &[]),
            images: Vec::new(),
        };
        menus.into_iter().map(step).collect()
    }

    fn named(&mut self, moment: &Moment, scene: Option<&Scene>, point: Point) -> Named {
        let control = scene.and_then(|scene| control::at(scene, point));
        let rect = control.as_ref().map(|control| control.rect);
        let aim = control.as_ref().map_or(point, |control| control.aim);
        let picture = picture::cut(&mut self.finder, moment, aim, rect);
        let mut ways: Vec<String> = control.iter().map(yaml::by_control).collect();
        let mut images = Vec::new();
        if let Some(picture) = picture {
            self.pictures += 1;
            let name = control.as_ref().map(|control| slug(&control.name)).unwrap_or_default();
            let looks = picture.looks.iter().zip(["", "-pointed"]);
            images = looks.map(|(look, state)| (file(self.pictures, &name, state), look.clone())).collect();
            let files: Vec<String> = images.iter().map(|(file, _)| file.clone()).collect();
            ways.push(yaml::by_picture(&picture, &files));
        }
        if ways.is_empty() {
            let window = moment.window_at(point).map(|window| (window, yaml::window(window, moment.windows())));
            ways.push(yaml::by_place(point, window.as_ref().map(|(window, name)| (*window, name.as_str()))));
        }
        let words =
            control.as_ref().map_or_else(|| format!("{},{}", point.x, point.y), |control| control.words.clone());
        Named { target: Target(ways), images, words, control: control.map(|control| control.id) }
    }

    fn typed(&mut self, text: &str, secret: Option<&Secret>, pause: Option<String>) -> Step {
        let (words, typed) = match secret {
            Some(secret) => {
                let property = self.property(secret.field.as_deref());
                let typed = format!("{{ text: \"{{{{ input.{property} }}}}\", secret: true }}");
                (format!("type a secret, the input's `{property}`"), typed)
            }
            None => (format!("type {}", serde_json::Value::from(text)), yaml::quoted(text)),
        };
        Step { words, yaml: format!("type: {typed}{}", pause.unwrap_or_default()), images: Vec::new() }
    }

    /// A name that no other secret has.
    fn property(&mut self, field: Option<&str>) -> String {
        let name = field.map(|field| slug(field).replace('-', "_")).unwrap_or_default();
        let starts_well = name.starts_with(|first: char| first.is_ascii_alphabetic());
        let name = if starts_well { name } else { "secret".to_owned() };
        let is_free = |name: &String| !self.secrets.contains(name);
        let numbered = (2..).map(|number| format!("{name}_{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(is_free).unwrap_or(name);
        self.secrets.push(free.clone());
        free
    }

    /// Targets are waited for, keys are not: what the person waited for is written down.
    fn pause(&self, gesture: &Gesture<Moment>) -> Option<String> {
        let waited = gesture.moment.changed.checked_sub(self.ended)?;
        let is_first = self.ended.is_zero();
        (waited > LATE && !is_first).then(|| {
            let tenths = waited.min(MAX_PAUSE).as_millis().div_ceil(100);
            format!("\n  pause: {}ms", tenths * 100)
        })
    }
}

fn click(place: &Named, (button, count): (Button, u8), modifiers: &[Modifier]) -> Step {
    let (name, button) = match (count, button) {
        (1, Button::Right) => ("right_click", Button::Left),
        (1, button) => ("click", button),
        (_, button) => ("double_click", button),
    };
    let yaml = place.target.action(name, &held(button, modifiers));
    // There is no more than a double click in a workflow.
    let yaml = if count > 2 { format!("{yaml}\n  # clicked three times") } else { yaml };
    Step { words: format!("{} {}", name.replace('_', "-"), place.words), yaml, images: place.images.clone() }
}

fn held(button: Button, modifiers: &[Modifier]) -> Vec<String> {
    let button = match button {
        Button::Left => None,
        Button::Middle => Some("button: middle".to_owned()),
        Button::Right => Some("button: right".to_owned()),
    };
    let held: Vec<String> =
        modifiers.iter().filter(|held| **held != Modifier::AltGr).map(ToString::to_string).collect();
    let held = (!held.is_empty()).then(|| format!("modifiers: [{}]", held.join(", ")));
    button.into_iter().chain(held).collect()
}

fn file(number: usize, name: &str, state: &str) -> String {
    let dash = if name.is_empty() { "" } else { "-" };
    format!("images/{number:02}{dash}{name}{state}.png")
}

/// Lower case letters and digits with dashes between.
pub(super) fn slug(text: &str) -> String {
    const MAX: usize = 24;
    let words: Vec<String> = text
        .split(|char: char| !char.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let joined = words.join("-");
    joined.chars().take(MAX).collect::<String>().trim_end_matches('-').to_owned()
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;

    use super::*;
    use crate::desktop::listen::{Deed, Doing};
    use crate::{
        desktop::Color,
        recorder::{gesture::Folder, moment::Sight},
    };

    const MS: fn(u64) -> Duration = Duration::from_millis;

    /// On a bare screen that last changed then.
    fn moment(changed: u64) -> Moment {
        let frame = Frame::filled(64, 64, Color::new(60, 90, 130));
        let sight = Sight { at: Duration::ZERO, pointer: Point::new(0, 0), frame, windows: Rc::default() };
        Moment { sights: vec![sight], view: None, changed: MS(changed) }
    }

    /// The steps of these deeds, each with when the screen last changed before it.
    fn written(scribe: &mut Scribe, deeds: &[(u64, Doing, u64)], secret: Option<&Secret>) -> Vec<String> {
        let mut folder = Folder::new();
        let mut whole = Vec::new();
        for (at, what, changed) in deeds {
            whole.extend(folder.add(Deed { at: MS(*at), what: what.clone() }, None, || moment(*changed)));
        }
        whole.extend(folder.finish());
        whole.iter().flat_map(|gesture| scribe.steps(gesture, None, secret)).map(|step| step.yaml).collect()
    }

    fn key(text: &str) -> Doing {
        Doing::Struck(text.parse().unwrap())
    }

    #[test]
    fn keys_wait_as_long_as_the_person_waited_for_the_screen() {
        let deeds = [
            (1_000, key("Return"), 900),
            (4_000, Doing::Typed('a'), 3_210),
            (4_500, key("Tab"), 4_100),
            (60_000, Doing::Typed('b'), 59_000),
        ];
        let expected = ["key: Return", "type: \"a\"\n  pause: 2300ms", "key: Tab", "type: \"b\"\n  pause: 10000ms"];
        assert_eq!(written(&mut Scribe::default(), &deeds, None), expected);
    }

    #[test]
    fn what_a_key_made_that_is_not_known_is_missed_in_the_document() {
        let deeds =
            [(10, Doing::Typed('a'), 0), (20, Doing::Unknown("multi_key".into()), 0), (30, Doing::Typed('b'), 0)];
        let lost = "type: \"b\"\n  # before it the key multi_key was pressed: what that made is missing";
        assert_eq!(written(&mut Scribe::default(), &deeds, None), ["type: \"a\"", lost]);
    }

    #[test]
    fn a_secret_is_a_property_of_its_own() {
        let mut scribe = Scribe::default();
        let secret = Secret { field: Some("Pass word:".into()) };
        let deeds = [(10, Doing::Typed('x'), 0), (20, key("Tab"), 0), (30, Doing::Typed('y'), 0)];
        let steps = written(&mut scribe, &deeds, Some(&secret));
        assert_eq!(steps[0], "type: { text: \"{{ input.pass_word }}\", secret: true }");
        assert_eq!(steps[2], "type: { text: \"{{ input.pass_word_2 }}\", secret: true }");
        assert_eq!(scribe.secrets, ["pass_word", "pass_word_2"]);
    }

    #[test]
    fn a_bare_place_is_a_place_and_a_third_click_is_told() {
        let press = Doing::Pressed { button: Button::Left, at: Point::new(9, 7), modifiers: vec![Modifier::Ctrl] };
        let release = Doing::Released { button: Button::Left, at: Point::new(9, 7) };
        let clicks = (0..3).flat_map(|at| [(at * 100, press.clone(), 0), (at * 100 + 50, release.clone(), 0)]);
        let steps = written(&mut Scribe::default(), &clicks.collect::<Vec<_>>(), None);
        assert_eq!(steps, ["double_click: { at: [9, 7], modifiers: [ctrl] }\n  # clicked three times"]);
    }
}

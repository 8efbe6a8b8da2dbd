//! A desktop that does as the test says and writes down what is done to it.

use std::{collections::VecDeque, time::Duration};

use crate::desktop::{
    Attestation, Button, Chord, Color, Desktop, DesktopError, Display, Frame, Key, Modifier, NamedKey, Pass, Point,
    Rect, TypeOptions, TypeVia, Typed, Window, WindowId,
};

const WIDTH: u32 = 400;
const HEIGHT: u32 = 300;

/// What happens right before a picture is taken.
pub(super) type Happening = Box<dyn FnMut(&mut Screen)>;

/// What the field that has the focus does with keys.
pub(super) type Reaction = Box<dyn FnMut(&mut Screen, &str)>;

pub(in crate::agent::runner) struct Screen {
    pub(super) frame: Frame,
    pub(super) windows: Vec<Window>,
    pub(super) clipboard: Option<String>,
    /// Everything done, in words.
    pub(super) log: Vec<String>,
    /// The text of the field that has the focus: typed into, selected, copied.
    pub(super) field: String,
    selected: bool,
    /// Called after every input with its line of the log.
    pub(super) reaction: Option<Reaction>,
    pub(super) captures: u32,
    /// Called before a picture is taken.
    pub(super) on_capture: Option<Happening>,
    /// Errors of the next input calls.
    pub(super) errors: VecDeque<DesktopError>,
    pub(super) copies: bool,
    /// What windows answer when they are asked whether they are alive.
    pub(super) answers: Option<bool>,
    /// The name of the pointer's picture while it asks to wait.
    pub(super) busy_pointer: Option<&'static str>,
}

impl Screen {
    pub(super) fn new() -> Self {
        Self {
            frame: Frame::filled(WIDTH, HEIGHT, Color::new(90, 100, 110)),
            windows: Vec::new(),
            clipboard: None,
            log: Vec::new(),
            field: String::new(),
            selected: false,
            reaction: None,
            captures: 0,
            on_capture: None,
            errors: VecDeque::new(),
            copies: true,
            answers: None,
            busy_pointer: None,
        }
    }

    /// The newest window is in front and has the focus.
    pub(super) fn open(&mut self, title: &str, rect: Rect) -> WindowId {
        let id = WindowId(self.windows.iter().map(|window| window.id.0).max().unwrap_or(0) + 1);
        self.windows.iter_mut().for_each(|window| window.focused = false);
        let window = Window {
            id,
            title: title.to_owned(),
            class: "Clinic".to_owned(),
            process: "clinic".to_owned(),
            pid: Some(77),
            rect,
            client: Rect::new(rect.x, rect.y + 20, rect.width, rect.height - 20),
            focused: true,
            minimised: false,
            maximised: false,
        };
        self.windows.insert(0, window);
        id
    }

    pub(super) fn shut(&mut self, title: &str) {
        self.windows.retain(|window| window.title != title);
    }

    /// Draws a picture, as `button` makes them.
    pub(super) fn draw(&mut self, seed: u8, x: i32, y: i32) {
        for (at, color) in pixels(seed) {
            self.frame.fill(Rect::new(x + at.x, y + at.y, 1, 1), color);
        }
    }

    /// What was done with pointer, keys and windows.
    pub(super) fn inputs(&self) -> Vec<String> {
        self.log.iter().filter(|line| !line.starts_with("release") && !line.starts_with("clipboard")).cloned().collect()
    }

    #[expect(clippy::needless_pass_by_value, reason = "lines are made where they are handed in")]
    fn input(&mut self, line: String) -> Result<(), DesktopError> {
        if let Some(error) = self.errors.pop_front() {
            return Err(error);
        }
        self.log.push(line.clone());
        if let Some(mut reaction) = self.reaction.take() {
            reaction(self, &line);
            self.reaction.get_or_insert(reaction);
        }
        Ok(())
    }

    fn focus(&mut self, id: WindowId) {
        if let Some(at) = self.windows.iter().position(|window| window.id == id) {
            let mut window = self.windows.remove(at);
            self.windows.iter_mut().for_each(|window| window.focused = false);
            window.focused = true;
            window.minimised = false;
            self.windows.insert(0, window);
        }
    }

    fn put(&mut self, text: &str) {
        if std::mem::take(&mut self.selected) {
            self.field.clear();
        }
        self.field.push_str(text);
    }
}

/// A picture of 24 by 16 pixels with a pattern that depends on the seed.
pub(super) fn button(seed: u8) -> Vec<u8> {
    let mut frame = Frame::filled(24, 16, Color::default());
    for (at, color) in pixels(seed) {
        frame.fill(Rect::new(at.x, at.y, 1, 1), color);
    }
    frame.to_png().unwrap()
}

fn pixels(seed: u8) -> impl Iterator<Item = (Point, Color)> {
    let mut state = u32::from(seed).wrapping_mul(2_654_435_761) | 1;
    (0..16).flat_map(|y| (0..24).map(move |x| Point::new(x, y))).map(move |at| {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        let [red, green, blue, _] = state.to_le_bytes();
        (at, Color::new(red, green, blue))
    })
}

fn chord(chord: &Chord) -> String {
    let modifiers: Vec<String> =
        chord.modifiers.iter().map(|modifier| format!("{modifier:?}+").to_lowercase()).collect();
    let key = match chord.key {
        Key::Char(letter) => letter.to_string(),
        Key::Named(NamedKey::F(number)) => format!("F{number}"),
        Key::Named(named) => format!("{named:?}"),
        Key::Modifier(modifier) => format!("{modifier:?}").to_lowercase(),
    };
    format!("{}{key}", modifiers.concat())
}

impl Desktop for Screen {
    fn display(&mut self) -> Result<Display, DesktopError> {
        Ok(Display { name: ":9".into(), width: WIDTH, height: HEIGHT, scale: 1.0, window_manager: Some("wm".into()) })
    }

    fn capture(&mut self) -> Result<Frame, DesktopError> {
        self.captures += 1;
        if let Some(mut on_capture) = self.on_capture.take() {
            on_capture(self);
            self.on_capture.get_or_insert(on_capture);
        }
        Ok(self.frame.clone())
    }

    fn pixel(&mut self, at: Point) -> Result<Color, DesktopError> {
        Ok(self.frame.pixel(at).unwrap_or_default())
    }

    fn windows(&mut self) -> Result<Vec<Window>, DesktopError> {
        Ok(self.windows.clone())
    }

    fn focused_window(&mut self) -> Result<Option<Window>, DesktopError> {
        Ok(self.windows.iter().find(|window| window.focused).cloned())
    }

    fn answers(&mut self, _window: WindowId, _within: Duration) -> Result<Option<bool>, DesktopError> {
        Ok(self.answers)
    }

    fn busy_pointer(&mut self) -> Result<Option<String>, DesktopError> {
        Ok(self.busy_pointer.map(ToOwned::to_owned))
    }

    fn activate(&mut self, window: WindowId) -> Result<(), DesktopError> {
        self.focus(window);
        self.input(format!("activate {}", window.0))
    }

    fn close(&mut self, window: WindowId) -> Result<(), DesktopError> {
        self.input(format!("close {}", window.0))
    }

    fn pointer(&mut self) -> Result<Point, DesktopError> {
        Ok(Point::new(7, 8))
    }

    fn move_pointer(&mut self, to: Point) -> Result<(), DesktopError> {
        self.input(format!("move {},{}", to.x, to.y))
    }

    fn click(&mut self, at: Point, button: Button, count: u8, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        let hit =
            self.windows.iter().find(|window| !window.minimised && window.rect.contains(at)).map(|window| window.id);
        if let Some(id) = hit {
            self.focus(id);
        }
        self.input(format!("click {},{} {button:?} x{count} {modifiers:?}", at.x, at.y))
    }

    fn drag(&mut self, from: Point, to: Point, button: Button, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        self.input(format!("drag {},{} to {},{} {button:?} {modifiers:?}", from.x, from.y, to.x, to.y))
    }

    fn scroll(&mut self, at: Point, dx: i32, dy: i32) -> Result<(), DesktopError> {
        self.input(format!("scroll {},{} by {dx},{dy}", at.x, at.y))
    }

    fn key(&mut self, pressed: &Chord) -> Result<(), DesktopError> {
        match (chord(pressed).as_str(), pressed.key) {
            ("ctrl+a", _) => self.selected = true,
            ("ctrl+c", _) if self.selected && self.copies && !self.field.is_empty() => {
                self.clipboard = Some(self.field.clone());
            }
            (_, Key::Named(NamedKey::Delete)) if self.selected => self.put(""),
            _ => {}
        }
        self.input(format!("key {}", chord(pressed)))
    }

    fn type_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError> {
        let window = options.window.map(|window| format!(" in {}", window.0)).unwrap_or_default();
        let secret = if options.secret { " secret" } else { "" };
        self.put(text);
        self.input(format!("type {text}{window}{secret} {:?}", options.via))?;
        let chars = text.chars().count();
        Ok(Typed { via: TypeVia::Keys, chars, caps_lock_was_on: false, clipboard_restored: true })
    }

    fn paste_text(&mut self, text: &str, _options: &TypeOptions) -> Result<Typed, DesktopError> {
        self.put(text);
        self.input(format!("paste {text}"))?;
        let chars = text.chars().count();
        Ok(Typed { via: TypeVia::Paste, chars, caps_lock_was_on: false, clipboard_restored: true })
    }

    fn read_clipboard(&mut self) -> Result<Option<String>, DesktopError> {
        Ok(self.clipboard.clone())
    }

    fn write_clipboard(&mut self, text: &str) -> Result<(), DesktopError> {
        self.clipboard = Some(text.to_owned());
        self.log.push(format!("clipboard {text}"));
        Ok(())
    }

    fn clear_clipboard(&mut self) -> Result<(), DesktopError> {
        self.clipboard = None;
        self.log.push("clipboard cleared".to_owned());
        Ok(())
    }

    fn attest(&mut self) -> Result<Attestation, DesktopError> {
        if self.frame.is_black() {
            return Err(DesktopError::Unavailable("the screen is black".into()));
        }
        Ok(Attestation { display: self.display()?, pointer: Point::new(1, 1), focused: None })
    }

    fn release_all(&mut self) -> Result<(), DesktopError> {
        self.log.push("release".to_owned());
        Ok(())
    }

    fn admit(&mut self, _pass: Pass) {}
}

//! The desktop thread as a [`Desktop`]: every call goes there with a limit of its own.

use std::{cell::Cell, time::Duration};

use crate::desktop::{
    Attestation, Button, Chord, Color, Desktop, DesktopError, DesktopHandle, Display, Frame, Modifier, Pass, Point,
    TypeOptions, Typed, Window, WindowId,
    ocr::Line,
    ui::{Act, Element, ElementId, Grid},
};

/// For calls that ask or do one small thing.
const QUICK: Duration = Duration::from_secs(10);

/// For calls that wait for an application or read a whole screen: activation, attestation.
const SLOW: Duration = Duration::from_secs(30);

/// For a table of thousands of rows.
const LONG: Duration = Duration::from_secs(90);

/// On top, for each character typed.
const PER_CHARACTER: Duration = Duration::from_millis(100);

/// What a desktop that has just hung gets, until it answers again: whoever tidies up must not wait as long for each call.
const AFTER_HANG: Duration = Duration::from_secs(2);

/// The handle that calls go through.
pub(super) struct Hands {
    handle: DesktopHandle,
    /// The last call that had an end did not come back.
    hangs: Cell<bool>,
}

impl Hands {
    pub(super) fn new(handle: DesktopHandle) -> Self {
        Self { handle, hangs: Cell::new(false) }
    }

    /// What programs are started with.
    pub(super) fn pass(&self) -> Pass {
        self.handle.lease_pass()
    }

    pub(super) fn without_lease(&self) -> Self {
        Self::new(self.handle.without_lease())
    }

    fn call<T: Send + 'static>(
        &self,
        name: &'static str,
        limit: Duration,
        act: impl FnOnce(&mut dyn Desktop) -> Result<T, DesktopError> + Send + 'static,
    ) -> Result<T, DesktopError> {
        let limit = if self.hangs.get() { limit.min(AFTER_HANG) } else { limit };
        let result = self.handle.run_blocking(name, limit, act);
        match &result {
            Ok(_) => self.hangs.set(false),
            Err(DesktopError::Hung { .. }) => self.hangs.set(true),
            Err(_) => {}
        }
        result
    }
}

/// Typing takes as long as the text is.
fn typing(text: &str) -> Duration {
    let characters = u32::try_from(text.chars().count()).unwrap_or(u32::MAX);
    SLOW.saturating_add(PER_CHARACTER.saturating_mul(characters))
}

impl Desktop for Hands {
    fn display(&mut self) -> Result<Display, DesktopError> {
        self.call("display", QUICK, |desktop| desktop.display())
    }

    fn capture(&mut self) -> Result<Frame, DesktopError> {
        self.call("capture", QUICK, |desktop| desktop.capture())
    }

    fn pixel(&mut self, at: Point) -> Result<Color, DesktopError> {
        self.call("pixel", QUICK, move |desktop| desktop.pixel(at))
    }

    fn windows(&mut self) -> Result<Vec<Window>, DesktopError> {
        self.call("windows", QUICK, |desktop| desktop.windows())
    }

    fn focused_window(&mut self) -> Result<Option<Window>, DesktopError> {
        self.call("focused_window", QUICK, |desktop| desktop.focused_window())
    }

    fn answers(&mut self, window: WindowId, within: Duration) -> Result<Option<bool>, DesktopError> {
        self.call("answers", QUICK.saturating_add(within), move |desktop| desktop.answers(window, within))
    }

    fn busy_pointer(&mut self) -> Result<Option<String>, DesktopError> {
        self.call("busy_pointer", QUICK, |desktop| desktop.busy_pointer())
    }

    fn elements(&mut self, pids: &[u32]) -> Result<Vec<Element>, DesktopError> {
        let pids = pids.to_vec();
        self.call("elements", QUICK, move |desktop| desktop.elements(&pids))
    }

    fn table(&mut self, element: &ElementId, rows: usize) -> Result<Option<Grid>, DesktopError> {
        let element = element.clone();
        self.call("table", LONG, move |desktop| desktop.table(&element, rows))
    }

    fn read_text(&mut self, part: &Frame, origin: Point, languages: &str) -> Result<Option<Vec<Line>>, DesktopError> {
        let (part, languages) = (part.clone(), languages.to_owned());
        self.call("read_text", SLOW, move |desktop| desktop.read_text(&part, origin, &languages))
    }

    fn act(&mut self, element: &ElementId, act: &Act) -> Result<(), DesktopError> {
        let (element, act) = (element.clone(), act.clone());
        self.call("act", QUICK, move |desktop| desktop.act(&element, &act))
    }

    fn activate(&mut self, window: WindowId) -> Result<(), DesktopError> {
        self.call("activate", SLOW, move |desktop| desktop.activate(window))
    }

    fn close(&mut self, window: WindowId) -> Result<(), DesktopError> {
        self.call("close", QUICK, move |desktop| desktop.close(window))
    }

    fn pointer(&mut self) -> Result<Point, DesktopError> {
        self.call("pointer", QUICK, |desktop| desktop.pointer())
    }

    fn move_pointer(&mut self, to: Point) -> Result<(), DesktopError> {
        self.call("move_pointer", QUICK, move |desktop| desktop.move_pointer(to))
    }

    fn click(&mut self, at: Point, button: Button, count: u8, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        let modifiers = modifiers.to_vec();
        self.call("click", QUICK, move |desktop| desktop.click(at, button, count, &modifiers))
    }

    fn drag(&mut self, from: Point, to: Point, button: Button, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        let modifiers = modifiers.to_vec();
        self.call("drag", SLOW, move |desktop| desktop.drag(from, to, button, &modifiers))
    }

    fn scroll(&mut self, at: Point, dx: i32, dy: i32) -> Result<(), DesktopError> {
        self.call("scroll", SLOW, move |desktop| desktop.scroll(at, dx, dy))
    }

    fn key(&mut self, chord: &Chord) -> Result<(), DesktopError> {
        let chord = chord.clone();
        self.call("key", QUICK, move |desktop| desktop.key(&chord))
    }

    fn key_into(&mut self, chord: &Chord, window: WindowId) -> Result<(), DesktopError> {
        let chord = chord.clone();
        self.call("key_into", QUICK, move |desktop| desktop.key_into(&chord, window))
    }

    fn type_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError> {
        let (limit, text, options) = (typing(text), text.to_owned(), options.clone());
        self.call("type_text", limit, move |desktop| desktop.type_text(&text, &options))
    }

    fn paste_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError> {
        let (text, options) = (text.to_owned(), options.clone());
        self.call("paste_text", SLOW, move |desktop| desktop.paste_text(&text, &options))
    }

    fn read_clipboard(&mut self) -> Result<Option<String>, DesktopError> {
        self.call("read_clipboard", QUICK, |desktop| desktop.read_clipboard())
    }

    fn write_clipboard(&mut self, text: &str) -> Result<(), DesktopError> {
        let text = text.to_owned();
        self.call("write_clipboard", QUICK, move |desktop| desktop.write_clipboard(&text))
    }

    fn clear_clipboard(&mut self) -> Result<(), DesktopError> {
        self.call("clear_clipboard", QUICK, |desktop| desktop.clear_clipboard())
    }

    fn attest(&mut self) -> Result<Attestation, DesktopError> {
        self.call("attest", SLOW, |desktop| desktop.attest())
    }

    fn release_all(&mut self) -> Result<(), DesktopError> {
        self.call("release_all", QUICK, |desktop| desktop.release_all())
    }

    /// The thread is given the handle's own pass with every call.
    fn admit(&mut self, _pass: Pass) {}
}

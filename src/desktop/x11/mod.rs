//! Linux with X11: capture through shared memory, input by XTEST, windows by EWMH, the clipboard served by ourselves.
//!
//! It must not know more than its parent does.

use std::time::Duration;

use enigo::Enigo;
use x11rb::protocol::xproto::{AtomEnum, ConnectionExt as _, GrabMode, GrabStatus, MapState};

use super::{
    Attestation, Button, Chord, Color, Desktop, DesktopError, Display, Foreground, Frame, Modifier, Pass, Point, Rect,
    TypeOptions, TypeVia, Typed, Window, WindowId,
    atspi::Tree,
    pointing::{self, Mouse as _, Presses},
    typing,
    ui::{Act, Element, ElementId, Grid},
};

mod alive;
mod capture;
mod clipboard;
mod cursor;
mod keyboard;
mod keymap;
mod link;
mod listen;
mod pointer;
mod windows;

use capture::Capture;
use clipboard::{Clipboard, Content};
use keymap::Keymap;
use link::Link;
pub(super) use listen::listen;

/// How long an application may take to fetch what is pasted.
const PASTE: Duration = Duration::from_secs(3);

/// It may fetch it more than once; after this long without another fetch it has it.
const PASTE_QUIET: Duration = Duration::from_millis(60);

/// The desktop of one X server.
pub(super) struct X11 {
    link: Link,
    capture: Capture,
    enigo: Enigo,
    clipboard: Clipboard,
    tree: Tree,
    pass: Pass,
    presses: Presses,
    /// Read for the text that is being looked at.
    keymap: Option<Keymap>,
}

/// Opens a display, by default the one `DISPLAY` names.
pub(super) fn open(display: Option<&str>) -> Result<Box<dyn Desktop>, DesktopError> {
    let link = Link::open(display)?;
    let capture = Capture::new(&link)?;
    let enigo = pointer::connect(&link.name)?;
    let clipboard = Clipboard::open(&link)?;
    let pass = Pass::unfenced();
    Ok(Box::new(X11 {
        link,
        capture,
        enigo,
        clipboard,
        tree: Tree::default(),
        pass,
        presses: Presses::default(),
        keymap: None,
    }))
}

impl X11 {
    /// Runs one act of input; when it fails, nothing stays pressed.
    fn input(&mut self, act: impl FnOnce(&mut Self) -> Result<(), DesktopError>) -> Result<(), DesktopError> {
        let result = self.pass.check().and_then(|()| act(self));
        if result.is_err() {
            typing::Keyboard::release_all(self)?;
        }
        result
    }

    fn paste_by_chord(
        &mut self,
        text: &str,
        expected: &Foreground,
        options: &TypeOptions,
    ) -> Result<bool, DesktopError> {
        // An owner that does not answer must not keep us from pasting; what it held is lost then.
        let former = self.clipboard.read(&self.link).unwrap_or(Content::Other);
        self.clipboard.write(&self.link, text, options.secret)?;
        self.clipboard.count_takers();
        let pressed = self.press_chord_into(&options.paste_chord, expected);
        let taken = pressed.is_ok() && self.clipboard.wait_taken(&self.link, expected.id.0, PASTE, PASTE_QUIET);
        match &former {
            Content::Text(text) => self.clipboard.write(&self.link, text, false)?,
            Content::Empty | Content::Other => self.clipboard.clear(&self.link)?,
        }
        pressed?;
        if !taken {
            let (window, chord, ms) = (expected, &options.paste_chord, PASTE.as_millis());
            let advice = "is a text field focused, and is this its chord for pasting?";
            return Err(DesktopError::Clipboard(format!(
                "{window} took no text within {ms} ms after {chord}: {advice}"
            )));
        }
        Ok(former != Content::Other)
    }

    /// The server is asked for the keyboard for a moment: menus and lock screens that hold it keep every key from applications.
    fn check_keyboard_is_free(&self) -> Result<(), DesktopError> {
        let connection = &self.link.connection;
        let status = connection
            .grab_keyboard(false, self.link.root, x11rb::CURRENT_TIME, GrabMode::ASYNC, GrabMode::ASYNC)?
            .reply()?
            .status;
        if status != GrabStatus::SUCCESS {
            let who = "another program holds the keyboard: close the menu or unlock the screen";
            return Err(DesktopError::Unavailable(who.into()));
        }
        connection.ungrab_keyboard(x11rb::CURRENT_TIME)?;
        self.link.sync()
    }

    /// A window without a manager on top of everything, as large as the screen: a lock screen or a screen saver.
    fn check_nothing_covers(&self, screen: Rect) -> Result<(), DesktopError> {
        let connection = &self.link.connection;
        for window in connection.query_tree(self.link.root)?.reply()?.children.into_iter().rev() {
            let Ok(attributes) = connection.get_window_attributes(window)?.reply() else { continue };
            let Ok(place) = connection.get_geometry(window)?.reply() else { continue };
            if attributes.map_state != MapState::VIEWABLE {
                continue;
            }
            let rect = Rect::new(place.x.into(), place.y.into(), place.width.into(), place.height.into());
            if attributes.override_redirect && rect.intersect(&screen) == Some(screen) {
                let what = "a window without frame covers the whole screen: unlock it, or switch the screen saver off";
                return Err(DesktopError::Unavailable(what.into()));
            }
            // Only the topmost that is shown can cover.
            return Ok(());
        }
        Ok(())
    }

    /// Looked at before any lease, so without its pass.
    fn check_pointer(&mut self) -> Result<Point, DesktopError> {
        let pass = std::mem::replace(&mut self.pass, Pass::unfenced());
        let place = pointing::nudge(self);
        self.pass = pass;
        place
    }

    /// From the resource that desktop environments set; 1.0 where nobody does.
    fn scale(&self) -> Result<f64, DesktopError> {
        let resources = self.link.bytes(self.link.root, AtomEnum::RESOURCE_MANAGER.into())?;
        let resources = String::from_utf8_lossy(&resources).into_owned();
        let dpi = resources.lines().find_map(|line| line.strip_prefix("Xft.dpi:")?.trim().parse::<f64>().ok());
        Ok(dpi.filter(|dpi| (24.0..=960.0).contains(dpi)).map_or(1.0, |dpi| dpi / 96.0))
    }
}

impl Desktop for X11 {
    fn display(&mut self) -> Result<Display, DesktopError> {
        let screen = capture::screen(&self.link)?;
        Ok(Display {
            name: self.link.name.clone(),
            width: screen.width,
            height: screen.height,
            scale: self.scale()?,
            window_manager: windows::window_manager(&self.link)?,
        })
    }

    fn capture(&mut self) -> Result<Frame, DesktopError> {
        let screen = capture::screen(&self.link)?;
        self.capture.take(&self.link, screen)
    }

    fn pixel(&mut self, at: Point) -> Result<Color, DesktopError> {
        let screen = capture::screen(&self.link)?;
        let outside = || DesktopError::OutsideDesktop { at, width: screen.width, height: screen.height };
        if !screen.contains(at) {
            return Err(outside());
        }
        let frame = self.capture.take(&self.link, Rect::new(at.x, at.y, 1, 1))?;
        frame.pixel(Point::new(0, 0)).ok_or_else(outside)
    }

    fn windows(&mut self) -> Result<Vec<Window>, DesktopError> {
        windows::list(&self.link)
    }

    fn focused_window(&mut self) -> Result<Option<Window>, DesktopError> {
        windows::focused(&self.link)
    }

    fn answers(&mut self, window: WindowId, within: Duration) -> Result<Option<bool>, DesktopError> {
        alive::answers(&self.link, window, within)
    }

    fn busy_pointer(&mut self) -> Result<Option<String>, DesktopError> {
        cursor::busy(&self.link)
    }

    fn elements(&mut self, pids: &[u32]) -> Result<Vec<Element>, DesktopError> {
        self.tree.elements(windows::accessibility_bus(&self.link)?.as_deref(), pids)
    }

    fn table(&mut self, element: &ElementId, rows: usize) -> Result<Option<Grid>, DesktopError> {
        self.tree.table(windows::accessibility_bus(&self.link)?.as_deref(), element, rows)
    }

    fn act(&mut self, element: &ElementId, act: &Act) -> Result<(), DesktopError> {
        let address = windows::accessibility_bus(&self.link)?;
        self.input(|desktop| desktop.tree.act(address.as_deref(), element, act))
    }

    fn activate(&mut self, window: WindowId) -> Result<(), DesktopError> {
        self.input(|desktop| windows::activate(&desktop.link, window, &desktop.pass))
    }

    fn close(&mut self, window: WindowId) -> Result<(), DesktopError> {
        self.input(|desktop| windows::close(&desktop.link, window))
    }

    fn pointer(&mut self) -> Result<Point, DesktopError> {
        self.place()
    }

    fn move_pointer(&mut self, to: Point) -> Result<(), DesktopError> {
        self.input(|desktop| pointing::move_to(desktop, to))
    }

    fn click(&mut self, at: Point, button: Button, count: u8, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        self.input(|desktop| pointing::click(desktop, at, button, count, modifiers))
    }

    fn drag(&mut self, from: Point, to: Point, button: Button, modifiers: &[Modifier]) -> Result<(), DesktopError> {
        self.input(|desktop| pointing::drag(desktop, from, to, button, modifiers))
    }

    fn scroll(&mut self, at: Point, dx: i32, dy: i32) -> Result<(), DesktopError> {
        self.input(|desktop| pointing::scroll(desktop, at, dx, dy))
    }

    fn key(&mut self, chord: &Chord) -> Result<(), DesktopError> {
        self.input(|desktop| desktop.press_chord(chord))
    }

    fn key_into(&mut self, chord: &Chord, window: WindowId) -> Result<(), DesktopError> {
        let expected = windows::expected(&self.link, window)?;
        self.input(|desktop| desktop.press_chord_into(chord, &expected))
    }

    fn type_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError> {
        // Another layout may be switched on since the last text.
        self.keymap = None;
        typing::type_text(self, text, options)
    }

    fn paste_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError> {
        typing::type_text(self, text, &TypeOptions { via: TypeVia::Paste, ..options.clone() })
    }

    fn read_clipboard(&mut self) -> Result<Option<String>, DesktopError> {
        Ok(match self.clipboard.read(&self.link)? {
            Content::Text(text) => Some(text),
            Content::Empty | Content::Other => None,
        })
    }

    fn write_clipboard(&mut self, text: &str) -> Result<(), DesktopError> {
        self.input(|desktop| desktop.clipboard.write(&desktop.link, text, false))
    }

    fn clear_clipboard(&mut self) -> Result<(), DesktopError> {
        self.clipboard.clear(&self.link)
    }

    fn attest(&mut self) -> Result<Attestation, DesktopError> {
        let display = self.display()?;
        if display.window_manager.is_none() {
            let what = "no window manager runs, so that no window can be given the focus; start one, such as openbox";
            return Err(DesktopError::Unavailable(what.into()));
        }
        let screen = Rect::new(0, 0, display.width, display.height);
        self.check_nothing_covers(screen)?;
        self.check_keyboard_is_free()?;
        // An empty desktop may well be black; one with windows on it is not.
        let shown = windows::list(&self.link)?.iter().any(|window| !window.minimised);
        if shown && self.capture.take(&self.link, screen)?.is_black() {
            let what = "the picture is black though windows are shown: unlock the session, or switch the display on";
            return Err(DesktopError::Unavailable(what.into()));
        }
        let pointer = self.check_pointer()?;
        let focused = windows::foreground(&self.link)?.map(|window| window.id);
        Ok(Attestation { display, pointer, focused })
    }

    fn release_all(&mut self) -> Result<(), DesktopError> {
        typing::Keyboard::release_all(self)
    }

    fn admit(&mut self, pass: Pass) {
        self.pass = pass;
    }
}

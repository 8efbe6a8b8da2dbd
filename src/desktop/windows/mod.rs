//! Windows: pictures by GDI, input by `SendInput`, windows and clipboard by the system's own calls.
//!
//! Every act of input is preceded by a look at the session: a locked, disconnected or secure desktop and a window with higher rights
//! swallow input without a word. It must not know more than its parent does.

use std::time::Duration;

use super::{
    Attestation, Button, Chord, Color, Desktop, DesktopError, Display, Foreground, Frame, Modifier, Pass, Point, Rect,
    TypeOptions, TypeVia, Typed, Window, WindowId,
    ocr::Line,
    pointing::{self, Presses},
    typing,
    ui::{Act, Element, ElementId, Grid},
};

mod capture;
mod clipboard;
mod controls;
mod input;
mod keyboard;
mod listen;
mod pointer;
mod reader;
mod session;
mod shown;

use clipboard::Content;
pub(super) use listen::listen;
pub(super) use session::{id as session, session_of};
pub(super) use shown::close_of;

/// The desktop of the session this process runs in.
pub(super) struct Win32 {
    pass: Pass,
    presses: Presses,
    /// Where the pointer was sent last: a button goes down there, whoever moves the pointer meanwhile.
    aim: Option<Point>,
    tree: controls::Tree,
}

pub(super) fn open() -> Result<Box<dyn Desktop>, DesktopError> {
    session::enter();
    session::check()?;
    capture::screen()?;
    Ok(Box::new(Win32 { pass: Pass::unfenced(), presses: Presses::default(), aim: None, tree: controls::Tree::open() }))
}

impl Win32 {
    /// Runs one act of input where input arrives; when it fails, nothing stays pressed.
    fn input(&mut self, act: impl FnOnce(&mut Self) -> Result<(), DesktopError>) -> Result<(), DesktopError> {
        let result = self.pass.check().and_then(|()| session::check()).and_then(|()| {
            session::check_rights(shown::foreground().as_ref())?;
            act(self)
        });
        if result.is_err() {
            input::release_all()?;
        }
        result
    }
}

impl Desktop for Win32 {
    fn display(&mut self) -> Result<Display, DesktopError> {
        let screen = capture::screen()?;
        Ok(Display {
            name: session::name(),
            width: screen.width,
            height: screen.height,
            scale: capture::scale(),
            // The system's own, which is always there.
            window_manager: Some("Windows".to_owned()),
        })
    }

    fn capture(&mut self) -> Result<Frame, DesktopError> {
        session::check()?;
        let screen = capture::screen()?;
        capture::take(&screen, screen.rect())
    }

    fn pixel(&mut self, at: Point) -> Result<Color, DesktopError> {
        let screen = capture::screen()?;
        let outside = || DesktopError::OutsideDesktop { at, width: screen.width, height: screen.height };
        if !screen.rect().contains(at) {
            return Err(outside());
        }
        let frame = capture::take(&screen, Rect::new(at.x, at.y, 1, 1))?;
        frame.pixel(Point::new(0, 0)).ok_or_else(outside)
    }

    fn windows(&mut self) -> Result<Vec<Window>, DesktopError> {
        shown::list()
    }

    fn focused_window(&mut self) -> Result<Option<Window>, DesktopError> {
        shown::focused()
    }

    fn answers(&mut self, window: WindowId, within: Duration) -> Result<Option<bool>, DesktopError> {
        shown::answers(window, within).map(Some)
    }

    fn busy_pointer(&mut self) -> Result<Option<String>, DesktopError> {
        Ok(pointer::busy())
    }

    fn elements(&mut self, pids: &[u32]) -> Result<Vec<Element>, DesktopError> {
        self.tree.elements(pids)
    }

    fn table(&mut self, element: &ElementId, rows: usize) -> Result<Option<Grid>, DesktopError> {
        self.tree.table(element, rows)
    }

    fn act(&mut self, element: &ElementId, act: &Act) -> Result<(), DesktopError> {
        self.input(|desktop| desktop.tree.act(element, act))
    }

    fn read_text(&mut self, part: &Frame, origin: Point, languages: &str) -> Result<Option<Vec<Line>>, DesktopError> {
        Ok(reader::read(part, origin, languages))
    }

    fn activate(&mut self, window: WindowId) -> Result<(), DesktopError> {
        self.input(|desktop| shown::activate(window, &desktop.pass))
    }

    fn close(&mut self, window: WindowId) -> Result<(), DesktopError> {
        self.input(|_| shown::close(window))
    }

    fn pointer(&mut self) -> Result<Point, DesktopError> {
        pointer::place()
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
        self.input(|_| keyboard::press(chord))
    }

    fn key_into(&mut self, chord: &Chord, window: WindowId) -> Result<(), DesktopError> {
        self.input(|desktop| {
            let expected = Foreground { id: window, title: shown::title_of(window) };
            typing::check_focus(desktop, &expected)?;
            keyboard::press(chord)
        })
    }

    fn type_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError> {
        session::check()?;
        typing::type_text(self, text, options)
    }

    fn paste_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError> {
        session::check()?;
        typing::type_text(self, text, &TypeOptions { via: TypeVia::Paste, ..options.clone() })
    }

    fn read_clipboard(&mut self) -> Result<Option<String>, DesktopError> {
        Ok(match clipboard::read()? {
            Content::Text(text) => Some(text),
            Content::Empty | Content::Other => None,
        })
    }

    fn write_clipboard(&mut self, text: &str) -> Result<(), DesktopError> {
        self.input(|_| clipboard::write(text, false))
    }

    fn clear_clipboard(&mut self) -> Result<(), DesktopError> {
        clipboard::clear()
    }

    fn attest(&mut self) -> Result<Attestation, DesktopError> {
        session::check()?;
        let display = self.display()?;
        let shown = shown::list()?.iter().any(|window| !window.minimised);
        if shown && self.capture()?.is_black() {
            let what = "the picture is black though windows are shown: unlock the session, or connect to it once";
            return Err(DesktopError::Unavailable(what.into()));
        }
        // Looked at before any lease, so without its pass.
        let pass = std::mem::replace(&mut self.pass, Pass::unfenced());
        let pointer = pointing::nudge(self);
        self.pass = pass;
        let focused = shown::foreground().map(|window| window.id);
        Ok(Attestation { display, pointer: pointer?, focused })
    }

    fn release_all(&mut self) -> Result<(), DesktopError> {
        typing::Keyboard::release_all(self)
    }

    fn admit(&mut self, pass: Pass) {
        self.pass = pass;
    }
}

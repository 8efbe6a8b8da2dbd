//! Hands and eyes: one desktop, seen and driven through the [`Desktop`] trait.
//!
//! Everything a step can do to a screen ends here: capture, windows, pointer, keys, clipboard, processes, and finding a picture on
//! the screen ([`image`]), reading text off it ([`ocr`]), asking applications for their controls ([`ui`]). Calls are synchronous and run on one dedicated thread ([`thread::DesktopHandle`]) that a watchdog outside
//! it abandons when it hangs. Input passes a [`gate::Pass`], so that a lapsed lease stops it between two bursts of keys.
//!
//! It must not know: workflows, steps, jobs, leases, wire formats, configuration, the controller. It takes points, texts and pictures
//! and returns what happened. It uses std and the back ends' crates only. All coordinates are physical pixels of the whole desktop,
//! origin top left; all texts are Unicode.
//!
//! One system, one back end: Linux with X11 is `x11`, Windows is `windows`. [`open`] picks it; elsewhere it says [`DesktopError::Unsupported`].

use std::time::Duration;

#[cfg(target_os = "linux")]
mod atspi;
pub mod error;
pub mod frame;
pub mod gate;
pub mod geometry;
pub mod image;
pub mod keys;
pub mod listen;
pub mod ocr;
#[cfg(any(target_os = "linux", windows))]
mod pointing;
pub mod process;
mod stopwatch;
pub mod thread;
#[cfg(any(target_os = "linux", windows))]
mod typing;
pub mod ui;
#[cfg(windows)]
mod windows;
#[cfg(target_os = "linux")]
mod x11;

pub use error::{DesktopError, Foreground};
pub use frame::{Color, ColorError, Frame, PixelOrder};
pub use gate::{Gate, Pass};
pub use geometry::{Point, Rect};
pub use keys::{Button, Chord, Key, KeyError, Modifier, NamedKey};
pub use process::ProcessError;
pub use stopwatch::Stopwatch;
pub use thread::DesktopHandle;
use ui::{Act, Element, ElementId, Grid};

/// One window's name in its system, good while the window lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct WindowId(pub u64);

impl std::fmt::Display for WindowId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// A top-level window as a person would list it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    pub id: WindowId,
    /// Empty where the window has none.
    pub title: String,
    /// The application's class (`WM_CLASS` on X11), empty where it has none.
    pub class: String,
    /// Name of the program that owns it, without path; empty where the system does not tell.
    pub process: String,
    pub pid: Option<u32>,
    /// With title bar and borders.
    pub rect: Rect,
    /// Without title bar and borders.
    pub client: Rect,
    pub focused: bool,
    /// Minimised: it has a place, but nothing of it is on the screen.
    pub minimised: bool,
    pub maximised: bool,
}

/// What the desktop says about itself.
#[derive(Clone, Debug, PartialEq)]
pub struct Display {
    /// Name in its system, such as `:1`.
    pub name: String,
    pub width: u32,
    pub height: u32,
    /// 1.0 is 96 dots an inch.
    pub scale: f64,
    /// The window manager's name; `None` where none runs.
    pub window_manager: Option<String>,
}

/// Proof that the desktop can be worked on, from [`Desktop::attest`].
#[derive(Clone, Debug, PartialEq)]
pub struct Attestation {
    pub display: Display,
    /// Where the pointer was read back after it was moved.
    pub pointer: Point,
    /// The window that has the focus; `None` on an empty desktop.
    pub focused: Option<WindowId>,
}

/// How text reaches an application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TypeVia {
    /// Keys for short text the keyboard has, else paste.
    #[default]
    Auto,
    /// Keys only; a character that the keyboard does not have is an error.
    Keys,
    /// By the codes of keys of the layout that is switched on, for applications that hand keys on and take no characters.
    Scancode,
    /// Through the clipboard, whose former text is put back.
    Paste,
}

/// How to type. The default suits an ordinary text field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TypeOptions {
    pub via: TypeVia,
    /// The window that must have the focus all the time; by default the one that has it when typing begins.
    pub window: Option<WindowId>,
    /// Between two keys.
    pub pause_ms: u32,
    /// `Auto` pastes text longer than this many characters.
    pub paste_above_chars: usize,
    /// The chord that pastes in this application.
    pub paste_chord: Chord,
    /// A secret: no error text quotes it, clipboard histories are asked to leave it out, and the clipboard is never left holding it.
    pub secret: bool,
}

impl Default for TypeOptions {
    fn default() -> Self {
        Self {
            via: TypeVia::Auto,
            window: None,
            pause_ms: 4,
            paste_above_chars: 200,
            paste_chord: Chord { modifiers: vec![Modifier::Ctrl], key: Key::Char('v') },
            secret: false,
        }
    }
}

/// What typing did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// What was done, never `Auto`.
    pub via: TypeVia,
    pub chars: usize,
    /// `CapsLock` was on; it was off while typing and is on again.
    pub caps_lock_was_on: bool,
    /// After a paste: the former text of the clipboard is there again (or it is empty again). False where it held something that is
    /// not text: then it is empty now.
    pub clipboard_restored: bool,
}

/// One desktop. Synchronous and object-safe; owned by the thread that opened it.
///
/// Input calls (`act` to `paste_text`, `write_clipboard`) check the [`Pass`] given by [`Desktop::admit`] before every burst, and
/// answer [`DesktopError::Fenced`] with everything released once it is withdrawn. Looking is never fenced.
pub trait Desktop {
    /// Size, scale and window manager, asked anew.
    fn display(&mut self) -> Result<Display, DesktopError>;

    /// The whole desktop.
    fn capture(&mut self) -> Result<Frame, DesktopError>;

    /// The colour of one pixel.
    fn pixel(&mut self, at: Point) -> Result<Color, DesktopError>;

    /// All top-level windows of applications, topmost first.
    fn windows(&mut self) -> Result<Vec<Window>, DesktopError>;

    /// The window that gets the keys, `None` where none does.
    fn focused_window(&mut self) -> Result<Option<Window>, DesktopError>;

    /// Whether the application of a window answers within this time. `None` where it cannot be asked, or is not known.
    fn answers(&mut self, window: WindowId, within: Duration) -> Result<Option<bool>, DesktopError> {
        let _ = (window, within);
        Ok(None)
    }

    /// The name of the pointer's picture where it is one that asks to wait, such as `watch`. `None`: it is another, or the system does
    /// not tell.
    fn busy_pointer(&mut self) -> Result<Option<String>, DesktopError> {
        Ok(None)
    }

    /// The control trees of these processes, parents before their children. Empty where they tell nothing.
    fn elements(&mut self, pids: &[u32]) -> Result<Vec<Element>, DesktopError> {
        let _ = pids;
        Err(no_tree())
    }

    /// The first rows of a table; `None` where the element tells of no rows and columns.
    fn table(&mut self, element: &ElementId, rows: usize) -> Result<Option<Grid>, DesktopError> {
        let _ = (element, rows);
        Err(no_tree())
    }

    /// Asks an application to act on one of its elements, without mouse or keyboard. That it agreed is not that it happened.
    fn act(&mut self, element: &ElementId, act: &Act) -> Result<(), DesktopError> {
        let _ = (element, act);
        Err(no_tree())
    }

    /// What stands on a part of the screen whose corner is at `origin`, by the system's own reader, in one of these languages (`eng+deu`).
    /// `None`: it has none, or none for them.
    fn read_text(
        &mut self,
        part: &Frame,
        origin: Point,
        languages: &str,
    ) -> Result<Option<Vec<ocr::Line>>, DesktopError> {
        let _ = (part, origin, languages);
        Ok(None)
    }

    /// Brings a window to the front and returns when it really has the focus; bounded.
    fn activate(&mut self, window: WindowId) -> Result<(), DesktopError>;

    /// Asks a window to close, as its close button would, and returns at once: the application may ask back.
    fn close(&mut self, window: WindowId) -> Result<(), DesktopError>;

    /// Where the pointer is.
    fn pointer(&mut self) -> Result<Point, DesktopError>;

    /// Moves the pointer and reads its place back.
    fn move_pointer(&mut self, to: Point) -> Result<(), DesktopError>;

    /// Clicks `count` times (1 to 3) at a place with modifiers held.
    fn click(&mut self, at: Point, button: Button, count: u8, modifiers: &[Modifier]) -> Result<(), DesktopError>;

    /// Presses at `from`, moves in small steps, releases at `to`.
    fn drag(&mut self, from: Point, to: Point, button: Button, modifiers: &[Modifier]) -> Result<(), DesktopError>;

    /// Scrolls at a place, in notches of the wheel: positive `dx` to the right, positive `dy` down.
    fn scroll(&mut self, at: Point, dx: i32, dy: i32) -> Result<(), DesktopError>;

    /// Presses and releases one chord in the focused window.
    fn key(&mut self, chord: &Chord) -> Result<(), DesktopError>;

    /// The same, but only into one window: the focus is checked right before.
    fn key_into(&mut self, chord: &Chord, window: WindowId) -> Result<(), DesktopError> {
        match self.focused_window()? {
            Some(found) if found.id == window => self.key(chord),
            found => Err(DesktopError::FocusLost {
                expected: Foreground { id: window, title: "the window the keys are for".into() },
                found: found.map(|found| Foreground { id: found.id, title: found.title }),
            }),
        }
    }

    /// Types into the focused window, which is checked before every burst of keys.
    fn type_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError>;

    /// Pastes into the focused window and puts the clipboard's former text back.
    fn paste_text(&mut self, text: &str, options: &TypeOptions) -> Result<Typed, DesktopError>;

    /// The clipboard's text; `None` where it is empty or holds something else.
    fn read_clipboard(&mut self) -> Result<Option<String>, DesktopError>;

    fn write_clipboard(&mut self, text: &str) -> Result<(), DesktopError>;

    fn clear_clipboard(&mut self) -> Result<(), DesktopError>;

    /// Proves that the desktop can be worked on: the picture is not black, the pointer moves and reads back, focus can be had.
    fn attest(&mut self) -> Result<Attestation, DesktopError>;

    /// Releases every key and button that is down. Never fenced.
    fn release_all(&mut self) -> Result<(), DesktopError>;

    /// From now on input needs this pass to be valid.
    fn admit(&mut self, pass: Pass);
}

/// Of a back end without a control tree.
fn no_tree() -> DesktopError {
    DesktopError::Unsupported {
        what: "the control tree of applications".into(),
        instead: "find it by `image` or `text`".into(),
    }
}

/// Hears what is done on the desktop of this session.
#[cfg(target_os = "linux")]
pub fn hear() -> Result<listen::Listener, DesktopError> {
    x11::listen(None)
}

/// Hears what is done on the desktop of this session.
#[cfg(windows)]
pub fn hear() -> Result<listen::Listener, DesktopError> {
    windows::listen()
}

/// Hears what is done on the desktop of this session.
#[cfg(not(any(target_os = "linux", windows)))]
pub fn hear() -> Result<listen::Listener, DesktopError> {
    Err(DesktopError::Unsupported {
        what: format!("hearing what a person does on {}", std::env::consts::OS),
        instead: "record on Windows, or on Linux with X11".into(),
    })
}

/// Opens the desktop of this session with the back end of this system.
#[cfg(target_os = "linux")]
pub fn open() -> Result<Box<dyn Desktop>, DesktopError> {
    x11::open(None)
}

/// Opens a named display of this machine, such as `:1`.
#[cfg(target_os = "linux")]
pub fn open_display(name: &str) -> Result<Box<dyn Desktop>, DesktopError> {
    x11::open(Some(name))
}

/// Opens the desktop of this session with the back end of this system.
#[cfg(windows)]
pub fn open() -> Result<Box<dyn Desktop>, DesktopError> {
    windows::open()
}

/// The number of the session this process runs in.
#[cfg(windows)]
pub fn session() -> Option<u32> {
    windows::session()
}

/// This system has no back end yet.
#[cfg(not(any(target_os = "linux", windows)))]
pub fn open() -> Result<Box<dyn Desktop>, DesktopError> {
    Err(DesktopError::Unsupported {
        what: format!("driving the desktop of {}", std::env::consts::OS),
        instead: "run the agent on Windows, or on Linux with X11".into(),
    })
}

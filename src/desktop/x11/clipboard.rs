//! The clipboard: we own the selection and serve it from a thread of our own, so that we know when an application has taken a paste.

use std::{
    sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError},
    thread,
    time::Duration,
};

use x11rb::{
    connection::{Connection, RequestConnection},
    errors::{ConnectionError, ReplyOrIdError},
    protocol::{
        Event,
        xproto::{
            AtomEnum, ClientMessageEvent, ConnectionExt as _, CreateWindowAux, EventMask, PropMode, Property,
            SELECTION_NOTIFY_EVENT, SelectionNotifyEvent, SelectionRequestEvent, Window as XWindow, WindowClass,
        },
    },
    rust_connection::RustConnection,
    wrapper::ConnectionExt as _,
};

use super::link::Link;
use crate::desktop::{DesktopError, Stopwatch};

x11rb::atom_manager! {
    /// Names of selections and formats.
    Atoms: AtomsCookie {
        CLIPBOARD,
        TARGETS,
        TEXT,
        INCR,
        UTF8_STRING,
        PLAIN: b"text/plain",
        PLAIN_UTF8: b"text/plain;charset=utf-8",
        // Clipboard histories leave out what carries this.
        SECRET: b"x-kde-passwordManagerHint",
        DESKFLEET_CLIPBOARD,
    }
}

/// How long the owner of the clipboard may take to answer.
const ANSWER: Duration = Duration::from_millis(1500);

/// Longest text that is read.
const MAX_READ_BYTES: usize = 16 << 20;

/// Our side of the clipboard.
pub(super) struct Clipboard {
    server: Arc<Server>,
    /// Where answers of other owners arrive, on the desktop's own connection.
    reader: XWindow,
}

struct Server {
    connection: RustConnection,
    window: XWindow,
    atoms: Atoms,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    text: Option<String>,
    secret: bool,
    /// Windows that took the text since it was asked to count.
    takers: Vec<XWindow>,
}

/// What the clipboard holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Content {
    Empty,
    Text(String),
    /// A picture, files, or whatever cannot be had as text.
    Other,
}

impl Clipboard {
    pub(super) fn open(link: &Link) -> Result<Self, DesktopError> {
        let (connection, screen) = x11rb::connect(Some(&link.name))
            .map_err(|error| DesktopError::Unavailable(format!("no second connection for the clipboard: {error}")))?;
        let root = connection.setup().roots[screen].root;
        let atoms = Atoms::new(&connection)?.reply()?;
        let window = window(&connection, root)?;
        let server = Server { connection, window, atoms, state: Mutex::default(), changed: Condvar::new() };
        let server = Arc::new(server);
        let serving = Arc::clone(&server);
        thread::Builder::new()
            .name("clipboard".into())
            .spawn(move || serving.serve())
            .map_err(|error| DesktopError::Clipboard(format!("no thread for it: {error}")))?;
        Ok(Self { server, reader: window_of(link)? })
    }

    pub(super) fn read(&self, link: &Link) -> Result<Content, DesktopError> {
        let owner = link.connection.get_selection_owner(self.server.atoms.CLIPBOARD)?.reply()?.owner;
        if owner == x11rb::NONE {
            return Ok(Content::Empty);
        }
        if owner == self.server.window {
            return Ok(self.server.state().text.clone().map_or(Content::Empty, Content::Text));
        }
        for format in [self.server.atoms.UTF8_STRING, AtomEnum::STRING.into()] {
            if let Some(bytes) = self.ask(link, format)? {
                let latin = format != self.server.atoms.UTF8_STRING;
                return Ok(Content::Text(if latin {
                    bytes.into_iter().map(char::from).collect()
                } else {
                    String::from_utf8_lossy(&bytes).into_owned()
                }));
            }
        }
        Ok(Content::Other)
    }

    /// Takes the clipboard and offers this text.
    pub(super) fn write(&self, link: &Link, text: &str, secret: bool) -> Result<(), DesktopError> {
        let most = self.server.connection.maximum_request_bytes().saturating_sub(1024);
        if text.len() > most {
            let length = text.len();
            return Err(DesktopError::Clipboard(format!("{length} bytes are too long for it: at most {most}")));
        }
        *self.server.state() = State { text: Some(text.to_owned()), secret, takers: Vec::new() };
        let Server { connection, window, atoms, .. } = &*self.server;
        connection.set_selection_owner(*window, atoms.CLIPBOARD, x11rb::CURRENT_TIME)?;
        connection.sync()?;
        let owner = link.connection.get_selection_owner(atoms.CLIPBOARD)?.reply()?.owner;
        if owner != *window {
            return Err(DesktopError::Clipboard("another program took it at the same moment: try again".into()));
        }
        Ok(())
    }

    pub(super) fn clear(&self, link: &Link) -> Result<(), DesktopError> {
        *self.server.state() = State::default();
        link.connection.set_selection_owner(x11rb::NONE, self.server.atoms.CLIPBOARD, x11rb::CURRENT_TIME)?;
        link.sync()
    }

    /// From now on those who take the text are counted.
    pub(super) fn count_takers(&self) {
        self.server.state().takers.clear();
    }

    /// Waits until the program that owns `window` has taken the text and has been quiet for `quiet`. True too where, by then, only
    /// another program took it: some programs leave this to a process of their own.
    pub(super) fn wait_taken(&self, link: &Link, window: u64, limit: Duration, quiet: Duration) -> bool {
        let mask = link.connection.setup().resource_id_mask;
        let program = |id: u64| id & !u64::from(mask);
        let watch = Stopwatch::start();
        let mut state = self.server.state();
        let mut seen = 0;
        loop {
            let taken = state.takers.iter().any(|taker| program(u64::from(*taker)) == program(window));
            if taken && seen == state.takers.len() {
                return true;
            }
            seen = state.takers.len();
            let Some(left) = watch.left(limit) else { return !state.takers.is_empty() };
            let wait = if taken { quiet.min(left) } else { left };
            state = self.server.changed.wait_timeout(state, wait).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// The selection in one format; `None` where its owner does not have it.
    fn ask(&self, link: &Link, format: u32) -> Result<Option<Vec<u8>>, DesktopError> {
        let atoms = &self.server.atoms;
        let property = atoms.DESKFLEET_CLIPBOARD;
        while link.connection.poll_for_event()?.is_some() {}
        link.connection.delete_property(self.reader, property)?;
        link.connection.convert_selection(self.reader, atoms.CLIPBOARD, format, property, x11rb::CURRENT_TIME)?;
        link.connection.flush()?;
        let answered = await_event(link, |event| match event {
            Event::SelectionNotify(event) if event.requestor == self.reader => Some(event.property),
            _ => None,
        })?;
        if answered == x11rb::NONE {
            return Ok(None);
        }
        let part = self.take_property(link, property)?;
        if part.0 != atoms.INCR {
            return Ok(Some(part.1));
        }
        // Long texts come in parts: each is taken away by us, then the next is put there; an empty one is the last.
        let mut whole = Vec::new();
        loop {
            await_event(link, |event| match event {
                Event::PropertyNotify(event) if event.atom == property && event.state == Property::NEW_VALUE => {
                    Some(())
                }
                _ => None,
            })?;
            let (_, part) = self.take_property(link, property)?;
            if part.is_empty() {
                return Ok(Some(whole));
            }
            whole.extend(part);
            if whole.len() > MAX_READ_BYTES {
                return Err(DesktopError::Clipboard(format!("it holds more than {MAX_READ_BYTES} bytes")));
            }
        }
    }

    fn take_property(&self, link: &Link, property: u32) -> Result<(u32, Vec<u8>), DesktopError> {
        let words = u32::try_from(MAX_READ_BYTES / 4).unwrap_or(u32::MAX);
        let reply = link.connection.get_property(true, self.reader, property, AtomEnum::ANY, 0, words)?.reply()?;
        Ok((reply.type_, reply.value))
    }
}

impl Drop for Clipboard {
    fn drop(&mut self) {
        let Server { connection, window, atoms, .. } = &*self.server;
        let end = ClientMessageEvent::new(32, *window, atoms.DESKFLEET_CLIPBOARD, [0; 5]);
        // Where this fails the connection is gone, and the thread with it.
        let _ = connection.send_event(false, *window, EventMask::NO_EVENT, end).map(|_| connection.flush());
    }
}

impl Server {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn serve(&self) {
        while let Ok(event) = self.connection.wait_for_event() {
            match event {
                Event::SelectionRequest(request) if self.answer(&request).is_err() => return,
                Event::SelectionClear(_) => {
                    // It may tell of a loss before we took it again.
                    let Ok(asked) = self.connection.get_selection_owner(self.atoms.CLIPBOARD) else { return };
                    if asked.reply().is_ok_and(|owner| owner.owner != self.window) {
                        *self.state() = State::default();
                    }
                }
                Event::ClientMessage(message) if message.type_ == self.atoms.DESKFLEET_CLIPBOARD => return,
                _ => {}
            }
        }
    }

    fn answer(&self, request: &SelectionRequestEvent) -> Result<(), ConnectionError> {
        // Old programs leave the place to us.
        let property = if request.property == x11rb::NONE { request.target } else { request.property };
        let gave_text = self.put(request, property)?;
        let notify = SelectionNotifyEvent {
            response_type: SELECTION_NOTIFY_EVENT,
            sequence: 0,
            time: request.time,
            requestor: request.requestor,
            selection: request.selection,
            target: request.target,
            property: if gave_text.is_some() { property } else { x11rb::NONE },
        };
        self.connection.send_event(false, request.requestor, EventMask::NO_EVENT, notify)?;
        self.connection.flush()?;
        if gave_text == Some(true) {
            self.state().takers.push(request.requestor);
            self.changed.notify_all();
        }
        Ok(())
    }

    /// Puts what was asked for where it was asked for. `None`: we do not have it; true: it was the text.
    fn put(&self, request: &SelectionRequestEvent, property: u32) -> Result<Option<bool>, ConnectionError> {
        let atoms = &self.atoms;
        let (text, secret) = {
            let state = self.state();
            (state.text.clone(), state.secret)
        };
        let Some(text) = text.filter(|_| request.selection == atoms.CLIPBOARD) else { return Ok(None) };
        let string = u32::from(AtomEnum::STRING);
        let utf8 = [atoms.UTF8_STRING, atoms.TEXT, atoms.PLAIN_UTF8, atoms.PLAIN];
        let put = |kind: u32, bytes: &[u8]| {
            self.connection.change_property8(PropMode::REPLACE, request.requestor, property, kind, bytes).map(drop)
        };
        if request.target == atoms.TARGETS {
            let mut targets = vec![atoms.TARGETS];
            targets.extend(utf8);
            targets.push(string);
            targets.extend(secret.then_some(atoms.SECRET));
            let kind = AtomEnum::ATOM;
            self.connection.change_property32(PropMode::REPLACE, request.requestor, property, kind, &targets)?;
            return Ok(Some(false));
        }
        if utf8.contains(&request.target) {
            let kind = if request.target == atoms.TEXT { atoms.UTF8_STRING } else { request.target };
            put(kind, text.as_bytes())?;
            return Ok(Some(true));
        }
        if request.target == string {
            let latin: Option<Vec<u8>> = text.chars().map(|char| u8::try_from(u32::from(char)).ok()).collect();
            let Some(latin) = latin else { return Ok(None) };
            put(string, &latin)?;
            return Ok(Some(true));
        }
        if request.target == atoms.SECRET && secret {
            put(request.target, b"secret")?;
            return Ok(Some(false));
        }
        Ok(None)
    }
}

fn await_event<T>(link: &Link, wanted: impl Fn(&Event) -> Option<T>) -> Result<T, DesktopError> {
    let watch = Stopwatch::start();
    loop {
        while let Some(event) = link.connection.poll_for_event()? {
            if let Some(found) = wanted(&event) {
                return Ok(found);
            }
        }
        if watch.left(ANSWER).is_none() {
            let ms = ANSWER.as_millis();
            return Err(DesktopError::Clipboard(format!("the program that owns it did not answer within {ms} ms")));
        }
        thread::sleep(Duration::from_millis(1));
    }
}

fn window_of(link: &Link) -> Result<XWindow, DesktopError> {
    Ok(window(&link.connection, link.root)?)
}

/// A window that is never shown.
fn window(connection: &RustConnection, root: XWindow) -> Result<XWindow, ReplyOrIdError> {
    let window = connection.generate_id()?;
    let events = CreateWindowAux::new().event_mask(EventMask::PROPERTY_CHANGE);
    connection.create_window(0, window, root, -1, -1, 1, 1, 0, WindowClass::INPUT_OUTPUT, 0, &events)?;
    connection.sync().map_err(ReplyOrIdError::from)?;
    Ok(window)
}

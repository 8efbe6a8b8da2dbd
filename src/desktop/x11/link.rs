//! The connection to the X server, the names it knows, and its errors in our words.

use x11rb::{
    connection::Connection,
    errors::{ConnectionError, ReplyError, ReplyOrIdError},
    protocol::xproto::{AtomEnum, ConnectionExt as _, Window as XWindow},
    rust_connection::RustConnection,
};

use crate::desktop::DesktopError;

x11rb::atom_manager! {
    /// Names interned once.
    pub(super) Atoms: AtomsCookie {
        AT_SPI_BUS,
        UTF8_STRING,
        _NET_SUPPORTING_WM_CHECK,
        _NET_CLIENT_LIST,
        _NET_CLIENT_LIST_STACKING,
        _NET_ACTIVE_WINDOW,
        _NET_CLOSE_WINDOW,
        _NET_WM_NAME,
        _NET_WM_PID,
        _NET_WM_PING,
        _NET_WM_STATE,
        _NET_WM_STATE_HIDDEN,
        _NET_WM_STATE_MAXIMIZED_VERT,
        _NET_WM_STATE_MAXIMIZED_HORZ,
        _NET_FRAME_EXTENTS,
        _GTK_FRAME_EXTENTS,
        WM_PROTOCOLS,
        WM_STATE,
    }
}

/// Longest property that is read, in words of four bytes.
const MAX_PROPERTY: u32 = 1 << 16;

/// One connection.
pub(super) struct Link {
    pub(super) connection: RustConnection,
    pub(super) root: XWindow,
    pub(super) atoms: Atoms,
    /// Such as `:1`.
    pub(super) name: String,
}

impl Link {
    pub(super) fn open(display: Option<&str>) -> Result<Self, DesktopError> {
        let name = display.map_or_else(|| std::env::var("DISPLAY").unwrap_or_default(), str::to_owned);
        if name.is_empty() {
            let what = "the variable DISPLAY is not set; start the agent inside the desktop session, or set DISPLAY";
            return Err(DesktopError::Unavailable(what.into()));
        }
        let (connection, screen) = x11rb::connect(Some(&name)).map_err(|error| {
            DesktopError::Unavailable(format!(
                "the X server {name} cannot be reached ({error}); is the session running?"
            ))
        })?;
        let root = connection.setup().roots[screen].root;
        let atoms = Atoms::new(&connection)?.reply()?;
        Ok(Self { connection, root, atoms, name })
    }

    /// A property of numbers; empty where the window has none.
    pub(super) fn numbers(&self, window: XWindow, property: u32) -> Result<Vec<u32>, ReplyError> {
        let reply = self.connection.get_property(false, window, property, AtomEnum::ANY, 0, MAX_PROPERTY)?.reply()?;
        Ok(reply.value32().map(Iterator::collect).unwrap_or_default())
    }

    /// A property of bytes; empty where the window has none.
    pub(super) fn bytes(&self, window: XWindow, property: u32) -> Result<Vec<u8>, ReplyError> {
        let reply = self.connection.get_property(false, window, property, AtomEnum::ANY, 0, MAX_PROPERTY)?.reply()?;
        Ok(if reply.format == 8 { reply.value } else { Vec::new() })
    }

    /// Waits until the server has done all that was asked.
    pub(super) fn sync(&self) -> Result<(), DesktopError> {
        self.connection.get_input_focus()?.reply()?;
        Ok(())
    }
}

impl From<ConnectionError> for DesktopError {
    fn from(error: ConnectionError) -> Self {
        Self::Unavailable(format!(
            "the connection to the X server broke ({error}); it is opened anew with the next call"
        ))
    }
}

impl From<ReplyError> for DesktopError {
    fn from(error: ReplyError) -> Self {
        match error {
            ReplyError::ConnectionError(error) => error.into(),
            ReplyError::X11Error(error) => {
                let request = error.request_name.unwrap_or("a request");
                Self::Input(format!("the X server refused {request}: {:?}", error.error_kind))
            }
        }
    }
}

impl From<ReplyOrIdError> for DesktopError {
    fn from(error: ReplyOrIdError) -> Self {
        match error {
            ReplyOrIdError::ConnectionError(error) => error.into(),
            ReplyOrIdError::X11Error(error) => ReplyError::X11Error(error).into(),
            ReplyOrIdError::IdsExhausted => Self::Unavailable("the X server has no more identifiers for us".into()),
        }
    }
}

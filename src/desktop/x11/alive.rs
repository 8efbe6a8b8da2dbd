//! Whether a window's application is alive: asked by the ping that window managers use, and by the state of its process.

use std::{thread, time::Duration};

use x11rb::{
    connection::Connection as _,
    protocol::{
        Event,
        xproto::{ChangeWindowAttributesAux, ClientMessageEvent, ConnectionExt as _, EventMask},
    },
    rust_connection::RustConnection,
};

use super::{link::Link, windows};
use crate::desktop::{DesktopError, Stopwatch, WindowId, process};

/// Between two looks for the answer.
const LOOK: Duration = Duration::from_millis(5);

/// `None`: the application does not take part in pings, and its process says nothing against it.
pub(super) fn answers(link: &Link, id: WindowId, within: Duration) -> Result<Option<bool>, DesktopError> {
    let window = windows::known(link, id)?;
    let pid = link.numbers(window, link.atoms._NET_WM_PID)?.first().copied();
    if pid.is_some_and(process::is_stopped) {
        return Ok(Some(false));
    }
    let (protocols, ping) = (link.atoms.WM_PROTOCOLS, link.atoms._NET_WM_PING);
    if !link.numbers(window, protocols)?.contains(&ping) {
        return Ok(None);
    }
    // A connection of its own: nobody else waits for these events, and nothing of them is left in anybody's queue.
    let (connection, _) = RustConnection::connect(Some(&link.name)).map_err(|error| {
        DesktopError::Unavailable(format!("the X server {} cannot be reached ({error})", link.name))
    })?;
    let listen = ChangeWindowAttributesAux::new().event_mask(EventMask::SUBSTRUCTURE_NOTIFY);
    connection.change_window_attributes(link.root, &listen)?;
    let message = ClientMessageEvent::new(32, window, protocols, [ping, x11rb::CURRENT_TIME, window, 0, 0]);
    connection.send_event(false, window, EventMask::NO_EVENT, message)?;
    connection.flush()?;
    let watch = Stopwatch::start();
    loop {
        while let Some(event) = connection.poll_for_event()? {
            if let Event::ClientMessage(answer) = event
                && answer.type_ == protocols
                && answer.window == link.root
            {
                let [what, _, whose, ..] = answer.data.as_data32();
                if what == ping && whose == window {
                    return Ok(Some(true));
                }
            }
        }
        if watch.left(within).is_none() {
            return Ok(Some(false));
        }
        thread::sleep(LOOK);
    }
}

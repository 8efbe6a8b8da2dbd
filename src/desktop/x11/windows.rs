//! Windows by the rules window managers agreed on (EWMH, ICCCM): who they are, which has the focus, how to ask for more.

use std::{thread, time::Duration};

use x11rb::{
    connection::Connection,
    errors::ReplyError,
    protocol::ErrorKind,
    protocol::xproto::{AtomEnum, ClientMessageEvent, ConnectionExt as _, EventMask, MapState, Window as XWindow},
};

use super::link::Link;
use crate::desktop::{DesktopError, Foreground, Pass, Rect, Stopwatch, Window, WindowId, process};

/// How long a window may take to come to the front.
const ACTIVATE: Duration = Duration::from_secs(3);

/// We speak as a pager does: window managers obey it where they would hold an application back.
const FROM_PAGER: u32 = 2;

/// `WM_STATE` of a minimised window.
const ICONIC: u32 = 3;

/// The name of the window manager; `None` where none runs.
pub(super) fn window_manager(link: &Link) -> Result<Option<String>, DesktopError> {
    let check = link.atoms._NET_SUPPORTING_WM_CHECK;
    let Some(window) = link.numbers(link.root, check)?.first().copied() else { return Ok(None) };
    // One that died leaves its name behind; the window it names is gone then.
    match link.numbers(window, check) {
        Ok(proof) if proof.first() == Some(&window) => Ok(Some(title(link, window).unwrap_or_default())),
        Ok(_) | Err(ReplyError::X11Error(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn need_manager(link: &Link) -> Result<(), DesktopError> {
    if window_manager(link)?.is_none() {
        let name = &link.name;
        return Err(DesktopError::Unavailable(format!("no window manager runs on {name}; start one, such as openbox")));
    }
    Ok(())
}

/// Where the applications of this display tell of their controls; `None` where the display does not say.
pub(super) fn accessibility_bus(link: &Link) -> Result<Option<String>, DesktopError> {
    let address = link.bytes(link.root, link.atoms.AT_SPI_BUS)?;
    let address = String::from_utf8_lossy(&address).into_owned();
    Ok(Some(address).filter(|address| !address.is_empty()))
}

/// All windows of applications, topmost first.
pub(super) fn list(link: &Link) -> Result<Vec<Window>, DesktopError> {
    need_manager(link)?;
    let focused = focused_id(link)?;
    let ids = ids(link)?;
    Ok(ids.into_iter().rev().filter_map(|id| describe(link, id, focused).ok().flatten()).collect())
}

/// Bottom to top.
fn ids(link: &Link) -> Result<Vec<XWindow>, DesktopError> {
    let stacked = link.numbers(link.root, link.atoms._NET_CLIENT_LIST_STACKING)?;
    if !stacked.is_empty() {
        return Ok(stacked);
    }
    Ok(link.numbers(link.root, link.atoms._NET_CLIENT_LIST)?)
}

/// The window that gets the keys. Where a window without a manager has them (some launchers and locks), that one.
pub(super) fn focused(link: &Link) -> Result<Option<Window>, DesktopError> {
    match focused_id(link)? {
        Some(id) => Ok(describe(link, id, Some(id))?),
        None => Ok(None),
    }
}

/// The focused window with its title only: what is checked before every burst.
pub(super) fn foreground(link: &Link) -> Result<Option<Foreground>, DesktopError> {
    Ok(focused_id(link)?.map(|id| named(link, id)))
}

/// A window by its number, for errors that name it.
pub(super) fn expected(link: &Link, id: WindowId) -> Result<Foreground, DesktopError> {
    Ok(named(link, known(link, id)?))
}

fn named(link: &Link, id: XWindow) -> Foreground {
    Foreground { id: WindowId(id.into()), title: title(link, id).unwrap_or_default() }
}

fn focused_id(link: &Link) -> Result<Option<XWindow>, DesktopError> {
    let focus = link.connection.get_input_focus()?.reply()?.focus;
    top_level(link, focus)
}

/// The application's window that holds `window`: the listed one on the way up, else the last one below the root.
pub(super) fn top_level(link: &Link, window: XWindow) -> Result<Option<XWindow>, DesktopError> {
    // 0 is nobody, 1 whoever is under the pointer.
    if window <= 1 || window == link.root {
        return Ok(None);
    }
    let listed = ids(link)?;
    let mut at = window;
    loop {
        if listed.contains(&at) {
            return Ok(Some(at));
        }
        let parent = match link.connection.query_tree(at)?.reply() {
            Ok(tree) => tree.parent,
            // Gone since: then it does not have the focus either.
            Err(ReplyError::X11Error(_)) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        if parent == link.root || parent == 0 {
            return Ok(is_shown(link, at).then_some(at));
        }
        at = parent;
    }
}

/// Not one of the invisible windows that managers keep the focus in when nobody has it.
fn is_shown(link: &Link, window: XWindow) -> bool {
    let attributes = link.connection.get_window_attributes(window).ok().and_then(|cookie| cookie.reply().ok());
    let geometry = link.connection.get_geometry(window).ok().and_then(|cookie| cookie.reply().ok());
    attributes.is_some_and(|attributes| attributes.map_state == MapState::VIEWABLE)
        && geometry.is_some_and(|geometry| geometry.width > 1 && geometry.height > 1)
}

/// Everything about one window; `None` where it is gone.
fn describe(link: &Link, id: XWindow, focused: Option<XWindow>) -> Result<Option<Window>, DesktopError> {
    let read = || -> Result<Window, ReplyError> {
        let atoms = &link.atoms;
        let states = link.numbers(id, atoms._NET_WM_STATE)?;
        let has = |state: u32| states.contains(&state);
        let iconic = link.numbers(id, atoms.WM_STATE)?.first() == Some(&ICONIC);
        let pid = link.numbers(id, atoms._NET_WM_PID)?.first().copied().filter(|pid| *pid != 0);
        let (rect, client) = places(link, id)?;
        Ok(Window {
            id: WindowId(id.into()),
            title: title(link, id)?,
            class: class(link, id)?,
            process: pid.and_then(process::name_of).unwrap_or_default(),
            pid,
            rect,
            client,
            focused: focused == Some(id),
            minimised: iconic || has(atoms._NET_WM_STATE_HIDDEN),
            maximised: has(atoms._NET_WM_STATE_MAXIMIZED_VERT) && has(atoms._NET_WM_STATE_MAXIMIZED_HORZ),
        })
    };
    match read() {
        Ok(window) => Ok(Some(window)),
        Err(ReplyError::X11Error(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The modern name, else the old one.
fn title(link: &Link, id: XWindow) -> Result<String, ReplyError> {
    let name = link.bytes(id, link.atoms._NET_WM_NAME)?;
    if !name.is_empty() {
        return Ok(String::from_utf8_lossy(&name).into_owned());
    }
    let old = link.bytes(id, AtomEnum::WM_NAME.into())?;
    // The old name is Latin-1 by its rules, and UTF-8 by what programs do.
    Ok(String::from_utf8(old).unwrap_or_else(|error| error.into_bytes().into_iter().map(char::from).collect()))
}

/// The second of the two names of `WM_CLASS`, by which people know it.
fn class(link: &Link, id: XWindow) -> Result<String, ReplyError> {
    let names = link.bytes(id, AtomEnum::WM_CLASS.into())?;
    let mut names = names.split(|byte| *byte == 0).filter(|name| !name.is_empty());
    let first = names.next().unwrap_or_default();
    Ok(String::from_utf8_lossy(names.next().unwrap_or(first)).into_owned())
}

/// With and without the manager's decoration. Shadows that an application draws itself belong to neither.
fn places(link: &Link, id: XWindow) -> Result<(Rect, Rect), ReplyError> {
    let size = link.connection.get_geometry(id)?.reply()?;
    let corner = link.connection.translate_coordinates(id, link.root, 0, 0)?.reply()?;
    let mut client = Rect::new(corner.dst_x.into(), corner.dst_y.into(), size.width.into(), size.height.into());
    if let [left, right, top, bottom] = link.numbers(id, link.atoms._GTK_FRAME_EXTENTS)?[..] {
        client = Rect {
            x: client.x.saturating_add_unsigned(left),
            y: client.y.saturating_add_unsigned(top),
            width: client.width.saturating_sub(left.saturating_add(right)),
            height: client.height.saturating_sub(top.saturating_add(bottom)),
        };
    }
    let rect = match link.numbers(id, link.atoms._NET_FRAME_EXTENTS)?[..] {
        [left, right, top, bottom] => Rect {
            x: client.x.saturating_sub_unsigned(left),
            y: client.y.saturating_sub_unsigned(top),
            width: client.width.saturating_add(left.saturating_add(right)),
            height: client.height.saturating_add(top.saturating_add(bottom)),
        },
        _ => client,
    };
    Ok((rect, client))
}

/// Asks for the focus and waits until it is really there.
pub(super) fn activate(link: &Link, id: WindowId, pass: &Pass) -> Result<(), DesktopError> {
    need_manager(link)?;
    let window = known(link, id)?;
    let watch = Stopwatch::start();
    ask(link, window, link.atoms._NET_ACTIVE_WINDOW, [FROM_PAGER, 0, 0, 0, 0])?;
    if link.numbers(window, link.atoms.WM_STATE).map_err(gone(id))?.first() == Some(&ICONIC) {
        // Some managers leave a minimised window where it is until it asks to be shown.
        link.connection.map_window(window)?;
    }
    loop {
        pass.check()?;
        if focused_id(link)? == Some(window) {
            return Ok(());
        }
        known(link, id)?;
        if watch.left(ACTIVATE).is_none() {
            let found = foreground(link)?;
            return Err(DesktopError::NotActivated { window: named(link, window), found, waited: ACTIVATE });
        }
        thread::sleep(Duration::from_millis(5));
    }
}

/// Asks the manager to close it, as its close button does.
pub(super) fn close(link: &Link, id: WindowId) -> Result<(), DesktopError> {
    need_manager(link)?;
    let window = known(link, id)?;
    ask(link, window, link.atoms._NET_CLOSE_WINDOW, [0, FROM_PAGER, 0, 0, 0])
}

pub(super) fn known(link: &Link, id: WindowId) -> Result<XWindow, DesktopError> {
    let window = XWindow::try_from(id.0).map_err(|_| DesktopError::WindowGone(id))?;
    if ids(link)?.contains(&window) { Ok(window) } else { Err(DesktopError::WindowGone(id)) }
}

/// The list may still name a window that is gone already.
fn gone(id: WindowId) -> impl Fn(ReplyError) -> DesktopError {
    move |error| match error {
        ReplyError::X11Error(refused) if refused.error_kind == ErrorKind::Window => DesktopError::WindowGone(id),
        error => error.into(),
    }
}

fn ask(link: &Link, window: XWindow, what: u32, data: [u32; 5]) -> Result<(), DesktopError> {
    let message = ClientMessageEvent::new(32, window, what, data);
    let to = EventMask::SUBSTRUCTURE_REDIRECT | EventMask::SUBSTRUCTURE_NOTIFY;
    link.connection.send_event(false, link.root, to, message)?;
    link.connection.flush()?;
    Ok(())
}

//! Deeds by the RECORD extension: the server sends a copy of what its devices do, before any application has it.

use std::{sync::mpsc, thread, time::Duration};

use x11rb::{
    connection::{Connection, RequestConnection as _},
    protocol::{
        record::{self, CS, ConnectionExt as _, Range, Range8},
        xproto::{
            BUTTON_PRESS_EVENT, BUTTON_RELEASE_EVENT, ButtonPressEvent, KEY_PRESS_EVENT, KEY_RELEASE_EVENT,
            KeyPressEvent,
        },
    },
    x11_utils::TryParse as _,
};

use super::{
    keymap::{Keymap, Pressed},
    link::Link,
};
use crate::desktop::{
    Button, DesktopError, Point, Stopwatch,
    listen::{Deed, Doing, Listener, Strokes},
};

/// The extension's own number for "what follows is what devices did".
const FROM_SERVER: u8 = 0;
const START_OF_DATA: u8 = 4;

/// For the server to begin to tell.
const BEGINS: Duration = Duration::from_secs(5);

/// Of one event on the wire.
const EVENT_BYTES: usize = 32;

/// Returns when the server has begun to tell.
pub(in crate::desktop) fn listen(display: Option<&str>) -> Result<Listener, DesktopError> {
    let told = Link::open(display)?;
    if told.connection.extension_information(record::X11_EXTENSION_NAME)?.is_none() {
        return Err(DesktopError::Unsupported {
            what: format!("hearing what is done on {}", told.name),
            instead: "start its X server with the RECORD extension".into(),
        });
    }
    let asked = Link::open(display)?;
    asked.connection.record_query_version(1, 13)?.reply()?;
    let context = asked.connection.generate_id()?;
    let keys_and_buttons =
        Range { device_events: Range8 { first: KEY_PRESS_EVENT, last: BUTTON_RELEASE_EVENT }, ..Range::default() };
    asked.connection.record_create_context(context, 0, &[CS::ALL_CLIENTS.into()], &[keys_and_buttons])?.check()?;
    let clock = Stopwatch::start();
    let (sender, deeds) = mpsc::channel();
    let (begun, begins) = mpsc::channel();
    let tell = move || {
        let mut ear = Ear { link: asked, clock, strokes: Strokes::default() };
        if let Err(error) = ear.hear(&told, context, &begun, &sender) {
            // Nobody listens any more: then nobody needs to know.
            sender.send(Err(error)).ok();
        }
    };
    let spawned = thread::Builder::new().name("listener".into()).spawn(tell);
    spawned.map_err(|error| DesktopError::Unavailable(format!("no thread to listen: {error}")))?;
    match begins.recv_timeout(BEGINS) {
        Ok(()) => Ok(Listener::new(clock, deeds)),
        Err(_) => Err(deeds.try_recv().ok().and_then(Result::err).unwrap_or_else(silent)),
    }
}

fn silent() -> DesktopError {
    DesktopError::Unavailable("the X server does not tell what is done on it".into())
}

struct Ear {
    /// To ask for the meaning of keys: the other connection only tells.
    link: Link,
    clock: Stopwatch,
    strokes: Strokes,
}

impl Ear {
    /// Until the connection breaks or nobody listens.
    fn hear(
        &mut self,
        told: &Link,
        context: record::Context,
        begun: &mpsc::Sender<()>,
        sender: &mpsc::Sender<Result<Deed, DesktopError>>,
    ) -> Result<(), DesktopError> {
        for reply in told.connection.record_enable_context(context)? {
            let reply = reply?;
            match reply.category {
                START_OF_DATA => {
                    begun.send(()).ok();
                }
                FROM_SERVER => {
                    for event in reply.data.chunks_exact(EVENT_BYTES) {
                        let Some(what) = self.deed(event)? else { continue };
                        let deed = Deed { at: self.clock.elapsed(), what };
                        if sender.send(Ok(deed)).is_err() {
                            return Ok(());
                        }
                    }
                }
                _ => {}
            }
        }
        Err(silent())
    }

    fn deed(&mut self, event: &[u8]) -> Result<Option<Doing>, DesktopError> {
        let kind = event[0] & 0x7f;
        if kind == KEY_PRESS_EVENT || kind == KEY_RELEASE_EVENT {
            let Ok((event, _)) = KeyPressEvent::try_parse(event) else { return Ok(None) };
            return self.key(kind == KEY_PRESS_EVENT, event.detail, event.state.into());
        }
        self.strokes.interrupt();
        let Ok((event, _)) = ButtonPressEvent::try_parse(event) else { return Ok(None) };
        let at = Point::new(event.root_x.into(), event.root_y.into());
        let is_press = kind == BUTTON_PRESS_EVENT;
        let button = match event.detail {
            1 => Button::Left,
            2 => Button::Middle,
            3 => Button::Right,
            wheel => return Ok(notch(wheel).filter(|_| is_press).map(|(dx, dy)| Doing::Turned { at, dx, dy })),
        };
        Ok(Some(if is_press {
            Doing::Pressed { button, at, modifiers: Pressed::of(event.state.into()).modifiers() }
        } else {
            Doing::Released { button, at }
        }))
    }

    fn key(&mut self, is_press: bool, code: u8, state: u16) -> Result<Option<Doing>, DesktopError> {
        // Read anew each time: programs that type change it between two keys.
        let meaning = Keymap::read(&self.link)?.meaning(code, Pressed::of(state));
        Ok(self.strokes.doing(is_press, meaning))
    }
}

/// Buttons that are turns of the wheel.
fn notch(button: u8) -> Option<(i32, i32)> {
    match button {
        4 => Some((0, -1)),
        5 => Some((0, 1)),
        6 => Some((-1, 0)),
        7 => Some((1, 0)),
        _ => None,
    }
}

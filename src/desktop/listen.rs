//! What a person does with mouse and keyboard, told as it happens and kept from nobody.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use super::{Button, Chord, DesktopError, Modifier, Point, Stopwatch};

/// One press, release, notch or character.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    /// On the listener's clock.
    pub at: Duration,
    pub what: Doing,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Doing {
    Pressed {
        button: Button,
        at: Point,
        modifiers: Vec<Modifier>,
    },
    Released {
        button: Button,
        at: Point,
    },
    /// One notch of the wheel: `dx` to the right, `dy` down.
    Turned {
        at: Point,
        dx: i32,
        dy: i32,
    },
    /// A character, as the layout that is switched on makes it.
    Typed(char),
    /// Any other key, or one with modifiers.
    Struck(Chord),
    /// A key whose effect only the application knows, such as one that waits for the next.
    Unknown(String),
}

/// Hears everything from its making on. What is done before it is asked waits in line.
pub struct Listener {
    clock: Stopwatch,
    deeds: Receiver<Result<Deed, DesktopError>>,
}

impl Listener {
    #[cfg(target_os = "linux")]
    pub(super) fn new(clock: Stopwatch, deeds: Receiver<Result<Deed, DesktopError>>) -> Self {
        Self { clock, deeds }
    }

    /// The clock that [`Deed::at`] is of.
    pub fn clock(&self) -> Stopwatch {
        self.clock
    }

    /// The next deed; `None` where there is none within this time.
    pub fn next(&self, within: Duration) -> Result<Option<Deed>, DesktopError> {
        match self.deeds.recv_timeout(within) {
            Ok(deed) => deed.map(Some),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => {
                Err(DesktopError::Unavailable("the desktop tells no more of what is done on it".into()))
            }
        }
    }
}

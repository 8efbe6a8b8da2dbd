//! What a person does with mouse and keyboard, told as it happens and kept from nobody.

use std::{
    sync::mpsc::{Receiver, RecvTimeoutError},
    time::Duration,
};

use super::{Button, Chord, DesktopError, Key, Modifier, Point, Stopwatch};

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

/// What one press of a key means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Meaning {
    Held(Modifier),
    Character(char),
    /// An accent that waits for its letter: this combining character.
    Dead(char),
    Chord(Chord),
    /// It has an effect that cannot be told from the key.
    Unknown(String),
    Nothing,
}

/// What keys do one after the other.
#[derive(Default)]
pub(super) struct Strokes {
    /// A modifier that is down, and nothing else was done since.
    alone: Option<Modifier>,
    /// An accent was typed that waits for its letter.
    accent: Option<char>,
}

impl Strokes {
    /// The mouse was used.
    pub(super) fn interrupt(&mut self) {
        self.alone = None;
    }

    /// What a press or a release does; `None` where nothing that is not told with another.
    pub(super) fn doing(&mut self, is_press: bool, meaning: Meaning) -> Option<Doing> {
        let tapped = self.alone.take();
        if !is_press {
            return match meaning {
                Meaning::Held(modifier) if tapped == Some(modifier) => {
                    Some(Doing::Struck(Chord { modifiers: Vec::new(), key: Key::Modifier(modifier) }))
                }
                _ => None,
            };
        }
        match meaning {
            Meaning::Held(modifier) => {
                // The others do nothing by themselves.
                self.alone = Some(modifier).filter(|modifier| matches!(modifier, Modifier::Alt | Modifier::Super));
                None
            }
            Meaning::Character(char) => Some(match self.accent.take() {
                None => Doing::Typed(char),
                Some(mark) => match composed(mark, char) {
                    Some(whole) => Doing::Typed(whole),
                    None => Doing::Unknown("after an accent".into()),
                },
            }),
            Meaning::Dead(mark) => {
                let twice = self.accent.replace(mark).is_some();
                twice.then(|| Doing::Unknown("after an accent".into()))
            }
            Meaning::Chord(chord) => {
                self.accent = None;
                Some(Doing::Struck(chord))
            }
            Meaning::Unknown(name) => Some(Doing::Unknown(name)),
            Meaning::Nothing => None,
        }
    }
}

/// What applications make of an accent and what is typed after it; `None` where they make nothing, or not the same.
fn composed(mark: char, next: char) -> Option<char> {
    match (mark, next) {
        ('\u{300}', ' ') => Some('`'),
        ('\u{301}', ' ') => Some('\''),
        ('\u{302}', ' ') => Some('^'),
        ('\u{303}', ' ') => Some('~'),
        ('\u{308}', ' ') => Some('"'),
        _ => unicode_normalization::char::compose(next, mark),
    }
}

/// Hears everything from its making on. What is done before it is asked waits in line.
pub struct Listener {
    clock: Stopwatch,
    deeds: Receiver<Result<Deed, DesktopError>>,
}

impl Listener {
    #[cfg(any(target_os = "linux", windows))]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_accent_and_a_letter_are_one_character() {
        assert_eq!(composed('\u{302}', 'e'), Some('ê'));
        assert_eq!(composed('\u{308}', 'I'), Some('Ï'));
        assert_eq!(composed('\u{302}', ' '), Some('^'));
        assert_eq!(composed('\u{302}', 'q'), None);
    }

    #[test]
    fn a_modifier_alone_is_a_stroke_only_when_nothing_else_was_done() {
        let mut strokes = Strokes::default();
        let held = |modifier| Meaning::Held(modifier);
        assert_eq!(strokes.doing(true, held(Modifier::Super)), None);
        let tapped = Doing::Struck(Chord { modifiers: Vec::new(), key: Key::Modifier(Modifier::Super) });
        assert_eq!(strokes.doing(false, held(Modifier::Super)), Some(tapped));
        assert_eq!(strokes.doing(true, held(Modifier::Alt)), None);
        strokes.interrupt();
        assert_eq!(strokes.doing(false, held(Modifier::Alt)), None, "the mouse was used");
        assert_eq!(strokes.doing(true, held(Modifier::Shift)), None);
        assert_eq!(strokes.doing(false, held(Modifier::Shift)), None, "it does nothing by itself");
        assert_eq!(strokes.doing(true, Meaning::Dead('\u{302}')), None);
        assert_eq!(strokes.doing(true, Meaning::Character('e')), Some(Doing::Typed('ê')));
    }
}

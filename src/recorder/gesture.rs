//! Deeds become gestures: a press and a release are a click, two of them a double click, characters a text. **Pure.**

use std::time::Duration;

use crate::desktop::{
    Button, Chord, Modifier, Point, WindowId,
    listen::{Deed, Doing},
};

/// Two clicks within this time are one double click.
const DOUBLE: Duration = Duration::from_millis(400);

/// A hand that clicks may shake by this many pixels.
const SHAKE: u32 = 6;

/// Chords of one step: a key that is held repeats without end.
const MAX_CHORDS: usize = 100;

/// Turns of the wheel within this time are one.
const TURNING: Duration = Duration::from_secs(1);

/// One thing a person did, and what there was to be seen before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Gesture<M> {
    pub(super) what: What,
    pub(super) begun: Duration,
    pub(super) ended: Duration,
    /// The window that had the keys.
    window: Option<WindowId>,
    pub(super) moment: M,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum What {
    Click {
        at: Point,
        button: Button,
        /// 1 to 3.
        count: u8,
        modifiers: Vec<Modifier>,
    },
    Drag {
        from: Point,
        to: Point,
        button: Button,
        modifiers: Vec<Modifier>,
    },
    Turn {
        at: Point,
        dx: i32,
        dy: i32,
    },
    Text(String),
    Keys(Vec<Chord>),
    /// A key whose effect is not known, by its name.
    Unknown(String),
}

/// Gathers deeds until a gesture is whole.
pub(super) struct Folder<M> {
    /// It may still grow.
    open: Option<Gesture<M>>,
    /// A button is down.
    down: Option<Down<M>>,
}

struct Down<M> {
    button: Button,
    at: Point,
    modifiers: Vec<Modifier>,
    since: Duration,
    window: Option<WindowId>,
    moment: M,
}

impl<M> Folder<M> {
    pub(super) fn new() -> Self {
        Self { open: None, down: None }
    }

    /// Takes a deed; `moment` is asked for when it begins a gesture. Returns what it ends.
    pub(super) fn add(
        &mut self,
        deed: Deed,
        window: Option<WindowId>,
        moment: impl FnOnce() -> M,
    ) -> Option<Gesture<M>> {
        let at = deed.at;
        match deed.what {
            Doing::Pressed { button, at: point, modifiers } => {
                let moment = moment();
                self.down = Some(Down { button, at: point, modifiers, since: at, window, moment });
                None
            }
            Doing::Released { button, at: point } => {
                let down = self.down.take().filter(|down| down.button == button)?;
                self.released(down, at, point)
            }
            Doing::Turned { at: point, dx, dy } => {
                if let Some(Gesture { what: What::Turn { at: first, dx: right, dy: down }, ended, .. }) = &mut self.open
                    && at.saturating_sub(*ended) <= TURNING
                    && is_near(*first, point)
                {
                    (*right, *down, *ended) = (*right + dx, *down + dy, at);
                    return None;
                }
                self.begin(What::Turn { at: point, dx, dy }, at, window, moment())
            }
            Doing::Typed(char) => {
                if let Some(Gesture { what: What::Text(text), ended, .. }) = self.growing(window) {
                    text.push(char);
                    *ended = at;
                    return None;
                }
                self.begin(What::Text(char.into()), at, window, moment())
            }
            Doing::Struck(chord) => {
                if let Some(Gesture { what: What::Keys(chords), ended, .. }) = self.growing(window)
                    && chords.len() < MAX_CHORDS
                {
                    chords.push(chord);
                    *ended = at;
                    return None;
                }
                self.begin(What::Keys(vec![chord]), at, window, moment())
            }
            Doing::Unknown(name) => self.begin(What::Unknown(name), at, window, moment()),
        }
    }

    /// What can't grow any more by now.
    pub(super) fn settled(&mut self, now: Duration) -> Option<Gesture<M>> {
        let limit = match &self.open.as_ref()?.what {
            What::Click { .. } if self.down.is_none() => DOUBLE,
            What::Turn { .. } => TURNING,
            _ => return None,
        };
        self.open.take_if(|open| now.saturating_sub(open.ended) > limit)
    }

    /// Nothing more is done.
    pub(super) fn finish(&mut self) -> Option<Gesture<M>> {
        self.down = None;
        self.open.take()
    }

    fn released(&mut self, down: Down<M>, at: Duration, point: Point) -> Option<Gesture<M>> {
        let Down { button, at: from, modifiers, since, window, moment } = down;
        if !is_near(from, point) {
            return self.begin(What::Drag { from, to: point, button, modifiers }, at, window, moment);
        }
        if let Some(Gesture { what: What::Click { at: first, button: of, count, modifiers: held }, ended, .. }) =
            &mut self.open
            && (*of, &*held) == (button, &modifiers)
            && *count < 3
            && since.saturating_sub(*ended) <= DOUBLE
            && is_near(*first, from)
        {
            (*count, *ended) = (*count + 1, at);
            return None;
        }
        let click = Gesture {
            what: What::Click { at: from, button, count: 1, modifiers },
            begun: since,
            ended: at,
            window,
            moment,
        };
        self.open.replace(click)
    }

    fn begin(&mut self, what: What, at: Duration, window: Option<WindowId>, moment: M) -> Option<Gesture<M>> {
        self.open.replace(Gesture { what, begun: at, ended: at, window, moment })
    }

    /// The open gesture, where keys into this window may belong to it.
    fn growing(&mut self, window: Option<WindowId>) -> Option<&mut Gesture<M>> {
        self.open.as_mut().filter(|open| open.window == window)
    }
}

fn is_near(one: Point, other: Point) -> bool {
    one.x.abs_diff(other.x) <= SHAKE && one.y.abs_diff(other.y) <= SHAKE
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: Point = Point::new(100, 100);

    fn fold(deeds: &[(u64, Doing)]) -> Vec<What> {
        let mut folder = Folder::new();
        let mut whole = Vec::new();
        for (ms, what) in deeds {
            let at = Duration::from_millis(*ms);
            whole.extend(folder.settled(at));
            whole.extend(folder.add(Deed { at, what: what.clone() }, Some(WindowId(1)), || ()));
        }
        whole.extend(folder.finish());
        whole.into_iter().map(|gesture| gesture.what).collect()
    }

    fn press(at: Point) -> Doing {
        Doing::Pressed { button: Button::Left, at, modifiers: Vec::new() }
    }

    fn release(at: Point) -> Doing {
        Doing::Released { button: Button::Left, at }
    }

    fn click(count: u8) -> What {
        What::Click { at: HERE, button: Button::Left, count, modifiers: Vec::new() }
    }

    #[test]
    fn clicks_close_in_time_and_place_are_one() {
        let at = |ms| [(ms, press(HERE)), (ms + 50, release(HERE))];
        assert_eq!(fold(&at(0)), [click(1)]);
        assert_eq!(fold(&[at(0), at(200)].concat()), [click(2)]);
        assert_eq!(fold(&[at(0), at(200), at(400)].concat()), [click(3)]);
        assert_eq!(fold(&[at(0), at(900)].concat()), [click(1), click(1)], "too late");
        let there = Point::new(300, 100);
        let other = [(200, press(there)), (250, release(there))];
        assert_eq!(fold(&[at(0).to_vec(), other.to_vec()].concat()).len(), 2, "elsewhere");
    }

    #[test]
    fn a_press_that_is_released_elsewhere_is_a_drag() {
        let to = Point::new(160, 100);
        let drag = What::Drag { from: HERE, to, button: Button::Left, modifiers: Vec::new() };
        assert_eq!(fold(&[(0, press(HERE)), (300, release(to))]), [drag]);
        let shaken = Point::new(103, 98);
        assert_eq!(fold(&[(0, press(HERE)), (90, release(shaken))]), [click(1)]);
        assert_eq!(fold(&[(0, release(HERE))]), [], "the press was before");
    }

    #[test]
    fn characters_are_a_text_until_something_else_is_done() {
        let chord = |text: &str| Doing::Struck(text.parse().unwrap());
        let deeds = [
            (0, Doing::Typed('a')),
            (100, Doing::Typed('b')),
            (4000, Doing::Typed('c')),
            (4100, chord("Tab")),
            (4200, chord("Tab")),
            (4300, Doing::Typed('d')),
            (4400, Doing::Unknown("dead_acute".into())),
            (4500, Doing::Typed('e')),
        ];
        let keys = What::Keys(vec!["Tab".parse().unwrap(), "Tab".parse().unwrap()]);
        let text = |text: &str| What::Text(text.into());
        let unknown = What::Unknown("dead_acute".into());
        assert_eq!(fold(&deeds), [text("abc"), keys, text("d"), unknown, text("e")]);
    }

    #[test]
    fn a_key_that_is_held_fills_as_many_steps_as_it_needs() {
        let held = (0..250).map(|at| (at * 30, Doing::Struck("Down".parse().unwrap())));
        let counts = fold(&held.collect::<Vec<_>>()).into_iter().map(|what| match what {
            What::Keys(chords) => chords.len(),
            other => panic!("{other:?}"),
        });
        assert_eq!(counts.collect::<Vec<_>>(), [100, 100, 50]);
    }

    #[test]
    fn keys_into_another_window_are_another_text() {
        let mut folder = Folder::new();
        let typed = |ms, char| Deed { at: Duration::from_millis(ms), what: Doing::Typed(char) };
        assert!(folder.add(typed(0, 'a'), Some(WindowId(1)), || ()).is_none());
        let ended = folder.add(typed(10, 'b'), Some(WindowId(2)), || ()).unwrap();
        assert_eq!(ended.what, What::Text("a".into()));
    }

    #[test]
    fn the_wheel_is_counted_together() {
        let turn = |ms, dy| (ms, Doing::Turned { at: HERE, dx: 0, dy });
        let turned = |dy| What::Turn { at: HERE, dx: 0, dy };
        assert_eq!(fold(&[turn(0, 1), turn(300, 1), turn(600, 1), turn(2000, -1)]), [turned(3), turned(-1)]);
    }

    #[test]
    fn a_gesture_is_told_once_it_cannot_grow() {
        let mut folder = Folder::new();
        let ms = Duration::from_millis;
        folder.add(Deed { at: ms(0), what: press(HERE) }, None, || ());
        folder.add(Deed { at: ms(50), what: release(HERE) }, None, || ());
        assert!(folder.settled(ms(300)).is_none(), "a second click may come");
        folder.add(Deed { at: ms(400), what: press(HERE) }, None, || ());
        assert!(folder.settled(ms(900)).is_none(), "its second press is held long");
        folder.add(Deed { at: ms(950), what: release(HERE) }, None, || ());
        assert_eq!(folder.settled(ms(1400)).unwrap().what, click(2));
    }
}

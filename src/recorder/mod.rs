//! Watches a person work on a desktop and writes a workflow that does the same.
//!
//! Deeds ([`crate::desktop::listen`]) become gestures, gestures become steps. While nothing is done the recorder keeps looking: at the
//! screen, its windows, the controls that applications tell of. So it knows how each place looked *before* it was clicked, and names
//! it in two ways: as a control, and as a picture that is on the screen once.
//!
//! It must not know: files, the command line, how workflows are carried out.

use std::{collections::VecDeque, rc::Rc, time::Duration};

mod control;
mod document;
mod gesture;
mod moment;
mod picture;
mod scribe;
mod secret;
mod views;
mod yaml;

pub use document::{Application, Recorded};
pub use scribe::Step;

use crate::desktop::{
    self, Chord, Desktop, DesktopError, Rect, Window, WindowId,
    listen::{Deed, Doing, Listener},
    process,
};
use gesture::{Folder, Gesture, What};
use moment::{Moment, Sight, Sights};
use scribe::Scribe;
use views::Views;

/// Between two looks at the screen.
const LOOK: Duration = Duration::from_millis(30);

/// Between two looks at the windows while nothing changes.
const WINDOWS: Duration = Duration::from_millis(250);

/// How long to wait at the beginning for what applications tell.
const FIRST_VIEW: Duration = Duration::from_secs(10);

/// Smaller changes are carets and clocks.
const MUCH: u64 = 40 * 40;

/// What one call of [`Recorder::watch`] brought.
pub enum Watched {
    Steps(Vec<Step>),
    /// The key that ends the recording was pressed.
    Ended,
}

pub struct Recorder {
    desktop: Box<dyn Desktop>,
    listener: Listener,
    views: Views,
    sights: Sights,
    looked_at_windows: Option<Duration>,
    /// What applications told is older than what is shown.
    stale: bool,
    changed: Duration,
    folder: Folder<Moment>,
    scribe: Scribe,
    steps: Vec<Step>,
    /// Ends the recording.
    stop: Chord,
    /// This process and those it was started by: what is done in their windows is not the work.
    mine: Vec<u32>,
    /// Said once, in the order it happened.
    remarks: VecDeque<String>,
}

impl Recorder {
    /// Returns when everything is known that there is to know of the desktop as it is.
    pub fn start(stop: Chord) -> Result<Self, DesktopError> {
        let desktop = desktop::open()?;
        let listener = desktop::hear()?;
        let views = Views::start(listener.clock())?;
        let mut recorder = Self {
            desktop,
            listener,
            views,
            sights: Sights::default(),
            looked_at_windows: None,
            stale: true,
            changed: Duration::ZERO,
            folder: Folder::new(),
            scribe: Scribe::default(),
            steps: Vec::new(),
            stop,
            mine: lineage(),
            remarks: VecDeque::new(),
        };
        recorder.look()?;
        while !recorder.views.are_there() && recorder.listener.clock().elapsed() < FIRST_VIEW {
            std::thread::sleep(LOOK);
            recorder.look()?;
        }
        let is_empty = recorder.sights.last().is_none_or(|sight| sight.windows.is_empty());
        if let Some(why) = recorder.views.why_none().filter(|_| !is_empty) {
            recorder.remarks.push_back(format!("without controls, by pictures alone: {why}"));
        }
        // What was done until now is not part of it.
        while recorder.listener.next(Duration::ZERO)?.is_some() {}
        Ok(recorder)
    }

    /// Looks and listens for a moment.
    pub fn watch(&mut self) -> Result<Watched, DesktopError> {
        let mut whole = Vec::new();
        let next_look = self.sights.last().map_or(Duration::ZERO, |sight| sight.at + LOOK);
        let wait = next_look.saturating_sub(self.now());
        if let Some(deed) = self.listener.next(wait)? {
            if deed.what == Doing::Struck(self.stop.clone()) {
                return Ok(Watched::Ended);
            }
            whole.extend(self.folder.settled(deed.at));
            whole.extend(self.take(deed));
        }
        if self.now() >= next_look {
            self.look()?;
            whole.extend(self.folder.settled(self.now()));
        }
        Ok(Watched::Steps(whole.iter().flat_map(|gesture| self.write(gesture)).collect()))
    }

    /// What is still to be told to the person who records.
    pub fn remark(&mut self) -> Option<String> {
        self.remarks.pop_front()
    }

    /// The steps that were not told yet, and the whole.
    pub fn finish(mut self) -> (Vec<Step>, Recorded) {
        self.views.take_in();
        let last = self.folder.finish();
        let told = last.iter().flat_map(|gesture| self.write(gesture)).collect();
        (told, Recorded { steps: self.steps, secrets: self.scribe.secrets })
    }

    fn now(&self) -> Duration {
        self.listener.clock().elapsed()
    }

    fn take(&mut self, deed: Deed) -> Option<Gesture<Moment>> {
        let sights = self.sights.before(deed.at);
        let moment = Moment { sights, view: self.views.before(deed.at), changed: self.changed };
        let is_mine =
            |window: Option<&Window>| window.and_then(|window| window.pid).is_some_and(|pid| self.mine.contains(&pid));
        let place = match &deed.what {
            Doing::Pressed { at, .. } | Doing::Turned { at, .. } => Some(*at),
            _ => None,
        };
        let into = match place {
            Some(point) => moment.window_at(point),
            None => moment.focused(),
        };
        if is_mine(into) && !matches!(deed.what, Doing::Released { .. }) {
            return None;
        }
        if let Doing::Unknown(key) = &deed.what {
            self.remarks.push_back(format!("the key {key} was pressed: what it makes is not known and left out"));
        }
        if matches!(deed.what, Doing::Typed(_)) {
            // Where it is typed into must be known: it may be a secret.
            self.stale = true;
        }
        let window = moment.focused().map(|window| window.id);
        self.folder.add(deed, window, || moment)
    }

    fn look(&mut self) -> Result<(), DesktopError> {
        let now = self.now();
        let last = self.sights.last().cloned();
        let pointer = self.desktop.pointer()?;
        let frame = self.desktop.capture()?;
        let is_changed = last.as_ref().is_none_or(|last| !last.frame.same_pixels(&frame));
        let due = self.looked_at_windows.is_none_or(|looked| now.saturating_sub(looked) >= WINDOWS);
        let windows = match &last {
            Some(last) if !is_changed && !due => Rc::clone(&last.windows),
            _ => {
                self.looked_at_windows = Some(now);
                let windows = self.desktop.windows()?;
                match &last {
                    Some(last) if *last.windows == windows => Rc::clone(&last.windows),
                    _ => Rc::new(windows),
                }
            }
        };
        let is_same = last.as_ref().is_some_and(|last| Rc::ptr_eq(&last.windows, &windows));
        let at = self.now();
        let sight = Sight { at, pointer, frame: frame.clone(), windows: Rc::clone(&windows) };
        let changed = self.sights.add(sight);
        let rested = last.is_some_and(|last| last.pointer == pointer);
        if rested && changed.is_some_and(|part: Rect| u64::from(part.width) * u64::from(part.height) >= MUCH) {
            self.changed = at;
        }
        self.stale |= changed.is_some() || !is_same;
        self.views.take_in();
        if self.stale {
            self.stale = !self.views.ask(frame, windows.to_vec());
        }
        Ok(())
    }

    fn write(&mut self, gesture: &Gesture<Moment>) -> Vec<Step> {
        let secret = match gesture.what {
            What::Text(_) => secret::typed(self.views.all(), gesture.begun, gesture.ended),
            _ => None,
        };
        let focused_after = self.focused();
        let steps = self.scribe.steps(gesture, focused_after, secret.as_ref());
        self.steps.extend(steps.iter().cloned());
        steps
    }

    fn focused(&self) -> Option<WindowId> {
        self.sights.last()?.windows.iter().find(|window| window.focused).map(|window| window.id)
    }
}

/// This process, who started it, and so on.
fn lineage() -> Vec<u32> {
    let parents = std::iter::successors(Some(std::process::id()), |pid| process::parent_of(*pid));
    // A circle can only be numbers that were used again.
    parents.take(64).collect()
}

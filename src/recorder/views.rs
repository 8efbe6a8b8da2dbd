//! Asks applications for their controls beside everything else: an answer may take longer than a picture.

use std::{
    rc::Rc,
    sync::mpsc::{self, Receiver, Sender},
    thread,
    time::Duration,
};

use super::moment::View;
use crate::desktop::{self, DesktopError, Frame, Stopwatch, Window, ui::Scene};

/// Answers that are remembered.
const KEPT: usize = 12;

struct Question {
    frame: Frame,
    windows: Vec<Window>,
}

pub(super) struct Views {
    questions: Sender<Question>,
    answers: Receiver<Result<View, DesktopError>>,
    /// One question at a time.
    waiting: bool,
    /// Oldest first.
    kept: Vec<Rc<View>>,
    /// Why there are none.
    trouble: Option<DesktopError>,
}

impl Views {
    pub(super) fn start(clock: Stopwatch) -> Result<Self, DesktopError> {
        let (questions, asked) = mpsc::channel::<Question>();
        let (answer, answers) = mpsc::channel();
        let ask = move || {
            let mut desktop = match desktop::open() {
                Ok(desktop) => desktop,
                Err(error) => return answer.send(Err(error)).unwrap_or_default(),
            };
            while let Ok(Question { frame, windows }) = asked.recv() {
                let mut pids: Vec<u32> = windows.iter().filter_map(|window| window.pid).collect();
                pids.sort_unstable();
                pids.dedup();
                let asked = clock.elapsed();
                let view = desktop.elements(&pids).map(|elements| View {
                    asked,
                    told: clock.elapsed(),
                    frame,
                    scene: Scene::new(elements.into(), windows),
                });
                if answer.send(view).is_err() {
                    return;
                }
            }
        };
        let spawned = thread::Builder::new().name("views".into()).spawn(ask);
        spawned.map_err(|error| DesktopError::Unavailable(format!("no thread to ask applications: {error}")))?;
        Ok(Self { questions, answers, waiting: false, kept: Vec::new(), trouble: None })
    }

    /// False while the last question is still open.
    pub(super) fn ask(&mut self, frame: Frame, windows: Vec<Window>) -> bool {
        if self.waiting || self.trouble.is_some() {
            return false;
        }
        self.waiting = self.questions.send(Question { frame, windows }).is_ok();
        self.waiting
    }

    /// Takes in what has been answered.
    pub(super) fn take_in(&mut self) {
        while let Ok(answer) = self.answers.try_recv() {
            self.waiting = false;
            match answer {
                Ok(view) => self.kept.push(Rc::new(view)),
                Err(error) => self.trouble = Some(error),
            }
            if self.kept.len() > KEPT {
                self.kept.remove(0);
            }
        }
    }

    pub(super) fn are_there(&self) -> bool {
        !self.kept.is_empty() || self.trouble.is_some()
    }

    /// Why controls are not known; `None` where they are.
    pub(super) fn why_none(&self) -> Option<String> {
        if let Some(error) = &self.trouble {
            return Some(error.to_string());
        }
        let is_empty = self.kept.iter().all(|view| view.scene.all().is_empty());
        is_empty.then(|| "no application tells of its controls".to_owned())
    }

    /// The last one that was told before this time.
    pub(super) fn before(&self, at: Duration) -> Option<Rc<View>> {
        self.kept.iter().rev().find(|view| view.told <= at).cloned()
    }

    /// The newest first.
    pub(super) fn all(&self) -> impl Iterator<Item = &View> {
        self.kept.iter().rev().map(|view| &**view)
    }
}

//! What is known of the screen around a failure: before the step acted, at its end, which windows stood there, and whether they answer.

use std::time::Duration;

use super::{describe, fault::Fault, plan::wire_name, run::Runner};
use crate::{
    desktop::{Frame, Window, WindowId},
    time::{Mono, duration_ms},
    wire::{
        failure::{BestMatch, FailureContext, SeenWindow, Standstill},
        job::Category,
        step::ArtifactRef,
    },
    workflow::{Action, Assertion, Step},
};

/// Windows told of a failure, topmost first.
const MAX_WINDOWS: usize = 20;

/// How long a window may take to say that it is alive. It has had the whole time of the step before.
const ANSWER_WITHIN: Duration = Duration::from_secs(2);

/// Windows that are asked.
const MAX_ASKED: usize = 3;

/// A step that failed sooner has not waited for anybody.
const WAITED: Duration = Duration::from_secs(1);

/// The last looks of an attempt.
#[derive(Debug, Default)]
pub(super) struct Sights {
    frame: Option<Frame>,
    /// Since when the screen shows that.
    since: Mono,
    /// It was looked at more than once since then.
    again: bool,
    windows: Vec<Window>,
}

impl Sights {
    pub(super) fn saw(&mut self, frame: &Frame, now: Mono) {
        if self.frame.as_ref().is_some_and(|before| before.same_pixels(frame)) {
            self.again = true;
        } else {
            (self.frame, self.since, self.again) = (Some(frame.clone()), now, false);
        }
    }

    pub(super) fn saw_windows(&mut self, windows: &[Window]) {
        windows.clone_into(&mut self.windows);
    }
}

impl Runner<'_> {
    /// The screen before a step acts, masked as it is now: what must not be seen may stand elsewhere later.
    pub(super) fn look_before(&mut self, step: &Step) {
        if self.unseen() || !looks_or_acts(&step.action) {
            return;
        }
        // Where there is no picture the step itself will say why.
        let frame = if let Some(frame) = self.fresh_frame() {
            frame
        } else {
            let Ok(frame) = self.world.desktop().capture() else { return };
            let now = self.world.now().mono;
            self.sights.saw(&frame, now);
            frame
        };
        let frame = self.masked(frame);
        if let Some(current) = self.current.last_mut() {
            current.before = Some(frame);
        }
    }

    /// Gives the picture away that was taken before the step that failed.
    pub(super) fn before_picture(&mut self) -> Option<ArtifactRef> {
        let frame = self.current.last_mut()?.before.take()?;
        self.give("before", &frame).ok()
    }

    pub(super) fn context(&mut self, fault: &Fault, pictures: Pictures<'_>) -> FailureContext {
        let now = self.world.now();
        let best = self.current.last().and_then(|current| {
            let find = current.finds.iter().rev().find(|find| !find.found && find.x.is_some())?;
            Some(BestMatch {
                target: find.target.clone(),
                score: find.score,
                x: find.x?,
                y: find.y?,
                width: find.width.unwrap_or_default(),
                height: find.height.unwrap_or_default(),
            })
        });
        let windows = self.windows_seen(fault);
        let left_out = windows.len().saturating_sub(MAX_WINDOWS);
        FailureContext {
            at: now.wall,
            best,
            before: pictures.before.map(|artifact| artifact.name.clone()),
            picture: pictures.failure.map(|artifact| artifact.name.clone()),
            windows: windows.iter().take(MAX_WINDOWS).map(|window| self.seen(window)).collect(),
            windows_left_out: u32::try_from(left_out).unwrap_or(u32::MAX),
            apps: std::collections::BTreeMap::new(),
            standstill: self.standstill(fault),
        }
    }

    /// What each app shows at the end of an attempt that failed.
    pub(super) fn apps_seen(&mut self, context: &mut FailureContext) {
        // A desktop that hangs shows nothing, and asking it again and again takes its time.
        if context.standstill.as_ref().is_some_and(|standstill| standstill.hangs.is_some()) {
            return;
        }
        let known = |app: &std::sync::Arc<crate::workflow::App>| wire_name(&app.name).is_some();
        if self.plan.apps.iter().any(known) {
            context.apps = self.survey_all();
        }
    }

    fn windows_seen(&mut self, fault: &Fault) -> Vec<Window> {
        if fault.hangs.is_none()
            && let Ok(windows) = self.world.desktop().windows()
        {
            self.sights.saw_windows(&windows);
        }
        self.sights.windows.clone()
    }

    fn seen(&mut self, window: &Window) -> SeenWindow {
        // What was typed there may stand in the title, and only who typed it knows what that was.
        let hidden = self.world.secrets().hides(window);
        SeenWindow {
            title: if hidden { "***".to_owned() } else { self.quote(&window.title) },
            class: describe::cut(&window.class),
            process: describe::cut(&window.process),
            x: window.rect.x,
            y: window.rect.y,
            width: window.rect.width,
            height: window.rect.height,
            focused: window.focused,
            minimised: window.minimised,
        }
    }

    fn standstill(&mut self, fault: &Fault) -> Option<Standstill> {
        let waited = self.waited();
        if fault.hangs.is_none() && (waited < WAITED || !is_vain(fault.category)) {
            return None;
        }
        let picture = self.sights.again.then(|| self.world.now().mono.since(self.sights.since));
        let (window, window_answers) = match &fault.silent {
            Some(silent) => (Some(silent.clone()), Some(false)),
            None => (self.front().map(|window| self.quote(&window.title)), fault.front_answers),
        };
        Some(Standstill {
            step_ms: duration_ms(waited),
            picture_ms: picture.map(duration_ms),
            window,
            window_answers,
            hangs: fault.hangs.clone(),
        })
    }

    /// Asks the windows that the step may have waited for whether they are alive.
    pub(super) fn ask_windows(&mut self, mut fault: Fault) -> Fault {
        if fault.hangs.is_some() || self.waited() < WAITED || !is_vain(fault.category) {
            return fault;
        }
        let Ok(windows) = self.world.desktop().windows() else { return fault };
        self.sights.saw_windows(&windows);
        let front = self.front().map(|window| window.id);
        for window in self.asked(&windows) {
            // A desktop that cannot ask, or a window that cannot be asked, says nothing against anybody.
            let answer = self.world.desktop().answers(window.id, ANSWER_WITHIN).unwrap_or_default();
            if Some(window.id) == front {
                fault.front_answers = answer;
            }
            if answer == Some(false) {
                let title = self.quote(&window.title);
                let within = ANSWER_WITHIN.as_secs();
                fault.message =
                    format!("the window \"{title}\" hangs: it did not answer within {within} s; {}", fault.message);
                fault.category = Category::AppNotReady;
                fault.silent = Some(title);
                return fault;
            }
        }
        fault
    }

    /// The one in front, then those of the workflow's apps, topmost first.
    fn asked(&self, windows: &[Window]) -> Vec<Window> {
        let own = |window: &&Window| {
            self.plan.apps.iter().any(|app| {
                let process = super::apps::process_of(app, &self.scope);
                process.is_some_and(|process| super::find::same_program(&window.process, &process))
            })
        };
        let mut asked: Vec<Window> = Vec::new();
        for window in self.front().into_iter().chain(windows.iter().filter(own)) {
            let known: Vec<WindowId> = asked.iter().map(|window| window.id).collect();
            if asked.len() < MAX_ASKED && !window.minimised && !known.contains(&window.id) {
                asked.push(window.clone());
            }
        }
        asked
    }

    /// The one that has the focus, else the topmost.
    fn front(&self) -> Option<&Window> {
        let windows = &self.sights.windows;
        windows.iter().find(|window| window.focused).or_else(|| windows.iter().find(|window| !window.minimised))
    }

    fn waited(&self) -> Duration {
        let begun = self.current.last().map(|current| current.begun);
        begun.map_or(Duration::ZERO, |begun| self.world.now().mono.since(begun))
    }
}

/// The pictures of a failure, as far as there are any.
#[derive(Clone, Copy)]
pub(super) struct Pictures<'a> {
    pub(super) before: Option<&'a ArtifactRef>,
    pub(super) failure: Option<&'a ArtifactRef>,
}

/// Something was waited for that did not come.
fn is_vain(category: Category) -> bool {
    matches!(
        category,
        Category::TargetNotFound | Category::Timeout | Category::Assertion | Category::Desktop | Category::AppNotReady
    )
}

fn looks_or_acts(action: &Action) -> bool {
    matches!(
        action,
        Action::Click(_)
            | Action::DoubleClick(_)
            | Action::RightClick(_)
            | Action::Move(_)
            | Action::Drag(_)
            | Action::Scroll(_)
            | Action::Type(_)
            | Action::Key(_)
            | Action::Paste { .. }
            | Action::Control(_)
            | Action::Menu(_)
            | Action::Wait(_)
            | Action::WaitGone(_)
            | Action::Assert(Assertion::Probe(_))
            | Action::Extract(_)
            | Action::ReadTable(_)
            | Action::Run(_)
            | Action::Launch(_)
            | Action::Relaunch
            | Action::Close(_)
            | Action::Activate(_)
    )
}

//! Popups: what comes in between without being asked, looked for between steps and while a step waits, and sent away by the steps
//! that its app's document has for it.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use super::{
    describe,
    fault::{Break, Fault},
    look::Look,
    probe::Verdict,
    run::{LOOK_INTERVAL, Runner},
};
use crate::{
    desktop::Frame,
    time::Mono,
    wire::job::Category,
    workflow::{Action, App, Assertion, Condition, Name, Popup, Step},
};

/// Between two looks for popups while something is waited for.
const WHILE_WAITING: Duration = Duration::from_secs(1);

/// What a popup gets to go away after its steps.
const GOES_WITHIN: Duration = Duration::from_secs(2);

/// What is waited for gets at least so long to show itself when a popup has gone.
const SHOWN_WITHIN: Duration = Duration::from_secs(2);

/// So often its steps are carried out for one popup, with no look in between that shows none.
const IN_A_ROW: u32 = 5;

/// So often a wait is made longer because a popup stood in its way at the end.
const GRACES: u32 = 5;

/// What is known of popups between two looks.
#[derive(Debug, Default)]
pub(super) struct Popups {
    /// None is sent away now: one is already, or an action is under way that nothing may come into.
    held: bool,
    /// How often each was sent away in a row, by app and place in its document.
    in_a_row: BTreeMap<(Name, usize), u32>,
    looked_at: Option<Mono>,
    /// What that look showed, while nothing has been done since.
    frame: Option<Frame>,
}

impl Runner<'_> {
    /// Before a step of the workflow: whatever popups show are sent away, one after the other.
    pub(super) fn clear_popups(&mut self, step: &Step) -> Result<(), Break> {
        if !self.minds_popups() || !concerns_screen(step) {
            return Ok(());
        }
        loop {
            self.go_on()?;
            let mut look = Look::default();
            if !self.send_popup_away(&mut look)? {
                self.popups.frame = look.into_frame();
                return Ok(());
            }
        }
    }

    /// The picture of the last look for popups, where it is as good as a new one.
    pub(super) fn fresh_frame(&mut self) -> Option<Frame> {
        let age = self.world.now().mono.since(self.popups.looked_at?);
        self.popups.frame.take().filter(|_| age < LOOK_INTERVAL)
    }

    /// As [`Runner::until`], and from time to time, the last time before it is given up, popups are sent away that may stand before
    /// what is waited for. `look` is given an empty look each time.
    pub(super) fn until_clear<T>(
        &mut self,
        timeout: Duration,
        mut look: impl FnMut(&mut Self, &mut Look) -> Result<Option<T>, Break>,
    ) -> Result<Option<T>, Break> {
        if timeout.is_zero() || !self.minds_popups() {
            return self.until(timeout, |runner| look(runner, &mut Look::default()));
        }
        let mut end = self.world.now().mono.saturating_add(timeout);
        let mut graces = 0;
        loop {
            self.go_on()?;
            let mut seen = Look::default();
            if let Some(answer) = look(self, &mut seen)? {
                return Ok(Some(answer));
            }
            let left = end.since(self.world.now().mono);
            if (left.is_zero() || self.popups_are_due()) && self.send_popup_away(&mut seen)? {
                let shown_by = self.world.now().mono.saturating_add(SHOWN_WITHIN);
                if end < shown_by && graces < GRACES {
                    graces += 1;
                    end = shown_by;
                }
                continue;
            }
            if left.is_zero() {
                return Ok(None);
            }
            self.world.sleep(left.min(LOOK_INTERVAL));
        }
    }

    /// While an app is waited for that is not ready: a popup of its own may stand before it. Whether one was sent away.
    pub(super) fn clear_popup_of(&mut self, app: &Arc<App>) -> Result<bool, Break> {
        if self.popups.held || app.on_popup.is_empty() {
            return Ok(false);
        }
        self.popups.looked_at = Some(self.world.now().mono);
        let was_there = self.send_popup_of_app_away(app, &mut Look::default())?;
        if !was_there {
            self.popups.in_a_row.clear();
        }
        Ok(was_there)
    }

    /// Nothing comes in between while this is done.
    pub(super) fn undisturbed<T>(&mut self, act: impl FnOnce(&mut Self) -> T) -> T {
        let before = std::mem::replace(&mut self.popups.held, true);
        let result = act(self);
        self.popups.held = before;
        self.popups.frame = None;
        result
    }

    /// In the workflow's own steps only: those of an app know by themselves what may come.
    fn minds_popups(&self) -> bool {
        !self.popups.held && self.owner.is_none() && self.plan.apps.iter().any(|app| !app.on_popup.is_empty())
    }

    pub(super) fn popups_are_due(&self) -> bool {
        let now = self.world.now().mono;
        self.popups.looked_at.is_none_or(|last| now.since(last) >= WHILE_WAITING)
    }

    /// Whether one was there.
    fn send_popup_away(&mut self, look: &mut Look) -> Result<bool, Break> {
        self.popups.looked_at = Some(self.world.now().mono);
        let plan = self.plan;
        for app in &plan.apps {
            if self.send_popup_of_app_away(app, look)? {
                return Ok(true);
            }
        }
        self.popups.in_a_row.clear();
        Ok(false)
    }

    fn send_popup_of_app_away(&mut self, app: &Arc<App>, look: &mut Look) -> Result<bool, Break> {
        for (at, popup) in app.on_popup.iter().enumerate() {
            let verdict = self.in_app(app, |runner| runner.probe(&popup.when, look));
            let verdict = verdict.map_err(|end| untold(app, at, end))?;
            if verdict.holds {
                self.counts_as_gone(app, at, popup, (verdict, look))?;
                self.undisturbed(|runner| runner.carry_out(app, popup))?;
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Fails for the popup that comes back and back.
    fn counts_as_gone(
        &mut self,
        app: &App,
        at: usize,
        popup: &Popup,
        (verdict, look): (Verdict, &mut Look),
    ) -> Result<(), Break> {
        let times = self.popups.in_a_row.entry((app.name.clone(), at)).or_default();
        *times += 1;
        if *times <= IN_A_ROW {
            return Ok(());
        }
        self.popups.in_a_row.clear();
        let message = format!(
            "the popup on_popup/{at} of {} ({}) is there again after its steps were carried out {IN_A_ROW} times in a row: they \
             do not send it away",
            app.name,
            describe::probe(&popup.when)
        );
        let marks = verdict.hit.iter().map(|hit| hit.rect).collect();
        let frame = std::mem::take(look).into_frame();
        Err(Fault::new(Category::AppNotReady, message).seen(frame, marks).into())
    }

    fn carry_out(&mut self, app: &Arc<App>, popup: &Popup) -> Result<(), Break> {
        // The workflow goes on as if nothing had been.
        let before = self.scope.journal();
        let result = self.in_app(app, |runner| runner.steps(&popup.steps));
        self.scope.restore(before);
        self.refresh_time();
        let failed = match result {
            Ok(()) => None,
            Err(Break::Fault(fault)) => Some(fault),
            Err(end) => return Err(end),
        };
        let gone = self.in_app(app, |runner| {
            runner.until(GOES_WITHIN, |runner| {
                let there = runner.probe(&popup.when, &mut Look::default())?.holds;
                Ok((!there).then_some(()))
            })
        })?;
        match failed {
            // It may have gone by itself, which is all that was wanted.
            Some(fault) if gone.is_none() => Err(Break::Fault(fault)),
            _ => Ok(()),
        }
    }
}

/// Which popup it was that could not be looked for.
fn untold(app: &App, at: usize, end: Break) -> Break {
    match end {
        Break::Fault(mut fault) if fault.reported.is_none() => {
            fault.message = format!("on_popup/{at} of {}: {}", app.name, fault.message);
            Break::Fault(fault)
        }
        end => end,
    }
}

/// Whether what a step does depends on what stands on the screen. The steps inside it are asked for themselves.
fn concerns_screen(step: &Step) -> bool {
    let blind = matches!(
        step.action,
        Action::Set(_)
            | Action::Sleep(_)
            | Action::Fail(_)
            | Action::Try(_)
            | Action::Call(_)
            | Action::ForEach(_)
            | Action::Repeat(_)
            | Action::SaveArtifact(_)
            | Action::Assert(Assertion::Expression(_))
            | Action::If { condition: Condition::Expression(_), .. }
    );
    !blind || matches!(step.when, Some(Condition::Probe(_)))
}

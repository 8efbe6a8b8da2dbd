//! The controller's process in the world: its rounds, its ends and its starts.

use super::{Happening, World};
use crate::{
    disk::{Failing, Loss},
    faults::{Moment, Off},
    site::START_MS,
};

/// The invariants over the whole state are looked at after one step in so many.
const CHECK_EVERY: u64 = 8;

impl World {
    pub(super) fn engine(&mut self) {
        if !self.site.is_on() {
            return;
        }
        match self.crash {
            Some((Moment::InCommit { after_operations }, _)) => {
                self.site.disk.fail_in(after_operations, Failing::Power);
            }
            Some((Moment::BeforeAnswers, off)) => {
                let before = self.history.last_event();
                if !self.site.step() {
                    return self.ends(off);
                }
                self.read_log();
                if self.history.last_event() > before {
                    return self.ends(off);
                }
                return self.after_step();
            }
            Some((Moment::Now, _)) | None => {}
        }
        if self.site.step() {
            self.read_log();
            self.after_step();
        } else {
            // What was told before it ended is on its way.
            let told = self.site.serve();
            for (flight, answer) in told.into_iter().filter(|(_, answer)| answer.status < 500) {
                if self.post_reported(flight, answer.status) {
                    continue;
                }
                let Some(number) = self.flights.remove(&flight) else { continue };
                if let Some((at_ms, parcel)) = self.network.answer(number, answer, self.now_ms) {
                    self.at(at_ms, Happening::Parcel(parcel));
                }
            }
            let off = self.crash.map_or(Off { power: false, for_ms: 500 }, |(_, off)| off);
            self.ends(off);
        }
    }

    fn after_step(&mut self) {
        // While it waited for room on the disk, time went by.
        let clock_ms = deskfleet::time::Clock::Manual(self.site.clock.clone()).now().mono.as_ms();
        let passed_ms = clock_ms - START_MS;
        if passed_ms > self.now_ms {
            // Meanwhile nothing could be written, so leases stood still.
            (self.now_ms, self.on_since_ms) = (passed_ms, passed_ms);
        }
        self.steps += 1;
        if self.steps.is_multiple_of(CHECK_EVERY) {
            let wrong = self.site.fleet().map(deskfleet::fleet::Fleet::check).unwrap_or_default();
            self.history.invariants(wrong);
        }
        if let Some(due) = self.site.due_in() {
            let at_ms = self.now_ms + u64::try_from(due.as_millis()).unwrap().max(1);
            self.plan_engine(at_ms);
        }
    }

    fn read_log(&mut self) {
        let page = self.site.events(self.history.last_event());
        for event in &page.events {
            self.history.note(self.now_ms, &format!("event {} {} {}", event.seq, event.kind, event.subject));
            self.history.event(event);
            self.books.event(event);
        }
    }

    pub(super) fn ends(&mut self, off: Off) {
        let loss = off.power.then(|| match self.rng.below(5) {
            0 | 1 => Loss::All,
            2 => Loss::Nothing,
            _ => Loss::Torn(self.rng.next()),
        });
        self.history.note(self.now_ms, &format!("the controller ends: {loss:?}"));
        self.site.switch_off(loss);
        self.flights.clear();
        self.forget_post();
        self.crash = None;
        self.at(self.now_ms + off.for_ms, Happening::SwitchedOn);
    }

    pub(super) fn switch_on(&mut self) {
        if self.site.is_on() {
            return;
        }
        if !self.site.switch_on() {
            return self.at(self.now_ms + 500, Happening::SwitchedOn);
        }
        self.history.note(self.now_ms, "the controller starts");
        self.on_since_ms = self.now_ms;
        let newest = self.site.newest_event();
        self.history.restarted(newest);
        self.read_log();
        self.after_step();
    }

    pub(super) fn raise_generation(&mut self) {
        self.history.note(self.now_ms, "the generation is raised");
        self.site.disk.set_full(false);
        self.site.disk.mend();
        self.crash = None;
        self.network.become_kind();
        self.site.switch_off(None);
        self.flights.clear();
        self.forget_post();
        let image = self.site.raise_generation();
        self.switch_on();
        self.at(self.now_ms + 25_000, Happening::WoundBack(image));
    }

    pub(super) fn wind_back(&mut self, image: Vec<u8>) {
        self.history.note(self.now_ms, "the store is wound back");
        self.site.switch_off(None);
        self.flights.clear();
        self.forget_post();
        self.crash = None;
        self.site.disk.replace(image);
        self.history.wound_back();
        self.books.wound_back();
        assert!(self.site.switch_on());
        for agent in 0..self.agents.len() {
            // A process that is new knows what the one before it kept.
            if self.rng.per_mille(500) {
                self.agents[agent].kill(self.now_ms);
            }
            self.at(self.now_ms, Happening::AgentStarts(agent));
        }
        for _ in 0..3 {
            self.new_work();
        }
        self.at(self.now_ms + 40_000, Happening::Over);
    }
}

//! The reports of one attempt: numbered when they are first sent, one under way, repeated until answered.

use std::collections::VecDeque;

use crate::{
    time::Mono,
    wire::{
        agent::{Completion, LoopReport, ReportBody},
        step::StepReport,
    },
};

/// Step reports in one report: well within the controller's limit for a body, however much each has to say.
const MAX_STEPS: usize = 100;

/// Items of a loop in one report.
const MAX_ITEMS: usize = 100;

/// Step reports that wait, while the controller is away. The oldest starts go first: how a step ended matters more.
const MAX_WAITING: usize = 20_000;

#[derive(Debug)]
pub(super) struct Outbox {
    next_number: u64,
    steps: VecDeque<StepReport>,
    /// Accept, ready: before the steps.
    first: VecDeque<ReportBody>,
    /// Intents, what became of them, loops: after the steps that led to them, in their own order.
    effects: VecDeque<ReportBody>,
    /// Decline or complete: after everything else.
    last: Option<ReportBody>,
    under_way: Option<UnderWay>,
}

/// A report that has a number.
#[derive(Debug, Clone)]
pub(super) struct UnderWay {
    pub(super) number: u64,
    pub(super) body: ReportBody,
    /// The TTL counts from here: a repeated report gets its first answer again, which does not renew anything.
    pub(super) first_sent: Mono,
    /// `None`: being sent now.
    pub(super) again_at: Option<Mono>,
}

impl Outbox {
    pub(super) fn beginning_with(body: ReportBody) -> Self {
        Self {
            next_number: 1,
            steps: VecDeque::new(),
            first: VecDeque::from([body]),
            effects: VecDeque::new(),
            last: None,
            under_way: None,
        }
    }

    pub(super) fn push_first(&mut self, body: ReportBody) {
        self.first.push_back(body);
    }

    /// What became of items of one loop right after each other travels together.
    pub(super) fn push_effect(&mut self, body: ReportBody) {
        if let (Some(ReportBody::Loop(waiting)), ReportBody::Loop(more)) = (self.effects.back_mut(), &body)
            && joins(waiting, more)
        {
            waiting.items.extend(more.items.iter().cloned());
            return;
        }
        self.effects.push_back(body);
    }

    /// Nobody waits for these intents any more, and what was not sent yet is meant by nobody.
    pub(super) fn forget_intents(&mut self) {
        self.effects.retain(|body| !matches!(body, ReportBody::Intent(_)));
    }

    pub(super) fn push_last(&mut self, body: ReportBody) {
        self.last = Some(body);
    }

    pub(super) fn push_steps(&mut self, steps: Vec<StepReport>) {
        self.steps.extend(steps);
        while self.steps.len() > MAX_WAITING {
            self.steps.pop_front();
        }
    }

    /// When the report under way is to be repeated.
    pub(super) fn again_at(&self) -> Option<Mono> {
        self.under_way.as_ref().and_then(|under_way| under_way.again_at)
    }

    pub(super) fn is_waiting_for_answer(&self) -> bool {
        self.under_way.is_some()
    }

    pub(super) fn has_more(&self) -> bool {
        !self.first.is_empty() || !self.steps.is_empty() || !self.effects.is_empty() || self.last.is_some()
    }

    /// What is to be sent now: the one under way again, or the next (then true). `renew`: even if there is nothing to say.
    pub(super) fn send(&mut self, now: Mono, renew: bool) -> Option<(UnderWay, bool)> {
        if let Some(under_way) = &mut self.under_way {
            if under_way.again_at.is_none_or(|at| now < at) {
                return None;
            }
            under_way.again_at = None;
            return Some((under_way.clone(), false));
        }
        let body = self.next_body(renew)?;
        let under_way = UnderWay { number: self.next_number, body, first_sent: now, again_at: None };
        // A renewal says nothing that must come in order: it takes no number from the reports that do.
        if under_way.body != ReportBody::Renew {
            self.next_number += 1;
        }
        self.under_way = Some(under_way.clone());
        Some((under_way, true))
    }

    fn next_body(&mut self, renew: bool) -> Option<ReportBody> {
        if let Some(body) = self.first.pop_front() {
            return Some(body);
        }
        let take = self.steps.len().min(MAX_STEPS);
        let carried_by_the_end = matches!(self.last, Some(ReportBody::Complete(_)))
            && self.steps.len() <= MAX_STEPS
            && self.effects.is_empty();
        if take > 0 && !carried_by_the_end {
            return Some(ReportBody::Steps { steps: self.steps.drain(..take).collect() });
        }
        if let Some(body) = self.effects.pop_front() {
            return Some(body);
        }
        match self.last.take() {
            Some(ReportBody::Complete(completion)) => {
                let steps = self.steps.drain(..).collect();
                Some(ReportBody::Complete(Completion { steps, ..completion }))
            }
            Some(body) => Some(body),
            None => renew.then_some(ReportBody::Renew),
        }
    }

    /// The report under way, answered.
    pub(super) fn answered(&mut self, number: u64) -> Option<UnderWay> {
        self.under_way.take_if(|under_way| under_way.number == number)
    }

    /// The report under way was taken as evidence and changes nothing any more.
    pub(super) fn taken(&mut self) {
        self.under_way = None;
    }

    pub(super) fn repeat_at(&mut self, at: Mono) {
        if let Some(under_way) = &mut self.under_way {
            under_way.again_at = Some(at);
        }
    }

    /// The report under way was refused: it never happened, and its number is used again.
    pub(super) fn refused(&mut self) -> Option<UnderWay> {
        let under_way = self.under_way.take()?;
        self.next_number = under_way.number;
        Some(under_way)
    }
}

/// Items that follow one another in one loop, each named once: its state would be lost else.
fn joins(waiting: &LoopReport, more: &LoopReport) -> bool {
    let is_named = |key: &str| waiting.items.iter().any(|item| item.key == key);
    waiting.path == more.path
        && more.total.is_none()
        && waiting.items.len() + more.items.len() <= MAX_ITEMS
        && !more.items.iter().any(|item| is_named(&item.key))
}

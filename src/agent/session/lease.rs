//! One lease as this machine sees it, from the offer to the answer that ends it.

use std::{collections::BTreeMap, time::Duration};

use super::{
    CallFailure, Ended, IntentAnswer, Order, Session,
    outbox::{Outbox, UnderWay},
    polling::pause,
};
use crate::mutant::{Mutant, is_on};
use crate::{
    agent::runner::Stop,
    ids::{AttemptId, Epoch, Name},
    time::{Mono, format_duration},
    wire::{
        agent::{
            AttemptFailure, AttemptResult, Completion, Held, IntentReport, Offer, Report, ReportAnswer, ReportBody,
        },
        job::Category,
        machine::Readiness,
        step::{ArtifactRef, StepReport},
    },
};

/// The longest pause before a report is repeated.
const REPEAT_CAP: Duration = Duration::from_secs(4);

#[derive(Debug)]
pub(super) struct Lease {
    offer: Offer,
    pub(super) phase: Phase,
    pub(super) outbox: Outbox,
    ttl: Duration,
    /// When the last acknowledged report was first sent.
    renewed_at: Option<Mono>,
    pub(super) stop: Option<Stop>,
    /// Recorded at the controller and not settled.
    pub(super) intent: Option<IntentReport>,
    /// Told with the end.
    attached: Vec<ArtifactRef>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Accept (or decline) is not acknowledged: nothing may be touched.
    Offered,
    /// Apps are brought to ready.
    Preparing,
    /// Ready is not acknowledged: no step may begin.
    Prepared,
    Executing,
    /// It lapsed, and what runs is being stopped. `begun`: the controller may know of it as begun.
    Lapsed {
        begun: bool,
    },
    /// It is another's, and what runs is being stopped.
    Lost,
    /// Nothing runs any more; what is left is to be told. `lost`: as evidence only.
    Ending {
        lost: bool,
    },
    /// Nothing is left to be told either.
    Over,
}

impl Lease {
    pub(super) fn offered(offer: Offer, stopping: bool) -> Self {
        let (phase, first) = if stopping {
            let reason = "the agent is stopping".to_owned();
            (Phase::Ending { lost: false }, ReportBody::Decline { reason, artifacts: Vec::new() })
        } else {
            (Phase::Offered, ReportBody::Accept)
        };
        let ttl = Duration::from_millis(offer.ttl_ms);
        Self {
            offer,
            phase,
            outbox: Outbox::beginning_with(first),
            ttl,
            renewed_at: None,
            stop: None,
            intent: None,
            attached: Vec::new(),
        }
    }

    pub(super) fn epoch(&self) -> Epoch {
        self.offer.epoch
    }

    pub(super) fn attempt(&self) -> AttemptId {
        self.offer.attempt
    }

    /// The lease as polls tell of it: from the moment it is accepted until its end is answered.
    pub(super) fn held(&self) -> Option<Held> {
        let gone = matches!(self.phase, Phase::Lost | Phase::Ending { lost: true } | Phase::Over);
        let held = !gone && self.renewed_at.is_some();
        held.then_some(Held { attempt: self.offer.attempt, epoch: self.offer.epoch })
    }

    fn touches(&self) -> bool {
        matches!(self.phase, Phase::Preparing | Phase::Prepared | Phase::Executing)
    }

    fn lapses_at(&self) -> Option<Mono> {
        if is_on(Mutant::IgnoreTheLapse) {
            return self.renewed_at.map(|_| Mono::from_ms(u64::MAX));
        }
        self.renewed_at.map(|renewed| renewed.saturating_add(self.ttl))
    }

    pub(super) fn may_touch_until(&self) -> Option<Mono> {
        self.lapses_at().filter(|_| self.touches())
    }

    fn renew_at(&self) -> Option<Mono> {
        self.renewed_at.filter(|_| self.touches()).map(|renewed| renewed.saturating_add(self.ttl / 3))
    }

    pub(super) fn next_timeout(&self) -> Option<Mono> {
        let renew = self.renew_at().filter(|_| !self.outbox.is_waiting_for_answer());
        [self.may_touch_until(), renew, self.outbox.again_at()].into_iter().flatten().min()
    }

    /// Whether it lapsed just now.
    pub(super) fn lapse(&mut self, now: Mono) -> bool {
        let lapsed = self.may_touch_until().is_some_and(|until| now >= until);
        if lapsed {
            self.phase = Phase::Lapsed { begun: self.phase != Phase::Preparing };
            self.outbox.forget_intents();
        }
        lapsed
    }

    /// Whether something runs that must be told to let go.
    pub(super) fn lose(&mut self) -> bool {
        let touches = self.touches();
        self.outbox.forget_intents();
        self.phase = match self.phase {
            Phase::Preparing | Phase::Prepared | Phase::Executing | Phase::Lapsed { .. } | Phase::Lost => Phase::Lost,
            Phase::Ending { .. } if self.outbox.is_waiting_for_answer() || self.outbox.has_more() => {
                Phase::Ending { lost: true }
            }
            Phase::Offered | Phase::Ending { .. } | Phase::Over => Phase::Over,
        };
        touches
    }

    pub(super) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether something runs that must be told to stop. The first reason stays.
    pub(super) fn stop(&mut self, stop: Stop) -> bool {
        let first = self.stop.is_none();
        self.stop = self.stop.or(Some(stop));
        first && self.touches()
    }

    fn complete(&mut self, result: AttemptResult, readiness: BTreeMap<Name, Readiness>) {
        self.phase = Phase::Ending { lost: self.phase == Phase::Lost };
        let artifacts = std::mem::take(&mut self.attached);
        self.outbox.push_last(ReportBody::Complete(Completion { result, steps: Vec::new(), readiness, artifacts }));
    }

    fn decline(&mut self, reason: String, artifacts: Vec<ArtifactRef>) {
        self.phase = Phase::Ending { lost: self.phase == Phase::Lost };
        self.outbox.push_last(ReportBody::Decline { reason, artifacts });
    }

    /// Nothing runs any more; how that is told depends on how far it had come.
    fn stopped(&mut self, stop: Stop, readiness: BTreeMap<Name, Readiness>) {
        let begun = !matches!(self.phase, Phase::Preparing | Phase::Lapsed { begun: false });
        let reason = match (stop, self.phase) {
            (Stop::Cancelled, _) => return self.complete(AttemptResult::Cancelled, readiness),
            (Stop::Shutdown, _) => "the agent was stopped".to_owned(),
            (Stop::LeaseLost, Phase::Lost) => "the lease was lost; the desktop was let go".to_owned(),
            (Stop::LeaseLost, _) => {
                let ttl = format_duration(self.ttl);
                format!("the lease lapsed: the controller did not answer for {ttl}; the desktop was let go")
            }
        };
        if begun {
            let failure = AttemptFailure {
                category: Category::Agent,
                message: reason,
                step: None,
                artifacts: Vec::new(),
                context: None,
            };
            self.complete(AttemptResult::Failed(failure), readiness);
        } else {
            self.decline(reason, Vec::new());
        }
    }
}

impl Session {
    /// The next report, once one is due and none is under way. The flag tells a first sending from a repeated one.
    pub fn next_report(&mut self, now: Mono) -> Option<(Report, bool)> {
        let lease = self.lease.as_mut()?;
        let renew = lease.renew_at().is_some_and(|at| now >= at);
        let (UnderWay { number, body, .. }, first) = lease.outbox.send(now, renew)?;
        if is_on(Mutant::TouchBeforeAcknowledged) && lease.phase == Phase::Offered {
            (lease.phase, lease.renewed_at) = (Phase::Preparing, Some(now));
            self.orders.push_back(Order::Prepare(Box::new(lease.offer.clone())));
        }
        if is_on(Mutant::ActBeforeRecorded) && first && matches!(body, ReportBody::Intent(_)) {
            self.orders.push_back(Order::Intent(IntentAnswer::Act));
        }
        let (job, attempt, epoch) = (lease.offer.job, lease.offer.attempt, lease.offer.epoch);
        let report = Report { job, attempt, epoch, incarnation: self.incarnation, number, body };
        Some((report, first))
    }

    /// Whether a report is being sent or waits for its repetition.
    pub fn has_report_under_way(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.outbox.is_waiting_for_answer() || lease.outbox.has_more())
    }

    pub fn handle_report(&mut self, answer: Result<ReportAnswer, CallFailure>, now: Mono) {
        match answer {
            Ok(answer) => self.acknowledged(answer, now),
            Err(CallFailure::LeaseLost) => {
                if let Some(lease) = &mut self.lease {
                    lease.outbox.taken();
                }
                self.lose();
            }
            Err(CallFailure::Refused { detail }) => self.report_refused(&detail),
            Err(failure @ CallFailure::Unreachable { .. }) => {
                let pause = pause(&mut self.report_backoff, REPEAT_CAP, &failure);
                if let Some(lease) = &mut self.lease {
                    lease.outbox.repeat_at(now.saturating_add(pause));
                }
            }
        }
    }

    fn acknowledged(&mut self, answer: ReportAnswer, now: Mono) {
        self.report_backoff.reset();
        let Some(lease) = &mut self.lease else { return };
        let Some(report) = lease.outbox.answered(answer.number) else { return };
        if (lease.phase == Phase::Ending { lost: true }) && !lease.outbox.has_more() {
            self.lose();
            return;
        }
        if matches!(report.body, ReportBody::Decline { .. } | ReportBody::Complete(_)) {
            self.settle();
            if let Some(offer) = answer.offer {
                self.consider(offer);
            }
            return;
        }
        if answer.ttl_ms > 0 {
            lease.ttl = Duration::from_millis(answer.ttl_ms);
        }
        let counted_from = if is_on(Mutant::CountTtlFromAnswer) { now } else { report.first_sent };
        lease.renewed_at = lease.renewed_at.max(Some(counted_from));
        let lapsed = lease.lapses_at().is_some_and(|at| now >= at);
        match (&report.body, lease.phase) {
            (ReportBody::Accept, Phase::Offered) if lapsed => {
                lease.decline("the acknowledgement came too late".to_owned(), Vec::new());
            }
            (ReportBody::Accept, Phase::Offered) if self.stopping => {
                lease.decline("the agent is stopping".to_owned(), Vec::new());
            }
            (ReportBody::Accept, Phase::Offered) => {
                lease.phase = Phase::Preparing;
                let offer = Box::new(lease.offer.clone());
                self.orders.push_back(Order::Prepare(offer));
                if let Some(stop) = lease.stop {
                    self.orders.push_back(Order::Stop(stop));
                }
            }
            // A stop that came meanwhile has been ordered already.
            (ReportBody::Ready { .. }, Phase::Prepared) if !lapsed => {
                lease.phase = Phase::Executing;
                if lease.stop.is_none() {
                    self.orders.push_back(Order::Execute);
                }
            }
            (ReportBody::Intent(_), _) if answer.revoke => {
                self.orders.push_back(Order::Intent(IntentAnswer::Stopped(Stop::Cancelled)));
            }
            (ReportBody::Intent(intent), _) => {
                let acts = lease.intent_recorded(intent, lapsed);
                self.orders.extend(acts.then_some(Order::Intent(IntentAnswer::Act)));
            }
            _ => {}
        }
        if answer.revoke {
            let epoch = lease.offer.epoch;
            self.revoke(epoch);
        }
        self.handle_timeout(now);
    }

    /// What the controller will not take is left out, so that the rest can be told.
    fn report_refused(&mut self, detail: &str) {
        let Some(lease) = &mut self.lease else { return };
        let Some(refused) = lease.outbox.refused() else { return };
        let attempt = lease.offer.attempt;
        match refused.body {
            ReportBody::Steps { steps } => {
                tracing::error!(%attempt, count = steps.len(), detail, "the controller refused step reports; they are left out");
            }
            ReportBody::Intent(intent) => {
                tracing::error!(%attempt, step = intent.step.path, detail, "the controller refused an intent; the step does not act");
                self.orders.push_back(Order::Intent(IntentAnswer::Refused(detail.to_owned())));
            }
            body @ (ReportBody::Settled(_) | ReportBody::Loop(_)) => {
                tracing::error!(%attempt, ?body, detail, "the controller refused to hear what was done; it is left out");
            }
            ReportBody::Renew => {
                tracing::error!(%attempt, detail, "the controller refused a renewal");
            }
            ReportBody::Complete(completion) if !is_substitute(&completion) => {
                tracing::error!(%attempt, detail, "the controller refused the result; the attempt fails instead");
                let message = format!("{REFUSED}{detail}");
                let failure = AttemptFailure {
                    category: Category::Agent,
                    message,
                    step: None,
                    artifacts: Vec::new(),
                    context: None,
                };
                lease.complete(AttemptResult::Failed(failure), BTreeMap::new());
            }
            body => {
                tracing::error!(%attempt, ?body, detail, "the controller refused a report; the lease is given up");
                self.lose();
            }
        }
    }

    /// The apps are ready, or the job can't be done here now. A stop is told by [`Session::ended`].
    pub fn prepared(&mut self, readiness: Result<BTreeMap<Name, Readiness>, (String, Vec<ArtifactRef>)>) {
        let Some(lease) = &mut self.lease else { return };
        match (lease.phase, readiness) {
            (Phase::Preparing, Ok(readiness)) => {
                lease.phase = Phase::Prepared;
                lease.outbox.push_first(ReportBody::Ready { readiness });
            }
            (Phase::Preparing | Phase::Lapsed { begun: false } | Phase::Lost, Err((reason, artifacts))) => {
                lease.decline(reason, artifacts);
            }
            // Whoever waits for the acknowledgement has been told to stop and will say so.
            _ => {}
        }
    }

    pub fn steps(&mut self, steps: Vec<StepReport>) {
        if let Some(lease) = &mut self.lease
            && lease.phase != Phase::Over
        {
            lease.outbox.push_steps(steps);
        }
    }

    /// What belongs to the attempt and to no step: told with its end.
    pub fn attach(&mut self, artifacts: Vec<ArtifactRef>) {
        if let Some(lease) = &mut self.lease {
            lease.attached.extend(artifacts);
        }
    }

    /// Nothing runs under the lease any more.
    pub fn ended(&mut self, ended: Ended, readiness: BTreeMap<Name, Readiness>) {
        let Some(lease) = &mut self.lease else { return };
        match (lease.phase, ended) {
            (Phase::Offered | Phase::Ending { .. } | Phase::Over, _) => {}
            // What was reached before the lease was gone is told; the controller decides whether it still counts.
            (_, Ended::Result(result)) => lease.complete(result, readiness),
            (_, Ended::Stopped(stop)) => lease.stopped(stop, readiness),
        }
    }
}

const REFUSED: &str = "the controller refused the result: ";

fn is_substitute(completion: &Completion) -> bool {
    matches!(&completion.result, AttemptResult::Failed(failure) if failure.message.starts_with(REFUSED))
}

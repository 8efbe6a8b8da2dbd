//! What an attempt is about to do, what became of it, and how far its keyed loops are.
//!
//! An intent orders what ends an attempt: a cancel, the deadline, the attempt's time limit or the end of its lease that came
//! before it refuses it; one that comes later waits until the commit is settled, within the time a machine has to stop.

use std::collections::BTreeMap;

use super::{
    cancel,
    ended::{self, Ended},
    report::{Live, go_on, note, wrong_order},
};
use crate::mutant::{Mutant, is_on};
use crate::{
    fleet::{
        attempt::{Category, Effect, FailedStep},
        command::{IntentReport, LoopReport, Progress, SettledReport},
        draft::Draft,
        event::Fact,
        job::CancelWhy,
        journal::{Intent, LoopCounts, LoopItemRow, LoopItemState, LoopKey},
        lease::{Answer, LeaseState, RevokeWhy},
        limits::Checks,
        refusal::Refusal,
        rows::Found,
        timers::MonoTimer,
    },
    ids::Json,
    time::duration_ms,
};

/// Commits outside of keyed loops that one job can have done.
const MAX_COMMITS: usize = 1_000;

fn executing(live: Live<'_>) -> Result<(), Refusal> {
    if live.run.phase.has_started() {
        return Ok(());
    }
    Err(wrong_order("the attempt has not started: report readiness, and wait for the answer"))
}

pub(super) fn intent(
    draft: &mut Draft<'_>,
    live: Live<'_>,
    told: IntentReport,
    found: &Found,
) -> Result<Answer, Refusal> {
    executing(live)?;
    if is_on(Mutant::IntendAfterTheStop) {
        let ttl_ms = duration_ms(draft.fleet.settings.ttl);
        return Ok(record(draft, live, told, Answer::Continue { ttl_ms }));
    }
    if let Some(answer) = overdue(draft, live)? {
        note(draft, live, Progress::default(), answer.clone());
        return Ok(answer);
    }
    let answer = go_on(draft, live);
    if matches!(answer, Answer::Stop { .. }) {
        note(draft, live, Progress::default(), answer.clone());
        return Ok(answer);
    }
    may_intend(draft, live, &told, found)?;
    Ok(record(draft, live, told, answer))
}

fn record(draft: &mut Draft<'_>, live: Live<'_>, told: IntentReport, answer: Answer) -> Answer {
    let attempt = live.job.attempt(live.run.attempt);
    let intent = Intent {
        attempt: live.run.attempt,
        attempt_number: attempt.map_or(0, |attempt| attempt.number),
        step: told.step,
        key: told.key,
        can_settle: told.can_settle,
        at: draft.now.wall,
        before: attempt.map_or(Effect::None, |attempt| attempt.effect),
    };
    draft.push(Fact::AttemptIntentRecorded {
        job: live.job.id,
        machine: live.machine.id,
        attempt: live.run.attempt,
        number: live.fence.number,
        answer: answer.clone(),
        intent: Box::new(intent),
        vars: Some(told.vars),
    });
    answer
}

/// What was due before the intent came goes first, even where no tick has told it yet.
fn overdue(draft: &mut Draft<'_>, live: Live<'_>) -> Result<Option<Answer>, Refusal> {
    let (fleet, now) = (draft.fleet, draft.now);
    let is_due = |timer| fleet.mono_timers.get(timer).is_some_and(|at| at <= now.mono);
    if is_due(MonoTimer::Lease(live.machine.id)) {
        let reason = format!("the lease lapsed: machine `{}` did not renew it in time", live.machine.name);
        ended::finish(draft, live.job, live.run, Ended::Lost { category: Category::MachineLost, reason }, None);
        return Err(Refusal::LeaseLost { why: "it lapsed before this intent came" });
    }
    if !matches!(live.lease.state, LeaseState::Held { .. }) {
        return Ok(None);
    }
    let why = if live.job.cancel.is_none() && live.job.spec.deadline.is_some_and(|deadline| deadline <= now.wall) {
        cancel::request(draft, live.job, CancelWhy::Deadline);
        RevokeWhy::Deadline
    } else if is_due(MonoTimer::Attempt(live.job.id)) {
        ended::revoke(draft, live.job, live.run, RevokeWhy::Timeout);
        RevokeWhy::Timeout
    } else {
        return Ok(None);
    };
    Ok(Some(Answer::Stop { why, ttl_ms: duration_ms(fleet.settings.ttl) }))
}

fn may_intend(draft: &Draft<'_>, live: Live<'_>, told: &IntentReport, found: &Found) -> Result<(), Refusal> {
    let journal = &live.job.journal;
    if journal.intent.is_some() {
        return Err(wrong_order("an intent of this job is open: report what became of it first"));
    }
    if journal.settle_only {
        return Err(wrong_order("this attempt was only to find out what an earlier one did: complete it"));
    }
    let done = match &told.key {
        Some(round) => item(draft, live, round, found).is_some_and(|row| row.committed),
        None => journal.has_done(&told.step.path),
    };
    if done {
        return Err(wrong_order("this commit is done: go on after it"));
    }
    if journal.done.len() >= MAX_COMMITS {
        let message = format!("a job has at most {MAX_COMMITS} commits outside of keyed loops: use a keyed loop");
        return Err(Refusal::invalid("/body/step", message));
    }
    Ok(())
}

pub(super) fn settled(
    draft: &mut Draft<'_>,
    live: Live<'_>,
    told: SettledReport,
    found: &Found,
) -> Result<Answer, Refusal> {
    executing(live)?;
    let SettledReport { step, key, done, vars } = told;
    let journal = &live.job.journal;
    let open = journal.intent.as_ref().filter(|open| (&open.step.path, &open.key) == (&step.path, &key));
    let Some(intent) = open.cloned() else {
        return Err(wrong_order("no intent of this step is open: there is nothing to settle"));
    };
    let round = match key.filter(|_| done) {
        Some(round) => {
            let before = item(draft, live, &round, found);
            let result = before.and_then(|row| row.result.clone());
            let state = LoopItemState::Done;
            let row = LoopItemRow { job: live.job.id, round, state, committed: true, result, at: draft.now.wall };
            let mut counts = journal.loops.get(&row.round.path).copied().unwrap_or_default();
            counts.count(before, &row);
            Some((row, counts))
        }
        None => None,
    };
    let (row, counts) = round.unzip();
    // A stop that came after the intent has waited for this.
    let answer = match live.lease.state {
        LeaseState::Revoking { why, .. } => {
            let ttl = draft.fleet.revoked_ttl(live.machine.id, live.lease, draft.now.mono);
            Answer::Stop { why, ttl_ms: duration_ms(ttl) }
        }
        LeaseState::Offered | LeaseState::Held { .. } => go_on(draft, live),
    };
    draft.push(Fact::AttemptEffectSettled {
        job: live.job.id,
        machine: live.machine.id,
        attempt: live.run.attempt,
        number: live.fence.number,
        answer: answer.clone(),
        effect: if done { Effect::Committed } else { intent.before },
        intent: Box::new(intent),
        done,
        vars: Some(vars),
        item: row.map(Box::new),
        counts,
    });
    Ok(answer)
}

pub(super) fn looped(
    draft: &mut Draft<'_>,
    live: Live<'_>,
    told: LoopReport,
    found: &Found,
) -> Result<Answer, Refusal> {
    executing(live)?;
    let LoopReport { path, total, items } = told;
    let journal = &live.job.journal;
    let old = journal.loops.get(&path).copied().unwrap_or_default();
    let mut counts = LoopCounts { total: total.or(old.total), ..old };
    let mut rows: BTreeMap<String, LoopItemRow> = BTreeMap::new();
    for told in items {
        let round = LoopKey { path: path.clone(), key: told.key };
        if journal.intent.as_ref().is_some_and(|open| open.key.as_ref() == Some(&round)) {
            return Err(wrong_order("the intent of this round is open: report what became of it first"));
        }
        let before = rows.get(&round.key).or_else(|| item(draft, live, &round, found));
        if let Some(row) = news(draft, live, round, (told.state, told.result), before) {
            counts.count(before, &row);
            rows.insert(row.round.key.clone(), row);
        }
    }
    check_room(draft, live, &path, old, counts)?;
    let answer = go_on(draft, live);
    draft.push(Fact::JobProgressed {
        job: live.job.id,
        machine: live.machine.id,
        attempt: live.run.attempt,
        number: live.fence.number,
        answer: answer.clone(),
        path,
        counts,
        items: rows.into_values().collect(),
    });
    Ok(answer)
}

/// The row a round has from now on; none where nothing changes. What is done stays done, and may still get its result.
fn news(
    draft: &Draft<'_>,
    live: Live<'_>,
    round: LoopKey,
    (state, result): (LoopItemState, Option<Json>),
    before: Option<&LoopItemRow>,
) -> Option<LoopItemRow> {
    let committed = before.is_some_and(|row| row.committed);
    let was_done = before.is_some_and(|row| row.state == LoopItemState::Done);
    let state = if was_done { LoopItemState::Done } else { state };
    let result = result.or_else(|| before.and_then(|row| row.result.clone()));
    if before.is_none() && state == LoopItemState::Pending {
        return None;
    }
    Some(LoopItemRow { job: live.job.id, round, state, committed, result, at: draft.now.wall })
}

fn check_room(draft: &Draft<'_>, live: Live<'_>, path: &str, old: LoopCounts, new: LoopCounts) -> Result<(), Refusal> {
    let (settings, journal) = (&draft.fleet.settings, &live.job.journal);
    let max = settings.max_loop_items;
    let items = journal.items() - u64::from(old.items) + u64::from(new.items);
    if items.max(new.total.unwrap_or(0).into()) > max.into() {
        let detail = format!("a job keeps at most {max} items of its keyed loops: make several jobs of it");
        return Err(Refusal::invalid("/body/items", detail));
    }
    let max = settings.max_results_bytes;
    if journal.item_bytes() - old.bytes + new.bytes > max {
        let detail = format!("the results of a job's keyed loops take at most {max} bytes in all: keep less of each");
        return Err(Refusal::invalid("/body/items", detail));
    }
    let max = settings.max_entries;
    if !journal.loops.contains_key(path) && journal.loops.len() >= max {
        let detail = format!("a job has at most {max} keyed loops: make several workflows of it");
        return Err(Refusal::invalid("/body/path", detail));
    }
    Ok(())
}

/// Of this batch of commands, or as found on disk.
fn item<'a>(draft: &Draft<'a>, live: Live<'_>, round: &LoopKey, found: &'a Found) -> Option<&'a LoopItemRow> {
    let id = (live.job.id, round.clone());
    draft.fleet.dirty.loop_items.get(&id).or_else(|| found.loop_items.get(&id))
}

pub(super) fn check_intent(checks: &mut Checks<'_>, told: &IntentReport) {
    check_step(checks, &told.step);
    check_round(checks, told.key.as_ref());
    checks.vars("/body/vars", &told.vars);
}

pub(super) fn check_settled(checks: &mut Checks<'_>, told: &SettledReport) {
    check_step(checks, &told.step);
    check_round(checks, told.key.as_ref());
    checks.vars("/body/vars", &told.vars);
}

pub(super) fn check_loop(checks: &mut Checks<'_>, told: &LoopReport) {
    checks.text("/body/path", &told.path);
    checks.report_items("/body/items", told.items.len());
    for (at, item) in told.items.iter().enumerate() {
        checks.text(&format!("/body/items/{at}/key"), &item.key);
        checks.result(&format!("/body/items/{at}/result"), item.result.as_ref());
    }
}

fn check_step(checks: &mut Checks<'_>, step: &FailedStep) {
    checks.text("/body/step/path", &step.path);
    checks.optional_text("/body/step/id", step.id.as_deref());
    checks.text("/body/step/action", &step.action);
}

fn check_round(checks: &mut Checks<'_>, round: Option<&LoopKey>) {
    if let Some(round) = round {
        checks.text("/body/key/path", &round.path);
        checks.text("/body/key/key", &round.key);
    }
}

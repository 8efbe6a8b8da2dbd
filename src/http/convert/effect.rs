//! Intents, keyed loops and what a later attempt goes on from.

use std::time::Duration;

use serde_json::Value;

use super::value;
use crate::{
    fleet,
    ids::Json,
    time::duration_ms,
    wire::{
        agent as wire,
        job::{Progress, Review, ReviewDecision, StepRef},
    },
};

pub(crate) fn intent_report(told: wire::IntentReport) -> fleet::IntentReport {
    let wire::IntentReport { step, key, vars, can_settle } = told;
    fleet::IntentReport { step: step_of(step), key: key.map(key_of), vars: json(&vars), can_settle }
}

pub(crate) fn settled_report(told: wire::SettledReport) -> fleet::SettledReport {
    let wire::SettledReport { step, key, done, vars } = told;
    fleet::SettledReport { step: step_of(step), key: key.map(key_of), done, vars: json(&vars) }
}

/// None where an item says what only an intent can.
pub(crate) fn loop_report(told: wire::LoopReport) -> Option<fleet::LoopReport> {
    let wire::LoopReport { path, total, items } = told;
    let items: Option<Vec<fleet::LoopItem>> = items.into_iter().map(item_of).collect();
    Some(fleet::LoopReport { path, total, items: items? })
}

fn item_of(item: wire::LoopItem) -> Option<fleet::LoopItem> {
    let state = match item.state {
        wire::LoopItemState::Pending => fleet::LoopItemState::Pending,
        wire::LoopItemState::Done => fleet::LoopItemState::Done,
        wire::LoopItemState::Failed => fleet::LoopItemState::Failed,
        wire::LoopItemState::Committing => return None,
    };
    Some(fleet::LoopItem { key: item.key, state, result: (!item.result.is_null()).then(|| json(&item.result)) })
}

fn step_of(step: StepRef) -> fleet::FailedStep {
    let StepRef { path, id, action } = step;
    fleet::FailedStep { path, id, action }
}

fn key_of(key: wire::LoopKey) -> fleet::LoopKey {
    fleet::LoopKey { path: key.path, key: key.key }
}

fn json(value: &Value) -> Json {
    Json::new(value.to_string())
}

/// `items`: what is known of the rounds of the job's loops. `age`: of the open intent.
pub(crate) fn resume(journal: &fleet::Journal, items: &[fleet::LoopItemRow], age: Duration) -> wire::Resume {
    let open = journal.intent.as_ref();
    let loops = journal.loops.iter().map(|(path, counts)| {
        let of_loop = items.iter().filter(|row| row.round.path == *path).filter_map(shown_item);
        let committing = open.and_then(|intent| intent.key.as_ref()).filter(|key| key.path == *path);
        let committing = committing.map(|key| wire::LoopItem {
            key: key.key.clone(),
            state: wire::LoopItemState::Committing,
            result: Value::Null,
        });
        let others = of_loop.filter(|item| committing.as_ref().is_none_or(|open| open.key != item.key));
        let mut items: Vec<wire::LoopItem> = others.collect();
        items.extend(committing.clone());
        wire::LoopState { path: path.clone(), total: counts.total, items }
    });
    wire::Resume {
        vars: journal.vars.as_ref().map_or_else(|| Value::Object(serde_json::Map::new()), value),
        after: journal.done.last().map(|step| step.path.clone()),
        settle: open.map(|intent| wire::OpenIntent {
            step: step_ref(&intent.step),
            key: intent.key.as_ref().map(|key| wire::LoopKey { path: key.path.clone(), key: key.key.clone() }),
            age_ms: duration_ms(age),
        }),
        settle_only: journal.settle_only,
        loops: loops.collect(),
    }
}

/// None for what is still to be done.
fn shown_item(row: &fleet::LoopItemRow) -> Option<wire::LoopItem> {
    let state = match row.state {
        fleet::LoopItemState::Pending => return None,
        fleet::LoopItemState::Done => wire::LoopItemState::Done,
        fleet::LoopItemState::Failed => wire::LoopItemState::Failed,
    };
    Some(wire::LoopItem {
        key: row.round.key.clone(),
        state,
        result: row.result.as_ref().map(value).unwrap_or_default(),
    })
}

pub(super) fn step_ref(step: &fleet::FailedStep) -> StepRef {
    StepRef { path: step.path.clone(), id: step.id.clone(), action: step.action.clone() }
}

/// Of all keyed loops together; none where there are none. A loop whose size is not known counts what it has come to.
pub(super) fn progress(journal: &fleet::Journal) -> Option<Progress> {
    if journal.loops.is_empty() {
        return None;
    }
    let mut sum = Progress { total: 0, done: 0, failed: 0 };
    for counts in journal.loops.values() {
        sum.total += u64::from(counts.total.unwrap_or(0).max(counts.done + counts.failed));
        sum.done += u64::from(counts.done);
        sum.failed += u64::from(counts.failed);
    }
    Some(sum)
}

pub(crate) fn decision(decision: ReviewDecision) -> fleet::Decided {
    match decision {
        ReviewDecision::Retry => fleet::Decided::Retry,
        ReviewDecision::Succeed => fleet::Decided::Succeed,
        ReviewDecision::Fail => fleet::Decided::Fail,
    }
}

pub(super) fn review(review: &fleet::Review) -> Review {
    let decision = match review.decision {
        fleet::Decided::Retry => ReviewDecision::Retry,
        fleet::Decided::Succeed => ReviewDecision::Succeed,
        fleet::Decided::Fail => ReviewDecision::Fail,
    };
    let by = match &review.by {
        fleet::Principal::Token { name, .. } => Some(name.clone()),
        fleet::Principal::System | fleet::Principal::Machine { .. } => None,
    };
    Review { at: review.at, by, decision, note: review.note.clone() }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::ids::{AttemptId, JobId};
    use crate::time::Timestamp;

    fn row(key: &str, state: fleet::LoopItemState, committed: bool) -> fleet::LoopItemRow {
        let round = fleet::LoopKey { path: "steps/2".to_owned(), key: key.to_owned() };
        fleet::LoopItemRow {
            job: JobId::from_raw(1),
            round,
            state,
            committed,
            result: Some(Json::new("{\"receipt\":\"R-1\"}")),
            at: Timestamp::default(),
        }
    }

    #[test]
    fn a_later_attempt_is_told_what_is_done_and_what_nobody_knows() {
        let step = fleet::FailedStep { path: "steps/2/steps/0".to_owned(), id: None, action: "click".to_owned() };
        let intent = fleet::Intent {
            attempt: AttemptId::from_raw(2),
            attempt_number: 1,
            step,
            key: Some(fleet::LoopKey { path: "steps/2".to_owned(), key: "c".to_owned() }),
            can_settle: true,
            at: Timestamp::from_ms(1_000),
            before: fleet::Effect::Committed,
        };
        let counts = fleet::LoopCounts { total: Some(4), items: 3, done: 1, failed: 1, committed: 1, bytes: 9 };
        let journal = fleet::Journal {
            intent: Some(intent),
            loops: BTreeMap::from([("steps/2".to_owned(), counts)]),
            ..fleet::Journal::default()
        };
        let rows = [
            row("a", fleet::LoopItemState::Done, true),
            row("b", fleet::LoopItemState::Failed, false),
            row("c", fleet::LoopItemState::Failed, false),
            row("d", fleet::LoopItemState::Pending, false),
        ];
        let resume = resume(&journal, &rows, Duration::from_secs(30));
        let states: Vec<_> = resume.loops[0].items.iter().map(|item| (item.key.as_str(), item.state)).collect();
        let expected = [
            ("a", wire::LoopItemState::Done),
            ("b", wire::LoopItemState::Failed),
            ("c", wire::LoopItemState::Committing),
        ];
        assert_eq!(states, expected);
        assert_eq!(resume.loops[0].items[0].result["receipt"], "R-1");
        assert_eq!(resume.settle.map(|open| open.age_ms), Some(30_000));
        assert_eq!((resume.after, resume.vars), (None, serde_json::json!({})));
        assert_eq!(progress(&journal), Some(Progress { total: 4, done: 1, failed: 1 }));
    }
}

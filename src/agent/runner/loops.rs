//! `for_each`: once for each item, and for keyed loops never again for what is done.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{
    fault::{Break, Fault, fault},
    run::Runner,
};
use crate::{
    wire::{
        agent::{LoopItem, LoopItemState, LoopKey, LoopReport},
        job::Category,
    },
    workflow::{ForEach, Items, OnError, Step, limits},
};

/// The items of a loop and how far it is.
struct Round<'a> {
    path: &'a str,
    each: &'a ForEach,
    /// Whether what becomes of its keys is kept over attempts.
    keeps: bool,
    items: Vec<Value>,
    /// By index; empty without `key`.
    keys: Vec<String>,
    results: Vec<Value>,
    failed: usize,
}

impl Round<'_> {
    fn key(&self, index: usize) -> Option<&str> {
        self.keys.get(index).map(String::as_str)
    }

    /// The key under which the controller keeps what becomes of this item.
    fn kept(&self, index: usize) -> Option<LoopKey> {
        let key = self.key(index).filter(|_| self.keeps)?;
        Some(LoopKey { path: self.path.to_owned(), key: key.to_owned() })
    }

    /// What `loop` is while the steps for an item run.
    fn during(&self, index: usize) -> Value {
        json!({ "index": index, "number": index + 1, "total": self.items.len(), "key": self.key(index) })
    }

    fn afterwards(&self) -> Value {
        let done = self.results.len() - self.failed;
        json!({ "results": self.results, "total": self.items.len(), "done": done, "failed": self.failed })
    }

    fn note(&mut self, index: usize, state: LoopItemState, result: &Value, error: &Value) {
        let state = if state == LoopItemState::Done { "done" } else { "failed" };
        self.failed += usize::from(state == "failed");
        let key = self.key(index);
        self.results.push(json!({ "index": index, "key": key, "state": state, "result": result, "error": error }));
    }
}

impl Runner<'_> {
    /// The results, as `loop.results` has them.
    pub(super) fn for_each(&mut self, step: &Step, each: &ForEach) -> Result<Value, Break> {
        let items = self.items(each)?;
        let (item, outer) = (self.scope.set_item(None), self.scope.set_loop(None));
        let nested = item.is_some();
        let path = step.path.as_str();
        // Of a workflow that is called nothing is kept: it is carried out anew, as often as it is called.
        let keeps = each.kept_key().is_some() && self.called.is_empty();
        let mut round = Round { path, each, keeps, items, keys: Vec::new(), results: Vec::new(), failed: 0 };
        let key = self.effects.key.clone();
        let result = self.rounds(&mut round);
        self.effects.key = key;
        self.scope.set_item(item);
        // Inside another loop that one is what `loop` speaks of again.
        self.scope.set_loop(if nested { outer } else { Some(round.afterwards()) });
        result.map(|()| Value::Array(round.results))
    }

    fn items(&mut self, each: &ForEach) -> Result<Vec<Value>, Break> {
        let value = match &each.items {
            Items::Expression(expression) => expression.evaluate(&self.scope)?,
            Items::List(list) => list.evaluate(&self.scope)?,
        };
        match value {
            Value::Array(items) if items.len() > limits::LOOP_ITEMS => {
                let message = format!(
                    "the list has {} items, and a loop takes at most {}: make several jobs of it",
                    items.len(),
                    limits::LOOP_ITEMS
                );
                fault(Category::InvalidWorkflow, message)
            }
            Value::Array(items) => Ok(items),
            Value::Null => Ok(Vec::new()),
            _ => fault(Category::InvalidWorkflow, "`in` of a `for_each` yields no list"),
        }
    }

    fn rounds(&mut self, round: &mut Round<'_>) -> Result<(), Break> {
        round.keys = self.keys_of(round)?;
        if round.keeps {
            let total = u32::try_from(round.items.len()).ok();
            self.observer.looped(LoopReport { path: round.path.to_owned(), total, items: Vec::new() });
        }
        for index in 0..round.items.len() {
            let kept = round.kept(index);
            let known = kept.as_ref().and_then(|kept| self.effects.done_item(&kept.path, &kept.key)).cloned();
            if let Some(item) = known {
                round.note(index, LoopItemState::Done, &item.result, &Value::Null);
                continue;
            }
            self.go_on()?;
            self.enter(round, index);
            self.effects.key.clone_from(&kept);
            let result = self.steps(&round.each.steps).and_then(|()| self.item_result(round));
            self.round_ended(round, index, kept.as_ref(), result)?;
        }
        Ok(())
    }

    fn enter(&mut self, round: &Round<'_>, index: usize) {
        let item = round.items.get(index).cloned().unwrap_or_default();
        if let Some(name) = &round.each.store_as {
            self.scope.set_var(name, item.clone());
        }
        self.scope.set_item(Some(item));
        self.scope.set_loop(Some(round.during(index)));
    }

    fn item_result(&mut self, round: &Round<'_>) -> Result<Value, Break> {
        self.refresh_time();
        let result = round.each.result.as_ref().map(|result| result.evaluate(&self.scope)).transpose();
        match result.map(Option::unwrap_or_default) {
            Ok(result) if round.keeps && size_of(&result) > limits::LOOP_RESULT_BYTES => {
                let message = format!(
                    "`result` of the `for_each` takes {} bytes, and at most {} are kept for an item: keep less of it",
                    size_of(&result),
                    limits::LOOP_RESULT_BYTES
                );
                fault(Category::InvalidWorkflow, message)
            }
            Ok(result) => Ok(result),
            Err(error) => fault(Category::InvalidWorkflow, format!("`result` of the `for_each`: {error}")),
        }
    }

    fn round_ended(
        &mut self,
        round: &mut Round<'_>,
        index: usize,
        kept: Option<&LoopKey>,
        result: Result<Value, Break>,
    ) -> Result<(), Break> {
        let failure = match result {
            Ok(result) => {
                if let Some(kept) = kept {
                    // The steps after a commit that nothing verifies have worked.
                    self.settle_unproved();
                    let state = LoopItemState::Done;
                    self.item_ended(&kept.path, LoopItem { key: kept.key.clone(), state, result: result.clone() });
                }
                round.note(index, LoopItemState::Done, &result, &Value::Null);
                return Ok(());
            }
            // What may have happened is never passed over.
            Err(Break::Fault(fault)) if !self.effects.is_unknown() => fault,
            Err(end) => return Err(end),
        };
        let error = self.error_of(&failure);
        let committed = kept.is_some_and(|kept| self.effects.done_item(&kept.path, &kept.key).is_some());
        let state = if committed { LoopItemState::Done } else { LoopItemState::Failed };
        if let Some(kept) = kept {
            let result = json!({ "error": error });
            self.item_ended(&kept.path, LoopItem { key: kept.key.clone(), state, result });
        }
        round.note(index, state, &Value::Null, &error);
        match round.each.on_error {
            OnError::Stop => Err(Break::Fault(failure)),
            OnError::Continue => Ok(()),
        }
    }

    /// All of them before the first item is worked on: two with one key would be one of them lost.
    fn keys_of(&mut self, round: &Round<'_>) -> Result<Vec<String>, Break> {
        let Some(expression) = &round.each.key else { return Ok(Vec::new()) };
        let mut keys = Vec::with_capacity(round.items.len());
        let mut first = BTreeMap::new();
        for index in 0..round.items.len() {
            self.enter(round, index);
            let key = match expression.evaluate(&self.scope)? {
                Value::String(key) => key,
                Value::Number(key) if key.is_i64() || key.is_u64() => key.to_string(),
                _ => return self.bad_key(index, "is neither a text nor a whole number"),
            };
            if key.is_empty() || key.len() > limits::LOOP_KEY_BYTES {
                return self.bad_key(index, &format!("is not 1 to {} bytes long", limits::LOOP_KEY_BYTES));
            }
            if let Some(other) = first.insert(key.clone(), index) {
                return self.bad_key(index, &format!("is that of item {} too", other + 1));
            }
            keys.push(key);
        }
        Ok(keys)
    }

    fn bad_key<T>(&self, index: usize, what: &str) -> Result<T, Break> {
        let message = format!("the `key` of item {} {what}", index + 1);
        Err(Fault::new(Category::InvalidWorkflow, self.quote(&message)).into())
    }
}

fn size_of(value: &Value) -> usize {
    serde_json::to_vec(value).map_or(usize::MAX, |json| json.len())
}

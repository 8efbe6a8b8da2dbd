//! What a run has done to the world and must not do again: the open intent, what is done, and the state of keyed loops.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::{observer::NoIntent, run::Runner};
use crate::{
    agent::runner::fault::{Break, Fault},
    mutant::{Mutant, is_on},
    wire::{
        agent::{IntentReport, LoopItem, LoopItemState, LoopKey, LoopReport, LoopState, SettledReport},
        job::{Category, StepRef},
    },
    workflow::limits,
};

/// Under this the journal of an intent carries the variables as they were at the last commit that is done. No variable is called so.
const AT_LAST_COMMIT: &str = "at the last commit";

/// Commits that a failure names; of more it gives the number.
const MAX_NAMED: usize = 3;

/// What is being brought to its end whoever says stop, short of a lost lease.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Finishing {
    #[default]
    Nothing,
    /// From the acknowledged intent to the verdict. Not even the attempt's time ends it: the step's own limits do.
    Commit,
    /// Finding out what became of an earlier attempt's commit.
    Settle,
}

/// An intent that was acknowledged, until it is settled.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) step: StepRef,
    pub(super) key: Option<LoopKey>,
    /// The journal as it was right after the step had acted: the steps behind it come again where an attempt goes on after it.
    pub(super) acted: Option<Value>,
}

#[derive(Debug, Default)]
pub(super) struct Effects {
    pub(super) finishing: Finishing,
    open: Option<Open>,
    /// Commits outside of keyed loops that are done, in words.
    done: Vec<String>,
    /// By path and key, from earlier attempts and this one.
    loops: BTreeMap<String, BTreeMap<String, LoopItem>>,
    /// The variables at the last commit outside of keyed loops that is done: an attempt that goes on after it has these.
    base: Option<Map<String, Value>>,
    /// The item of a keyed loop that is being worked on.
    pub(super) key: Option<LoopKey>,
}

impl Effects {
    pub(super) fn remember(&mut self, loops: &[LoopState]) {
        for LoopState { path, items, .. } in loops {
            let known = self.loops.entry(path.clone()).or_default();
            known.extend(items.iter().map(|item| (item.key.clone(), item.clone())));
        }
    }

    /// Takes the journal of an earlier attempt apart: what it was written with, and where it goes on from if that did not happen.
    pub(super) fn take_apart(&mut self, mut journal: Map<String, Value>, goes_on: bool) -> Map<String, Value> {
        let base = journal.remove(AT_LAST_COMMIT);
        if goes_on {
            self.base = Some(base.and_then(|base| base.as_object().cloned()).unwrap_or_else(|| journal.clone()));
        }
        journal
    }

    pub(super) fn base(&self) -> Option<&Map<String, Value>> {
        self.base.as_ref()
    }

    pub(super) fn remember_done(&mut self, what: String) {
        self.done.push(what);
    }

    /// The item, if nothing is left to be done for it.
    pub(super) fn done_item(&self, path: &str, key: &str) -> Option<&LoopItem> {
        let done = |item: &&LoopItem| item.state == LoopItemState::Done && !is_on(Mutant::RepeatRounds);
        self.loops.get(path)?.get(key).filter(done)
    }

    pub(super) fn has_done_items(&self) -> bool {
        self.loops.values().flat_map(BTreeMap::values).any(|item| item.state == LoopItemState::Done)
    }

    pub(super) fn is_unknown(&self) -> bool {
        self.open.is_some()
    }

    pub(super) fn opened(&mut self, open: Open) {
        self.open = Some(open);
    }

    pub(super) fn acted(&mut self, journal: Value) {
        if let Some(open) = &mut self.open {
            open.acted = Some(journal);
        }
    }

    fn keep(&mut self, path: &str, item: LoopItem) {
        self.loops.entry(path.to_owned()).or_default().insert(item.key.clone(), item);
    }

    /// What a failure has to say beside its reason. Nothing where nothing may have been done.
    pub(super) fn told(&self) -> String {
        let mut told = Vec::new();
        if !self.done.is_empty() {
            let named = self.done.iter().rev().take(MAX_NAMED).rev().cloned().collect::<Vec<_>>().join(", ");
            let before = match self.done.len().saturating_sub(MAX_NAMED) {
                0 => String::new(),
                more => format!("{more} commits and "),
            };
            told.push(format!("; done before that, and not undone: {before}{named}"));
        }
        for (path, items) in &self.loops {
            let done = items.values().filter(|item| item.state == LoopItemState::Done).count();
            match done {
                0 => {}
                1 => told.push(format!("; 1 item of the loop {path} is done")),
                _ => told.push(format!("; {done} items of the loop {path} are done")),
            }
        }
        if let Some(open) = &self.open {
            told.push(format!("; whether {} happened is not known", in_words(&open.step, open.key.as_ref())));
        }
        told.concat()
    }
}

/// `save (steps/4, click)`, and for which item.
pub(super) fn in_words(step: &StepRef, key: Option<&LoopKey>) -> String {
    let item = key.map(|key| format!(" for {}", key.key)).unwrap_or_default();
    match &step.id {
        Some(id) => format!("{id} ({}, {}){item}", step.path, step.action),
        None => format!("{} at {}{item}", step.action, step.path),
    }
}

impl Runner<'_> {
    /// The intent is on disk and acknowledged when this returns well; else the step must not act.
    pub(super) fn intend(&mut self, can_settle: bool) -> Result<(), Break> {
        let Some(step) = self.current.last().map(super::step::Current::reference) else {
            unreachable!("a commit is a step under way")
        };
        // The steps since an intent that nothing verifies have worked, which is all the end of the job would say of it too.
        self.settle_unproved();
        let mut journal = self.scope.journal();
        if let Some(base) = self.effects.base.as_ref().filter(|base| **base != journal) {
            journal.insert(AT_LAST_COMMIT.to_owned(), Value::Object(base.clone()));
        }
        let vars = Value::Object(journal);
        let bytes = serde_json::to_vec(&vars).map_or(0, |json| json.len());
        if bytes > limits::JOURNAL_BYTES {
            let limit = limits::JOURNAL_BYTES;
            let message = format!(
                "the variables take {bytes} bytes, and at most {limit} are kept with a commit: keep less in `vars` and \
                 in the `result` of loops"
            );
            return Err(Fault::new(Category::InvalidWorkflow, message).into());
        }
        let intent = IntentReport { step, key: self.effects.key.clone(), vars, can_settle };
        match self.observer.intent(&intent) {
            Ok(()) => {
                self.effects.opened(Open { step: intent.step, key: intent.key, acted: None });
                Ok(())
            }
            Err(NoIntent::Stop(reason)) => Err(Break::Stop(reason)),
            Err(NoIntent::Refused(reason)) => {
                let message = format!("the step has not acted, because its intent could not be recorded: {reason}");
                Err(Fault::new(Category::Agent, message).into())
            }
        }
    }

    pub(super) fn settle_unproved(&mut self) {
        if let Some(open) = &self.effects.open {
            let vars = open.acted.clone().unwrap_or_else(|| Value::Object(self.scope.journal()));
            self.settled(true, vars);
        }
    }

    /// It is known what became of the open intent.
    pub(super) fn settled(&mut self, done: bool, vars: Value) {
        let Some(Open { step, key, .. }) = self.effects.open.take() else { return };
        match &key {
            Some(LoopKey { path, key }) => {
                let state = if done { LoopItemState::Done } else { LoopItemState::Pending };
                self.effects.keep(path, LoopItem { key: key.clone(), state, result: Value::Null });
            }
            None if done => {
                self.effects.done.push(in_words(&step, None));
                self.effects.base = vars.as_object().cloned();
            }
            None => {}
        }
        self.observer.settled(SettledReport { step, key, done, vars });
    }

    /// What became of an item of a keyed loop is told, and kept for this run.
    pub(super) fn item_ended(&mut self, path: &str, item: LoopItem) {
        self.effects.keep(path, item.clone());
        self.observer.looped(LoopReport { path: path.to_owned(), total: None, items: vec![item] });
    }
}

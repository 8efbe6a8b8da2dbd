//! An application that keeps books of what is saved in it, driven by the runner itself: what the runner says of it is held against
//! them. Rules of the runner that are broken on purpose must show there.

use std::{cell::RefCell, rc::Rc};

use super::{Play, Record, Stage};
use crate::{
    agent::runner::Stop,
    desktop::Rect,
    mutant::{Mutant, switch_to},
    wire::agent::{LoopItem, LoopItemState, LoopState, Resume},
};

/// Lines that are entered and saved, one after another.
const ENTER: &str = r#"
steps:
  - for_each:
      in: [a, b, c]
      key: item
      steps:
        - type: "{{ item }}"
        - key: ctrl+s
          commit: true
          verify: { window: "Saved" }
          settle: { done: { window: "Saved" } }
          timeout: 1s
        - key: Escape
"#;

/// What was saved, in order.
type Books = Rc<RefCell<Vec<String>>>;

/// Saves what was typed last, or loses it; says so in a window, which Escape closes unless it is stuck.
fn application(keeps: bool, stuck: bool) -> (Stage, Books) {
    let mut stage = Stage::new();
    let books = Books::default();
    let (kept, mut typed) = (Rc::clone(&books), String::new());
    if stuck {
        stage.screen.open("Saved before", Rect::new(0, 0, 90, 50));
    }
    stage.screen.reaction = Some(Box::new(move |screen, line| {
        if line.starts_with("type") {
            line.clone_into(&mut typed);
        } else if line == "key ctrl+s" && keeps {
            kept.borrow_mut().push(typed.clone());
            screen.open("Saved now", Rect::new(0, 0, 90, 50));
        } else if line == "key Escape" {
            screen.shut("Saved now");
        }
    }));
    (stage, books)
}

fn done_in(record: &Record) -> Vec<LoopItem> {
    let done = record.settled.iter().filter(|settled| settled.done).filter_map(|settled| settled.key.clone());
    let item = |key: String| LoopItem { key, state: LoopItemState::Done, result: serde_json::Value::Null };
    done.map(|round| item(round.key)).collect()
}

/// One attempt that is stopped at an intent, and one that goes on from what it said. What is wrong with the books then.
fn wrong_after(keeps: bool, stuck: bool, stop_at: usize) -> Vec<String> {
    let play = Play::workflow(ENTER);
    let (mut stage, books) = application(keeps, stuck);
    let record = Record { stop_at_intent: Some((stop_at, Stop::Cancelled)), ..Record::default() };
    let (_, first) = play.run_watched(&mut stage, record);
    let mut said = done_in(&first);
    let mut wrong = Vec::new();
    if said.len() > books.borrow().len() {
        wrong.push(format!("{} are said to be saved, and the books have {:?}", said.len(), books.borrow()));
    }
    // The application is brought to its first screen for the next attempt.
    stage.screen.shut("Saved now");
    let loops = vec![LoopState { path: "steps/0".to_owned(), total: Some(3), items: said.clone() }];
    let vars = serde_json::json!({});
    let resume = Resume { vars, after: None, settle: None, settle_only: false, loops };
    let (_, second) = play.resume(resume).run(&mut stage);
    said.extend(done_in(&second));
    let mut once = books.borrow().clone();
    once.sort();
    once.dedup();
    if once.len() != books.borrow().len() {
        wrong.push(format!("something is saved twice: {:?}", books.borrow()));
    }
    if said.len() > books.borrow().len() {
        wrong.push(format!("{} are said to be saved, and the books have {:?}", said.len(), books.borrow()));
    }
    wrong
}

fn wrong() -> Vec<String> {
    let mut wrong = Vec::new();
    for (keeps, stuck) in [(true, false), (false, false), (true, true), (false, true)] {
        for stop_at in 1..=3 {
            wrong.extend(wrong_after(keeps, stuck, stop_at));
        }
    }
    wrong
}

#[test]
fn what_is_said_to_be_saved_is_in_the_books_once_and_a_broken_rule_shows() {
    // So that what follows is not about an application in which nothing can be saved.
    let (mut stage, books) = application(true, false);
    Play::workflow(ENTER).run(&mut stage);
    assert_eq!(books.borrow().len(), 3);
    assert_eq!(wrong(), Vec::<String>::new());
    for mutant in Mutant::OF_THE_RUNNER {
        switch_to(Some(*mutant));
        let noticed = wrong();
        switch_to(None);
        assert!(!noticed.is_empty(), "{mutant:?} is not noticed");
    }
}

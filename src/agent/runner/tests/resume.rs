//! A later attempt: it settles what is open, takes up the variables, and does nothing twice.

use serde_json::{Value, json};

use super::{Play, Record, Stage, failure_of, output_of};
use crate::{
    agent::runner::{Ending, Stop},
    desktop::Rect,
    wire::{
        agent::{OpenIntent, Resume},
        job::{Category, StepRef},
    },
};

const REGISTER: &str = r#"
input: { properties: { number: { type: integer, default: 7 } } }
vars: { tries: 0 }
steps:
  - key: F2
  - set: { tries: "vars.tries + 1" }
  - if: "vars.tries == 1"
    then:
      - key: Tab
      - id: save
        key: ctrl+s
        commit: true
        verify: { window: Saved, timeout: 5s }
        settle:
          after: 30s
          steps:
            - key: F5
            - { read_clipboard: {}, as: found }
          done: "vars.found == 'R-7'"
      - key: Escape
    else: [{ key: F12 }]
  - key: F10
output: { tries: "{{ vars.tries }}" }
"#;

fn save() -> StepRef {
    StepRef { path: "steps/2/then/1".to_owned(), id: Some("save".to_owned()), action: "key".to_owned() }
}

fn nothing() -> Resume {
    Resume { vars: json!({}), after: None, settle: None, settle_only: false, loops: Vec::new() }
}

fn ended_in_save(age_ms: u64) -> Resume {
    let settle = Some(OpenIntent { step: save(), key: None, age_ms });
    Resume { vars: json!({"tries": 1}), settle, ..nothing() }
}

fn run(resume: Resume, clipboard: &str) -> (Ending, Record, Stage) {
    let mut stage = Stage::new();
    stage.screen.clipboard = Some(clipboard.to_owned());
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line == "key ctrl+s" {
            screen.open("Saved", Rect::new(0, 0, 50, 50));
        }
    }));
    let (ending, record) = Play::workflow(REGISTER).resume(resume).run(&mut stage);
    (ending, record, stage)
}

#[test]
fn what_is_found_done_is_not_done_again_and_the_rest_follows() {
    let (ending, record, stage) = run(ended_in_save(10_000), "R-7");
    assert_eq!(output_of(ending), json!({"tries": 1}), "as it was, and not counted again");
    assert_eq!(stage.screen.inputs(), ["key F5", "key Escape", "key F10"]);
    assert_eq!(record.effects, ["done steps/2/then/1"]);
    assert_eq!(record.settled[0].vars, json!({"tries": 1, "found": "R-7"}));
    assert_eq!(stage.elapsed_ms(), 20_000, "thirty seconds from the intent, of which ten are over");
    assert_eq!(
        record.story(),
        [
            "steps/2/then/1/settle/0 Succeeded",
            "steps/2/then/1/settle/1 Succeeded",
            "steps/2/then/1/settle Succeeded",
            "steps/2/then/2 Succeeded",
            "steps/2 Succeeded",
            "steps/3 Succeeded"
        ]
    );
}

#[test]
fn what_is_found_not_done_is_done_from_the_beginning() {
    let (ending, record, stage) = run(ended_in_save(60_000), "R-6");
    assert_eq!(output_of(ending), json!({"tries": 1}), "nothing of the first attempt has happened");
    assert_eq!(stage.screen.inputs(), ["key F5", "key F2", "key Tab", "key ctrl+s", "key Escape", "key F10"]);
    assert_eq!(record.effects, ["not done steps/2/then/1", "intent steps/2/then/1", "done steps/2/then/1"]);
    assert_eq!(record.settled[0].vars, json!({"tries": 1}), "what settle read is not kept");
    assert_eq!(stage.elapsed_ms(), 0, "the application had its time");
}

#[test]
fn an_attempt_that_only_settles_ends_where_it_is_not_done() {
    let (ending, record, stage) = run(Resume { settle_only: true, ..ended_in_save(60_000) }, "R-6");
    let failure = failure_of(ending);
    assert!(failure.message.contains("has not happened") && failure.message.contains("safe to retry"));
    assert_eq!(record.effects, ["not done steps/2/then/1"]);
    assert_eq!(stage.screen.inputs(), ["key F5"]);

    let (ending, record, stage) = run(Resume { settle_only: true, ..ended_in_save(60_000) }, "R-7");
    output_of(ending);
    assert_eq!(record.effects, ["done steps/2/then/1"]);
    assert_eq!(stage.screen.inputs(), ["key F5", "key Escape", "key F10"]);
}

#[test]
fn what_cannot_be_found_out_stays_open() {
    let play = REGISTER.replace("key: F5", "{ wait: { window: Search }, timeout: 1s }");
    let mut stage = Stage::new();
    let (ending, record) = Play::workflow(&play).resume(ended_in_save(60_000)).run(&mut stage);
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::TargetNotFound);
    assert!(
        failure.message.ends_with("whether save (steps/2/then/1, key) happened is not known"),
        "{}",
        failure.message
    );
    assert_eq!(failure.step.unwrap().path, "steps/2/then/1/settle/0");
    assert!(record.effects.is_empty() && stage.screen.inputs().is_empty());
}

#[test]
fn a_cancel_waits_until_it_is_known_and_a_lost_lease_does_not() {
    for (stop, told) in [(Stop::Cancelled, vec!["done steps/2/then/1"]), (Stop::LeaseLost, Vec::new())] {
        let mut stage = Stage::new();
        stage.screen.clipboard = Some("R-7".to_owned());
        let record = Record { stop_at_intent: Some((0, stop)), ..Record::default() };
        let (ending, record) = Play::workflow(REGISTER).resume(ended_in_save(0)).run_watched(&mut stage, record);
        assert_eq!(ending, Ending::Stopped(stop));
        assert_eq!(record.effects, told);
    }
}

#[test]
fn an_attempt_goes_on_after_the_last_commit_known_done() {
    let resume = Resume { vars: json!({"tries": 5}), after: Some("steps/2/then/1".to_owned()), ..nothing() };
    let (ending, record, stage) = run(resume.clone(), "");
    assert_eq!(output_of(ending), json!({"tries": 5}));
    assert_eq!(stage.screen.inputs(), ["key Escape", "key F10"], "the way taken then, whatever its condition says now");
    assert!(record.effects.is_empty());

    let mut stage = Stage::new();
    let play = Play::workflow(&format!("{}\n", REGISTER.replace("- key: F10", "- fail: no")));
    let failure = failure_of(play.resume(resume).run(&mut stage).0);
    assert!(
        failure.message.ends_with("done before that, and not undone: save (steps/2/then/1)"),
        "{}",
        failure.message
    );
}

#[test]
fn a_later_commit_not_done_is_done_after_the_earlier_one() {
    let play = Play::workflow(
        r"
vars: { page: 1 }
steps:
  - { key: a, commit: true }
  - set: { page: vars.page + 1 }
  - { id: c, key: c, commit: true, settle: { done: { file: /tmp/c } } }
output: { page: '{{ vars.page }}' }
",
    );
    let (ending, first) = play.run(&mut Stage::new());
    assert_eq!(output_of(ending), json!({"page": 2}));
    assert_eq!(first.effects, ["intent steps/0", "done steps/0", "intent steps/2"]);

    let settle = Some(OpenIntent { step: first.intents[1].step.clone(), key: None, age_ms: 0 });
    let vars = first.intents[1].vars.clone();
    let resume = Resume { vars, after: Some("steps/0".to_owned()), settle, ..nothing() };
    let mut stage = Stage::new();
    let (ending, record) = play.resume(resume).run(&mut stage);
    assert_eq!(output_of(ending), json!({"page": 2}), "counted once");
    assert_eq!(stage.screen.inputs(), ["key c"]);
    assert_eq!(record.effects, ["not done steps/2", "intent steps/2"]);
    assert_eq!(record.settled[0].vars, json!({"page": 1}));
}

#[test]
fn variables_come_back_as_they_were() {
    let play = Play::workflow(
        r#"
vars: { list: "{{ [1] }}" }
steps:
  - { key: a, commit: true, verify: { window: A } }
  - set: { list: "vars.list + [9]", number: "7" }
output: { list: "{{ vars.list }}", number: "{{ vars.number }}" }
"#,
    );
    let resume = Resume { vars: json!({"list": [1, "two", null]}), after: Some("steps/0".to_owned()), ..nothing() };
    let output: Value = output_of(play.resume(resume).run(&mut Stage::new()).0);
    assert_eq!(output, json!({"list": [1, "two", null, 9], "number": 7}));
}

#[test]
fn an_intent_without_settle_is_left_to_a_person() {
    let play = Play::steps("  - { key: a, commit: true }");
    let step = StepRef { path: "steps/0".to_owned(), id: None, action: "key".to_owned() };
    let resume = Resume { settle: Some(OpenIntent { step, key: None, age_ms: 0 }), ..nothing() };
    let mut stage = Stage::new();
    let failure = failure_of(play.resume(resume).run(&mut stage).0);
    assert!(failure.message.contains("a person has to look"), "{}", failure.message);
    assert!(stage.screen.inputs().is_empty());
}

//! `for_each`: once for each item, in one attempt and over several.

use serde_json::json;

use super::{Play, Record, Stage, failure_of, output_of};
use crate::{
    agent::runner::{Ending, NoIntent, Stop},
    wire::{
        agent::{LoopItem, LoopItemState, LoopKey, LoopState, OpenIntent, Resume},
        job::{Category, StepRef},
    },
};

/// Each row is typed and confirmed; the application writes a file for it.
const ENTER: &str = r#"
input: { properties: { rows: { type: array } } }
steps:
  - key: F2
  - for_each:
      in: input.rows
      as: row
      key: item.id
      result: { receipt: "R-{{ item.id }}", number: "{{ loop.number }}" }
      steps:
        - type: "{{ vars.row.name }}"
        - id: confirm
          key: Return
          commit: true
          verify: { file: "/tmp/{{ item.id }}" }
          settle: { done: { file: "/tmp/{{ item.id }}" } }
          timeout: 1s
  - key: F10
output: { receipts: "{{ loop.results | map(attribute='result') | list }}", done: "{{ loop.done }}", failed: "{{ loop.failed }}" }
"#;

fn rows() -> serde_json::Value {
    json!({"rows": [{"id": "a", "name": "Ada"}, {"id": "b", "name": "Bob"}, {"id": "c", "name": "Cy"}]})
}

/// Confirming a row writes its file, a moment later.
fn desk(files: &[&str]) -> Stage {
    let mut stage = Stage::new();
    stage.files.extend(files.iter().map(std::path::PathBuf::from));
    for (at, file) in (1..).zip(["/tmp/a", "/tmp/b", "/tmp/c"]) {
        stage.at_ms(at * 500 - 200, move |stage| {
            let file = std::path::PathBuf::from(file);
            if !stage.files.contains(&file) {
                stage.files.push(file);
            }
        });
    }
    stage
}

fn entering() -> Play {
    Play::workflow(ENTER).input(rows())
}

fn state(items: &[(&str, LoopItemState)]) -> Vec<LoopState> {
    let items = items.iter().map(|(key, state)| {
        let result = if *state == LoopItemState::Done { json!({"receipt": "R-old"}) } else { json!(null) };
        LoopItem { key: (*key).to_owned(), state: *state, result }
    });
    vec![LoopState { path: "steps/1".to_owned(), total: Some(3), items: items.collect() }]
}

fn in_confirm(key: &str) -> OpenIntent {
    let step = StepRef { path: "steps/1/steps/1".to_owned(), id: Some("confirm".to_owned()), action: "key".to_owned() };
    OpenIntent { step, key: Some(LoopKey { path: "steps/1".to_owned(), key: key.to_owned() }), age_ms: 0 }
}

/// As the journal was written at the intent of this row.
fn journal(id: &str, name: &str) -> serde_json::Value {
    let row = json!({"id": id, "name": name});
    json!({"row": row, "item": row, "loop": {"index": 1, "number": 2, "total": 3, "key": id}})
}

#[test]
fn every_item_has_its_state_and_its_result() {
    let (ending, record) = entering().run(&mut desk(&[]));
    assert_eq!(
        output_of(ending),
        json!({"receipts": [{"receipt": "R-a", "number": 1}, {"receipt": "R-b", "number": 2}, {"receipt": "R-c", "number": 3}],
               "done": 3, "failed": 0})
    );
    assert_eq!(
        record.effects,
        [
            "loop steps/1 of 3",
            "intent steps/1/steps/1 a",
            "done steps/1/steps/1 a",
            "Done a {\"number\":1,\"receipt\":\"R-a\"}",
            "intent steps/1/steps/1 b",
            "done steps/1/steps/1 b",
            "Done b {\"number\":2,\"receipt\":\"R-b\"}",
            "intent steps/1/steps/1 c",
            "done steps/1/steps/1 c",
            "Done c {\"number\":3,\"receipt\":\"R-c\"}",
        ]
    );
    assert_eq!(record.intents[1].vars, journal("b", "Bob"));
}

#[test]
fn what_is_done_is_skipped_and_what_was_committing_is_settled_first() {
    let resume = |settle| Resume {
        vars: journal("b", "Bob"),
        after: None,
        settle: Some(settle),
        settle_only: false,
        loops: state(&[("a", LoopItemState::Done), ("b", LoopItemState::Committing)]),
    };
    // It had happened.
    let mut stage = Stage::new();
    stage.files.extend(["/tmp/a".into(), "/tmp/b".into()]);
    stage.at_ms(400, |stage| stage.files.push("/tmp/c".into()));
    let (ending, record) = entering().resume(resume(in_confirm("b"))).run(&mut stage);
    let output = output_of(ending);
    assert_eq!(output["receipts"][0], json!({"receipt": "R-old"}), "results of earlier attempts are kept");
    assert_eq!((&output["receipts"][1], &output["done"]), (&json!(null), &json!(3)));
    let typed: Vec<String> = stage.screen.inputs().into_iter().filter(|line| line.starts_with("type")).collect();
    assert_eq!(typed.len(), 1, "{typed:?}");
    assert!(typed[0].contains("Cy") && stage.screen.inputs()[0] == "key F2");
    assert_eq!(record.effects[..3], ["done steps/1/steps/1 b", "loop steps/1 of 3", "intent steps/1/steps/1 c"]);

    // It had not.
    let mut stage = Stage::new();
    stage.at_ms(400, |stage| stage.files.push("/tmp/b".into()));
    stage.at_ms(900, |stage| stage.files.push("/tmp/c".into()));
    let (ending, record) = entering().resume(resume(in_confirm("b"))).run(&mut stage);
    output_of(ending);
    assert_eq!(record.effects[..3], ["not done steps/1/steps/1 b", "loop steps/1 of 3", "intent steps/1/steps/1 b"]);
    assert!(!record.effects.iter().any(|line| line.starts_with("intent") && line.ends_with(" a")));
}

#[test]
fn a_stop_leaves_each_item_in_a_state_the_next_attempt_can_use() {
    // Stopped at the intent of the second row: refused, so nothing of it has happened.
    let record = Record { answers: [Ok(()), Err(NoIntent::Stop(Stop::LeaseLost))].into(), ..Record::default() };
    let (ending, record) = entering().run_watched(&mut desk(&[]), record);
    assert_eq!(ending, Ending::Stopped(Stop::LeaseLost));
    assert_eq!(record.effects.last().unwrap(), "intent steps/1/steps/1 b");
    assert_eq!(record.settled.len(), 1);

    // Cancelled after it was granted: its verdict is waited for, and nothing is begun after it.
    let record = Record { stop_at_intent: Some((2, Stop::Cancelled)), ..Record::default() };
    let (ending, record) = entering().run_watched(&mut desk(&[]), record);
    assert_eq!(ending, Ending::Stopped(Stop::Cancelled));
    assert_eq!(
        record.effects[4..],
        ["intent steps/1/steps/1 b", "done steps/1/steps/1 b", "Done b {\"number\":2,\"receipt\":\"R-b\"}"]
    );
}

#[test]
fn an_item_that_fails_ends_the_loop_or_is_passed_over() {
    let steps = |on_error: &str| {
        format!(
            r#"
steps:
  - for_each:
      in: [1, 2, 3]
      key: item
      on_error: {on_error}
      steps:
        - assert: "item != 2"
        - type: "{{{{ item }}}}"
output: {{ failed: "{{{{ loop.failed }}}}", last: "{{{{ loop.results[2].state }}}}", error: "{{{{ loop.results[1].error.category }}}}" }}
"#
        )
    };
    let (ending, record) = Play::workflow(&steps("stop")).run(&mut Stage::new());
    let failure = failure_of(ending);
    assert_eq!(failure.message, "`item != 2` does not hold (item 2); 1 item of the loop steps/0 is done");
    assert_eq!(record.effects[..2], ["loop steps/0 of 3", "Done 1 null"]);
    assert!(record.effects[2].starts_with("Failed 2 {\"error\":{\"category\":\"assertion\""), "{:?}", record.effects);

    let (ending, record) = Play::workflow(&steps("continue")).run(&mut Stage::new());
    assert_eq!(output_of(ending), json!({"failed": 1, "last": "done", "error": "assertion"}));
    assert_eq!(record.effects.len(), 4);
}

#[test]
fn an_unknown_effect_is_never_passed_over() {
    let play = Play::workflow(&ENTER.replace("as: row", "as: row\n      on_error: continue")).input(rows());
    let mut stage = Stage::new();
    let (ending, record) = play.run(&mut stage);
    let failure = failure_of(ending);
    assert!(
        failure.message.ends_with("; whether confirm (steps/1/steps/1, key) for a happened is not known"),
        "{}",
        failure.message
    );
    assert_eq!(record.effects, ["loop steps/1 of 3", "intent steps/1/steps/1 a"]);
}

#[test]
fn a_failure_behind_an_items_commit_does_not_undo_it() {
    let play =
        ENTER.replace("          timeout: 1s\n", "          timeout: 1s\n        - assert: \"item.id != 'a'\"\n");
    let play = Play::workflow(&play.replace("as: row", "as: row\n      on_error: continue")).input(rows());
    let (ending, record) = play.run(&mut desk(&[]));
    output_of(ending);
    assert!(record.effects[3].starts_with("Done a {\"error\""), "{:?}", record.effects);
}

#[test]
fn keys_are_known_before_the_first_item_is_worked_on() {
    let with = |list: &str| {
        let play = format!("steps:\n  - for_each: {{ in: {list}, key: item, steps: [{{ key: a }}] }}");
        let mut stage = Stage::new();
        let failure = failure_of(Play::workflow(&play).run(&mut stage).0);
        assert_eq!(failure.category, Category::InvalidWorkflow);
        assert!(stage.screen.inputs().is_empty());
        failure.message
    };
    assert!(with("[1, 2, '1']").contains("the `key` of item 3 is that of item 1 too"));
    assert!(with("[1, 2.5]").contains("item 2 is neither a text nor a whole number"));
    assert!(with("['', 1]").contains("item 1 is not 1 to 256 bytes long"));
    let long = "x".repeat(257);
    assert!(with(&format!("[{long}]")).contains("256 bytes"));
}

#[test]
fn a_result_that_is_too_large_to_be_kept_fails_its_item() {
    let play = Play::workflow(
        "input: { properties: { text: {} } }\nsteps:\n  - for_each: { in: [1], key: item, result: \"{{ input.text }}\", steps: [{ key: a }] }",
    )
    .input(json!({"text": "x".repeat(17_000)}));
    let (ending, record) = play.run(&mut Stage::new());
    let failure = failure_of(ending);
    assert!(failure.message.contains("17002 bytes, and at most 16384 are kept"), "{}", failure.message);
    assert!(record.effects[1].starts_with("Failed 1"), "{:?}", record.effects);
}

#[test]
fn a_loop_has_a_limit() {
    let play = |count: u32| {
        Play::workflow(&format!(
            "steps:\n  - for_each: {{ in: 'range({count}) | list', steps: [{{ set: {{ n: item }} }}] }}"
        ))
    };
    let failure = failure_of(play(10_001).run(&mut Stage::new()).0);
    assert!(
        failure.message.contains("10001 items") && failure.message.contains("at most 10000"),
        "{}",
        failure.message
    );
    output_of(play(100).run(&mut Stage::new()).0);
}

#[test]
fn loops_stand_inside_one_another_and_give_the_outer_one_back() {
    let play = Play::workflow(
        r#"
steps:
  - for_each:
      in: [[1, 2], [3]]
      result: "{{ vars.inner }}-{{ loop.index }}"
      steps:
        - for_each: { in: item, as: n, result: "{{ vars.n * 10 }}", steps: [{ type: "{{ item }}/{{ loop.total }}" }] }
          as: list
        - set: { inner: "vars.list | map(attribute='result') | join('+')" }
output: { all: "{{ loop.results | map(attribute='result') | list }}", total: "{{ loop.total }}" }
"#,
    );
    let mut stage = Stage::new();
    assert_eq!(output_of(play.run(&mut stage).0), json!({"all": ["10+20-0", "30-1"], "total": 2}));
    assert_eq!(stage.screen.field, "1/22/23/1");
}

//! `repeat`, `try` and `wait_stable`.

use serde_json::json;

use super::{Play, Record, Stage, done, failed, failure_of, output_of};
use crate::{
    agent::runner::{Ending, Stop},
    desktop::{Color, Rect},
    wire::job::Category,
};

#[test]
fn steps_are_repeated_until_the_question_is_answered() {
    let mut stage = Stage::new();
    stage.at_ms(2_500, |stage| {
        stage.screen.open("End of list", Rect::new(0, 0, 50, 50));
    });
    let play = Play::workflow(
        r#"
vars: { seen: 0 }
steps:
  - repeat:
      until: { window: End of list }
      max: 50
      steps:
        - type: "{{ loop.number }}/{{ loop.total }} "
        - { key: PageDown, pause: 1s }
    as: rounds
output: { rounds: "{{ vars.rounds }}" }
"#,
    );
    let (ending, record) = play.run(&mut stage);
    assert_eq!(output_of(ending), json!({"rounds": 3}));
    assert_eq!(stage.screen.field, "1/50 2/50 3/50 ");
    assert_eq!(record.story().len(), 7, "each round is told: {:?}", record.story());
}

#[test]
fn an_expression_is_computed_anew_after_each_round_and_there_is_an_end_to_it() {
    let repeat = |until: &str, max: u32| {
        format!(
            "vars: {{ n: 0 }}\nsteps:\n  - for_each:\n      in: [1]\n      steps:\n        - repeat: {{ until: \"{until}\", max: {max}, \
             steps: [{{ set: {{ n: vars.n + loop.number }} }}] }}\n        - set: {{ total: loop.total }}\n\
             output: {{ n: \"{{{{ vars.n }}}}\", total: \"{{{{ vars.total }}}}\" }}"
        )
    };
    let (ending, _) = Play::workflow(&repeat("vars.n >= 6", 3)).run(&mut Stage::new());
    assert_eq!(output_of(ending), json!({"n": 6, "total": 1}), "`loop` is that of the loop around it again");
    let (ending, _) = Play::workflow(&repeat("vars.n > 6", 3)).run(&mut Stage::new());
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::Timeout);
    assert_eq!(failure.message, "`vars.n > 6` did not come to hold in 3 rounds");
    assert_eq!(failure.step.unwrap().path, "steps/0/steps/0");
}

const TRY: &str = r#"
steps:
  - try:
      steps:
        - click: { window: Nowhere }
          timeout: 1s
        - type: not reached
      catch:
        - type: "{{ vars.error.category }} in {{ vars.error.step }}"
      finally:
        - key: Escape
    as: error
  - key: F5
output: { error: "{{ vars.error.message }}" }
"#;

#[test]
fn what_fails_in_try_is_caught_and_known() {
    let mut stage = Stage::new();
    let (ending, record) = Play::workflow(TRY).run(&mut stage);
    assert_eq!(output_of(ending), json!({"error": "no window \"Nowhere\" on the screen after 1 s"}));
    assert_eq!(stage.screen.field, "target_not_found in steps/0/steps/0");
    assert_eq!(
        record.story(),
        [
            "steps/0/steps/0 Failed",
            "steps/0/catch/0 Succeeded",
            "steps/0/finally/0 Succeeded",
            "steps/0 Succeeded",
            "steps/1 Succeeded"
        ]
    );
}

#[test]
fn where_nothing_fails_there_is_nothing_to_catch() {
    let mut stage = Stage::new();
    stage.screen.open("Nowhere", Rect::new(0, 0, 50, 50));
    let text = TRY.replace("vars.error.message", "vars.error is none");
    let (ending, record) = Play::workflow(&text).run(&mut stage);
    assert_eq!(output_of(ending), json!({"error": true}));
    assert_eq!(stage.screen.field, "not reached");
    assert!(record.story().iter().all(|line| !line.contains("catch")));
}

#[test]
fn finally_is_carried_out_and_the_first_failure_stays() {
    let mut stage = Stage::new();
    let failure = failed(
        &mut stage,
        r"
  - try:
      steps: [{ fail: no such patient }]
      finally: [{ key: Escape }, { click: { window: Nowhere }, timeout: 1s }]
",
    );
    assert_eq!(failure.category, Category::Business);
    assert_eq!(failure.message, "no such patient; `finally` failed too: no window \"Nowhere\" on the screen after 1 s");
    assert_eq!(failure.step.unwrap().path, "steps/0/steps/0");
    assert_eq!(stage.screen.inputs(), ["key Escape"]);
    // A failure in `catch` is one of the step.
    let failure = failed(
        &mut Stage::new(),
        "  - try: { steps: [{ fail: first }], catch: [{ fail: { message: second, category: assertion } }], finally: [{ key: F5 }] }",
    );
    assert_eq!((failure.category, failure.message.as_str()), (Category::Assertion, "second"));
}

#[test]
fn neither_a_stop_nor_the_limit_of_the_attempt_is_caught() {
    let steps = "  - try: { steps: [{ sleep: 10s }], catch: [{ key: F5 }], finally: [{ key: F6 }] }";
    let mut stage = Stage::new();
    let record = Record { stop_after: Some((5, Stop::Cancelled)), ..Record::default() };
    let (ending, _) = Play::steps(steps).run_watched(&mut stage, record);
    assert_eq!(ending, Ending::Stopped(Stop::Cancelled));
    assert_eq!(stage.screen.inputs(), [""; 0]);
    let mut stage = Stage::new();
    let mut play = Play::steps(steps);
    play.timeout = std::time::Duration::from_secs(3);
    assert_eq!(failure_of(play.run(&mut stage).0).category, Category::Timeout);
    assert_eq!(stage.screen.inputs(), [""; 0]);
}

/// A bar that grows until then.
fn growing(until_ms: u64) -> Stage {
    let mut stage = Stage::new();
    for at in (0..until_ms).step_by(400) {
        let x = i32::try_from(at / 100).unwrap();
        stage.at_ms(at, move |stage| stage.screen.frame.fill(Rect::new(20 + x, 30, 4, 6), Color::new(1, 2, 3)));
    }
    stage
}

#[test]
fn it_is_waited_until_nothing_changes_for_long_enough() {
    let mut stage = growing(3_000);
    done(&mut stage, "  - wait_stable: { for: 1s }");
    let took = stage.elapsed_ms();
    assert!((3_800..4_200).contains(&took), "{took}");
    // What changes elsewhere is nothing to it.
    let mut stage = growing(20_000);
    done(&mut stage, "  - wait_stable: { for: 1s, region: [100, 100, 50, 50] }");
    assert!(stage.elapsed_ms() < 1_200);
}

#[test]
fn what_never_rests_is_told_with_its_place() {
    let mut stage = growing(20_000);
    let failure = failed(&mut stage, "  - { wait_stable: { for: 2s, region: [10, 0, 300, 100] }, timeout: 4s }");
    assert_eq!(failure.category, Category::Timeout);
    let expected =
        "nothing was to change for 2s, and that did not come about after 4 s; it last changed in [60, 30, 4, 6]";
    assert!(failure.message.starts_with(expected), "{}", failure.message);
    let failure = failed(&mut Stage::new(), "  - wait_stable: { for: 2s, region: [4000, 0, 300, 100] }");
    assert_eq!(failure.category, Category::InvalidWorkflow);
}

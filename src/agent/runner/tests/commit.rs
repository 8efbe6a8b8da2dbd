//! A step that must not happen twice: what comes before the intent, what after, and what is said when it goes wrong.

use serde_json::json;

use super::{Play, Record, Stage, failure_of, output_of};
use crate::{
    agent::runner::{Ending, NoIntent, Stop},
    desktop::Rect,
    wire::job::Category,
};

const SAVE: &str = r#"
app: clinic
steps:
  - set: { number: "41 + 1" }
  - { id: save, key: ctrl+s, commit: true, verify: { window: Saved }, timeout: 5s }
  - key: Escape
"#;

const APP: &str = "process: clinic";

/// A desk where saving opens a window that says so, after a while.
fn desk_that_saves_after(ms: u64) -> Stage {
    let mut stage = Stage::new();
    stage.processes.insert("clinic".to_owned(), 10);
    stage.at_ms(ms, |stage| {
        stage.screen.open("Saved 42", Rect::new(0, 0, 90, 50));
    });
    stage
}

fn saving() -> Play {
    Play::workflow(SAVE).app(APP)
}

#[test]
fn an_intent_is_acknowledged_before_and_verified_after_the_action() {
    let mut stage = desk_that_saves_after(700);
    let (ending, record) = saving().run(&mut stage);
    output_of(ending);
    assert_eq!(record.effects, ["intent steps/1", "done steps/1"]);
    assert_eq!(stage.screen.inputs(), ["key ctrl+s", "key Escape"]);
    let intent = &record.intents[0];
    assert_eq!((intent.step.id.as_deref(), intent.can_settle), (Some("save"), false));
    assert_eq!((&intent.vars, &record.settled[0].vars), (&json!({"number": 42}), &json!({"number": 42})));
    assert!(record.ended("steps/1").finds.iter().any(|find| find.target == "window \"Saved\"" && find.found));
}

#[test]
fn what_holds_before_the_action_proves_nothing_after_it() {
    let mut stage = desk_that_saves_after(0);
    stage.screen.open("Saved 41", Rect::new(0, 0, 90, 50));
    let (ending, record) = saving().run(&mut stage);
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::Assertion);
    assert!(failure.message.contains("has not acted: its `verify` holds already"), "{}", failure.message);
    assert!(record.effects.is_empty(), "no intent, so no effect");
    assert!(stage.screen.inputs().is_empty());
}

#[test]
fn what_does_not_come_about_leaves_it_open_and_says_so() {
    let mut stage = desk_that_saves_after(6_000);
    let (ending, record) = saving().run(&mut stage);
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::Assertion);
    for part in ["has acted", "after 5 s", "whether save (steps/1, key) happened is not known"] {
        assert!(failure.message.contains(part), "{part} in {}", failure.message);
    }
    assert_eq!(record.effects, ["intent steps/1"], "nobody settles what nobody knows");
    assert_eq!(failure.step.unwrap().path, "steps/1");
}

#[test]
fn another_process_of_the_app_is_no_witness() {
    let mut stage = desk_that_saves_after(900);
    stage.at_ms(500, |stage| {
        stage.processes.insert("clinic".to_owned(), 11);
    });
    let (ending, record) = saving().run(&mut stage);
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::AppCrashed);
    assert!(failure.message.contains("clinic is not the process it was before"), "{}", failure.message);
    assert_eq!(record.effects, ["intent steps/1"]);
}

#[test]
fn without_the_acknowledgement_nothing_is_touched() {
    let refused = NoIntent::Refused("the disk is full".to_owned());
    for (answer, stopped) in [
        (NoIntent::Stop(Stop::Cancelled), Some(Stop::Cancelled)),
        (NoIntent::Stop(Stop::LeaseLost), Some(Stop::LeaseLost)),
        (refused, None),
    ] {
        let mut stage = desk_that_saves_after(100);
        let record = Record { answers: [Err(answer)].into(), ..Record::default() };
        let (ending, record) = saving().run_watched(&mut stage, record);
        if let Some(stop) = stopped {
            assert_eq!(ending, Ending::Stopped(stop));
        } else {
            let failure = failure_of(ending);
            assert_eq!(failure.category, Category::Agent);
            assert!(failure.message.ends_with("could not be recorded: the disk is full"), "{}", failure.message);
        }
        assert_eq!(record.effects, ["intent steps/1"]);
        assert!(stage.screen.inputs().is_empty(), "{:?}", stage.screen.inputs());
    }
}

#[test]
fn a_lease_that_lapses_while_the_answer_comes_is_told_as_not_done() {
    let mut stage = desk_that_saves_after(100);
    let record = Record { stop_at_intent: Some((1, Stop::LeaseLost)), ..Record::default() };
    let (ending, record) = saving().run_watched(&mut stage, record);
    assert_eq!(ending, Ending::Stopped(Stop::LeaseLost));
    assert_eq!(record.effects, ["intent steps/1", "not done steps/1"]);
    assert!(stage.screen.inputs().is_empty());
}

#[test]
fn a_cancel_that_comes_after_the_intent_waits_for_the_verdict() {
    for stop in [Stop::Cancelled, Stop::Shutdown] {
        let mut stage = desk_that_saves_after(700);
        let record = Record { stop_at_intent: Some((1, stop)), ..Record::default() };
        let (ending, record) = saving().run_watched(&mut stage, record);
        assert_eq!(ending, Ending::Stopped(stop));
        assert_eq!(record.effects, ["intent steps/1", "done steps/1"]);
        assert_eq!(stage.screen.inputs(), ["key ctrl+s"], "and nothing comes after it");
    }
}

#[test]
fn the_time_of_the_attempt_does_not_end_between_action_and_verdict() {
    let mut stage = desk_that_saves_after(2_500);
    let mut play = saving();
    play.timeout = std::time::Duration::from_secs(2);
    let (ending, record) = play.run(&mut stage);
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::Timeout);
    assert_eq!(record.effects, ["intent steps/1", "done steps/1"]);
    assert!(failure.message.contains("done before that, and not undone: save (steps/1, key)"), "{}", failure.message);
}

#[test]
fn a_target_that_is_not_there_fails_before_the_intent() {
    let play = Play::steps("  - { click: { window: Form }, timeout: 1s, commit: true, verify: { window: Saved } }");
    let (ending, record) = play.run(&mut Stage::new());
    assert_eq!(failure_of(ending).category, Category::TargetNotFound);
    assert!(record.effects.is_empty());

    let play = Play::workflow(
        "input: { properties: { note: {} } }\nsteps:\n  - { type: \"{{ input.note }}\", commit: true, verify: { window: Saved } }",
    );
    let (ending, record) = play.run(&mut Stage::new());
    assert_eq!(failure_of(ending).category, Category::InvalidWorkflow);
    assert!(record.effects.is_empty(), "a text without a value is known before");
}

#[test]
fn a_failure_behind_it_says_what_was_done() {
    let mut stage = desk_that_saves_after(100);
    let play = Play::workflow(&format!("{SAVE}  - fail: the printer is out of paper")).app(APP);
    let failure = failure_of(play.run(&mut stage).0);
    assert_eq!(failure.category, Category::Business);
    assert_eq!(failure.message, "the printer is out of paper; done before that, and not undone: save (steps/1, key)");
}

#[test]
fn without_verify_the_intent_is_open_until_the_next_one_or_the_end() {
    let play = Play::steps("  - { key: a, commit: true }\n  - key: b\n  - { key: c, commit: true }\n  - key: d");
    let mut stage = Stage::new();
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    assert_eq!(record.effects, ["intent steps/0", "done steps/0", "intent steps/2"]);

    let play = Play::steps("  - { key: a, commit: true }\n  - fail: no");
    let (ending, record) = play.run(&mut Stage::new());
    let failure = failure_of(ending);
    assert_eq!(failure.message, "no; whether key at steps/0 happened is not known");
    assert_eq!(record.effects, ["intent steps/0"]);
}

#[test]
fn its_result_is_in_the_journal_and_its_target_is_reported_once() {
    let play =
        Play::steps("  - { click: { at: [3, 4] }, as: where, commit: true, verify: { file: /tmp/out }, timeout: 1s }");
    let mut stage = Stage::new();
    stage.at_ms(300, |stage| stage.files.push("/tmp/out".into()));
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    assert_eq!(record.intents[0].vars, json!({}));
    assert!(record.settled[0].vars["where"].is_object());
    let finds = &record.ended("steps/0").finds;
    assert_eq!(finds.iter().filter(|find| find.target == "at 3,4").count(), 1, "{finds:?}");
}

#[test]
fn more_variables_than_can_be_kept_stop_it_before_it_acts() {
    let play = Play::workflow(
        "input: { properties: { text: { type: string } } }\nvars: { text: \"{{ input.text }}\" }\nsteps:\n  - { key: a, commit: true, verify: { window: Saved } }",
    )
    .input(json!({"text": "x".repeat(300 * 1024)}));
    let mut stage = Stage::new();
    let (ending, record) = play.run(&mut stage);
    assert!(failure_of(ending).message.contains("at most 262144 are kept with a commit"));
    assert!(record.effects.is_empty() && stage.screen.inputs().is_empty());
}

//! The section "Meaning" of the language: how long one waits, what is several, what is reported.

use serde_json::json;

use super::{Play, Record, Stage, desktop::button, done, failed, failure_of, output_of};
use crate::{
    agent::runner::{Ending, Stop},
    desktop::{Color, Frame, Rect},
    wire::{job::Category, step::StepState},
};

#[test]
fn a_target_is_waited_for_ten_seconds_unless_the_step_says_otherwise() {
    let mut stage = Stage::new();
    stage.at_ms(9_900, |stage| stage.screen.draw(1, 10, 10));
    let play = Play::steps("  - click: { image: ok.png }").image("ok.png", button(1));
    output_of(play.run(&mut stage).0);

    let mut stage = Stage::new();
    stage.screen.draw(2, 50, 70);
    let play = Play::steps("  - click: { image: ok.png }").image("ok.png", button(1));
    let failure = failure_of(play.run(&mut stage).0);
    assert_eq!(failure.category, Category::TargetNotFound);
    assert!(
        failure.message.starts_with("no image ok.png on the screen after 10 s (best score 0."),
        "{}",
        failure.message
    );
    assert_eq!(stage.elapsed_ms(), 10_000);

    let mut stage = Stage::new();
    let failure = failed(&mut stage, "  - { click: { window: Nowhere }, timeout: 2s }");
    assert_eq!(failure.message, "no window \"Nowhere\" on the screen after 2 s");
    assert_eq!(stage.elapsed_ms(), 2_000);
}

#[test]
fn several_places_where_one_is_meant_are_an_error_that_names_them() {
    let mut stage = Stage::new();
    stage.screen.draw(1, 10, 10);
    stage.screen.draw(1, 210, 110);
    let play = Play::steps("  - click: { image: ok.png }").image("ok.png", button(1));
    let failure = failure_of(play.run(&mut stage).0);
    assert_eq!(failure.category, Category::TargetNotFound);
    for part in ["10,10", "210,110", "2 times", "`index`"] {
        assert!(failure.message.contains(part), "{part} in {}", failure.message);
    }
    assert!(stage.elapsed_ms() < 1_000, "there is nothing to wait for");
    // By number, in reading order; by region; by an enclosing target.
    for (target, click) in [
        ("{ image: ok.png, index: 1 }", "click 221,117 Left x1 []"),
        ("{ image: ok.png, region: [0, 0, 100, 100] }", "click 21,17 Left x1 []"),
        ("{ image: ok.png, in: { window: Right } }", "click 221,117 Left x1 []"),
    ] {
        let mut stage = Stage::new();
        stage.screen.draw(1, 10, 10);
        stage.screen.draw(1, 210, 110);
        stage.screen.open("Right", Rect::new(200, 60, 150, 150));
        let play = Play::steps(&format!("  - click: {target}")).image("ok.png", button(1));
        output_of(play.run(&mut stage).0);
        assert_eq!(stage.screen.inputs(), [click], "{target}");
    }
}

#[test]
fn two_windows_that_fit_are_several_too_but_a_probe_is_content() {
    let mut stage = Stage::new();
    stage.screen.open("Report 1", Rect::new(0, 0, 50, 50));
    stage.screen.open("Report 2", Rect::new(60, 0, 50, 50));
    let failure = failed(&mut stage, "  - activate: { window: Report }");
    assert!(
        failure.message.contains("\"Report 1\"") && failure.message.contains("\"Report 2\""),
        "{}",
        failure.message
    );
    done(&mut stage, "  - wait: { window: Report }\n  - activate: { window: { title_regex: 'Report 1$' } }");
}

#[test]
fn of_any_the_first_that_is_there_wins_and_is_named() {
    let mut stage = Stage::new();
    stage.screen.draw(2, 100, 100);
    let play = Play::steps("  - click: { any: [ { image: a.png }, { image: b.png } ] }")
        .image("a.png", button(1))
        .image("b.png", button(2));
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    assert_eq!(stage.screen.inputs(), ["click 111,107 Left x1 []"]);
    assert!(record.ended("steps/0").finds[0].found);
}

#[test]
fn probes_combine() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic", Rect::new(0, 0, 50, 50));
    stage.files.push("/tmp/report.pdf".into());
    stage.processes.insert("clinic".to_owned(), 5);
    stage.answers.push_back(Ok(super::finished(1, "", "")));
    done(
        &mut stage,
        r##"
  - assert: { all: [ { window: Clinic }, { process: clinic }, { file: /tmp/report.pdf } ] }
  - assert: { any: [ { window: Nowhere }, { pixel: { at: [3, 3], color: "#5a646e" } } ] }
  - assert: { not: { command: { command: [probe] } } }
  - assert: { pixel: { at: [3, 3], color: "#60606a", tolerance: 6 } }
"##,
    );
}

#[test]
fn an_assertion_says_what_it_saw() {
    let mut stage = Stage::new();
    let failure = failed(&mut stage, "  - { assert: { pixel: { at: [3, 4], color: \"#ff0000\" } }, timeout: 1s }");
    assert_eq!(failure.category, Category::Assertion);
    assert_eq!(failure.message, "asserted pixel 3,4 after 1 s: pixel (3, 4) is #5a646e, not #ff0000");
    assert_eq!(failed(&mut stage, "  - assert: \"1 > 2\"").message, "`1 > 2` does not hold");
}

#[test]
fn waiting_ends_when_the_probe_holds_or_is_gone() {
    let mut stage = Stage::new();
    stage.screen.open("Please wait", Rect::new(0, 0, 50, 50));
    stage.at_ms(3_000, |stage| stage.screen.shut("Please wait"));
    stage.at_ms(4_000, |stage| {
        stage.screen.open("Done", Rect::new(0, 0, 50, 50));
    });
    done(&mut stage, "  - wait_gone: { window: Please wait }\n  - wait: { window: Done, timeout: 30s }");
    assert_eq!(stage.elapsed_ms(), 4_000);
    let failure = failed(&mut stage, "  - wait_gone: { window: Done, timeout: 1s }");
    assert_eq!(failure.category, Category::Timeout);
    assert!(failure.message.contains("did not go away after 1 s"), "{}", failure.message);
}

#[test]
fn a_step_is_skipped_unless_its_condition_holds() {
    let (ending, record) =
        Play::steps("  - { key: a, when: \"1 > 2\" }\n  - { key: b, when: { window: No } }").run(&mut Stage::new());
    output_of(ending);
    assert_eq!(record.story(), ["steps/0 Skipped", "steps/1 Skipped"]);
}

#[test]
fn a_step_is_tried_again_as_often_as_it_says() {
    let mut stage = Stage::new();
    stage.screen.errors.extend([crate::desktop::DesktopError::NoFocus, crate::desktop::DesktopError::NoFocus]);
    assert_eq!(done(&mut stage, "  - { key: a, retries: 2 }"), ["key a"]);
    let mut stage = Stage::new();
    let failure = failed(&mut stage, "  - { wait: { window: No }, timeout: 1s, retries: 1 }");
    assert!(failure.message.ends_with("(the last of 2 tries)"), "{}", failure.message);
}

#[test]
fn what_may_fail_is_reported_and_passed_over() {
    let mut stage = Stage::new();
    let play = Play::steps("  - { assert: \"1 > 2\", continue_on_error: true }\n  - key: b");
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    assert_eq!(record.story(), ["steps/0 Failed", "steps/1 Succeeded"]);
    let report = record.ended("steps/0");
    assert_eq!(report.error.as_ref().map(|error| error.category), Some(Category::Assertion));
    assert_eq!(report.artifacts.len(), 1, "its picture is kept");
}

#[test]
fn the_time_of_an_attempt_is_one_limit_over_everything() {
    let mut play = Play::steps("  - { sleep: 1m, retries: 3, continue_on_error: true }\n  - key: a");
    play.timeout = std::time::Duration::from_secs(5);
    let mut stage = Stage::new();
    let failure = failure_of(play.run(&mut stage).0);
    assert_eq!(failure.category, Category::Timeout);
    assert!(failure.message.contains("5s"), "{}", failure.message);
    assert_eq!(failure.step.unwrap().path, "steps/0");
    assert_eq!(stage.elapsed_ms(), 5_000);
    assert_eq!(failure.artifacts.len(), 1);
}

#[test]
fn a_stop_comes_between_two_actions() {
    for stop in [Stop::Cancelled, Stop::LeaseLost, Stop::Shutdown] {
        let mut stage = Stage::new();
        let record = Record { stop_after: Some((6, stop)), ..Record::default() };
        let (ending, record) = Play::steps("  - key: a\n  - sleep: 10m\n  - key: b").run_watched(&mut stage, record);
        assert_eq!(ending, Ending::Stopped(stop));
        assert_eq!(stage.screen.inputs(), ["key a"]);
        assert_eq!(record.ended("steps/1").state, StepState::Failed);
        assert!(stage.screen.log.contains(&"release".to_owned()));
    }
}

#[test]
fn the_innermost_step_is_the_one_that_failed() {
    let play = Play::steps(
        "  - if: \"true\"\n    then:\n      - { id: save, name: Save it, key: a }\n      - { assert: \"false\" }",
    );
    let (ending, record) = play.run(&mut Stage::new());
    let failure = failure_of(ending);
    let step = failure.step.unwrap();
    assert_eq!((step.path.as_str(), step.action.as_str()), ("steps/0/then/1", "assert"));
    assert_eq!(record.story(), ["steps/0/then/0 Succeeded", "steps/0/then/1 Failed", "steps/0 Failed"]);
    assert_eq!(record.artifacts.len(), 1, "one picture, not one a level");
    let saved = record.ended("steps/0/then/0");
    assert_eq!((saved.id.as_deref(), saved.name.as_deref(), saved.number), (Some("save"), Some("Save it"), 2));
}

#[test]
fn templates_keep_types_and_say_what_is_missing() {
    let play = Play::workflow(
        "input: { type: object, properties: { n: { type: integer, default: 4 }, note: { type: string } } }\nsteps:\n  - type: \"{{ input.n }} {{ input.note | default_if_null('-') }}\"\noutput: { n: \"{{ input.n }}\", note: \"{{ input.note }}\" }",
    );
    let mut stage = Stage::new();
    stage.screen.open("Clinic", Rect::new(0, 0, 50, 50));
    assert_eq!(output_of(play.run(&mut stage).0), json!({"n": 4, "note": null}));
    assert!(stage.screen.inputs()[0].starts_with("type 4 -"), "{:?}", stage.screen.inputs());
    let play = Play::workflow(
        "input: { type: object, properties: { note: { type: string } } }\nsteps:\n  - type: \"note: {{ input.note }}\"",
    );
    assert_eq!(failure_of(play.run(&mut stage).0).category, Category::InvalidWorkflow);
}

#[test]
fn a_black_screen_is_told_as_such_and_not_as_a_target_not_found() {
    let mut stage = Stage::new();
    stage.screen.frame = Frame::filled(400, 300, Color::default());
    let play = Play::steps("  - { click: { image: ok.png }, timeout: 1s }").image("ok.png", button(1));
    let failure = failure_of(play.run(&mut stage).0);
    assert_eq!(failure.category, Category::Desktop);
    assert!(failure.message.contains("locked or disconnected"), "{}", failure.message);
}

#[test]
fn documents_and_desktops_have_the_same_roles() {
    assert_eq!(crate::workflow::Role::ALL, crate::desktop::ui::ROLES);
}

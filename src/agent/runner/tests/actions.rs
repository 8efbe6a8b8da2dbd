//! Each action does what the documents say.

use serde_json::json;

use super::{Play, Record, Stage, desktop::button, done, failed, failure_of, finished, output_of};
use crate::{
    agent::runner::{Ending, Stop},
    desktop::{DesktopError, Rect, process::ProcessError},
    wire::job::Category,
};

fn with_window() -> Stage {
    let mut stage = Stage::new();
    stage.screen.open("Clinic - Patients", Rect::new(100, 50, 200, 120));
    stage
}

#[test]
fn the_pointer_goes_where_targets_are() {
    let mut stage = with_window();
    let inputs = done(
        &mut stage,
        r"
  - click: { at: [10, 20] }
  - click: { at: [10, 20], button: middle, modifiers: [ctrl, shift] }
  - double_click: { at: [1, 2] }
  - right_click: { at: [1, 2] }
  - move: { at: [3, 4], offset: [5, -1] }
  - drag: { from: { at: [1, 1] }, to: { at: [9, 9] } }
  - scroll: { at: [5, 5], dy: 3 }
  - scroll: { dx: -1, dy: 0 }
",
    );
    assert_eq!(
        inputs,
        [
            "click 10,20 Left x1 []",
            "click 10,20 Middle x1 [Ctrl, Shift]",
            "click 1,2 Left x2 []",
            "click 1,2 Right x1 []",
            "move 8,3",
            "drag 1,1 to 9,9 Left []",
            "scroll 5,5 by 0,3",
            "scroll 7,8 by -1,0",
        ]
    );
}

#[test]
fn an_image_is_clicked_in_its_middle_and_its_place_can_be_kept() {
    let mut stage = Stage::new();
    stage.screen.draw(1, 60, 40);
    let play = Play::workflow(
        "steps:\n  - { click: images/ok.png, as: place }\noutput: { x: \"{{ vars.place.x }}\" }"
            .replace("click: images/ok.png", "click: { image: images/ok.png }")
            .as_str(),
    )
    .image("images/ok.png", button(1));
    let (ending, record) = play.run(&mut stage);
    assert_eq!(output_of(ending), json!({"x": 60}));
    assert_eq!(stage.screen.inputs(), ["click 71,47 Left x1 []"]);
    let find = &record.ended("steps/0").finds[0];
    assert!(find.found && find.score.is_some_and(|score| score > 0.99), "{find:?}");
    assert_eq!((find.x, find.y, find.width, find.height), (Some(60), Some(40), Some(24), Some(16)));
    assert!(find.target.contains("ok.png"), "{find:?}");
}

#[test]
fn positions_in_a_window_count_from_its_inner_corner_and_bring_it_forward() {
    let mut stage = with_window();
    stage.screen.open("Other", Rect::new(0, 0, 400, 300));
    let inputs = done(&mut stage, "  - click: { at: [5, 6], in: { window: Patients } }");
    assert_eq!(inputs, ["activate 1", "click 105,76 Left x1 []"]);
}

#[test]
fn typing_into_a_field_clicks_it_and_names_the_window_that_must_keep_the_focus() {
    let mut stage = with_window();
    stage.screen.field = "old".to_owned();
    let inputs = done(
        &mut stage,
        "  - type: { text: \"new {{ 1 + 1 }}\", into: { at: [150, 100] }, clear: true, read_back: true, via: keys }",
    );
    assert_eq!(
        inputs,
        ["click 150,100 Left x1 []", "key ctrl+a", "key Delete", "type new 2 in 1 Keys", "key ctrl+a", "key ctrl+c",]
    );
    assert_eq!(stage.screen.field, "new 2");
}

#[test]
fn a_dialog_that_comes_up_while_a_field_is_cleared_gets_no_key() {
    let mut stage = with_window();
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line == "key ctrl+a" {
            screen.open("Delete the patient?", Rect::new(0, 0, 50, 50));
        }
    }));
    let failure = failed(&mut stage, "  - type: { text: new, into: { at: [150, 100] }, clear: true }");
    assert!(failure.message.contains("Delete the patient?"), "{}", failure.message);
    assert_eq!(stage.screen.inputs(), ["click 150,100 Left x1 []", "key ctrl+a"]);
}

#[test]
fn a_field_that_holds_something_else_fails_the_reading_back() {
    let mut stage = with_window();
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line.starts_with("type") {
            screen.field = "nwe".to_owned();
        }
    }));
    let failure = failed(&mut stage, "  - type: { text: new, read_back: true }");
    assert_eq!(failure.category, Category::Assertion);
    assert_eq!(failure.message, "the field holds \"nwe\", not \"new\"");
}

#[test]
fn a_click_that_does_not_give_the_focus_types_nothing() {
    let mut stage = with_window();
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line.starts_with("click") {
            screen.open("Update available", Rect::new(0, 0, 50, 50));
        }
    }));
    let failure = failed(&mut stage, "  - type: { text: secret stuff, into: { at: [150, 100] } }");
    assert_eq!(failure.category, Category::Desktop);
    assert!(failure.message.contains("Update available"), "{}", failure.message);
    assert!(!stage.screen.log.iter().any(|line| line.starts_with("type")));
}

#[test]
fn keys_and_pastes_go_to_the_focus() {
    let mut stage = with_window();
    let inputs = done(&mut stage, "  - key: ctrl+s\n  - key: [Tab, shift+F5, Space]\n  - paste: \"漢字\"");
    assert_eq!(inputs, ["key ctrl+s", "key Tab", "key shift+F5", "key  ", "paste 漢字"]);
}

#[test]
fn extract_copies_the_field_and_puts_the_clipboard_back() {
    let mut stage = with_window();
    stage.screen.clipboard = Some("a person's".to_owned());
    stage.screen.field = "Receipt R-118 of today".to_owned();
    let play = Play::workflow(
        r#"
steps:
  - extract: { from: { window: Patients }, regex: 'R-(\d+)' }
    as: number
  - read_clipboard: {}
    as: before
output: { number: "{{ vars.number }}", before: "{{ vars.before }}" }
"#,
    );
    let (ending, _) = play.run(&mut stage);
    assert_eq!(output_of(ending), json!({"number": "118", "before": "a person's"}));
    assert_eq!(stage.screen.clipboard, None, "an attempt leaves nothing behind");
}

#[test]
fn an_extract_that_gets_nothing_or_does_not_match_says_so() {
    let mut stage = with_window();
    stage.screen.copies = false;
    stage.screen.field = "R-118".to_owned();
    let failure = failed(&mut stage, "  - extract: {}");
    assert!(failure.message.contains("nothing came to the clipboard"), "{}", failure.message);
    stage.screen.copies = true;
    let failure = failed(&mut stage, "  - extract: { regex: 'S-\\d+' }");
    assert_eq!(failure.message, "`S-\\d+` matches nothing in \"R-118\"");
}

#[test]
fn a_copy_that_a_busy_application_missed_is_asked_for_again() {
    let mut stage = with_window();
    stage.screen.copies = false;
    stage.screen.field = "late".to_owned();
    stage.at_ms(2_000, |stage| stage.screen.copies = true);
    let play = Play::workflow("steps:\n  - { extract: {}, as: text }\noutput: { text: \"{{ vars.text }}\" }");
    assert_eq!(output_of(play.run(&mut stage).0), json!({"text": "late"}));
}

#[test]
fn set_computes_from_what_was_before_the_step() {
    let play = Play::workflow(
        r#"
vars: { a: 1, b: 2 }
steps:
  - set: { a: "vars.b", b: "vars.a", list: "[1, 2]" }
output: { a: "{{ vars.a }}", b: "{{ vars.b }}", list: "{{ vars.list }}", text: "{{ vars.a }}-{{ vars.b }}" }
"#,
    );
    let (ending, _) = play.run(&mut Stage::new());
    assert_eq!(output_of(ending), json!({"a": 2, "b": 1, "list": [1, 2], "text": "2-1"}));
}

#[test]
fn run_gives_status_and_output_and_minds_exit_codes() {
    let mut stage = Stage::new();
    stage.answers.push_back(Ok(finished(3, "out", "err")));
    let play = Play::workflow(
        r#"
steps:
  - run: { command: [convert, "{{ files['referral.pdf'].path }}"], stdin: hello, exit_codes: [0, 3], timeout: 7s }
    as: result
output: { result: "{{ vars.result }}" }
"#,
    );
    let output = output_of(play.run(&mut stage).0);
    assert_eq!(output, json!({"result": {"status": 3, "stdout": "out", "stderr": "err"}}));
    assert_eq!(stage.started, [["convert", "/tmp/referral.pdf"]]);
    assert_eq!(stage.screen.inputs(), ["stdin hello", "limit 7000"]);

    stage.answers.push_back(Ok(finished(1, "", "no such page\n")));
    let failure = failed(&mut stage, "  - run: { command: [convert] }");
    assert_eq!(failure.category, Category::Assertion);
    assert_eq!(failure.message, "`convert` ended with 1, not 0: no such page");

    stage.answers.push_back(Err(ProcessError::NotFound { program: "convert".into() }));
    assert_eq!(failed(&mut stage, "  - run: { command: [convert] }").category, Category::Agent);
}

#[test]
fn a_program_that_takes_long_is_ended_by_a_cancel() {
    let mut stage = Stage::new();
    stage.run_takes_polls = 100;
    let record = Record { stop_after: Some((6, Stop::Cancelled)), ..Record::default() };
    let (ending, _) = Play::steps("  - run: { command: [sleep, \"600\"] }\n  - key: a").run_watched(&mut stage, record);
    assert_eq!(ending, Ending::Stopped(Stop::Cancelled));
    assert!(!stage.screen.log.contains(&"key a".to_owned()));
}

#[test]
fn launch_starts_a_program_and_leaves_it_running() {
    let mut stage = Stage::new();
    done(&mut stage, "  - launch: { command: [xterm, -e, top] }");
    assert_eq!(stage.started, [["xterm", "-e", "top"]]);
    assert!(stage.processes.contains_key("xterm"));
}

#[test]
fn closing_a_window_waits_until_it_is_gone() {
    let mut stage = with_window();
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line.starts_with("close") {
            screen.shut("Clinic - Patients");
        }
    }));
    assert_eq!(done(&mut stage, "  - close: { window: Patients }"), ["close 1"]);

    let mut stubborn = with_window();
    let failure = failed(&mut stubborn, "  - { close: { window: Patients }, timeout: 2s }");
    assert_eq!(failure.category, Category::Timeout);
    assert!(failure.message.contains("does it ask something?"), "{}", failure.message);
}

#[test]
fn a_branch_is_taken_by_expression_or_by_looking_once() {
    let mut stage = with_window();
    let play = Play::workflow(
        r#"
vars: { n: 3 }
steps:
  - if: "vars.n > 2"
    then: [ { key: a } ]
    else: [ { key: b } ]
  - if: { window: Nowhere }
    then: [ { key: c } ]
    else: [ { key: d } ]
"#,
    );
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    assert_eq!(stage.screen.inputs(), ["key a", "key d"]);
    assert_eq!(stage.elapsed_ms(), 0, "nobody waited");
    assert_eq!(
        record.story(),
        ["steps/0/then/0 Succeeded", "steps/0 Succeeded", "steps/1/else/0 Succeeded", "steps/1 Succeeded"]
    );
}

#[test]
fn a_branch_whose_probe_has_a_timeout_waits_for_it() {
    let mut stage = Stage::new();
    stage.at_ms(1_500, |stage| {
        stage.screen.open("Save changes?", Rect::new(0, 0, 100, 60));
    });
    let inputs = done(&mut stage, "  - if: { window: \"Save changes?\", timeout: 2s }\n    then: [ { key: Return } ]");
    assert_eq!(inputs, ["key Return"]);
}

#[test]
fn fail_ends_the_attempt_in_its_own_words() {
    let play = Play::workflow(
        "input: { type: object, properties: { mrn: { type: string } } }\nsteps:\n  - fail: { category: business, message: \"{{ input.mrn }} is closed\" }",
    )
    .input(json!({"mrn": "0042"}));
    let failure = failure_of(play.run(&mut Stage::new()).0);
    assert_eq!((failure.category, failure.message.as_str()), (Category::Business, "0042 is closed"));
    assert_eq!(failure.step.unwrap().path, "steps/0");
}

#[test]
fn sleeping_takes_its_time() {
    let mut stage = Stage::new();
    done(&mut stage, "  - sleep: 1500ms\n  - { key: a, pause: 500ms }");
    assert_eq!(stage.elapsed_ms(), 2_000);
}

#[test]
fn errors_of_the_desktop_fall_into_their_categories() {
    let cases = [
        (DesktopError::Unavailable("locked".into()), Category::Desktop),
        (DesktopError::NoFocus, Category::Desktop),
        (DesktopError::Untypable("漢".into()), Category::InvalidWorkflow),
        (DesktopError::WindowGone(crate::desktop::WindowId(3)), Category::TargetNotFound),
    ];
    for (error, category) in cases {
        let mut stage = with_window();
        stage.screen.errors.push_back(error.clone());
        assert_eq!(failed(&mut stage, "  - key: a").category, category, "{error}");
    }
    let mut stage = with_window();
    stage.screen.errors.push_back(DesktopError::Fenced);
    let (ending, _) = Play::steps("  - key: a").run(&mut stage);
    assert_eq!(ending, Ending::Stopped(Stop::LeaseLost));
    assert!(!stage.screen.log.iter().any(|line| line.starts_with("clipboard")), "nothing is touched any more");
    assert_eq!(stage.screen.log.last().map(String::as_str), Some("release"));
}

//! Evidence: taken when asked and on failure, marked, masked, and each content given away once.

use serde_json::json;

use super::{Play, Record, Stage, desktop::button, failed, failure_of, output_of};
use crate::{
    agent::runner::Runner,
    desktop::{Color, Frame, Point, Rect},
    time::Timestamp,
    wire::{
        agent::AttemptFailure,
        failure::FailureContext,
        job::{Category, StepRef},
    },
};

const BLACK: Color = Color::new(0, 0, 0);

fn only_picture(record: &Record) -> Frame {
    let bytes = record.artifacts.iter().find_map(|(_, bytes)| bytes.as_ref()).expect("a picture was made");
    Frame::decode(bytes).unwrap()
}

#[test]
fn a_failed_find_saves_the_screen_with_the_best_place_marked() {
    let mut stage = Stage::new();
    stage.screen.draw(2, 50, 70);
    let play = Play::steps("  - { click: { image: ok.png }, timeout: 1s }").image("ok.png", button(1));
    let (ending, record) = play.run(&mut stage);
    let failure = failure_of(ending);
    assert_eq!(failure.artifacts, record.ended("steps/0").artifacts);
    let picture = &failure.artifacts[0];
    assert_eq!((picture.name.as_str(), picture.content_type.as_str()), ("failure.webp", "image/webp"));
    let find = &record.ended("steps/0").finds[0];
    let frame = only_picture(&record);
    let corner = Point::new(find.x.unwrap() - 1, find.y.unwrap() - 1);
    assert_eq!(frame.pixel(corner), Some(Color::new(255, 0, 200)));
}

#[test]
fn pictures_are_taken_when_asked_and_named_after_their_step() {
    let mut stage = Stage::new();
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line == "key a" {
            screen.draw(1, 5, 5);
        }
    }));
    let play = Play::steps(
        "  - { id: save, key: a, screenshot: both }\n  - { key: b, screenshot: after }\n  - screenshot: { name: receipt, region: [0, 0, 40, 30] }",
    );
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    let names: Vec<(&str, bool)> =
        record.artifacts.iter().map(|(artifact, bytes)| (artifact.name.as_str(), bytes.is_some())).collect();
    let expected =
        [("save-before.webp", true), ("save-after.webp", true), ("steps-1-after.webp", false), ("receipt.webp", true)];
    assert_eq!(names, expected, "the third shows what the second did: its bytes are known");
    assert_eq!(record.artifacts[1].0.sha256, record.artifacts[2].0.sha256);
    let part = Frame::decode(record.artifacts[3].1.as_ref().unwrap()).unwrap();
    assert_eq!((part.width(), part.height()), (40, 30));
}

#[test]
fn never_means_not_even_on_failure() {
    let failure = failed(&mut Stage::new(), "  - { assert: \"false\", screenshot: never }");
    assert!(failure.artifacts.is_empty());
}

#[test]
fn masks_are_black_before_the_picture_leaves() {
    let mut stage = Stage::new();
    stage.screen.draw(1, 100, 100);
    stage.screen.draw(1, 200, 200);
    stage.screen.open("Salary", Rect::new(0, 0, 60, 40));
    let play = Play::steps("  - { key: a, screenshot: after, mask: [ { image: name.png }, { window: Salary } ] }")
        .image("name.png", button(1));
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    let frame = only_picture(&record);
    for place in [Point::new(105, 105), Point::new(205, 205), Point::new(30, 20)] {
        assert_eq!(frame.pixel(place), Some(BLACK), "{place}");
    }
    assert_ne!(frame.pixel(Point::new(150, 150)), Some(BLACK));
}

#[test]
fn a_mask_of_several_pictures_hides_each_wherever_it_shows() {
    let mut stage = Stage::new();
    for (seed, x) in [(1, 20), (1, 120), (2, 220)] {
        stage.screen.draw(seed, x, 100);
    }
    // The last place of the first picture is no longer equal, only alike.
    stage.screen.frame.fill(Rect::new(120, 100, 3, 10), Color::new(120, 120, 120));
    for mask in ["{ image: { variants: [a.png, b.png] } }", "{ any: [ { image: a.png }, { image: b.png } ] }"] {
        let play = Play::steps(&format!("  - {{ key: a, screenshot: after, mask: [ {mask} ] }}"))
            .image("a.png", button(1))
            .image("b.png", button(2));
        let (ending, record) = play.run(&mut stage);
        output_of(ending);
        let frame = only_picture(&record);
        for x in [30, 130, 230] {
            assert_eq!(frame.pixel(Point::new(x, 105)), Some(BLACK), "{mask} at {x}");
        }
    }
}

#[test]
fn a_title_that_says_that_something_was_typed_does_not_show_the_secret() {
    let mut stage = Stage::new();
    stage.screen.open("Untitled", Rect::new(0, 0, 60, 40));
    stage.screen.reaction = Some(Box::new(|screen, line| match line {
        "type hunter2 in 1 secret Auto" => screen.windows[0].title = "hunter2".to_owned(),
        "key a" => screen.windows[0].title = "*hunter2".to_owned(),
        _ => {}
    }));
    let play = Play::steps("  - type: { text: hunter2, secret: true }\n  - { key: a, screenshot: after }");
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    assert_eq!(only_picture(&record).pixel(Point::new(30, 20)), Some(BLACK));
}

#[test]
fn a_window_a_secret_was_typed_into_stays_black_until_it_shows_something_else() {
    let mut stage = Stage::new();
    stage.screen.open("Sign in", Rect::new(0, 0, 60, 40));
    let play = Play::steps(
        "  - type: { text: hunter2, secret: true }\n  - screenshot: { name: one }\n  - { key: Return }\n  - screenshot: { name: two }\n  - fail: \"wrong: hunter2\"",
    );
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line == "key Return" {
            screen.windows[0].title = "Clinic".to_owned();
            screen.draw(3, 300, 200);
        }
    }));
    let (ending, record) = play.run(&mut stage);
    let shown = |name: &str| {
        let found = record.artifacts.iter().find(|(artifact, _)| artifact.name == name);
        Frame::decode(found.and_then(|(_, bytes)| bytes.as_ref()).unwrap()).unwrap().pixel(Point::new(30, 20))
    };
    assert_eq!(shown("one.webp"), Some(BLACK));
    assert_ne!(shown("two.webp"), Some(BLACK));
    let failure = failure_of(ending);
    assert_eq!(failure.message, "wrong: •••");
    let told = serde_json::to_string(&record.reports).unwrap();
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn what_a_program_said_is_cut_after_its_secrets_are_taken_out() {
    let name = "Lovelace ".repeat(60);
    let play = Play::workflow(
        "input: { type: object, properties: { name: { type: string, x-sensitive: true } } }\nsteps:\n  - run: { command: [find-patient] }",
    )
    .input(json!({"name": name}));
    let mut stage = Stage::new();
    stage.answers.push_back(Ok(super::finished(1, "", &format!("no {name}here"))));
    let (ending, record) = play.run(&mut stage);
    let message = failure_of(ending).message;
    assert!(message.ends_with("no ••• here") && !message.contains("Lovelace"), "{message}");
    assert!(!serde_json::to_string(&record.reports).unwrap().contains("Lovelace"));
}

#[test]
fn sensitive_input_is_in_no_report() {
    let play = Play::workflow(
        "input: { type: object, properties: { name: { type: string, x-sensitive: true } } }\nsteps:\n  - fail: \"{{ input.name }} is unknown\"",
    )
    .input(json!({"name": "Ada Lovelace"}));
    let (ending, record) = play.run(&mut Stage::new());
    assert_eq!(failure_of(ending).message, "••• is unknown");
    assert!(!serde_json::to_string(&record.reports).unwrap().contains("Lovelace"));
}

#[test]
fn who_looks_at_a_working_desktop_sees_it_masked() {
    let mut stage = Stage::new();
    stage.run_takes_polls = 5;
    stage.screen.open("Salary", Rect::new(0, 0, 60, 40));
    let record = Record { wanted: 1, ..Record::default() };
    let play = Play::steps("  - { run: { command: [sleep, \"5\"] }, mask: [ { window: Salary } ] }");
    let (ending, record) = play.run_watched(&mut stage, record);
    output_of(ending);
    let frame = Frame::decode(&record.seen[0]).unwrap();
    assert_eq!(frame.pixel(Point::new(30, 20)), Some(BLACK));
    assert!(record.artifacts.is_empty(), "a look is no evidence");
}

/// What another thread sees in place of one that hangs in this step.
fn witnessed(play: &Play, stage: &mut Stage, path: &str) -> (AttemptFailure, Record) {
    let (planned, mut record) = (play.plan(stage), Record::default());
    let step = StepRef { path: path.to_owned(), id: None, action: "key".to_owned() };
    let mut failure = AttemptFailure {
        category: Category::Agent,
        message: String::new(),
        step: Some(step),
        artifacts: Vec::new(),
        context: Some(Box::new(FailureContext::at(Timestamp::from_ms(0)))),
    };
    Runner::new(stage, &mut record, &planned).bear_witness(&mut failure);
    (failure, record)
}

#[test]
fn a_witness_hides_what_any_step_masks_and_where_a_secret_was_typed() {
    let mut stage = Stage::new();
    stage.screen.open("Salary", Rect::new(0, 0, 60, 40));
    stage.screen.open("hunter2", Rect::new(100, 100, 60, 40));
    let typed = stage.screen.windows.iter().find(|window| window.title == "hunter2").cloned().unwrap();
    stage.secrets.hide(&typed);
    let play = Play::steps("  - { key: a }\n  - if: \"true\"\n    then: [ { key: b, mask: [ { window: Salary } ] } ]");
    let (failure, record) = witnessed(&play, &mut stage, "steps/0");
    let frame = only_picture(&record);
    for place in [Point::new(30, 20), Point::new(130, 120)] {
        assert_eq!(frame.pixel(place), Some(BLACK), "{place}");
    }
    assert_ne!(frame.pixel(Point::new(80, 80)), Some(BLACK));
    let context = failure.context.unwrap();
    assert_eq!(context.picture.as_deref(), Some("failure.webp"));
    let mut titles: Vec<&str> = context.windows.iter().map(|window| window.title.as_str()).collect();
    titles.sort_unstable();
    assert_eq!(titles, ["***", "Salary"]);
}

#[test]
fn a_witness_takes_no_picture_where_the_step_forbids_it_or_an_app_has_something_to_hide() {
    let never = Play::steps("  - if: \"true\"\n    then: [ { key: a } ]\n    screenshot: never\n  - { key: b }");
    let (failure, _) = witnessed(&never, &mut Stage::new(), "steps/0/then/0");
    assert!(failure.artifacts.is_empty());
    let (failure, _) = witnessed(&never, &mut Stage::new(), "steps/1");
    assert_eq!(failure.artifacts.len(), 1);
    let app = "screens: { ready: [ { window: Pad } ] }\nrecover:\n  - steps: [ { key: a, mask: [ { window: Pad } ] } ]";
    let hiding = Play::steps("  - { key: b }").app(app);
    let (failure, _) = witnessed(&hiding, &mut Stage::new(), "steps/0");
    assert!(failure.artifacts.is_empty());
    let called = |rest: &str| Play::steps("  - { call: { workflow: w } }").called("w", rest);
    let mut stage = Stage::new();
    stage.screen.open("Pad", Rect::new(0, 0, 60, 40));
    let (failure, _) =
        witnessed(&called("steps: [ { key: a, mask: [ { window: Pad } ] } ]"), &mut stage, "steps/0/call/steps/0");
    assert!(failure.artifacts.is_empty());
    let plain = called("steps: [ { key: a } ]");
    let (failure, _) = witnessed(&plain, &mut stage, "steps/0/call/steps/0");
    assert_eq!((failure.artifacts.len(), failure.context.unwrap().windows.len()), (1, 1));
    let sensitive = "input: { properties: { name: { x-sensitive: true } } }\nsteps: [ { key: a } ]";
    let (failure, _) = witnessed(&called(sensitive), &mut stage, "steps/0/call/steps/0");
    assert!(failure.context.unwrap().windows.is_empty(), "its name may stand in a title");
}

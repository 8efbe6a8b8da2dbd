//! What is told of a failure: the best place, the screen before and at it, who stood there, and what did not answer.

use std::time::Duration;

use serde_json::json;

use super::{Play, Record, Stage, desktop::button, failed, failure_of};
use crate::{
    agent::runner::{Ending, Stop},
    desktop::{Color, DesktopError, Frame, Point, Rect},
    wire::{job::Category, machine::ReadinessState, step::StepState},
};

fn picture(record: &Record, name: &str) -> Frame {
    let (artifact, _) = record.artifacts.iter().find(|(artifact, _)| artifact.name == name).expect(name);
    let same = record.artifacts.iter().find(|(other, bytes)| other.sha256 == artifact.sha256 && bytes.is_some());
    Frame::decode(same.and_then(|(_, bytes)| bytes.as_ref()).unwrap()).unwrap()
}

#[test]
fn a_failed_find_tells_the_best_place_the_windows_and_what_the_app_shows() {
    let mut stage = Stage::new();
    stage.screen.draw(2, 50, 70);
    stage.screen.open("Patient Lovelace", Rect::new(0, 0, 200, 150));
    let play = Play::workflow(
        "apps: [clinic]\ninput: { type: object, properties: { name: { type: string, x-sensitive: true } } }\nsteps:\n  - { click: { image: ok.png }, timeout: 2s }",
    )
    .app("screens: { ready: [ { window: Home } ], patient: [ { window: Patient } ] }")
    .image("ok.png", button(1))
    .input(json!({"name": "Lovelace"}));
    let (ending, record) = play.run(&mut stage);
    let failure = failure_of(ending);
    let context = failure.context.unwrap();
    let best = context.best.unwrap();
    let find = &record.ended("steps/0").finds[0];
    assert_eq!((best.target.as_str(), Some(best.x), best.score), ("image ok.png", find.x, find.score));
    assert!(failure.message.contains(&format!("best score {:.2} at {},{}", best.score.unwrap(), best.x, best.y)));
    assert_eq!((context.before.as_deref(), context.picture.as_deref()), (Some("before.webp"), Some("failure.webp")));
    assert_eq!(context.windows[0].title, "Patient •••", "what is sensitive is in no title");
    assert!(context.windows[0].focused && context.windows[0].process == "clinic");
    let app = &context.apps[&"clinic".parse().unwrap()];
    assert_eq!((app.state, app.screen.as_deref()), (ReadinessState::NotReady, Some("patient")));
    let standstill = context.standstill.unwrap();
    assert!(standstill.step_ms >= 2_000 && standstill.picture_ms >= Some(1_900), "{standstill:?}");
    assert_eq!((standstill.window.as_deref(), standstill.window_answers), (Some("Patient •••"), None));
}

#[test]
fn the_picture_before_shows_what_the_action_changed() {
    let mut stage = Stage::new();
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line == "key a" {
            screen.frame.fill(Rect::new(0, 0, 10, 10), Color::new(255, 255, 255));
        }
    }));
    let play = Play::steps("  - key: a\n  - { click: { image: ok.png }, timeout: 1s }").image("ok.png", button(1));
    stage.at_ms(500, |stage| stage.screen.frame.fill(Rect::new(100, 100, 5, 5), Color::new(1, 2, 3)));
    let (ending, record) = play.run(&mut stage);
    failure_of(ending);
    let (before, at) = (picture(&record, "before.webp"), picture(&record, "failure.webp"));
    assert_eq!(before.pixel(Point::new(5, 5)), Some(Color::new(255, 255, 255)), "the step before had acted");
    assert_ne!(before.pixel(Point::new(102, 102)), at.pixel(Point::new(102, 102)));
}

#[test]
fn a_secret_is_black_in_the_picture_before_even_if_its_window_has_gone_since() {
    let mut stage = Stage::new();
    stage.screen.open("Sign in", Rect::new(0, 0, 60, 40));
    let play = Play::steps("  - type: { text: hunter2, secret: true }\n  - { wait: { window: Home }, timeout: 1s }");
    stage.at_ms(600, |stage| stage.screen.shut("Sign in"));
    let (ending, record) = play.run(&mut stage);
    failure_of(ending);
    assert_eq!(picture(&record, "before.webp").pixel(Point::new(30, 20)), Some(Color::new(0, 0, 0)));
    assert_ne!(picture(&record, "failure.webp").pixel(Point::new(30, 20)), Some(Color::new(0, 0, 0)));
}

#[test]
fn a_window_that_hangs_is_told_instead_of_what_it_did_not_show() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic", Rect::new(0, 0, 60, 40));
    stage.screen.answers = Some(false);
    let failure = failed(&mut stage, "  - { wait: { window: Saved }, timeout: 3s }");
    assert_eq!(failure.category, Category::AppNotReady);
    assert!(
        failure.message.starts_with("the window \"Clinic\" hangs: it did not answer within 2 s; "),
        "{}",
        failure.message
    );
    let standstill = failure.context.unwrap().standstill.unwrap();
    assert_eq!((standstill.window.as_deref(), standstill.window_answers), (Some("Clinic"), Some(false)));
}

#[test]
fn a_window_that_answers_is_not_to_blame() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic", Rect::new(0, 0, 60, 40));
    stage.screen.answers = Some(true);
    let failure = failed(&mut stage, "  - { wait: { window: Saved }, timeout: 3s }");
    assert_eq!(failure.category, Category::TargetNotFound);
    assert_eq!(failure.context.unwrap().standstill.unwrap().window_answers, Some(true));
}

#[test]
fn a_desktop_that_does_not_come_back_is_told_with_what_was_known_before() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic", Rect::new(0, 0, 60, 40));
    stage.screen.errors.push_back(DesktopError::Hung { call: "key", limit: Duration::from_secs(10) });
    let (ending, record) = Play::steps("  - { if: { window: Clinic }, then: [ { key: a } ] }").run(&mut stage);
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::Desktop);
    let context = failure.context.unwrap();
    assert_eq!(context.standstill.unwrap().hangs.as_deref(), Some("the desktop did not answer key"));
    assert_eq!((context.before.as_deref(), context.picture), (Some("before.webp"), None));
    assert_eq!(context.windows[0].title, "Clinic");
    picture(&record, "before.webp");
}

#[test]
fn a_long_text_by_keys_can_be_stopped_on_its_way_and_is_whole_otherwise() {
    let text = "0123456789".repeat(30);
    let step = format!("  - type: {{ text: \"{text}\", via: keys }}");
    let mut stage = Stage::new();
    super::done(&mut stage, &step);
    assert_eq!(stage.screen.field, text);

    let mut stage = Stage::new();
    let record = Record { stop_after: Some((5, Stop::Cancelled)), ..Record::default() };
    let (ending, _) = Play::steps(&step).run_watched(&mut stage, record);
    assert_eq!(ending, Ending::Stopped(Stop::Cancelled));
    assert!(!stage.screen.field.is_empty() && stage.screen.field.len() < text.len(), "{}", stage.screen.field);
    assert!(stage.screen.log.iter().any(|line| line == "release"), "nothing stays pressed");
    assert!(stage.screen.log.iter().any(|line| line == "clipboard cleared"));
}

#[test]
fn a_step_says_how_long_it_may_be_silent() {
    let play = Play::steps(
        "  - sleep: 20m\n  - { set: { a: 1 }, when: { window: Home, timeout: 5s } }\n  - { if: { window: Home, timeout: 3s }, then: [ { set: { a: 2 } } ], else: [ { set: { a: 3 } } ] }",
    );
    let play = Play { timeout: Duration::from_secs(3_600), ..play };
    let (_, record) = play.run(&mut Stage::new());
    let quiet = |path: &str, state: StepState| {
        let found = record.reports.iter().find(|report| report.path == path && report.state == state);
        found.unwrap_or_else(|| panic!("{path} {state:?}")).quiet_ms
    };
    assert!(quiet("steps/0", StepState::Started) >= Some(1_200_000));
    assert_eq!(quiet("steps/0", StepState::Succeeded), None);
    assert!(quiet("steps/1", StepState::Started) >= Some(5_000), "its condition waits before it begins");
    assert!(quiet("steps/2/else/0", StepState::Succeeded) >= Some(3_000), "the step around it goes on");
}

#[test]
fn a_step_that_must_not_happen_twice_is_given_the_time_of_its_verification() {
    let play = Play::steps("  - { key: F2, commit: true, verify: { window: Saved, timeout: 7m } }");
    let mut stage = Stage::new();
    stage.at_ms(1_000, |stage| {
        stage.screen.open("Saved", Rect::new(0, 0, 60, 40));
    });
    let (_, record) = play.run(&mut stage);
    let begun = record.reports.iter().find(|report| report.state == StepState::Started).unwrap();
    assert!(begun.quiet_ms >= Some(420_000), "{:?}", begun.quiet_ms);
}

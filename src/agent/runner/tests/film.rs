//! The recording of an attempt: what changed, masked, each picture once, and only of an attempt that fails.

use std::io::Read as _;

use super::{Play, Record, Stage, desktop::button, failure_of, output_of};
use crate::{
    desktop::{Color, Frame, Point, Rect},
    wire::failure::RECORDING_ARTIFACT,
};

const WAITING: &str = "steps: [ { wait: { window: Saved }, timeout: 6s } ]";

fn recorded() -> Record {
    Record { recorded: true, ..Record::default() }
}

fn paint(stage: &mut Stage, color: Color) {
    stage.screen.frame.fill(Rect::new(50, 50, 40, 40), color);
}

/// Times in milliseconds, and what each picture shows; none where it is a link.
fn shots(record: &Record) -> Vec<(u64, Option<Frame>)> {
    let Some((_, archive)) = record.artifacts.iter().find(|(artifact, _)| artifact.name == RECORDING_ARTIFACT) else {
        return Vec::new();
    };
    let mut archive = tar::Archive::new(archive.as_deref().unwrap());
    let shots = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let at = entry.path().unwrap().file_stem().unwrap().to_str().unwrap().parse().unwrap();
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).unwrap();
        (at, (!bytes.is_empty()).then(|| Frame::decode(&bytes).unwrap()))
    });
    shots.collect()
}

#[test]
fn what_the_screen_showed_is_kept_when_it_changed_and_what_was_shown_before_once() {
    let mut stage = Stage::new();
    stage.at_ms(1_500, |stage| paint(stage, Color::new(200, 0, 0)));
    stage.at_ms(3_500, |stage| paint(stage, Color::new(90, 100, 110)));
    let (ending, record) = Play::workflow(WAITING).run_watched(&mut stage, recorded());
    let failure = failure_of(ending);
    assert_eq!(failure.artifacts.last().unwrap().name, RECORDING_ARTIFACT);
    let shots = shots(&record);
    let (times, pictures): (Vec<u64>, Vec<Option<Frame>>) = shots.into_iter().unzip();
    assert_eq!(times, [0, 2_000, 4_000], "once a second, where it has changed");
    assert_eq!(pictures[1].as_ref().unwrap().pixel(Point::new(60, 60)), Some(Color::new(200, 0, 0)));
    assert!(pictures[0].is_some() && pictures[2].is_none(), "the last is the first again");
}

#[test]
fn of_what_succeeds_and_of_what_is_not_to_be_recorded_nothing_is_kept() {
    let mut stage = Stage::new();
    let (ending, record) = Play::workflow("steps: [ { key: a } ]").run_watched(&mut stage, recorded());
    output_of(ending);
    assert!(record.artifacts.is_empty());
    let (ending, record) = Play::workflow(WAITING).run(&mut Stage::new());
    failure_of(ending);
    assert!(shots(&record).is_empty());
}

#[test]
fn what_any_step_masks_is_black_from_the_beginning() {
    let mut stage = Stage::new();
    stage.screen.draw(1, 200, 100);
    let steps = "steps:\n  - { wait: { window: Saved }, timeout: 2s, continue_on_error: true }\n  \
                 - { click: { window: Saved }, timeout: 1s, mask: [ { image: name.png } ] }";
    let (ending, record) = Play::workflow(steps).image("name.png", button(1)).run_watched(&mut stage, recorded());
    failure_of(ending);
    for (at, picture) in shots(&record) {
        let shown = picture.map(|picture| picture.pixel(Point::new(211, 107)));
        assert_eq!(shown, Some(Some(Color::default())), "at {at}");
    }
    assert!(!shots(&record).is_empty());
}

#[test]
fn nothing_is_recorded_where_no_picture_may_be_taken() {
    let mut stage = Stage::new();
    stage.at_ms(500, |stage| paint(stage, Color::new(200, 0, 0)));
    let steps = "steps: [ { wait: { window: Saved }, timeout: 3s, screenshot: never } ]";
    let (ending, record) = Play::workflow(steps).run_watched(&mut stage, recorded());
    failure_of(ending);
    let times: Vec<u64> = shots(&record).into_iter().map(|(at, _)| at).collect();
    assert!(times.iter().all(|at| *at == 0), "only before it, and not what it failed on: {times:?}");

    // What a step lies in says it for the step.
    let mut stage = Stage::new();
    stage.at_ms(500, |stage| paint(stage, Color::new(200, 0, 0)));
    let steps = "steps: [ { repeat: { max: 1, until: { window: Saved }, steps: [ { wait: { window: Saved }, timeout: 3s } ] }, screenshot: never } ]";
    let (ending, record) = Play::workflow(steps).run_watched(&mut stage, recorded());
    let failure = failure_of(ending);
    assert!(failure.artifacts.iter().all(|artifact| artifact.name == RECORDING_ARTIFACT), "{failure:?}");
    assert!(shots(&record).into_iter().all(|(at, _)| at == 0));

    // An app's steps have something to hide that may show at any time.
    let app = "process: clinic\nscreens: { ready: [ { window: Patients } ] }\n\
               recover: [ { steps: [ { key: a, mask: [ { window: Patients } ] } ] } ]";
    let play = Play::workflow(&format!("app: clinic\n{WAITING}")).app(app);
    let (ending, record) = play.run_watched(&mut Stage::new(), recorded());
    failure_of(ending);
    assert!(shots(&record).is_empty());
}

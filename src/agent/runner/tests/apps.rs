//! Apps: launched, recovered, or told why they are not ready.

use super::{Play, Stage, failure_of, output_of};
use crate::{
    agent::runner::{Plan, Prepared, Runner},
    desktop::{Color, Frame, Rect},
    wire::{agent::WantedDisplay, job::Category, machine::ReadinessState},
};

const CLINIC: &str = r"
launch: { command: [/opt/clinic/clinic, --maximized], timeout: 20s }
process: clinic
screens:
  ready: [ { window: Clinic - Patients } ]
  expired: [ { window: Session expired } ]
recover:
  - { when: expired, steps: [ { key: Return } ] }
  - { steps: [ { key: Escape } ], times: 2 }
  - { steps: [ { relaunch: {} } ] }
";

fn play() -> Play {
    Play::workflow("apps: [clinic]\nsteps: [ { key: a } ]").app(CLINIC)
}

fn whole() -> Rect {
    Rect::new(0, 0, 200, 100)
}

#[test]
fn an_app_that_shows_ready_is_left_alone() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic - Patients", whole());
    stage.processes.insert("clinic".to_owned(), 5);
    let (prepared, _) = play().prepare(&mut stage);
    let Prepared::Ready(readiness) = prepared else { panic!("{prepared:?}") };
    let clinic = readiness.values().next().unwrap();
    assert_eq!((clinic.state, clinic.screen.as_deref()), (ReadinessState::Ready, Some("ready")));
    assert!(stage.screen.inputs().is_empty() && stage.started.is_empty());
}

#[test]
fn an_app_that_does_not_run_is_launched() {
    let mut stage = Stage::new();
    stage.at_ms(3_000, |stage| {
        stage.screen.open("Clinic - Patients", whole());
    });
    let (prepared, record) = play().prepare(&mut stage);
    assert!(matches!(prepared, Prepared::Ready(_)), "{prepared:?}");
    assert_eq!(stage.started, [["/opt/clinic/clinic", "--maximized"]]);
    assert_eq!(record.readiness, ["clinic Recovering", "clinic Ready"]);
}

#[test]
fn recoveries_are_tried_in_order_each_under_its_guard() {
    let mut stage = Stage::new();
    stage.screen.open("Session expired", whole());
    stage.processes.insert("clinic".to_owned(), 5);
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line == "key Return" {
            screen.windows[0].title = "Clinic - Patients".to_owned();
        }
    }));
    let (prepared, record) = play().prepare(&mut stage);
    assert!(matches!(prepared, Prepared::Ready(_)), "{prepared:?}");
    assert_eq!(stage.screen.inputs(), ["key Return"]);
    assert_eq!(record.story(), ["apps/clinic/recover/0/steps/0 Succeeded"]);
}

#[test]
fn the_last_resort_ends_the_program_and_launches_it() {
    let mut stage = Stage::new();
    stage.screen.open("Something odd", whole());
    stage.processes.insert("clinic".to_owned(), 5);
    // It does not listen; the kill and the start that follow are what helps.
    stage.at_ms(13_000, |stage| {
        stage.screen.shut("Something odd");
        stage.screen.open("Clinic - Patients", whole());
    });
    let (prepared, _) = play().prepare(&mut stage);
    assert!(matches!(prepared, Prepared::Ready(_)), "{prepared:?}");
    assert_eq!(stage.screen.inputs(), ["key Escape", "key Escape", "close 1", "end 5 Kill"]);
    assert_eq!(stage.started.len(), 1);
}

#[test]
fn an_app_that_ends_right_after_its_launch_is_launched_again_without_waiting() {
    let mut stage = Stage::new();
    stage.at_ms(500, |stage| {
        stage.processes.insert("clinic".to_owned(), 5);
    });
    stage.at_ms(1_500, |stage| {
        stage.processes.remove("clinic");
    });
    stage.at_ms(15_000, |stage| {
        stage.screen.open("Clinic - Patients", whole());
    });
    let (prepared, _) = play().prepare(&mut stage);
    assert!(matches!(prepared, Prepared::Ready(_)), "{prepared:?}");
    assert_eq!(stage.started.len(), 2);
}

#[test]
fn an_app_that_cannot_be_made_ready_is_told_with_its_screen_the_probe_and_a_picture() {
    let app = "process: clinic\nscreens:\n  ready: [ { window: Clinic - Patients } ]\n  expired: [ { window: Session expired } ]";
    let play = Play::workflow("apps: [clinic]\nsteps: [ { key: a } ]").app(app);
    let mut stage = Stage::new();
    stage.screen.open("Session expired", whole());
    stage.processes.insert("clinic".to_owned(), 5);
    let (prepared, _) = play.prepare(&mut stage);
    let Prepared::NotReady { reason, readiness, artifacts } = prepared else { panic!("{prepared:?}") };
    for part in ["clinic", "screen expired", "window \"Clinic - Patients\" is not there"] {
        assert!(reason.contains(part), "{part} in {reason}");
    }
    assert_eq!(readiness.values().next().unwrap().state, ReadinessState::NotReady);
    assert_eq!(artifacts.len(), 1);
}

#[test]
fn a_desktop_that_cannot_be_worked_on_is_not_ready_either() {
    let mut stage = Stage::new();
    stage.screen.frame = Frame::filled(400, 300, Color::default());
    let (prepared, _) = play().prepare(&mut stage);
    assert!(matches!(&prepared, Prepared::NotReady { reason, .. } if reason.contains("black")), "{prepared:?}");

    let mut stage = Stage::new();
    let plan = Plan {
        display: Some(WantedDisplay { width: 1_280, height: 800, scale: Some(1.0) }),
        ..play().plan(&mut stage)
    };
    let mut record = super::Record::default();
    let prepared = Runner::new(&mut stage, &mut record, &plan).prepare();
    assert!(matches!(&prepared, Prepared::NotReady { reason, .. } if reason.contains("1280x800")), "{prepared:?}");
}

#[test]
fn an_app_without_screens_is_ready_as_soon_as_it_runs() {
    let play = Play::workflow("apps: [clinic]\nsteps: [ { key: a } ]").app("launch: { command: [clinic] }");
    let mut stage = Stage::new();
    assert!(matches!(play.prepare(&mut stage).0, Prepared::Ready(_)));
    assert_eq!(stage.started, [["clinic"]]);
}

#[test]
fn looking_at_idle_apps_touches_nothing() {
    let mut stage = Stage::new();
    stage.screen.open("Session expired", whole());
    let apps = play().plan(&mut stage).apps;
    let plan = Plan::looking(apps, serde_json::json!({}));
    let mut record = super::Record::default();
    let readiness = Runner::new(&mut stage, &mut record, &plan).survey_all();
    let clinic = readiness.values().next().unwrap();
    assert_eq!((clinic.state, clinic.screen.as_deref()), (ReadinessState::NotReady, Some("expired")));
    assert!(stage.screen.log.is_empty() && record.reports.is_empty());
}

#[test]
fn an_app_that_ends_by_itself_is_told_as_crashed() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic - Patients", whole());
    stage.processes.insert("clinic".to_owned(), 5);
    let play = Play::workflow("apps: [clinic]\nsteps: [ { wait: { window: Saved }, timeout: 2s } ]").app(CLINIC);
    stage.at_ms(1_000, |stage| {
        stage.processes.clear();
        stage.screen.shut("Clinic - Patients");
    });
    let whole = play.plan(&mut stage);
    let mut record = super::Record::default();
    let mut runner = Runner::new(&mut stage, &mut record, &whole);
    assert!(matches!(runner.prepare(), Prepared::Ready(_)));
    let failure = failure_of(runner.execute());
    assert_eq!(failure.category, Category::AppCrashed);
    assert!(failure.message.starts_with("clinic ended by itself"), "{}", failure.message);
}

#[test]
fn workflows_close_and_launch_their_app_and_ask_for_its_screens() {
    let mut stage = Stage::new();
    stage.screen.open("Clinic - Patients", whole());
    stage.processes.insert("clinic".to_owned(), 5);
    stage.at_ms(1_000, |stage| {
        stage.processes.clear();
        stage.screen.shut("Clinic - Patients");
    });
    stage.at_ms(3_000, |stage| {
        stage.screen.open("Clinic - Patients", whole());
    });
    let play =
        Play::workflow("apps: [clinic]\nsteps:\n  - close: clinic\n  - launch: clinic\n  - assert: { screen: ready }")
            .app(CLINIC);
    output_of(play.run(&mut stage).0);
    assert_eq!(stage.screen.inputs(), ["close 1"]);
    assert_eq!(stage.started.len(), 1);
}

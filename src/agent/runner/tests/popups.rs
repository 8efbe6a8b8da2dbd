//! Popups: sent away between steps and while a step waits, never twice at once, and never in the middle of a commit.

use serde_json::json;

use super::{Play, Record, Stage, desktop::button, failure_of, output_of};
use crate::{
    agent::runner::{Ending, Prepared},
    desktop::Rect,
    wire::job::Category,
};

const TIP: &str = r#"
process: clinic
on_popup:
  - { when: { window: "Tip of the day" }, steps: [ { key: Escape } ] }
"#;

const HANDLED: &str = "apps/clinic/on_popup/0/steps/0 Succeeded";

fn tip() -> Rect {
    Rect::new(0, 0, 90, 50)
}

/// A desk on which Escape sends the tip away.
fn desk() -> Stage {
    let mut stage = Stage::new();
    stage.screen.reaction = Some(Box::new(|screen, line| {
        if line == "key Escape" {
            screen.shut("Tip of the day");
        }
    }));
    stage
}

fn on_reaction(stage: &mut Stage, mut more: impl FnMut(&mut super::desktop::Screen, &str) + 'static) {
    let mut first = stage.screen.reaction.take().unwrap();
    stage.screen.reaction = Some(Box::new(move |screen, line| {
        first(screen, line);
        more(screen, line);
    }));
}

#[test]
fn a_popup_is_sent_away_before_the_next_step_and_told_with_its_own_path() {
    let mut stage = desk();
    on_reaction(&mut stage, |screen, line| {
        if line == "key a" {
            screen.open("Tip of the day", tip());
        }
    });
    let (ending, record) = Play::workflow("app: clinic\nsteps: [ { key: a }, { key: b } ]").app(TIP).run(&mut stage);
    output_of(ending);
    assert_eq!(stage.screen.inputs(), ["key a", "key Escape", "key b"]);
    assert_eq!(record.story(), ["steps/0 Succeeded", HANDLED, "steps/1 Succeeded"]);
}

#[test]
fn popups_that_lie_on_one_another_are_all_sent_away() {
    let app = "process: clinic\non_popup:\n  - { when: { window: Tip of the day }, steps: [ { key: Escape } ] }\n  \
               - { when: { window: Update }, steps: [ { key: Return } ] }";
    let mut stage = desk();
    // The second comes while the first is being sent away, and waits for its turn.
    stage.screen.open("Tip of the day", tip());
    on_reaction(&mut stage, |screen, line| match line {
        "key Escape" => {
            screen.open("Update", tip());
        }
        "key Return" => screen.shut("Update"),
        _ => {}
    });
    let (ending, record) = Play::workflow("app: clinic\nsteps: [ { key: a } ]").app(app).run(&mut stage);
    output_of(ending);
    assert_eq!(stage.screen.inputs(), ["key Escape", "key Return", "key a"]);
    assert_eq!(record.story(), [HANDLED, "apps/clinic/on_popup/1/steps/0 Succeeded", "steps/0 Succeeded"]);
}

#[test]
fn no_popup_is_looked_for_while_one_is_being_sent_away() {
    let app = "process: clinic\non_popup:\n  - { when: { window: Tip of the day }, steps: [ { wait: { window: Sure } }, { key: Escape } ] }\n  \
               - { when: { window: Sure }, steps: [ { key: Return } ] }";
    let mut stage = desk();
    stage.screen.open("Tip of the day", tip());
    stage.at_ms(3_000, |stage| {
        stage.screen.open("Sure", tip());
    });
    on_reaction(&mut stage, |screen, line| {
        if line == "key Return" {
            screen.shut("Sure");
        }
    });
    let (ending, _) = Play::workflow("app: clinic\nsteps: [ { key: a } ]").app(app).run(&mut stage);
    output_of(ending);
    assert_eq!(stage.screen.inputs(), ["key Escape", "key Return", "key a"]);
}

#[test]
fn a_popup_that_covers_what_is_looked_for_is_sent_away_and_the_find_goes_on() {
    let play =
        Play::workflow("app: clinic\nsteps: [ { click: { image: ok.png } } ]").app(TIP).image("ok.png", button(1));
    // Once well within the time of the find, once right at its end.
    for at_ms in [3_300, 9_900] {
        let mut stage = desk();
        stage.at_ms(at_ms, |stage| {
            stage.screen.open("Tip of the day", tip());
        });
        on_reaction(&mut stage, |screen, line| {
            if line == "key Escape" {
                screen.draw(1, 200, 100);
            }
        });
        let (ending, record) = play.run(&mut stage);
        output_of(ending);
        assert_eq!(stage.screen.inputs(), ["key Escape", "click 211,107 Left x1 []"], "at {at_ms}");
        assert_eq!(record.story(), [HANDLED, "steps/0 Succeeded"]);
        assert!(stage.elapsed_ms() < 10_500, "{}", stage.elapsed_ms());
    }
}

#[test]
fn a_find_that_no_popup_stands_before_fails_as_ever() {
    let mut stage = desk();
    let steps = "app: clinic\nsteps: [ { click: { image: ok.png }, timeout: 3s } ]";
    let failure = failure_of(Play::workflow(steps).app(TIP).image("ok.png", button(1)).run(&mut stage).0);
    assert_eq!(failure.category, Category::TargetNotFound);
    assert_eq!(stage.elapsed_ms(), 3_000);
}

#[test]
fn a_popup_that_comes_back_and_back_is_a_failure_that_names_it() {
    let mut stage = Stage::new();
    stage.screen.open("Tip of the day", tip());
    let (ending, record) = Play::workflow("app: clinic\nsteps: [ { key: a } ]").app(TIP).run(&mut stage);
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::AppNotReady);
    for part in ["on_popup/0 of clinic", "window \"Tip of the day\"", "5 times in a row"] {
        assert!(failure.message.contains(part), "{part} in {}", failure.message);
    }
    assert_eq!(failure.step.unwrap().path, "steps/0", "the step it stands in the way of");
    assert_eq!(failure.artifacts.len(), 1);
    assert_eq!(stage.screen.inputs(), ["key Escape"; 5]);
    assert_eq!(record.story().len(), 6);
}

#[test]
fn popups_that_call_one_another_come_to_an_end_too() {
    let app = "process: clinic\non_popup:\n  - { when: { window: Tip of the day }, steps: [ { key: Escape } ] }\n  \
               - { when: { window: Update }, steps: [ { key: Return } ] }";
    let mut stage = desk();
    stage.screen.open("Tip of the day", tip());
    on_reaction(&mut stage, |screen, line| match line {
        "key Escape" => {
            screen.open("Update", tip());
        }
        "key Return" => {
            screen.shut("Update");
            screen.open("Tip of the day", tip());
        }
        _ => {}
    });
    let failure = failure_of(Play::workflow("app: clinic\nsteps: [ { key: a } ]").app(app).run(&mut stage).0);
    assert!(failure.message.contains("on_popup/0 of clinic"), "{}", failure.message);
}

#[test]
fn a_popup_at_every_step_is_sent_away_at_every_step() {
    let mut stage = desk();
    on_reaction(&mut stage, |screen, line| {
        if line == "key a" {
            screen.open("Tip of the day", tip());
        }
    });
    let steps = "app: clinic\nsteps: [ { repeat: { until: \"loop.number == 20\", max: 20, steps: [ { key: a } ] } } ]";
    output_of(Play::workflow(steps).app(TIP).run(&mut stage).0);
    assert_eq!(stage.screen.inputs().len(), 39, "after the last there is no step to stand in the way of");
}

#[test]
fn a_popup_that_goes_by_itself_while_its_steps_look_for_it_is_no_failure() {
    let app = "process: clinic\non_popup:\n  - { when: { window: Tip of the day }, steps: [ { click: { window: Close }, timeout: 1s } ] }";
    let mut stage = Stage::new();
    stage.screen.open("Tip of the day", tip());
    stage.at_ms(500, |stage| stage.screen.shut("Tip of the day"));
    let play = Play::workflow("app: clinic\nsteps: [ { key: a } ]").app(app);
    let (ending, record) = play.run(&mut stage);
    output_of(ending);
    assert_eq!(record.story(), ["apps/clinic/on_popup/0/steps/0 Failed", "steps/0 Succeeded"]);

    let mut stage = Stage::new();
    stage.screen.open("Tip of the day", tip());
    let failure = failure_of(play.run(&mut stage).0);
    assert_eq!(failure.step.unwrap().path, "apps/clinic/on_popup/0/steps/0", "it stays, and this is why");
}

const SAVING: &str = r"
app: clinic
steps:
  - { id: save, click: { image: ok.png }, commit: true, verify: { window: Saved }, timeout: 5s }
";

#[test]
fn nothing_comes_between_an_intent_and_its_action() {
    let mut stage = desk();
    stage.screen.draw(1, 200, 100);
    // When the action looks for its target the popup is there, and what it covers shows again after a while.
    let mut looks = 0;
    stage.screen.on_capture = Some(Box::new(move |screen| {
        looks += 1;
        if looks == 3 {
            screen.open("Tip of the day", tip());
            screen.frame.fill(Rect::new(200, 100, 24, 16), crate::desktop::Color::new(9, 9, 9));
        }
    }));
    stage.at_ms(2_500, |stage| stage.screen.draw(1, 200, 100));
    on_reaction(&mut stage, |screen, line| {
        if line == "key Escape" {
            screen.open("Saved", Rect::new(0, 100, 90, 50));
        }
    });
    let (ending, record) = Play::workflow(SAVING).app(TIP).image("ok.png", button(1)).run(&mut stage);
    output_of(ending);
    assert_eq!(stage.screen.inputs(), ["click 211,107 Left x1 []", "key Escape"]);
    assert_eq!(record.effects, ["intent steps/0", "done steps/0"]);
    assert_eq!(record.story(), [HANDLED, "steps/0 Succeeded"], "it was sent away when it stood before the proof");
}

#[test]
fn one_picture_is_taken_for_a_step_and_for_the_popups_before_it() {
    let app = "process: clinic\non_popup: [ { when: { image: tip.png }, steps: [ { key: Escape } ] }, \
               { when: { image: ok.png }, steps: [ { key: Escape } ] } ]";
    let mut stage = desk();
    let play = Play::workflow("app: clinic\nsteps: [ { key: a }, { key: b }, { set: { x: 1 } }, { key: c } ]").app(app);
    output_of(play.image("tip.png", button(1)).image("ok.png", button(2)).run(&mut stage).0);
    assert_eq!(stage.screen.captures, 3, "one each, and none for what needs no screen");
}

#[test]
fn popups_told_by_windows_need_no_picture_of_their_own_while_something_is_waited_for() {
    let wait = "app: clinic\nsteps: [ { wait: { window: Saved }, timeout: 30s } ]";
    let with = |app: &str| {
        let mut stage = Stage::new();
        failure_of(Play::workflow(wait).app(app).run(&mut stage).0);
        stage.screen.captures
    };
    assert_eq!(with(TIP), with("process: clinic"));
}

#[test]
fn a_popup_has_no_part_in_the_variables_and_masks_of_the_workflow() {
    let app = "process: clinic\non_popup:\n  - when: { window: Tip of the day }\n    steps:\n      \
               - { set: { name: 2 } }\n      - { key: Escape, screenshot: before, id: sent }";
    let mut stage = desk();
    stage.screen.draw(1, 200, 100);
    let play = Play::workflow(
        r#"
app: clinic
vars: { name: 1 }
steps:
  - { key: a, id: first }
  - { wait: { window: Saved }, mask: [ { image: ok.png } ] }
output: { name: "{{ vars.name }}" }
"#,
    );
    stage.at_ms(2_000, |stage| {
        stage.screen.open("Tip of the day", tip());
    });
    on_reaction(&mut stage, |screen, line| {
        if line == "key Escape" {
            screen.open("Saved", tip());
        }
    });
    let (ending, record) = play.app(app).image("ok.png", button(1)).run(&mut stage);
    assert_eq!(output_of(ending), json!({ "name": 1 }));
    let picture = record.artifacts.iter().find(|(artifact, _)| artifact.name == "sent-before.webp").unwrap();
    let frame = crate::desktop::Frame::decode(picture.1.as_ref().unwrap()).unwrap();
    let at = |x, y| frame.pixel(crate::desktop::Point::new(x, y)).unwrap();
    assert_eq!(
        (at(210, 108), at(10, 200)),
        (crate::desktop::Color::default(), crate::desktop::Color::new(90, 100, 110))
    );
}

#[test]
fn a_popup_before_the_ready_screen_is_sent_away_at_launch_and_before_any_recovery() {
    let app = format!(
        "launch: {{ command: [clinic], timeout: 20s }}\nscreens: {{ ready: [ {{ window: Patients }} ] }}\n\
         recover: [ {{ steps: [ {{ key: F1 }} ] }} ]{TIP}"
    );
    for runs in [false, true] {
        let mut stage = desk();
        if runs {
            stage.processes.insert("clinic".to_owned(), 5);
            stage.screen.open("Tip of the day", tip());
        } else {
            stage.at_ms(1_500, |stage| {
                stage.screen.open("Tip of the day", tip());
            });
        }
        on_reaction(&mut stage, |screen, line| {
            if line == "key Escape" {
                screen.open("Patients", tip());
            }
        });
        let play = Play::workflow("app: clinic\nsteps: [ { key: a } ]").app(&app);
        let (prepared, record) = play.prepare(&mut stage);
        assert!(matches!(prepared, Prepared::Ready(_)), "{prepared:?}");
        assert_eq!(stage.screen.inputs(), ["key Escape"]);
        assert_eq!(record.story(), [HANDLED]);
    }
}

#[test]
fn a_stop_while_a_popup_is_sent_away_ends_the_run() {
    let mut stage = desk();
    stage.screen.open("Tip of the day", tip());
    let record = Record { stop_after: Some((2, crate::agent::runner::Stop::Cancelled)), ..Record::default() };
    let (ending, _) = Play::workflow("app: clinic\nsteps: [ { key: a } ]").app(TIP).run_watched(&mut stage, record);
    assert!(matches!(ending, Ending::Stopped(_)), "{ending:?}");
    assert!(!stage.screen.inputs().contains(&"key a".to_owned()));
}

#[test]
fn the_steps_of_a_recovery_are_not_interrupted() {
    let app = format!(
        "screens: {{ ready: [ {{ window: Patients }} ] }}\n\
         recover: [ {{ steps: [ {{ wait: {{ window: Restored }} }}, {{ key: F2 }} ] }} ]{TIP}"
    );
    let mut stage = desk();
    stage.processes.insert("clinic".to_owned(), 5);
    stage.at_ms(2_000, |stage| {
        stage.screen.open("Tip of the day", tip());
    });
    stage.at_ms(6_000, |stage| {
        stage.screen.open("Restored", tip());
    });
    on_reaction(&mut stage, |screen, line| {
        if line == "key Escape" {
            screen.open("Patients", tip());
        }
    });
    let (prepared, _) = Play::workflow("app: clinic\nsteps: [ { key: a } ]").app(&app).prepare(&mut stage);
    assert!(matches!(prepared, Prepared::Ready(_)), "{prepared:?}");
    assert_eq!(stage.screen.inputs(), ["key F2", "key Escape"], "it was sent away when they were over");
}

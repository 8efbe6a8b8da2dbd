//! Three real applications, each worked with by image, text, control and window in one workflow.

use std::{process::Command, time::Duration};

use deskfleet::desktop::{Rect, ui::Element};
use serde_json::json;

use super::{Place, output, xvfb};

/// The application, started as a person would, and a picture of one of its controls cut out of the screen.
fn open(program: &[&str], control: (&str, &str)) -> Place {
    let mut place = Place::with_controls();
    let mut command = Command::new(program[0]);
    command.args(&program[1..]).env("HOME", place.folder.path()).env("XDG_CONFIG_HOME", place.folder.path());
    command.env("DBUS_SESSION_BUS_ADDRESS", place.bus.as_deref().unwrap_or_default());
    command.env("GSETTINGS_BACKEND", "memory").env("NO_AT_BRIDGE", "0").env("LC_ALL", "C.UTF-8");
    let pid = place.desktop.spawn(command);
    let mut desktop = place.look();
    let fits = |element: &Element| (element.role, element.name.as_str()) == control;
    let rect: Rect = xvfb::until("the control", || {
        let elements = desktop.elements(&[pid]).ok()?;
        elements.iter().find(|element| fits(element)).and_then(|element| element.rect)
    });
    // Wait for what is painted to stay.
    let mut last = desktop.capture().unwrap();
    xvfb::until("the screen to be still", || {
        std::thread::sleep(Duration::from_millis(300));
        let now = desktop.capture().unwrap();
        let same = now.same_pixels(&last);
        last = now;
        same.then_some(())
    });
    let picture = last.crop(rect).unwrap().to_png().unwrap();
    std::fs::write(place.folder.path().join("control.png"), picture).unwrap();
    place
}

fn run(place: &Place, name: &str, class: &str, steps: &str) -> serde_json::Value {
    let app = format!(
        "kind: app\nname: {name}\nlaunch: {{ command: [{name}] }}\nscreens:\n  ready: [ {{ window: {{ class: {class} }} }} ]\n"
    );
    place.write(&format!("{name}-app.yaml"), &app);
    let text = format!(
        "kind: workflow\nname: work\napps: [{name}]\nsteps:\n{steps}output: {{ result: \"{{{{ vars.result }}}}\" }}\n"
    );
    place.write("workflow.yaml", &text);
    let (ending, record) = place.run(&json!({}));
    let output = output(ending);
    let finds = record.reports.iter().flat_map(|report| &report.finds).filter(|find| find.found);
    let how: Vec<&str> = finds.filter_map(|find| find.how.as_deref()).collect();
    assert!(how.contains(&"ui") && how.contains(&"window") && how.contains(&"exact"), "{how:?}");
    output["result"].clone()
}

#[test]
fn a_spreadsheet_adds_up() {
    let place = open(&["gnumeric"], ("button", "Bold"));
    let steps = r#"  - activate: { window: { class: Gnumeric } }
  - type: { text: "12\t30\n=A1+B1\n" }
  - key: Up
  - click: { image: control.png, in: { window: { class: Gnumeric } } }
  - wait: { text: Sum = 42, in: { window: { class: Gnumeric } } }
  - wait: { ui: { role: textbox, value: A2 } }
  - click: { ui: { role: button, name: Copy } }
  - wait_stable: { for: 300ms, region: [0, 0, 400, 100] }
  - { read_clipboard: { regex: '\d+' }, as: result }
  - key: ctrl+q
  - { if: { ui: { role: button, name: Discard }, timeout: 5s }, then: [ { invoke: { ui: { role: button, name: Discard } } } ] }
"#;
    assert_eq!(run(&place, "gnumeric", "Gnumeric", steps), "42");
}

#[test]
fn a_calculator_works_out_a_sum() {
    let place = open(&["galculator"], ("button", "7"));
    let steps = r#"  - activate: { window: galculator }
  - click: { image: control.png, in: { window: galculator } }
  - click: { ui: { role: button, name: "+" } }
  - click: { text: "8", in: { window: galculator, index: 0 } }
  - click: { ui: { role: button, name: "=" } }
  - menu: Edit > Copy Display Value
  - { read_clipboard: {}, as: result }
"#;
    assert_eq!(run(&place, "galculator", "Galculator", steps), "15");
}

#[test]
fn an_editor_is_written_in_and_searched() {
    let place = open(&["mousepad", "--disable-server"], ("menu", "Search"));
    let steps = r#"  - type: { into: { ui: { role: textbox }, in: { window: { class: Mousepad } } }, text: "one two three", read_back: true }
  - click: { image: control.png, in: { window: { class: Mousepad } } }
  - click: { text: "Find and Replace..." }
  - wait: { window: Find and Replace }
  - type: { into: { right_of: { text: "Search for:" } }, text: two, clear: true }
  - type: { into: { right_of: { text: "Replace with:" } }, text: "2" }
  - click: { ui: { role: button, name: Find } }
  - wait_idle: {}
  - click: { ui: { role: button, name: Replace } }
  - wait_idle: {}
  - close: { window: Find and Replace }
  - { extract: { from: { ui: { role: textbox }, in: { window: { class: Mousepad } } }, regex: 'one \w+ three' }, as: result }
"#;
    assert_eq!(run(&place, "mousepad", "Mousepad", steps), "one 2 three");
}

//! Controls of real applications, as they tell of them on the accessibility bus.

use deskfleet::wire::job::Category;
use serde_json::json;

use super::{Ending, Place, output};

/// The editor, in a session whose applications tell of their controls.
fn editor(steps: &str) -> Place {
    let place = Place::with_controls();
    place.editor();
    place.write("workflow.yaml", &format!("kind: workflow\nname: w\napps: [editor]\nvars: {{ a: none, b: none, c: none }}\nsteps:\n{steps}output: {{ a: \"{{{{ vars.a }}}}\", b: \"{{{{ vars.b }}}}\", c: \"{{{{ vars.c }}}}\" }}\n"));
    place
}

#[test]
fn a_form_is_filled_without_mouse_or_keyboard() {
    let place = editor(
        r#"  - set_value: { ui: { role: textbox }, in: { window: Mousepad }, value: "Receipt R-7 of today" }
  - { extract: { from: { ui: { role: textbox }, in: { window: Mousepad } }, regex: 'R-\d+' }, as: a }
  - menu: "Edit > Preferences"
  - wait: { window: Preferences }
  - set_checked: { ui: Show line numbers, checked: true }
  - set_checked: { ui: Show line numbers, checked: "{{ true }}" }
  - select: { ui: { role: tablist }, in: { window: Preferences }, option: Editor }
  - select: { right_of: { text: "Tab mode:" }, option: Insert Spaces }
  - type: { into: { right_of: { text: "Tab width:" } }, text: "3", via: value }
  - { extract: { from: { right_of: { text: "Tab width:" } }, how: ui }, as: b }
  - { extract: { from: { ui: { role: combobox, name: Insert Spaces } } }, as: c }
  - focus: { ui: { role: checkbox, path: "Mousepad Preferences > Editor > Enable automatic indentation" } }
  - close: { window: Preferences }
  - wait_gone: { window: Preferences }
"#,
    );
    let (ending, record) = place.run(&json!({}));
    assert_eq!(output(ending), json!({"a": "R-7", "b": "3", "c": "Insert Spaces"}));
    let how: Vec<_> =
        record.reports.iter().flat_map(|report| &report.finds).filter_map(|find| find.how.as_deref()).collect();
    assert!(!how.contains(&"ocr") && how.contains(&"ui"), "the text of a label is told, not read: {how:?}");
}

#[test]
fn a_calculator_is_clicked_and_asked_by_the_names_of_its_keys() {
    let place = Place::with_controls();
    let app = format!(
        "kind: app\nname: calculator\nlaunch: {{ command: [galculator], env: {} }}\nscreens:\n  \
         ready: [ {{ window: galculator }}, {{ ui: {{ role: button, name: '=' }} }} ]\n",
        place.env()
    );
    place.write("calculator.yaml", &app);
    place.write(
        "workflow.yaml",
        r#"
kind: workflow
name: sum
apps: [calculator]
steps:
  - click: { ui: "7" }
  - click: { ui: { role: button, name: "+" } }
  - invoke: { ui: "8" }
  - wait_stable: { for: 300ms }
  - invoke: { ui: "=" }
  - wait: { text: "15", in: { window: galculator } }
  - menu: Edit > Copy Display Value
  - { read_clipboard: {}, as: sum }
output: { sum: "{{ vars.sum }}" }
"#,
    );
    let (ending, _) = place.run(&json!({}));
    assert_eq!(output(ending), json!({"sum": "15"}));
}

#[test]
fn what_cannot_be_done_is_told_with_what_is_there() {
    for (step, category, part) in [
        ("click: { ui: { role: menu, name: Fille } }", Category::TargetNotFound, "the nearest is menu \"File\""),
        ("click: { ui: { role: menuitem, name: Undo } }", Category::TargetNotFound, "its menu is closed"),
        ("click: { ui: { role: menu } }", Category::TargetNotFound, "where one was meant"),
        ("menu: File > Nowhere", Category::TargetNotFound, "there is no \"Nowhere\" in File"),
        ("set_checked: { ui: { role: textbox }, checked: true }", Category::Assertion, "cannot be checked"),
        ("set_value: { ui: { role: menu, name: File }, value: x }", Category::Assertion, "cannot be given a value"),
        (
            "type: { into: { right_of: { text: Help } }, text: x }",
            Category::TargetNotFound,
            "no field there takes text",
        ),
        (
            "type: { into: { ui: { role: textbox } }, text: s3cret, secret: true, via: value }",
            Category::InvalidWorkflow,
            "no password field",
        ),
    ] {
        let place = editor(&format!("  - {{ {step}, timeout: 1s }}\n"));
        let (ending, _) = place.run(&json!({}));
        let Ending::Failed(failure) = ending else { panic!("{step}: {ending:?}") };
        assert_eq!(failure.category, category, "{step}: {}", failure.message);
        assert!(failure.message.contains(part), "{step}: {}", failure.message);
    }
}

#[test]
fn without_control_trees_a_control_is_refused_and_text_is_read() {
    let place = Place::new();
    place.editor();
    place.write("workflow.yaml", "kind: workflow\nname: w\napps: [editor]\nsteps:\n  - wait: { text: Search }\n  - { click: { ui: File }, timeout: 1s }\n");
    let (ending, record) = place.run(&json!({}));
    let Ending::Failed(failure) = ending else { panic!("{ending:?}") };
    assert_eq!(failure.category, Category::Agent, "{}", failure.message);
    assert!(failure.message.contains("at-spi2-core"), "{}", failure.message);
    let how = record.reports.iter().flat_map(|report| &report.finds).find_map(|find| find.how.clone());
    assert_eq!(how.as_deref(), Some("ocr"));
}

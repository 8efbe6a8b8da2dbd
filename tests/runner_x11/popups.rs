//! Popups of real programs, which come before a step and while one waits.

use std::process::Command;

use deskfleet::wire::step::StepState;
use serde_json::json;

use crate::{Place, output, xvfb::until};

const TIP: &str = "Tip of the day";

#[test]
fn messages_that_nobody_asked_for_are_answered_and_the_work_goes_on() {
    let mut place = Place::new();
    place.editor();
    let editor = std::fs::read_to_string(place.folder.path().join("editor.yaml")).unwrap();
    let popup = format!(
        "{editor}on_popup:\n  - when: {{ window: {TIP} }}\n    steps: [ {{ activate: {{ window: {TIP} }} }}, {{ key: Return }} ]\n"
    );
    place.write("editor.yaml", &popup);
    let again =
        format!("sleep 1; xmessage -title '{TIP}' -default okay 'And another one'; exec xterm -title Continued");
    place.write(
        "workflow.yaml",
        &format!(
            r#"
kind: workflow
name: note
apps: [editor]
steps:
  - activate: {{ window: {{ class: mousepad }} }}
  - launch: {{ command: [sh, -c, "{again}"], env: {env} }}
  - {{ wait: {{ window: Continued }}, timeout: 20s }}
  - close: {{ window: Continued }}
  - type: {{ text: "undisturbed", into: {{ window: {{ class: mousepad }} }}, clear: true }}
  - {{ extract: {{ from: {{ window: {{ class: mousepad }} }} }}, as: written }}
output: {{ written: "{{{{ vars.written }}}}" }}
"#,
            env = place.env()
        ),
    );
    let mut message = Command::new("xmessage");
    message.args(["-title", TIP, "-default", "okay", "Did you know?"]);
    place.desktop.spawn(message);
    let mut desktop = place.look();
    let mut shows = || desktop.windows().unwrap().into_iter().find(|window| window.title == TIP);
    until("the message to show", &mut shows);

    let (ending, record) = place.run(&json!({}));
    assert_eq!(output(ending), json!({"written": "undisturbed"}));
    let story: Vec<&str> = record
        .reports
        .iter()
        .filter(|report| report.state == StepState::Succeeded)
        .map(|report| report.path.as_str())
        .filter(|path| !path.starts_with("steps/3") && !path.starts_with("steps/4"))
        .collect();
    let sent_away = ["apps/editor/on_popup/0/steps/0", "apps/editor/on_popup/0/steps/1"];
    let expected = [&sent_away[..], &["steps/0", "steps/1"][..], &sent_away[..], &["steps/2", "steps/5"][..]].concat();
    assert_eq!(story, expected);
    assert!(shows().is_none());
}

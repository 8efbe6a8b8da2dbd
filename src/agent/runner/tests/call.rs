//! `call`: steps of another workflow, with an input, variables and images of their own.

use serde_json::json;

use super::{Play, Record, Stage, desktop::button, failure_of, output_of};
use crate::{
    agent::runner::{Ending, Runner},
    wire::{agent::OpenIntent, agent::Resume, job::Category, job::StepRef},
    workflow::limits,
};

const FIND: &str = r#"
input:
  type: object
  required: [mrn]
  properties: { mrn: { type: string, pattern: '^\d+$' }, how: { type: string, default: id } }
vars: { seen: "{{ input.how }} {{ input.mrn }}" }
steps:
  - type: "{{ vars.seen }} "
  - set: { count: 1 }
output: { count: "{{ vars.count }}", seen: "{{ vars.seen }}" }
"#;

#[test]
fn a_called_workflow_has_an_input_and_variables_of_its_own_and_yields_its_output() {
    let play = Play::workflow(
        r#"
vars: { count: 7, n: "12" }
steps:
  - { id: look, call: { workflow: find, input: { mrn: "{{ vars.n }}" } }, as: found }
  - { type: "{{ vars.count }}" }
  - call: { workflow: silent }
    as: nothing
output: { found: "{{ vars.found }}", count: "{{ vars.count }}", nothing: "{{ vars.nothing }}" }
"#,
    )
    .called("find", FIND)
    .called("silent", "steps: [ { key: F5 } ]");
    let mut stage = Stage::new();
    let (ending, record) = play.run(&mut stage);
    assert_eq!(
        output_of(ending),
        json!({ "found": { "count": 1, "seen": "id 12" }, "count": 7, "nothing": null }),
        "its `vars.count` is not the caller's"
    );
    assert_eq!(stage.screen.field, "id 12 7");
    let paths = [
        "steps/0/call/steps/0 Succeeded",
        "steps/0/call/steps/1 Succeeded",
        "steps/0 Succeeded",
        "steps/1 Succeeded",
        "steps/2/call/steps/0 Succeeded",
        "steps/2 Succeeded",
    ];
    assert_eq!(record.story(), paths);
    assert_eq!(record.ended("steps/0").action, "call");
}

#[test]
fn an_input_that_does_not_fit_is_told_before_anything_is_done() {
    let call = |input: &str| {
        Play::steps(&format!("  - {{ call: {{ workflow: find, input: {input} }} }}\n")).called("find", FIND)
    };
    for (input, place) in [("{ mrn: \"x12\" }", "/mrn: "), ("{}", "input: "), ("\"{{ [1] }}\"", "input: ")] {
        let mut stage = Stage::new();
        let failure = failure_of(call(input).run(&mut stage).0);
        assert_eq!(failure.category, Category::InvalidWorkflow);
        assert!(
            failure.message.starts_with(&format!("the input does not fit the workflow find: {place}")),
            "{failure:?}"
        );
        assert_eq!(failure.step.map(|step| step.path).as_deref(), Some("steps/0"));
        assert!(stage.screen.field.is_empty());
    }
}

#[test]
fn a_failure_inside_names_the_whole_path_and_the_caller_may_catch_it() {
    let play = Play::workflow(
        r#"
steps:
  - try:
      steps: [ { call: { workflow: middle } } ]
      catch: [ { type: "{{ vars.error.step }}" } ]
    as: error
  - call: { workflow: middle }
"#,
    )
    .called("middle", "steps: [ { if: \"true\", then: [ { call: { workflow: inner } } ] } ]")
    .called("inner", "steps: [ { fail: no such patient } ]");
    let mut stage = Stage::new();
    let failure = failure_of(play.run(&mut stage).0);
    assert_eq!(stage.screen.field, "steps/0/steps/0/call/steps/0/then/0/call/steps/0");
    assert_eq!((failure.category, failure.message.as_str()), (Category::Business, "no such patient"));
    assert_eq!(failure.step.map(|step| step.path).as_deref(), Some("steps/1/call/steps/0/then/0/call/steps/0"));
}

#[test]
fn an_output_that_cannot_be_made_is_the_fault_of_the_call() {
    let play = Play::steps("  - { call: { workflow: w } }\n")
        .called("w", "steps: [ { if: \"false\", then: [ { set: { x: 1 } } ] } ]\noutput: { x: \"{{ vars.x }}\" }");
    let failure = failure_of(play.run(&mut Stage::new()).0);
    assert!(failure.message.starts_with("in the workflow w, output: "), "{}", failure.message);
    assert_eq!(failure.step.map(|step| step.path).as_deref(), Some("steps/0"));
}

#[test]
fn what_is_sensitive_in_a_called_workflow_is_hidden_from_the_call_on() {
    let play = Play::workflow(
        r#"
vars: { text: "Ada Lovelace" }
steps:
  - call: { workflow: w, input: { name: "{{ vars.text }}" } }
"#,
    )
    .called(
        "w",
        "input: { type: object, properties: { name: { type: string, x-sensitive: true } } }\nsteps: [ { fail: \"{{ input.name }} is unknown\" } ]",
    );
    let failure = failure_of(play.run(&mut Stage::new()).0);
    assert_eq!(failure.message, "••• is unknown");
    let wrong = Play::steps("  - call: { workflow: w, input: { name: Ada Lovelace } }\n").called(
        "w",
        "input: { type: object, properties: { name: { const: x, x-sensitive: true } } }\nsteps: [ { key: F5 } ]",
    );
    let failure = failure_of(wrong.run(&mut Stage::new()).0);
    assert!(!failure.message.contains("Ada"), "{}", failure.message);
}

#[test]
fn loops_of_a_called_workflow_keep_nothing_and_leave_the_callers_alone() {
    let play = Play::workflow(
        r#"
steps:
  - for_each:
      in: [a, b]
      key: item
      result: "{{ vars.done }}"
      steps:
        - { call: { workflow: w, input: { list: [1, 2], who: "{{ item }}" } }, as: done }
output: { results: "{{ loop.results | map(attribute='result') | list }}" }
"#,
    )
    .called(
        "w",
        "input: { type: object, properties: { list: {}, who: {} } }\nsteps:\n  - for_each: { in: input.list, key: item, result: \"{{ input.who }}{{ item }}\", \
         steps: [ { type: \"{{ item }}\" } ] }\noutput: { made: \"{{ loop.results | map(attribute='result') | join(',') }}\" }",
    );
    let mut stage = Stage::new();
    let (ending, record) = play.run(&mut stage);
    assert_eq!(output_of(ending), json!({ "results": [{ "made": "a1,a2" }, { "made": "b1,b2" }] }));
    assert_eq!(stage.screen.field, "1212", "all of it for each item");
    assert_eq!(record.effects, ["loop steps/0 of 2", "Done a {\"made\":\"a1,a2\"}", "Done b {\"made\":\"b1,b2\"}"]);
}

#[test]
fn settle_may_call_what_looks() {
    let play = Play::workflow(
        r#"
steps:
  - key: ctrl+s
    commit: true
    settle:
      steps: [ { call: { workflow: find, input: { mrn: "12" } }, as: found } ]
      done: "vars.found.count == 1"
  - key: F5
"#,
    )
    .called("find", FIND);
    let step = StepRef { path: "steps/0".to_owned(), id: None, action: "key".to_owned() };
    let settle = Some(OpenIntent { step, key: None, age_ms: 0 });
    let resume = Resume { after: None, vars: json!({}), settle, settle_only: false, loops: Vec::new() };
    let mut stage = Stage::new();
    let (ending, record) = play.resume(resume).run(&mut stage);
    assert!(matches!(ending, Ending::Succeeded { .. }), "{ending:?}");
    assert_eq!(stage.screen.inputs().last().map(String::as_str), Some("key F5"));
    assert!(!stage.screen.inputs().contains(&"key ctrl+s".to_owned()), "it was found done");
    assert_eq!(record.story()[0], "steps/0/settle/0/call/steps/0 Succeeded");
}

#[test]
fn a_commit_in_a_called_workflow_does_not_act() {
    let play = Play::steps("  - { call: { workflow: w } }\n")
        .called("w", "steps: [ { key: F5, commit: true, verify: { window: Saved } } ]");
    let mut stage = Stage::new();
    let (ending, record) = play.run(&mut stage);
    let failure = failure_of(ending);
    assert!(failure.message.contains("has not acted"), "{}", failure.message);
    assert!(record.intents.is_empty() && stage.screen.inputs().is_empty());
}

#[test]
fn images_are_those_of_the_document_that_names_them() {
    let mut stage = Stage::new();
    stage.screen.draw(1, 100, 100);
    stage.screen.draw(2, 300, 200);
    let (own, other) = (button(1), button(2));
    let play = Play::steps("  - click: { image: ok.png }\n  - call: { workflow: w }\n    mask: [ { image: ok.png } ]\n  - click: { image: ok.png }\n")
        .called("w", "steps: [ { click: { image: theirs/ok.png } }, { screenshot: { name: all } } ]")
        .image("ok.png", own)
        .image("theirs/ok.png", other);
    let (ending, record) = play.run(&mut stage);
    assert!(matches!(ending, Ending::Succeeded { .. }), "{ending:?}");
    let clicks: Vec<String> = stage.screen.inputs().into_iter().filter(|line| line.contains("click")).collect();
    assert!(clicks.len() == 3 && clicks[0] == clicks[2] && clicks[0] != clicks[1], "{clicks:?}");
    // The mask of the caller's step is found by the caller's image: not everything is black, and that place is.
    let picture =
        record.artifacts.iter().find(|(artifact, _)| artifact.name == "all.webp").and_then(|(_, bytes)| bytes.clone());
    let picture = image::load_from_memory(&picture.expect("the picture")).expect("a picture").to_rgb8();
    assert_eq!(picture.get_pixel(105, 105).0, [0, 0, 0]);
    assert_ne!(picture.get_pixel(305, 205).0, [0, 0, 0]);
}

#[test]
fn the_only_app_is_that_of_the_document_that_means_it() {
    let play = Play::workflow("apps: [clinic, ledger]\nsteps: [ { call: { workflow: w } } ]")
        .app("launch: { command: [clinic] }\nprocess: clinic")
        .called("w", "app: clinic\nsteps: [ { close: {} } ]");
    let mut stage = Stage::new();
    stage.processes.insert("clinic".to_owned(), 7);
    stage.at_ms(1_000, |stage| stage.processes.clear());
    let mut planned = play.plan(&mut stage);
    let mut second = (*planned.apps[0]).clone();
    second.name = crate::workflow::Name::new("ledger").expect("a name");
    planned.apps.push(std::sync::Arc::new(second));
    let mut record = Record::default();
    let ending = Runner::new(&mut stage, &mut record, &planned).execute();
    assert!(matches!(ending, Ending::Succeeded { .. }), "{ending:?}");
    assert!(stage.screen.log.iter().any(|line| line.starts_with("end 7")), "{:?}", stage.screen.log);
}

/// The deepest that documents may go, on the stack of an ordinary thread.
#[test]
fn the_deepest_calls_have_room() {
    let nested = |innermost: &str| {
        let inside = (0..limits::NESTING)
            .fold(innermost.to_owned(), |inner, _| format!("{{ if: \"true\", then: [ {inner} ] }}"));
        format!("steps: [ {inside} ]")
    };
    let call = |at: usize| nested(&format!("{{ call: {{ workflow: w{at} }} }}"));
    let mut play = Play::workflow(&call(1));
    for at in 1..limits::CALL_DEPTH {
        play = play.called(&format!("w{at}"), &call(at + 1));
    }
    let play = play.called(&format!("w{}", limits::CALL_DEPTH), &nested("{ type: there }"));
    let mut stage = Stage::new();
    let (ending, _) = play.run(&mut stage);
    assert!(matches!(ending, Ending::Succeeded { .. }), "{ending:?}");
    assert_eq!(stage.screen.field, "there");
}

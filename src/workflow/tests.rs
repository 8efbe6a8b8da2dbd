//! The language by example: documents in `tests/fixtures/documents`, good ones read whole, bad ones with all their faults.

use std::collections::BTreeMap;

use super::*;

const APP: &[u8] = include_bytes!("../../tests/fixtures/documents/good/app.yaml");
const POOL: &[u8] = include_bytes!("../../tests/fixtures/documents/good/pool.yaml");
const CHANNEL: &[u8] = include_bytes!("../../tests/fixtures/documents/good/channel.yaml");
const WORKFLOW: &[u8] = include_bytes!("../../tests/fixtures/documents/good/workflow.yaml");

fn read(bytes: &[u8]) -> Document {
    parse_one(bytes).unwrap_or_else(|faults| panic!("{faults:#?}"))
}

fn digest_of(byte: u8) -> Digest {
    Digest::new(&format!("{byte:02x}").repeat(32)).expect("a digest")
}

#[test]
fn good_documents_are_read_whole() {
    let app = read(APP);
    let app = app.as_app().expect("an app");
    assert_eq!((app.screens.len(), app.recover.len(), app.recover[2].times), (3, 4, 3));
    assert_eq!(app.ready().map(|ready| ready.probes.len()), Some(4));
    let workflow = read(WORKFLOW);
    let workflow = workflow.as_workflow().expect("a workflow");
    assert_eq!(workflow.steps_total(), 33);
    assert_eq!(workflow.retry.attempts, 3);
    assert_eq!(workflow.input.sensitive(), ["/name"]);
    let inner: Vec<&str> = workflow.steps[28].inner().map(|step| step.path.as_str()).collect();
    assert_eq!(inner, ["steps/28/then/0", "steps/28/else/0"]);
    let channel = read(CHANNEL);
    let channel = channel.as_channel().expect("a channel");
    assert_eq!(channel.webhook.secrets.as_ref().map(Vec::len), Some(2));
    assert_eq!(channel.webhook.headers["x-site"], None, "masked: as it was");
    assert!(channel.webhook.headers["authorization"].is_some() && channel.pools.len() == 2);
    assert!(!format!("{channel:?}").contains("1234"));
    let pool = read(POOL);
    assert_eq!(pool.as_pool().and_then(|pool| pool.display).map(|display| display.width), Some(1280));
}

#[test]
fn a_document_travels_as_json_with_its_digests_and_is_read_back_the_same() {
    for bytes in [APP, POOL, WORKFLOW, CHANNEL] {
        let written = read(bytes);
        let digests: BTreeMap<ImageFile, Digest> = written.images().keys().cloned().zip((1..).map(digest_of)).collect();
        let sent = written.with_digests(&digests).expect("all digests are there");
        assert!(sent.images_without_digest().is_empty());
        let received = Document::from_json(&sent.to_json()).unwrap_or_else(|faults| panic!("{faults:#?}"));
        assert_eq!(received.to_json(), sent.to_json());
        assert_eq!(received.digests(), digests);
        assert_eq!(received.images().keys().collect::<Vec<_>>(), written.images().keys().collect::<Vec<_>>());
        let text = serde_json::to_vec(&sent.to_json()).expect("JSON");
        assert_eq!(read(&text).to_json(), sent.to_json());
    }
}

#[test]
fn a_document_whose_images_are_missing_does_not_travel() {
    let document = read(WORKFLOW);
    let faults = document.with_digests(&BTreeMap::new()).expect_err("no digest at all");
    assert_eq!(faults.len(), document.images().len());
    assert!(faults[0].detail.contains("is missing") && faults[0].line > 0);
}

/// Lints one bad document of the fixtures and holds the findings against `NAME.snap` beside it.
macro_rules! bad {
    ($($test:ident: $file:literal),* $(,)?) => {$(
        #[test]
        fn $test() {
            let bytes = include_bytes!(concat!("../../tests/fixtures/documents/bad/", $file));
            let file = FileSource { name: $file, bytes };
            let found = lint_set(&[file], &|_, image| {
                let is_missing = image.as_str() == "missing.png";
                is_missing.then(|| format!("there is no image {image} beside the document"))
            });
            let report: String = found.iter().map(|finding| format!("{finding}\n    at {:?}\n", finding.pointer)).collect();
            insta::with_settings!({
                snapshot_path => "../../tests/fixtures/documents/bad",
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, { insta::assert_snapshot!($file, report) });
        }
    )*};
}

bad! {
    unknown_keys_name_the_nearest_right_one: "unknown-keys.yaml",
    what_is_not_available_is_refused_by_name: "not-available.yaml",
    targets_say_what_they_need: "targets.yaml",
    steps_say_what_they_need: "steps.yaml",
    a_commit_stands_only_where_it_can_be_kept_to_once: "commit.yaml",
    loops_say_what_they_need: "loops.yaml",
    steps_around_steps_say_what_they_need: "flow.yaml",
    calls_say_what_they_need_and_lead_somewhere: "calls.yaml",
    texts_and_neighbours_say_what_they_need: "text.yaml",
    templates_are_compiled_and_their_names_known: "templates.yaml",
    templates_without_quotes_are_told: "unquoted.yaml",
    schemas_hide_nothing: "schema.yaml",
    apps_and_pools_say_what_they_need: "app.yaml",
    channels_say_what_they_need_and_repeat_no_secret: "channel.yaml",
    documents_are_held_against_one_another: "across.yaml",
    tabs_and_keys_that_stand_twice_are_told: "tabs.yaml",
    json_has_places_too: "pool.json",
    a_concurrency_key_is_made_from_what_may_be_shown: "concurrency.yaml",
    an_empty_file_is_doubtful: "empty.yaml",
}

fn workflow_with(step: &str) -> Result<Document, Vec<Fault>> {
    parse_one(format!("kind: workflow\nname: w\napp: a\nsteps:\n  - {step}\n").as_bytes())
}

fn first_step(step: &str) -> Step {
    let document = workflow_with(step).unwrap_or_else(|faults| panic!("{step}: {faults:#?}"));
    document.as_workflow().expect("a workflow").steps[0].clone()
}

#[test]
fn a_timeout_beside_an_action_is_that_of_what_it_waits_for() {
    let five = Some(std::time::Duration::from_secs(5));
    for step in ["{ wait: { window: A }, timeout: 5s }", "wait: { window: A, timeout: 5s }"] {
        assert!(matches!(first_step(step).action, Action::Wait(watch) if watch.timeout == five), "{step}");
    }
    for step in [
        "{ if: { window: A }, timeout: 5s, then: [{ key: Tab }] }",
        "{ if: { window: A, timeout: 5s }, then: [{ key: Tab }] }",
    ] {
        assert!(
            matches!(first_step(step).action, Action::If { condition: Condition::Probe(watch), .. } if watch.timeout == five)
        );
    }
    let once = first_step("{ if: { window: A }, then: [{ key: Tab }] }");
    assert!(matches!(&once.action, Action::If { condition: Condition::Probe(watch), .. } if watch.timeout.is_none()));
    assert_eq!(once.timeout(), Step::DEFAULT_TIMEOUT);
    for wrong in [
        "{ wait: { window: A, timeout: 5s }, timeout: 5s }",
        "{ if: \"true\", timeout: 5s, then: [{ key: Tab }] }",
        "{ sleep: 1s, timeout: 5s }",
        "{ screenshot: { name: a }, timeout: 5s }",
        "{ launch: { command: [xterm] }, timeout: 5s }",
    ] {
        assert_eq!(workflow_with(wrong).map_err(|faults| faults.len()).err(), Some(1), "{wrong}");
    }
}

#[test]
fn a_string_is_an_expression_and_a_mapping_a_probe() {
    assert!(matches!(first_step("assert: \"1 == 1\"").action, Action::Assert(Assertion::Expression(_))));
    assert!(matches!(first_step("assert: { screen: ready }").action, Action::Assert(Assertion::Probe(_))));
    assert!(matches!(first_step("{ key: Tab, when: \"true\" }").when, Some(Condition::Expression(_))));
    assert!(matches!(first_step("{ key: Tab, when: { window: A } }").when, Some(Condition::Probe(_))));
    assert!(
        matches!(first_step("set: { done: \"1 == 1\" }").action, Action::Set(set) if matches!(set["done"], SetValue::Expression(_)))
    );
}

#[test]
fn a_target_stands_flat_or_under_target() {
    for step in ["click: { window: A, offset: [1, 2] }", "click: { target: { window: A, offset: [1, 2] } }"] {
        assert!(matches!(first_step(step).action, Action::Click(click) if click.target.offset == (1, 2)), "{step}");
    }
    assert!(matches!(first_step("scroll: { dy: 1 }").action, Action::Scroll(scroll) if scroll.target.is_none()));
    assert!(
        matches!(first_step("scroll: { target: { at: [1, 2] }, dy: 1 }").action, Action::Scroll(scroll) if scroll.target.is_some())
    );
}

#[test]
fn documents_have_limits() {
    let many = format!("kind: workflow\nname: w\nsteps:\n{}", "  - sleep: 1s\n".repeat(limits::STEPS + 1));
    assert!(parse_one(many.as_bytes()).expect_err("too many")[0].detail.contains("1000 steps"));
    let mut deep = "key: Tab".to_owned();
    for _ in 0..=limits::NESTING {
        deep = format!("{{ if: \"true\", then: [{{ {} }}] }}", deep.trim_start_matches("{ ").trim_end_matches(" }"));
    }
    assert!(workflow_with(&deep).expect_err("too deep")[0].detail.contains("nested deeper"));
    let images =
        (0..=limits::IMAGES).map(|n| format!("  - click: {{ image: i{n}.png }}\n")).collect::<Vec<_>>().concat();
    let faults = parse_one(format!("kind: workflow\nname: w\nsteps:\n{images}").as_bytes()).expect_err("too many");
    assert!(faults[0].detail.contains("500 images"));
    let wrong = "  - oops: 1\n".repeat(limits::FAULTS * 2);
    let faults = parse_one(format!("kind: workflow\nname: w\nsteps:\n{wrong}").as_bytes()).expect_err("all wrong");
    assert_eq!(faults.len(), limits::FAULTS);
    assert!(faults.iter().any(|fault| fault.suggestion.as_deref().unwrap_or_default().contains("faults more")));
    let mut value = serde_json::json!(1);
    for _ in 0..100 {
        value = serde_json::json!([value]);
    }
    assert!(Document::from_json(&serde_json::json!({"kind": "pool", "name": "p", "x": value})).is_err());
}

#[test]
fn digests_in_a_document_are_complete_and_right() {
    let with = |images: &str| {
        parse_one(
            format!("kind: workflow\nname: w\nsteps: [{{ click: {{ image: a.png }} }}]\nimages: {images}\n").as_bytes(),
        )
    };
    let digest = digest_of(0xab);
    assert!(with(&format!("{{ a.png: {digest} }}")).is_ok());
    for wrong in [format!("{{ b.png: {digest} }}"), "{}".to_owned(), "{ a.png: abc }".to_owned(), "[]".to_owned()] {
        assert!(with(&wrong).is_err(), "{wrong}");
    }
}

mod any_bytes {
    use proptest::prelude::*;

    use super::*;

    /// Pieces of documents, so that arbitrary texts come near to being right.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "kind: workflow\n",
            "name: w\n",
            "steps:\n",
            "  - ",
            "click: ",
            "type: ",
            "if: ",
            "then: ",
            "{ ",
            " }",
            "[",
            "]",
            ", ",
            "image: a.png",
            "window: A",
            "at: [1, 2]",
            "any: ",
            "timeout: 5s",
            "\"{{ input.x }}\"",
            "{{ x }}",
            "&a ",
            "*a",
            "\n",
            "  ",
            "---\n",
            "when: ",
            "set: ",
            "input: ",
            "properties: ",
            "$ref: \"#\"",
            "allOf: ",
            "kind: app\n",
            "screens: ",
            "recover: ",
            "0x1",
            "~",
            "|\n",
            "? ",
            ": ",
            "!!str ",
            "#",
            "'",
            "\"",
            "\t",
            "ü",
            "\u{0}",
            "key: ",
            "ctrl+",
            "output: ",
            "retry: ",
            "commit: true\n",
            "verify: ",
            "settle: ",
            "done: ",
            "for_each: ",
            "in: ",
        ]);
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = lint(FileSource { name: "x.yaml", bytes: &bytes }, &|_| None);
        }

        #[test]
        fn of_text_never_panic(text in "\\PC{0,200}") {
            let _ = lint(FileSource { name: "x.yaml", bytes: text.as_bytes() }, &|_| None);
            let _ = Template::new(&text).map(|template| template.evaluate(&Scope::new(&ScopeParts::default())));
            let _ = Expression::new(&text).map(|expression| expression.holds(&Scope::new(&ScopeParts::default())));
            let _ = Chord::parse(&text);
        }

        #[test]
        fn that_are_nearly_documents_never_panic_and_travel(text in pieces()) {
            let (documents, _) = parse(text.as_bytes());
            for document in documents {
                let received = Document::from_json(&document.to_json());
                prop_assert_eq!(received.map(|document| document.to_json()), Ok(document.to_json()));
            }
        }

        #[test]
        fn of_a_mutated_good_document_never_panic(at in 0..WORKFLOW.len(), byte in any::<u8>(), cut in 0..40_usize) {
            let mut bytes = WORKFLOW.to_vec();
            bytes[at] = byte;
            bytes.drain(at.saturating_sub(cut)..at);
            let _ = lint(FileSource { name: "x.yaml", bytes: &bytes }, &|_| None);
        }
    }
}

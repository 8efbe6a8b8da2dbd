//! The language by example: documents in `tests/fixtures/documents`, good ones read whole, bad ones with all their faults.

use std::collections::BTreeMap;

use super::*;

const APP: &[u8] = include_bytes!("../../tests/fixtures/documents/good/app.yaml");
const POOL: &[u8] = include_bytes!("../../tests/fixtures/documents/good/pool.yaml");
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
    let inner: Vec<&str> = workflow.steps[29].inner().map(|step| step.path.as_str()).collect();
    assert_eq!(inner, ["steps/29/then/0", "steps/29/else/0"]);
    let pool = read(POOL);
    assert_eq!(pool.as_pool().and_then(|pool| pool.display).map(|display| display.width), Some(1280));
}

#[test]
fn a_document_travels_as_json_with_its_digests_and_is_read_back_the_same() {
    for bytes in [APP, POOL, WORKFLOW] {
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

//! Documents as people write them, YAML or JSON: read without a panic, and what is read once is read again as the same.

use deskfleet::workflow::{Document, FileSource, lint, parse};

pub(crate) fn try_out(data: &[u8]) {
    let (documents, faults) = parse(data);
    for fault in &faults {
        assert!(!fault.detail.is_empty(), "a fault says what is wrong");
    }
    for document in &documents {
        let json = document.to_json();
        let again = match Document::from_json(&json) {
            Ok(again) => again,
            Err(faults) => panic!("what was read is refused when it has travelled: {faults:?}\n{json:#}"),
        };
        assert_eq!(again.to_json(), json, "it is the same when it has travelled");
        assert_eq!((again.kind(), again.name()), (document.kind(), document.name()));
        if let Some(workflow) = document.as_workflow() {
            let complete = workflow.input.complete(&serde_json::Value::Null);
            workflow.input.check(&complete);
            workflow.input.masked(&complete);
        }
    }
    for diagnostic in lint(FileSource { name: "fuzz.yaml", bytes: data }, &|_| None) {
        assert!(!diagnostic.to_string().is_empty());
    }
}

//! Files that are saved, and why some are not.

use super::*;
use crate::wire::job::Category;

fn stage(path: &str, content: &[u8]) -> Stage {
    let mut stage = Stage::new();
    stage.contents.insert(path.into(), Ok(content.to_vec()));
    stage
}

#[test]
fn a_file_is_stored_under_its_name_and_the_result_says_what_it_is() {
    let mut stage = stage("/tmp/4711/out", b"%PDF-1.7");
    let play = Play::workflow(
        r#"
input: { type: object, properties: { mrn: { type: string }, name: { type: string, x-sensitive: true } } }
steps:
  - { save_artifact: { path: "/tmp/{{ input.mrn }}/out", name: "receipts/{{ input.mrn }}.PDF" }, as: first }
  - { save_artifact: { path: "/tmp/{{ input.mrn }}/out", name: "receipts/{{ input.mrn }}.PDF" }, as: second }
  - { save_artifact: { path: "/tmp/{{ input.mrn }}/out", name: "of {{ input.name }}" }, as: third }
  - { save_artifact: { path: "/tmp/{{ input.mrn }}/out", name: agent.log }, as: fourth }
output: { first: "{{ vars.first }}", names: ["{{ vars.second.name }}", "{{ vars.third.name }}", "{{ vars.fourth.name }}"] }
"#,
    )
    .input(json!({"mrn": "4711", "name": "Ada Lovelace"}));
    let (ending, record) = play.run(&mut stage);
    let digest = Digest::of(b"%PDF-1.7");
    let first = json!({"name": "receipts-4711.PDF", "size": 8, "digest": digest});
    let names = json!(["receipts-4711-2.PDF", "of ---", "agent-2.log"]);
    assert_eq!(output_of(ending), json!({"first": first, "names": names}));
    let kinds: Vec<&str> = record.artifacts.iter().map(|(artifact, _)| artifact.content_type.as_str()).collect();
    assert_eq!(kinds, ["application/pdf", "application/pdf", "application/octet-stream", "text/plain"]);
    assert!(record.artifacts.iter().all(|(_, bytes)| bytes.as_deref() == Some(b"%PDF-1.7")));
    assert_eq!(record.ended("steps/0").artifacts[0].sha256, digest);
}

#[test]
fn a_file_that_cannot_be_had_fails_the_step_by_what_it_is() {
    let reasons = [
        (NoFile::Missing, Category::TargetNotFound, "wait: { file"),
        (NoFile::Folder, Category::InvalidWorkflow, "it is a folder"),
        (NoFile::Special, Category::InvalidWorkflow, "no ordinary file"),
        (NoFile::TooLarge { limit_bytes: 67_108_864 }, Category::InvalidWorkflow, "larger than 67108864 bytes"),
        (NoFile::Unreadable("permission denied".to_owned()), Category::Agent, "permission denied"),
    ];
    for (reason, category, told) in reasons {
        let mut stage = Stage::new();
        stage.contents.insert("/tmp/out".into(), Err(reason));
        let failure = failed(&mut stage, "  - save_artifact: { path: /tmp/out, name: out }\n");
        assert_eq!(failure.category, category);
        assert!(
            failure.message.contains("/tmp/out is not saved") && failure.message.contains(told),
            "{}",
            failure.message
        );
    }
}

#[test]
fn a_file_that_is_not_kept_fails_the_step_and_is_named_nowhere() {
    let mut stage = stage("/tmp/out.txt", b"text");
    let record = Record { lost: VecDeque::from(["the spool is full".to_owned()]), ..Record::default() };
    let play = Play::steps("  - { save_artifact: { path: /tmp/out.txt, name: out.txt }, screenshot: never }\n");
    let (ending, record) = play.run_watched(&mut stage, record);
    let failure = failure_of(ending);
    assert_eq!(failure.category, Category::Agent);
    assert!(failure.message.contains("the spool is full"), "{}", failure.message);
    assert!(failure.artifacts.iter().all(|artifact| artifact.name != "out.txt"), "{:?}", failure.artifacts);
    assert!(record.ended("steps/0").artifacts.is_empty());
}

//! `save_artifact` on a real machine: by the runner, and by `try` into its folder.

use std::{fs, process::Command};

use deskfleet::{ids::Digest, wire::job::Category};
use serde_json::json;

use crate::{Ending, Place, output};

fn workflow(place: &Place, path: &str) {
    let save =
        format!("{{ save_artifact: {{ path: \"{path}\", name: \"notes/{{{{ job.workflow }}}}.txt\" }}, as: saved }}");
    place.write(
        "workflow.yaml",
        &format!("kind: workflow\nname: keep\nsteps:\n  - {save}\noutput: {{ saved: \"{{{{ vars.saved }}}}\" }}\n"),
    );
}

#[test]
fn a_file_of_the_machine_is_kept_and_a_folder_or_an_absent_file_is_told() {
    let place = Place::new();
    let path = place.folder.path().join("out.txt");
    fs::write(&path, "kept").unwrap();
    workflow(&place, &path.display().to_string());
    let (ending, record) = place.run(&json!({}));
    let saved = json!({"name": "notes-keep.txt", "size": 4, "digest": Digest::of(b"kept")});
    assert_eq!(output(ending), json!({"saved": saved}));
    let (artifact, bytes) = &record.artifacts[0];
    assert_eq!((artifact.content_type.as_str(), bytes.as_deref()), ("text/plain", Some(&b"kept"[..])));

    workflow(&place, &place.folder.path().display().to_string());
    let Ending::Failed(failure) = place.run(&json!({})).0 else { panic!("a folder is no file") };
    assert_eq!(failure.category, Category::InvalidWorkflow);
    assert!(failure.message.contains("it is a folder"), "{}", failure.message);
    fs::remove_file(&path).unwrap();
    workflow(&place, &path.display().to_string());
    let Ending::Failed(failure) = place.run(&json!({})).0 else { panic!("nothing is there") };
    assert_eq!(failure.category, Category::TargetNotFound);
}

#[test]
fn try_puts_saved_files_beside_its_pictures_or_fails() {
    let place = Place::new();
    let folder = place.folder.path();
    fs::write(folder.join("out.txt"), "kept").unwrap();
    workflow(&place, &folder.join("out.txt").display().to_string());
    let try_it = |directory: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_deskfleet"));
        command.current_dir(folder).env("DISPLAY", place.desktop.display());
        let output =
            command.args(["try", "workflow.yaml", "-d", directory, "--report", "report.html"]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    };
    let (code, said) = try_it("evidence");
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(fs::read_to_string(folder.join("evidence/notes-keep.txt")).unwrap(), "kept");
    assert!(fs::read_to_string(folder.join("report.html")).unwrap().contains("save_artifact"));

    // A file stands where the folder should be.
    let (code, said) = try_it("out.txt");
    assert_eq!(code, Some(1), "{said}");
    assert!(said.contains("notes-keep.txt can't be written"), "{said}");
}

//! One attempt as one HTML file: what each step did, how it found its targets, and what the screen showed.
//!
//! It must not know: where jobs, steps and pictures come from.

mod film;
mod page;

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Cursor,
};

pub use film::{Picture, Shot, shots_of};

use crate::{
    ids::Digest,
    wire::{
        job::Category,
        step::{ArtifactRef, StepReport, StepState},
    },
};

/// Bytes of all pictures of one file. What comes after is named without being shown.
pub const MAX_PICTURE_BYTES: u64 = 16 * 1024 * 1024;

/// What is told of one attempt.
#[derive(Debug, Clone)]
pub struct Report {
    pub workflow: String,
    pub outcome: Outcome,
    /// Such as the job, the machine, when: name and value.
    pub facts: Vec<(String, String)>,
    pub failure: Option<Trouble>,
    /// Each once, as it ended.
    pub steps: Vec<StepReport>,
    /// There are more.
    pub cut: bool,
    /// By their digests, as far as there are any.
    pub pictures: BTreeMap<Digest, Vec<u8>>,
    /// The recording; empty where there is none.
    pub film: Vec<Shot>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Running,
    Succeeded,
    Failed,
    Stopped,
}

/// Why it failed, and what to do.
#[derive(Debug, Clone)]
pub struct Trouble {
    pub category: Category,
    pub message: String,
    pub help: String,
    /// The step that failed.
    pub path: Option<String>,
}

impl Report {
    /// The whole file. The error is one of the page's own template.
    pub fn html(&self) -> Result<String, minijinja::Error> {
        page::render(self)
    }
}

/// The pictures that are worth showing, in order, each once, as far as there is room.
pub fn pictures_of(steps: &[StepReport]) -> Vec<Digest> {
    let mut seen = BTreeSet::new();
    let mut room = MAX_PICTURE_BYTES;
    let pictures = steps.iter().flat_map(|step| &step.artifacts).filter(|artifact| is_picture(artifact));
    let fitting = pictures.filter(|artifact| {
        let fits = !seen.contains(&artifact.sha256) && artifact.bytes <= room;
        if fits {
            seen.insert(artifact.sha256);
            room -= artifact.bytes;
        }
        fits
    });
    fitting.map(|artifact| artifact.sha256).collect()
}

/// Of reports that tell of the same step the last one counts.
pub fn as_they_ended(reports: impl IntoIterator<Item = StepReport>) -> Vec<StepReport> {
    let mut steps: BTreeMap<u64, StepReport> = BTreeMap::new();
    for report in reports {
        let known = steps.get(&report.number).is_some_and(|known| known.state != StepState::Started);
        if !known || report.state != StepState::Started {
            steps.insert(report.number, report);
        }
    }
    steps.into_values().collect()
}

fn is_picture(artifact: &ArtifactRef) -> bool {
    matches!(artifact.content_type.as_str(), "image/webp" | "image/png" | "image/jpeg")
}

/// Width and height in pixels; `None` where it is no picture.
fn size_of(picture: &[u8]) -> Option<(u32, u32)> {
    image::ImageReader::new(Cursor::new(picture)).with_guessed_format().ok()?.into_dimensions().ok()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "contents are made where they are handed in")]
    fn step(number: u64, content: serde_json::Value) -> StepReport {
        let mut step = json!({
            "number": number, "path": format!("steps/{number}"), "id": null, "name": null, "action": "click", "state": "succeeded",
            "started_at": "2026-01-02T03:04:05Z", "finished_at": "2026-01-02T03:04:06.500Z", "error": null,
        });
        step.as_object_mut().unwrap().extend(content.as_object().unwrap().clone());
        serde_json::from_value(step).unwrap()
    }

    fn picture(name: &str, bytes: &[u8]) -> serde_json::Value {
        json!({ "name": name, "sha256": Digest::of(bytes), "bytes": bytes.len(), "content_type": "image/png" })
    }

    fn png(width: u32) -> Vec<u8> {
        let mut bytes = Cursor::new(Vec::new());
        image::GrayImage::new(width, 10).write_to(&mut bytes, image::ImageFormat::Png).unwrap();
        bytes.into_inner()
    }

    fn report(steps: Vec<StepReport>, pictures: &[&[u8]]) -> Report {
        Report {
            workflow: "register <b>".to_owned(),
            outcome: Outcome::Failed,
            facts: vec![("machine".to_owned(), "vm-07 & co".to_owned())],
            failure: Some(Trouble {
                category: Category::TargetNotFound,
                message: "no image <script>alert(1)</script>".to_owned(),
                help: "look at the picture".to_owned(),
                path: Some("steps/2".to_owned()),
            }),
            steps,
            cut: true,
            pictures: pictures.iter().map(|bytes| (Digest::of(bytes), bytes.to_vec())).collect(),
            film: Vec::new(),
        }
    }

    #[test]
    fn what_failed_is_told_with_its_picture_and_nothing_runs_as_script() {
        let (shown, left_out) = (png(20), png(30));
        let find = json!({ "target": "image ok.png", "found": false, "how": null, "score": 0.61, "x": 4, "y": 5, "width": 6,
            "height": 2, "elapsed_ms": 10_000 });
        let steps = vec![
            step(1, json!({ "name": "Open \"<i>\"" })),
            step(
                2,
                json!({ "state": "failed", "finds": [find], "error": { "category": "target_not_found", "message": "<gone>" },
                "artifacts": [picture("failure.png", &shown), picture("big.png", &left_out)] }),
            ),
            step(3, json!({ "artifacts": [picture("same.png", &shown)] })),
        ];
        let html = report(steps, &[&shown]).html().unwrap();
        for part in [
            "<title>register &lt;b&gt;",
            "vm-07 &amp; co",
            "&lt;script&gt;",
            "&lt;gone&gt;",
            "image ok.png",
            "0.61",
            "1.5 s",
            "viewBox=\"0 0 20 10\"",
            "<rect x=\"4\" y=\"5\" width=\"6\" height=\"2\"",
            "big.png",
            "there are more steps",
        ] {
            assert!(html.contains(part), "{part} in\n{html}");
        }
        assert!(!html.contains("<script") && !html.contains("<i>"));
        assert_eq!(html.matches("data:image/png;base64,").count(), 1, "what is the same is shown once");
    }

    #[test]
    fn pictures_are_taken_once_and_while_there_is_room() {
        let of = |name: &str, bytes: u64, content_type: &str| json!({ "name": name, "sha256": Digest::of(name.as_bytes()), "bytes": bytes, "content_type": content_type });
        let steps = vec![
            step(1, json!({ "artifacts": [of("a", 10, "image/webp"), of("log", 10, "text/plain")] })),
            step(
                2,
                json!({ "artifacts": [of("a", 10, "image/webp"), of("huge", MAX_PICTURE_BYTES, "image/webp"), of("b", 10, "image/png")] }),
            ),
        ];
        assert_eq!(pictures_of(&steps), [Digest::of(b"a"), Digest::of(b"b")]);
    }

    #[test]
    fn a_recording_is_a_strip_of_pictures_each_shown_once() {
        let mut told = report(Vec::new(), &[]);
        told.film = vec![
            Shot { after_ms: 0, picture: Picture::New(png(20)) },
            Shot { after_ms: 1_500, picture: Picture::New(png(30)) },
            Shot { after_ms: 62_000, picture: Picture::AsAt(0) },
            Shot { after_ms: 63_000, picture: Picture::New(b"no picture".to_vec()) },
        ];
        let html = told.html().unwrap();
        assert_eq!(html.matches("base64,").count(), 2, "{html}");
        for part in ["1.5 s", "62.0 s", "href=\"#film-0\"", "id=\"film-0\""] {
            assert!(html.contains(part), "{part} in\n{html}");
        }
        assert!(!report(Vec::new(), &[]).html().unwrap().contains("film-"));
    }

    #[test]
    fn a_step_is_shown_as_it_ended() {
        let started = || step(1, json!({ "state": "started", "finished_at": null }));
        let states = |steps: Vec<StepReport>| as_they_ended(steps).iter().map(|step| step.state).collect::<Vec<_>>();
        assert_eq!(states(vec![started(), step(1, json!({}))]), [StepState::Succeeded]);
        assert_eq!(states(vec![step(1, json!({})), started()]), [StepState::Succeeded]);
        assert_eq!(states(vec![started()]), [StepState::Started]);
    }
}

//! The page: what the template is given.

use std::{collections::BTreeSet, sync::OnceLock};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use minijinja::{AutoEscape, Environment, Error, UndefinedBehavior};
use serde::Serialize;
use serde_json::{Value, json};

use super::{Outcome, Picture, Report, Shot, is_picture, size_of};
use crate::{
    ids::Digest,
    wire::step::{ArtifactRef, Find, StepReport, StepState},
};

const PAGE: &str = "report.html";

/// Finds are places of the desktop, and what this action keeps may be a part of it.
const CROPS: &str = "screenshot";

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment<'static>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment
    })
}

pub(super) fn render(report: &Report) -> Result<String, Error> {
    let mut shown = BTreeSet::new();
    let steps: Vec<Value> = report.steps.iter().map(|step| step_of(step, report, &mut shown)).collect();
    let context = json!({
        "workflow": report.workflow,
        "outcome": match report.outcome {
            Outcome::Running => "running",
            Outcome::Succeeded => "succeeded",
            Outcome::Failed => "failed",
            Outcome::Stopped => "stopped",
        },
        "facts": report.facts,
        "failure": report.failure.as_ref().map(|failure| json!({
            "category": word(&failure.category), "message": failure.message, "help": failure.help, "path": failure.path,
        })),
        "steps": steps,
        "cut": report.cut,
        "film": report.film.iter().filter_map(shot_of).collect::<Vec<_>>(),
    });
    let page = environment().template_from_named_str(PAGE, include_str!("../../assets/report.html"))?;
    page.render(minijinja::value::Serde(&context))
}

/// What is no picture is left out.
fn shot_of(shot: &Shot) -> Option<Value> {
    let after = elapsed(shot.after_ms);
    match &shot.picture {
        Picture::AsAt(first) => {
            Some(json!({ "at": shot.after_ms, "after": after, "as_at": first, "as_after": elapsed(*first) }))
        }
        Picture::New(bytes) => {
            let (width, height) = size_of(bytes)?;
            let source = format!("data:image/webp;base64,{}", STANDARD.encode(bytes));
            Some(
                json!({ "at": shot.after_ms, "after": after, "as_at": null, "source": source, "width": width, "height": height }),
            )
        }
    }
}

fn step_of(step: &StepReport, report: &Report, shown: &mut BTreeSet<Digest>) -> Value {
    let pictures = step.artifacts.iter().filter(|artifact| is_picture(artifact));
    let pictures: Vec<Value> = pictures.map(|artifact| picture_of(artifact, step, report, shown)).collect();
    json!({
        "number": step.number,
        "path": step.path,
        "depth": step.path.split('/').count().saturating_sub(2) / 2,
        "label": step.name.as_ref().or(step.id.as_ref()),
        "action": step.action,
        "state": word(&step.state),
        "open": step.state == StepState::Failed,
        "took": step.finished_at.map(|end| elapsed(end.as_ms().saturating_sub(step.started_at.as_ms()))),
        "error": step.error.as_ref().map(|error| json!({ "category": word(&error.category), "message": error.message })),
        "finds": step.finds.iter().map(find_of).collect::<Vec<_>>(),
        "pictures": pictures,
    })
}

fn find_of(find: &Find) -> Value {
    let place = find.x.zip(find.y).zip(find.width.zip(find.height));
    json!({
        "target": find.target,
        "found": find.found,
        "how": find.how,
        "score": find.score.map(|score| format!("{score:.2}")),
        "place": place.map(|((x, y), (width, height))| format!("{x},{y} {width}\u{d7}{height}")),
        "took": elapsed(find.elapsed_ms),
    })
}

/// What was shown before is only named, and so is what is not there.
fn picture_of(artifact: &ArtifactRef, step: &StepReport, report: &Report, shown: &mut BTreeSet<Digest>) -> Value {
    let anchor = artifact.sha256.to_string().replace(':', "-");
    let content = report.pictures.get(&artifact.sha256).and_then(|bytes| Some((bytes, size_of(bytes)?)));
    let is_new = content.is_some() && shown.insert(artifact.sha256);
    let data = content.filter(|_| is_new).map(|(bytes, (width, height))| {
        let boxes = step.finds.iter().filter(|_| step.action != CROPS).filter_map(box_of).collect::<Vec<_>>();
        let source = format!("data:{};base64,{}", artifact.content_type, STANDARD.encode(bytes));
        json!({ "source": source, "width": width, "height": height, "boxes": boxes })
    });
    json!({ "name": artifact.name, "anchor": anchor, "data": data, "known": content.is_some() })
}

fn box_of(find: &Find) -> Option<Value> {
    let (x, y, width, height) = (find.x?, find.y?, find.width?, find.height?);
    Some(json!({ "x": x, "y": y, "width": width, "height": height, "found": find.found }))
}

fn elapsed(ms: u64) -> String {
    if ms < 1_000 { format!("{ms} ms") } else { format!("{}.{} s", ms / 1_000, ms % 1_000 / 100) }
}

/// The word the contract has for it.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word.replace('_', " "),
        _ => String::new(),
    }
}

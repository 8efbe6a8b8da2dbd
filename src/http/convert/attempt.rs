//! Step reports, artifacts and failures.

use std::fmt::Write as _;

use super::value;
use crate::{
    fleet,
    ids::{JobId, Json},
    wire::{
        agent::AttemptFailure,
        job::{Artifact, StepRef},
        step::{ArtifactRef, ShownStep, StepReport},
    },
};

/// `stored`: whether the bytes have arrived.
pub(super) fn artifact(row: &fleet::ArtifactRow, stored: bool) -> Artifact {
    let fleet::Artifact { name, digest, bytes, content_type } = &row.artifact;
    Artifact {
        name: name.clone(),
        attempt: row.attempt_number,
        url: artifact_url(row.job, row.attempt_number, name),
        bytes: *bytes,
        sha256: *digest,
        content_type: content_type.clone(),
        stored,
        late: row.late,
    }
}

pub(super) fn artifact_url(job: JobId, attempt: u32, name: &str) -> String {
    let mut url = format!("/v1/jobs/{job}/artifacts/{attempt}/");
    for byte in name.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            url.push(char::from(byte));
        } else {
            // Writing to a string can't fail.
            let _ = write!(url, "%{byte:02X}");
        }
    }
    url
}

pub(crate) fn artifact_of(reference: &ArtifactRef) -> fleet::Artifact {
    fleet::Artifact {
        name: reference.name.clone(),
        digest: reference.sha256,
        bytes: reference.bytes,
        content_type: reference.content_type.clone(),
    }
}

pub(crate) fn step_record(report: &StepReport) -> fleet::StepRecord {
    // A report is plain data: it always has a JSON form.
    let content = Json::new(serde_json::to_string(report).unwrap_or_default());
    fleet::StepRecord { number: u32::try_from(report.number).unwrap_or(u32::MAX), content }
}

/// `None` where what was kept is no step report any more.
pub(crate) fn shown_step(row: &fleet::StepRow) -> Option<ShownStep> {
    let report = serde_json::from_value(value(&row.step.content)).ok()?;
    Some(ShownStep { report, late: row.late })
}

pub(crate) fn failure_report(failure: AttemptFailure) -> fleet::FailureReport {
    fleet::FailureReport {
        category: failure.category.into(),
        message: failure.message,
        step: failure.step.map(|StepRef { path, id, action }| fleet::FailedStep { path, id, action }),
        artifacts: failure.artifacts.into_iter().map(|artifact| artifact.name).collect(),
        context: super::failure::context_of(failure.context),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_an_artifact_is_one_whatever_its_name() {
        let url = artifact_url(JobId::new(1, 1), 2, "steps/4 ü.webp");
        assert!(url.ends_with("/artifacts/2/steps%2F4%20%C3%BC.webp"), "{url}");
    }
}

//! `deskfleet job show`.

use super::failure_text;
use crate::{
    cli::{
        client::{Api, Call},
        output::{self, OutputFlag},
    },
    wire::job::{Artifact, Attempt, Job, Progress, Review},
};

pub(crate) async fn run(api: &Api, id: &str, format: OutputFlag) -> anyhow::Result<()> {
    let answer = api.call::<Job>(Call::get(&["v1", "jobs", id])).await?;
    if format.is_json() {
        return output::json(&answer.raw);
    }
    let artifacts = api.list::<Artifact>(&["v1", "jobs", id, "artifacts"], Vec::new(), usize::MAX).await?.value;
    head(&answer.value)?;
    if !answer.value.attempts.is_empty() {
        output::line("")?;
        let head = ["attempt", "machine", "outcome", "effect", "started", "took", "steps", "why"];
        output::table(head, answer.value.attempts.iter().map(attempt))?;
    }
    if !artifacts.is_empty() {
        output::line("")?;
        output::table(["attempt", "artifact", "bytes", "type"], artifacts.iter().map(artifact))?;
        output::remark(format!("Save them with: deskfleet artifact get {id} -d FOLDER"));
    }
    Ok(())
}

fn head(job: &Job) -> anyhow::Result<()> {
    let time = |time: Option<crate::time::Timestamp>| time.map(output::moment).unwrap_or_default();
    let pairs = |pairs: &std::collections::BTreeMap<String, String>| {
        pairs.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>().join(", ")
    };
    let phase = job.phase.as_ref().map(|phase| format!(" ({phase})")).unwrap_or_default();
    output::fields(&[
        ("id", job.id.to_string()),
        ("workflow", format!("{} version {}", job.workflow, job.version)),
        (
            "calls",
            job.calls.iter().map(|(name, version)| format!("{name} version {version}")).collect::<Vec<_>>().join(", "),
        ),
        ("state", format!("{}{phase}", output::word(&job.state))),
        ("blocked", output::optional(job.blocked_reason.as_ref())),
        ("place", output::optional(job.queue_position)),
        ("machine", output::optional(job.machine.as_ref())),
        ("pool", output::optional(job.pool.as_ref())),
        ("require", pairs(&job.require)),
        ("labels", pairs(&job.labels)),
        ("team", job.team.to_string()),
        ("priority", job.priority.to_string()),
        ("key", output::optional(job.key.as_ref())),
        ("batch", output::optional(job.batch)),
        ("retry of", output::optional(job.retry_of)),
        ("retried by", output::optional(job.retried_by)),
        ("created", output::moment(job.created_at)),
        ("not before", time(job.run_at)),
        ("deadline", time(job.deadline)),
        ("started", time(job.started_at)),
        ("finished", time(job.finished_at)),
        ("took", output::took(job.started_at, job.finished_at)),
        ("cancel asked", time(job.cancel_requested_at)),
        ("progress", job.progress.map(progress).unwrap_or_default()),
        ("reviewed", job.reviews.iter().map(review).collect::<Vec<_>>().join("; ")),
        ("input", job.input.to_string()),
        ("output", job.output.as_ref().map(ToString::to_string).unwrap_or_default()),
    ])?;
    if let Some(failure) = &job.failure {
        output::line("")?;
        failure_text::whole(failure)?;
    }
    Ok(())
}

fn progress(progress: Progress) -> String {
    let Progress { total, done, failed } = progress;
    format!("{done} of {total} done, {failed} failed")
}

fn review(review: &Review) -> String {
    let by = review.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
    let note = review.note.as_ref().map(|note| format!(": {}", output::clean(note))).unwrap_or_default();
    format!("{} at {}{by}{note}", output::word(&review.decision), output::moment(review.at))
}

fn attempt(attempt: &Attempt) -> [String; 8] {
    const REASON_CHARS: usize = 80;
    let why = attempt.failure.as_ref().map(|failure| output::shorten(&output::clean(&failure.message), REASON_CHARS));
    [
        attempt.number.to_string(),
        attempt.machine.to_string(),
        attempt.outcome.map_or_else(|| "running".to_owned(), |outcome| output::word(&outcome)),
        output::word(&attempt.effect),
        attempt.started_at.map(output::moment).unwrap_or_default(),
        output::took(attempt.started_at, attempt.finished_at),
        format!("{}/{}", attempt.steps_done, attempt.steps_total),
        why.unwrap_or_default(),
    ]
}

fn artifact(artifact: &Artifact) -> [String; 4] {
    let bytes = if artifact.stored { artifact.bytes.to_string() } else { "not yet sent".to_owned() };
    [artifact.attempt.to_string(), artifact.name.clone(), bytes, artifact.content_type.clone()]
}

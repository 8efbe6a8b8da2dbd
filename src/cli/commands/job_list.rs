//! `deskfleet job list`.

use clap::Args;

use super::job_filter::JobFilterFlags;
use crate::{
    cli::{
        client::Api,
        output::{self, OutputFlag},
    },
    wire::job::Job,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskfleet job list --state blocked,needs_review\n  \
    deskfleet job list --workflow register-patient --label ticket=4711 --since 2026-12-01T06:00:00Z")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    filter: JobFilterFlags,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn run(api: &Api, args: ListArgs) -> anyhow::Result<()> {
    let filter = args.filter.into_pairs()?;
    let query = filter.iter().map(|(name, value)| (name.as_str(), value.clone())).collect();
    let answer = api.list::<Job>(&["v1", "jobs"], query, args.limit).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    output::table(
        ["id", "workflow", "state", "machine", "attempts", "created", "took", "result"],
        answer.value.iter().map(row),
    )?;
    if answer.raw["next"].is_string() {
        output::remark(format!("There are more than {}: narrow the filters or raise --limit.", args.limit));
    }
    Ok(())
}

pub(crate) fn row(job: &Job) -> [String; 8] {
    const RESULT_CHARS: usize = 60;
    let result = match (&job.failure, &job.output, &job.blocked_reason) {
        (_, _, Some(reason)) => reason.clone(),
        (Some(failure), ..) => format!("{}: {}", output::word(&failure.category), failure.message),
        (_, Some(result), _) => result.to_string(),
        _ => job.key.as_ref().map(|key| format!("key {key}")).unwrap_or_default(),
    };
    [
        job.id.to_string(),
        format!("{} v{}", job.workflow, job.version),
        output::word(&job.state),
        output::optional(job.machine.as_ref()),
        job.attempts.len().to_string(),
        output::moment(job.created_at),
        output::took(job.started_at, job.finished_at),
        output::shorten(&output::clean(&result), RESULT_CHARS),
    ]
}

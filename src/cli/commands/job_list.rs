//! `deskfleet job list`.

use clap::Args;

use crate::{
    cli::{
        client::Api,
        exit::usage,
        output::{self, OutputFlag},
    },
    wire::job::Job,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskfleet job list --state blocked,needs_review\n  \
    deskfleet job list --workflow register-patient --label ticket=4711 --since 2026-12-01T06:00:00Z")]
pub(crate) struct ListArgs {
    /// Several with commas, as with the other filters
    #[arg(long)]
    state: Option<String>,
    #[arg(long)]
    workflow: Option<String>,
    #[arg(long)]
    pool: Option<String>,
    #[arg(long)]
    machine: Option<String>,
    #[arg(long)]
    team: Option<String>,
    #[arg(long)]
    batch: Option<String>,
    #[arg(long)]
    key: Option<String>,
    /// Of the failure
    #[arg(long)]
    category: Option<String>,
    #[arg(long, value_name = "K=V")]
    label: Vec<String>,
    /// Created at or after, RFC 3339
    #[arg(long, value_name = "TIME")]
    since: Option<String>,
    /// Created before, RFC 3339
    #[arg(long, value_name = "TIME")]
    until: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 100, value_name = "COUNT")]
    limit: usize,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn run(api: &Api, args: ListArgs) -> anyhow::Result<()> {
    let labels = labels(&args.label)?;
    let filters = [
        ("state", args.state),
        ("workflow", args.workflow),
        ("pool", args.pool),
        ("machine", args.machine),
        ("team", args.team),
        ("batch", args.batch),
        ("key", args.key),
        ("category", args.category),
        ("since", args.since),
        ("until", args.until),
    ];
    let mut query: Vec<(&str, String)> =
        filters.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    query.extend(labels.iter().map(|(name, value)| (name.as_str(), value.clone())));
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

/// `site=north` to `label.site=north`.
fn labels(pairs: &[String]) -> anyhow::Result<Vec<(String, String)>> {
    let pair = |pair: &String| {
        let (key, value) = pair.split_once('=').ok_or_else(|| usage(format!("--label {pair}: write KEY=VALUE")))?;
        Ok((format!("label.{key}"), value.to_owned()))
    };
    pairs.iter().map(pair).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_become_parameters_of_their_own() {
        assert_eq!(labels(&["a=b=c".to_owned()]).unwrap(), [("label.a".to_owned(), "b=c".to_owned())]);
        assert!(labels(&["a".to_owned()]).unwrap_err().to_string().contains("KEY=VALUE"));
    }
}

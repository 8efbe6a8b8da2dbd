//! `deskfleet batch`: many jobs submitted as one, all or none.

use std::{path::Path, time::Duration};

use clap::{Args, Subcommand};

use super::{fleet::counts, job_submit::random_key, watch};
use crate::{
    cli::{
        client::{Answer, Api, Call, ConnectionFlags},
        exit::Exit,
        files,
        output::{self, OutputFlag},
    },
    time::Clock,
    wire::{batch::Batch, job::JobState},
};

const MOST_BATCH_BYTES: u64 = 1 << 30;
const PERIOD: Duration = Duration::from_secs(1);

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet batch submit patients.ndjson --max-running 4 --stop-after-failures 10 --wait\n  \
    deskfleet batch watch bat_…"
)]
pub(crate) struct BatchArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    action: BatchAction,
}

#[derive(Debug, Subcommand)]
enum BatchAction {
    /// Submit all jobs of a file: a batch as .json, jobs as .ndjson, a table as .csv
    Submit(SubmitArgs),
    /// Counts and limits
    Show {
        id: String,
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Counts as they change, until every job is settled
    Watch(WatchArgs),
    /// Cancel its jobs that are not settled
    Cancel {
        id: String,
        #[command(flatten)]
        output: OutputFlag,
    },
}

#[derive(Debug, Args)]
struct SubmitArgs {
    /// Its ending says its form; - is NDJSON from stdin
    file: String,
    /// At most so many of its jobs at once (.ndjson and .csv; a .json batch says it itself)
    #[arg(long, value_name = "COUNT")]
    max_running: Option<u32>,
    /// Cancel the rest after so many failed ones (.ndjson and .csv)
    #[arg(long, value_name = "COUNT")]
    stop_after_failures: Option<u32>,
    /// Wait until every job is settled
    #[arg(long)]
    wait: bool,
    /// Give up waiting after this time, such as 1h; the batch goes on
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

#[derive(Debug, Args)]
struct WatchArgs {
    id: String,
    /// Give up watching after this time, such as 1h
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn run(args: BatchArgs) -> anyhow::Result<Exit> {
    let api = Api::connect(&args.connection)?;
    match args.action {
        BatchAction::Submit(args) => submit(&api, args).await,
        BatchAction::Show { id, output } => {
            let answer = api.call::<Batch>(Call::get(&["v1", "batches", &id])).await?;
            print(&answer, output).map(|()| Exit::Done)
        }
        BatchAction::Watch(args) => {
            let timeout = watch::timeout(args.timeout.as_deref())?;
            let answer = follow(&api, &args.id, timeout).await?;
            print(&answer, args.output)?;
            Ok(exit_of(&answer.value))
        }
        BatchAction::Cancel { id, output } => {
            let answer = api.call::<Batch>(Call::post(&["v1", "batches", &id, "cancel"])).await?;
            print(&answer, output).map(|()| Exit::Done)
        }
    }
}

async fn submit(api: &Api, args: SubmitArgs) -> anyhow::Result<Exit> {
    let timeout = watch::timeout(args.timeout.as_deref())?;
    let body = files::read(&args.file, MOST_BATCH_BYTES)?;
    let limits = [("max_running", args.max_running), ("stop_after_failures", args.stop_after_failures)];
    let query = limits.into_iter().filter_map(|(name, value)| value.map(|value| (name, value.to_string()))).collect();
    let call = Call::post(&["v1", "batches"])
        .queries(query)
        .header("idempotency-key", random_key()?)
        .bytes(content_type(&args.file), body);
    let mut answer = api.call::<Batch>(call).await?;
    if args.wait {
        answer = follow(api, &answer.value.id.to_string(), timeout).await?;
    }
    print(&answer, args.output)?;
    Ok(if args.wait { exit_of(&answer.value) } else { Exit::Done })
}

fn content_type(file: &str) -> &'static str {
    let ending = Path::new(file).extension().map(|ending| ending.to_string_lossy().to_lowercase());
    match ending.as_deref() {
        Some("json") => "application/json",
        Some("csv") => "text/csv",
        _ => "application/x-ndjson",
    }
}

async fn follow(api: &Api, id: &str, timeout: Option<Duration>) -> anyhow::Result<Answer<Batch>> {
    let clock = Clock::System;
    let start = clock.now().mono;
    let mut shown = String::new();
    let path = ["v1", "batches", id];
    loop {
        let call = Call::get(&path).query("wait", &crate::time::format_duration(PERIOD));
        let answer = api.call::<Batch>(call).await?;
        let line = format!("{} of {}: {}", settled(&answer.value), answer.value.total, counts(&answer.value.counts));
        if line != shown {
            output::remark(&line);
            shown = line;
        }
        let over = timeout.is_some_and(|timeout| clock.now().mono.since(start) >= timeout);
        if over || settled(&answer.value) >= answer.value.total {
            return Ok(answer);
        }
    }
}

fn settled(batch: &Batch) -> u32 {
    batch.counts.iter().filter(|(state, _)| state.is_settled()).map(|(_, count)| count).sum()
}

fn exit_of(batch: &Batch) -> Exit {
    let succeeded = batch.counts.get(&JobState::Succeeded).copied().unwrap_or(0);
    if settled(batch) < batch.total {
        Exit::Unsettled
    } else if succeeded < batch.total {
        Exit::Unsuccessful
    } else {
        Exit::Done
    }
}

fn print(answer: &Answer<Batch>, format: OutputFlag) -> anyhow::Result<()> {
    if format.is_json() {
        return output::json(&answer.raw);
    }
    let batch = &answer.value;
    output::fields(&[
        ("id", batch.id.to_string()),
        ("state", batch.state.clone()),
        ("jobs", format!("{}: {}", batch.total, counts(&batch.counts))),
        ("max running", output::optional(batch.max_running)),
        ("stop after failures", output::optional(batch.stop_after_failures)),
        ("created", output::moment(batch.created_at)),
        ("took", output::took(Some(batch.created_at), batch.finished_at)),
    ])?;
    output::remark(format!("Its jobs: deskfleet job list --batch {}", batch.id));
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{ids::BatchId, time::Timestamp};

    fn batch(counts: &[(JobState, u32)]) -> Batch {
        Batch {
            id: BatchId::new(0, 1),
            state: "running".to_owned(),
            total: counts.iter().map(|(_, count)| count).sum(),
            counts: counts.iter().copied().collect::<BTreeMap<_, _>>(),
            max_running: None,
            stop_after_failures: None,
            created_at: Timestamp::from_ms(0),
            finished_at: None,
            jobs: Vec::new(),
        }
    }

    #[test]
    fn a_batch_succeeds_only_as_a_whole() {
        assert_eq!(exit_of(&batch(&[(JobState::Succeeded, 3)])), Exit::Done);
        assert_eq!(exit_of(&batch(&[(JobState::Succeeded, 2), (JobState::Failed, 1)])), Exit::Unsuccessful);
        assert_eq!(exit_of(&batch(&[(JobState::Succeeded, 2), (JobState::Running, 1)])), Exit::Unsettled);
    }

    #[test]
    fn the_ending_of_the_file_says_its_form() {
        assert_eq!(content_type("a.JSON"), "application/json");
        assert_eq!(content_type("a.csv"), "text/csv");
        assert_eq!(content_type("-"), "application/x-ndjson");
    }
}

//! `deskfleet job`: the tree of its commands, and the small ones among them.

use clap::{Args, Subcommand};

use super::{
    bulk, job_explain,
    job_list::{self, ListArgs},
    job_logs::{self, LogsArgs},
    job_report::{self, ReportArgs},
    job_show,
    job_submit::{self, SubmitArgs},
    watch::{self, Show},
};
use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        exit::Exit,
        output::{self, OutputFlag},
    },
    wire::job::{Job, RetryRequest},
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskfleet job submit register-patient --set mrn=0042 --wait\n  \
    deskfleet job list --state blocked,needs_review\n  deskfleet job watch job_…")]
pub(crate) struct JobArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    action: JobAction,
}

#[derive(Debug, Subcommand)]
enum JobAction {
    /// Ask for one run of a workflow
    Submit(Box<SubmitArgs>),
    /// Jobs, newest first
    List(Box<ListArgs>),
    /// One job with its attempts, failure and pictures
    Show {
        id: String,
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Why it does not run, and what would have to change
    Explain {
        id: String,
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Steps as they happen, until it is settled
    Watch(WatchArgs),
    /// What the agent wrote down of an attempt that did not succeed
    Logs(LogsArgs),
    /// An attempt as one HTML file: steps, times, targets, pictures
    Report(ReportArgs),
    /// Stop it, or keep it from starting
    Cancel {
        id: String,
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Let one go on that a restored backup has blocked
    Release {
        id: String,
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Cancel or retry all that a filter fits
    Bulk(Box<bulk::JobBulkArgs>),
    /// Submit a failed or cancelled one again, as a new job
    Retry {
        id: String,
        /// Also where it may have done something already; needs a note
        #[arg(long, requires = "note")]
        force: bool,
        /// Why, for the record
        #[arg(long, value_name = "TEXT")]
        note: Option<String>,
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Decide about one that needs a review, after a look into the application
    Review(ReviewArgs),
}

#[derive(Debug, Args)]
struct ReviewArgs {
    id: String,
    /// It has to be done (again), it has been done, or it stays undone
    #[arg(long, value_name = "DECISION", value_parser = ["retry", "succeed", "fail"])]
    decision: String,
    /// What you found, for the record; needed with retry
    #[arg(long, value_name = "TEXT", required_if_eq("decision", "retry"))]
    note: Option<String>,
    /// The attempt you looked at; the job's last unless given
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u32>,
    #[command(flatten)]
    output: OutputFlag,
}

#[derive(Debug, Args)]
struct WatchArgs {
    id: String,
    /// Give up watching after this time, such as 10m
    #[arg(long, value_name = "TIME")]
    timeout: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn run(args: JobArgs) -> anyhow::Result<Exit> {
    let api = Api::connect(&args.connection)?;
    match args.action {
        JobAction::Submit(args) => job_submit::run(&api, *args).await,
        JobAction::List(args) => job_list::run(&api, *args).await.map(|()| Exit::Done),
        JobAction::Show { id, output } => job_show::run(&api, &id, output).await.map(|()| Exit::Done),
        JobAction::Explain { id, output } => job_explain::run(&api, &id, output).await.map(|()| Exit::Done),
        JobAction::Watch(args) => {
            let timeout = watch::timeout(args.timeout.as_deref())?;
            let answer = watch::job(&api, &args.id, Show::Steps, timeout).await?;
            watch::conclude(&answer, args.output.is_json())
        }
        JobAction::Report(args) => job_report::run(&api, args).await.map(|()| Exit::Done),
        JobAction::Logs(args) => job_logs::run(&api, args).await.map(|()| Exit::Done),
        JobAction::Bulk(args) => bulk::jobs(&api, *args).await,
        JobAction::Cancel { id, output } => act(&api, (&id, "cancel"), None, output).await.map(|()| Exit::Done),
        JobAction::Release { id, output } => act(&api, (&id, "release"), None, output).await.map(|()| Exit::Done),
        JobAction::Retry { id, force, note, output } => {
            let body = serde_json::to_value(RetryRequest { force, note })?;
            act(&api, (&id, "retry"), Some(body), output).await.map(|()| Exit::Done)
        }
        JobAction::Review(ReviewArgs { id, decision, note, attempt, output }) => {
            let attempt = match attempt {
                Some(attempt) => Some(attempt),
                None => last_attempt(&api, &id).await?,
            };
            let body = serde_json::json!({ "decision": decision, "note": note, "attempt": attempt });
            act(&api, (&id, "review"), Some(body), output).await.map(|()| Exit::Done)
        }
    }
}

/// So that a decision that comes late, or twice, is one about this attempt alone.
async fn last_attempt(api: &Api, id: &str) -> anyhow::Result<Option<u32>> {
    let job = api.call::<Job>(Call::get(&["v1", "jobs", id])).await?.value;
    Ok(job.attempts.last().map(|attempt| attempt.number))
}

async fn act(
    api: &Api,
    (id, action): (&str, &str),
    body: Option<serde_json::Value>,
    format: OutputFlag,
) -> anyhow::Result<()> {
    let path = ["v1", "jobs", id, action];
    let call = Call::post(&path);
    let call = match &body {
        Some(body) => call.json(body)?,
        None => call,
    };
    let answer = api.call::<Job>(call).await?;
    if format.is_json() {
        return output::json(&answer.raw);
    }
    let job = &answer.value;
    let asked = if job.cancel_requested_at.is_some() && !job.state.is_settled() {
        ", asked to stop after its current action"
    } else {
        ""
    };
    output::line(format!("{}{asked}", watch::state_line(job)))
}

//! `deskfleet job bulk` and `deskfleet machine bulk`: one action on all that a filter fits.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};

use super::job_filter::{JobFilterFlags, given, labels};
use crate::{
    cli::{
        client::{Api, Call},
        exit::Exit,
        output::{self, OutputFlag},
    },
    wire::bulk::{FilterValue, JobAction, JobBulk, JobBulkRequest, MachineAction, MachineBulk, MachineBulkRequest},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet job bulk retry --state failed --category desktop --since 2026-12-01T06:00:00Z --dry-run\n  \
    deskfleet job bulk cancel --workflow register-patient --state queued,blocked"
)]
pub(crate) struct JobBulkArgs {
    action: JobWhat,
    #[command(flatten)]
    filter: JobFilterFlags,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  deskfleet machine bulk drain --pool clinic --reason update --dry-run")]
pub(crate) struct MachineBulkArgs {
    action: MachineWhat,
    #[arg(long)]
    pool: Option<String>,
    /// idle, busy, offline; several with commas
    #[arg(long)]
    status: Option<String>,
    /// active, draining, maintenance, quarantined; several with commas
    #[arg(long)]
    mode: Option<String>,
    #[arg(long, value_name = "K=V")]
    label: Vec<String>,
    /// Shown to everyone who looks at the machines
    #[arg(long)]
    reason: Option<String>,
    /// With maintenance and quarantine: stop what runs, too
    #[arg(long)]
    now: bool,
    #[command(flatten)]
    how: HowArgs,
}

#[derive(Debug, Args)]
struct HowArgs {
    /// Without any filter: really all
    #[arg(long)]
    all: bool,
    /// Only say how many and which
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    output: OutputFlag,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum JobWhat {
    Cancel,
    Retry,
    /// Those that a restored backup has blocked
    Release,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum MachineWhat {
    Drain,
    Activate,
    Maintenance,
    Quarantine,
}

type Filter = BTreeMap<String, FilterValue>;

fn filter(pairs: Vec<(String, String)>) -> Filter {
    pairs.into_iter().map(|(name, value)| (name, FilterValue::One(value))).collect()
}

/// Something refused is told by the exit code, so that a script notices.
pub(crate) async fn jobs(api: &Api, args: JobBulkArgs) -> anyhow::Result<Exit> {
    let action = match args.action {
        JobWhat::Cancel => JobAction::Cancel,
        JobWhat::Retry => JobAction::Retry,
        JobWhat::Release => JobAction::Release,
    };
    let HowArgs { all, dry_run, output } = args.how;
    let request = JobBulkRequest { action, filter: filter(args.filter.into_pairs()?), all, dry_run };
    let answer = api.call::<JobBulk>(Call::post(&["v1", "jobs", "bulk"]).json(&request)?).await?;
    let told = &answer.value;
    if output.is_json() {
        output::json(&answer.raw)?;
    } else {
        output::table(
            ["job", "result", "new job", "why"],
            told.items.iter().map(|item| {
                let why = item.detail.as_deref().map(output::clean).unwrap_or_default();
                [item.job.to_string(), item.result.clone(), output::optional(item.retry), why]
            }),
        )?;
    }
    Ok(conclude("jobs", dry_run, (told.matched, told.done, told.refused)))
}

pub(crate) async fn machines(api: &Api, args: MachineBulkArgs) -> anyhow::Result<Exit> {
    let mut pairs = given([("pool", args.pool), ("status", args.status), ("mode", args.mode)]);
    pairs.extend(labels(&args.label)?);
    let action = match args.action {
        MachineWhat::Drain => MachineAction::Drain,
        MachineWhat::Activate => MachineAction::Activate,
        MachineWhat::Maintenance => MachineAction::Maintenance,
        MachineWhat::Quarantine => MachineAction::Quarantine,
    };
    let HowArgs { all, dry_run, output } = args.how;
    let request =
        MachineBulkRequest { action, filter: filter(pairs), all, dry_run, reason: args.reason, now: args.now };
    let answer = api.call::<MachineBulk>(Call::post(&["v1", "machines", "bulk"]).json(&request)?).await?;
    let told = &answer.value;
    if output.is_json() {
        output::json(&answer.raw)?;
    } else {
        output::table(
            ["machine", "result", "why"],
            told.items.iter().map(|item| {
                let why = item.detail.as_deref().map(output::clean).unwrap_or_default();
                [item.machine.to_string(), item.result.clone(), why]
            }),
        )?;
    }
    Ok(conclude("machines", dry_run, (told.matched, told.done, told.refused)))
}

fn conclude(what: &str, dry_run: bool, (matched, done, refused): (u64, u64, u64)) -> Exit {
    if dry_run {
        output::remark(format!("{matched} {what} fit; nothing was done."));
    } else {
        output::remark(format!("{matched} {what} fit: {done} done, {refused} refused."));
    }
    if refused > 0 { Exit::Refused } else { Exit::Done }
}

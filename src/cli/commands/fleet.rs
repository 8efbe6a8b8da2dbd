//! `deskfleet fleet`: the fleet at a glance, and its one big switch.

use std::{collections::BTreeMap, time::Duration};

use clap::{Args, Subcommand};
use serde::Serialize;
use serde_json::Value;

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        output::{self, OutputFlag},
    },
    wire::{
        document::PauseRequest,
        fleet::{FleetSummary, GroupSummary, Room, StorageSummary},
    },
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet fleet\n  deskfleet fleet pause --reason \"network work until 18:00\"\n  \
    deskfleet fleet resume"
)]
pub(crate) struct FleetArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(flatten)]
    output: OutputFlag,
    #[command(subcommand)]
    action: Option<FleetAction>,
}

#[derive(Debug, Subcommand)]
enum FleetAction {
    /// Stop giving jobs to machines; what runs goes on
    Pause {
        #[arg(long)]
        reason: Option<String>,
    },
    /// Give jobs to machines again
    Resume,
}

pub(crate) async fn run(args: FleetArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    match args.action {
        None => {
            let answer = api.call::<FleetSummary>(Call::get(&["v1", "fleet"])).await?;
            if args.output.is_json() { output::json(&answer.raw) } else { show(&answer.value) }
        }
        Some(FleetAction::Pause { reason }) => {
            let call = Call::post(&["v1", "fleet", "pause"]).json(&PauseRequest { reason })?;
            report(args.output, &api.call::<Value>(call).await?.raw, "paused: no machine gets a new job")
        }
        Some(FleetAction::Resume) => {
            let call = Call::post(&["v1", "fleet", "resume"]);
            report(args.output, &api.call::<Value>(call).await?.raw, "resumed")
        }
    }
}

fn report(format: OutputFlag, raw: &Value, text: &str) -> anyhow::Result<()> {
    if format.is_json() { output::json(raw) } else { output::line(text) }
}

fn show(summary: &FleetSummary) -> anyhow::Result<()> {
    let oldest = |ms: Option<u64>| ms.map_or_else(String::new, |ms| output::duration(Duration::from_millis(ms)));
    if let Some(reason) = &summary.paused {
        output::line(format!("PAUSED: {}", output::clean(reason)))?;
    }
    if let Some(warning) = storage(&summary.storage) {
        output::line(warning)?;
    }
    output::fields(&[
        ("jobs", counts(&summary.jobs)),
        ("machines", counts(&summary.machines)),
        ("oldest queued", oldest(summary.oldest_queued_ms)),
    ])?;
    let row = |kind: &str, (name, group): (&crate::ids::Name, &GroupSummary)| {
        [format!("{kind} {name}"), counts(&group.machines), counts(&group.jobs), oldest(group.oldest_queued_ms)]
    };
    let rows = summary.pools.iter().map(|entry| row("pool", entry));
    let rows = rows.chain(summary.teams.iter().map(|entry| row("team", entry)));
    output::line("")?;
    output::table(["group", "machines", "jobs", "oldest queued"], rows)
}

/// Nothing where there is enough room.
fn storage(storage: &StorageSummary) -> Option<String> {
    let free = storage.free_bytes.map_or_else(String::new, |bytes| format!(", {} MiB free", bytes >> 20));
    match storage.room {
        Room::Enough => None,
        Room::Low => Some(format!("DISK LOW{free}: new requests are refused, what runs is finished")),
        Room::Full => Some(format!("DISK FULL{free}: nothing is written until there is room")),
    }
}

/// `queued 3, running 2`, without what is zero.
pub(crate) fn counts<K: Serialize, N: ToString + PartialEq + From<u8>>(counts: &BTreeMap<K, N>) -> String {
    let shown = counts.iter().filter(|(_, count)| **count != N::from(0));
    let texts: Vec<String> = shown.map(|(key, count)| format!("{} {}", output::word(key), count.to_string())).collect();
    if texts.is_empty() { "none".to_owned() } else { texts.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::job::JobState;

    #[test]
    fn counts_leave_out_what_is_zero() {
        let jobs = BTreeMap::from([(JobState::Queued, 3_u64), (JobState::Failed, 0), (JobState::NeedsReview, 1)]);
        assert_eq!(counts(&jobs), "queued 3, needs_review 1");
        assert_eq!(counts(&BTreeMap::<JobState, u64>::new()), "none");
    }
}

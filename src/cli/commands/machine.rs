//! `deskfleet machine`: list, show, change the mode, look at the screen.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use reqwest::header::CONTENT_TYPE;

use super::bulk;
use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        exit::Exit,
        files,
        output::{self, OutputFlag},
    },
    wire::machine::{Machine, ModeRequest, Readiness},
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskfleet machine list --pool clinic --status idle\n  \
    deskfleet machine drain vm-07 --reason \"new graphics driver\"\n  deskfleet machine screenshot vm-07 --fresh -o now.png")]
pub(crate) struct MachineArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    action: MachineAction,
}

#[derive(Debug, Subcommand)]
enum MachineAction {
    /// All machines, with what connection, operator and screen say
    List(ListArgs),
    /// One machine with its facts
    Show {
        name: String,
        #[command(flatten)]
        output: OutputFlag,
    },
    /// Take no new job, finish the one it has
    Drain(ModeArgs),
    /// Take jobs again
    Activate(ModeArgs),
    /// Keep it for work by hand
    Maintenance(ModeArgs),
    /// Take it out because something is wrong with it
    Quarantine(QuarantineArgs),
    /// Change the mode of all that a filter fits
    Bulk(Box<bulk::MachineBulkArgs>),
    /// Save a picture of its screen
    Screenshot(ScreenshotArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[arg(long)]
    pool: Option<String>,
    /// idle, busy, offline; several with commas
    #[arg(long)]
    status: Option<String>,
    /// active, draining, maintenance, quarantined; several with commas
    #[arg(long)]
    mode: Option<String>,
    /// At most so many
    #[arg(long, default_value_t = 1000, value_name = "COUNT")]
    limit: usize,
    #[command(flatten)]
    output: OutputFlag,
}

#[derive(Debug, Args)]
struct ModeArgs {
    name: String,
    /// Shown to everyone who looks at the machine
    #[arg(long)]
    reason: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

#[derive(Debug, Args)]
struct QuarantineArgs {
    #[command(flatten)]
    mode: ModeArgs,
    /// Stop the running attempt too
    #[arg(long)]
    now: bool,
}

#[derive(Debug, Args)]
struct ScreenshotArgs {
    name: String,
    /// Ask the agent for a new one instead of the latest it sent
    #[arg(long)]
    fresh: bool,
    /// Where to save it; the machine's name in the current folder unless given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) async fn run(args: MachineArgs) -> anyhow::Result<Exit> {
    let api = Api::connect(&args.connection)?;
    let done = match args.action {
        MachineAction::Bulk(args) => return bulk::machines(&api, *args).await,
        MachineAction::List(args) => list(&api, args).await,
        MachineAction::Show { name, output } => {
            let answer = api.call::<Machine>(Call::get(&["v1", "machines", &name])).await?;
            if output.is_json() { output::json(&answer.raw) } else { show(&answer.value) }
        }
        MachineAction::Drain(args) => change_mode(&api, "drain", args, false).await,
        MachineAction::Activate(args) => change_mode(&api, "activate", args, false).await,
        MachineAction::Maintenance(args) => change_mode(&api, "maintenance", args, false).await,
        MachineAction::Quarantine(args) => change_mode(&api, "quarantine", args.mode, args.now).await,
        MachineAction::Screenshot(args) => screenshot(&api, args).await,
    };
    done.map(|()| Exit::Done)
}

async fn list(api: &Api, args: ListArgs) -> anyhow::Result<()> {
    let filters = [("pool", args.pool), ("status", args.status), ("mode", args.mode)];
    let query = filters.into_iter().filter_map(|(name, value)| value.map(|value| (name, value))).collect();
    let answer = api.list::<Machine>(&["v1", "machines"], query, args.limit).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    let row = |machine: &Machine| {
        let readiness = machine.readiness.iter().map(|(app, readiness)| format!("{app} {}", ready_text(readiness)));
        [
            machine.name.to_string(),
            machine.pool.to_string(),
            output::word(&machine.status),
            output::word(&machine.mode),
            readiness.collect::<Vec<_>>().join(", "),
            output::optional(machine.job),
            machine.last_seen.map(output::moment).unwrap_or_default(),
        ]
    };
    output::table(["name", "pool", "status", "mode", "readiness", "job", "last seen"], answer.value.iter().map(row))
}

fn ready_text(readiness: &Readiness) -> String {
    let state = output::word(&readiness.state);
    match &readiness.screen {
        Some(screen) if *screen != state => format!("{state} ({screen})"),
        _ => state,
    }
}

fn show(machine: &Machine) -> anyhow::Result<()> {
    let facts = &machine.facts;
    let readiness = machine.readiness.iter().map(|(app, readiness)| {
        let reason = readiness.reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{app} {} since {}{reason}", ready_text(readiness), output::moment(readiness.since))
    });
    let labels = machine.labels.iter().map(|(key, value)| format!("{key}={value}"));
    let by = machine.mode_by.as_deref().map(|by| format!(" by {by}")).unwrap_or_default();
    let reason = machine.mode_reason.as_deref().map(|reason| format!(": {reason}")).unwrap_or_default();
    let display = facts.display.map(|display| format!("{}x{} at {}", display.width, display.height, display.scale));
    let lease = machine.lease.as_ref().map(|lease| format!("{} with epoch {}", lease.state, lease.epoch));
    output::fields(&[
        ("name", machine.name.to_string()),
        ("id", machine.id.to_string()),
        ("pool", machine.pool.to_string()),
        ("labels", labels.collect::<Vec<_>>().join(", ")),
        ("status", output::word(&machine.status)),
        ("mode", format!("{} since {}{by}{reason}", output::word(&machine.mode), output::moment(machine.mode_since))),
        ("readiness", readiness.collect::<Vec<_>>().join("\n")),
        ("job", output::optional(machine.job)),
        ("lease", lease.unwrap_or_default()),
        ("last seen", machine.last_seen.map(output::moment).unwrap_or_default()),
        ("joined", output::moment(machine.joined_at)),
        ("system", format!("{} {}", facts.os, facts.os_build)),
        ("host", facts.host.clone()),
        ("user", facts.user.clone()),
        ("display", display.unwrap_or_default()),
        ("session", facts.session.clone()),
        ("started because of", facts.boot_reason.clone().unwrap_or_default()),
        ("agent", facts.agent_version.clone()),
        ("jobs", format!("{} succeeded, {} failed", machine.stats.succeeded, machine.stats.failed)),
        ("failed in a row", machine.stats.failed_in_a_row.to_string()),
    ])
}

async fn change_mode(api: &Api, action: &str, args: ModeArgs, now: bool) -> anyhow::Result<()> {
    let path = ["v1", "machines", args.name.as_str(), action];
    let call = Call::post(&path).json(&ModeRequest { reason: args.reason, now })?;
    let answer = api.call::<Machine>(call).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    let machine = answer.value;
    let job = machine.job.map(|job| format!(", running {job}")).unwrap_or_default();
    output::line(format!("{}: {}, {}{job}", machine.name, output::word(&machine.mode), output::word(&machine.status)))
}

async fn screenshot(api: &Api, args: ScreenshotArgs) -> anyhow::Result<()> {
    let path = ["v1", "machines", args.name.as_str(), "screenshot"];
    let mut call = Call::get(&path);
    if args.fresh {
        call = call.query("fresh", &true);
    }
    let response = api.open(&call).await?;
    let content_type = response.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let extension = files::image_extension(content_type);
    let stem = args.name.replace(['/', '\\'], "-");
    let target = args.output.unwrap_or_else(|| PathBuf::from(format!("{stem}.{extension}")));
    let bytes = files::save(response, &target).await?;
    output::line(format!("{} ({bytes} bytes)", target.display()))
}

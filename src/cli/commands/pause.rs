//! `deskfleet pause` and `deskfleet resume`: no new work of one workflow, app or pool. What runs goes on.

use clap::Args;

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        exit::usage,
        output::{self, OutputFlag},
    },
    wire::document::{Document, PauseRequest},
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  deskfleet pause workflow register-patient --reason \"new release on Friday\"")]
pub(crate) struct PauseArgs {
    #[command(flatten)]
    which: WhichArgs,
    /// Shown with every job that waits for it
    #[arg(long)]
    reason: Option<String>,
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  deskfleet resume workflow register-patient")]
pub(crate) struct ResumeArgs {
    #[command(flatten)]
    which: WhichArgs,
}

#[derive(Debug, Args)]
struct WhichArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// workflow, app or pool
    kind: String,
    name: String,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn pause(args: PauseArgs) -> anyhow::Result<()> {
    act(args.which, "pause", Some(PauseRequest { reason: args.reason })).await
}

pub(crate) async fn resume(args: ResumeArgs) -> anyhow::Result<()> {
    act(args.which, "resume", None).await
}

async fn act(args: WhichArgs, action: &str, body: Option<PauseRequest>) -> anyhow::Result<()> {
    let kind = match args.kind.trim_end_matches('s') {
        "workflow" => "workflows",
        "app" => "apps",
        "pool" => "pools",
        other => return Err(usage(format!("`{other}` cannot be paused: write workflow, app or pool"))),
    };
    let api = Api::connect(&args.connection)?;
    let path = ["v1", kind, args.name.as_str(), action];
    let mut call = Call::post(&path);
    if let Some(body) = &body {
        call = call.json(body)?;
    }
    let answer = api.call::<Document>(call).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    let state = if body.is_some() { "paused; what runs goes on" } else { "resumed" };
    output::line(format!("{} {}: {state}", args.kind, args.name))
}

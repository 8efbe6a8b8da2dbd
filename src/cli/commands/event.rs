//! `deskfleet event tail`: committed facts as they come, across reconnects without a gap.

use std::time::Duration;

use clap::{Args, Subcommand};

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags, Messages},
        exit::{self, Exit},
        output::{self, OutputFlag},
    },
    wire::event::Event,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet event tail --type job.\n  deskfleet event tail --after 0 -o json | jq .subject"
)]
pub(crate) struct EventArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    action: EventAction,
}

#[derive(Debug, Subcommand)]
enum EventAction {
    /// Print events as they happen, until interrupted
    Tail(TailArgs),
}

#[derive(Debug, Args)]
struct TailArgs {
    /// Begin after this number; 0 is the oldest still kept. Only new ones unless given
    #[arg(long, value_name = "SEQ")]
    after: Option<u64>,
    /// Such as job.failed, or job. for all that begin so; several with commas
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<String>,
    #[command(flatten)]
    output: OutputFlag,
}

const FIRST_PAUSE: Duration = Duration::from_millis(500);
const LONGEST_PAUSE: Duration = Duration::from_secs(15);

pub(crate) async fn run(args: EventArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    let EventAction::Tail(args) = args.action;
    let mut after = args.after;
    let mut pause = FIRST_PAUSE;
    let mut connected = false;
    loop {
        let before = after;
        match follow(&api, &args, &mut after, &mut connected).await {
            Ok(()) => {}
            // Before the first connection an error is the answer; later it is a pause.
            Err(error) if connected && exit::code(&error) == Exit::Unreachable => {
                output::remark(format!("{error}; trying again in {}", output::duration(pause)));
            }
            Err(error) => return Err(error),
        }
        pause = if after > before { FIRST_PAUSE } else { (pause * 2).min(LONGEST_PAUSE) };
        tokio::time::sleep(pause).await;
    }
}

async fn follow(api: &Api, args: &TailArgs, after: &mut Option<u64>, connected: &mut bool) -> anyhow::Result<()> {
    let mut call = Call::get(&["v1", "events"]);
    if let Some(after) = after {
        call = call.query("after", after);
    }
    if let Some(kind) = &args.kind {
        call = call.query("type", kind);
    }
    let mut messages = Messages::open(api, call).await?;
    *connected = true;
    loop {
        let next = messages.next().await;
        // Also where the connection breaks before the first event: what comes meanwhile is not missed.
        if let Some(place) = messages.last_id().and_then(|id| id.parse().ok()) {
            *after = Some(place);
        }
        let Some(message) = next? else { return Ok(()) };
        if let Ok(event) = serde_json::from_str::<Event>(&message.data) {
            *after = Some(event.seq);
            print(&event, &message.data, args.output)?;
        }
    }
}

fn print(event: &Event, raw: &str, format: OutputFlag) -> anyhow::Result<()> {
    const DATA_CHARS: usize = 160;
    if format.is_json() {
        return output::line(raw);
    }
    let data = output::clean(&output::short_json(&event.data, DATA_CHARS));
    let subject = output::clean(&event.subject);
    output::line(format!("{:>8}  {}  {:<24}  {subject}  {data}", event.seq, output::moment(event.at), event.kind))
}

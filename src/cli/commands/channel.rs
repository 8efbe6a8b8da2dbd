//! `deskfleet channel`: what became of messages, and sending them again. The documents themselves: `get`, `apply`, `delete`.

use clap::{Args, Subcommand};

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        output::{self, OutputFlag},
    },
    wire::channel::{Delivery, DeliveryState, ReplayRequest, Replayed},
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet channel deliveries ops\n  deskfleet channel replay ops --from 4711\n  deskfleet get channel ops"
)]
pub(crate) struct ChannelArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    action: ChannelAction,
}

#[derive(Debug, Subcommand)]
enum ChannelAction {
    /// What became of its messages, newest first
    Deliveries(DeliveriesArgs),
    /// Send its messages again, from an event on
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
struct DeliveriesArgs {
    name: String,
    /// At most so many
    #[arg(long, value_name = "COUNT", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    output: OutputFlag,
}

#[derive(Debug, Args)]
struct ReplayArgs {
    name: String,
    /// Number of the first event
    #[arg(long, value_name = "SEQ")]
    from: u64,
    /// Number of the last event; up to the newest unless given
    #[arg(long, value_name = "SEQ")]
    to: Option<u64>,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn run(args: ChannelArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    match args.action {
        ChannelAction::Deliveries(args) => deliveries(&api, args).await,
        ChannelAction::Replay(args) => replay(&api, args).await,
    }
}

async fn deliveries(api: &Api, args: DeliveriesArgs) -> anyhow::Result<()> {
    let path = ["v1", "channels", args.name.as_str(), "deliveries"];
    let answer = api.list::<Delivery>(&path, Vec::new(), args.limit).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    let row = |delivery: &Delivery| {
        let state = match delivery.state {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Parked => "parked",
        };
        [
            delivery.seq.to_string(),
            delivery.kind.clone(),
            delivery.subject.clone(),
            state.to_owned(),
            delivery.attempts.to_string(),
            delivery.last_tried_at.map_or_else(String::new, output::moment),
            delivery.last_error.clone().unwrap_or_default(),
        ]
    };
    output::table(["seq", "type", "about", "state", "attempts", "last tried", "error"], answer.value.iter().map(row))
}

async fn replay(api: &Api, args: ReplayArgs) -> anyhow::Result<()> {
    let request = ReplayRequest { from: args.from, to: args.to };
    let path = ["v1", "channels", args.name.as_str(), "replay"];
    let answer = api.call::<Replayed>(Call::post(&path).json(&request)?).await?;
    if args.output.is_json() {
        return output::json(&answer.raw);
    }
    output::line(format!("{} messages are sent again", answer.value.messages))
}

//! `deskfleet job logs`.

use clap::Args;

use crate::cli::{
    client::{Api, Call},
    output,
};

#[derive(Debug, Args)]
pub(crate) struct LogsArgs {
    id: String,
    /// Of this attempt; of the latest that did something unless given
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u32>,
}

pub(crate) async fn run(api: &Api, args: LogsArgs) -> anyhow::Result<()> {
    let path = ["v1", "jobs", args.id.as_str(), "logs"];
    let mut call = Call::get(&path);
    if let Some(attempt) = &args.attempt {
        call = call.query("attempt", attempt);
    }
    let bytes = api.bytes(call).await?;
    String::from_utf8_lossy(&bytes).lines().try_for_each(|line| output::line(output::clean(line)))
}

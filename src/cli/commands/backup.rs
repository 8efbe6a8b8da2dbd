//! `deskfleet backup`: everything of the controller in one file, made while it runs.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{
    client::{Api, Call, ConnectionFlags},
    files, output,
};

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  deskfleet backup /srv/backups/deskfleet-monday.tar")]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// The file to make. Keys are in it: only its owner can read it
    #[arg(value_name = "DEST")]
    destination: PathBuf,
}

pub(crate) async fn run(args: BackupArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    let response = api.open(&Call::post(&["v1", "backup"])).await?;
    let bytes = files::save_private(response, &args.destination).await?;
    output::line(format!("{} ({bytes} bytes)", args.destination.display()))
}

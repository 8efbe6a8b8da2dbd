//! `deskfleet job report`: an attempt as one HTML file.

use std::path::PathBuf;

use clap::Args;

use crate::cli::{
    client::{Api, Call},
    files, output,
};

#[derive(Debug, Args)]
pub(crate) struct ReportArgs {
    id: String,
    /// Of this attempt; of the latest that did something unless given
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u32>,
    /// Where to save it; ID.html in the current folder unless given
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

pub(crate) async fn run(api: &Api, args: ReportArgs) -> anyhow::Result<()> {
    let path = ["v1", "jobs", args.id.as_str(), "report"];
    let mut call = Call::get(&path);
    if let Some(attempt) = &args.attempt {
        call = call.query("attempt", attempt);
    }
    let target = args.output.unwrap_or_else(|| PathBuf::from(format!("{}.html", files::plain_name(&args.id))));
    let bytes = files::save(api.open(&call).await?, &target).await?;
    output::line(format!("{} ({bytes} bytes)", target.display()))
}

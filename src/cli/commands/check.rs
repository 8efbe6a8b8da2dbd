//! `deskfleet check`: looks at all that is stored, of a running controller or of a data directory nobody uses.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        exit::Exit,
        output::{self, OutputFlag},
    },
    controller,
    time::Clock,
    wire::upkeep::CheckReport,
};

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  deskfleet check                                  the running controller\n  \
    deskfleet check --content                        with every picture and file, byte by byte\n  \
    deskfleet check --data-dir /srv/restored -o json a directory no controller uses, all of it")]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    /// A directory no controller uses, instead of the running controller
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Read every blob too, and compare it with its name
    #[arg(long, conflicts_with = "data_dir")]
    content: bool,
    #[command(flatten)]
    output: OutputFlag,
}

pub(crate) async fn run(args: CheckArgs) -> anyhow::Result<Exit> {
    let report = if let Some(dir) = &args.data_dir {
        of_directory(dir)?
    } else {
        let api = Api::connect(&args.connection)?;
        let call = Call::post(&["v1", "check"]).query("content", &args.content);
        api.call::<CheckReport>(call).await?.value
    };
    let exit = if report.faults.is_empty() { Exit::Done } else { Exit::Unsuccessful };
    if args.output.is_json() {
        output::json(&report)?;
        return Ok(exit);
    }
    for fault in &report.faults {
        output::line(output::clean(fault))?;
    }
    let looked_at: u64 = report.looked_at.values().sum();
    output::line(match report.faults.len() {
        0 => format!("good: {looked_at} rows and blobs looked at"),
        faults => format!("{faults} faults in {looked_at} rows and blobs: restore the last good backup"),
    })?;
    Ok(exit)
}

fn of_directory(dir: &Path) -> anyhow::Result<CheckReport> {
    let checked = controller::check(dir, &Clock::System)?;
    let looked_at = checked.counts.iter().map(|(what, count)| ((*what).to_owned(), *count)).collect();
    Ok(CheckReport { looked_at, faults: checked.faults })
}

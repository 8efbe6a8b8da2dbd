//! `deskfleet restore`: a data directory made from a backup. No controller runs on it meanwhile.

use std::{fs::File, io::BufReader, path::PathBuf};

use anyhow::Context as _;
use clap::Args;

use crate::{
    cli::{
        exit::{Exit, Stop},
        output,
    },
    controller::{self, RestoreError},
    time::Clock,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  deskfleet restore /srv/backups/deskfleet-monday.tar --data-dir /var/lib/deskfleet\n\n\
    The directory must not hold a database: move the old one away first. What was open when the backup was made may have\n\
    been done since, so nothing of it goes on by itself: jobs are `blocked` until they are released, or need a review where\n\
    they ran."
)]
pub(crate) struct RestoreArgs {
    /// What `deskfleet backup` made
    #[arg(value_name = "SOURCE")]
    source: PathBuf,
    /// The data directory to make
    #[arg(long, value_name = "DIR")]
    data_dir: PathBuf,
}

pub(crate) fn run(args: &RestoreArgs) -> anyhow::Result<()> {
    let source = File::open(&args.source).with_context(|| format!("{} can't be read", args.source.display()))?;
    let restored = controller::restore(BufReader::new(source), &args.data_dir, &Clock::System).map_err(told)?;
    output::fields(&[
        ("backup of", restored.manifest.made_at.to_string()),
        ("generation", restored.generation.to_string()),
        ("jobs", restored.manifest.jobs.to_string()),
        ("blocked", restored.blocked.to_string()),
        ("need review", restored.need_review.to_string()),
        ("blobs", restored.blobs.to_string()),
    ])?;
    output::remark(format!(
        "start it with: deskfleet --data-dir {}\n\
         then look at what was open: deskfleet job list --state blocked,needs_review\n\
         and release what has not been done since: deskfleet job release ID",
        args.data_dir.display()
    ));
    Ok(())
}

fn told(error: RestoreError) -> anyhow::Error {
    match error {
        RestoreError::NotEmpty(_) => Stop::new(Exit::Usage, error.to_string()).into(),
        other => other.into(),
    }
}

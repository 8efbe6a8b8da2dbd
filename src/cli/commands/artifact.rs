//! `deskfleet artifact get`: what a job left behind, into a folder.

use std::path::{Path, PathBuf};

use anyhow::Context as _;
use clap::{Args, Subcommand};

use crate::{
    cli::{
        client::{Api, Call, ConnectionFlags},
        exit::{Exit, Stop},
        files, output,
    },
    wire::job::Artifact,
};

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  deskfleet artifact get job_… -d evidence\n  deskfleet artifact get job_… failure.webp"
)]
pub(crate) struct ArtifactArgs {
    #[command(flatten)]
    connection: ConnectionFlags,
    #[command(subcommand)]
    action: ArtifactAction,
}

#[derive(Debug, Subcommand)]
enum ArtifactAction {
    /// Save a job's artifacts, or one of them
    Get(GetArgs),
}

#[derive(Debug, Args)]
struct GetArgs {
    job: String,
    /// All of them unless given
    name: Option<String>,
    /// Of this attempt; of all unless given
    #[arg(long, value_name = "NUMBER")]
    attempt: Option<u32>,
    /// The folder, made where it is missing
    #[arg(short, long, default_value = ".")]
    directory: PathBuf,
}

pub(crate) async fn run(args: ArtifactArgs) -> anyhow::Result<()> {
    let api = Api::connect(&args.connection)?;
    let ArtifactAction::Get(args) = args.action;
    let all = api.list::<Artifact>(&["v1", "jobs", &args.job, "artifacts"], Vec::new(), usize::MAX).await?.value;
    let wanted = |artifact: &&Artifact| {
        args.name.as_ref().is_none_or(|name| *name == artifact.name)
            && args.attempt.is_none_or(|attempt| attempt == artifact.attempt)
    };
    let chosen: Vec<&Artifact> = all.iter().filter(wanted).collect();
    if chosen.is_empty() {
        let names: Vec<String> = all.iter().map(|artifact| output::clean(&artifact.name)).collect();
        let there = if names.is_empty() { "it has none".to_owned() } else { format!("it has {}", names.join(", ")) };
        return Err(Stop::new(Exit::NotFound, format!("no such artifact of {}: {there}", args.job)).into());
    }
    let dir = &args.directory;
    std::fs::create_dir_all(dir).with_context(|| format!("{} can't be made", dir.display()))?;
    // Attempts after the first would overwrite the first one's pictures: theirs are told apart by the number.
    let several = all.iter().any(|artifact| artifact.attempt > 1);
    for artifact in chosen {
        fetch(&api, &args.job, artifact, several, dir).await?;
    }
    Ok(())
}

async fn fetch(api: &Api, job: &str, artifact: &Artifact, several: bool, dir: &Path) -> anyhow::Result<()> {
    if !artifact.stored {
        output::remark(format!("{}: not there yet, the agent will send it", output::clean(&artifact.name)));
        return Ok(());
    }
    let plain = files::plain_name(&artifact.name);
    let target = dir.join(if several { format!("{}-{plain}", artifact.attempt) } else { plain });
    let attempt = artifact.attempt.to_string();
    let path = ["v1", "jobs", job, "artifacts", attempt.as_str(), artifact.name.as_str()];
    let response = api.open(&Call::get(&path)).await?;
    let bytes = files::save(response, &target).await?;
    output::line(format!("{} ({bytes} bytes)", target.display()))
}

//! The tree of commands, and where each leads.

use std::path::PathBuf;

use clap::{Args, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;

use super::{
    commands::{
        agent, agent_doctor, agent_install, apply, artifact, backup, batch, channel, check, config_check, controller,
        documents, event, find, fleet, inspect, job, join_token, lint, machine, pause, record, restore, token, try_out,
    },
    examples,
    exit::{self, Exit, usage},
    runtime,
    settings_flags::{AgentSide, As, ControllerSide, EitherSide, SettingsFlags},
};

const EXAMPLES: &str = "\
Examples:
  deskfleet                                                  start a controller
  deskfleet --agent --controller https://HOST:8443 --join-token-file FILE
                                                             run jobs on this desktop
  deskfleet apply -f FOLDER                                  send apps, pools, workflows
  deskfleet job submit WORKFLOW --set name=value --watch     run a job and see its steps
  deskfleet try WORKFLOW.yaml --input FILE                   the same here, without a controller

`deskfleet controller --help` and `deskfleet agent run --help` list every setting.
Client commands read DESKFLEET_URL, DESKFLEET_TOKEN or DESKFLEET_TOKEN_FILE, and DESKFLEET_CA.";

/// Runs unattended desktop automation on pools of machines.
///
/// Without a command it is the controller; with --agent, the agent of this desktop.
#[derive(Debug, Parser)]
#[command(name = "deskfleet", version, args_conflicts_with_subcommands = true, after_help = EXAMPLES,
    disable_help_subcommand = true)]
pub(crate) struct Cli {
    /// Be the agent of this desktop: the same as `deskfleet agent run`
    #[arg(long)]
    agent: bool,
    #[command(flatten)]
    settings: SettingsFlags<EitherSide>,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the controller
    #[command(after_help = "Examples:\n  deskfleet controller --data-dir /var/lib/deskfleet\n  \
        deskfleet controller --config /etc/deskfleet/config.toml")]
    Controller {
        #[command(flatten)]
        settings: SettingsFlags<ControllerSide>,
    },
    /// Be a machine of the fleet
    #[command(subcommand)]
    Agent(AgentCommand),
    /// Give the controller documents and their images
    Apply(apply::ApplyArgs),
    /// Check documents and name every fault
    Lint(lint::LintArgs),
    /// Run a workflow on this desktop, without a controller
    Try(try_out::TryArgs),
    /// Where an image is on a stored screen, and how sure that is
    Find(find::FindArgs),
    /// The windows and controls of this desktop, as targets to paste into a document
    Inspect(inspect::InspectArgs),
    /// Watch a person work on this desktop and write the workflow that does the same
    Record(record::RecordArgs),
    /// Documents as the controller has them
    Get(documents::GetArgs),
    /// Take a document out
    Delete(documents::DeleteArgs),
    /// Give no new work of a workflow, app or pool
    Pause(pause::PauseArgs),
    /// Let a paused workflow, app or pool go on
    Resume(pause::ResumeArgs),
    /// Submit, list, watch, cancel jobs
    Job(job::JobArgs),
    /// Many jobs submitted as one
    Batch(batch::BatchArgs),
    /// Look at machines, take them out and in
    Machine(machine::MachineArgs),
    /// The fleet at a glance; stop and resume it
    Fleet(fleet::FleetArgs),
    /// Whether notifications arrived; send them again
    Channel(channel::ChannelArgs),
    /// What happened, as it happens
    Event(event::EventArgs),
    /// Pictures and files that jobs left
    Artifact(artifact::ArtifactArgs),
    /// Who may call the API
    Token(token::TokenArgs),
    /// What lets machines join
    JoinToken(join_token::JoinTokenArgs),
    /// Everything of the controller in one file, made while it runs
    Backup(backup::BackupArgs),
    /// A data directory made from a backup
    Restore(restore::RestoreArgs),
    /// Look at all that is stored, and name every fault
    Check(check::CheckArgs),
    /// Settings
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Completions for a shell, on stdout
    #[command(
        after_help = "Example:\n  deskfleet completions bash > ~/.local/share/bash-completion/completions/deskfleet"
    )]
    Completions { shell: Shell },
}

#[derive(Debug, Subcommand)]
enum AgentCommand {
    /// Join the controller, then take jobs until stopped
    #[command(after_help = "Examples:\n  \
        DISPLAY=:7 deskfleet agent run --controller https://fleet.example.org:8443 --join-token-file join.token --label site=north\n  \
        deskfleet agent run    (once it has joined)")]
    Run {
        #[command(flatten)]
        settings: SettingsFlags<AgentSide>,
    },
    /// Who this machine is, to which controller
    #[command(after_help = "Example:\n  deskfleet agent status --data-dir /var/lib/deskfleet/agent")]
    Status {
        #[command(flatten)]
        settings: SettingsFlags<AgentSide>,
        #[command(flatten)]
        output: super::output::OutputFlag,
    },
    /// Whether this session is fit for an agent, and what to do where it is not
    #[command(
        after_help = "Example:\n  DISPLAY=:7 deskfleet agent doctor --controller https://fleet.example.org:8443\n\n\
        Exit code 0: fit; 1: no job would run here. What some workflows need and is not there is `lacks`."
    )]
    Doctor {
        #[command(flatten)]
        settings: SettingsFlags<AgentSide>,
        #[command(flatten)]
        output: super::output::OutputFlag,
    },
    /// Let the agent start with this user's desktop session
    Install(agent_install::InstallArgs),
    /// What the service manager of Windows starts
    #[cfg(windows)]
    #[command(hide = true, after_help = "Example:\n  deskfleet agent install --service")]
    Service {
        #[arg(long = "user", value_name = "NAME")]
        users: Vec<String>,
        #[arg(last = true, value_name = "FLAGS")]
        flags: Vec<String>,
    },
    /// Undo `install`
    #[command(after_help = "Example:\n  deskfleet agent uninstall")]
    Uninstall,
    /// Wipe identity and leftovers, so that each copy of this disk joins as a machine of its own
    #[command(after_help = "Example:\n  deskfleet agent prepare-image --data-dir /var/lib/deskfleet/agent")]
    PrepareImage {
        #[command(flatten)]
        settings: SettingsFlags<AgentSide>,
    },
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Read all settings as the controller and the agent would, and name every fault
    Check(CheckArgs),
}

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  deskfleet config check --config /etc/deskfleet/config.toml")]
struct CheckArgs {
    #[arg(long, value_name = "FILE", help = "The file to check [env: DESKFLEET_CONFIG]")]
    config: Option<PathBuf>,
}

/// The tree for parsing, completions and documentation.
pub fn command() -> clap::Command {
    complete(Cli::command(), "")
}

/// Every command's help has an example, and the long help ends with the exit codes.
fn complete(command: clap::Command, path: &str) -> clap::Command {
    let own = command.get_after_help().map(ToString::to_string);
    let after = own.or_else(|| examples::of(path)).unwrap_or_default();
    let long = format!("{after}\n\n{}", exit::HELP).trim_start().to_owned();
    command.after_help(after).after_long_help(long).mut_subcommands(|below| {
        let path = format!("{path} {}", below.get_name());
        complete(below, path.trim_start())
    })
}

impl Cli {
    pub(crate) fn run(self) -> anyhow::Result<Exit> {
        match self.command {
            Some(command) => command.run(),
            None if self.agent => {
                refuse_foreign(&self.settings, As::Agent)?;
                agent::run(self.settings.settings(As::Agent)?.agent)
            }
            None => {
                refuse_foreign(&self.settings, As::Controller)?;
                controller::run(&self.settings.settings(As::Controller)?.controller)
            }
        }
    }
}

fn refuse_foreign(settings: &SettingsFlags<EitherSide>, role: As) -> anyhow::Result<()> {
    match (settings.foreign(role), role) {
        (None, _) => Ok(()),
        (Some(flag), As::Controller) => Err(usage(format!("--{flag} is for an agent; add --agent, or leave it out"))),
        (Some(flag), As::Agent) => {
            Err(usage(format!("--{flag} is for a controller; leave it out, or leave out --agent")))
        }
    }
}

impl Command {
    fn run(self) -> anyhow::Result<Exit> {
        let done = |()| Exit::Done;
        match self {
            Self::Controller { settings } => controller::run(&settings.settings(As::Controller)?.controller),
            Self::Agent(AgentCommand::Run { settings }) => agent::run(settings.settings(As::Agent)?.agent),
            Self::Agent(AgentCommand::Status { settings, output }) => {
                agent::status(&settings.settings(As::Agent)?.agent, output)
            }
            Self::Agent(AgentCommand::Doctor { settings, output }) => {
                agent_doctor::run(&settings.settings(As::Agent)?.agent, output)
            }
            Self::Agent(AgentCommand::Install(args)) => agent_install::install(&args),
            #[cfg(windows)]
            Self::Agent(AgentCommand::Service { users, flags }) => agent::serve(users, flags),
            Self::Agent(AgentCommand::Uninstall) => agent_install::uninstall(),
            Self::Agent(AgentCommand::PrepareImage { settings }) => {
                agent::prepare_image(&settings.settings(As::Agent)?.agent)
            }
            Self::Config(ConfigCommand::Check(args)) => config_check::run(args.config.as_deref()),
            Self::Completions { shell } => completions(shell),
            Self::Lint(args) => lint::run(&args),
            Self::Try(args) => try_out::run(args),
            Self::Find(args) => find::run(&args),
            Self::Inspect(args) => inspect::run(&args),
            Self::Record(args) => record::run(&args),
            Self::Apply(args) => wait(apply::run(args)),
            Self::Get(args) => wait(documents::get(args)).map(done),
            Self::Delete(args) => wait(documents::delete(args)).map(done),
            Self::Pause(args) => wait(pause::pause(args)).map(done),
            Self::Resume(args) => wait(pause::resume(args)).map(done),
            Self::Job(args) => wait(job::run(args)),
            Self::Batch(args) => wait(batch::run(args)),
            Self::Machine(args) => wait(machine::run(args)),
            Self::Fleet(args) => wait(fleet::run(args)).map(done),
            Self::Channel(args) => wait(channel::run(args)).map(done),
            Self::Event(args) => wait(event::run(args)).map(done),
            Self::Artifact(args) => wait(artifact::run(args)).map(done),
            Self::Token(args) => wait(token::run(args)).map(done),
            Self::JoinToken(args) => wait(join_token::run(args)).map(done),
            Self::Backup(args) => wait(backup::run(args)).map(done),
            Self::Restore(args) => restore::run(&args).map(done),
            Self::Check(args) => wait(check::run(args)),
        }
    }
}

fn wait<T>(command: impl Future<Output = anyhow::Result<T>>) -> anyhow::Result<T> {
    runtime::client()?.block_on(command)
}

fn completions(shell: Shell) -> anyhow::Result<Exit> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command(), "deskfleet", &mut script);
    super::output::line(String::from_utf8_lossy(&script).trim_end())?;
    Ok(Exit::Done)
}

//! The command line: one tree of commands, each in a file of its own; errors become exit codes here and nowhere else.
//!
//! It wires everything and may import everything, but it must not hold logic of its own about jobs, leases or desktops: what
//! the controller decides is asked for over HTTPS, what a step means is the agent's.

mod client;
mod commands;
mod documents_on_disk;
mod examples;
mod exit;
mod files;
mod logging;
mod output;
mod runtime;
mod settings_flags;
mod tree;

use std::{ffi::OsString, process::ExitCode};

use clap::{FromArgMatches as _, error::ErrorKind};

pub use exit::Exit;
pub use tree::command;

/// Parses, runs, prints the error if there is one, and gives the exit code.
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let parsed = command()
        .try_get_matches_from(args)
        .and_then(|matches| tree::Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command())));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return if asked { Exit::Done } else { Exit::Usage }.into();
        }
    };
    match cli.run() {
        Ok(exit) => exit.into(),
        Err(error) => {
            let exit = exit::code(&error);
            if exit != Exit::Done {
                output::remark(format!("deskfleet: {error:#}"));
            }
            exit.into()
        }
    }
}

//! Exit codes, and the errors that lead to them.

use std::process::ExitCode;

/// How a command ended. The numbers are part of the contract: see [`HELP`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// The job or batch did not succeed, or a check found faults.
    Unsuccessful = 1,
    /// The command line or the settings are wrong.
    Usage = 2,
    NotFound = 3,
    /// The controller understood and said no: token, role, conflict, invalid input, limit.
    Refused = 4,
    /// No answer from a controller that can be trusted.
    Unreachable = 5,
    /// The wait ended before the job did: it is blocked or waiting, or the time is over.
    Unsettled = 6,
    /// Anything else: a file that can't be read, an internal error.
    Broken = 7,
}

pub(crate) const HELP: &str = "\
Exit codes:
  0  done; with --wait or watch: every job succeeded
  1  the job or batch did not succeed, or a check found faults (lint, try, find, config check)
  2  wrong command line or settings
  3  not found
  4  refused: token, role, conflict, invalid input, limit
  5  no controller that can be trusted answered
  6  the wait ended before the job did: blocked, waiting, or --timeout is over
  7  anything else: a file can't be read, an internal error";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

/// An expected end that is not success: the message is for a person, the code for a program.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(crate) struct Stop {
    pub(crate) exit: Exit,
    pub(crate) message: String,
}

impl Stop {
    pub(crate) fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }
}

pub(crate) fn usage(message: impl Into<String>) -> anyhow::Error {
    Stop::new(Exit::Usage, message).into()
}

/// The code of an error: the innermost [`Stop`], else [`Exit::Broken`]. A reader that closed our output is no error.
pub(crate) fn code(error: &anyhow::Error) -> Exit {
    for cause in error.chain() {
        if let Some(stop) = cause.downcast_ref::<Stop>() {
            return stop.exit;
        }
        if cause.downcast_ref::<crate::config::ConfigError>().is_some() {
            return Exit::Usage;
        }
        if is_broken_pipe(cause) {
            return Exit::Done;
        }
    }
    Exit::Broken
}

fn is_broken_pipe(cause: &(dyn std::error::Error + 'static)) -> bool {
    cause.downcast_ref::<std::io::Error>().is_some_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use anyhow::Context as _;

    use super::*;

    #[test]
    fn the_code_survives_added_context() {
        let refused: anyhow::Result<()> = Err(Stop::new(Exit::Refused, "no").into());
        assert_eq!(code(&refused.context("while submitting").unwrap_err()), Exit::Refused);
        assert_eq!(code(&anyhow::anyhow!("odd")), Exit::Broken);
        let pipe = std::io::Error::from(std::io::ErrorKind::BrokenPipe);
        assert_eq!(code(&pipe.into()), Exit::Done);
    }

    #[test]
    fn the_help_names_every_code_in_order() {
        let numbers: Vec<u8> = HELP
            .lines()
            .skip(1)
            .filter_map(|line| line.split_whitespace().next().and_then(|word| word.parse().ok()))
            .collect();
        assert_eq!(numbers, (0..=Exit::Broken as u8).collect::<Vec<_>>());
    }
}

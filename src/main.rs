//! The executable: hands over to the command line.

use std::process::ExitCode;

fn main() -> ExitCode {
    deskfleet::cli::main(std::env::args_os())
}

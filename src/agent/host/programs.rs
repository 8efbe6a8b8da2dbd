//! Programs that are run to their end while somebody may still say stop.

use std::{
    sync::mpsc::{self, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::{
    agent::runner::Ask,
    desktop::{
        Gate,
        process::{self, Finished, ProcessError, Program, RunLimits},
    },
};

/// Between two questions whether to go on.
const ASK_INTERVAL: Duration = Duration::from_millis(50);

pub(super) fn run(
    program: &Program,
    stdin: &str,
    limits: &RunLimits,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Finished, ProcessError> {
    let gate = Gate::new();
    let pass = gate.pass();
    let (tell, told) = mpsc::channel();
    let (owned, stdin, limits) = (program.clone(), stdin.as_bytes().to_vec(), limits.clone());
    let started = thread::Builder::new().name("run".to_owned()).spawn(move || {
        // The receiver waits until it has been told.
        let _ = tell.send(process::run(&owned, &stdin, &limits, &pass));
    });
    let name = program.program.clone();
    if let Err(error) = started {
        return Err(ProcessError::NotStarted { program: name, reason: format!("no thread can be started: {error}") });
    }
    loop {
        match told.recv_timeout(ASK_INTERVAL) {
            Ok(result) => return result,
            Err(RecvTimeoutError::Timeout) => {
                if gate.is_open() && !go_on() {
                    gate.close();
                }
            }
            Err(RecvTimeoutError::Disconnected) => {
                return Err(ProcessError::Lost { program: name, reason: "its thread ended".to_owned() });
            }
        }
    }
}

#[cfg(unix)]
pub(super) fn end(pid: u32, ask: Ask) {
    use rustix::process::{Pid, Signal, kill_process};

    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else { return };
    let signal = match ask {
        Ask::End => Signal::TERM,
        Ask::Kill => Signal::KILL,
    };
    // It may have ended by itself: whoever asked looks afterwards.
    let _ = kill_process(pid, signal);
}

/// Elsewhere no process is found by name either, so that there is none to end.
#[cfg(not(unix))]
pub(super) fn end(_pid: u32, _ask: Ask) {}

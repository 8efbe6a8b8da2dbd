//! Programs that are run to their end while somebody may still say stop.

use std::{
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::Duration,
};

use crate::{
    agent::runner::{Ask, ProgramRun},
    desktop::{
        Pass,
        process::{self, Finished, ProcessError, Program, RunLimits},
    },
};

/// How long one question waits for the end.
const MOMENT: Duration = Duration::from_millis(50);

/// One program on a thread of its own.
pub(super) struct Run {
    program: String,
    pass: Pass,
    told: Receiver<Result<Finished, ProcessError>>,
}

impl Run {
    /// Ends with `pass` too.
    pub(super) fn begin(
        program: &Program,
        stdin: &[u8],
        limits: &RunLimits,
        pass: &Pass,
    ) -> Result<Self, ProcessError> {
        let pass = pass.for_one_call();
        let for_thread = pass.clone();
        let (tell, told) = mpsc::channel();
        let (owned, stdin, limits) = (program.clone(), stdin.to_vec(), limits.clone());
        let name = program.program.clone();
        let started = thread::Builder::new().name("run".to_owned()).spawn(move || {
            // Whoever asked may have gone.
            let _ = tell.send(process::run(&owned, &stdin, &limits, &for_thread));
        });
        match started {
            Ok(_) => Ok(Self { program: name, pass, told }),
            Err(error) => {
                Err(ProcessError::NotStarted { program: name, reason: format!("no thread can be started: {error}") })
            }
        }
    }
}

impl ProgramRun for Run {
    fn poll(&mut self) -> Option<Result<Finished, ProcessError>> {
        match self.told.recv_timeout(MOMENT) {
            Ok(result) => Some(result),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                let program = self.program.clone();
                Some(Err(ProcessError::Lost { program, reason: "its thread ended".to_owned() }))
            }
        }
    }

    fn stop(&mut self) {
        self.pass.give_up();
    }
}

/// Nobody waits for it any more: it ends.
impl Drop for Run {
    fn drop(&mut self) {
        self.pass.give_up();
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

#[cfg(windows)]
pub(super) fn end(pid: u32, ask: Ask) {
    match ask {
        Ask::End => process::ask_to_end(pid),
        Ask::Kill => process::end_now(pid),
    }
}

/// Elsewhere no process is found by name either, so that there is none to end.
#[cfg(not(any(unix, windows)))]
pub(super) fn end(_pid: u32, _ask: Ask) {}

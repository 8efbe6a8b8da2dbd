//! Starting programs: suspended, taken into their job, and only then let go, so that nothing they start is outside of it.

use std::{
    os::windows::process::CommandExt as _,
    process::{Child, Command},
    sync::{Mutex, PoisonError},
    thread,
    time::Duration,
};

use super::{super::child, job::Job};
use crate::desktop::{
    Pass, Stopwatch,
    process::{
        Exit, Finished, ProcessError, Program, RunLimits,
        child::{End, Streams},
    },
};

/// `CREATE_SUSPENDED` and `CREATE_NEW_PROCESS_GROUP` of the system.
const SUSPENDED_GROUP: u32 = 0x4 | 0x200;

/// `CREATE_NO_WINDOW`: what is run for its answer opens no console on the desktop.
const NO_WINDOW: u32 = 0x0800_0000;

/// How often a run looks whether it has ended and whether its pass still holds.
const LOOK: Duration = Duration::from_millis(20);

/// A program started by [`start`]. Dropping it leaves the program running.
#[derive(Debug)]
pub struct Running {
    child: Mutex<Child>,
    pid: u32,
    job: Job,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended; `None` while it runs. What it started may still run.
    pub fn exit(&self) -> Option<Exit> {
        let status = self.child.lock().unwrap_or_else(PoisonError::into_inner).try_wait().ok()??;
        Some(Exit::Code(status.code().unwrap_or_default()))
    }

    /// Whether it or anything it started is alive.
    pub fn is_alive(&self) -> bool {
        self.job.is_alive()
    }

    /// Ends it and everything it started: asks first, kills after `grace`.
    pub fn end(self, grace: Duration) {
        let watch = Stopwatch::start();
        super::ask_to_end(self.pid);
        while self.is_alive() && watch.left(grace).is_some() {
            thread::sleep(Duration::from_millis(10));
        }
        self.job.kill();
    }
}

/// Starts a program that is to go on: an application. Its streams go nowhere. Not after `pass` was withdrawn.
pub fn start(program: &Program, pass: &Pass) -> Result<Running, ProcessError> {
    let mut command = child::command(program)?;
    child::silent(&mut command);
    command.creation_flags(SUSPENDED_GROUP);
    let (child, job) = in_a_job(&mut command, program, pass)?;
    let pid = child.id();
    Ok(Running { child: Mutex::new(child), pid, job })
}

/// Runs a program to its end and ends everything it started with it. Blocking; stops at the timeout or when `pass` is withdrawn.
pub fn run(program: &Program, stdin: &[u8], limits: &RunLimits, pass: &Pass) -> Result<Finished, ProcessError> {
    let watch = Stopwatch::start();
    let mut command = child::command(program)?;
    child::piped(&mut command);
    command.creation_flags(SUSPENDED_GROUP | NO_WINDOW);
    let (mut child, job) = in_a_job(&mut command, program, pass)?;
    let streams = Streams::of(&mut child, stdin, limits);
    let end = await_end(&mut child, &watch, limits.timeout, pass);
    job.kill();
    let exit = child.wait().map(|status| Exit::Code(status.code().unwrap_or_default()));
    streams.concluded(end, exit, program, limits.timeout, watch.elapsed())
}

fn in_a_job(command: &mut Command, program: &Program, pass: &Pass) -> Result<(Child, Job), ProcessError> {
    let refused = |error: windows::core::Error| ProcessError::NotStarted {
        program: program.program.clone(),
        reason: format!("it cannot be kept account of: {}", error.message()),
    };
    let job = Job::new().map_err(refused)?;
    let mut child = child::spawn_within(command, program, pass)?;
    if let Err(error) = job.take_in(&child) {
        // It has not begun: nothing is lost with it.
        let _ = child.kill();
        let _ = child.wait();
        return Err(refused(error));
    }
    Ok((child, job))
}

fn await_end(child: &mut Child, watch: &Stopwatch, timeout: Duration, pass: &Pass) -> End {
    loop {
        if !pass.is_valid() {
            return End::Fenced;
        }
        // What cannot be asked is told by the wait that follows.
        if !matches!(child.try_wait(), Ok(None)) {
            return End::Exited;
        }
        let Some(left) = watch.left(timeout) else { return End::TimedOut };
        thread::sleep(left.min(LOOK));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::{Gate, process::is_alive};

    fn shell(script: &str) -> Program {
        Program::from_words(["cmd", "/c", script].map(str::to_owned)).unwrap()
    }

    fn limits(timeout_ms: u64) -> RunLimits {
        RunLimits { timeout: Duration::from_millis(timeout_ms), ..RunLimits::default() }
    }

    #[test]
    fn a_program_says_something_and_how_it_ended() {
        let mut program = shell("echo %GREETING% Anna& exit 3");
        program.env = vec![("GREETING".into(), "good morning".into())];
        let finished = run(&program, b"", &limits(20_000), &Pass::unfenced()).unwrap();
        assert_eq!(finished.exit, Exit::Code(3));
        assert_eq!(finished.stdout.text().trim(), "good morning Anna");
    }

    #[test]
    fn at_the_timeout_and_without_a_pass_the_run_is_over() {
        let endless = || Program::from_words(["notepad".to_owned()]).unwrap();
        let error = run(&endless(), b"", &limits(1_500), &Pass::unfenced()).unwrap_err();
        assert!(matches!(error, ProcessError::TimedOut { .. }), "{error}");
        let gate = Gate::new();
        let pass = gate.pass();
        gate.close();
        let error = run(&endless(), b"", &limits(60_000), &pass).unwrap_err();
        assert_eq!(error, ProcessError::Fenced { program: "notepad".into() });
    }

    #[test]
    fn an_application_is_started_and_ended_with_its_children() {
        let app = start(&shell("start /wait notepad"), &Pass::unfenced()).unwrap();
        assert!(app.is_alive() && app.exit().is_none());
        let pid = app.pid();
        app.end(Duration::from_millis(200));
        let watch = Stopwatch::start();
        while is_alive(pid) && watch.left(Duration::from_secs(10)).is_some() {
            thread::sleep(LOOK);
        }
        assert!(!is_alive(pid));
    }

    #[test]
    fn what_cannot_start_says_what_to_do() {
        let program = Program { program: "no-such-program-anywhere".into(), ..Program::default() };
        let error = run(&program, b"", &limits(1_000), &Pass::unfenced()).unwrap_err();
        assert!(error.to_string().contains("install it"), "{error}");
    }
}

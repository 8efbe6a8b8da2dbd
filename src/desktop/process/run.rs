//! Starting programs on Linux: each leads a group of its own and stays a waitable child until its tree is gone, so that its number is
//! never another's while signals are sent.

use std::{
    collections::hash_map::RandomState,
    hash::BuildHasher,
    os::unix::process::{CommandExt, ExitStatusExt},
    process::{Child, Command, ExitStatus},
    sync::{
        atomic::{AtomicU64, Ordering},
        mpsc::{self, RecvTimeoutError},
    },
    thread,
    time::Duration,
};

use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use super::{
    Exit, Finished, ProcessError, Program, RunLimits,
    child::{self, End, Streams},
    tree,
};
use crate::desktop::{Pass, Stopwatch};

/// How often a run looks whether its pass still holds.
const PASS_CHECK: Duration = Duration::from_millis(50);

/// A program started by [`start`]. Dropping it leaves the program running.
#[derive(Debug)]
pub struct Running {
    child: Option<Child>,
    pid: u32,
    mark: String,
}

impl Running {
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it ended; `None` while it runs. What it started may still run.
    pub fn exit(&self) -> Option<Exit> {
        let status = waitid(wait_for(self.pid)?, WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
            .ok()
            .flatten()?;
        Some(match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Code(code),
            (None, signal) => Exit::Signal(signal.unwrap_or_default()),
        })
    }

    /// Whether it or anything it started is alive.
    pub fn is_alive(&self) -> bool {
        self.exit().is_none() || !tree::members(self.pid, &self.mark).is_empty()
    }

    /// Ends it and everything it started: asks first, kills after `grace`.
    pub fn end(mut self, grace: Duration) {
        let watch = Stopwatch::start();
        tree::ask_to_end(self.pid);
        while self.is_alive() && watch.left(grace).is_some() {
            thread::sleep(Duration::from_millis(10));
        }
        tree::kill(self.pid, &self.mark);
        if let Some(mut child) = self.child.take() {
            let _ = child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        if matches!(child.try_wait(), Ok(None)) {
            // Nobody else waits for it; without this it would stay a zombie.
            let _ = thread::Builder::new().name(format!("reap-{}", self.pid)).spawn(move || child.wait());
        }
    }
}

/// Starts a program that is to go on: an application. Its streams go nowhere. Not after `pass` was withdrawn.
pub fn start(program: &Program, pass: &Pass) -> Result<Running, ProcessError> {
    let mark = mark();
    let mut command = command(program, &mark)?;
    child::silent(&mut command);
    let child = child::spawn_within(&mut command, program, pass)?;
    let pid = child.id();
    Ok(Running { child: Some(child), pid, mark })
}

/// Runs a program to its end and ends everything it started with it. Blocking; stops at the timeout or when `pass` is withdrawn.
pub fn run(program: &Program, stdin: &[u8], limits: &RunLimits, pass: &Pass) -> Result<Finished, ProcessError> {
    let watch = Stopwatch::start();
    let mark = mark();
    let mut command = command(program, &mark)?;
    child::piped(&mut command);
    let mut child = child::spawn_within(&mut command, program, pass)?;
    let pid = child.id();

    let streams = Streams::of(&mut child, stdin, limits);

    let end = await_end(pid, &watch, limits.timeout, pass);
    tree::kill(pid, &mark);
    let status = child.wait();
    streams.concluded(end, status.map(exit), program, limits.timeout, watch.elapsed())
}

/// Waits without reaping.
fn await_end(pid: u32, watch: &Stopwatch, timeout: Duration, pass: &Pass) -> End {
    let (tell, told) = mpsc::channel();
    child::spawn(format!("wait-{pid}"), move || {
        if let Some(id) = wait_for(pid) {
            let ended = || waitid(id.clone(), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT);
            while matches!(ended(), Err(rustix::io::Errno::INTR)) {}
        }
        let _ = tell.send(());
    });
    loop {
        if !pass.is_valid() {
            return End::Fenced;
        }
        let Some(left) = watch.left(timeout) else { return End::TimedOut };
        match told.recv_timeout(left.min(PASS_CHECK)) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return End::Exited,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

fn command(program: &Program, mark: &str) -> Result<Command, ProcessError> {
    let mut command = child::command(program)?;
    command.process_group(0).env(tree::MARK, mark);
    Ok(command)
}

fn exit(status: ExitStatus) -> Exit {
    status.code().map_or_else(|| Exit::Signal(status.signal().unwrap_or_default()), Exit::Code)
}

fn wait_for(pid: u32) -> Option<WaitId<'static>> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).map(WaitId::Pid)
}

/// Unique among all programs started on this machine.
fn mark() -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    format!("{}-{number}-{:016x}", std::process::id(), RandomState::new().hash_one(number))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::desktop::Gate;

    fn shell(script: &str) -> Program {
        Program::from_words(["sh", "-c", script].map(str::to_owned)).unwrap()
    }

    fn limits(timeout_ms: u64) -> RunLimits {
        RunLimits { timeout: Duration::from_millis(timeout_ms), ..RunLimits::default() }
    }

    fn run_it(program: &Program, limits: &RunLimits) -> Result<Finished, ProcessError> {
        run(program, b"", limits, &Pass::unfenced())
    }

    #[test]
    fn a_program_gets_its_input_and_its_words_come_back() {
        let mut program = shell("read line; echo \"$GREETING $line\"; pwd >&2; exit 3");
        program.env = vec![("GREETING".into(), "good morning".into())];
        program.cwd = Some("/".into());
        let finished = run(&program, b"Anna\n", &limits(10_000), &Pass::unfenced()).unwrap();
        assert_eq!(finished.exit, Exit::Code(3));
        assert_eq!((finished.stdout.text().as_str(), finished.stderr.text().as_str()), ("good morning Anna\n", "/\n"));
    }

    #[test]
    fn what_exceeds_the_limit_is_counted_and_thrown_away() {
        let limits = RunLimits { stdout_bytes: 1000, ..limits(20_000) };
        let finished = run_it(&shell("head -c 300000 /dev/zero"), &limits).unwrap();
        assert_eq!((finished.stdout.bytes.len(), finished.stdout.excess_bytes), (1000, 299_000));
    }

    #[test]
    fn a_program_that_ignores_a_long_input_is_not_waited_for() {
        let finished = run(&shell("exit 0"), &vec![b'x'; 1 << 20], &limits(10_000), &Pass::unfenced()).unwrap();
        assert_eq!(finished.exit, Exit::Code(0));
    }

    /// The second child leaves group and session; only the mark in its environment tells whose it is.
    #[test]
    fn at_the_timeout_the_whole_tree_dies_even_who_left_the_group() {
        let started = Stopwatch::start();
        let error = run_it(&shell("sleep 987 & echo $!; setsid sleep 987 & echo $!; wait"), &limits(500)).unwrap_err();
        let ProcessError::TimedOut { stdout, .. } = error else { panic!("{error}") };
        let pids: Vec<u32> = stdout.text().lines().map(|line| line.parse().unwrap()).collect();
        assert_eq!(pids.len(), 2);
        assert!(pids.iter().all(|pid| !is_sleeping(*pid)), "{pids:?}");
        assert!(started.elapsed() < Duration::from_secs(8));
    }

    #[test]
    fn what_a_program_leaves_behind_ends_with_it() {
        let finished = run_it(&shell("setsid sleep 986 >/dev/null 2>&1 & echo $!"), &limits(10_000)).unwrap();
        assert_eq!(finished.exit, Exit::Code(0));
        assert!(!is_sleeping(finished.stdout.text().trim().parse().unwrap()));
    }

    #[test]
    fn a_withdrawn_pass_kills_the_run() {
        let gate = Gate::new();
        let pass = gate.pass();
        gate.close();
        let error = run(&shell("sleep 985"), b"", &limits(60_000), &pass).unwrap_err();
        assert_eq!(error, ProcessError::Fenced { program: "sh".into() });
    }

    #[test]
    fn an_application_is_started_watched_and_ended_with_its_children() {
        let app = start(&shell("sleep 984 & wait"), &Pass::unfenced()).unwrap();
        assert!(app.is_alive());
        assert_eq!(app.exit(), None);
        let (pid, mark) = (app.pid(), app.mark.clone());
        app.end(Duration::from_millis(500));
        assert!(!tree::is_alive(pid));
        assert!(tree::members(pid, &mark).is_empty());
    }

    #[test]
    fn an_application_that_ended_tells_how() {
        let app = start(&shell("exit 7"), &Pass::unfenced()).unwrap();
        while app.exit().is_none() {
            thread::yield_now();
        }
        assert_eq!(app.exit(), Some(Exit::Code(7)));
        assert!(!app.is_alive());
    }

    #[test]
    fn what_cannot_start_says_what_to_do() {
        let said = |program: &Program| run_it(program, &limits(1000)).unwrap_err().to_string();
        let named = |name: &str| Program { program: name.into(), ..Program::default() };
        assert!(said(&named("no-such-program-anywhere")).contains("install it"));
        assert!(said(&named("/etc/passwd")).contains("permissions"));
        assert!(said(&Program { cwd: Some("/nowhere".into()), ..shell("exit") }).contains("/nowhere does not exist"));
        assert!(said(&Program { env: vec![("A=B".into(), String::new())], ..shell("exit") }).contains("no name"));
    }

    fn is_sleeping(pid: u32) -> bool {
        tree::name_of(pid).is_some_and(|name| name == "sleep") && tree::is_alive(pid)
    }
}

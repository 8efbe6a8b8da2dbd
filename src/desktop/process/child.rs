//! What starting a program is like on every system: its command, its streams, and how its end is told.

use std::{
    io::{self, ErrorKind, Read, Write},
    process::{Child, Command, Stdio},
    sync::{Arc, Mutex, PoisonError, mpsc},
    thread,
    time::Duration,
};

use super::{Captured, Exit, Finished, ProcessError, Program, RunLimits};
use crate::desktop::Pass;

/// How long the streams may stay open after the tree is gone.
const DRAIN: Duration = Duration::from_secs(2);

/// Why a run is over.
#[derive(Clone, Copy)]
pub(super) enum End {
    Exited,
    TimedOut,
    Fenced,
}

/// Program, arguments, environment and directory, as far as they can be.
pub(super) fn command(program: &Program) -> Result<Command, ProcessError> {
    let mut command = Command::new(&program.program);
    command.args(&program.arguments);
    for (name, value) in &program.env {
        if name.is_empty() || name.contains(['=', '\0']) || value.contains('\0') {
            let reason = format!("`{name}` is no name of an environment variable, or its value holds a zero byte");
            return Err(ProcessError::NotStarted { program: program.program.clone(), reason });
        }
        command.env(name, value);
    }
    if let Some(cwd) = &program.cwd {
        if !cwd.is_dir() {
            return Err(ProcessError::NoDirectory(cwd.clone()));
        }
        command.current_dir(cwd);
    }
    Ok(command)
}

/// An application's: they go nowhere.
pub(super) fn silent(command: &mut Command) {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
}

pub(super) fn piped(command: &mut Command) {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
}

/// Looks at the pass right before: whoever was stopped in between must not begin anything.
pub(super) fn spawn_within(command: &mut Command, program: &Program, pass: &Pass) -> Result<Child, ProcessError> {
    pass.check().map_err(|_| ProcessError::Fenced { program: program.program.clone() })?;
    command.spawn().map_err(|error| not_started(program, &error))
}

fn not_started(program: &Program, error: &io::Error) -> ProcessError {
    let program = program.program.clone();
    match error.kind() {
        ErrorKind::NotFound => ProcessError::NotFound { program },
        ErrorKind::PermissionDenied => ProcessError::Forbidden { program },
        _ => ProcessError::NotStarted { program, reason: error.to_string() },
    }
}

/// What a program is given and what it says.
pub(super) struct Streams {
    stdout: Option<Stream>,
    stderr: Option<Stream>,
}

impl Streams {
    pub(super) fn of(child: &mut Child, stdin: &[u8], limits: &RunLimits) -> Self {
        let pid = child.id();
        if let Some(mut pipe) = child.stdin.take() {
            let bytes = stdin.to_vec();
            // A program that does not read its input must not stop us; the pipe breaks when it ends.
            spawn(format!("stdin-{pid}"), move || drop(pipe.write_all(&bytes)));
        }
        let stdout = child.stdout.take().map(|pipe| Stream::read(format!("stdout-{pid}"), pipe, limits.stdout_bytes));
        let stderr = child.stderr.take().map(|pipe| Stream::read(format!("stderr-{pid}"), pipe, limits.stderr_bytes));
        Self { stdout, stderr }
    }

    /// Once everything of the program is gone.
    pub(super) fn concluded(
        self,
        end: End,
        exit: io::Result<Exit>,
        program: &Program,
        limit: Duration,
        took: Duration,
    ) -> Result<Finished, ProcessError> {
        let [stdout, stderr] = [self.stdout, self.stderr].map(|stream| stream.map(Stream::finish).unwrap_or_default());
        let program = program.program.clone();
        match end {
            End::TimedOut => Err(ProcessError::TimedOut { program, limit, stdout, stderr }),
            End::Fenced => Err(ProcessError::Fenced { program }),
            End::Exited => {
                let exit = exit.map_err(|error| ProcessError::Lost { program, reason: error.to_string() })?;
                Ok(Finished { exit, stdout, stderr, took })
            }
        }
    }
}

/// One output stream, read on a thread of its own.
struct Stream {
    captured: Arc<Mutex<Captured>>,
    done: mpsc::Receiver<()>,
}

impl Stream {
    fn read(name: String, mut pipe: impl Read + Send + 'static, limit: usize) -> Self {
        let captured = Arc::new(Mutex::new(Captured::default()));
        let (tell, done) = mpsc::channel();
        let filled = Arc::clone(&captured);
        spawn(name, move || {
            let mut buffer = vec![0; 64 << 10];
            loop {
                match pipe.read(&mut buffer) {
                    Ok(0) => break,
                    Ok(length) => {
                        let mut captured = filled.lock().unwrap_or_else(PoisonError::into_inner);
                        let kept = length.min(limit.saturating_sub(captured.bytes.len()));
                        captured.bytes.extend_from_slice(&buffer[..kept]);
                        captured.excess_bytes += (length - kept) as u64;
                    }
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    Err(_) => break,
                }
            }
            let _ = tell.send(());
        });
        Self { captured, done }
    }

    /// What came, even where somebody outside the tree keeps the stream open.
    fn finish(self) -> Captured {
        let _ = self.done.recv_timeout(DRAIN);
        std::mem::take(&mut *self.captured.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

pub(super) fn spawn(name: String, run: impl FnOnce() + Send + 'static) {
    // Without the thread its channel closes, which ends the waits on it.
    let _ = thread::Builder::new().name(name).spawn(run);
}

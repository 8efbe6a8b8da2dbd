//! Programs: run to their end, or started and left running.

use std::{path::PathBuf, time::Duration};

use serde_json::{Value, json};

use crate::{
    agent::runner::{
        describe,
        fault::{Break, Fault, fault},
        run::Runner,
    },
    desktop::process::{Captured, Exit, Finished, ProcessError, Program, RunLimits},
    wire::job::Category,
    workflow::{CommandLine, Launching, TemplateError},
};

/// Why a program did not run to its end.
pub(in crate::agent::runner) enum ProgramError {
    Process(ProcessError),
    Break(Break),
}

impl From<ProgramError> for Break {
    fn from(error: ProgramError) -> Self {
        match error {
            ProgramError::Process(ProcessError::TimedOut { program, limit, stderr, .. }) => {
                let error =
                    ProcessError::TimedOut { program, limit, stdout: Captured::default(), stderr: Captured::default() };
                Fault::new(Category::Timeout, format!("{error}{}", said(&stderr.text()))).into()
            }
            ProgramError::Process(error) => error.into(),
            ProgramError::Break(end) => end,
        }
    }
}

impl From<Break> for ProgramError {
    fn from(end: Break) -> Self {
        Self::Break(end)
    }
}

impl From<TemplateError> for ProgramError {
    fn from(error: TemplateError) -> Self {
        Self::Break(error.into())
    }
}

impl Runner<'_> {
    /// Status, stdout and stderr.
    pub(in crate::agent::runner) fn run_action(
        &mut self,
        line: &CommandLine,
        timeout: Option<Duration>,
    ) -> Result<Value, Break> {
        let finished = self.run_program(line, timeout)?;
        let stderr = finished.stderr.text();
        let said = said(&self.redactor.clean(&stderr));
        match finished.exit {
            Exit::Code(code) if line.exit_codes.contains(&code) => {
                Ok(json!({ "status": code, "stdout": finished.stdout.text(), "stderr": stderr }))
            }
            Exit::Code(code) => {
                let wanted: Vec<String> = line.exit_codes.iter().map(ToString::to_string).collect();
                let program = describe::cut(&describe::command(line));
                let message = format!("`{program}` ended with {code}, not {}{said}", wanted.join(" or "));
                fault(Category::Assertion, message)
            }
            Exit::Signal(signal) => {
                let program = describe::cut(&describe::command(line));
                fault(Category::Assertion, format!("`{program}` was killed by signal {signal}{said}"))
            }
        }
    }

    pub(in crate::agent::runner) fn run_program(
        &mut self,
        line: &CommandLine,
        timeout: Option<Duration>,
    ) -> Result<Finished, ProgramError> {
        let program = self.program(line)?;
        let stdin = match &line.stdin {
            Some(stdin) => stdin.text(&self.scope)?,
            None => String::new(),
        };
        let limits = RunLimits { timeout: timeout.unwrap_or_else(|| line.timeout()), ..RunLimits::default() };
        self.run_to_end(&program, stdin.as_bytes(), limits)
    }

    /// Not longer than the attempt has time; whoever says stop ends it.
    pub(in crate::agent::runner) fn run_to_end(
        &mut self,
        program: &Program,
        stdin: &[u8],
        mut limits: RunLimits,
    ) -> Result<Finished, ProgramError> {
        self.go_on()?;
        let left = self.ends_at.map(|end| end.since(self.world.now().mono));
        limits.timeout = left.map_or(limits.timeout, |left| left.min(limits.timeout));
        let mut run = self.world.run(program, stdin, &limits).map_err(ProgramError::Process)?;
        let mut end = None;
        let mut finished = loop {
            if let Some(finished) = run.poll() {
                break finished;
            }
            if end.is_none()
                && let Err(reason) = self.go_on()
            {
                run.stop();
                end = Some(reason);
            }
        };
        if let Some(end) = end {
            return Err(end.into());
        }
        if let Err(ProcessError::TimedOut { stderr, .. }) = &mut finished {
            // It may be the attempt's time that is over, not the program's.
            self.go_on()?;
            stderr.bytes = self.redactor.clean(&stderr.text()).into_bytes();
        }
        finished.map_err(ProgramError::Process)
    }

    pub(in crate::agent::runner) fn launch(
        &mut self,
        launching: &Launching,
        timeout: Option<Duration>,
    ) -> Result<Value, Break> {
        match launching {
            Launching::App(name) => {
                let app = self.app_of(name.as_ref())?;
                self.launch_app(&app, timeout)?;
            }
            Launching::Command(line) => {
                let program = self.program(line)?;
                self.go_on()?;
                self.world.start(&program)?;
            }
        }
        Ok(Value::Null)
    }

    pub(in crate::agent::runner) fn program(&self, line: &CommandLine) -> Result<Program, Break> {
        let words = line.command.iter().map(|word| word.text(&self.scope));
        let words: Vec<String> = words.collect::<Result<_, _>>()?;
        let Some(mut program) = Program::from_words(words) else {
            return fault(Category::InvalidWorkflow, "the name of the program is empty");
        };
        program.cwd = match &line.cwd {
            Some(cwd) => Some(PathBuf::from(cwd.text(&self.scope)?)),
            None => None,
        };
        for (name, value) in &line.env {
            program.env.push((name.clone(), value.text(&self.scope)?));
        }
        Ok(program)
    }
}

fn said(stderr: &str) -> String {
    match stderr.trim() {
        "" => String::new(),
        text => format!(": {}", describe::cut(text)),
    }
}

//! `try --step` and `try --slow`: a person decides before each step, or has time to watch it come.

use std::{
    io::{BufRead as _, IsTerminal as _, Read as _, Write as _},
    sync::{
        atomic::{AtomicBool, Ordering},
        mpsc::{Receiver, RecvTimeoutError, sync_channel},
    },
    time::Duration,
};

use anyhow::Context as _;

use super::watch::StepPrinter;
use crate::{
    agent::runner::{NextStep, Permit, Stop as StopRunning},
    cli::{exit::usage, output},
    time::{format_duration, parse_duration},
};

/// Between two looks whether Ctrl-C was pressed.
const SLICE: Duration = Duration::from_millis(100);

/// The longest `--slow`.
const MAX_PAUSE: Duration = Duration::from_secs(3_600);

/// A longer line is no answer.
const MAX_ANSWER_BYTES: u64 = 1_024;

const QUESTION: &str = "  run it? [Enter] run, s skip, g go on, q stop, ? help:";

const HELP: &str = "\
  Enter, r  run this step
  s         skip it, with all steps inside it: it is reported as skipped, and a commit has not happened
  g         go on without asking
  q         stop before this step: keys are let go, the clipboard is emptied
  ?         this help";

/// What is answered to a question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Choice {
    Run,
    Skip,
    GoOn,
    Stop,
    Help,
}

impl Choice {
    fn read(answer: &str) -> Option<Self> {
        match answer.trim().to_ascii_lowercase().as_str() {
            "" | "r" | "run" => Some(Self::Run),
            "s" | "skip" => Some(Self::Skip),
            "g" | "go" | "go on" => Some(Self::GoOn),
            "q" | "quit" | "stop" => Some(Self::Stop),
            "?" | "h" | "help" => Some(Self::Help),
            _ => None,
        }
    }
}

/// Whether steps wait for an answer, for a while, or not at all.
pub(super) struct Pacing {
    /// Lines of standard input, while there are questions.
    answers: Option<Receiver<String>>,
    terminal: bool,
    pause: Option<Duration>,
    begun: bool,
    /// The step that was answered with stop.
    stopped_before: Option<String>,
}

impl Pacing {
    pub(super) fn new(step: bool, slow: Option<&str>) -> anyhow::Result<Self> {
        Ok(Self {
            answers: if step { Some(lines()?) } else { None },
            terminal: std::io::stdin().is_terminal(),
            pause: slow.map(pause).transpose()?,
            begun: false,
            stopped_before: None,
        })
    }

    pub(super) fn is_wanted(&self) -> bool {
        self.answers.is_some() || self.pause.is_some()
    }

    pub(super) fn stopped_before(&self) -> Option<&str> {
        self.stopped_before.as_deref()
    }

    pub(super) fn permit(&mut self, next: &NextStep, printer: &mut StepPrinter, interrupted: &AtomicBool) -> Permit {
        printer.remark(announcement(next));
        let permit = match &self.answers {
            Some(_) => self.ask(printer, interrupted),
            None => self.wait(interrupted),
        };
        self.begun = true;
        if matches!(permit, Permit::Stop(_)) {
            self.stopped_before = Some(next.path.clone());
        }
        permit
    }

    fn wait(&self, interrupted: &AtomicBool) -> Permit {
        let mut left = self.pause.filter(|_| self.begun).unwrap_or_default();
        while !left.is_zero() && !interrupted.load(Ordering::SeqCst) {
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left = left.saturating_sub(slice);
        }
        if interrupted.load(Ordering::SeqCst) { Permit::Stop(StopRunning::Cancelled) } else { Permit::Run }
    }

    fn ask(&mut self, printer: &mut StepPrinter, interrupted: &AtomicBool) -> Permit {
        loop {
            if self.terminal {
                let _ = write!(std::io::stderr().lock(), "{QUESTION} ");
            }
            let Some(answer) = self.answer(interrupted) else {
                if self.terminal {
                    let _ = writeln!(std::io::stderr().lock());
                } else {
                    printer.remark("  no more answers on standard input");
                }
                return Permit::Stop(StopRunning::Cancelled);
            };
            if !self.terminal {
                printer.remark(format!("{QUESTION} {}", output::clean(&answer)));
            }
            match Choice::read(&answer) {
                Some(Choice::Run) => return Permit::Run,
                Some(Choice::Skip) => return Permit::Skip,
                Some(Choice::GoOn) => {
                    self.answers = None;
                    return Permit::Run;
                }
                Some(Choice::Stop) => return Permit::Stop(StopRunning::Cancelled),
                Some(Choice::Help) => printer.remark(HELP),
                None => printer.remark(format!("  \"{}\" is no answer\n{HELP}", output::clean(answer.trim()))),
            }
        }
    }

    /// The next line; `None` where none comes any more, or Ctrl-C came first.
    fn answer(&self, interrupted: &AtomicBool) -> Option<String> {
        let answers = self.answers.as_ref()?;
        while !interrupted.load(Ordering::SeqCst) {
            match answers.recv_timeout(SLICE) {
                Ok(answer) => return Some(answer),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return None,
            }
        }
        None
    }
}

fn pause(text: &str) -> anyhow::Result<Duration> {
    let pause = parse_duration(text).map_err(|error| {
        usage(format!("--slow {text}: {error}; write --slow=2s, or --slow behind the name of the file"))
    })?;
    anyhow::ensure!(pause <= MAX_PAUSE, usage(format!("--slow {text}: at most {}", format_duration(MAX_PAUSE))));
    Ok(pause)
}

/// Standard input on a thread of its own, so that Ctrl-C is heard while a line is waited for.
fn lines() -> anyhow::Result<Receiver<String>> {
    let (sender, receiver) = sync_channel(0);
    let read = move || {
        let mut input = std::io::stdin().lock();
        loop {
            let mut line = Vec::new();
            match input.by_ref().take(MAX_ANSWER_BYTES).read_until(b'\n', &mut line) {
                Ok(1..) => {}
                Ok(0) | Err(_) => return,
            }
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if sender.send(line).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("answers".to_owned()).spawn(read).context("no thread to read answers")?;
    Ok(receiver)
}

/// `next  steps/2        type         "4711" into text right of text "MRN"  (save, commit)`
fn announcement(next: &NextStep) -> String {
    let label = next.name.as_ref().or(next.id.as_ref()).map(String::as_str);
    let marks: Vec<&str> = label.into_iter().chain(next.commit.then_some("commit")).collect();
    let marks = if marks.is_empty() { String::new() } else { format!("  ({})", marks.join(", ")) };
    let line = format!("next  {:<14} {:<12} {}{marks}", next.path, next.action, next.words);
    output::clean(line.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_single_keys_or_words_and_nothing_else() {
        assert_eq!(Choice::read("\r"), Some(Choice::Run));
        assert_eq!(Choice::read(" S "), Some(Choice::Skip));
        assert_eq!(Choice::read("go on"), Some(Choice::GoOn));
        assert_eq!(Choice::read("yes please"), None);
    }

    #[test]
    fn a_pause_is_a_duration_and_a_file_in_its_place_is_told() {
        assert_eq!(pause("1500ms").unwrap(), Duration::from_millis(1_500));
        assert!(pause("register.yaml").unwrap_err().to_string().contains("--slow=2s"));
        assert!(pause("2h").unwrap_err().to_string().contains("at most 1h"));
    }

    #[test]
    fn a_step_is_announced_in_one_line_with_its_label_and_that_it_commits() {
        let next = NextStep {
            path: "steps/2".to_owned(),
            id: Some("save".to_owned()),
            name: None,
            action: "click",
            words: "text \"Save\"\u{1b}[2J".to_owned(),
            commit: true,
        };
        let line = announcement(&next);
        assert!(line.starts_with("next  steps/2        click        text \"Save\""), "{line}");
        assert!(line.ends_with("(save, commit)") && !line.contains('\u{1b}'), "{line}");
    }
}

//! Jobs as they go: steps on stderr as they happen, and how it ended as text and exit code.

use std::{
    collections::BTreeSet,
    io::{IsTerminal as _, Write as _},
    time::Duration,
};

use super::failure_text;
use crate::{
    cli::{
        client::{Answer, Api, Call},
        exit::{self, Exit, Stop},
        output,
    },
    time::{Clock, format_duration},
    wire::{
        job::{Job, JobState},
        step::{StepReport, StepState},
    },
};

/// How long the controller holds each answer: new steps are shown within it, the end at once.
const STEP_PERIOD: Duration = Duration::from_millis(700);
const WAIT_PERIOD: Duration = Duration::from_secs(30);

/// How long a controller that is away is waited for, and the pause between two tries.
const PATIENCE: Duration = Duration::from_secs(120);
const RECONNECT_PAUSE: Duration = Duration::from_secs(1);

/// Prints steps: a line for each that ended, and on a terminal the one that is under way.
pub(crate) struct StepPrinter {
    terminal: bool,
    /// A line without its end stands on the terminal.
    open: bool,
    /// By attempt, number and whether it ended: a step is reported at its start and at its end.
    seen: BTreeSet<(u32, u64, bool)>,
    /// Attempts that have nothing more to tell.
    complete: BTreeSet<u32>,
}

impl StepPrinter {
    pub(crate) fn new() -> Self {
        Self {
            terminal: std::io::stderr().is_terminal(),
            open: false,
            seen: BTreeSet::new(),
            complete: BTreeSet::new(),
        }
    }

    pub(crate) fn step(&mut self, attempt: u32, report: &StepReport) {
        let ended = report.state != StepState::Started;
        if !self.seen.insert((attempt, report.number, ended)) {
            return;
        }
        let line = step_line(report);
        match (ended, self.terminal) {
            (true, _) => {
                self.clear();
                output::remark(line);
            }
            (false, true) => {
                self.clear();
                let _ = write!(std::io::stderr().lock(), "{line}");
                self.open = true;
            }
            (false, false) => {}
        }
    }

    pub(crate) fn remark(&mut self, text: impl AsRef<str>) {
        self.clear();
        output::remark(text);
    }

    pub(crate) fn clear(&mut self) {
        if std::mem::take(&mut self.open) {
            let _ = write!(std::io::stderr().lock(), "\r\u{1b}[K");
        }
    }
}

fn step_line(report: &StepReport) -> String {
    let mark = match report.state {
        StepState::Started => "…",
        StepState::Succeeded => "✓",
        StepState::Failed => "✗",
        StepState::Skipped => "-",
    };
    let label = report.name.as_ref().or(report.id.as_ref()).map(|label| format!(" {label}")).unwrap_or_default();
    let took = output::took(Some(report.started_at), report.finished_at);
    let targets: Vec<String> = report.finds.iter().map(find_text).collect();
    let targets = if targets.is_empty() { String::new() } else { format!("  {}", targets.join(", ")) };
    let error =
        report.error.as_ref().map(|error| format!("\n    {}", output::clean(&error.message))).unwrap_or_default();
    let head = output::clean(&format!("{mark} {took:>6}  {:<14} {:<12}{label}", report.path, report.action));
    format!("{}{}{error}", head.trim_end(), output::clean(&targets))
}

fn find_text(find: &crate::wire::step::Find) -> String {
    // What is seen without being a place, such as a file, has no way to it.
    let how = find.how.as_deref().unwrap_or(if find.found { "there" } else { "not found" });
    let score = find.score.map(|score| format!(" {score:.2}")).unwrap_or_default();
    let place = find.x.zip(find.y).map(|(x, y)| format!(" at {x},{y}")).unwrap_or_default();
    let took = output::duration(Duration::from_millis(find.elapsed_ms));
    format!("{} ({how}{score}{place}, {took})", find.target)
}

/// What to show on the way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Show {
    Steps,
    Nothing,
}

/// Until the job is settled, blocked or waiting, or `timeout` is over: then the job as it is.
pub(crate) async fn job(api: &Api, id: &str, show: Show, timeout: Option<Duration>) -> anyhow::Result<Answer<Job>> {
    let clock = Clock::System;
    let start = clock.now().mono;
    let mut printer = StepPrinter::new();
    let mut state = None;
    let mut lost_at = None;
    loop {
        let left = timeout.map(|timeout| timeout.saturating_sub(clock.now().mono.since(start)));
        let period = if show == Show::Steps { STEP_PERIOD } else { WAIT_PERIOD };
        let wait = left.map_or(period, |left| left.min(period));
        let looked = async {
            let answer = fetch(api, id, if state.is_none() { Duration::ZERO } else { wait }).await?;
            if show == Show::Steps {
                steps(api, &answer.value, &mut printer).await?;
            }
            anyhow::Ok(answer)
        };
        let answer = match looked.await {
            Ok(answer) => answer,
            // Before the first answer an error is the answer; later the controller may be back soon, and the job goes on meanwhile.
            Err(error) if state.is_some() && exit::code(&error) == Exit::Unreachable => {
                let now = clock.now().mono;
                let since = *lost_at.get_or_insert(now);
                if now.since(since) >= PATIENCE || left.is_some_and(|left| left.is_zero()) {
                    return Err(error);
                }
                if since == now {
                    printer.remark(format!("{error}; trying on for {}", output::duration(PATIENCE)));
                }
                tokio::time::sleep(RECONNECT_PAUSE.min(left.unwrap_or(RECONNECT_PAUSE))).await;
                continue;
            }
            Err(error) => return Err(error),
        };
        lost_at = None;
        if show == Show::Steps && state != Some(answer.value.state) && !answer.value.state.is_settled() {
            printer.remark(state_line(&answer.value));
        }
        state = Some(answer.value.state);
        let over = left.is_some_and(|left| left.is_zero());
        if over || answer.value.state.is_settled() || stands_still(answer.value.state) {
            printer.clear();
            return Ok(answer);
        }
    }
}

/// Nothing moves it but a person.
const fn stands_still(state: JobState) -> bool {
    matches!(state, JobState::Blocked | JobState::Waiting)
}

async fn fetch(api: &Api, id: &str, wait: Duration) -> anyhow::Result<Answer<Job>> {
    let path = ["v1", "jobs", id];
    let mut call = Call::get(&path);
    if !wait.is_zero() {
        // Whole milliseconds, as the query takes them.
        let whole = Duration::from_millis(crate::time::duration_ms(wait).max(1));
        call = call.query("wait", &format_duration(whole));
    }
    api.call(call).await
}

async fn steps(api: &Api, job: &Job, printer: &mut StepPrinter) -> anyhow::Result<()> {
    for attempt in &job.attempts {
        // The list of an attempt that has ended is read once more, for its last steps, and then never again.
        let begun = attempt.started_at.is_some() || attempt.outcome.is_some();
        if !begun || printer.complete.contains(&attempt.number) {
            continue;
        }
        let path = ["v1", "jobs", &job.id.to_string(), "steps"];
        let query = vec![("attempt", attempt.number.to_string())];
        let reports = api.list::<StepReport>(&path, query, usize::MAX).await?.value;
        for report in &reports {
            printer.step(attempt.number, report);
        }
        if attempt.outcome.is_some() {
            printer.complete.insert(attempt.number);
        }
    }
    Ok(())
}

pub(crate) fn state_line(job: &Job) -> String {
    let machine = job.machine.as_ref().map(|machine| format!(" on {machine}")).unwrap_or_default();
    let detail = match job.state {
        JobState::Queued => job.queue_position.map(|place| format!(", place {place}")).unwrap_or_default(),
        JobState::Blocked => job.blocked_reason.as_ref().map(|reason| format!(": {reason}")).unwrap_or_default(),
        JobState::Running => machine,
        JobState::Scheduled => job.run_at.map(|at| format!(" for {} UTC", output::moment(at))).unwrap_or_default(),
        _ => String::new(),
    };
    output::clean(&format!("{} {}{detail}", job.id, output::word(&job.state)))
}

/// Prints the result on stdout, what is to be said on stderr, and gives the exit code.
pub(crate) fn conclude(answer: &Answer<Job>, json: bool) -> anyhow::Result<Exit> {
    let job = &answer.value;
    if json {
        output::json(&answer.raw)?;
    } else {
        output::remark(end_line(job));
        if let Some(failure) = &job.failure {
            output::remark(failure_text::short(failure));
        }
        if let Some(result) = &job.output {
            output::json(result)?;
        }
    }
    Ok(exit_of(job.state))
}

pub(crate) const fn exit_of(state: JobState) -> Exit {
    match state {
        JobState::Succeeded => Exit::Done,
        JobState::Failed | JobState::Cancelled | JobState::NeedsReview => Exit::Unsuccessful,
        JobState::Scheduled | JobState::Queued | JobState::Blocked | JobState::Running | JobState::Waiting => {
            Exit::Unsettled
        }
    }
}

fn end_line(job: &Job) -> String {
    if !job.state.is_settled() {
        return state_line(job);
    }
    let machine = job.machine.as_ref().map(|machine| format!(" on {machine}")).unwrap_or_default();
    let took = output::took(job.started_at, job.finished_at);
    let took = if took.is_empty() { took } else { format!(" in {took}") };
    format!("{} {}{machine}{took}", job.id, output::word(&job.state))
}

/// Reads `--timeout`.
pub(crate) fn timeout(text: Option<&str>) -> anyhow::Result<Option<Duration>> {
    let parsed = text.map(crate::time::parse_duration).transpose();
    parsed.map_err(|error| Stop::new(Exit::Usage, format!("--timeout: {error}")).into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::Timestamp;

    #[test]
    fn the_exit_code_tells_not_done_from_not_yet() {
        assert_eq!(exit_of(JobState::Succeeded), Exit::Done);
        assert_eq!(exit_of(JobState::NeedsReview), Exit::Unsuccessful);
        assert_eq!(exit_of(JobState::Blocked), Exit::Unsettled);
    }

    #[test]
    fn a_step_is_one_line_with_what_it_found() {
        let report: StepReport = serde_json::from_value(serde_json::json!({
            "number": 1, "path": "steps/0", "id": "save", "name": null, "action": "click", "state": "succeeded",
            "started_at": Timestamp::from_ms(0), "finished_at": Timestamp::from_ms(420),
            "finds": [{"target": "image save.png", "found": true, "how": "exact", "score": 1.0, "x": 5, "y": 7,
                       "width": 1, "height": 1, "elapsed_ms": 12}],
            "error": null
        }))
        .unwrap();
        let line = step_line(&report);
        assert_eq!(line, "✓  0.42s  steps/0        click        save  image save.png (exact 1.00 at 5,7, 0.01s)");
    }
}

//! A failure on a terminal: what happened, on which screen, and what to do.

use std::{fmt::Write as _, time::Duration};

use crate::{
    cli::output,
    wire::{
        failure::{SeenWindow, Standstill},
        job::{Effect, Failure},
        machine::Facts,
    },
};

/// A title is cut after so many characters.
const TITLE_CHARS: usize = 60;

/// In a few lines, for the end of `--wait` and `watch`.
pub(crate) fn short(failure: &Failure) -> String {
    let mut text = format!("{}: {}", output::word(&failure.category), failure.message);
    if let Some(step) = &failure.step {
        let _ = write!(text, "\n  step {} ({})", step.path, step.action);
    }
    for artifact in &failure.artifacts {
        let _ = write!(text, "\n  picture {} of attempt {}", artifact.name, artifact.attempt);
    }
    if !failure.help.is_empty() {
        let _ = write!(text, "\n  {}", failure.help);
    }
    text.lines().map(output::clean).collect::<Vec<_>>().join("\n")
}

/// Everything that was known, for `job show`.
pub(crate) fn whole(failure: &Failure) -> anyhow::Result<()> {
    output::fields(&[
        ("failure", output::clean(&format!("{}: {}", output::word(&failure.category), failure.message))),
        ("what to do", output::clean(&failure.help)),
        ("step", failure.step.as_ref().map(step).unwrap_or_default()),
        ("where", place(failure)),
        ("effect", effect(failure)),
        ("best place", best(failure)),
        ("before it", output::optional(failure.pictures.before.as_ref())),
        ("at it", output::optional(failure.pictures.at_failure.as_ref())),
        ("agent log", output::optional(failure.log.as_ref())),
        ("standstill", failure.standstill.as_ref().map(standstill).unwrap_or_default()),
        ("machine", failure.facts.as_ref().map(facts).unwrap_or_default()),
        ("fingerprint", failure.fingerprint.clone()),
    ])?;
    if !failure.apps.is_empty() {
        output::line("")?;
        let rows = failure.apps.iter().map(|(app, seen)| {
            let version = failure.facts.as_ref().and_then(|facts| facts.apps.get(app.as_str())).cloned();
            [
                app.to_string(),
                version.unwrap_or_default(),
                output::word(&seen.state),
                output::optional(seen.screen.as_ref()),
                seen.reason.as_deref().map(output::clean).unwrap_or_default(),
            ]
        });
        output::table(["app", "version", "state", "screen", "why"], rows)?;
    }
    if !failure.windows.is_empty() {
        output::line("")?;
        output::table(["window, topmost first", "program", "place", ""], failure.windows.iter().map(window))?;
        if failure.windows_left_out > 0 {
            output::remark(format!("and {} more windows", failure.windows_left_out));
        }
    }
    Ok(())
}

fn step(step: &crate::wire::job::StepRef) -> String {
    let id = step.id.as_ref().map(|id| format!(" `{id}`")).unwrap_or_default();
    output::clean(&format!("{}{id} ({})", step.path, step.action))
}

fn place(failure: &Failure) -> String {
    let mut parts = Vec::new();
    parts.extend(failure.machine.as_ref().map(|machine| format!("on {machine}")));
    parts.extend(failure.attempt.map(|attempt| format!("in attempt {attempt}")));
    parts.extend(failure.at.map(|at| format!("at {} UTC", output::moment(at))));
    parts.join(", ")
}

fn effect(failure: &Failure) -> String {
    let retry =
        if failure.retryable { "its policy retries such failures" } else { "its policy does not retry such failures" };
    match failure.effect {
        Effect::None => format!("none; {retry}"),
        effect => output::word(&effect),
    }
}

fn best(failure: &Failure) -> String {
    failure.best.as_ref().map_or_else(String::new, |best| {
        let score = best.score.map(|score| format!(", score {score:.2}")).unwrap_or_default();
        let (x, y, width, height) = (best.x, best.y, best.width, best.height);
        output::clean(&format!("{} at {x},{y} ({width}x{height}){score}", best.target))
    })
}

fn standstill(standstill: &Standstill) -> String {
    let for_ms = |ms| output::duration(Duration::from_millis(ms));
    let mut parts = vec![format!("no step for {}", for_ms(standstill.step_ms))];
    parts.extend(standstill.picture_ms.map(|ms| format!("no pixel for {}", for_ms(ms))));
    if let Some(window) = &standstill.window {
        parts.push(match standstill.window_answers {
            Some(true) => format!("\"{window}\" answers"),
            Some(false) => format!("\"{window}\" does not answer"),
            None => format!("\"{window}\" cannot be asked whether it answers"),
        });
    }
    parts.extend(standstill.hangs.clone());
    output::clean(&parts.join(", "))
}

fn facts(facts: &Facts) -> String {
    let display =
        facts.display.map(|display| format!("{}x{} at scale {}", display.width, display.height, display.scale));
    let parts = [
        format!("{} {}", facts.os, facts.os_build),
        display.unwrap_or_default(),
        format!("session {}", facts.session),
        format!("agent {}", facts.agent_version),
    ];
    let parts: Vec<String> = parts.into_iter().filter(|part| !part.trim().is_empty()).collect();
    output::clean(&parts.join(", "))
}

fn window(window: &SeenWindow) -> [String; 4] {
    let SeenWindow { x, y, width, height, .. } = window;
    let program = if window.process.is_empty() { &window.class } else { &window.process };
    let state = if window.focused {
        "focused"
    } else if window.minimised {
        "minimised"
    } else {
        ""
    };
    [
        output::shorten(&output::clean(&window.title), TITLE_CHARS),
        output::clean(program),
        format!("{x},{y} {width}x{height}"),
        state.to_owned(),
    ]
}

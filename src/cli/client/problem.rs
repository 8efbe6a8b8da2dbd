//! A refusal of the controller as text for a person and a code for a program.

use std::fmt::Write as _;

use reqwest::StatusCode;

use crate::{
    cli::exit::{Exit, Stop},
    wire::problem::Problem,
};

const MOST_SHOWN_CHARS: usize = 400;

pub(super) fn stop(status: StatusCode, body: &[u8]) -> Stop {
    let exit = match status.as_u16() {
        404 => Exit::NotFound,
        503 | 400..=499 => Exit::Refused,
        _ => Exit::Broken,
    };
    let message = match serde_json::from_slice::<Problem>(body) {
        Ok(problem) => text(&problem),
        Err(_) => foreign(status, body),
    };
    Stop::new(exit, message)
}

fn text(problem: &Problem) -> String {
    let said = if problem.detail.is_empty() { &problem.title } else { &problem.detail };
    // A single fault is all there is to say.
    let repeats = matches!(problem.errors.as_slice(), [only] if problem.detail.ends_with(&only.detail));
    let said = if repeats { &problem.title } else { said };
    let mut text = format!("{said} ({})", problem.code);
    for fault in &problem.errors {
        let line = fault.line.map(|line| format!("line {line}: ")).unwrap_or_default();
        let pointer = if fault.pointer.is_empty() { String::new() } else { format!("{}: ", fault.pointer) };
        let _ = write!(text, "\n  {line}{pointer}{}", fault.detail);
    }
    match problem.code.as_str() {
        "unauthorized" => text.push_str("\nSet DESKFLEET_TOKEN, or DESKFLEET_TOKEN_FILE, to a token that is valid."),
        "forbidden" => text.push_str("\nAsk for a token with a higher role: `deskfleet token create --role …`."),
        _ => {}
    }
    text
}

/// Something between us and the controller answered, or something that is no controller.
fn foreign(status: StatusCode, body: &[u8]) -> String {
    let body = String::from_utf8_lossy(body);
    let shown: String = body.trim().chars().take(MOST_SHOWN_CHARS).collect();
    format!("answered {status}, but not as a deskfleet controller does; is DESKFLEET_URL right?\n{shown}")
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_faults_are_shown_with_their_places() {
        let body = br#"{"type":"/problems/invalid","title":"Invalid","status":422,"code":"invalid","detail":"the input does not fit",
            "errors":[{"pointer":"/input/mrn","detail":"is missing"},{"pointer":"/steps/2","detail":"unknown","line":7}]}"#;
        let stop = stop(StatusCode::UNPROCESSABLE_ENTITY, body);
        assert_eq!(stop.exit, Exit::Refused);
        assert_eq!(
            stop.message,
            "the input does not fit (invalid)\n  /input/mrn: is missing\n  line 7: /steps/2: unknown"
        );
    }

    #[test]
    fn a_single_fault_is_not_said_twice() {
        let body = br#"{"type":"/problems/invalid","title":"Not valid","status":422,"code":"invalid","detail":"/machine: no such one",
            "errors":[{"pointer":"/machine","detail":"no such one"}]}"#;
        assert_eq!(
            stop(StatusCode::UNPROCESSABLE_ENTITY, body).message,
            "Not valid (invalid)\n  /machine: no such one"
        );
    }

    #[test]
    fn each_status_has_its_exit_code() {
        let exit = |status: u16| stop(StatusCode::from_u16(status).unwrap(), b"<html>").exit;
        assert_eq!(exit(404), Exit::NotFound);
        for refused in [401, 403, 409, 413, 422, 429, 503] {
            assert_eq!(exit(refused), Exit::Refused);
        }
        assert_eq!(exit(500), Exit::Broken);
    }
}

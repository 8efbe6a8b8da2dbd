//! The agent's log of one attempt: its last lines in memory, for whoever wants to know how it failed.
//!
//! What this program logs while a tape runs goes onto it, and what the attempt's own steps say. It is cleaned of the attempt's secrets
//! before it leaves memory; lines go whole or not at all, so that no part of a secret is left.

use std::{
    collections::VecDeque,
    fmt::Write as _,
    sync::{Arc, Mutex, MutexGuard, PoisonError, Weak},
};

use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{Layer, layer::Context};

use crate::time::Clock;

/// Kept of one attempt; the oldest lines go first.
const MAX_BYTES: usize = 256 << 10;

/// Tapes that run.
static RUNNING: Mutex<Vec<Weak<Mutex<Ring>>>> = Mutex::new(Vec::new());

/// One attempt's log. Clones write onto the same.
#[derive(Debug, Clone)]
pub(in crate::agent) struct Tape {
    ring: Arc<Mutex<Ring>>,
}

#[derive(Debug)]
struct Ring {
    clock: Clock,
    lines: VecDeque<Line>,
    bytes: usize,
    left_out: u64,
}

#[derive(Debug)]
struct Line {
    text: String,
    /// It holds nothing secret as it is.
    clean: bool,
}

impl Tape {
    /// Runs from now on, until its last clone is gone.
    pub(in crate::agent) fn start(clock: Clock) -> Self {
        let ring = Ring { clock, lines: VecDeque::new(), bytes: 0, left_out: 0 };
        let tape = Self { ring: Arc::new(Mutex::new(ring)) };
        let mut running = locked(&RUNNING);
        running.retain(|ring| ring.strong_count() > 0);
        running.push(Arc::downgrade(&tape.ring));
        tape
    }

    /// A line of which is known that nothing in it is secret.
    pub(in crate::agent) fn line(&self, text: &str) {
        locked(&self.ring).push(text, true);
    }

    /// Everything that is left, to be cleaned of secrets.
    pub(in crate::agent) fn text(&self) -> String {
        locked(&self.ring).text(|_| true)
    }

    /// What may be shown as it is, for when nobody is left who knows the secrets.
    pub(in crate::agent) fn clean_text(&self) -> String {
        locked(&self.ring).text(|line| line.clean)
    }
}

impl Ring {
    fn push(&mut self, text: &str, clean: bool) {
        let text = format!("{} {text}\n", self.clock.now().wall);
        if text.len() > MAX_BYTES {
            self.left_out += 1;
            return;
        }
        self.bytes += text.len();
        self.lines.push_back(Line { text, clean });
        while self.bytes > MAX_BYTES
            && let Some(oldest) = self.lines.pop_front()
        {
            self.bytes -= oldest.text.len();
            self.left_out += 1;
        }
    }

    fn text(&self, wanted: impl Fn(&Line) -> bool) -> String {
        let mut text = String::new();
        if self.left_out > 0 {
            // Writing to a string can't fail.
            let _ = writeln!(text, "({} earlier lines are left out)", self.left_out);
        }
        self.lines.iter().filter(|line| wanted(line)).for_each(|line| text.push_str(&line.text));
        text
    }
}

/// Writes what is logged onto every tape that runs.
#[derive(Debug, Clone, Copy, Default)]
pub struct TapeLayer;

impl<S: Subscriber> Layer<S> for TapeLayer {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let running: Vec<_> = locked(&RUNNING).iter().filter_map(Weak::upgrade).collect();
        if running.is_empty() {
            return;
        }
        let metadata = event.metadata();
        let mut line = Fields { message: String::new(), others: String::new() };
        event.record(&mut line);
        let text = format!("{} {}: {}{}", metadata.level(), metadata.target(), line.message, line.others);
        for ring in &running {
            locked(ring).push(&text, false);
        }
    }
}

struct Fields {
    message: String,
    others: String,
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value:?}"),
            name => write!(self.others, " {name}={value:?}"),
        };
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        let _ = match field.name() {
            "message" => write!(self.message, "{value}"),
            name => write!(self.others, " {name}={value}"),
        };
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use tracing_subscriber::layer::SubscriberExt as _;

    use super::*;
    use crate::time::{ManualClock, Timestamp};

    /// What is logged goes on every tape that runs: one test at a time.
    static ALONE: Mutex<()> = Mutex::new(());

    fn tape() -> Tape {
        Tape::start(Clock::Manual(ManualClock::starting_at(Timestamp::from_ms(0))))
    }

    #[test]
    fn what_is_logged_while_the_tape_runs_is_on_it_but_not_among_the_clean() {
        let _alone = locked(&ALONE);
        let tape = tape();
        tape.line("steps/0 click begun");
        tracing::subscriber::with_default(tracing_subscriber::registry().with(TapeLayer), || {
            tracing::warn!(attempt = 7, "the picture {} is lost", "x");
        });
        let text = tape.text();
        let line = "1970-01-01T00:00:00.000Z WARN deskfleet::agent::tape::tests: the picture x is lost attempt=7\n";
        assert!(text.ends_with(line), "{text}");
        assert_eq!(tape.clean_text(), "1970-01-01T00:00:00.000Z steps/0 click begun\n");
    }

    #[test]
    fn the_oldest_lines_go_first_and_that_is_told() {
        let _alone = locked(&ALONE);
        let tape = tape();
        for number in 0..3 {
            tape.line(&format!("{number} {}", "x".repeat(MAX_BYTES / 2 - 100)));
        }
        let text = tape.text();
        assert!(text.starts_with("(1 earlier lines are left out)\n1970-01-01T00:00:00.000Z 1 "), "{}", &text[..80]);
        assert!(text.len() <= MAX_BYTES + 100);
    }
}

//! Reader of `wait_idle`.

use std::time::Duration;

use super::Reader;
use super::fields::Fields;
use super::target::transpose;
use crate::time::format_duration;
use crate::workflow::model::Idleness;
use crate::workflow::node::Node;

impl Reader {
    pub(super) fn idleness(&mut self, node: &Node) -> Option<Idleness> {
        let mut fields = Fields::or_empty(node, "`wait_idle`", self)?;
        let process = fields.take("process").map(|node| self.filled(node));
        let duration = fields.take("for").map(|node| self.idle_for(node));
        fields.finish("`wait_idle`", &[], self);
        let duration = transpose(duration)?.unwrap_or(Idleness::DEFAULT_DURATION);
        Some(Idleness { process: transpose(process)?, duration })
    }

    fn idle_for(&mut self, node: &Node) -> Option<Duration> {
        let duration = self.duration(node)?;
        if duration < Idleness::SHORTEST {
            let shortest = format_duration(Idleness::SHORTEST);
            self.fault(node, format!("`for` of `wait_idle` is at least {shortest}: in less nothing can be measured"));
            return None;
        }
        Some(duration)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::workflow::{Action, Idleness, parse_one};

    fn read(step: &str) -> Result<Idleness, String> {
        let text = format!("kind: workflow\nname: w\nsteps:\n  - {step}\n");
        let document = parse_one(text.as_bytes()).map_err(|faults| format!("{faults:?}"))?;
        match &document.as_workflow().unwrap().steps[0].action {
            Action::WaitIdle(idleness) => Ok(idleness.clone()),
            other => Err(format!("{other:?}")),
        }
    }

    #[test]
    fn a_stretch_can_be_measured_and_fits_into_the_timeout() {
        assert_eq!(read("wait_idle: {}").unwrap().duration, Duration::from_millis(500));
        let named = read("wait_idle: { process: 'clinic.exe', for: 2s }").unwrap();
        assert_eq!(named.process.unwrap().source(), "clinic.exe");
        for (wrong, told) in [
            ("wait_idle: { for: 100ms }", "at least 200ms"),
            ("{ wait_idle: { for: 5s }, timeout: 5s }", "not shorter than the step's `timeout` of 5s"),
            ("wait_idle: { app: clinic }", "unknown key `app`"),
            ("wait_idle: { process: '' }", "/process"),
        ] {
            let fault = read(wrong).unwrap_err();
            assert!(fault.contains(told), "{fault}");
        }
    }
}

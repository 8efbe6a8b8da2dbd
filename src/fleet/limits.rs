//! Sizes everything must keep to, each told with its number.

use super::{document::Labels, refusal::Fault, settings::Settings};
use crate::ids::Json;

pub(super) const PRIORITY_MAX: i32 = 100;
/// With room for what systems and programs add to a name.
const FILE_NAME_BYTES: usize = 200;

/// Collects everything wrong with a request, not only the first thing.
pub(super) struct Checks<'a> {
    settings: &'a Settings,
    /// Before every pointer, such as `/items/3`.
    prefix: String,
    pub(super) faults: Vec<Fault>,
}

impl<'a> Checks<'a> {
    pub(super) fn new(settings: &'a Settings, prefix: impl Into<String>) -> Self {
        Self { settings, prefix: prefix.into(), faults: Vec::new() }
    }

    pub(super) fn fault(&mut self, pointer: &str, detail: impl Into<String>) {
        self.faults.push(Fault::new(format!("{}{pointer}", self.prefix), detail));
    }

    pub(super) fn text(&mut self, pointer: &str, text: &str) {
        let max = self.settings.max_text_chars;
        if text.is_empty() {
            self.fault(pointer, "is empty: leave it out or write something");
        } else if text.chars().count() > max {
            self.fault(pointer, format!("is longer than {max} characters: shorten it"));
        }
    }

    pub(super) fn optional_text(&mut self, pointer: &str, text: Option<&str>) {
        if let Some(text) = text {
            self.text(pointer, text);
        }
    }

    pub(super) fn count(&mut self, pointer: &str, count: usize) {
        let max = self.settings.max_entries;
        if count > max {
            self.fault(pointer, format!("has {count} entries, at most {max} are allowed: leave some out"));
        }
    }

    pub(super) fn vars(&mut self, pointer: &str, vars: &Json) {
        let (bytes, max) = (bytes_of(vars), self.settings.max_vars_bytes);
        if bytes > max {
            let detail = format!("take {bytes} bytes, and at most {max} are kept with a commit: keep less in them");
            self.fault(pointer, detail);
        }
    }

    pub(super) fn result(&mut self, pointer: &str, result: Option<&Json>) {
        let (bytes, max) = (result.map_or(0, bytes_of), self.settings.max_result_bytes);
        if bytes > max {
            let detail = format!("takes {bytes} bytes, and at most {max} are kept for an item: keep less of it");
            self.fault(pointer, detail);
        }
    }

    /// Of one report.
    pub(super) fn report_items(&mut self, pointer: &str, items: usize) {
        let max = self.settings.max_steps_per_report;
        if items > max {
            self.fault(pointer, format!("at most {max} items fit one report: send several"));
        }
    }

    /// Files lie beside each other in one folder, on any system: names that could mean another place, or the same one twice,
    /// are none.
    pub(super) fn file_name(&mut self, pointer: &str, name: &str) {
        let strange = |c: char| c.is_control() || "/\\:*?\"<>|".contains(c);
        let plain = !name.contains(strange) && !name.trim_matches(['.', ' ']).is_empty();
        if !plain || name.len() > FILE_NAME_BYTES {
            let at = format!("{pointer}/{}", escape(name));
            let detail = format!("a file has a name of 1 to {FILE_NAME_BYTES} bytes, without / \\ : * ? \" < > |");
            self.fault(&at, detail);
        }
    }

    pub(super) fn labels(&mut self, pointer: &str, labels: &Labels) {
        self.count(pointer, labels.len());
        let max = self.settings.max_text_chars;
        for (key, value) in labels {
            if key.is_empty() || key.chars().count() > max || value.chars().count() > max {
                let at = format!("{pointer}/{}", escape(key));
                self.fault(&at, format!("a label has a name of 1 to {max} characters and a value of at most {max}"));
            }
        }
    }
}

fn bytes_of(json: &Json) -> u64 {
    u64::try_from(json.as_str().len()).unwrap_or(u64::MAX)
}

/// A key as one part of an RFC 6901 pointer, at bounded length.
pub(super) fn escape(key: &str) -> String {
    let shown: String = key.chars().take(64).collect();
    shown.replace('~', "~0").replace('/', "~1")
}

//! The readers: from a located tree to a typed document, with every fault there is.
//!
//! A reader returns `None` where its value is at fault and has noted why, so that reading goes on and one run tells everything.
//! It must not know files or other documents: what hangs together across documents is `lint`'s.

mod action;
mod app;
mod artifact;
mod beside;
mod call;
mod channel;
mod command;
mod commit;
mod concurrency;
mod document;
mod each;
mod fields;
mod flow;
mod gesture;
mod grid;
mod idle;
mod names;
mod pool;
mod step;
mod target;
mod text;
mod ui;
mod unavailable;
mod values;
mod workflow;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::fault::Fault;
use super::limits;
use super::model::{ImageFile, Kind, Place, Workflow};
use super::node::Node;

/// What one document is read with.
pub(super) struct Reader {
    kind: Kind,
    faults: Vec<Fault>,
    /// Faults beyond [`limits::FAULTS`].
    suppressed: usize,
    steps: usize,
    patterns: usize,
    /// How many apps a step may mean when it names none: exactly one is needed.
    apps: usize,
    /// The screens of this document, when it is an app.
    screens: BTreeSet<String>,
    /// The properties of `input`; `None` when they are not known one by one.
    inputs: Option<BTreeSet<String>>,
    /// The variables that are set by now.
    vars: BTreeSet<String>,
    /// Step ids, with the line of each.
    ids: BTreeMap<String, u32>,
    /// The images used, with the place of their first use.
    images: BTreeMap<ImageFile, Place>,
    /// Whether `relaunch` may stand here.
    recovering: bool,
    /// What stands around the step being read, outermost first.
    around: Vec<Around>,
    /// Whether a loop has been read, so that `loop.results` is known.
    looped: bool,
    /// Of one attempt.
    timeout: Duration,
}

/// Something around a step that decides what it may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Around {
    /// A step in this line has `retries`.
    Retries(u32),
    /// A step in this line has `continue_on_error`.
    ContinueOnError(u32),
    /// `kept`: what became of each key is kept.
    Loop {
        kept: bool,
    },
    /// The steps of a `repeat`, as often as it takes.
    Repeat,
    Try,
    Settle,
}

impl Reader {
    fn new(kind: Kind) -> Self {
        Self {
            kind,
            faults: Vec::new(),
            suppressed: 0,
            steps: 0,
            patterns: 0,
            apps: usize::from(kind == Kind::App),
            screens: BTreeSet::new(),
            inputs: None,
            vars: BTreeSet::new(),
            ids: BTreeMap::new(),
            images: BTreeMap::new(),
            recovering: false,
            around: Vec::new(),
            looped: false,
            timeout: Workflow::DEFAULT_TIMEOUT,
        }
    }

    fn fault(&mut self, node: &Node, detail: impl Into<String>) {
        self.push(Fault::at(node, detail));
    }

    fn fault_with(&mut self, node: &Node, detail: impl Into<String>, suggestion: impl Into<String>) {
        self.push(Fault::at(node, detail).suggest(suggestion));
    }

    fn push(&mut self, fault: Fault) {
        if self.faults.len() < limits::FAULTS {
            self.faults.push(fault);
        } else {
            self.suppressed += 1;
        }
    }

    fn finish(mut self) -> Vec<Fault> {
        if self.suppressed > 0
            && let Some(last) = self.faults.last_mut()
        {
            last.suggestion = Some(format!("and {} faults more in this document", self.suppressed));
        }
        self.faults.sort_by_key(|fault| (fault.line, fault.column));
        self.faults
    }
}

fn place(node: &Node) -> Place {
    Place { pointer: node.pointer.to_string(), line: node.line, column: node.column }
}

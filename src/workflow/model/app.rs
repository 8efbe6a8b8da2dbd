//! `kind: app`.

use std::collections::BTreeMap;
use std::time::Duration;

use super::command::CommandLine;
use super::scalar::{Digest, ImageFile, Name, Pattern};
use super::step::{Step, Watch};
use super::target::Probe;

#[derive(Clone, Debug)]
pub struct App {
    pub name: Name,
    pub description: Option<String>,
    pub launch: Launches,
    /// The program's file name, without directory, `.exe` optional: for memory, liveness, `close` and `relaunch`.
    pub process: Option<String>,
    pub version: Option<VersionProbe>,
    /// By name. Their order in the document has no meaning.
    pub screens: BTreeMap<Name, Screen>,
    /// Tried in this order until `ready` holds.
    pub recover: Vec<Recovery>,
    /// What comes in between and how it is sent away, between the steps of a workflow.
    pub on_popup: Vec<Popup>,
    /// Digests of the images, once the document travels.
    pub images: BTreeMap<ImageFile, Digest>,
}

impl App {
    /// The screen that work starts from. An app without it counts as ready as soon as its process runs.
    pub const READY: &str = "ready";

    pub fn ready(&self) -> Option<&Screen> {
        self.screens.get(Self::READY)
    }

    /// The steps that stand in this document, without those inside them.
    pub fn own_steps(&self) -> impl Iterator<Item = &Step> {
        let recovering = self.recover.iter().flat_map(|recovery| &recovery.steps);
        recovering.chain(self.on_popup.iter().flat_map(|popup| &popup.steps))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum System {
    Windows,
    Linux,
}

/// How the app is started, on the systems it exists for.
#[derive(Clone, Debug, Default)]
pub struct Launches {
    pub windows: Option<Launch>,
    pub linux: Option<Launch>,
}

impl Launches {
    pub fn on(&self, system: System) -> Option<&Launch> {
        match system {
            System::Windows => self.windows.as_ref(),
            System::Linux => self.linux.as_ref(),
        }
    }
}

/// Started and left running. Its command line's `timeout` is how long `ready` may take to hold afterwards.
#[derive(Clone, Debug)]
pub struct Launch {
    pub command: CommandLine,
}

impl Launch {
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    pub fn timeout(&self) -> Duration {
        self.command.timeout.unwrap_or(Self::DEFAULT_TIMEOUT)
    }
}

/// A command whose output names the version.
#[derive(Clone, Debug)]
pub struct VersionProbe {
    pub command: CommandLine,
    /// The first group is the version, or the whole match. `None`: the first line that is not empty.
    pub pattern: Option<Pattern>,
}

/// A named state: it shows when all its probes hold.
#[derive(Clone, Debug)]
pub struct Screen {
    pub probes: Vec<Probe>,
}

#[derive(Clone, Debug)]
pub struct Recovery {
    /// Tried only while this holds. A plain string in the document is the name of a screen of this app.
    pub when: Option<Watch>,
    pub steps: Vec<Step>,
    /// How often, at most.
    pub times: u32,
}

/// A dialog that nobody asked for: while it shows, its steps are carried out.
#[derive(Clone, Debug)]
pub struct Popup {
    /// Looked at once. A plain string in the document is the name of a screen of this app.
    pub when: Probe,
    pub steps: Vec<Step>,
}

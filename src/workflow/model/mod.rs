//! The typed document: what the readers make and the step engine runs.
//!
//! A value of these types has been checked: names have their shape, patterns, templates and expressions compile, every target is
//! of a kind that this version can find. It must not know how it was written (YAML, JSON) nor how it will be carried out.

mod app;
mod artifact;
mod call;
mod channel;
mod command;
mod commit;
mod document;
mod each;
mod flow;
mod idle;
mod key;
mod pool;
mod scalar;
mod step;
mod table;
mod target;
mod ui;
mod workflow;

pub use app::{App, Launch, Launches, Popup, Recovery, Screen, System, VersionProbe};
pub use artifact::SaveArtifact;
pub use call::Call;
pub use channel::{Channel, Secret, Webhook};
pub use command::CommandLine;
pub use commit::{Commit, Settle};
pub use document::{Body, Document, Kind};
pub use each::{ForEach, Items, OnError};
pub use flow::{Repeat, Try};
pub use idle::Idleness;
pub use key::{Chord, Key, Modifier, NamedKey};
pub use pool::{Display, Pool};
pub use scalar::{Category, Color, Digest, ImageFile, Language, Name, Pattern, Region};
pub use step::{
    Action, Assertion, Button, Click, Condition, Drag, Extract, Fail, How, Launching, Screenshot, ScreenshotWhen,
    Scroll, Step, Stillness, Subject, TypeText, Via, Watch,
};
pub use table::ReadTable;
pub use target::{
    Beside, Find, ImageTarget, PixelProbe, Place, Position, Probe, Side, Target, TextTarget, TitleMatch, WantedText,
    WindowTarget,
};
pub use ui::{Checked, Control, PATH_SEPARATOR, Request, Role, UiTarget};
pub use workflow::{Concurrency, RetryPolicy, Workflow};

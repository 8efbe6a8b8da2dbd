//! Steps: one action each, with options.

use std::collections::BTreeMap;
use std::time::Duration;

use super::artifact::SaveArtifact;
use super::call::Call;
use super::command::CommandLine;
use super::commit::Commit;
use super::each::ForEach;
use super::flow::{Repeat, Try};
use super::idle::Idleness;
use super::key::{Chord, Modifier};
use super::scalar::{Category, Language, Name, Pattern, Region};
use super::table::ReadTable;
use super::target::{Place, Probe, Target};
use super::ui::Control;
use crate::workflow::expression::Expression;
use crate::workflow::template::Template;
use crate::workflow::value::SetValue;

#[derive(Clone, Debug)]
pub struct Step {
    /// As failures name it: `steps/4/then/0`. Steps of an app begin with `recover/0/steps/…`.
    pub path: String,
    pub id: Option<Name>,
    /// For people.
    pub name: Option<String>,
    pub action: Action,
    /// The step is skipped unless this holds.
    pub when: Option<Condition>,
    /// How long the step may look for its target or wait for its probe. `None`: [`Step::DEFAULT_TIMEOUT`]. The readers have
    /// put it into the step's own watch or command as well, so `timeout: 5s` beside `if` or `run` is found there.
    pub timeout: Option<Duration>,
    /// `as`: the variable that takes the step's result.
    pub store_as: Option<String>,
    pub screenshot: ScreenshotWhen,
    /// Blacked out before a picture leaves the machine.
    pub mask: Vec<Target>,
    /// Time to settle, before the action.
    pub pause: Option<Duration>,
    /// How often the step is tried again after it failed.
    pub retries: u32,
    pub continue_on_error: bool,
    /// It acts on the world and must not do so twice.
    pub commit: Option<Commit>,
    pub place: Place,
}

impl Step {
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(10);

    pub fn timeout(&self) -> Duration {
        self.timeout.unwrap_or(Self::DEFAULT_TIMEOUT)
    }

    /// The steps inside this one, in order of writing. Those of its `settle` are none of the way through a workflow.
    pub fn inner(&self) -> impl Iterator<Item = &Step> {
        let lists: [&[Step]; 3] = match &self.action {
            Action::If { then, otherwise, .. } => [then, otherwise, &[]],
            Action::ForEach(each) => [&each.steps, &[], &[]],
            Action::Repeat(repeat) => [&repeat.steps, &[], &[]],
            Action::Try(attempt) => [&attempt.steps, &attempt.catch, &attempt.finally],
            _ => [&[], &[], &[]],
        };
        lists.into_iter().flatten()
    }
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ScreenshotWhen {
    /// Not asked for: a picture on failure only.
    #[default]
    OnFailure,
    Before,
    After,
    Both,
    /// Not even on failure.
    Never,
}

#[derive(Clone, Debug)]
pub enum Action {
    Click(Click),
    DoubleClick(Click),
    RightClick(Click),
    Move(Target),
    Drag(Drag),
    Scroll(Scroll),
    Type(TypeText),
    Key(Vec<Chord>),
    Paste {
        text: Template,
        into: Option<Target>,
    },
    /// Through the application, without mouse or keyboard.
    Control(Box<Control>),
    /// Names of menus and at last of an item, as in `File > Print`.
    Menu(Template),
    Wait(Watch),
    WaitGone(Watch),
    WaitStable(Stillness),
    WaitIdle(Idleness),
    Assert(Assertion),
    Screenshot(Screenshot),
    SaveArtifact(SaveArtifact),
    Extract(Extract),
    ReadTable(Box<ReadTable>),
    ReadClipboard {
        pattern: Option<Pattern>,
    },
    /// All are computed from the variables as they were before the step.
    Set(BTreeMap<String, SetValue>),
    Run(CommandLine),
    Launch(Launching),
    /// Ends the app's process and launches it anew. Only in `recover`, where the app is the document's own.
    Relaunch,
    Close(Subject),
    /// A window, by [`super::Find::Window`].
    Activate(Target),
    If {
        condition: Condition,
        then: Vec<Step>,
        otherwise: Vec<Step>,
    },
    ForEach(Box<ForEach>),
    Repeat(Box<Repeat>),
    Try(Box<Try>),
    Call(Box<Call>),
    Sleep(Duration),
    Fail(Fail),
}

impl Action {
    /// The name that documents and failures use.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Click(_) => "click",
            Self::DoubleClick(_) => "double_click",
            Self::RightClick(_) => "right_click",
            Self::Move(_) => "move",
            Self::Drag(_) => "drag",
            Self::Scroll(_) => "scroll",
            Self::Type(_) => "type",
            Self::Key(_) => "key",
            Self::Paste { .. } => "paste",
            Self::Control(control) => control.request.name(),
            Self::Menu(_) => "menu",
            Self::Wait(_) => "wait",
            Self::WaitGone(_) => "wait_gone",
            Self::WaitStable(_) => "wait_stable",
            Self::WaitIdle(_) => "wait_idle",
            Self::Assert(_) => "assert",
            Self::Screenshot(_) => "screenshot",
            Self::SaveArtifact(_) => "save_artifact",
            Self::Extract(_) => "extract",
            Self::ReadTable(_) => "read_table",
            Self::ReadClipboard { .. } => "read_clipboard",
            Self::Set(_) => "set",
            Self::Run(_) => "run",
            Self::Launch(_) => "launch",
            Self::Relaunch => "relaunch",
            Self::Close(_) => "close",
            Self::Activate(_) => "activate",
            Self::If { .. } => "if",
            Self::ForEach(_) => "for_each",
            Self::Repeat(_) => "repeat",
            Self::Try(_) => "try",
            Self::Call(_) => "call",
            Self::Sleep(_) => "sleep",
            Self::Fail(_) => "fail",
        }
    }
}

/// What `when` and `if` ask.
#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a step holds one, and steps are few")]
pub enum Condition {
    /// Looked at once, unless it carries a timeout.
    Probe(Watch),
    Expression(Expression),
}

/// A probe, and how long to wait for it.
#[derive(Clone, Debug)]
pub struct Watch {
    pub probe: Probe,
    /// Written beside the probe's own keys. `None`: the step's timeout where one waits, a single look in a condition.
    pub timeout: Option<Duration>,
    pub place: Place,
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a step holds one, and steps are few")]
pub enum Assertion {
    Probe(Watch),
    Expression(Expression),
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Button {
    #[default]
    Left,
    Middle,
    Right,
}

#[derive(Clone, Debug)]
pub struct Click {
    pub target: Target,
    /// Always [`Button::Right`] in `right_click`.
    pub button: Button,
    /// Held down meanwhile.
    pub modifiers: Vec<Modifier>,
}

#[derive(Clone, Debug)]
pub struct Drag {
    pub from: Target,
    pub to: Target,
    pub button: Button,
    pub modifiers: Vec<Modifier>,
}

/// Wheel notches: `dy` above 0 scrolls down, `dx` above 0 to the right.
#[derive(Clone, Debug)]
pub struct Scroll {
    /// `None`: where the pointer is.
    pub target: Option<Target>,
    pub dx: i32,
    pub dy: i32,
}

#[derive(Clone, Debug)]
pub struct TypeText {
    pub text: Template,
    /// Clicked first. `None`: where the focus is.
    pub into: Option<Target>,
    /// Empty the field before.
    pub clear: bool,
    /// The text is shown in no report, log or picture.
    pub secret: bool,
    pub via: Via,
    /// Compare what the field holds afterwards; a difference is a failure.
    pub read_back: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Via {
    /// Keys for short plain text, else paste.
    #[default]
    Auto,
    Keys,
    /// Keys of the layout by their codes: for windows that hand keys on to another machine.
    Scancode,
    Paste,
    /// Given to the field by its application.
    Value,
}

/// `wait_stable`: nothing changes for a while.
#[derive(Clone, Debug)]
pub struct Stillness {
    /// `None`: the whole desktop.
    pub region: Option<Region>,
    /// `for`.
    pub duration: Duration,
}

#[derive(Clone, Debug)]
pub struct Screenshot {
    pub name: Template,
    pub region: Option<Region>,
}

#[derive(Clone, Debug)]
pub struct Extract {
    /// `None`: what has the focus.
    pub from: Option<Target>,
    pub how: How,
    /// Of what is read off the screen.
    pub language: Language,
    /// The first group of the match is the result, or all of it. No match is a failure.
    pub pattern: Option<Pattern>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum How {
    /// As the application tells it for a control and for what stands beside something (there off the screen where it tells
    /// nothing); else by the clipboard.
    #[default]
    Auto,
    /// Select all, copy, read; the clipboard is restored.
    Clipboard,
    /// As the application tells it.
    Ui,
    /// Read off the screen.
    Ocr,
}

#[derive(Clone, Debug)]
pub enum Launching {
    /// As its document says. `None`: the app of this document, or the only app of this workflow.
    App(Option<Name>),
    /// Started and left running.
    Command(CommandLine),
}

#[derive(Clone, Debug)]
#[expect(clippy::large_enum_variant, reason = "a step holds one, and steps are few")]
pub enum Subject {
    /// `None`: the app of this document, or the only app of this workflow.
    App(Option<Name>),
    /// A window, by [`super::Find::Window`].
    Window(Target),
}

#[derive(Clone, Debug)]
pub struct Fail {
    pub category: Category,
    pub message: Template,
}

//! Targets (what a step acts on) and probes (read-only checks).

use super::command::CommandLine;
use super::scalar::{Color, ImageFile, Language, Name, Pattern, Region};
use super::ui::UiTarget;
use crate::workflow::template::Template;

/// Where in its document a value stands, for reports: a JSON pointer, and line and column from 1 (0 where unknown, as in JSON
/// that came over the wire).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct Place {
    pub pointer: String,
    pub line: u32,
    pub column: u32,
}

/// One place on the screen to be found.
#[derive(Clone, Debug)]
pub struct Target {
    pub find: Find,
    /// `in`: look only inside what this finds.
    pub within: Option<Box<Target>>,
    /// In desktop pixels; with `in`, counted from its upper left corner.
    pub region: Option<Region>,
    /// Added to the point that is acted on, `[dx, dy]`.
    pub offset: (i32, i32),
    /// Which one of several, from 0, in reading order. `None`: there must be exactly one.
    pub index: Option<u32>,
    /// Look only there; of several places the nearest is meant.
    pub beside: Option<Beside>,
    pub place: Place,
}

/// `right_of` and its like.
#[derive(Clone, Debug)]
pub struct Beside {
    pub side: Side,
    pub anchor: Box<Target>,
    /// In pixels, from the anchor's edge.
    pub max_distance: u32,
}

impl Beside {
    pub const DEFAULT_DISTANCE: u32 = 400;
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    RightOf,
    LeftOf,
    Above,
    Below,
}

impl Side {
    pub const ALL: [Self; 4] = [Self::RightOf, Self::LeftOf, Self::Above, Self::Below];

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RightOf => "right_of",
            Self::LeftOf => "left_of",
            Self::Above => "above",
            Self::Below => "below",
        }
    }
}

#[derive(Clone, Debug)]
pub enum Find {
    Image(ImageTarget),
    Window(WindowTarget),
    /// As applications tell it, else read off the screen.
    Text(TextTarget),
    /// As applications tell it.
    Ui(Box<UiTarget>),
    /// Whatever field takes text beside something: what is typed into.
    Field,
    /// Whatever text stands beside something: what `extract` reads.
    AnyText,
    /// Physical pixels of the desktop; with `in`, counted from the upper left corner of what that finds.
    At(Position, Position),
    /// The first found wins, in this order; which one it was is reported.
    Any(Vec<Target>),
}

/// A coordinate: written down, or computed by a template that yields a whole number.
#[derive(Clone, Debug)]
pub enum Position {
    Fixed(i32),
    Computed(Template),
}

#[derive(Clone, Debug, PartialEq)]
pub struct ImageTarget {
    /// Looks of the same thing, at least one; the first found wins.
    pub variants: Vec<ImageFile>,
    /// 0 to 1: from which likeness on it counts as found.
    pub score: f64,
    /// 0 to 1: by how much the best place must beat the second. `None`: the matcher's own rule.
    pub margin: Option<f64>,
    /// Look at other scales too, for other DPI.
    pub scale: bool,
}

impl ImageTarget {
    pub const DEFAULT_SCORE: f64 = 0.9;
}

#[derive(Clone, Debug)]
pub struct TextTarget {
    pub wanted: WantedText,
    /// Upper and lower case differ.
    pub case: bool,
    pub language: Language,
}

#[derive(Clone, Debug)]
pub enum WantedText {
    /// Whole words of one line, in this order.
    Words(Template),
    /// Anywhere in a line.
    Pattern(Pattern),
}

/// All that is given must match; at least one is given.
#[derive(Clone, Debug)]
pub struct WindowTarget {
    pub title: Option<TitleMatch>,
    pub class: Option<Template>,
    /// The program's file name, without directory, `.exe` optional.
    pub process: Option<Template>,
}

#[derive(Clone, Debug)]
pub enum TitleMatch {
    /// A part of the title.
    Contains(Template),
    Pattern(Pattern),
}

/// A read-only check that holds or does not.
#[derive(Clone, Debug)]
pub enum Probe {
    /// Holds while the target (image, text, ui or window) can be found.
    Visible(Target),
    Pixel(PixelProbe),
    /// A running program's file name, without directory, `.exe` optional.
    Process(Template),
    /// A file or directory that exists.
    File(Template),
    /// Holds when the program ends with one of its `exit_codes`.
    Command(CommandLine),
    Screen {
        /// `None`: the app of this document, or the only app of this workflow.
        app: Option<Name>,
        screen: Name,
    },
    Any(Vec<Probe>),
    All(Vec<Probe>),
    Not(Box<Probe>),
}

#[derive(Clone, Debug)]
pub struct PixelProbe {
    pub at: (Position, Position),
    pub color: Color,
    /// How far each of red, green and blue may be off.
    pub tolerance: u8,
}

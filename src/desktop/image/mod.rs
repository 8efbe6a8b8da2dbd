//! Finding a picture on the screen.
//!
//! The **score** of a place is the zero-mean normalised cross-correlation of the gray values there with those of the template, at full
//! resolution, over the pixels the template cares about: 1.0 is equal up to brightness and contrast, 0.0 is unrelated. A template
//! whose gray is constant uses the colour channel that varies most; one of a single colour ([`Template::is_flat`]) has nothing to
//! correlate: its score is `1 - d / 32`, with `d` the root of the mean squared colour difference, not below 0. A place of constant
//! gray scores 0 against a template that is not flat.
//!
//! Stages, cheapest first: the same pixels as last time, the last place, equal bytes, the picture at a sixteenth to a half of its size, a few
//! distinctive pixels, and correlation of everything by Fourier transform. Only the last one may say "not found". A stage that would cost more
//! than the last is left out.
//!
//! With [`SearchOptions::unique`] the answer names every place that could have been meant. Places of equal bytes beat all others but
//! near rivals (within [`SearchOptions::margin`]) that the picture at a quarter of its size shows. Without such a place, the picture at a quarter of
//! its size decides where it shows everything that comes near the best (an eighth where the picture is large), else the last stage.
//!
//! Loops over pixels are compiled twice on x86-64; which one runs is chosen by what the processor can do.
//!
//! It must not know: desktops, windows, files, which step looks for the picture.

use std::{fmt, time::Duration};

use super::{Point, Rect};

mod anchors;
mod exact;
mod fft;
mod finder;
mod flat;
mod norms;
mod pattern;
mod peaks;
mod plane;
mod pyramid;
mod spectrum;
mod template;
#[cfg(test)]
mod tests;
mod view;

use pattern::Pattern;

pub use finder::Finder;
pub use template::{Template, TemplateError};

/// More places than this are not listed.
pub const MAX_HITS: usize = 100;

/// Sizes to try for other display scales: what desktops can be set to, seen from any of them.
pub const DPI_SCALES: [f64; 10] = [1.25, 0.8, 1.5, 0.667, 1.75, 0.571, 2.0, 0.5, 1.2, 0.833];

/// What counts as found.
#[derive(Clone, Debug, PartialEq)]
pub struct SearchOptions {
    /// The lowest score of a hit, 0 to 1.
    pub score: f64,
    /// A second place is a rival of the best unless it scores lower by at least this.
    pub margin: f64,
    /// Only here; the template must lie in it wholly. The part outside the frame does not count. `None`: everywhere.
    pub region: Option<Rect>,
    /// Of several places the one with this number, from 0 in reading order.
    pub index: Option<usize>,
    /// Other sizes to try where the template's own is not found, such as 1.25.
    pub scales: Vec<f64>,
    /// All places are wanted, because one is meant. Without it the first place found is good enough: for probes.
    pub unique: bool,
    /// Where it was seen before (top left corner). The finder remembers by itself; this is for what it cannot know.
    pub last_place: Option<Point>,
}

impl Default for SearchOptions {
    fn default() -> Self {
        Self { score: 0.9, margin: 0.05, region: None, index: None, scales: Vec::new(), unique: true, last_place: None }
    }
}

impl SearchOptions {
    /// Whether the answer must name every place.
    fn wants_all(&self) -> bool {
        self.unique || self.index.is_some()
    }
}

/// The stage that found a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum How {
    /// The pixels are those of the last search, and so is the answer.
    Unchanged,
    LastPlace,
    /// Equal bytes.
    Exact,
    /// A few distinctive pixels.
    Anchors,
    /// The picture at half its size.
    Half,
    /// At a quarter of its size.
    Quarter,
    /// At an eighth of its size.
    Eighth,
    /// At a sixteenth of its size.
    Sixteenth,
    /// Correlation of everything.
    Fft,
    /// The template is of one colour: squared differences of everything.
    Flat,
}

impl How {
    /// The picture halved so many times.
    const fn at_depth(depth: usize) -> Self {
        match depth {
            0 | 1 => Self::Half,
            2 => Self::Quarter,
            3 => Self::Eighth,
            _ => Self::Sixteenth,
        }
    }

    /// As logs and reports write it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unchanged => "unchanged",
            Self::LastPlace => "last_place",
            Self::Exact => "exact",
            Self::Anchors => "anchors",
            Self::Half => "pyramid_half",
            Self::Quarter => "pyramid_quarter",
            Self::Eighth => "pyramid_eighth",
            Self::Sixteenth => "pyramid_sixteenth",
            Self::Fft => "fft",
            Self::Flat => "flat",
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// One place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hit {
    pub rect: Rect,
    /// See the module's text.
    pub score: f64,
    pub how: How,
}

/// The answer to one search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// Places with at least the score asked for, best first; equal ones in reading order. Overlapping places count once.
    pub hits: Vec<Hit>,
    /// The best place, even where its score is too low. `None` where the template fits nowhere.
    pub best: Option<Hit>,
    pub elapsed: Duration,
}

impl Search {
    fn nothing() -> Self {
        Self { hits: Vec::new(), best: None, elapsed: Duration::ZERO }
    }

    /// The one place that is meant.
    pub fn one(&self, options: &SearchOptions) -> Result<Hit, Miss> {
        let Some(first) = self.hits.first() else {
            return Err(Miss::NotFound { best: self.best, wanted: options.score });
        };
        if let Some(index) = options.index {
            let places = reading_order(&self.hits);
            let found = places.len();
            return places.get(index).copied().ok_or(Miss::NoSuchIndex { index, found });
        }
        if !options.unique {
            return Ok(*first);
        }
        let rivals: Vec<Hit> =
            self.hits.iter().filter(|hit| hit.score > first.score - options.margin).copied().collect();
        if rivals.len() < 2 { Ok(*first) } else { Err(Miss::Ambiguous { places: reading_order(&rivals) }) }
    }
}

/// Why no place can be named.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum Miss {
    #[error("not found with a score of {wanted}: {}", best_place(.best.as_ref()))]
    NotFound { best: Option<Hit>, wanted: f64 },
    #[error("found more than once where one is meant, at {}: make the picture larger, or add `region`, `in` or `index`", list(.places))]
    Ambiguous { places: Vec<Hit> },
    #[error("there is no place number {index} (from 0): found {found}")]
    NoSuchIndex { index: usize, found: usize },
}

fn best_place(best: Option<&Hit>) -> String {
    best.map_or_else(
        || "it is larger than the place where it is looked for".to_owned(),
        |hit| format!("the best place is {} with {:.3}", hit.rect, hit.score),
    )
}

fn list(places: &[Hit]) -> String {
    let shown: Vec<String> = places.iter().take(5).map(|hit| format!("{} ({:.3})", hit.rect, hit.score)).collect();
    let more = places.len().saturating_sub(shown.len());
    shown.join(" and ") + &if more == 0 { String::new() } else { format!(" and {more} more") }
}

/// Rows from the top, each from the left. Places whose tops differ by less than half their height are in one row.
fn reading_order(hits: &[Hit]) -> Vec<Hit> {
    let mut hits = hits.to_vec();
    hits.sort_by_key(|hit| (hit.rect.y, hit.rect.x));
    let mut first = 0;
    for next in 1..=hits.len() {
        let same_row =
            hits.get(next).is_some_and(|hit| hit.rect.y.abs_diff(hits[first].rect.y) * 2 < hits[first].rect.height);
        if !same_row {
            hits[first..next].sort_by_key(|hit| hit.rect.x);
            first = next;
        }
    }
    hits
}

//! Right, wrong and missed.

use deskfleet::desktop::{
    Point,
    image::{Hit, Miss},
};

use crate::{cases::Kind, other::Answer};

/// A compressed screen may move the best place by so much.
const NEAR: u32 = 2;

/// Thresholds that are tried for OpenCV, in hundredths.
const THRESHOLDS: std::ops::RangeInclusive<u32> = 50..=99;

pub(crate) struct Tally {
    kind: Kind,
    ours: Counts,
    /// Told that there are several, instead of taking one.
    several: usize,
    /// Score, and whether its place is the right one.
    theirs: Vec<(f64, bool)>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    right: usize,
    wrong: usize,
    missed: usize,
}

impl Tally {
    pub(crate) fn new(kind: Kind) -> Self {
        Self { kind, ours: Counts::default(), several: 0, theirs: Vec::new() }
    }

    pub(crate) fn add(&mut self, place: Option<Point>, ours: Result<Hit, Miss>, theirs: &Answer) {
        let is_right = |x: i32, y: i32| is_right(place, (x, y));
        match (ours, place) {
            (Ok(hit), _) if is_right(hit.rect.x, hit.rect.y) => self.ours.right += 1,
            (Ok(_), _) => self.ours.wrong += 1,
            // That it is not there is right.
            (Err(Miss::NotFound { .. }), None) => self.ours.right += 1,
            (Err(Miss::Ambiguous { .. }), _) => self.several += 1,
            (Err(_), _) => self.ours.missed += 1,
        }
        self.theirs.push((theirs.score, is_right(theirs.x, theirs.y)));
    }

    /// Whether a place was named that is not the one.
    pub(crate) fn is_wrong(place: Option<Point>, ours: &Result<Hit, Miss>) -> bool {
        ours.as_ref().is_ok_and(|hit| !is_right(place, (hit.rect.x, hit.rect.y)))
    }

    fn theirs_at(&self, threshold: f64) -> Counts {
        let mut counts = Counts::default();
        for (score, right_place) in &self.theirs {
            let found = *score >= threshold;
            match (found, right_place) {
                (true, true) => counts.right += 1,
                (true, false) => counts.wrong += 1,
                (false, _) if self.kind == Kind::Absent => counts.right += 1,
                (false, _) => counts.missed += 1,
            }
        }
        counts
    }
}

fn is_right(place: Option<Point>, (x, y): (i32, i32)) -> bool {
    place.is_some_and(|place| place.x.abs_diff(x) <= NEAR && place.y.abs_diff(y) <= NEAR)
}

/// A threshold of OpenCV over all kinds.
struct Threshold {
    value: f64,
    right: usize,
    wrong: usize,
}

fn thresholds(tallies: &[Tally]) -> Vec<Threshold> {
    THRESHOLDS
        .map(|hundredths| {
            let value = f64::from(hundredths) / 100.0;
            let all = tallies.iter().map(|tally| tally.theirs_at(value));
            let (right, wrong) = all.fold((0, 0), |sum, counts| (sum.0 + counts.right, sum.1 + counts.wrong));
            Threshold { value, right, wrong }
        })
        .collect()
}

pub(crate) fn print(tallies: &[Tally]) {
    let tried = thresholds(tallies);
    let most_right = tried.iter().max_by_key(|threshold| threshold.right).map_or(0.9, |best| best.value);
    let careful = tried.iter().min_by_key(|threshold| (threshold.wrong, usize::MAX - threshold.right));
    let careful = careful.map_or(0.9, |best| best.value);
    let cases: usize = tallies.iter().map(|tally| tally.theirs.len()).sum();
    println!("\n{cases} cases on real screens: right, wrong, missed; `several` is told as such and nothing is clicked");
    let title = |what: &str, threshold: f64| format!("OpenCV from {threshold:.2} ({what})");
    let (first, second) = (title("most right", most_right), title("fewest wrong", careful));
    println!("{:<18} {:>6}  {:<28} {first:<32} {second}", "", "cases", "ours (score 0.9): several");
    for tally in tallies {
        let shown = |counts: Counts| format!("{:>5} {:>5} {:>5}", counts.right, counts.wrong, counts.missed);
        println!(
            "{:<18} {:>6}  {} {:>5}      {:<32} {}",
            tally.kind.as_str(),
            tally.theirs.len(),
            shown(tally.ours),
            tally.several,
            shown(tally.theirs_at(most_right)),
            shown(tally.theirs_at(careful)),
        );
    }
}

//! The picture at a half to a sixteenth of its size: a rough score everywhere, refined around the best places, size by size. A miss here proves
//! nothing.

use multiversion::multiversion;

use super::{
    Template,
    pattern::Pattern,
    peaks::{Candidate, Peak, are_neighbours},
    plane::Plane,
    view::Level,
};

/// Halvings: a sixteenth of the size.
pub(super) const DEEPEST: usize = 4;

/// What a template must have left to be looked for at that size.
const LEAST_PIXELS: u64 = 64;
const LEAST_SIDE: usize = 4;

/// A place that scores so much worse than the best of its size is refined no further.
const SPREAD: f64 = 0.35;

/// The share of its score at a small size that a rival keeps, which is not quite the template.
const RIVAL_KEEPS: f64 = 0.9;

/// Rough places that are refined.
const MAX_PLACES: usize = 256;

/// A rough score below this is not worth refining.
const WORTH: f64 = 0.4;

/// The best rough places, best first.
pub(super) fn rough(level: &Level, pattern: &Pattern) -> Vec<Peak> {
    let (across, down) = pattern.places(&level.plane);
    let size = (pattern.plane.width, pattern.plane.height);
    let (centred, norm) = (pattern.centred(), pattern.norm());
    let (floats, sums) = (level.floats(), level.sums());
    let mut products = vec![0.0_f32; across];
    let mut best = WORTH + SPREAD;
    let mut peaks: Vec<Peak> = Vec::new();
    for y in 0..down {
        products.fill(0.0);
        for line in 0..size.1 {
            let values = &floats[(y + line) * level.plane.width..][..level.plane.width];
            accumulate(&mut products, values, &centred[line * size.0..][..size.0]);
        }
        let product = |x: usize| products.get(x).copied().unwrap_or_default();
        for x in 0..across {
            // Cheap tests first: a place is at the top of its row, and the product alone says when it cannot be one.
            let here = product(x);
            if here <= 0.0 || here < product(x + 1) || x > 0 && here < product(x - 1) {
                continue;
            }
            let there = pattern.least_norm_at(sums, x, y);
            let score = f64::from(here) / (norm * there);
            if there > 0.0 && score > best - SPREAD {
                best = best.max(score);
                peaks.push(Peak { x, y, score });
            }
        }
    }
    best_apart(peaks, size)
}

/// The best of those within two pixels of each other, best first.
fn best_apart(mut peaks: Vec<Peak>, size: (usize, usize)) -> Vec<Peak> {
    peaks.sort_by(|a, b| b.score.total_cmp(&a.score));
    let near = (size.0.min(5), size.1.min(5));
    let least = peaks.first().map_or(0.0, |best| best.score - SPREAD);
    let mut apart: Vec<Peak> = Vec::new();
    for peak in peaks.into_iter().take_while(|peak| peak.score >= least) {
        if apart.len() >= MAX_PLACES {
            break;
        }
        if !apart.iter().any(|other| are_neighbours((other.x, other.y), (peak.x, peak.y), near)) {
            apart.push(peak);
        }
    }
    apart
}

/// Whether every place that scores about as well as the best is among them, however it lies to the grid of this size. `worst` is what the template
/// itself scores where it lies worst.
pub(super) fn is_complete(peaks: &[Peak], worst: impl FnOnce() -> f64) -> bool {
    let least = peaks.first().map_or(WORTH, |best| (best.score - SPREAD).max(WORTH));
    peaks.len() < MAX_PLACES && worst() * RIVAL_KEEPS >= least
}

/// What the template scores at this size where it lies worst to the grid: fine patterns are another picture there.
pub(super) fn worst_of(plane: &Plane, smaller: &Pattern, depth: usize) -> f64 {
    let step = 1 << depth;
    let offsets = (0..step).flat_map(|y| (0..step).map(move |x| (x, y)));
    let score = |offset: (usize, usize)| {
        let small = (0..depth).fold(plane.moved(offset, step), |plane, _| plane.halved());
        let places = [(0, 0), (1, 0), (0, 1), (1, 1)].into_iter().filter(|(x, y)| {
            let (across, down) = smaller.places(&small);
            *x < across && *y < down
        });
        places.map(|(x, y)| smaller.score_at(&small, x, y)).fold(-1.0, f64::max)
    };
    offsets.map(score).fold(1.0, f64::min)
}

/// Adds the products of one row of the pattern at every place of a row.
#[multiversion(targets("x86_64+avx+avx2+fma"))]
fn accumulate(products: &mut [f32], values: &[f32], pattern: &[f32]) {
    let places = products.len();
    let mut quads = pattern.chunks_exact(4);
    for (number, quad) in quads.by_ref().enumerate() {
        let at = number * 4;
        let (a, b) = (&values[at..][..places], &values[at + 1..][..places]);
        let (c, d) = (&values[at + 2..][..places], &values[at + 3..][..places]);
        for x in 0..places {
            products[x] += quad[0] * a[x] + quad[1] * b[x] + quad[2] * c[x] + quad[3] * d[x];
        }
    }
    let done = pattern.len() - quads.remainder().len();
    for (at, factor) in quads.remainder().iter().enumerate() {
        for (product, value) in products.iter_mut().zip(&values[done + at..]) {
            *product += factor * value;
        }
    }
}

/// How often the template can be halved to be looked for; once where anything is left of it.
pub(super) fn depth_of(template: &Template) -> usize {
    let is_enough = |pattern: &Pattern| {
        pattern.count >= LEAST_PIXELS && pattern.plane.width.min(pattern.plane.height) >= LEAST_SIDE
    };
    let enough = (1..=DEEPEST).take_while(|depth| template.smaller(*depth).is_some_and(is_enough)).count();
    enough.max(usize::from(template.smaller(1).is_some()))
}

/// Places at twice the size around rough ones, the best of each neighbourhood by score.
pub(super) fn refine(peaks: &[Peak], plane: &Plane, pattern: &Pattern) -> Vec<Peak> {
    let (across, down) = pattern.places(plane);
    let around = |at: usize, places: usize| (2 * at).saturating_sub(1)..(2 * at + 3).min(places);
    let best_around = |peak: &Peak| {
        let places = around(peak.y, down).flat_map(|y| around(peak.x, across).map(move |x| (x, y)));
        let scored = places.map(|(x, y)| Peak { x, y, score: pattern.score_at(plane, x, y) });
        scored.max_by(|a, b| a.score.total_cmp(&b.score))
    };
    let mut refined: Vec<Peak> = peaks.iter().filter_map(best_around).collect();
    let best = refined.iter().map(|peak| peak.score).fold(-1.0, f64::max);
    refined.retain(|peak| peak.score >= best - SPREAD);
    refined
}

/// As candidates for the final choice, with their true scores as bounds.
pub(super) fn candidates(peaks: &[Peak]) -> Vec<Candidate> {
    peaks.iter().map(|peak| Candidate { x: peak.x, y: peak.y, at_most: peak.score }).collect()
}

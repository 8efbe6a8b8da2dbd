//! The picture at a quarter or half its size: a rough score everywhere, refined around the best places. A miss here proves nothing.

use super::{
    pattern::Pattern,
    peaks::{Candidate, Peak, are_neighbours},
    plane::Plane,
    view::Level,
};

/// Rough places that are refined.
const MAX_PLACES: usize = 24;

/// A rough score below this is not worth refining.
const WORTH: f64 = 0.4;

/// The best rough places, best first.
pub(super) fn rough(level: &Level, pattern: &Pattern) -> Vec<Peak> {
    let (across, down) = pattern.places(&level.plane);
    let size = (pattern.plane.width, pattern.plane.height);
    let (centred, norm) = (pattern.centred(), pattern.norm());
    let (floats, sums) = (level.floats(), level.sums());
    let mut products = vec![0.0_f32; across];
    let mut peaks: Vec<Peak> = Vec::new();
    for y in 0..down {
        products.fill(0.0);
        for line in 0..size.1 {
            let values = &floats[(y + line) * level.plane.width..][..level.plane.width];
            accumulate(&mut products, values, &centred[line * size.0..][..size.0]);
        }
        let least = if peaks.len() < MAX_PLACES { WORTH } else { peaks[MAX_PLACES - 1].score };
        for (x, product) in products.iter().enumerate() {
            // Cheap test first: the product alone says when a place cannot be one.
            if *product <= 0.0 {
                continue;
            }
            let there = pattern.least_norm_at(sums, x, y);
            let score = f64::from(*product) / (norm * there);
            if there > 0.0 && score > least {
                insert(&mut peaks, Peak { x, y, score }, size);
            }
        }
    }
    peaks.truncate(MAX_PLACES);
    peaks
}

/// Adds the products of one row of the pattern at every place of a row.
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

/// Keeps the list sorted and free of neighbours; those within two pixels count as the same.
fn insert(peaks: &mut Vec<Peak>, peak: Peak, size: (usize, usize)) {
    let near = (size.0.min(5), size.1.min(5));
    let same = |other: &Peak| are_neighbours((other.x, other.y), (peak.x, peak.y), near);
    if peaks.iter().any(|other| same(other) && other.score >= peak.score) {
        return;
    }
    peaks.retain(|other| !same(other));
    let at = peaks.partition_point(|other| other.score >= peak.score);
    peaks.insert(at, peak);
    peaks.truncate(MAX_PLACES);
}

/// Places at twice the size around rough ones, the best of each neighbourhood by score.
pub(super) fn refine(peaks: &[Peak], plane: &Plane, pattern: &Pattern) -> Vec<Peak> {
    let (across, down) = pattern.places(plane);
    let around = |at: usize, places: usize| (2 * at).saturating_sub(2)..(2 * at + 4).min(places);
    peaks
        .iter()
        .filter_map(|peak| {
            let places = around(peak.y, down).flat_map(|y| around(peak.x, across).map(move |x| (x, y)));
            places
                .map(|(x, y)| Peak { x, y, score: pattern.score_at(plane, x, y) })
                .max_by(|a, b| a.score.total_cmp(&b.score))
        })
        .collect()
}

/// As candidates for the final choice, with their true scores as bounds.
pub(super) fn candidates(peaks: &[Peak]) -> Vec<Candidate> {
    peaks.iter().map(|peak| Candidate { x: peak.x, y: peak.y, at_most: peak.score }).collect()
}

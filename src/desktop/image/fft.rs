//! The authority: correlation at every place by Fourier transform, tile by tile, and exact scores where they could matter.
//!
//! Two tiles are transformed as one, the first as the real part and the second as the imaginary one: the template is real, so that
//! their products stay apart. Places that would wrap around are not asked for. Rounding is bounded, so that no place with the score
//! asked for can be passed over.

#![expect(clippy::cast_possible_truncation, reason = "single precision is enough for a bound with its error added")]
#![expect(clippy::cast_precision_loss, reason = "sums stay far below 2^52")]

use multiversion::multiversion;

use super::{
    norms::Norms,
    pattern::Pattern,
    peaks::{Candidate, Peak, best_of_each},
    plane::Plane,
    spectrum::{Grid, Spectrum},
};

/// Relative to the norms of both tiles and the template; several times what was measured.
pub(super) const ROUNDING: f64 = 2e-6;

/// Places looked at together.
const CHUNK: usize = 32;

/// So that a comparison of squares rules out nothing that one of the numbers would not.
const ALMOST: f64 = 1.0 - 1e-9;

/// Places kept for exact scores.
const MAX_CANDIDATES: usize = 1 << 17;

/// The best of each neighbourhood with at least the score `least`, and always the very best place.
pub(super) fn search(plane: &Plane, pattern: &Pattern, spectrum: &Spectrum, least: f64) -> Vec<Peak> {
    let size = (pattern.plane.width, pattern.plane.height);
    let (across, down) = pattern.places(plane);
    let step = (spectrum.tile.0 + 1 - size.0, spectrum.tile.1 + 1 - size.1);
    let mut sweep =
        Sweep { plane, pattern, spectrum, least, best: 0.0, candidates: Vec::new(), grid: Grid::new(spectrum) };
    let tiles = (0..down).step_by(step.1).flat_map(|y| (0..across).step_by(step.0).map(move |x| (x, y)));
    let tile = |(x, y)| Tile { corner: (x, y), places: (step.0.min(across - x), step.1.min(down - y)) };
    let tiles: Vec<Tile> = tiles.map(tile).filter(|tile| !sweep.is_flat(tile)).collect();
    for pair in tiles.chunks(2) {
        sweep.look_at(pair);
    }
    if sweep.candidates.is_empty() && across * down > 0 {
        // Everything is flat: all places are equally bad.
        sweep.candidates.push(Candidate { x: 0, y: 0, at_most: 1.0 });
    }
    let bound = least.min(sweep.best);
    let mut candidates = sweep.candidates;
    candidates.retain(|one| one.at_most >= bound);
    keep_best(&mut candidates, MAX_CANDIDATES);
    best_of_each(candidates, size, least, |x, y| pattern.score_at(plane, x, y))
}

struct Sweep<'a> {
    plane: &'a Plane,
    pattern: &'a Pattern,
    spectrum: &'a Spectrum,
    least: f64,
    /// What the best score is at least, so far.
    best: f64,
    candidates: Vec<Candidate>,
    grid: Grid,
}

/// So many places across and down from the corner.
struct Tile {
    corner: (usize, usize),
    places: (usize, usize),
}

impl Sweep<'_> {
    /// The rows that the places of a tile cover.
    fn rows(&self, tile: &Tile) -> impl Iterator<Item = &[u8]> {
        let (x, y) = tile.corner;
        let width = tile.places.0 + self.pattern.plane.width - 1;
        (y..y + tile.places.1 + self.pattern.plane.height - 1).map(move |row| &self.plane.row(row)[x..x + width])
    }

    fn is_flat(&self, tile: &Tile) -> bool {
        let first = self.plane.row(tile.corner.1)[tile.corner.0];
        // Rows of equal values equal themselves one further.
        self.rows(tile).all(|row| row[0] == first && row[1..] == row[..row.len() - 1])
    }

    /// One tile or two.
    fn look_at(&mut self, pair: &[Tile]) {
        let mut grid = std::mem::take(&mut self.grid);
        grid.clear();
        let mut energy = 0.0;
        let height = |tile: &Tile| tile.places.1 + self.pattern.plane.height - 1;
        for (which, tile) in pair.iter().enumerate() {
            energy += self.fill(&mut grid, tile, which);
        }
        let (used, wanted) = (pair.iter().map(height).max(), pair.iter().map(|tile| tile.places.1).max());
        grid.correlate(self.spectrum, used.unwrap_or_default(), wanted.unwrap_or_default());
        for (which, tile) in pair.iter().enumerate() {
            self.collect(&grid, tile, which, energy.sqrt() * self.pattern.norm() * ROUNDING);
        }
        self.grid = grid;
    }

    /// Lays the tile out around its mean, as sums of small numbers round less. Its energy.
    fn fill(&self, grid: &mut Grid, tile: &Tile, which: usize) -> f64 {
        let (mut sum, mut count) = (0_u64, 0);
        for row in self.rows(tile) {
            sum += u64::from(row.iter().map(|value| u32::from(*value)).sum::<u32>());
            count += row.len();
        }
        let mean = (sum as f64 / count as f64) as f32;
        let mut squares = 0_u64;
        for (row, to) in self.rows(tile).zip(grid.values.chunks_exact_mut(self.spectrum.tile.0)) {
            if which == 0 {
                to.iter_mut().zip(row).for_each(|(to, value)| to.re = f32::from(*value) - mean);
            } else {
                to.iter_mut().zip(row).for_each(|(to, value)| to.im = f32::from(*value) - mean);
            }
            for part in row.chunks(1 << 15) {
                squares += u64::from(part.iter().map(|value| u32::from(*value) * u32::from(*value)).sum::<u32>());
            }
        }
        squares as f64 - sum as f64 * f64::from(mean)
    }

    fn collect(&mut self, grid: &Grid, tile: &Tile, which: usize, error: f64) {
        let (corner, places) = (tile.corner, tile.places);
        let pattern = self.pattern;
        let norm = pattern.norm();
        let mut norms = Norms::of(self.plane, pattern, corner, places);
        let mut top: Option<Candidate> = None;
        let mut found = Vec::new();
        let mut products = vec![0.0_f32; places.0];
        let mut reaching = vec![false; places.0.div_ceil(CHUNK)];
        for line in 0..places.1 {
            norms.advance(line);
            let values = &grid.values[line * self.spectrum.tile.0..][..places.0];
            for (product, value) in products.iter_mut().zip(values) {
                *product = if which == 0 { value.re } else { value.im };
            }
            let least = self.least.min(self.best) * norm;
            could_reach(&products, &norms.squares, error, least * least * ALMOST, &mut reaching);
            for (number, chunk) in products.chunks(CHUNK).enumerate() {
                if !reaching[number] {
                    continue;
                }
                for (at, product) in chunk.iter().enumerate().map(|(at, product)| (number * CHUNK + at, *product)) {
                    let (product, there) = (f64::from(product), norms.at(at));
                    let at_most = ((product + error) / (norm * there)).min(1.0);
                    if product + error <= 0.0 || there <= 0.0 || at_most < self.least.min(self.best) {
                        continue;
                    }
                    let one = Candidate { x: corner.0 + at, y: corner.1 + line, at_most };
                    if top.is_none_or(|top| one.at_most > top.at_most) {
                        top = Some(one);
                    }
                    found.push(one);
                    if norms.are_exact() {
                        self.best = self.best.max((product - error) / (norm * there));
                    }
                }
            }
        }
        if let Some(top) = top.filter(|top| top.at_most > self.best) {
            self.best = self.best.max(pattern.score_at(self.plane, top.x, top.y));
        }
        let bound = self.least.min(self.best);
        self.candidates.extend(found.into_iter().filter(|one| one.at_most >= bound));
        if self.candidates.len() > 2 * MAX_CANDIDATES {
            keep_best(&mut self.candidates, MAX_CANDIDATES);
        }
    }
}

/// In which chunks of a line a product with its error may be at least the root of `least` times the square of the norm, where that is not 0.
/// Most hold none; this has no branch and no root inside.
#[multiversion(targets("x86_64+avx+avx2"))]
#[expect(clippy::needless_bitwise_bool, reason = "without branches it is done for several places at once")]
fn could_reach(products: &[f32], squares: &[f64], error: f64, least: f64, reaching: &mut [bool]) {
    for (reaches, (products, squares)) in reaching.iter_mut().zip(products.chunks(CHUNK).zip(squares.chunks(CHUNK))) {
        *reaches = products.iter().zip(squares).fold(false, |any, (product, square)| {
            let product = f64::from(*product) + error;
            any | ((product > 0.0) & (*square > 0.25) & (product * product >= least * square))
        });
    }
}

fn keep_best(candidates: &mut Vec<Candidate>, count: usize) {
    if candidates.len() > count {
        candidates.select_nth_unstable_by(count, |a, b| b.at_most.total_cmp(&a.at_most));
        candidates.truncate(count);
    }
}

//! The authority: correlation at every place by Fourier transform, tile by tile, and exact scores where they could matter.
//!
//! A tile is transformed as one line: with the template's rows laid out at the tile's width, a place's product is the correlation at
//! its index, and places that would wrap around are not asked for. Rounding is bounded, so that no place with the score asked for can
//! be passed over.

#![expect(clippy::cast_possible_truncation, reason = "single precision is enough for a bound with its error added")]
#![expect(clippy::cast_precision_loss, reason = "lengths and sums stay far below 2^52")]

use std::sync::Arc;

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex};

use super::{
    norms::Norms,
    pattern::Pattern,
    peaks::{Candidate, Peak, best_of_each},
    plane::Plane,
};

/// Relative to the norms of tile and template; several times what was measured.
const ROUNDING: f64 = 2e-6;

/// Places looked at together.
const CHUNK: usize = 32;

/// So that a comparison of squares rules out nothing that one of the numbers would not.
const ALMOST: f64 = 1.0 - 1e-9;

/// Places kept for exact scores.
const MAX_CANDIDATES: usize = 1 << 17;

/// A template's transform for one tile size.
pub(super) struct Spectrum {
    tile: (usize, usize),
    values: Vec<Complex<f32>>,
    forward: Arc<dyn RealToComplex<f32>>,
    backward: Arc<dyn ComplexToReal<f32>>,
}

impl Spectrum {
    pub(super) fn of(pattern: &Pattern, tile: (usize, usize), planner: &mut RealFftPlanner<f32>) -> Self {
        let length = tile.0 * tile.1;
        let (forward, backward) = (planner.plan_fft_forward(length), planner.plan_fft_inverse(length));
        let mut line = vec![0.0; length];
        let (width, centred) = (pattern.plane.width, pattern.centred());
        for (y, row) in centred.chunks_exact(width).enumerate() {
            line[y * tile.0..][..width].copy_from_slice(row);
        }
        let mut values = forward.make_output_vec();
        // The lengths are the plan's own, so that it cannot refuse.
        let _ = forward.process(&mut line, &mut values);
        let scale = 1.0 / length as f32;
        for value in &mut values {
            *value = value.conj() * scale;
        }
        Self { tile, values, forward, backward }
    }

    pub(super) fn tile(&self) -> (usize, usize) {
        self.tile
    }
}

/// The size of the tiles for a pattern on a plane.
pub(super) fn tile_of(pattern: &Pattern, plane: &Plane) -> (usize, usize) {
    let along = |part: usize, whole: usize| {
        let wanted = (4 * part).next_power_of_two().clamp(64, 512).max((2 * part).next_power_of_two());
        if wanted >= whole { smooth(whole) } else { wanted }
    };
    (along(pattern.plane.width, plane.width), along(pattern.plane.height, plane.height))
}

/// The next even length without large prime factors.
fn smooth(length: usize) -> usize {
    let is_smooth = |n: &usize| n.is_multiple_of(2) && [2, 3, 5].into_iter().fold(*n, strip) == 1;
    // There is always a power of two in the range.
    (length.max(2)..=2 * length.max(2)).find(is_smooth).unwrap_or(length)
}

fn strip(mut n: usize, prime: usize) -> usize {
    while n.is_multiple_of(prime) {
        n /= prime;
    }
    n
}

/// The best of each neighbourhood with at least the score `least`, and always the very best place.
pub(super) fn search(plane: &Plane, pattern: &Pattern, spectrum: &Spectrum, least: f64) -> Vec<Peak> {
    let size = (pattern.plane.width, pattern.plane.height);
    let (across, down) = pattern.places(plane);
    let step = (spectrum.tile.0 + 1 - size.0, spectrum.tile.1 + 1 - size.1);
    let mut sweep =
        Sweep { plane, pattern, spectrum, least, best: 0.0, candidates: Vec::new(), tile: Buffers::new(spectrum) };
    for y in (0..down).step_by(step.1) {
        for x in (0..across).step_by(step.0) {
            sweep.tile_at((x, y), (step.0.min(across - x), step.1.min(down - y)));
        }
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
    /// The best exact score so far.
    best: f64,
    candidates: Vec<Candidate>,
    tile: Buffers,
}

struct Buffers {
    line: Vec<f32>,
    complex: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Buffers {
    fn new(spectrum: &Spectrum) -> Self {
        let scratch = spectrum.forward.get_scratch_len().max(spectrum.backward.get_scratch_len());
        Self {
            line: spectrum.forward.make_input_vec(),
            complex: spectrum.forward.make_output_vec(),
            scratch: vec![Complex::default(); scratch],
        }
    }
}

impl Sweep<'_> {
    /// Looks at `places` across and down from the corner.
    fn tile_at(&mut self, corner: (usize, usize), places: (usize, usize)) {
        let size = (self.pattern.plane.width, self.pattern.plane.height);
        let part = (places.0 + size.0 - 1, places.1 + size.1 - 1);
        let Some(norm) = self.fill(corner, part) else { return };
        let Buffers { line, complex, scratch } = &mut self.tile;
        let _ = self.spectrum.forward.process_with_scratch(line, complex, scratch);
        for (value, factor) in complex.iter_mut().zip(&self.spectrum.values) {
            *value *= factor;
        }
        // Real by nature; rounding makes the plan complain.
        for end in [0, complex.len() - 1] {
            complex[end].im = 0.0;
        }
        let _ = self.spectrum.backward.process_with_scratch(complex, line, scratch);
        self.collect(corner, places, norm * self.pattern.norm() * ROUNDING);
    }

    /// Lays the part out around its mean, as sums of small numbers round less. Its norm; `None` where it is flat.
    fn fill(&mut self, (x, y): (usize, usize), (width, height): (usize, usize)) -> Option<f64> {
        let rows = || (y..y + height).map(|row| &self.plane.row(row)[x..x + width]);
        let first = self.plane.row(y)[x];
        if rows().all(|row| row.iter().all(|value| *value == first)) {
            return None;
        }
        let sum: u64 = rows().map(|row| row.iter().map(|value| u64::from(*value)).sum::<u64>()).sum();
        let mean = sum as f64 / (width * height) as f64;
        let line = &mut self.tile.line;
        line.fill(0.0);
        let mut energy = 0.0;
        for (row, to) in rows().zip(line.chunks_exact_mut(self.spectrum.tile.0)) {
            let mut part = 0.0_f32;
            for (to, value) in to.iter_mut().zip(row) {
                *to = f32::from(*value) - mean as f32;
                part += *to * *to;
            }
            energy += f64::from(part);
        }
        Some(energy.sqrt())
    }

    fn collect(&mut self, (x, y): (usize, usize), places: (usize, usize), error: f64) {
        let pattern = self.pattern;
        let norm = pattern.norm();
        let mut norms = Norms::of(self.plane, pattern, (x, y), places);
        let mut top: Option<Candidate> = None;
        let mut found = Vec::new();
        for line in 0..places.1 {
            norms.advance(line);
            let products = &self.tile.line[line * self.spectrum.tile.0..][..places.0];
            for (number, (chunk, squares)) in products.chunks(CHUNK).zip(norms.squares.chunks(CHUNK)).enumerate() {
                let least = self.least.min(self.best) * norm;
                // Most chunks hold none; this test has no branch and no root inside.
                if !could_reach(chunk, squares, error, least * least * ALMOST) {
                    continue;
                }
                for (at, product) in chunk.iter().enumerate().map(|(at, product)| (number * CHUNK + at, *product)) {
                    let (product, there) = (f64::from(product), norms.at(at));
                    let at_most = ((product + error) / (norm * there)).min(1.0);
                    if product + error <= 0.0 || there <= 0.0 || at_most < self.least.min(self.best) {
                        continue;
                    }
                    let one = Candidate { x: x + at, y: y + line, at_most };
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

/// Whether a product with its error may be at least the root of `least` times the square of the norm, where that is not 0.
fn could_reach(products: &[f32], squares: &[f64], error: f64, least: f64) -> bool {
    products.iter().zip(squares).fold(false, |any, (product, square)| {
        let product = f64::from(*product) + error;
        any | ((product > 0.0) & (*square > 0.25) & (product * product >= least * square))
    })
}

fn keep_best(candidates: &mut Vec<Candidate>, count: usize) {
    if candidates.len() > count {
        candidates.select_nth_unstable_by(count, |a, b| b.at_most.total_cmp(&a.at_most));
        candidates.truncate(count);
    }
}

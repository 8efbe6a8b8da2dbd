//! Transforms of two dimensions: of a template, and of the tiles it is correlated with.

use std::sync::Arc;

use rustfft::{Fft, FftPlanner, num_complex::Complex};

use super::{pattern::Pattern, plane::Plane};

/// Parts that a side is divided into, at most.
const MAX_PARTS: usize = 64;

/// Values from which on a tile is slower than its size says, by how much: 1 MiB fit into a processor's own memory. Tried with
/// templates of 64x24 to 400x300. The last only bounds the memory.
const SLOW_TILES: [(usize, f64); 3] = [(1 << 21, 8.0), (1 << 20, 2.5), (1 << 17, 2.0)];

/// Sides in memory are moved in squares of this side: a line of the cache holds so many values.
const SQUARE: usize = 8;

/// A template's transform for one tile size.
pub(super) struct Spectrum {
    pub(super) tile: (usize, usize),
    /// Column by column.
    values: Vec<Complex<f32>>,
    rows: Both,
    columns: Both,
}

/// There and back.
struct Both {
    forward: Arc<dyn Fft<f32>>,
    backward: Arc<dyn Fft<f32>>,
}

impl Both {
    fn of(length: usize, planner: &mut FftPlanner<f32>) -> Self {
        Self { forward: planner.plan_fft_forward(length), backward: planner.plan_fft_inverse(length) }
    }

    fn scratch(&self) -> usize {
        self.forward.get_inplace_scratch_len().max(self.backward.get_inplace_scratch_len())
    }
}

impl Spectrum {
    pub(super) fn of(pattern: &Pattern, tile: (usize, usize), planner: &mut FftPlanner<f32>) -> Self {
        let (rows, columns) = (Both::of(tile.0, planner), Both::of(tile.1, planner));
        let mut spectrum = Self { tile, values: Vec::new(), rows, columns };
        let mut grid = Grid::new(&spectrum);
        let (width, centred) = (pattern.plane.width, pattern.centred());
        for (row, to) in centred.chunks_exact(width).zip(grid.values.chunks_exact_mut(tile.0)) {
            for (value, to) in row.iter().zip(to) {
                to.re = *value;
            }
        }
        grid.forward(&spectrum, pattern.plane.height);
        #[expect(clippy::cast_precision_loss, reason = "a tile has at most some million values")]
        let scale = 1.0 / (tile.0 * tile.1) as f32;
        spectrum.values = grid.turned;
        for value in &mut spectrum.values {
            *value = value.conj() * scale;
        }
        spectrum
    }
}

/// The values of a tile, row by row, and what is made of them.
#[derive(Default)]
pub(super) struct Grid {
    pub(super) values: Vec<Complex<f32>>,
    turned: Vec<Complex<f32>>,
    scratch: Vec<Complex<f32>>,
}

impl Grid {
    pub(super) fn new(spectrum: &Spectrum) -> Self {
        let blank = |length: usize| vec![Complex::default(); length];
        let length = spectrum.tile.0 * spectrum.tile.1;
        let scratch = spectrum.rows.scratch().max(spectrum.columns.scratch());
        Self { values: blank(length), turned: blank(length), scratch: blank(scratch) }
    }

    pub(super) fn clear(&mut self) {
        self.values.fill(Complex::default());
    }

    /// The products of the template with every place, in the first `wanted` rows; all rows but the first `used` are zero before.
    pub(super) fn correlate(&mut self, spectrum: &Spectrum, used: usize, wanted: usize) {
        self.forward(spectrum, used);
        for (value, factor) in self.turned.iter_mut().zip(&spectrum.values) {
            *value *= factor;
        }
        let (width, height) = spectrum.tile;
        spectrum.columns.backward.process_with_scratch(&mut self.turned, &mut self.scratch);
        turn(&self.turned, &mut self.values, (height, width), wanted);
        spectrum.rows.backward.process_with_scratch(&mut self.values[..wanted * width], &mut self.scratch);
    }

    fn forward(&mut self, spectrum: &Spectrum, used: usize) {
        let (width, height) = spectrum.tile;
        spectrum.rows.forward.process_with_scratch(&mut self.values[..used * width], &mut self.scratch);
        turn(&self.values, &mut self.turned, (width, height), width);
        spectrum.columns.forward.process_with_scratch(&mut self.turned, &mut self.scratch);
    }
}

/// Writes the first `columns` columns of `from` as rows, and those that make a square with them.
fn turn(from: &[Complex<f32>], to: &mut [Complex<f32>], (width, height): (usize, usize), columns: usize) {
    for left in (0..columns).step_by(SQUARE) {
        for top in (0..height).step_by(SQUARE) {
            let mut square = [[Complex::default(); SQUARE]; SQUARE];
            for (y, line) in square.iter_mut().enumerate() {
                line.copy_from_slice(&from[(top + y) * width + left..][..SQUARE]);
            }
            for x in 0..SQUARE {
                let to = &mut to[(left + x) * height + top..][..SQUARE];
                for (to, line) in to.iter_mut().zip(&square) {
                    *to = line[x];
                }
            }
        }
    }
}

/// The size of the tiles for a pattern on a plane that costs least.
pub(super) fn tile_of(pattern: &Pattern, plane: &Plane) -> (usize, usize) {
    let (across, down) = pattern.places(plane);
    let widths = sides(across, pattern.plane.width);
    let heights = sides(down, pattern.plane.height);
    let all = widths.iter().flat_map(|width| heights.iter().map(move |height| (*width, *height)));
    let least = all.min_by(|a, b| cost(*a).total_cmp(&cost(*b)));
    least.map_or((SQUARE, SQUARE), |(width, height)| (width.length, height.length))
}

/// One way to divide a side.
#[derive(Clone, Copy)]
struct Side {
    length: usize,
    parts: usize,
}

fn sides(places: usize, part: usize) -> Vec<Side> {
    let mut sides: Vec<Side> = Vec::new();
    for parts in 1..=MAX_PARTS.min(places.max(1)) {
        let length = smooth(places.div_ceil(parts) + part - 1);
        if sides.last().is_none_or(|last| last.length != length) {
            sides.push(Side { length, parts: places.div_ceil(length + 1 - part) });
        }
    }
    sides
}

/// Of all tiles, two at a time, and of the template.
#[expect(clippy::cast_precision_loss, reason = "a guess")]
fn cost((width, height): (Side, Side)) -> f64 {
    let values = width.length * height.length;
    let transforms = (width.parts * height.parts).div_ceil(2) as f64 + 0.5;
    let each = values as f64 * ((values as f64).log2() + 8.0);
    let slowness = SLOW_TILES.iter().find(|(from, _)| values > *from).map_or(1.0, |(_, slowness)| *slowness);
    transforms * each * slowness
}

/// The next multiple of eight without other prime factors than 2 and 3.
fn smooth(length: usize) -> usize {
    let is_smooth = |n: &usize| [2, 3].into_iter().fold(*n, strip) == 1;
    // There is always a power of two in the range.
    (length.div_ceil(SQUARE)..=2 * length).find(is_smooth).unwrap_or(length) * SQUARE
}

fn strip(mut n: usize, prime: usize) -> usize {
    while n.is_multiple_of(prime) {
        n /= prime;
    }
    n
}

#[cfg(test)]
#[expect(clippy::cast_precision_loss, reason = "a few thousand bytes")]
mod tests {
    use super::*;

    /// Bytes by chance: `loud` ones are black or white.
    fn plane(width: usize, height: usize, seed: u32, loud: bool) -> Plane {
        let mut state = seed;
        let mut byte = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [.., high] = state.to_le_bytes();
            if loud { u8::from(high > 127) * 255 } else { high / 16 + 100 }
        };
        Plane { width, height, values: (0..width * height).map(|_| byte()).collect() }
    }

    #[test]
    fn products_of_both_parts_are_right_within_what_is_taken_for_rounding() {
        for (width, height, seed) in [(16, 8, 1), (144, 96, 2), (384, 144, 3), (1024, 72, 4)] {
            let wanted = plane(width / 4, height / 4, seed, seed % 2 == 0);
            let size = (wanted.width, wanted.height);
            let pattern = Pattern::new(wanted, &vec![true; size.0 * size.1]);
            let spectrum = Spectrum::of(&pattern, (width, height), &mut FftPlanner::new());
            let parts = [plane(width, height, 10 * seed, true), plane(width, height, 11 * seed, false)];
            let centred = parts.each_ref().map(|part| {
                let mean = part.values.iter().map(|value| f64::from(*value)).sum::<f64>() / part.values.len() as f64;
                part.values.iter().map(|value| f64::from(*value) - mean).collect::<Vec<f64>>()
            });
            let mut grid = Grid::new(&spectrum);
            for (at, to) in grid.values.iter_mut().enumerate() {
                #[expect(clippy::cast_possible_truncation, reason = "that is what is tried")]
                let [re, im] = centred.each_ref().map(|part| part[at] as f32);
                *to = Complex { re, im };
            }
            let wanted = height + 1 - size.1;
            grid.correlate(&spectrum, height, wanted);
            let energy: f64 = centred.iter().flatten().map(|value| value * value).sum();
            let allowed = energy.sqrt() * pattern.norm() * super::super::fft::ROUNDING;
            let template = pattern.centred();
            for (x, y) in (0..wanted).step_by(3).map(|y| (y * 7 % (width + 1 - size.0), y)) {
                for (which, part) in centred.iter().enumerate() {
                    let there = |at: usize| part[(y + at / size.0) * width + x + at % size.0];
                    let product: f64 = template.iter().enumerate().map(|(at, here)| f64::from(*here) * there(at)).sum();
                    let value = grid.values[y * width + x];
                    let error = (f64::from(if which == 0 { value.re } else { value.im }) - product).abs();
                    assert!(error * 4.0 < allowed, "{error} of {allowed} at {x}, {y} of {width}x{height}");
                }
            }
        }
    }

    #[test]
    fn tiles_cover_all_places_and_are_no_larger_than_they_need_be() {
        for (screen, size) in
            [((1920, 1080), (64, 24)), ((1920, 1080), (400, 300)), ((7, 9), (7, 9)), ((40, 3), (1, 2))]
        {
            let plane = Plane { width: screen.0, height: screen.1, values: vec![0; screen.0 * screen.1] };
            let pattern = Pattern::new(self::plane(size.0, size.1, 1, true), &vec![true; size.0 * size.1]);
            let tile = tile_of(&pattern, &plane);
            assert!(tile.0 >= size.0 && tile.1 >= size.1, "{tile:?} for {size:?}");
            assert!(tile.0.is_multiple_of(SQUARE) && tile.1.is_multiple_of(SQUARE), "{tile:?}");
            assert!(
                tile.0 < 2 * screen.0 + 2 * SQUARE && tile.1 < 2 * screen.1 + 2 * SQUARE,
                "{tile:?} for {screen:?}"
            );
        }
    }
}

//! What a template looks like in one channel at one size, and its score at a place.

#![expect(clippy::cast_precision_loss, reason = "sums stay far below 2^52 where a fraction of them matters")]

use multiversion::multiversion;

use super::plane::{Plane, Sums};

/// Up to so many blocks are summed for every place.
const EXACT_BLOCKS: usize = 6;

/// Pixels side by side that matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) length: usize,
}

/// Runs of equal place one below the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Values and the pixels that matter, with their sums.
#[derive(Clone, Debug)]
pub(super) struct Pattern {
    pub(super) plane: Plane,
    pub(super) runs: Vec<Run>,
    /// The runs as blocks, largest first.
    pub(super) blocks: Vec<Block>,
    /// Pixels that matter.
    pub(super) count: u64,
    sum: u64,
    /// `count` times the sum of squared differences from the mean.
    pub(super) energy: u64,
}

impl Pattern {
    /// `cares` has an element for every pixel.
    pub(super) fn new(plane: Plane, cares: &[bool]) -> Self {
        let runs = runs(&plane, cares);
        let values = || runs.iter().flat_map(|run| span(&plane, run, 0, 0)).map(|value| u64::from(*value));
        let (count, sum) = (values().count() as u64, values().sum::<u64>());
        let energy = count * values().map(|value| value * value).sum::<u64>() - sum * sum;
        let blocks = blocks(&runs);
        Self { plane, runs, blocks, count, sum, energy }
    }

    pub(super) fn is_flat(&self) -> bool {
        self.energy == 0
    }

    /// At half the size; pixels that matter only in part do not matter. `None` where nothing is left to compare.
    pub(super) fn halved(&self) -> Option<Self> {
        let plane = self.plane.halved();
        let mut cares = vec![false; self.plane.values.len()];
        for run in &self.runs {
            let start = run.y * self.plane.width + run.x;
            cares[start..start + run.length].fill(true);
        }
        let at = |x: usize, y: usize| cares[y * self.plane.width + x];
        let half: Vec<bool> = (0..plane.values.len())
            .map(|n| (2 * (n % plane.width), 2 * (n / plane.width)))
            .map(|(x, y)| at(x, y) && at(x + 1, y) && at(x, y + 1) && at(x + 1, y + 1))
            .collect();
        let pattern = Self::new(plane, &half);
        (pattern.count >= 9 && !pattern.is_flat()).then_some(pattern)
    }

    /// How many places there are in `plane`, across and down.
    pub(super) fn places(&self, plane: &Plane) -> (usize, usize) {
        let along = |whole: usize, part: usize| (whole + 1).saturating_sub(part);
        (along(plane.width, self.plane.width), along(plane.height, self.plane.height))
    }

    /// The score with the corner at (x, y), where the pattern must fit. From whole numbers, so that every stage gets the same.
    pub(super) fn score_at(&self, plane: &Plane, x: usize, y: usize) -> f64 {
        let (mut sum, mut squared, mut product) = (0_u64, 0_u64, 0_u64);
        for run in &self.runs {
            let there = span(plane, run, x, y);
            let here = span(&self.plane, run, 0, 0);
            // Pieces short enough for sums of 32 bits.
            for (there, here) in there.chunks(1 << 15).zip(here.chunks(1 << 15)) {
                let (part, part_squared, part_product) = sums(there, here);
                sum += u64::from(part);
                squared += u64::from(part_squared);
                product += u64::from(part_product);
            }
        }
        let energy = self.count * squared - sum * sum;
        if energy == 0 || self.energy == 0 {
            return 0.0;
        }
        let (with, against) = (self.count * product, self.sum * sum);
        let shared = if with >= against { (with - against) as f64 } else { -((against - with) as f64) };
        shared / (self.energy as f64 * energy as f64).sqrt()
    }

    /// Root of the sum of squared differences from the mean.
    pub(super) fn norm(&self) -> f64 {
        (self.energy as f64 / self.count as f64).sqrt()
    }

    /// What the norm of the place at (x, y) of `sums` is at least; 0 only where the place is flat. Exact for few blocks.
    pub(super) fn least_norm_at(&self, sums: &Sums, x: usize, y: usize) -> f64 {
        let totals = |block: &Block| sums.totals((x + block.x, y + block.y), (block.width, block.height));
        if self.blocks.len() <= EXACT_BLOCKS {
            let (sum, squared) = self.blocks.iter().map(totals).fold((0, 0), |all, one| (all.0 + one.0, all.1 + one.1));
            return ((self.count * squared - sum * sum) as f64 / self.count as f64).sqrt();
        }
        // The squared differences from one common mean are at least those from the mean of each part, and a place of whole numbers
        // that is not flat has at least nearly 1.
        let parts: f64 = self.blocks[..EXACT_BLOCKS]
            .iter()
            .map(|block| {
                let (sum, squared) = totals(block);
                let count = (block.width * block.height) as u64;
                (count * squared - sum * sum) as f64 / count as f64
            })
            .sum();
        parts.max((self.count - 1) as f64 / self.count as f64).sqrt()
    }

    /// Differences from the mean, 0 where it does not matter.
    pub(super) fn centred(&self) -> Vec<f32> {
        let mean = self.sum as f64 / self.count as f64;
        let mut centred = vec![0.0; self.plane.values.len()];
        for run in &self.runs {
            let start = run.y * self.plane.width + run.x;
            for (to, from) in centred[start..].iter_mut().zip(span(&self.plane, run, 0, 0)) {
                #[expect(clippy::cast_possible_truncation, reason = "a difference of bytes keeps its digits")]
                let difference = (f64::from(*from) - mean) as f32;
                *to = difference;
            }
        }
        centred
    }
}

/// Of the values there, of their squares, and of their products with those here.
#[multiversion(targets("x86_64+avx+avx2"))]
fn sums(there: &[u8], here: &[u8]) -> (u32, u32, u32) {
    let (mut sum, mut squared, mut product) = (0_u32, 0_u32, 0_u32);
    for (there, here) in there.iter().zip(here) {
        let (there, here) = (u32::from(*there), u32::from(*here));
        sum += there;
        squared += there * there;
        product += there * here;
    }
    (sum, squared, product)
}

fn span<'a>(plane: &'a Plane, run: &Run, x: usize, y: usize) -> &'a [u8] {
    let start = (y + run.y) * plane.width + x + run.x;
    &plane.values[start..start + run.length]
}

fn runs(plane: &Plane, cares: &[bool]) -> Vec<Run> {
    let mut runs: Vec<Run> = Vec::new();
    for y in 0..plane.height {
        let mut open: Option<Run> = None;
        for x in 0..plane.width {
            open = match (open, cares[y * plane.width + x]) {
                (Some(run), true) => Some(Run { length: run.length + 1, ..run }),
                (None, true) => Some(Run { x, y, length: 1 }),
                (done, false) => {
                    runs.extend(done);
                    None
                }
            };
        }
        runs.extend(open);
    }
    runs
}

fn blocks(runs: &[Run]) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    for run in runs {
        let above = blocks
            .iter_mut()
            .find(|block| block.x == run.x && block.width == run.length && block.y + block.height == run.y);
        match above {
            Some(block) => block.height += 1,
            None => blocks.push(Block { x: run.x, y: run.y, width: run.length, height: 1 }),
        }
    }
    blocks.sort_by_key(|block| std::cmp::Reverse(block.width * block.height));
    blocks
}

//! The norms of all places of a part of a plane, line by line: by sums that slide down where the template is one block.

#![expect(clippy::cast_precision_loss, reason = "sums stay below 2^53")]

use multiversion::multiversion;

use super::{
    pattern::{Block, Pattern},
    plane::{Plane, Sums},
};

/// What rounding can take from or add to a square of a line; a place that is not flat has at least a half.
const SLACK: f64 = 1e-3;

/// The norms of one line of places after another.
pub(super) struct Norms<'a> {
    pattern: &'a Pattern,
    line: usize,
    way: Way,
    /// Of the line: at most the squares of the norms.
    pub(super) squares: Vec<f64>,
}

enum Way {
    Sliding(Box<Sliding>),
    /// Several blocks: what the norms are at least.
    Looked(Sums),
}

struct Sliding {
    block: Block,
    stride: usize,
    /// Of each row from its start; differences are right though they wrap.
    plain: Vec<u32>,
    squared: Vec<u32>,
    /// Of the places of the line. Whole numbers, so that nothing is lost on the way down.
    sums: Vec<f64>,
    sums_squared: Vec<f64>,
}

impl<'a> Norms<'a> {
    /// Of so many `places` across and down from the corner.
    pub(super) fn of(plane: &Plane, pattern: &'a Pattern, corner: (usize, usize), places: (usize, usize)) -> Self {
        let size = (places.0 + pattern.plane.width - 1, places.1 + pattern.plane.height - 1);
        let way = match pattern.blocks.as_slice() {
            [block] => Way::Sliding(Box::new(Sliding::of(plane, *block, (corner, size), places.0))),
            _ => Way::Looked(Sums::of(plane, corner, size)),
        };
        Self { pattern, line: 0, way, squares: vec![0.0; places.0] }
    }

    /// Goes to the next line, at first to the first.
    pub(super) fn advance(&mut self, line: usize) {
        self.line = line;
        match &mut self.way {
            Way::Sliding(sliding) => {
                sliding.go_to(line);
                let share = 1.0 / self.pattern.count as f64;
                let sums = sliding.sums.iter().zip(&sliding.sums_squared);
                for (square, (sum, squared)) in self.squares.iter_mut().zip(sums) {
                    *square = squared - sum * sum * share - SLACK;
                }
            }
            Way::Looked(sums) => {
                for (x, square) in self.squares.iter_mut().enumerate() {
                    *square = self.pattern.least_norm_at(sums, x, line).powi(2) - SLACK;
                }
            }
        }
    }

    /// Whether [`Self::at`] is the norm itself.
    pub(super) fn are_exact(&self) -> bool {
        matches!(self.way, Way::Sliding(_))
    }

    /// The norm of a place of the line, or what it is at least; 0 only where the place is flat.
    pub(super) fn at(&self, x: usize) -> f64 {
        match &self.way {
            Way::Sliding(sliding) => {
                #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and not negative")]
                let (sum, squared) = (sliding.sums[x] as u64, sliding.sums_squared[x] as u64);
                let count = self.pattern.count;
                ((count * squared - sum * sum) as f64 / count as f64).sqrt()
            }
            Way::Looked(sums) => self.pattern.least_norm_at(sums, x, self.line),
        }
    }
}

impl Sliding {
    fn of(plane: &Plane, block: Block, (corner, size): ((usize, usize), (usize, usize)), across: usize) -> Self {
        let stride = size.0 + 1;
        let mut plain = vec![0_u32; stride * size.1];
        let mut squared = vec![0_u32; stride * size.1];
        for line in 0..size.1 {
            let values = &plane.row(corner.1 + line)[corner.0..corner.0 + size.0];
            let to = plain[line * stride + 1..][..size.0].iter_mut().zip(&mut squared[line * stride + 1..][..size.0]);
            let (mut sum, mut sum_squared) = (0_u32, 0_u32);
            for (value, (plain, squared)) in values.iter().zip(to) {
                sum += u32::from(*value);
                sum_squared = sum_squared.wrapping_add(u32::from(*value) * u32::from(*value));
                (*plain, *squared) = (sum, sum_squared);
            }
        }
        let (sums, sums_squared) = (vec![0.0; across], vec![0.0; across]);
        Self { block, stride, plain, squared, sums, sums_squared }
    }

    fn go_to(&mut self, line: usize) {
        let (block, stride) = (self.block, self.stride);
        let start = |row: usize| row * stride + block.x;
        if line == 0 {
            for row in block.y..block.y + block.height {
                add(&mut self.sums, &self.plain[start(row)..], block.width);
                add(&mut self.sums_squared, &self.squared[start(row)..], block.width);
            }
        } else {
            let (old, new) = (start(block.y + line - 1), start(block.y + block.height + line - 1));
            slide(&mut self.sums, &self.plain[new..], &self.plain[old..], block.width);
            slide(&mut self.sums_squared, &self.squared[new..], &self.squared[old..], block.width);
        }
    }
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn add(sums: &mut [f64], row: &[u32], width: usize) {
    let count = sums.len();
    let (left, right) = (&row[..count], &row[width..][..count]);
    for (sum, (left, right)) in sums.iter_mut().zip(left.iter().zip(right)) {
        *sum += f64::from(right.wrapping_sub(*left).cast_signed());
    }
}

#[multiversion(targets("x86_64+avx+avx2"))]
fn slide(sums: &mut [f64], new: &[u32], old: &[u32], width: usize) {
    let count = sums.len();
    let (new_left, new_right) = (&new[..count], &new[width..][..count]);
    let (old_left, old_right) = (&old[..count], &old[width..][..count]);
    for x in 0..count {
        let entered = new_right[x].wrapping_sub(new_left[x]);
        let left = old_right[x].wrapping_sub(old_left[x]);
        sums[x] += f64::from(entered.wrapping_sub(left).cast_signed());
    }
}

//! Templates of one colour: squared differences from it, summed over every place.

#![expect(clippy::cast_precision_loss, reason = "sums stay far below 2^52")]

use super::{
    peaks::{Candidate, Peak, best_of_each},
    template::Template,
};
use crate::desktop::{Frame, PixelOrder, Point};

/// Root of the mean squared difference of a channel that scores 0.
const WORST: f64 = 32.0;

/// The best of each neighbourhood; complete and exact.
pub(super) fn search(frame: &Frame, template: &Template, least: f64) -> Vec<Peak> {
    let pattern = template.pattern();
    let Some(first) = pattern.runs.first() else { return Vec::new() };
    let at = |n: usize| i32::try_from(n).unwrap_or_default();
    let color = template.color(Point::new(at(first.x), at(first.y)));
    let wanted = match frame.order() {
        PixelOrder::Bgra => [color.blue, color.green, color.red],
        PixelOrder::Rgba => [color.red, color.green, color.blue],
    };
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let size = (pattern.plane.width, pattern.plane.height);
    if size.0 > width || size.1 > height {
        return Vec::new();
    }
    let sums = difference_sums(frame, wanted);
    let stride = width + 1;
    let score = |x: usize, y: usize| {
        let total: u64 = pattern
            .blocks
            .iter()
            .map(|block| {
                let top = (y + block.y) * stride + x + block.x;
                let bottom = top + block.height * stride;
                sums[bottom + block.width] + sums[top] - sums[bottom] - sums[top + block.width]
            })
            .sum();
        (1.0 - (total as f64 / (3 * pattern.count) as f64).sqrt() / WORST).max(0.0)
    };
    let places = (0..=height - size.1).flat_map(|y| (0..=width - size.0).map(move |x| (x, y)));
    let scored: Vec<Candidate> = places.map(|(x, y)| Candidate { x, y, at_most: score(x, y) }).collect();
    let best = scored.iter().map(|one| one.at_most).fold(0.0, f64::max);
    let near = scored.into_iter().filter(|one| one.at_most >= least.min(best));
    best_of_each(near, size, least, score)
}

/// Sums, over every rectangle from the corner, of the squared differences of all three channels.
fn difference_sums(frame: &Frame, wanted: [u8; 3]) -> Vec<u64> {
    let (width, height) = (frame.width() as usize, frame.height() as usize);
    let stride = width + 1;
    let mut sums = vec![0_u64; stride * (height + 1)];
    for y in 0..height {
        let row = &frame.bytes()[y * frame.stride()..(y + 1) * frame.stride()];
        let mut sum = 0;
        for (x, pixel) in row.chunks_exact(4).enumerate() {
            let squares = pixel.iter().zip(wanted).map(|(have, want)| u64::from(have.abs_diff(want)).pow(2));
            sum += squares.sum::<u64>();
            sums[(y + 1) * stride + x + 1] = sums[y * stride + x + 1] + sum;
        }
    }
    sums
}

//! One channel of a picture, and sums over its rectangles.

#![expect(clippy::cast_possible_truncation, reason = "averages of bytes are bytes; sizes are those of a screen")]

use multiversion::multiversion;

use crate::desktop::{Frame, PixelOrder, frame::gray};

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Channel {
    Gray,
    Red,
    Green,
    Blue,
}

impl Channel {
    pub(super) const ALL: [Self; 4] = [Self::Gray, Self::Red, Self::Green, Self::Blue];

    pub(super) fn of(self, [red, green, blue]: [u8; 3]) -> u8 {
        match self {
            Self::Gray => gray(red, green, blue),
            Self::Red => red,
            Self::Green => green,
            Self::Blue => blue,
        }
    }
}

/// A byte a pixel, rows packed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plane {
    pub(super) width: usize,
    pub(super) height: usize,
    pub(super) values: Vec<u8>,
}

impl Plane {
    pub(super) fn of_frame(frame: &Frame, channel: Channel) -> Self {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let bytes = frame.bytes();
        let (red, blue) = match frame.order() {
            PixelOrder::Bgra => (2, 0),
            PixelOrder::Rgba => (0, 2),
        };
        let values = match channel {
            Channel::Gray if red == 2 => all_gray::<77, 29>(bytes),
            Channel::Gray => all_gray::<29, 77>(bytes),
            Channel::Red => every_fourth(bytes, red),
            Channel::Green => every_fourth(bytes, 1),
            Channel::Blue => every_fourth(bytes, blue),
        };
        Self { width, height, values }
    }

    /// Half the size: averages of two by two. An odd last row or column is left out.
    pub(super) fn halved(&self) -> Self {
        let (width, height) = (self.width / 2, self.height / 2);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            halve(self.row(2 * y), self.row(2 * y + 1), &mut values);
        }
        Self { width, height, values }
    }

    /// So far to the right and down on a larger plane, its edges drawn out.
    pub(super) fn moved(&self, (right, down): (usize, usize), larger: usize) -> Self {
        let (width, height) = (self.width + larger, self.height + larger);
        let mut values = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = self.row(y.saturating_sub(down).min(self.height - 1));
            values.extend(std::iter::repeat_n(row[0], right));
            values.extend_from_slice(row);
            values.extend(std::iter::repeat_n(row[self.width - 1], larger - right));
        }
        Self { width, height, values }
    }

    pub(super) fn row(&self, y: usize) -> &[u8] {
        &self.values[y * self.width..(y + 1) * self.width]
    }
}

/// Averages of two rows, two by two.
#[multiversion(targets("x86_64+avx+avx2"))]
fn halve(upper: &[u8], lower: &[u8], to: &mut Vec<u8>) {
    to.extend(upper.as_chunks().0.iter().zip(lower.as_chunks().0).map(|(upper, lower): (&[u8; 2], &[u8; 2])| {
        let sum = u16::from(upper[0]) + u16::from(upper[1]) + u16::from(lower[0]) + u16::from(lower[1]);
        ((sum + 2) / 4) as u8
    }));
}

/// [`gray`] of pixels whose third and first byte have these weights: two multiplications a pixel, without taking it apart.
#[multiversion(targets("x86_64+avx+avx2"))]
fn all_gray<const THIRD: u32, const FIRST: u32>(bytes: &[u8]) -> Vec<u8> {
    let factor = THIRD | FIRST << 16;
    bytes
        .as_chunks()
        .0
        .iter()
        .map(|pixel| {
            let pixel = u32::from_le_bytes(*pixel);
            // The middle 16 bits of this product are the sum of the weighted bytes; nothing is carried into them.
            let outer = (pixel & 0x00ff_00ff).wrapping_mul(factor) >> 16;
            let sum = outer + (pixel >> 8 & 0xff) * 150 + 128;
            (sum >> 8) as u8
        })
        .collect()
}

fn every_fourth(bytes: &[u8], first: usize) -> Vec<u8> {
    bytes.iter().skip(first).step_by(4).copied().collect()
}

/// Sums of the values and of their squares over every rectangle of a part of a plane, in constant time.
pub(super) struct Sums {
    stride: usize,
    plain: Vec<u32>,
    squared: Vec<u64>,
}

impl Sums {
    /// Of the part of `plane` with this corner and size, which must lie inside.
    pub(super) fn of(plane: &Plane, (x, y): (usize, usize), (width, height): (usize, usize)) -> Self {
        let stride = width + 1;
        let mut plain = vec![0_u32; stride * (height + 1)];
        let mut squared = vec![0_u64; stride * (height + 1)];
        for line in 0..height {
            let values = &plane.row(y + line)[x..x + width];
            let (done, open) = plain.split_at_mut((line + 1) * stride);
            let (done_squared, open_squared) = squared.split_at_mut((line + 1) * stride);
            let (above, above_squared) = (&done[line * stride..], &done_squared[line * stride..]);
            let (mut sum, mut sum_squared) = (0_u32, 0_u64);
            for (at, value) in values.iter().enumerate() {
                sum += u32::from(*value);
                sum_squared += u64::from(u32::from(*value) * u32::from(*value));
                // Wraps on the largest screens; differences are right all the same, as one rectangle's sum fits.
                open[at + 1] = above[at + 1].wrapping_add(sum);
                open_squared[at + 1] = above_squared[at + 1] + sum_squared;
            }
        }
        Self { stride, plain, squared }
    }

    /// Sum of the values and of their squares over a rectangle. Exact.
    pub(super) fn totals(&self, (x, y): (usize, usize), (width, height): (usize, usize)) -> (u64, u64) {
        let (top, bottom) = (y * self.stride + x, (y + height) * self.stride + x);
        let sum = self.plain[bottom + width]
            .wrapping_sub(self.plain[bottom])
            .wrapping_sub(self.plain[top + width])
            .wrapping_add(self.plain[top]);
        let squared =
            self.squared[bottom + width] - self.squared[bottom] + self.squared[top] - self.squared[top + width];
        (u64::from(sum), squared)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plane() -> Plane {
        Plane { width: 7, height: 5, values: (0..35_u8).map(|n| n.wrapping_mul(73)).collect() }
    }

    #[test]
    fn totals_are_those_of_the_rectangle() {
        let plane = plane();
        let sums = Sums::of(&plane, (1, 1), (6, 4));
        for (x, y, width, height) in [(0, 0, 6, 4), (2, 1, 3, 2), (5, 3, 1, 1)] {
            let values: Vec<u64> = (y..y + height)
                .flat_map(|y| plane.row(1 + y)[1 + x..=x + width].iter().map(|value| u64::from(*value)))
                .collect();
            let naive = (values.iter().sum(), values.iter().map(|value| value * value).sum());
            assert_eq!(sums.totals((x, y), (width, height)), naive);
        }
    }

    #[test]
    fn half_size_averages_and_drops_the_odd_edge() {
        let half = plane().halved();
        assert_eq!((half.width, half.height), (3, 2));
        let corner: u16 = [0, 73, 511_u16 % 256, 584 % 256].iter().sum();
        assert_eq!(u16::from(half.values[0]), (corner + 2) / 4);
    }
}

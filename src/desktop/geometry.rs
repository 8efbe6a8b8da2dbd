//! Places on the desktop, in physical pixels.

use std::fmt;

/// A place, from the desktop's top left corner.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Point {
    pub x: i32,
    pub y: i32,
}

impl Point {
    pub const fn new(x: i32, y: i32) -> Self {
        Self { x, y }
    }

    #[must_use]
    pub const fn offset(self, dx: i32, dy: i32) -> Self {
        Self { x: self.x.saturating_add(dx), y: self.y.saturating_add(dy) }
    }
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "({}, {})", self.x, self.y)
    }
}

/// A rectangle. Its right and lower edge (`x + width`, `y + height`) do not belong to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Rect {
    pub x: i32,
    pub y: i32,
    pub width: u32,
    pub height: u32,
}

impl Rect {
    pub const fn new(x: i32, y: i32, width: u32, height: u32) -> Self {
        Self { x, y, width, height }
    }

    /// First column that does not belong to it.
    pub const fn right(&self) -> i32 {
        self.x.saturating_add_unsigned(self.width)
    }

    /// First row that does not belong to it.
    pub const fn bottom(&self) -> i32 {
        self.y.saturating_add_unsigned(self.height)
    }

    pub const fn is_empty(&self) -> bool {
        self.width == 0 || self.height == 0
    }

    /// The pixel in its middle; where there are two, the one nearer to the top left.
    pub fn center(&self) -> Point {
        let half = |length: u32| i32::try_from(length.saturating_sub(1) / 2).unwrap_or(i32::MAX);
        Point::new(self.x.saturating_add(half(self.width)), self.y.saturating_add(half(self.height)))
    }

    pub const fn contains(&self, point: Point) -> bool {
        point.x >= self.x && point.y >= self.y && point.x < self.right() && point.y < self.bottom()
    }

    /// What both have in common, `None` where that is nothing.
    pub fn intersect(&self, other: &Self) -> Option<Self> {
        let (x, y) = (self.x.max(other.x), self.y.max(other.y));
        let (right, bottom) = (self.right().min(other.right()), self.bottom().min(other.bottom()));
        (right > x && bottom > y).then(|| Self::new(x, y, x.abs_diff(right), y.abs_diff(bottom)))
    }

    /// The smallest rectangle with both in it.
    #[must_use]
    pub fn union(&self, other: &Self) -> Self {
        let (x, y) = (self.x.min(other.x), self.y.min(other.y));
        let (right, bottom) = (self.right().max(other.right()), self.bottom().max(other.bottom()));
        Self::new(x, y, x.abs_diff(right), y.abs_diff(bottom))
    }

    /// Pixels between the two, in steps along the axes; 0 where they touch.
    pub fn distance(&self, other: &Self) -> u32 {
        let gap = |from: i32, to: i32| u32::try_from(from.saturating_sub(to)).unwrap_or(0);
        let across = gap(self.x, other.right()).max(gap(other.x, self.right()));
        let down = gap(self.y, other.bottom()).max(gap(other.y, self.bottom()));
        across.saturating_add(down)
    }

    /// Grown by `by` pixels on every side.
    #[must_use]
    pub const fn grown(&self, by: u32) -> Self {
        Self {
            x: self.x.saturating_sub_unsigned(by),
            y: self.y.saturating_sub_unsigned(by),
            width: self.width.saturating_add(by.saturating_mul(2)),
            height: self.height.saturating_add(by.saturating_mul(2)),
        }
    }
}

impl fmt::Display for Rect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {}, {}, {}]", self.x, self.y, self.width, self.height)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_of_a_button_is_inside_it_whatever_its_size() {
        for (width, height) in [(1, 1), (2, 2), (3, 5), (64, 24)] {
            let rect = Rect::new(-5, 7, width, height);
            assert!(rect.contains(rect.center()), "{rect}");
        }
    }

    #[test]
    fn two_rectangles_have_one_around_them_and_a_way_between_them() {
        let (one, other) = (Rect::new(10, 10, 20, 10), Rect::new(50, 5, 10, 10));
        assert_eq!(one.union(&other), Rect::new(10, 5, 50, 15));
        assert_eq!((one.distance(&other), other.distance(&one), one.distance(&one)), (20, 20, 0));
        assert_eq!(one.distance(&Rect::new(-10, 40, 5, 5)), 15 + 20);
    }

    #[test]
    fn a_region_partly_outside_keeps_only_what_is_inside() {
        let screen = Rect::new(0, 0, 100, 50);
        assert_eq!(screen.intersect(&Rect::new(-10, 40, 30, 30)), Some(Rect::new(0, 40, 20, 10)));
        assert_eq!(screen.intersect(&Rect::new(100, 0, 10, 10)), None, "the right edge does not belong to it");
        assert_eq!(screen.intersect(&Rect::new(0, 0, 0, 10)), None);
    }
}

//! The part of a frame that is searched, and what the stages made of it so far.

use std::cell::OnceCell;

use super::{
    Pattern, Template,
    plane::{Channel, Plane, Sums},
    pyramid::DEEPEST,
};
use crate::desktop::{Frame, Rect};

/// Pixels with what was derived from them.
pub(super) struct View {
    /// Where the part lies in the whole frame.
    pub(super) rect: Rect,
    pub(super) frame: Frame,
    /// Different for different pixels.
    pub(super) stamp: u64,
    channels: [Derived; 4],
}

#[derive(Default)]
struct Derived {
    plane: OnceCell<Plane>,
    levels: [OnceCell<Level>; DEEPEST],
    counts: OnceCell<Box<[u32; 256]>>,
}

/// A smaller size of a plane.
pub(super) struct Level {
    pub(super) plane: Plane,
    sums: OnceCell<Sums>,
    floats: OnceCell<Vec<f32>>,
}

impl View {
    pub(super) fn new(rect: Rect, frame: Frame, stamp: u64) -> Self {
        Self { rect, frame, stamp, channels: Default::default() }
    }

    pub(super) fn plane(&self, channel: Channel) -> &Plane {
        self.derived(channel).plane.get_or_init(|| Plane::of_frame(&self.frame, channel))
    }

    /// Halved so many times, at least once and at most [`DEEPEST`] times.
    pub(super) fn level(&self, channel: Channel, depth: usize) -> &Level {
        self.derived(channel).levels[depth - 1].get_or_init(|| Level::of(self.plane_at(channel, depth - 1).halved()))
    }

    pub(super) fn plane_at(&self, channel: Channel, depth: usize) -> &Plane {
        if depth == 0 { self.plane(channel) } else { &self.level(channel, depth).plane }
    }

    /// About how often each value occurs: of every fourth row.
    pub(super) fn counts(&self, channel: Channel) -> &[u32; 256] {
        const EVERY: u32 = 4;
        self.derived(channel).counts.get_or_init(|| {
            let mut counts = Box::new([0; 256]);
            let plane = self.plane(channel);
            for value in (0..plane.height).step_by(EVERY as usize).flat_map(|y| plane.row(y)) {
                counts[usize::from(*value)] += EVERY;
            }
            counts
        })
    }

    /// Whether the template fits anywhere.
    pub(super) fn holds(&self, template: &Template) -> bool {
        template.width() <= self.frame.width() && template.height() <= self.frame.height()
    }

    fn derived(&self, channel: Channel) -> &Derived {
        let at = Channel::ALL.iter().position(|one| *one == channel).unwrap_or_default();
        &self.channels[at]
    }
}

impl Level {
    fn of(plane: Plane) -> Self {
        Self { plane, sums: OnceCell::new(), floats: OnceCell::new() }
    }

    pub(super) fn sums(&self) -> &Sums {
        self.sums.get_or_init(|| Sums::of(&self.plane, (0, 0), (self.plane.width, self.plane.height)))
    }

    pub(super) fn floats(&self) -> &[f32] {
        self.floats.get_or_init(|| self.plane.values.iter().map(|value| f32::from(*value)).collect())
    }

    /// Multiplications that searching `pattern` here takes.
    pub(super) fn cost(&self, pattern: &Pattern) -> u64 {
        let (across, down) = pattern.places(&self.plane);
        (across * down) as u64 * pattern.count
    }
}

//! Places where a few distinctive pixels have about the right value: finds what changed a little, such as under the pointer.

use super::{pattern::Pattern, peaks::Candidate, plane::Plane};

/// How far a value may be off.
const TOLERANCE: u8 = 16;

/// One from each cell of this grid over the template.
const GRID: (usize, usize) = (4, 3);

/// How many may be off by more. The first may not.
const MAX_MISSES: usize = 2;

/// More places than this mean that the pixels are not distinctive.
const MAX_PLACES: usize = 512;

struct Anchor {
    x: usize,
    y: usize,
    value: u8,
    /// Pixels of the frame with about this value.
    frequency: u64,
}

/// Places worth a score; `None` where the template has nothing distinctive.
pub(super) fn places(plane: &Plane, pattern: &Pattern, counts: &[u32; 256]) -> Option<Vec<Candidate>> {
    let anchors = choose(pattern, counts);
    let (first, others) = anchors.split_first()?;
    if others.len() <= MAX_MISSES || first.frequency * 4 > plane.values.len() as u64 {
        return None;
    }
    let (across, down) = pattern.places(plane);
    let mut places = Vec::new();
    for y in 0..down {
        let row = &plane.row(y + first.y)[first.x..first.x + across];
        for (number, chunk) in row.chunks(CHUNK).enumerate() {
            // Most chunks hold none; this test has no branch inside.
            if !chunk.iter().fold(false, |any, value| any | is_near(*value, first.value)) {
                continue;
            }
            for (at, _) in chunk.iter().enumerate().filter(|(_, value)| is_near(**value, first.value)) {
                let x = number * CHUNK + at;
                if agree(plane, others, x, y) {
                    places.push(Candidate { x, y, at_most: 1.0 });
                }
            }
        }
        if places.len() > MAX_PLACES {
            return None;
        }
    }
    Some(places)
}

const CHUNK: usize = 32;

fn agree(plane: &Plane, anchors: &[Anchor], x: usize, y: usize) -> bool {
    let mut misses = 0;
    for anchor in anchors {
        if !is_near(plane.values[(y + anchor.y) * plane.width + x + anchor.x], anchor.value) {
            misses += 1;
            if misses > MAX_MISSES {
                return false;
            }
        }
    }
    true
}

fn is_near(value: u8, wanted: u8) -> bool {
    value.abs_diff(wanted) <= TOLERANCE
}

/// The rarest pixel of each cell, rarest first.
fn choose(pattern: &Pattern, counts: &[u32; 256]) -> Vec<Anchor> {
    let frequency = |value: u8| -> u64 {
        let around = usize::from(value.saturating_sub(TOLERANCE))..=usize::from(value.saturating_add(TOLERANCE));
        counts[around].iter().map(|count| u64::from(*count)).sum()
    };
    let frequencies: Vec<u64> = (0..=255).map(frequency).collect();
    let mut cells: Vec<Option<Anchor>> = (0..GRID.0 * GRID.1).map(|_| None).collect();
    let (width, height) = (pattern.plane.width, pattern.plane.height);
    for run in &pattern.runs {
        for x in run.x..run.x + run.length {
            let value = pattern.plane.values[run.y * width + x];
            let frequency = frequencies[usize::from(value)];
            let cell = &mut cells[run.y * GRID.1 / height * GRID.0 + x * GRID.0 / width];
            if cell.as_ref().is_none_or(|chosen| frequency < chosen.frequency) {
                *cell = Some(Anchor { x, y: run.y, value, frequency });
            }
        }
    }
    let mut anchors: Vec<Anchor> = cells.into_iter().flatten().collect();
    anchors.sort_by_key(|anchor| anchor.frequency);
    anchors
}

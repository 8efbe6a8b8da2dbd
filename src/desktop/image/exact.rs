//! Places where every byte is equal: the most telling row is searched as a string, the rest compared.

use memchr::memmem;

use super::pattern::Run;
use crate::desktop::{Color, Frame, PixelOrder, Point};

/// Comparisons before the stage gives up on a row that is everywhere.
const MAX_LOOKS: usize = 50_000;

/// Bytes of a part that is searched for first: as many as are compared at once.
const SHORT: usize = 32;

/// The bytes of a template in a frame's pixel order.
pub(super) struct Needle {
    /// Place and bytes of each run.
    runs: Vec<(Run, Vec<u8>)>,
    /// The run to search for.
    telling: usize,
}

impl Needle {
    pub(super) fn new(runs: &[Run], order: PixelOrder, color: impl Fn(Point) -> Color) -> Self {
        let bytes = |run: &Run| -> Vec<u8> {
            (run.x..run.x + run.length)
                .filter_map(|x| Some(Point::new(i32::try_from(x).ok()?, i32::try_from(run.y).ok()?)))
                .map(&color)
                .flat_map(|color| match order {
                    PixelOrder::Bgra => [color.blue, color.green, color.red, 255],
                    PixelOrder::Rgba => [color.red, color.green, color.blue, 255],
                })
                .collect()
        };
        let runs: Vec<(Run, Vec<u8>)> = runs.iter().map(|run| (*run, bytes(run))).collect();
        let telling = (0..runs.len()).max_by_key(|at| (changes(&runs[*at].1), runs[*at].1.len())).unwrap_or_default();
        Self { runs, telling }
    }

    /// All places of equal bytes in reading order, at most `limit`. `None` where the search was given up.
    pub(super) fn places(&self, frame: &Frame, size: (usize, usize), limit: usize) -> Option<Vec<(usize, usize)>> {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let Some((telling, bytes)) = self.runs.get(self.telling).filter(|_| size.0 <= width && size.1 <= height) else {
            return Some(Vec::new());
        };
        // A short part is found faster, but it may be in many places where the whole row is not.
        let short = telling_part(bytes);
        let part = &bytes[short..bytes.len().min(short + SHORT)];
        self.places_by(frame, size, limit, (telling.x + short / 4, telling.y), part)
            .or_else(|| self.places_by(frame, size, limit, (telling.x, telling.y), bytes))
    }

    /// By bytes of the template and the place of the first of them.
    fn places_by(
        &self,
        frame: &Frame,
        size: (usize, usize),
        limit: usize,
        first: (usize, usize),
        bytes: &[u8],
    ) -> Option<Vec<(usize, usize)>> {
        let (width, height) = (frame.width() as usize, frame.height() as usize);
        let mut places = Vec::new();
        let searcher = memmem::Finder::new(bytes);
        let stride = frame.stride();
        let rows = &frame.bytes()[first.1 * stride..(height - size.1 + first.1 + 1) * stride];
        let (mut from, mut looks) = (0, 0);
        while let Some(at) = searcher.find(&rows[from..]).map(|at| at + from) {
            looks += 1;
            if looks > MAX_LOOKS {
                return None;
            }
            // The next may overlap this one.
            from = at + 1;
            let (y, column) = (at / stride, at % stride);
            let Some(x) = (column / 4).checked_sub(first.0) else { continue };
            if column % 4 == 0 && x + size.0 <= width && self.is_at(frame, x, y) {
                places.push((x, y));
                if places.len() >= limit {
                    break;
                }
            }
        }
        Some(places)
    }

    /// Whether all bytes are equal there; the template must fit.
    pub(super) fn is_at(&self, frame: &Frame, x: usize, y: usize) -> bool {
        self.runs.iter().all(|(run, bytes)| {
            let start = (y + run.y) * frame.stride() + (x + run.x) * 4;
            &frame.bytes()[start..start + bytes.len()] == bytes.as_slice()
        })
    }
}

/// Where the bytes of [`SHORT`] with the most colours begin.
fn telling_part(bytes: &[u8]) -> usize {
    let starts = (0..=bytes.len().saturating_sub(SHORT)).step_by(4);
    let part = |start: &usize| &bytes[*start..bytes.len().min(start + SHORT)];
    starts.max_by_key(|start| (colors(part(start)), changes(part(start)))).unwrap_or_default()
}

/// Changes of colour are what a flat background does not have.
fn changes(bytes: &[u8]) -> usize {
    bytes.chunks_exact(4).zip(bytes.chunks_exact(4).skip(1)).filter(|(a, b)| a != b).count()
}

fn colors(bytes: &[u8]) -> usize {
    let pixels = bytes.as_chunks::<4>().0;
    (0..pixels.len()).filter(|at| !pixels[..*at].contains(&pixels[*at])).count()
}
